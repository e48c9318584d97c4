#pragma once
// A model's quality over some rows, as sums that add: the metric of a window is made from the sums of its time blocks,
// and its interval from how they differ, without going back to the rows. Pure. docs/statistics.md.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/vocabulary.h"
#include "core/stats/interval.h"
#include "core/stats/metrics.h"

namespace retraind::stats {

class MetricSums {
 public:
  MetricSums() = default;
  // Of rows with known labels, in the order given. Throws what WeightedMetric throws. auc is kept as counts of both
  // classes in fixed cells of the score's log-odds: pairs within one cell count as ties.
  static MetricSums of(const Scored& scored);

  // Throws std::logic_error when the two are of different tasks or numbers of classes (an empty one fits everything).
  void add(const MetricSums& other);

  std::uint64_t rows() const { return rows_; }
  Task task() const { return task_; }
  // As evaluate() on the rows; std::nullopt where the metric is undefined or does not apply. accuracy, log_loss, brier,
  // mae, rmse, r2, f1, macro_f1: up to rounding; auc: within the share of pairs that fall into one cell.
  std::optional<double> value(Metric metric) const;
  // Mean and standard deviation of the loss of a row (row_losses), for metrics that are a mean of row losses; and the
  // largest loss of any row.
  struct LossMoments {
    double mean = 0;
    double deviation = 0;
    double largest = 0;
  };
  std::optional<LossMoments> moments(Metric metric) const;

  // Compact and canonical. unpack throws DataError for anything pack did not write.
  std::string pack() const;
  static MetricSums unpack(std::string_view bytes);

 private:
  std::uint64_t rows_ = 0;
  Task task_ = Task::binary;
  std::size_t classes_ = 0;
  std::vector<std::uint64_t> counts_;  // what is counted, by task
  std::vector<double> sums_;           // what is summed, by task
};

// The metric over all parts, with one-sided bounds at `confidence` by the delete-one jackknife over the parts, which
// may depend inside but not on each other, and Student's t with parts - 1 degrees of freedom (Shao and Tu, 1995). Parts
// without rows do not count. std::nullopt with fewer than two parts, or where the metric is undefined over all of them;
// a part without which it is undefined is left out of the standard error. inflation is left at 1 for metrics that are
// no mean of row losses. method is "cluster_jackknife".
std::optional<Interval> jackknife(std::span<const MetricSums> parts, Metric metric, double confidence);

}  // namespace retraind::stats
