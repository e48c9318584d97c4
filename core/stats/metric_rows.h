#pragma once
// What the implementations of the metrics share. Private to core/stats; metrics.h says what each metric is. Everything
// here takes a Scored that check_scored() has passed.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/stats/metrics.h"
#include "core/stats/row_weights.h"

namespace retraind::stats {

// One metric on the same rows, prepared for any number of weightings.
class WeightedMetric::Rows {
 public:
  virtual ~Rows() = default;
  // `weights` are checked: one for each group, or empty, which means 1 for every row. They multiply those of the rows.
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
inline std::ptrdiff_t label_of(const Scored& scored, std::size_t row) {
  return static_cast<std::ptrdiff_t>(scored.labels[row]);
}
// By the threshold, or the first of the most probable classes.
inline std::size_t predicted_class(const Scored& scored, std::size_t row) {
  if (scored.task == Task::binary) return scored.predictions[row] > scored.options.threshold ? 1 : 0;
  const auto probabilities = scored.predictions.subspan(row * scored.classes, scored.classes);
  return static_cast<std::size_t>(std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin());
}

// The group of each row, as WeightedMetric takes them; empty: every row is one.
using Groups = std::span<const std::uint32_t>;

inline std::size_t group_of(Groups groups, std::size_t row) {
  return groups.empty() ? row : groups[row];
}
inline std::size_t count_groups(Groups groups, std::size_t rows) {
  return groups.empty() ? rows : *std::max_element(groups.begin(), groups.end()) + std::size_t{1};
}

inline RowWeights weights_of_rows(const Scored& scored, Groups groups) {
  return RowWeights({scored.weights.begin(), scored.weights.end()}, {groups.begin(), groups.end()}, scored.rows());
}
// Of rows that a metric walks in the order row_at(0), row_at(1), …
template <class RowAt>
RowWeights weights_along(const Scored& scored, Groups groups, std::size_t places, RowAt row_at) {
  std::vector<std::uint32_t> group_at(places);
  std::vector<double> own(scored.weights.empty() ? 0 : places);
  for (std::size_t i = 0; i < places; ++i) {
    group_at[i] = static_cast<std::uint32_t>(group_of(groups, row_at(i)));
  }
  for (std::size_t i = 0; i < own.size(); ++i) own[i] = scored.weights[row_at(i)];
  return RowWeights(std::move(own), std::move(group_at), places);
}

// metric_losses.cc. losses_of takes the metrics of is_mean_of_row_losses() and rmse, whose loss is the squared error;
// it throws DataError for a mape of labels that are all 0 where no guard is set.
std::vector<double> losses_of(Metric metric, const Scored& scored);
PreparedMetric prepare_mean_loss(Metric metric, const Scored& scored, Groups groups);  // those, and rmse
PreparedMetric prepare_determination(const Scored& scored, Groups groups);             // r2

// metric_counts.cc: f1, macro_f1, weighted_f1, precision, recall.
PreparedMetric prepare_counts(Metric metric, const Scored& scored, Groups groups);

// metric_ranking.cc
PreparedMetric prepare_area_under_curve(const Scored& scored, Groups groups);
PreparedMetric prepare_macro_area(const Scored& scored, Groups groups);
PreparedMetric prepare_average_precision(const Scored& scored, Groups groups);

// metric_calibration.cc
PreparedMetric prepare_calibration_error(const Scored& scored, Groups groups);
PreparedMetric prepare_calibration_slope(const Scored& scored, Groups groups);

}  // namespace retraind::stats
