#include "daemon/worker_environment.h"

#include <algorithm>
#include <array>

namespace retraind::daemon {
namespace {

// systemd.exec(5), "Environment Variables in Spawned Processes".
constexpr std::array<std::string_view, 4> kNames = {"NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM",
                                                    "MAINPID"};
constexpr std::array<std::string_view, 2> kPrefixes = {"WATCHDOG_", "LISTEN_"};

}  // namespace

bool is_of_the_service(std::string_view name) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(), [name](std::string_view p) { return name.starts_with(p); });
}

std::vector<std::string> worker_environment(const char* const* environment) {
  std::vector<std::string> out;
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    if (!is_of_the_service(variable.substr(0, variable.find('=')))) out.emplace_back(variable);
  }
  return out;
}

}  // namespace retraind::daemon
