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
  // Of rows with known labels (a class of -1 is a known label of a class the model cannot know, as in metrics.h); their
  // order does not matter. Rows are counted at the threshold of the options: only sums that were made at one threshold
  // may be added. Weights are ignored, every row counts the same. Throws what WeightedMetric throws. auc is kept as
  // counts of both classes in cells of 1/128 of the score's log-odds between -32 and 32: pairs within one cell count as
  // ties.
  static MetricSums of(const Scored& scored);

  // Throws std::logic_error when the two are of different tasks or numbers of classes (an empty one fits everything).
  void add(const MetricSums& other);

  std::uint64_t rows() const { return rows_; }
  Task task() const { return task_; }
  // As evaluate() on the rows without weights; std::nullopt where the metric is undefined, does not apply or is none
  // that adds_up(), and where the errors are so large that their sum is no finite number. accuracy, log_loss, brier,
  // mae, rmse, r2, f1, macro_f1: up to rounding; auc: within half the share of pairs that fall into one cell.
  std::optional<double> value(Metric metric) const;
  // Mean and standard deviation (n - 1; 0 for one row) of the loss of a row (row_losses), and the largest loss of any
  // row. std::nullopt without rows, and for metrics that do not add up or are no mean of row losses.
  struct LossMoments {
    double mean = 0;
    double deviation = 0;
    double largest = 0;
  };
  std::optional<LossMoments> moments(Metric metric) const;

  // Compact and canonical: equal sums give equal bytes. A binary part takes about 100 bytes and at most 4 more for
  // every cell of the log-odds that holds up to 127 rows of a class. unpack throws DataError for anything pack did not
  // write.
  std::string pack() const;
  static MetricSums unpack(std::string_view bytes);

 private:
  // Rows whose score lies in one cell of the log-odds.
  struct Cell {
    std::uint32_t place = 0;
    std::uint64_t negatives = 0;
    std::uint64_t positives = 0;
  };

  void count_binary(const Scored& scored);
  void count_multiclass(const Scored& scored);
  void sum_regression(const Scored& scored);
  std::optional<double> mean_of(std::size_t sum) const;
  std::optional<double> area_under_curve() const;
  std::optional<double> f1() const;
  std::optional<double> macro_f1() const;
  std::optional<double> determination() const;
  std::uint64_t right() const;

  std::uint64_t rows_ = 0;
  Task task_ = Task::binary;
  std::size_t classes_ = 0;
  std::vector<std::uint64_t> counts_;  // what is counted, by task; empty without rows
  std::vector<double> sums_;           // what is summed, by task; empty without rows
  std::vector<Cell> cells_;            // binary; ascending, none empty
};

// The metric over all parts, with one-sided bounds at `confidence` by the delete-one jackknife over the parts, which
// may depend inside but not on each other, and Student's t with parts - 1 degrees of freedom (Shao and Tu, 1995). Parts
// without rows do not count. std::nullopt with fewer than two parts, or where the metric is undefined over all of them;
// a part without which it is undefined is left out of the standard error. inflation is left at 1 for metrics that are
// no mean of row losses; where rows have no spread, too. clusters counts the parts in the standard error, on which the
// degrees of freedom rest. Parts that do not differ at all give an interval of zero width. Throws std::logic_error for
// parts that do not add, or a confidence outside (0, 1). method is "cluster_jackknife".
std::optional<Interval> jackknife(std::span<const MetricSums> parts, Metric metric, double confidence);

}  // namespace retraind::stats
