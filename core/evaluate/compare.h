#pragma once
// Measures a candidate against the model it would replace, on the very same rows: every metric of both, and an interval
// for the paired difference that decides. Measures only; decide.h decides. Pure.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/vocabulary.h"
#include "core/stats/interval.h"
#include "core/stats/metrics.h"

namespace retraind::evaluate {

// Whom the candidate must beat: the production model, or, for a first model, the trivial baseline (the training part's
// majority class with its class shares as probabilities; for regression its mean, or its median when the metric is
// mae).
enum class Opponent { production, baseline };
std::string_view to_text(Opponent opponent);
std::optional<Opponent> parse_opponent(std::string_view text);

struct Holdout {
  Task task = Task::binary;
  std::size_t classes = 0;
  std::vector<double> labels;     // known labels only
  std::vector<double> candidate;  // predictions, shaped as stats::Scored says
  std::vector<double> opponent;
  std::vector<std::uint32_t> clusters;  // one for each row
};

struct Comparison {
  Opponent opponent = Opponent::baseline;
  Metric metric = Metric::log_loss;
  std::size_t rows = 0;
  std::vector<stats::MetricValue> candidate_metrics;
  std::vector<stats::MetricValue> opponent_metrics;
  std::optional<double> candidate_value;  // of `metric`; absent where it is undefined on these rows
  std::optional<double> opponent_value;
  // How much better the candidate is, in units of the metric: positive is better for every metric, also for losses.
  // Absent when the metric is undefined or there are too few clusters for any interval; `why_no_interval` says which.
  std::optional<stats::Interval> difference;
  std::string why_no_interval;
  double confidence = 0;  // one-sided, of the interval's bounds; 0: not recorded
};

inline constexpr std::size_t kBootstrapReplicates = 2000;

// Means of row losses get a clustered t interval; other metrics a cluster bootstrap with shared weights, whose bounds
// are the wider of the percentiles and of Student's t with the bootstrap's standard error, so that few clusters or a
// far level never make it too narrow. `confidence` is one-sided, in (0, 1), and already spent (decide.h). A prediction
// that is not finite, or no probability, leaves its model without metrics and the comparison without an interval. The
// same holdout and seed give the same bytes. Throws std::logic_error for parts that do not fit together, an unknown
// label or a metric that does not apply to the task.
Comparison compare(const Holdout& holdout, Opponent opponent, Metric metric, double confidence, std::uint64_t seed);

// Constant predictions of the trivial baseline for `rows` rows, learned from the training labels (all known: class
// indices or values). Shaped as stats::Scored says. Throws std::logic_error without labels, or for one that is no
// class.
std::vector<double> baseline_predictions(Task task, std::size_t classes, Metric metric,
                                         std::span<const float> training_labels, std::size_t rows);

}  // namespace retraind::evaluate
