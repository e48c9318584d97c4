#pragma once
// Measures a candidate against the models it would replace, on the very same rows: every metric of all, intervals for
// the paired differences that decide, and whatever the configured gates ask for. Measures only; decide.h decides. Pure.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/vocabulary.h"
#include "core/settings/settings.h"
#include "core/stats/interval.h"
#include "core/stats/metrics.h"

namespace retraind::evaluate {

// Whom the candidate must beat: the production model (or the version that stands in for it), or, for a first model, the
// trivial baseline (the training part's majority class with its class shares as probabilities; for regression its mean,
// or its median when the metric is mae).
enum class Opponent { production, baseline };
std::string_view to_text(Opponent opponent);
std::optional<Opponent> parse_opponent(std::string_view text);

// A column by which gates slice the rows.
struct SliceColumn {
  std::string column;
  std::vector<std::string> levels;   // as texts
  std::vector<std::int32_t> values;  // one for each row: a place in `levels`; -1: another value, or none
};

struct Holdout {
  Task task = Task::binary;
  std::size_t classes = 0;
  std::vector<double> labels;     // known labels only
  std::vector<double> candidate;  // predictions, shaped as stats::Scored says
  std::vector<double> opponent;
  std::optional<std::vector<double>> anchor;  // of the best version so far, where that is another than the opponent
  std::vector<std::uint32_t> clusters;        // one for each row
  bool rows_are_independent = false;          // every row is a cluster by itself, because the user says so
  std::vector<double> weights;                // empty: every row counts the same
  stats::MetricOptions options;
  std::vector<std::string> class_names;  // of the classes 0..; empty for regression
  std::vector<SliceColumn> slices;       // of the gates' columns, those that the query still returns
  std::size_t threads = 1;               // to measure on; no figure depends on it
};

// A metric by its name in SQL: "recall[spam]" for a class of a multiclass task.
struct NamedMetric {
  Metric metric = Metric::log_loss;
  std::string of_class;  // empty: none
  double value = 0;
};
std::string name_of(const NamedMetric& metric);

// What one gate needs to be decided by: of the whole holdout, of one level of the gate's column, or of the column. A
// level is judged by what its log_p_harm says, and not judged where it has none. A column's figure has the rows of the
// levels that are judged, and why_not names those that are not; with no row, nothing is.
struct GateFigure {
  std::size_t gate = 0;  // place in settings::Validation::gates
  std::string slice;     // "region=north" of a level, "region" of the column; empty: all rows
  std::uint64_t rows = 0;
  std::optional<stats::Interval> candidate;   // of the candidate's metric, bounds at the gate's confidence
  std::optional<stats::Interval> difference;  // how much better the candidate is, likewise
  std::optional<double> log_p_harm;  // slices: ln of the p-value of "not worse than max_drop" (small: surely harmed)
  std::string why_not;               // why it could not be measured
};

struct Comparison {
  Opponent opponent = Opponent::baseline;
  Metric metric = Metric::log_loss;
  std::size_t rows = 0;  // that weigh anything
  std::vector<NamedMetric> candidate_metrics;
  std::vector<NamedMetric> opponent_metrics;
  std::optional<double> candidate_value;  // of `metric`; absent where it is undefined on these rows
  std::optional<double> opponent_value;
  // How much better the candidate is, in units of the metric: positive is better for every metric, also for losses.
  // Absent when the metric is undefined or there are too few clusters for any interval; `why_no_interval` says which.
  std::optional<stats::Interval> difference;
  std::string why_no_interval;
  double confidence = 0;  // one-sided, of the interval's bounds; 0: not recorded
  // The same against the best version so far; absent where the opponent is that version.
  std::optional<stats::Interval> anchor_difference;
  std::optional<double> anchor_value;
  // What could be seen on these rows, whatever came of it: known before the verdict is. Absent where the metric is no
  // mean of row losses and its bootstrap gave no standard error.
  std::optional<double> detectable;          // the smallest true difference seen with probability 0.8
  std::optional<std::uint64_t> rows_needed;  // to see validation.detect so often; absent when that is not set, or never
  std::vector<GateFigure> gates;
};

inline constexpr std::size_t kBootstrapReplicates = 2000;

// Means of row losses get a clustered t interval; auc on independent rows without weights DeLong's; other metrics a
// cluster bootstrap with shared weights, never narrower than Student's t with the bootstrap's standard error, so that
// few clusters or a far level never make it too narrow. `confidence` is one-sided, in (0, 1), and already spent
// (decide.h). Rows of weight 0 are no rows. A prediction that is not finite, or no probability, leaves its model
// without metrics and the comparison without an interval. The same holdout and seed give the same bytes, and each
// bootstrap draws by its own name, so that a gate more or less changes no other figure. Throws std::logic_error for
// parts that do not fit together, an unknown label or a metric that does not apply to the task.
Comparison compare(const Holdout& holdout, Opponent opponent, const settings::Validation& validation, double confidence,
                   std::uint64_t seed);

// Costs as a matrix over the classes, for stats::MetricOptions. Throws DataError for a class that none of `classes` is:
// a cost that is never paid was misspelled.
std::vector<double> cost_matrix(const settings::Costs& costs, const std::vector<std::string>& classes);

// Constant predictions of the trivial baseline for `rows` rows, learned from the training labels (all known: class
// indices or values). Shaped as stats::Scored says. Throws std::logic_error without labels, or for one that is no
// class.
std::vector<double> baseline_predictions(Task task, std::size_t classes, Metric metric,
                                         std::span<const float> training_labels, std::size_t rows);

}  // namespace retraind::evaluate
