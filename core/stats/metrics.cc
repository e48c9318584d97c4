#include "core/stats/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/stats/metric_rows.h"

namespace retraind::stats {
namespace {

void check_weights(std::span<const double> weights, std::size_t rows) {
  if (!weights.empty() && weights.size() != rows) {
    throw std::logic_error(std::to_string(weights.size()) + " weights were given for " + std::to_string(rows) +
                           " rows");
  }
  // All at once, since a bootstrap asks for each replicate; which one it was, only then.
  bool fine = true;
  for (const double weight : weights) fine &= (weight >= 0) & (weight <= std::numeric_limits<double>::max());
  if (fine) return;
  for (const double weight : weights) {
    if (!(weight >= 0) || std::isinf(weight)) throw std::logic_error("a row weighs " + std::to_string(weight));
  }
}

void check_costs(const std::vector<double>& costs, std::size_t classes) {
  if (costs.empty()) return;
  if (costs.size() != classes * classes) {
    throw std::logic_error(std::to_string(costs.size()) + " costs were given for " + std::to_string(classes) +
                           " classes");
  }
  for (const double cost : costs) {
    if (!(cost >= 0) || std::isinf(cost)) throw std::logic_error("a cost is " + std::to_string(cost));
  }
}

// The threshold under every binary metric, because sums of rows are counted at it; others where the metric looks at
// them.
void check_options(Metric metric, const Scored& scored) {
  const MetricOptions& options = scored.options;
  if (scored.task == Task::binary && !(options.threshold >= 0 && options.threshold <= 1)) {
    throw std::logic_error("a threshold of " + std::to_string(options.threshold) + " is no probability");
  }
  if (metric == Metric::pinball && !(options.quantile > 0 && options.quantile < 1)) {
    throw std::logic_error("there is no quantile at " + std::to_string(options.quantile));
  }
  if (metric == Metric::cost) check_costs(options.costs, scored.task == Task::binary ? 2 : scored.classes);
  if (metric == Metric::recall && scored.task == Task::multiclass && options.of_class &&
      (*options.of_class < 0 || static_cast<std::size_t>(*options.of_class) >= scored.classes)) {
    throw std::logic_error("there is no class " + std::to_string(*options.of_class) + " of " +
                           std::to_string(scored.classes));
  }
  if (metric == Metric::mape && options.guard && !(*options.guard > 0 && std::isfinite(*options.guard))) {
    throw std::logic_error("an error cannot be relative to " + std::to_string(*options.guard));
  }
}

PreparedMetric prepare(Metric metric, const Scored& scored, Groups groups) {
  check_scored(metric, scored);
  if (!groups.empty() && groups.size() != scored.rows()) {
    throw std::logic_error(std::to_string(groups.size()) + " groups were given for " + std::to_string(scored.rows()) +
                           " rows");
  }
  switch (metric) {
    case Metric::auc:
      return prepare_area_under_curve(scored, groups);
    case Metric::macro_auc:
      return prepare_macro_area(scored, groups);
    case Metric::average_precision:
      return prepare_average_precision(scored, groups);
    case Metric::f1:
    case Metric::macro_f1:
    case Metric::weighted_f1:
    case Metric::precision:
    case Metric::recall:
      return prepare_counts(metric, scored, groups);
    case Metric::calibration_error:
      return prepare_calibration_error(scored, groups);
    case Metric::calibration_slope:
      return prepare_calibration_slope(scored, groups);
    case Metric::r2:
      return prepare_determination(scored, groups);
    case Metric::accuracy:
    case Metric::log_loss:
    case Metric::brier:
    case Metric::cost:
    case Metric::rmse:
    case Metric::mae:
    case Metric::mape:
    case Metric::pinball:
    case Metric::bias:
      return prepare_mean_loss(metric, scored, groups);
  }
  throw std::logic_error("not a metric");
}

}  // namespace

void check_scored(Metric metric, const Scored& scored) {
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
  check_weights(scored.weights, scored.rows());
  check_options(metric, scored);
}

WeightedMetric::WeightedMetric(Metric metric, const Scored& scored, std::span<const std::uint32_t> groups)
    : rows_(prepare(metric, scored, groups)), groups_(count_groups(groups, scored.rows())) {}
WeightedMetric::WeightedMetric(WeightedMetric&&) noexcept = default;
WeightedMetric& WeightedMetric::operator=(WeightedMetric&&) noexcept = default;
WeightedMetric::~WeightedMetric() = default;

std::optional<double> WeightedMetric::operator()(std::span<const double> weights) const {
  check_weights(weights, groups_);
  const std::optional<double> value = rows_->value(weights);
  if (value && !std::isfinite(*value)) return std::nullopt;
  return value;
}

std::optional<double> evaluate(Metric metric, const Scored& scored, std::span<const double> weights) {
  return WeightedMetric(metric, scored)(weights);
}

std::vector<double> row_losses(Metric metric, const Scored& scored) {
  if (!is_mean_of_row_losses(metric)) {
    throw std::logic_error("the metric " + std::string(to_text(metric)) + " is not a mean of losses of rows");
  }
  check_scored(metric, scored);
  return losses_of(metric, scored);
}

std::vector<MetricValue> evaluate_all(const Scored& scored, std::size_t threads) {
  std::vector<Metric> metrics;
  for (std::size_t i = 0; i < words_of<Metric>().size(); ++i) {
    if (const auto metric = static_cast<Metric>(i); applies_to(metric, scored.task)) metrics.push_back(metric);
  }
  std::vector<std::optional<double>> found(metrics.size());
  parallel_for(threads, metrics.size(), [&](std::size_t i) { found[i] = evaluate(metrics[i], scored); });
  std::vector<MetricValue> values;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (found[i]) values.push_back({metrics[i], *found[i]});
  }
  return values;
}

}  // namespace retraind::stats
