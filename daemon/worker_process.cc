#include "daemon/worker_process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/base/descriptor.h"
#include "daemon/configuration_files.h"
#include "daemon/worker_environment.h"
#include "daemon/worker_protocol.h"

namespace retraind::daemon {
namespace {

int memory_file(const std::string& content) {
  const int fd = ::memfd_create("retraind-source", MFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
  if (::write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      ::lseek(fd, 0, SEEK_SET) != 0) {
    const int error = errno;
    ::close(fd);
    throw std::system_error(error, std::generic_category(), "memfd write");
  }
  return fd;
}

}  // namespace

std::unique_ptr<ChildProcess> start_worker(Context& context, const std::string& command,
                                           const std::filesystem::path& folder, const char* job_file,
                                           const settings::Source& source, int steps) {
  const Descriptor job(::open((folder / job_file).c_str(), O_RDONLY | O_CLOEXEC), "cannot open the job");
  const Descriptor secret(memory_file(to_json(source)), "memfd_create");
  const Descriptor output(::open((folder / kWorkerLogFile).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600),
                          "cannot create the worker's log");
  ChildSpec spec{.argv = {context.executable.string(), command, "--parent", std::to_string(::getpid())},
                 .folder = folder,
                 .output = output.get(),
                 .inherited = {job.get(), secret.get()}};
  spec.environment = worker_environment(environ);
  // A run carries its configuration, and whoever may write to the registry decides what stands in it; which programs
  // may be run on this machine is decided here.
  if (runs_root_owned_only(*context.settings)) spec.argv.emplace_back("--root-owned-commands");
  if (steps >= 0) spec.inherited.push_back(steps);
  return std::make_unique<ChildProcess>(context.io, spec);
}

}  // namespace retraind::daemon
