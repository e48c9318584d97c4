#pragma once
// What `retraind doctor` finds out about the host it runs on: files, limits, trainers, the cage, systemd's unit. Looks
// and changes nothing, but that it starts /bin/true in a cage. Blocking; the calling process becomes a sub-reaper.

#include <filesystem>

#include "core/doctor/host.h"
#include "core/settings/load.h"

namespace retraind::daemon {

doctor::HostFacts gather_host(const std::filesystem::path& config, const settings::Loaded& loaded);

}  // namespace retraind::daemon
