#pragma once
// What the implementations of the metrics share. Private to core/stats; metrics.h says what each metric is. Everything
// here takes a Scored that check_scored() has passed.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/stats/metrics.h"

namespace retraind::stats {

// One metric on the same rows, prepared for any number of weightings.
class WeightedMetric::Rows {
 public:
  virtual ~Rows() = default;
  // `weights` are checked: one for each row, or empty, which means 1 for every row.
  virtual std::optional<double> value(std::span<const double> weights) const = 0;
};

using PreparedMetric = std::unique_ptr<const WeightedMetric::Rows>;

inline constexpr std::ptrdiff_t kUnknownClass = -1;

// Probabilities are clipped to [kSmallestProbability, 1 - kSmallestProbability] before a logarithm is taken of them.
inline constexpr double kSmallestProbability = 1e-15;

inline double weight_of(std::span<const double> weights, std::size_t row) {
  return weights.empty() ? 1 : weights[row];
}

// Throws as the constructor of WeightedMetric does.
void check_scored(Metric metric, const Scored& scored);

// Binary and multiclass.
std::ptrdiff_t label_of(const Scored& scored, std::size_t row);
// By the threshold, or the first of the most probable classes.
std::size_t predicted_class(const Scored& scored, std::size_t row);

// Rows in ascending order of a score (rows that tie stand in their own order), cut after the last of each tie.
class Ranks {
 public:
  // Throws std::logic_error for more than 2^32 - 1 rows.
  Ranks(std::size_t rows, const std::function<double(std::size_t)>& score);

  std::size_t size() const { return order_.size(); }
  std::size_t row(std::size_t rank) const { return order_[rank]; }
  bool is_last_of_tie(std::size_t rank) const { return last_of_tie_[rank]; }

 private:
  std::vector<std::uint32_t> order_;
  std::vector<bool> last_of_tie_;
};

// metric_losses.cc. losses_of takes the metrics of is_mean_of_row_losses() and rmse, whose loss is the squared error;
// it throws DataError for a mape of labels that are all 0 where no guard is set.
std::vector<double> losses_of(Metric metric, const Scored& scored);
PreparedMetric prepare_mean_loss(Metric metric, const Scored& scored);  // those, and rmse
PreparedMetric prepare_determination(const Scored& scored);             // r2

// metric_counts.cc: f1, macro_f1, weighted_f1, precision, recall.
PreparedMetric prepare_counts(Metric metric, const Scored& scored);

// metric_ranking.cc
PreparedMetric prepare_area_under_curve(const Scored& scored);
PreparedMetric prepare_macro_area(const Scored& scored);
PreparedMetric prepare_average_precision(const Scored& scored);

// metric_calibration.cc
PreparedMetric prepare_calibration_error(const Scored& scored);
PreparedMetric prepare_calibration_slope(const Scored& scored);

}  // namespace retraind::stats
