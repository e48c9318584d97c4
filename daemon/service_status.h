#pragma once
// The line that says what the daemon does just now, as `systemctl status` shows it. Pure.

#include <cstddef>
#include <optional>
#include <string>

#include "core/base/time.h"
#include "daemon/progress.h"
#include "daemon/registry_health.h"
#include "daemon/reload_outcome.h"

namespace retraind::daemon {

struct ServiceStatus {
  bool begun = false;  // the registry has taken the configuration, and the loops run
  std::size_t runs = 0;
  std::size_t looks = 0;  // of triggers, trials and scorings
  std::size_t deliveries = 0;
  std::size_t models = 0;
  std::optional<TimePoint> next_trigger{};  // by the host's clock; absent: none is due, or it is not known
  std::optional<RegistryHealth::Trouble> trouble{};
  std::optional<Mark> stuck{};
  ReloadOutcome last_reload{};
};

// "2 runs, 1 look; 14 models; next trigger at 03:00 UTC". What is wrong comes first: a loop that stands still, a
// registry that cannot be used, a reload that failed. Says no seconds, so that it does not change all the time.
std::string status_text(const ServiceStatus& status, TimePoint now, std::chrono::steady_clock::time_point steady_now);

// "stopping: 2 runs have 30s to end"
std::string stopping_text(std::size_t runs, std::size_t deliveries, Duration patience);

}  // namespace retraind::daemon
