#pragma once
// The configuration as this process finds it: read, and judged by the machine it stands on. Any thread.

#include <filesystem>

#include "core/settings/load.h"

namespace retraind::daemon {

// Whether this process, or the shell that started it, is what a service manager started. A terminal on a desktop hands
// down the variables of the service it runs in; those do not count.
bool started_by_service_manager();

// Whether this process runs only commands that nobody but root could change.
bool runs_root_owned_only(const settings::Settings& settings);

// settings::load, then settings::judge_security. Never throws for what stands in the files.
settings::Loaded read_configuration(const std::filesystem::path& config);
// The same by settings::load_service: no sources, no models.
settings::Loaded read_service_configuration(const std::filesystem::path& config);

}  // namespace retraind::daemon
