// Metrics that are means of a loss of single rows, and r2.

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

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

class MeanLoss : public WeightedMetric::Rows {
 public:
  MeanLoss(Metric metric, const Scored& scored) : metric_(metric), losses_(losses_of(metric, scored)) {}
  std::optional<double> value(std::span<const double> weights) const override {
    const std::optional<double> mean = weighted_mean(losses_, weights);
    if (!mean) return std::nullopt;
    if (metric_ == Metric::accuracy) return 1 - *mean;
    return metric_ == Metric::rmse ? std::sqrt(*mean) : *mean;
  }

 private:
  Metric metric_;
  std::vector<double> losses_;
};

class Undefined : public WeightedMetric::Rows {
 public:
  std::optional<double> value(std::span<const double>) const override { return std::nullopt; }
};

// 1 minus the squared errors of the predictions over those of the labels' own mean.
class Determination : public WeightedMetric::Rows {
 public:
  explicit Determination(const Scored& scored)
      : labels_(scored.labels), squared_errors_(losses_of(Metric::rmse, scored)) {}
  std::optional<double> value(std::span<const double> weights) const override {
    const std::optional<double> mean = weighted_mean(labels_, weights);
    if (!mean || is_constant(weights)) return std::nullopt;
    Sum errors;
    Sum spread;
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      const double w = weight_of(weights, i);
      const double distance = labels_[i] - *mean;
      errors.add(w * squared_errors_[i]);
      spread.add(w * distance * distance);
    }
    if (spread.value() == 0) return std::nullopt;
    return 1 - errors.value() / spread.value();
  }

 private:
  // Asked of the labels themselves: the mean of equal labels may be rounded away from them.
  bool is_constant(std::span<const double> weights) const {
    std::optional<double> first;
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      if (weight_of(weights, i) == 0) continue;
      if (!first) first = labels_[i];
      if (labels_[i] != *first) return false;
    }
    return true;
  }

  std::span<const double> labels_;
  std::vector<double> squared_errors_;
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

PreparedMetric prepare_mean_loss(Metric metric, const Scored& scored) {
  if (metric == Metric::mape && guard_of(scored) == 0) return std::make_unique<Undefined>();
  return std::make_unique<MeanLoss>(metric, scored);
}

PreparedMetric prepare_determination(const Scored& scored) {
  return std::make_unique<Determination>(scored);
}

}  // namespace retraind::stats
