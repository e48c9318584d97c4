#pragma once
// The queue of trials: two versions of a model that are scored on the same new rows until those decide (TrialKind).
// Claimed under a lease when due, exactly like runs and triggers; what a look found, the verdict and everything that
// follows from it (production moves, the run ends) are one transaction (core/pipeline/trial.h). A trial whose question
// is gone because production moved is ended by retraind.move_production itself, as overtaken. Every function works
// inside the caller's transaction and takes `now`.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/runs/daemons.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

struct NewTrial {
  TrialKind kind = TrialKind::shadow;
  ModelId model{};
  RunId run{};      // the run whose candidate `version` is
  int version = 0;  // on trial: the candidate, or the new production
  int against = 0;  // production, or the version before
  Metric metric = Metric::log_loss;
  double bar = 0;  // evaluate::TrialTerms
  double alpha = 0.05;
  TimeAxis axis = TimeAxis::instant;
  EventTime after = 0;             // rows up to here are no evidence: a model was trained or judged on them
  std::optional<EventTime> until;  // the window of event time ends here; nullopt on the number axis
  TimePoint deadline{};            // and at the latest here, by the registry's clock
  Duration every = std::chrono::hours(1);
};
// At most one open trial of a kind a model: std::nullopt, and nothing done, when there is one already. First due after
// `every`.
std::optional<TrialId> open_trial(store::Transaction& transaction, const NewTrial& trial, TimePoint now);

bool has_open_trial(store::Transaction& transaction, ModelId model, TrialKind kind);

struct ClaimedTrial {
  TrialId id{};
  NewTrial terms;
  std::string model_name;
  std::string source;
  std::string configuration;            // the model's settings in force, as JSON
  std::optional<EventTime> counted_to;  // clusters up to here have been counted
  LeaseTerm term{};
};
// The longest overdue trial whose source is among `sources`; rows that another daemon holds or is claiming are skipped.
// A paused model's trials go on: a pause stops new runs, not the watch over what is there.
std::optional<ClaimedTrial> claim_trial(store::Transaction& transaction, const Executor& executor,
                                        const std::vector<std::string>& sources, Duration lease_time, TimePoint now);
bool renew_trial_lease(store::Transaction& transaction, const ClaimedTrial& trial, Duration lease_time, TimePoint now);
// Locks the model's row, then the trial's; false when the lease was lost or the trial has ended meanwhile.
bool hold_trial(store::Transaction& transaction, const ClaimedTrial& trial);
std::optional<TimePoint> next_trial_due(store::Transaction& transaction, const std::vector<std::string>& sources);

// One cluster of rows, counted once and for ever.
struct TrialCluster {
  std::int64_t index = 0;  // grows with time
  EventTime from = 0;      // event times of its first and last row
  EventTime to = 0;
  std::uint64_t rows = 0;
  double weight = 0;
  double difference_sum = 0;  // how much better `version` is, summed over the rows
  double version_value = 0;   // the metric of each over the cluster
  double against_value = 0;
};
void record_trial_clusters(store::Transaction& transaction, TrialId trial, const std::vector<TrialCluster>& clusters);
std::vector<TrialCluster> list_trial_clusters(store::Transaction& transaction, TrialId trial);

// What is known after a look; gives the lease back. With an outcome the trial has ended, otherwise it is due again at
// `next_due_at`.
struct TrialProgress {
  std::uint64_t rows = 0;
  std::uint64_t clusters = 0;
  std::optional<double> difference;
  std::optional<double> ci_low;  // absent where a bound is infinite
  std::optional<double> ci_high;
  std::optional<EventTime> counted_to;
  std::string sentence;
  std::optional<TrialOutcome> outcome;
  TimePoint next_due_at{};
};
void record_trial(store::Transaction& transaction, const ClaimedTrial& trial, const TrialProgress& progress,
                  TimePoint now);

// Ends a shadowing run with its trial: promoted, rejected, inconclusive, or awaiting_approval. False, and nothing done,
// when it should await approval while another run of the model is open.
bool end_shadowing_run(store::Transaction& transaction, const Executor& executor, RunId run, RunState state,
                       const std::string& reason, TimePoint now);

// Puts the version back that was in production before, because the current one did harm; the one that leaves is
// quarantined. False, and nothing done, when production is not `from` any more.
struct BakedRollback {
  ModelId model{};
  int from = 0;
  int to = 0;
  std::string reason;
};
bool roll_back_baked(store::Transaction& transaction, const Executor& executor, const BakedRollback& rollback,
                     TimePoint now);

}  // namespace retraind::runs
