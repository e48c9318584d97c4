#include "core/stats/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "core/base/error.h"
#include "core/stats/sum.h"

namespace retraind::stats {

class WeightedMetric::Rows {
 public:
  virtual ~Rows() = default;
  virtual std::size_t size() const = 0;
  // Empty weights mean 1 for every row.
  virtual std::optional<double> value(std::span<const double> weights) const = 0;
};

namespace {

constexpr double kSmallestProbability = 1e-15;
constexpr std::ptrdiff_t kUnknownClass = -1;

double weight_of(std::span<const double> weights, std::size_t row) {
  return weights.empty() ? 1 : weights[row];
}

void check(Metric metric, const Scored& scored) {
  if (!applies_to(metric, scored.task)) {
    throw std::logic_error("the metric " + std::string(to_text(metric)) + " does not apply to a task of kind " +
                           std::string(to_text(scored.task)));
  }
  const std::size_t width = scored.task == Task::multiclass ? scored.classes : 1;
  if (width == 0 || scored.predictions.size() != scored.rows() * width) {
    throw std::logic_error(std::to_string(scored.predictions.size()) + " predictions stand beside " +
                           std::to_string(scored.rows()) + " labels of " + std::to_string(width) + " numbers each");
  }
  const bool regression = scored.task == Task::regression;
  for (std::size_t i = 0; i < scored.predictions.size(); ++i) {
    const double prediction = scored.predictions[i];
    if (!std::isfinite(prediction) || (!regression && (prediction < 0 || prediction > 1))) {
      throw DataError("the prediction for row " + std::to_string(i / width) + " is " + std::to_string(prediction) +
                      (regression ? ", which is not a finite number" : ", which is not a probability"));
    }
  }
  const double classes = scored.task == Task::multiclass ? static_cast<double>(scored.classes) : 2;
  for (std::size_t i = 0; i < scored.rows(); ++i) {
    const double label = scored.labels[i];
    const bool fits = regression ? std::isfinite(label) : label >= -1 && label < classes && label == std::floor(label);
    if (!fits) throw std::logic_error("row " + std::to_string(i) + " has the label " + std::to_string(label));
  }
}

std::ptrdiff_t label_of(const Scored& scored, std::size_t row) {
  return static_cast<std::ptrdiff_t>(scored.labels[row]);
}

std::ptrdiff_t predicted_class(const Scored& scored, std::size_t row) {
  if (scored.task == Task::binary) return scored.predictions[row] > 0.5 ? 1 : 0;
  const auto probabilities = scored.predictions.subspan(row * scored.classes, scored.classes);
  return std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin();
}

// Of the class the row belongs to.
double probability_of_truth(const Scored& scored, std::size_t row) {
  const std::ptrdiff_t label = label_of(scored, row);
  if (label == kUnknownClass) return 0;
  if (scored.task == Task::binary) return label == 1 ? scored.predictions[row] : 1 - scored.predictions[row];
  return scored.predictions[row * scored.classes + static_cast<std::size_t>(label)];
}

double row_loss(Metric metric, const Scored& scored, std::size_t row) {
  switch (metric) {
    case Metric::accuracy:
      return predicted_class(scored, row) == label_of(scored, row) ? 0 : 1;
    case Metric::log_loss:
      return -std::log(std::clamp(probability_of_truth(scored, row), kSmallestProbability, 1 - kSmallestProbability));
    case Metric::brier: {
      const double missing = 1 - probability_of_truth(scored, row);
      return missing * missing;
    }
    case Metric::mae:
      return std::fabs(scored.predictions[row] - scored.labels[row]);
    case Metric::rmse: {
      const double error = scored.predictions[row] - scored.labels[row];
      return error * error;
    }
    case Metric::auc:
    case Metric::f1:
    case Metric::macro_f1:
    case Metric::r2:
      break;
  }
  throw std::logic_error("the metric " + std::string(to_text(metric)) + " is not a mean of losses of rows");
}

std::vector<double> losses_of(Metric metric, const Scored& scored) {
  std::vector<double> losses(scored.rows());
  for (std::size_t i = 0; i < losses.size(); ++i) losses[i] = row_loss(metric, scored, i);
  return losses;
}

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

class MeanLoss : public WeightedMetric::Rows {
 public:
  MeanLoss(Metric metric, const Scored& scored) : metric_(metric), losses_(losses_of(metric, scored)) {}
  std::size_t size() const override { return losses_.size(); }
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

// The share of pairs of a positive and a negative row in which the positive one has the higher score; a tie is half a
// pair (Hanley and McNeil 1982). By one pass over the rows in the order of their scores.
class AreaUnderCurve : public WeightedMetric::Rows {
 public:
  explicit AreaUnderCurve(const Scored& scored) {
    // A positive that every negative outranks.
    const auto score = [&](std::uint32_t row) {
      return scored.labels[row] == kUnknownClass ? -1.0 : scored.predictions[row];
    };
    if (scored.rows() > std::numeric_limits<std::uint32_t>::max()) {
      throw std::logic_error("more than 2^32 rows were scored at once");
    }
    order_.resize(scored.rows());
    std::iota(order_.begin(), order_.end(), std::uint32_t{0});
    std::sort(order_.begin(), order_.end(),
              [&](std::uint32_t a, std::uint32_t b) { return score(a) != score(b) ? score(a) < score(b) : a < b; });
    for (std::size_t i = 0; i < order_.size(); ++i) {
      negative_.push_back(scored.labels[order_[i]] == 0);
      last_of_tie_.push_back(i + 1 == order_.size() || score(order_[i]) != score(order_[i + 1]));
    }
  }
  std::size_t size() const override { return order_.size(); }
  std::optional<double> value(std::span<const double> weights) const override {
    Sum won;
    Sum positives;
    Sum negatives;
    double tied_positives = 0;
    double tied_negatives = 0;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      (negative_[i] ? tied_negatives : tied_positives) += weight_of(weights, order_[i]);
      if (!last_of_tie_[i]) continue;
      won.add(tied_positives * (negatives.value() + tied_negatives / 2));
      positives.add(tied_positives);
      negatives.add(tied_negatives);
      tied_positives = tied_negatives = 0;
    }
    if (positives.value() == 0 || negatives.value() == 0) return std::nullopt;
    return won.value() / positives.value() / negatives.value();
  }

