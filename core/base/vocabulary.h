#pragma once
// The words that stand in the configuration, in SQL and in messages, each once. An enumerator is spelled exactly as it
// is stored; to_text and parse convert without any table kept elsewhere. Thread-safe: values only.

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace retraind {

enum class Task { binary, multiclass, regression };

// docs/statistics.md defines each. New ones go to the end.
enum class Metric {
  accuracy,
  log_loss,
  auc,
  f1,
  brier,
  macro_f1,
  rmse,
  mae,
  r2,
  average_precision,
  precision,
  recall,
  calibration_error,
  calibration_slope,
  weighted_f1,
  macro_auc,
  cost,
  mape,
  pinball,
  bias
};

enum class Verdict { promote, reject, inconclusive };

// shadowing: nothing was settled on the holdout; the candidate waits, is scored on rows that come, and is decided by
// them. Such a run is neither open nor ended: others of its model may run meanwhile.
enum class RunState {
  queued,
  running,
  awaiting_approval,
  promoted,
  rejected,
  inconclusive,
  failed,
  cancelled,
  shadowing
};

enum class Step { extract, validate_data, train, evaluate, release };

enum class TriggerKind {
  schedule,
  new_rows,
  drift,
  performance,
  signal,
  query,
  prometheus,
  freshness,
  manual,
  pipeline_change
};

// alert and resolved tell a person, and start nothing.
enum class FiringDecision { fired, pending, suppressed, insufficient_data, error, alert, resolved };

enum class TriggerPhase { inactive, pending, firing };

enum class CatchUp { latest, all, none };

enum class Anchor { data, wall };

enum class Rule { superior, non_inferior };

enum class PromotionMode { automatic, manual };

enum class PromotionKind { promotion, rollback };

// undecided: what it needed was missing, or is not enough to tell; such a gate does not pass.
enum class GateOutcome { passed, failed, undecided };

// What is done when production's artifact cannot be loaded or is not what it was: the candidate is judged against the
// best version that still loads, and then waits for a person; or that verdict counts as any other.
enum class BrokenProduction { wait, stand_in };

// Whether a candidate may have other features than production.
enum class SchemaRule { any, same };

// Two versions that are scored on the same new rows, as they come. shadow: a candidate that was not settled, against
// production; bake: production, against the version it replaced.
enum class TrialKind { shadow, bake };

// How a trial ended. shadow: promoted, awaiting_approval (it won, a person must say so), rejected, expired; bake:
// kept (the window is over without harm), rolled_back; either: overtaken (production moved meanwhile), failed; a shadow
// that a person cancelled: cancelled.
enum class TrialOutcome {
  promoted,
  awaiting_approval,
  rejected,
  expired,
  kept,
  rolled_back,
  overtaken,
  failed,
  cancelled
};

// Where a promotion is announced.
enum class ReleaseTarget { directory, command, webhook };

// How a column is compared with its reference; docs/statistics.md says what each measures.
enum class DriftMethod { jensen_shannon, chi_square, ks, psi, wasserstein, hellinger, null_rate, unseen, out_of_range };

// What a profiled column is to the model. Only features have an importance; time is looked at and never decides.
enum class ColumnRole { feature, score, label, time };

// How far the evidence of a drift check can be trusted: blocks: the threshold comes from how blocks of the reference
// differ from one another; design_effect: too few blocks for that, their spread widens the test; uncalibrated: neither,
// or too few blocks for the level asked for, so that a larger effect is demanded.
enum class Calibration { blocks, design_effect, uncalibrated };

enum class Detector { adwin, page_hinkley, risk };

enum class NoData { ignore, fire, alert };

// Whether a model's columns are held against those it was first promoted with.
enum class ExpectedSchema { learned, any };

// What is done when the values that came are not what was expected: the run ends before it trains; or it goes on and
// says so.
enum class ValueBreak { stop, warn };

// schema: a column is missing or of another type, which always stops the run; value: rows that are not as expected;
// warning: worth a look, and nothing else.
enum class FindingKind { schema, value, warning };

// How far a live step has come is counted in these.
enum class ProgressUnit { rows, rounds, steps };

// The words of an enumeration, in the order of its enumerators.
template <class E>
std::span<const std::string_view> words_of();

template <>
std::span<const std::string_view> words_of<Task>();
template <>
std::span<const std::string_view> words_of<Metric>();
template <>
std::span<const std::string_view> words_of<Verdict>();
template <>
std::span<const std::string_view> words_of<RunState>();
template <>
std::span<const std::string_view> words_of<Step>();
template <>
std::span<const std::string_view> words_of<TriggerKind>();
template <>
std::span<const std::string_view> words_of<FiringDecision>();
template <>
std::span<const std::string_view> words_of<TriggerPhase>();
template <>
std::span<const std::string_view> words_of<CatchUp>();
template <>
std::span<const std::string_view> words_of<Anchor>();
template <>
std::span<const std::string_view> words_of<Rule>();
template <>
std::span<const std::string_view> words_of<PromotionMode>();
template <>
std::span<const std::string_view> words_of<PromotionKind>();
template <>
std::span<const std::string_view> words_of<GateOutcome>();
template <>
std::span<const std::string_view> words_of<BrokenProduction>();
template <>
std::span<const std::string_view> words_of<SchemaRule>();
template <>
std::span<const std::string_view> words_of<TrialKind>();
template <>
std::span<const std::string_view> words_of<TrialOutcome>();
template <>
std::span<const std::string_view> words_of<ReleaseTarget>();
template <>
std::span<const std::string_view> words_of<DriftMethod>();
template <>
std::span<const std::string_view> words_of<ColumnRole>();
template <>
std::span<const std::string_view> words_of<Calibration>();
template <>
std::span<const std::string_view> words_of<Detector>();
template <>
std::span<const std::string_view> words_of<NoData>();
template <>
std::span<const std::string_view> words_of<ExpectedSchema>();
template <>
std::span<const std::string_view> words_of<ValueBreak>();
template <>
std::span<const std::string_view> words_of<FindingKind>();
template <>
std::span<const std::string_view> words_of<ProgressUnit>();

template <class E>
std::string_view to_text(E value) {
  return words_of<E>()[static_cast<std::size_t>(value)];
}

// std::nullopt when `text` is not a word of E.
template <class E>
std::optional<E> parse(std::string_view text) {
  const auto words = words_of<E>();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == text) return static_cast<E>(i);
  }
  return std::nullopt;
}

