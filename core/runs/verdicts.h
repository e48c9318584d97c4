#pragma once
// How a judged run ends in the registry. Works inside the caller's transaction, after hold_run has locked the model and
// the run and found the lease still held (invariant 5).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/runs/run_queue.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

// Locks the model's row and the run's; false when the lease was lost.
bool hold_run(store::Transaction& transaction, ModelId model, const Lease& lease);

struct MetricRow {
  std::string role;    // candidate, production or baseline
  std::string metric;  // "auc", "recall[spam]"
  double value = 0;
};
void record_metrics(store::Transaction& transaction, RunId run, const std::vector<MetricRow>& metrics);

struct GateRow {
  std::string gate;
  std::string slice;
  std::string metric;
  std::optional<double> observed;
  std::optional<double> ci_low;
  std::optional<double> ci_high;
  std::optional<double> threshold;
  GateOutcome outcome = GateOutcome::undecided;
  std::string sentence;
};
void record_gates(store::Transaction& transaction, RunId run, const std::vector<GateRow>& gates);

// Everything run_history says of a judged run.
struct JudgedRun {
  // promoted, awaiting_approval, shadowing, rejected or inconclusive
  RunState state = RunState::inconclusive;
  Verdict verdict = Verdict::inconclusive;
  std::string reason;
  std::string opponent;               // production or baseline
  std::optional<int> judged_against;  // production
  std::optional<int> stand_in;        // the version that was scored instead of it
  std::optional<int> version;
  // Of a candidate that was judged again: the best version so far, once it is in production (NewVersion::anchor is that
  // of its first judging).
  std::optional<int> anchor;
  TimeAxis axis = TimeAxis::instant;
  EventTime window_from = 0;
  EventTime window_to = 0;
  std::string data_sha256;
  std::uint64_t data_rows = 0;
  std::uint64_t train_rows = 0;
  std::uint64_t holdout_rows = 0;
  std::optional<EventTime> holdout_from;  // event times of the first and the last row judged on
  std::optional<EventTime> holdout_to;
  std::uint64_t holdout_reuse = 0;
  std::optional<double> detectable;
  std::optional<std::uint64_t> rows_needed;
  Metric metric = Metric::log_loss;
  std::optional<double> candidate_value;
  std::optional<double> opponent_value;
  std::optional<double> difference;
  std::optional<double> ci_low;
  std::optional<double> ci_high;
  double confidence = 0;
  std::optional<std::uint64_t> clusters;
  std::optional<double> inflation;
};
bool finish_judged_run(store::Transaction& transaction, const Lease& lease, const JudgedRun& run, TimePoint now);

}  // namespace retraind::runs
