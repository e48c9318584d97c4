#include "daemon/configuration_files.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "core/settings/security.h"
#include "daemon/instance.h"

namespace retraind::daemon {

namespace {

bool asks_the_environment() {
  if (std::getenv("NOTIFY_SOCKET") != nullptr) return true;
  if (std::getenv("INVOCATION_ID") == nullptr) return false;
  // systemd says whom it has started; before version 248 it did not.
  const char* started = std::getenv("SYSTEMD_EXEC_PID");
  return started == nullptr || started == std::to_string(::getpid()) || started == std::to_string(::getppid());
}

settings::Loaded judged(settings::Loaded loaded) {
  settings::judge_security(
      loaded,
      {.as_service = started_by_service_manager(), .user = ::geteuid(), .libpq = settings::libpq_surroundings()});
  return loaded;
}

}  // namespace

bool started_by_service_manager() {
  // Asked once, at the start: what ties a daemon to its service manager may be taken out of the environment later.
  static const bool answer = asks_the_environment();
  return answer;
}

bool runs_root_owned_only(const settings::Settings& settings) {
  return settings::must_be_root_owned(settings.security, started_by_service_manager());
}

settings::Loaded read_configuration(const std::filesystem::path& config) {
  return judged(settings::load(config, default_instance()));
}

settings::Loaded read_service_configuration(const std::filesystem::path& config) {
  return judged(settings::load_service(config, default_instance()));
}

}  // namespace retraind::daemon