// "latest, all or none": for complaints.
template <class E>
std::string list_words() {
  const auto words = words_of<E>();
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

// True when a larger value is better (accuracy, auc, f1, …); false for losses. Says nothing for a metric that is not
// ordered.
bool higher_is_better(Metric metric);

// Whether more, or less, of it is always better. calibration_slope (best at 1) and bias (best at 0) are not: they can
// be held against bounds, and cannot be what decides between two models.
bool is_ordered(Metric metric);

// True when the metric is the (weighted) mean of a loss of single rows, so that a paired difference has a clustered
// standard error in closed form: accuracy, log_loss, brier, mae, mape, pinball, cost, and bias, whose row loss is
// prediction - label; false where only resampling gives one.
bool is_mean_of_row_losses(Metric metric);

// Whether a metric can be computed for a task. binary: accuracy, log_loss, auc, f1, brier, average_precision,
// precision, recall, calibration_error, calibration_slope, cost; multiclass: accuracy, log_loss, macro_f1, weighted_f1,
// macro_auc, recall (of a class that is named), cost; regression: rmse, mae, r2, mape, pinball, bias.
bool applies_to(Metric metric, Task task);

// Whether a metric can be made from the sums of time blocks, as performance triggers do: the nine of accuracy to r2.
bool adds_up(Metric metric);

}  // namespace retraind
