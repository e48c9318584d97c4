#pragma once
// When does a trigger start a run? A pure function of what was observed, what the trigger remembers, what is known
// about the model's runs, and now. Reads no clock and no database; core/runs claims the monitor rows, fills these
// structs and stores what comes out, in one transaction.
//
//   inactive --condition holds--> pending --held for long enough--> firing --run allowed--> (a run) --> inactive
//      ^                             |                                 |
//      +------condition is gone------+---------condition is gone-------+-- suppressed by cooldown, budget, back-off or
//                                                                          pause: looked at again at the next check
//
// A trigger in the phase firing is about to fire: it starts its run at the first check at which the condition holds and
// nothing is in the way.
//
// An alert (freshness, or no data with on_no_data = alert) is told once and resolved once; it never starts a run.
//
// What is worth a row of trigger_history: every firing, every alert and its end, the change into pending, the first
// suppression of a kind in a row, the first insufficient_data in a row, the first error in a row, and every schedule
// slot that did not fire. Everything else is quiet.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/settings/settings.h"
#include "core/stats/change.h"
#include "core/stats/drift.h"
#include "core/stats/interval.h"

namespace retraind::trigger {

// What one trigger remembers between evaluations; kept as JSON in retraind.monitor.
struct State {
  TriggerPhase phase = TriggerPhase::inactive;
  std::optional<TimePoint> holds_since;  // when the condition began to hold without a break
  int holds_checks = 0;                  // for how many consecutive evaluations it has held
  std::optional<TimePoint> last_slot;    // schedule: the newest slot that has been decided
  // The last decision recorded that was not a firing, as "decision:cause" ("suppressed:cooldown"), so that a lasting
  // one is recorded once. Empty after a firing or a quiet evaluation; a suppression is remembered until the phase ends.
  std::string last_recorded;
  int errors = 0;                           // consecutive evaluations that failed
  std::string recent;                       // the newest checks, oldest first, '1' where the condition held; at most 64
  int clean_checks = 0;                     // consecutive checks in which it had surely gone
  std::optional<TimePoint> last_sample_at;  // signal: the newest sample that has been looked at
  bool alerting = false;                    // freshness, no data: an alert is open
  std::optional<double> newest_event;       // freshness: the newest event time seen …
  std::optional<TimePoint> newest_since;    // … and since when it has been that
  int version = 0;                          // drift, performance: the production version that this is about
  std::string detector;                     // performance: its memory, as core/stats/change.h writes it

