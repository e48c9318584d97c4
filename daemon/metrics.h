#pragma once
// What this daemon counts of its own work since it started, for /metrics: a thin shell around prometheus-cpp that knows
// the names, and nothing of what they mean to anybody. What the registry knows is another part of the page
// (registry_metrics.h). Labels are words of ours or names from the configuration, never text that somebody wrote.
//
// Owned by Context; every function may be called from any thread.

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "daemon/reload_outcome.h"

namespace retraind::daemon {

enum class LoopName { monitors, runs, trials, scorings, releases, upkeep, listening };

// How an attempt of a run left this daemon's hands. The first nine are states of the run (RunState).
enum class AttemptEnd {
  promoted,
  awaiting_approval,
  shadowing,
  rejected,
  inconclusive,
  failed,
  cancelled,
  judge_again,  // production changed meanwhile; the run is queued again
  try_again,    // what went wrong may go better; likewise
  handed_back,  // the daemon stops; likewise
  lease_lost,   // another daemon has it
  unrecorded    // its end could not be written; the lease expires, and another attempt follows
};
// `state` must be one that an attempt can end in.
AttemptEnd attempt_end(RunState state);

// What a failure at a database means to whoever has to mend it.
enum class FailureClass {
  unreachable,  // no connection
  in_doubt,     // the reply to a COMMIT was lost
  transient,    // a deadlock, a timeout, a shutdown, a lost connection
  refused,      // a permission or a part of the schema is missing
  data,         // rows or a query that are not as they must be
  bug           // anything else
};
FailureClass failure_class(const std::exception& error);

// Who reads rows of a source: a run, or a look at production.
enum class ReadBy { run, look };

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void pass_ended(LoopName loop, std::chrono::steady_clock::time_point began, bool succeeded);

  void attempt_started();
  void attempt_ended(AttemptEnd end);
  void step_finished(Step step, Duration took);
  void rows_read(ReadBy reader, std::uint64_t rows, std::uint64_t bytes);
  void rows_scored(std::uint64_t rows);

  void trigger_evaluated(TriggerKind kind);
  void trigger_decided(TriggerKind kind, FiringDecision decision);
  void trial_ended(TrialKind kind, TrialOutcome outcome);
  void delivered(ReleaseTarget target, bool succeeded);

  void registry_failed(FailureClass why);
  void source_failed(const std::string& source, FailureClass why);

  void request_answered(std::string_view page, unsigned status);
  void connection_opened();
  void connection_closed();
  void connection_refused();

  // What is true at the moment of a scrape, and nobody counts.
  struct Moment {
    bool ready = false;
    std::size_t models = 0;  // configured
    ReloadOutcome reload{};
    std::optional<TimePoint> last_write;  // to the registry
    std::optional<Duration> least_lease;  // of the runs in hand: how long the one that ends first is trusted still
  };
  // All of it in Prometheus' text format, with the figures of the process.
  std::string text(const Moment& moment) const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace retraind::daemon

namespace retraind {
template <>
std::span<const std::string_view> words_of<daemon::LoopName>();
template <>
std::span<const std::string_view> words_of<daemon::AttemptEnd>();
template <>
std::span<const std::string_view> words_of<daemon::FailureClass>();
template <>
std::span<const std::string_view> words_of<daemon::ReadBy>();
}  // namespace retraind
