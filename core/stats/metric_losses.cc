// Metrics that are means of a loss of single rows, and r2.

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/stats/metric_rows.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

// A label nearer to 0 than this share of the mean |label| counts as that far from it, under mape.
constexpr double kShareOfMeanLabel = 0.01;

std::optional<double> weighted_mean(std::span<const double> values, std::span<const double> weights) {
  Sum sum;
  Sum weight;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double w = weight_of(weights, i);
    sum.add(w * values[i]);
    weight.add(w);
  }
  if (weight.value() == 0) return std::nullopt;
  return sum.value() / weight.value();
}

// Of the class the row belongs to.
double probability_of_truth(const Scored& scored, std::size_t row) {
  const std::ptrdiff_t label = label_of(scored, row);
  if (label == kUnknownClass) return 0;
  if (scored.task == Task::binary) return label == 1 ? scored.predictions[row] : 1 - scored.predictions[row];
  return scored.predictions[row * scored.classes + static_cast<std::size_t>(label)];
}

double log_loss_of(const Scored& scored, std::size_t row) {
  return -std::log(std::clamp(probability_of_truth(scored, row), kSmallestProbability, 1 - kSmallestProbability));
}

double brier_of(const Scored& scored, std::size_t row) {
  const double missing = 1 - probability_of_truth(scored, row);
  return missing * missing;
}

bool is_wrong(const Scored& scored, std::size_t row) {
  const std::ptrdiff_t label = label_of(scored, row);
  return label == kUnknownClass || static_cast<std::size_t>(label) != predicted_class(scored, row);
}

double error_of(const Scored& scored, std::size_t row) {
  return scored.predictions[row] - scored.labels[row];
}

double pinball_of(const Scored& scored, std::size_t row) {
  const double over = error_of(scored, row);
  return over > 0 ? (1 - scored.options.quantile) * over : -scored.options.quantile * over;
}

// The least that |label| counts as under mape; 0 where all labels are 0.
double guard_of(const Scored& scored) {
  if (scored.options.guard) return *scored.options.guard;
  std::vector<double> sizes(scored.labels.begin(), scored.labels.end());
  for (double& size : sizes) size = std::fabs(size);
  const double largest = sizes.empty() ? 0 : *std::max_element(sizes.begin(), sizes.end());
  if (largest == 0) return 0;
  for (double& size : sizes) size /= largest;  // labels of 1e308 have a mean, but no sum
  return kShareOfMeanLabel * largest * weighted_mean(sizes, scored.weights).value_or(0);
}

template <class Loss>
std::vector<double> of_each_row(const Scored& scored, Loss loss) {
  std::vector<double> losses(scored.rows());
  for (std::size_t i = 0; i < losses.size(); ++i) losses[i] = loss(i);
  return losses;
}

std::vector<double> costs_of(const Scored& scored) {
  const std::vector<double>& costs = scored.options.costs;
  const std::size_t classes = scored.task == Task::binary ? 2 : scored.classes;
  const double largest = costs.empty() ? 1 : *std::max_element(costs.begin(), costs.end());
  return of_each_row(scored, [&](std::size_t row) {
    const std::ptrdiff_t label = label_of(scored, row);
    if (label == kUnknownClass) return largest;
    const std::size_t predicted = predicted_class(scored, row);
    const auto actual = static_cast<std::size_t>(label);
    if (costs.empty()) return actual == predicted ? 0.0 : 1.0;
    return costs[actual * classes + predicted];
  });
}

std::vector<double> relative_errors_of(const Scored& scored) {
  const double guard = guard_of(scored);
  if (guard == 0 && scored.rows() > 0) {
    throw DataError("all " + std::to_string(scored.rows()) + " labels are 0, and an error relative to 0 has no size",
                    "choose mae, or leave mape to windows in which not every label is 0");
  }
  return of_each_row(scored, [&](std::size_t row) {
    return std::fabs(error_of(scored, row)) / std::max(std::fabs(scored.labels[row]), guard);
  });
}