 private:
  std::vector<std::uint32_t> order_;  // rows by ascending score
  std::vector<bool> negative_;        // parallel to order_
  std::vector<bool> last_of_tie_;
};

// f1 of class 1, or its mean over the classes.
class FScore : public WeightedMetric::Rows {
 public:
  FScore(Metric metric, const Scored& scored)
      : macro_(metric == Metric::macro_f1), classes_(scored.task == Task::binary ? 2 : scored.classes) {
    for (std::size_t i = 0; i < scored.rows(); ++i) {
      const std::ptrdiff_t label = label_of(scored, i);
      // One more class stands for all that are unknown; nothing is ever predicted to be one of them.
      truth_.push_back(label == kUnknownClass ? classes_ : static_cast<std::size_t>(label));
      predicted_.push_back(static_cast<std::size_t>(predicted_class(scored, i)));
    }
  }
  std::size_t size() const override { return truth_.size(); }
  std::optional<double> value(std::span<const double> weights) const override {
    std::vector<Sum> right(classes_ + 1);
    std::vector<Sum> wrong(classes_ + 1);  // false positives and false negatives of a class
    for (std::size_t i = 0; i < truth_.size(); ++i) {
      const double w = weight_of(weights, i);
      if (truth_[i] == predicted_[i]) {
        right[truth_[i]].add(w);
        continue;
      }
      wrong[truth_[i]].add(w);
      wrong[predicted_[i]].add(w);
    }
    double sum = 0;
    double occurring = 0;
    for (std::size_t c = 0; c <= classes_; ++c) {
      const double hits = right[c].value();
      const double misses = wrong[c].value();
      if (hits + misses == 0) continue;
      ++occurring;
      sum += 2 * hits / (2 * hits + misses);
    }
    if (occurring == 0) return std::nullopt;
    if (macro_) return sum / occurring;
    const double hits = right[1].value();
    // A row of unknown class is a false negative of class 1 as well, unless it was already taken for it.
    const double misses = wrong[1].value() + unknown_taken_for_0(weights);
    return hits == 0 ? 0 : 2 * hits / (2 * hits + misses);
  }

