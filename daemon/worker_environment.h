#pragma once
// What a worker finds in its environment: the daemon's own, but for what ties the daemon to its service manager. A
// worker that inherited NOTIFY_SOCKET or WATCHDOG_USEC could speak for the service, and a program that it starts could
// look for the daemon's credentials. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace retraind::daemon {

// Whether a variable of this name is between the daemon and its service manager alone.
bool is_of_the_service(std::string_view name);

// `environment` ("NAME=VALUE", ended by a null pointer) without those.
std::vector<std::string> worker_environment(const char* const* environment);

}  // namespace retraind::daemon
