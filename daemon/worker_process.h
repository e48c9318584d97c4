#pragma once
// Starts this executable once more as a worker: the job as descriptor 3, the source with its secrets as descriptor 4
// (never in a file, an argument or the environment), and, where somebody listens, the steps as descriptor 5.

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "core/settings/settings.h"
#include "daemon/child_process.h"
#include "daemon/context.h"

namespace retraind::daemon {

// What the worker prints, in its work directory.
inline constexpr const char* kWorkerLogFile = "worker.log";

// `command` is the internal subcommand ("worker", "look", "trial"), `job_file` stands in `folder`, `steps` is a
// descriptor that the worker inherits, or -1. Throws std::system_error.
std::unique_ptr<ChildProcess> start_worker(Context& context, const std::string& command,
                                           const std::filesystem::path& folder, const char* job_file,
                                           const settings::Source& source, int steps);

}  // namespace retraind::daemon
