#pragma once
// One evaluation of one claimed trigger, in up to three parts: what it observes, a look by a worker, and the recorded
// outcome. begin() and record() block and run on a thread of the pool, one after the other; no registry
// transaction is open while a source is read. Owned by the coroutine that drives it.

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "core/pipeline/watch.h"
#include "core/runs/monitors.h"
#include "core/settings/settings.h"
#include "core/store/database.h"
#include "core/trigger/trigger.h"
#include "daemon/metrics.h"

namespace retraind::daemon {

class MonitorEvaluation {
 public:
  MonitorEvaluation(store::Database& registry, const runs::Executor& executor, runs::ClaimedMonitor monitor,
                    std::shared_ptr<const settings::Settings> settings);

  // Observes, or plans a look. What goes wrong is what was observed; nothing is thrown but bugs.
  void begin();

  // The look that is still to be made by a worker; nullptr where none is.
  const pipeline::LookPlan* pending_look() const { return pending_ ? &*plan_ : nullptr; }
  const settings::Source& source() const { return *source_; }
  void look_succeeded(pipeline::LookResult result);
  void look_failed(const std::string& message);
  // What went wrong at the source itself, if anything did.
  std::optional<FailureClass> source_failure() const { return source_failure_; }
  // Nothing was observed and nothing went wrong: the trigger stays as it was, and is due again at once.
  void abandon() { abandoned_ = true; }

  runs::MonitorRecord record();

  const runs::ClaimedMonitor& monitor() const { return monitor_; }

 private:
  void observe();
  void observe_new_rows(const settings::Model& model);
  void observe_freshness(const settings::Model& model);
  void observe_pipeline();
  void observe_signal(const settings::SignalTrigger& rule);
  void observe_query(const settings::QueryTrigger& rule);
  void observe_prometheus(const settings::PrometheusTrigger& rule);
  void set_single_sample(const std::string& what, std::optional<double> value, const std::string& why_none);
  void plan_look(const settings::Model& model);
  void conclude_look(store::Transaction& transaction);
  bool is_outdated(store::Transaction& transaction) const;
  void record_checks(store::Transaction& transaction, TimePoint now) const;
  TimePoint registry_now();
  // Asks the source; what that throws is the source's failure and nobody else's.
  template <class Ask>
  auto ask_source(Ask ask) {
    try {
      return ask();
    } catch (const std::exception& error) {
      source_failure_ = failure_class(error);
      throw;
    }
  }

  store::Database& registry_;
  const runs::Executor& executor_;
  runs::ClaimedMonitor monitor_;
  std::shared_ptr<const settings::Settings> settings_;
  const settings::Source* source_ = nullptr;

  trigger::Observation observation_ = trigger::ScheduleObservation{};
  std::string sentence_;                        // what was found, for people
  std::optional<EventTime> judged_window_end_;  // new_rows: what they were counted against
  std::optional<pipeline::LookPlan> plan_;
  std::optional<pipeline::LookResult> result_;
  std::optional<runs::DriftCheck> drift_check_;
  std::optional<runs::PerformanceCheck> performance_check_;
  std::optional<FailureClass> source_failure_;
  bool pending_ = false;
  bool abandoned_ = false;
};

}  // namespace retraind::daemon
