#pragma once
// Metrics, computed by retraind itself and never by a trainer. Pure; O(n log n) at most; ties handled exactly; sums are
// compensated, so the order of rows hardly matters and threads never do.
//
// Shapes: `labels[i]` is a regression value or a class index 0..classes-1 (-1: a class the model cannot know, wrong
// under every metric). `predictions` is n values for regression (the value) and binary (the probability of class 1),
// and n x classes, row-major, for multiclass.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/vocabulary.h"

namespace retraind::stats {

struct Scored {
  Task task = Task::binary;
  std::size_t classes = 0;  // multiclass only
  std::span<const double> labels;
  std::span<const double> predictions;

  std::size_t rows() const { return labels.size(); }
};

// std::nullopt where the metric is not defined on these rows: no rows, an AUC with one class only, an R2 of a constant
// label. `weights` (empty: all 1) are nonnegative and finite. Throws std::logic_error when the metric does not apply to
// the task or the lengths do not fit.
std::optional<double> evaluate(Metric metric, const Scored& scored, std::span<const double> weights = {});

// The loss of each row whose (weighted) mean is the metric, or 1 minus it for accuracy. Only for metrics that
// is_mean_of_row_losses() names. log_loss clips probabilities to [1e-15, 1 - 1e-15].
std::vector<double> row_losses(Metric metric, const Scored& scored);

struct MetricValue {
  Metric metric;
  double value;
};
// Every metric that applies to the task and is defined on the rows, in the order of the enumeration.
std::vector<MetricValue> evaluate_all(const Scored& scored);

}  // namespace retraind::stats