  bool operator==(const State&) const = default;
};
std::string to_json(const State& state);       // canonical
State state_from_json(std::string_view json);  // a missing key takes its default; throws DataError for a wrong type

// What the registry knows about the model, read under the model's row lock in the transaction that records the outcome.
struct ModelContext {
  bool paused = false;
  std::string pause_reason;
  bool has_production = false;
  bool run_open = false;                      // a run of the model is queued, running or awaits approval
  std::optional<TimePoint> last_finished_at;  // end of the model's last run, whoever started it
  int unsuccessful_in_a_row =
      0;  // runs of this trigger rejected, inconclusive or failed since the model's last promotion
  std::optional<TimePoint> last_unsuccessful_at;  // end of the newest of those
  int runs_in_last_day = 0;                       // runs of this trigger queued in the 24 hours up to now
};

struct ScheduleObservation {};
struct NewRowsObservation {
  std::uint64_t rows = 0;  // labelled rows newer than the window of the model's last judged run
};
struct DriftObservation {
  int version = 0;                          // of production; 0: none
  std::uint64_t rows = 0;                   // in the checked window
  std::vector<stats::ColumnDrift> columns;  // empty when there is no production model to compare with
  std::string calibration;                  // where the thresholds come from, for people
};
// What is known of the production model's quality. `why_not` says why nothing could be measured; then the rest is
// empty.
struct PerformanceObservation {
  int version = 0;                                // of production; 0: none
  std::uint64_t rows = 0;                         // labelled rows in the window; for detectors: fed since promotion
  std::optional<stats::Interval> value;           // of the metric over the window, with one-sided bounds
  std::optional<double> level;                    // the metric at promotion
  std::optional<stats::Interval> level_interval;  // where it is known with bounds
  std::vector<stats::ChangeAlarm> alarms;         // of the detector, new ones
  std::string detector;                           // its memory afterwards
  std::string why_not;
};
// Values of a signal, a query or Prometheus.
struct SampleObservation {
  struct Sample {
    TimePoint at;
    double value = 0;  // finite
  };
  std::vector<Sample> samples;   // new ones, oldest first, at most kMaxSamples: signal: after State::last_sample_at
  std::optional<Sample> latest;  // the newest there is, new or not
  std::string what;              // "signal checkout_errors"
  std::string why_none;          // where there is no value: "the query returned no row", "the value is NaN"
};
struct FreshnessObservation {
  TimeAxis axis = TimeAxis::instant;
  std::optional<double> newest;  // event time of the newest row, up to now on the instant axis; absent: no row
};
struct PipelineObservation {
  std::string pipeline_sha256;               // of the configuration in force
  std::optional<std::string> judged_sha256;  // of the newest run that reached a verdict; absent: there is none
};
struct ObservationError {
  std::string message;  // why nothing could be observed
};
using Observation = std::variant<ScheduleObservation, NewRowsObservation, DriftObservation, PerformanceObservation,
                                 SampleObservation, FreshnessObservation, PipelineObservation, ObservationError>;

// One line of trigger_history.
struct Decision {
  FiringDecision decision;
  std::string reason;             // a sentence with the values
  std::string evidence;           // a JSON object with what was observed
  std::optional<TimePoint> slot;  // schedule only: fires, or is decided against, at most once
};

struct Outcome {
  // Oldest first; at most one is `fired`. More than one only for missed schedule slots, and where an alert is resolved
  // by the very value that also decides something else.
  std::vector<Decision> decisions;
  State state;
  std::optional<TimePoint> next_due;  // std::nullopt: not before the configuration changes
};

// At most so many missed slots get a line each; older ones share one line with their count.
inline constexpr std::size_t kMaxMissedSlots = 100;
// At most so many samples of a signal are looked at in one evaluation; more make it due again at once.
inline constexpr std::size_t kMaxSamples = 1000;
// Evaluations that fail are tried again after 30 s, doubling to an hour.
inline constexpr Duration kErrorBackoff = std::chrono::seconds(30);
inline constexpr Duration kErrorBackoffMax = std::chrono::hours(1);

// Evaluates a trigger that is due. An observation of another kind than the trigger's is a std::logic_error.
//
// schedule: decides every slot in (last_slot, now]. catch_up = latest fires the newest and records the others as
//   suppressed; all fires the oldest undecided one and stays due at once, but decides nothing while a run is open; none
//   fires only a slot at most one minute old. A slot that may not fire (cooldown, budget, pause) is recorded as
//   suppressed and is decided thereby. next_due is the next slot.
// new_rows: holds when rows >= the rule's; next_due is now + every.
// drift: holds when features with at least `share` of the importance of all features drifted, judged or not, or a
//   feature with at least `important` of it, or the score (unless `score` is off), or the label. Without importances
//   every feature counts alike; time never decides. It has surely gone when the same rule would not hold
//   either if every column with at least 0.7 of its threshold counted as drifted: then a column that never mattered,
//   and has drifted for good, keeps nothing alive. insufficient_data when it does not hold and the judged features
//   have less than half of the importance, or when there is no production model. Another version in production begins
//   with an empty memory.
// performance: below, above: the whole interval lies beyond the value (the bound away from it). drop: the interval lies
//   beyond the level at promotion by more than the value; where the level has bounds, its nearer bound counts. It has
//   surely gone when the whole interval lies on the other side. Detectors: an alarm fires without patience, the alarms
//   of one evaluation together. An alarm stays wanted, in phase firing, until another version is in production: one
//   that is suppressed or rests on fewer than min_rows waits, and one that fired asks for a further run after the
//   back-off of a run without a promotion. Another version begins with an empty memory.
// signal, query, prometheus: each sample in turn is a check, at its own time (at most now). A signal without a new one
//   is checked again with its latest at now, unless checks > 1 and the phase is not firing: then only values count.
//   above: value > above; below: value < below; outside: outside [low, high]. It has surely gone when it does not hold
//   and is also back past `clear`. No data: no sample, or for a signal the latest older than no_data_after: ignore and
//   alert leave the phase alone, the first of a row is recorded (insufficient_data, or alert and later resolved), and a
//   pending phase with a `hold` starts it anew with the next value that holds; fire counts as a check that holds, and
//   says so.
// freshness: alerts once when the newest event time is older than no_rows_for (number axis: has not grown for so long),
//   or when there is no row at all; resolved once when rows come again. phase is firing while it alerts; never fires.
// Conditions hold once they held in `checks` of the last `of` checks and for `hold`; a pending one falls back when
// fewer
//   checks of the last `of` than one hold; a firing one after `clear` checks in a row in which it had surely gone. A
//   check that could not be made (insufficient_data) continues neither row.
// pipeline_change: holds while the judged pipeline differs from the one in force; next_due is never when it does not
//   hold, otherwise the end of the back-off (at least one minute).
// Back-off: no run before last_unsuccessful_at + min(backoff_max, backoff * 2^(unsuccessful_in_a_row - 1)).
Outcome evaluate(const settings::Trigger& trigger, const Observation& observation, const State& state,
                 const ModelContext& context, TimePoint now);

// The first due time of a trigger that has never been evaluated: a schedule's next slot after now, now for all others.
// State for it is State{} with last_slot = now for a schedule (slots before the trigger existed are not missed).
std::optional<TimePoint> first_due(const settings::Trigger& trigger, TimePoint now);

}  // namespace retraind::trigger