// By group, what the rows of the group add up to, each times its weight.
std::vector<double> sums_by_group(const Scored& scored, Groups groups, std::vector<double> values) {
  for (std::size_t i = 0; i < scored.weights.size(); ++i) values[i] *= scored.weights[i];
  if (groups.empty()) return values;
  std::vector<Sum> sums(count_groups(groups, values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) sums[groups[i]].add(values[i]);
  values.resize(sums.size());
  std::transform(sums.begin(), sums.end(), values.begin(), [](const Sum& sum) { return sum.value(); });
  return values;
}

// Of the groups; empty where every row is one and weighs 1.
std::vector<double> weights_by_group(const Scored& scored, Groups groups) {
  if (groups.empty()) return {scored.weights.begin(), scored.weights.end()};
  return sums_by_group(scored, groups, std::vector<double>(scored.rows(), 1.0));
}

class MeanLoss : public WeightedMetric::Rows {
 public:
  MeanLoss(Metric metric, const Scored& scored, Groups groups)
      : metric_(metric),
        losses_(sums_by_group(scored, groups, losses_of(metric, scored))),
        weights_(weights_by_group(scored, groups)) {}
  std::optional<double> value(std::span<const double> weights) const override {
    Sum sum;
    Sum weight;
    for (std::size_t group = 0; group < losses_.size(); ++group) {
      const double drawn = weight_of(weights, group);
      sum.add(drawn * losses_[group]);
      weight.add(drawn * weight_of(weights_, group));
    }
    if (weight.value() == 0) return std::nullopt;
    const double mean = sum.value() / weight.value();
    if (metric_ == Metric::accuracy) return 1 - mean;
    return metric_ == Metric::rmse ? std::sqrt(mean) : mean;
  }

 private:
  Metric metric_;
  std::vector<double> losses_;   // by group, as the weights
  std::vector<double> weights_;  // empty: 1 each
};

class Undefined : public WeightedMetric::Rows {
 public:
  std::optional<double> value(std::span<const double>) const override { return std::nullopt; }
};

// 1 minus the squared errors of the predictions over those of the labels' own mean. The labels of a group are spread
// about its own mean, and that about the mean of all (Chan, Golub and LeVeque 1983).
class Determination : public WeightedMetric::Rows {
 public:
  Determination(const Scored& scored, Groups groups)
      : squared_errors_(sums_by_group(scored, groups, losses_of(Metric::rmse, scored))),
        weights_(weights_by_group(scored, groups)) {
    std::vector<double> labels(scored.labels.begin(), scored.labels.end());
    if (groups.empty()) {
      means_ = std::move(labels);
      return;
    }
    means_ = sums_by_group(scored, groups, std::move(labels));
    for (std::size_t group = 0; group < means_.size(); ++group) {
      if (weights_[group] > 0) means_[group] /= weights_[group];
    }
    std::vector<double> squares(scored.rows());
    for (std::size_t row = 0; row < squares.size(); ++row) {
      const double distance = scored.labels[row] - means_[groups[row]];
      squares[row] = distance * distance;
    }
    spreads_ = sums_by_group(scored, groups, std::move(squares));
    find_extremes(scored, groups);
  }

  std::optional<double> value(std::span<const double> weights) const override {
    Sum labels;
    Sum weight;
    for (std::size_t group = 0; group < means_.size(); ++group) {
      const double w = weight_of(weights, group) * weight_of(weights_, group);
      labels.add(w * means_[group]);
      weight.add(w);
    }
    if (weight.value() == 0 || is_constant(weights)) return std::nullopt;
    const double mean = labels.value() / weight.value();
    Sum errors;
    Sum spread;
    for (std::size_t group = 0; group < means_.size(); ++group) {
      const double drawn = weight_of(weights, group);
      const double distance = means_[group] - mean;
      errors.add(drawn * squared_errors_[group]);
      spread.add(drawn * weight_of(weights_, group) * distance * distance);
      if (!spreads_.empty()) spread.add(drawn * spreads_[group]);
    }
    if (spread.value() == 0) return std::nullopt;
    return 1 - errors.value() / spread.value();
  }

 private:
  void find_extremes(const Scored& scored, Groups groups) {
    smallest_.assign(means_.size(), std::numeric_limits<double>::infinity());
    largest_.assign(means_.size(), -std::numeric_limits<double>::infinity());
    for (std::size_t row = 0; row < scored.rows(); ++row) {
      if (weight_of(scored.weights, row) == 0) continue;
      smallest_[groups[row]] = std::min(smallest_[groups[row]], scored.labels[row]);
      largest_[groups[row]] = std::max(largest_[groups[row]], scored.labels[row]);
    }
  }

  // Asked of the labels themselves: the mean of equal labels may be rounded away from them.
  bool is_constant(std::span<const double> weights) const {
    const std::vector<double>& smallest = smallest_.empty() ? means_ : smallest_;
    const std::vector<double>& largest = largest_.empty() ? means_ : largest_;
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();
    for (std::size_t group = 0; group < means_.size(); ++group) {
      if (weight_of(weights, group) * weight_of(weights_, group) == 0) continue;
      low = std::min(low, smallest[group]);
      high = std::max(high, largest[group]);
      if (low < high) return false;
    }
    return true;
  }

  // By group; what is empty is of rows that are groups themselves: they weigh 1, have no spread, and are their means.
  std::vector<double> squared_errors_;
  std::vector<double> weights_;
  std::vector<double> means_;
  std::vector<double> spreads_;
  std::vector<double> smallest_;
  std::vector<double> largest_;
};

}  // namespace

std::vector<double> losses_of(Metric metric, const Scored& scored) {
  switch (metric) {
    case Metric::accuracy:
      return of_each_row(scored, [&](std::size_t row) { return is_wrong(scored, row) ? 1.0 : 0.0; });
    case Metric::log_loss:
      return of_each_row(scored, [&](std::size_t row) { return log_loss_of(scored, row); });
    case Metric::brier:
      return of_each_row(scored, [&](std::size_t row) { return brier_of(scored, row); });
    case Metric::cost:
      return costs_of(scored);
    case Metric::mae:
      return of_each_row(scored, [&](std::size_t row) { return std::fabs(error_of(scored, row)); });
    case Metric::rmse:
      return of_each_row(scored, [&](std::size_t row) { return error_of(scored, row) * error_of(scored, row); });
    case Metric::mape:
      return relative_errors_of(scored);
    case Metric::pinball:
      return of_each_row(scored, [&](std::size_t row) { return pinball_of(scored, row); });
    case Metric::bias:
      return of_each_row(scored, [&](std::size_t row) { return error_of(scored, row); });
    default:
      throw std::logic_error("the metric " + std::string(to_text(metric)) + " is not a mean of losses of rows");
  }
}

PreparedMetric prepare_mean_loss(Metric metric, const Scored& scored, Groups groups) {
  if (metric == Metric::mape && guard_of(scored) == 0) return std::make_unique<Undefined>();
  return std::make_unique<MeanLoss>(metric, scored, groups);
}

PreparedMetric prepare_determination(const Scored& scored, Groups groups) {
  return std::make_unique<Determination>(scored, groups);
}

}  // namespace retraind::stats