 private:
  double unknown_taken_for_0(std::span<const double> weights) const {
    Sum sum;
    for (std::size_t i = 0; i < truth_.size(); ++i) {
      if (truth_[i] == classes_ && predicted_[i] == 0) sum.add(weight_of(weights, i));
    }
    return sum.value();
  }

  bool macro_;
  std::size_t classes_;
  std::vector<std::size_t> truth_;
  std::vector<std::size_t> predicted_;
};

// 1 minus the squared errors of the predictions over those of the labels' own mean.
class Determination : public WeightedMetric::Rows {
 public:
  explicit Determination(const Scored& scored)
      : labels_(scored.labels), squared_errors_(losses_of(Metric::rmse, scored)) {}
  std::size_t size() const override { return labels_.size(); }
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

std::unique_ptr<const WeightedMetric::Rows> rows_for(Metric metric, const Scored& scored) {
  check(metric, scored);
  switch (metric) {
    case Metric::auc:
      return std::make_unique<AreaUnderCurve>(scored);
    case Metric::f1:
    case Metric::macro_f1:
      return std::make_unique<FScore>(metric, scored);
    case Metric::r2:
      return std::make_unique<Determination>(scored);
    case Metric::accuracy:
    case Metric::log_loss:
    case Metric::brier:
    case Metric::rmse:
    case Metric::mae:
      break;
  }
  return std::make_unique<MeanLoss>(metric, scored);
}

}  // namespace

WeightedMetric::WeightedMetric(Metric metric, const Scored& scored) : rows_(rows_for(metric, scored)) {}
WeightedMetric::WeightedMetric(WeightedMetric&&) noexcept = default;
WeightedMetric& WeightedMetric::operator=(WeightedMetric&&) noexcept = default;
WeightedMetric::~WeightedMetric() = default;

std::optional<double> WeightedMetric::operator()(std::span<const double> weights) const {
  if (!weights.empty() && weights.size() != rows_->size()) {
    throw std::logic_error(std::to_string(weights.size()) + " weights were given for " + std::to_string(rows_->size()) +
                           " rows");
  }
  for (const double weight : weights) {
    if (!(weight >= 0) || std::isinf(weight)) throw std::logic_error("a row weighs " + std::to_string(weight));
  }
  return rows_->value(weights);
}

std::optional<double> evaluate(Metric metric, const Scored& scored, std::span<const double> weights) {
  return WeightedMetric(metric, scored)(weights);
}

std::vector<double> row_losses(Metric metric, const Scored& scored) {
  if (!is_mean_of_row_losses(metric)) {
    throw std::logic_error("the metric " + std::string(to_text(metric)) + " is not a mean of losses of rows");
  }
  check(metric, scored);
  return losses_of(metric, scored);
}

std::vector<MetricValue> evaluate_all(const Scored& scored) {
  std::vector<MetricValue> values;
  for (std::size_t i = 0; i < words_of<Metric>().size(); ++i) {
    const auto metric = static_cast<Metric>(i);
    if (!applies_to(metric, scored.task)) continue;
    if (const auto value = evaluate(metric, scored)) values.push_back({metric, *value});
  }
  return values;
}

}  // namespace retraind::stats
