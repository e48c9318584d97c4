#pragma once
// The queue of triggers: one row for each configured trigger, claimed under a lease when it is due, exactly like runs.
// A due trigger's outcome and its next due time are one transaction, which makes a schedule slot fire exactly once
// (invariant 3). Every function works inside the caller's transaction and takes `now`.

#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/runs/configured_model.h"
#include "core/runs/daemons.h"
#include "core/settings/settings.h"
#include "core/trigger/trigger.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

// Makes the models' monitor rows match their triggers: adds new ones, removes those that are gone, and starts those
// whose rule changed anew. The pipeline_change trigger becomes due at once. The open alert of one that is removed or
// changed is recorded as resolved. A few statements for all of them.
void put_monitors(store::Transaction& transaction, const std::vector<ConfiguredModel>& models, TimePoint now);
void put_monitors(store::Transaction& transaction, ModelId model, const settings::Model& settings, TimePoint now);

struct ClaimedMonitor {
  MonitorId id{};
  ModelId model{};
  std::string model_name;
  settings::Trigger trigger;
  trigger::State state;
  std::string source;
  std::string configuration;    // the model's settings in force, as JSON
  std::string pipeline_sha256;  // of those
  LeaseTerm term{};
  TimePoint due_at{};
};

// How many triggers may be claimed: up to `all`, and of the kinds whose looks take long, drift and performance, up to
// `looks`.
struct MonitorPlaces {
  std::size_t all = 0;
  std::size_t looks = 0;
};
// Due triggers, longest overdue first, whose source is among `sources`; rows that another daemon holds or is claiming
// are skipped. Triggers of removed models are never due.
std::vector<ClaimedMonitor> claim_due_monitors(store::Transaction& transaction, const Executor& executor,
                                               const std::vector<std::string>& sources, MonitorPlaces places,
                                               Duration lease_time, TimePoint now);

// False when the lease was lost: somebody else evaluates the trigger, and what this daemon finds will not be recorded.
bool renew_monitor_lease(store::Transaction& transaction, const ClaimedMonitor& monitor, Duration lease_time,
                         TimePoint now);

// What is known about the model's runs, for trigger::evaluate; locks the model's row.
trigger::ModelContext lock_context(store::Transaction& transaction, ModelId model, const std::string& trigger_name,
                                   TimePoint now);

// sha256 of the pipeline of the newest run of the model that reached a verdict; std::nullopt when none did.
std::optional<std::string> find_judged_pipeline(store::Transaction& transaction, ModelId model);

// The newest event time that a run of the model which reached a verdict has read; std::nullopt when none did.
std::optional<EventTime> find_judged_window_end(store::Transaction& transaction, ModelId model);

// One line for the log: what was decided and what came of it.
struct RecordedDecision {
  FiringDecision decision = FiringDecision::fired;
  std::string reason;
  std::optional<RunId> run;  // the run it started, or the open one that kept it from starting one
};

struct MonitorRecord {
  bool held = false;  // false: the lease was lost; nothing was written
  std::vector<RecordedDecision> decisions;
};

// Locks the monitor's row; false when the lease was lost. Nothing that makes the trigger due can come between this and
// record_outcome.
bool hold_monitor(store::Transaction& transaction, const ClaimedMonitor& monitor);

// Stores what trigger::evaluate returned: each decision, the run of a firing (or why there is none), the new state and
// the next due time; gives the lease back. `sentence` is what the evaluation found, for people; empty: what the one
// before found stays.
MonitorRecord record_outcome(store::Transaction& transaction, const Executor& executor, const ClaimedMonitor& monitor,
                             const trigger::Outcome& outcome, const std::string& sentence, TimePoint now);

// When the next trigger is due, of those this daemon can evaluate; std::nullopt when none ever is.
std::optional<TimePoint> next_monitor_due(store::Transaction& transaction, const std::vector<std::string>& sources);

// A finished drift check, for drift_history.
struct DriftCheck {
  ModelId model{};
  int version = 0;
  std::string trigger;  // "manual" where a person asked
  TimeAxis axis = TimeAxis::instant;
  std::optional<EventTime> window_from;
  std::optional<EventTime> window_to;
  std::uint64_t rows = 0;
  std::string calibration;  // a sentence: where the thresholds come from
  std::vector<stats::ColumnDrift> columns;
};
std::int64_t record_drift_check(store::Transaction& transaction, const DriftCheck& check, TimePoint now);

// A finished performance check, for performance_history.
struct PerformanceCheck {
  ModelId model{};
  int version = 0;
  std::string trigger;
  TimeAxis axis = TimeAxis::instant;
  std::optional<EventTime> window_from;
  std::optional<EventTime> window_to;
  std::uint64_t rows = 0;  // labelled
  Metric metric = Metric::log_loss;
  std::optional<stats::Interval> value;
  std::optional<double> level;      // at promotion
  std::optional<double> threshold;  // what the interval is held against
  std::string sentence;
};
void record_performance_check(store::Transaction& transaction, const PerformanceCheck& check, TimePoint now);

}  // namespace retraind::runs
