#pragma once
// What the registry knows, as a part of the page /metrics. The figures are the same from every daemon of a registry:
// whoever sums over daemons takes the maximum of them. Of each model there are at most a dozen series and for each of
// its performance triggers four, whatever the number of its columns: a model of a thousand columns must not cost a
// thousand series, so drift is told by the largest effect alone, and retraind.drift_history has the columns.
//
// Pure.

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "core/base/time.h"
#include "core/runs/figures.h"
#include "core/settings/settings.h"

namespace retraind::daemon {

// For each model with an enabled schedule: the longest time between two of the next slots of the schedule that comes
// most often. What runs in its expected time has run within that.
std::map<std::string, Duration> schedule_periods(const settings::Settings& settings, TimePoint now);

// In Prometheus' text format.
std::string registry_text(const runs::RegistryFigures& figures, const std::map<std::string, Duration>& periods);

// What the page /metrics costs, in the same format.
struct PageCost {
  bool read = false;                          // the figures of the registry, when that was last tried
  Duration reading_took{};                    // the last time that it succeeded
  std::optional<std::chrono::seconds> age{};  // of the figures on the page; absent: there are none
  Duration page_took{};                       // making the page before this one
  std::size_t page_bytes = 0;                 // of that page
};
std::string cost_text(const PageCost& cost);

}  // namespace retraind::daemon
