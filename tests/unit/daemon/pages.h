#pragma once
// The page /metrics with everything on it, for tests that hold something against it.

#include <set>
#include <sstream>
#include <string>

#include "daemon/metrics.h"
#include "daemon/registry_metrics.h"

namespace retraind::testing {

inline runs::ModelFigures full_model(const std::string& name) {
  using namespace std::chrono_literals;
  const TimePoint at{std::chrono::sys_days{std::chrono::year{2026} / 11 / 30}};
  return {.name = name,
          .paused = false,
          .production = 7,
          .production_since = at,
          .last_run_at = at + 2h,
          .last_verdict_at = at + 1h,
          .failed_runs = 2,
          .promotions = 6,
          .rollbacks = 1,
          .drift = runs::DriftFigures{.checked_at = at + 3h, .version = 7, .largest_ratio = 1.5, .drifted = 3},
          .performance = {{"quality", runs::PerformanceFigures{.checked_at = at + 4h,
                                                               .version = 7,
                                                               .metric = Metric::accuracy,
                                                               .value = 0.7,
                                                               .low = 0.68,
                                                               .high = 0.72,
                                                               .level = 0.8,
                                                               .threshold = 0.75}}}};
}

inline runs::RegistryFigures full_figures() {
  runs::RegistryFigures out;
  out.at = TimePoint{std::chrono::sys_days{std::chrono::year{2026} / 12 / 1}};
  out.queues.runs = {{RunState::queued, 4}, {RunState::running, 1}};
  out.queues.queued_since = out.at - std::chrono::minutes(5);
  out.queues.trials = {{TrialKind::shadow, 1}, {TrialKind::bake, 2}};
  out.queues.daemons = 2;
  out.removed_models = 1;
  out.models = {full_model("power")};
  return out;
}

inline std::string full_page() {
  daemon::Metrics metrics;
  metrics.source_failed("market", daemon::FailureClass::transient);
  metrics.request_answered("/metrics", 200);
  daemon::Metrics::Moment moment;
  moment.ready = true;
  moment.reload.succeed(full_figures().at);
  moment.last_write = full_figures().at;
  moment.least_lease = std::chrono::seconds(20);
  return metrics.text(moment) +
         daemon::cost_text({.read = true,
                            .reading_took = std::chrono::milliseconds(3),
                            .age = std::chrono::seconds(1),
                            .page_took = std::chrono::milliseconds(2),
                            .page_bytes = 1000}) +
         daemon::registry_text(full_figures(), {{"power", std::chrono::hours(24)}});
}

// Names of the families, as "# TYPE" says them.
inline std::set<std::string> families_of(const std::string& page) {
  std::set<std::string> out;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) out.insert(line.substr(7, line.find(' ', 7) - 7));
  }
  return out;
}

}  // namespace retraind::testing
