#pragma once
// Metrics, computed by retraind itself and never by a trainer. Pure; O(n log n) at most; ties handled exactly; sums are
// compensated, so the order of rows hardly matters and threads never do. Definitions: docs/statistics.md.
//
// Shapes: `labels[i]` is a regression value or a class index 0..classes-1 (-1: a class the model cannot know, wrong
// under every metric). `predictions` is n values for regression (the value) and binary (the probability of class 1),
// and n x classes, row-major, for multiclass.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/vocabulary.h"

namespace retraind::stats {

// What a metric leaves open.
struct MetricOptions {
  double threshold = 0.5;  // binary: a row is taken for class 1 where its probability is above this
  double quantile = 0.5;   // of pinball
  // of cost: classes x classes, row-major, [actual][predicted], >= 0 and finite; empty: 0 right, 1 wrong
  std::vector<double> costs;
  std::optional<int> of_class;  // of recall in a multiclass task; binary: class 1
  // of mape: a |label| below this counts as this; > 0. Empty: 0.01 of the mean |label| of the rows that are scored.
  // Whoever adds up losses of several batches of rows sets it, so that a row's loss does not depend on its batch.
  std::optional<double> guard = {};
};

struct Scored {
  Task task = Task::binary;
  std::size_t classes = 0;  // multiclass only
  std::span<const double> labels;
  std::span<const double> predictions;
  std::span<const double> weights = {};  // how much each row counts, >= 0 and finite; empty: all the same
  MetricOptions options = {};

  std::size_t rows() const { return labels.size(); }
};

// One metric on the same rows under many sets of weights, as a bootstrap needs it: whatever does not depend on the
// weights (the order of the scores, the loss of a row) is worked out once, and each call is O(rows). Rows that are
// drawn together are a group and share a weight: what adds up inside a group is then added up once as well, and for
// most metrics a call is O(groups). Calls do not change it: any number of threads may make them.
class WeightedMetric {
 public:
  // `groups[i]`, from 0, is the group of row i; empty: every row is one, with its own number.
  // Throws std::logic_error when the metric does not apply to the task, the lengths do not fit, a label is neither a
  // class nor -1, a weight is negative or not finite, or an option that the metric looks at is out of its range (costs
  // of another size, no such class); DataError for a prediction that is not finite or a probability outside [0, 1].
  WeightedMetric(Metric metric, const Scored& scored, std::span<const std::uint32_t> groups = {});
  WeightedMetric(WeightedMetric&&) noexcept;
  WeightedMetric& operator=(WeightedMetric&&) noexcept;
  ~WeightedMetric();

  // As evaluate(), but with one weight for each group, up to the largest number that a group has; they multiply those
  // of `scored`. Over groups, sums are taken in another order than over their rows: the last digits may differ.
  std::optional<double> operator()(std::span<const double> weights = {}) const;

  class Rows;  // implemented for each metric

 private:
  std::unique_ptr<const Rows> rows_;
  std::size_t groups_ = 0;
};

// std::nullopt where the metric is not defined on these rows: no rows or no weight; auc and calibration_slope with one
// class only; macro_auc without two classes; average_precision and recall without a row of the class; precision where
// no row is taken for class 1; calibration_slope where a threshold on the score separates the classes (a constant score
// among these) or Newton's method does not stop; recall of a multiclass task without of_class; r2 of a constant label;
// mape of labels that are all 0, without a guard; and where the value is too large for a double. `weights` (empty: all
// 1) are nonnegative and finite, and multiply those of `scored`. Throws what WeightedMetric throws, and
// std::logic_error for weights of another length or outside their range.
//
// A binary row is taken for class 1 where its probability is above the threshold, a multiclass row for its most
// probable class, the first one of ties. f1 is that of class 1, 0 without a true positive. macro_f1 is the mean over
// the classes that occur among labels or predictions, weighted_f1 that by the rows of each class, macro_auc the mean of
// the auc of each class against all others, over the classes that occur.
//
// A row of unknown class is wrong: it is not in the class it is taken for (accuracy, f1, macro_f1, precision), and of a
// class that is missed (f1, macro_f1, weighted_f1, recall of a binary task; recall of a named class has no such rows);
// a positive that every negative outranks (auc) or that is never found (average_precision), a negative that outranks
// every positive (macro_auc); it had a probability of 0 (log_loss, brier, calibration_slope), lies in a bin by itself
// that is off by 1 (calibration_error), and costs the most that any row can.
std::optional<double> evaluate(Metric metric, const Scored& scored, std::span<const double> weights = {});

// The loss of each row whose (weighted) mean is the metric, or 1 minus it for accuracy; that of bias is prediction -
// label. Only for metrics that is_mean_of_row_losses() names; others throw std::logic_error. log_loss clips
// probabilities to [1e-15, 1 - 1e-15]. The weights of `scored` do not change a loss (but weigh in the mean |label| that
// guards mape). Throws DataError for a mape of rows whose labels are all 0, without a guard.
std::vector<double> row_losses(Metric metric, const Scored& scored);

struct MetricValue {
  Metric metric;
  double value;
};
// Every metric that applies to the task and is defined on the rows, in the order of the enumeration. Of a multiclass
// task, recall is among them only if of_class is set: ask for each class. On up to `threads` threads.
std::vector<MetricValue> evaluate_all(const Scored& scored, std::size_t threads = 1);

}  // namespace retraind::stats
