#include <cmath>
#include <stdexcept>

#include "core/stats/metric_sums.h"
#include "core/stats/sum.h"

namespace retraind::stats {

std::optional<Interval> jackknife(std::span<const MetricSums> parts, Metric metric, double confidence) {
  if (!(confidence > 0 && confidence < 1)) {
    throw std::logic_error("a confidence of " + std::to_string(confidence) + " is not between 0 and 1");
  }
  std::vector<const MetricSums*> filled;
  for (const MetricSums& part : parts) {
    if (part.rows() > 0) filled.push_back(&part);
  }
  if (filled.size() < 2) return std::nullopt;

  // What stays when a part is left out is added up from the two sides and never taken off the total, which would lose
  // digits: behind[i] holds the parts from i on.
  std::vector<MetricSums> behind(filled.size() + 1);
  for (std::size_t i = filled.size(); i > 0; --i) {
    behind[i - 1] = *filled[i - 1];
    behind[i - 1].add(behind[i]);
  }
  const MetricSums& total = behind[0];
  const std::optional<double> estimate = total.value(metric);
  if (!estimate) return std::nullopt;

  std::vector<double> without;
  Sum sum;
  MetricSums before;
  for (std::size_t i = 0; i < filled.size(); ++i) {
    MetricSums rest = before;
    rest.add(behind[i + 1]);
    if (const std::optional<double> value = rest.value(metric)) {
      without.push_back(*value);
      sum.add(*value);
    }
    before.add(*filled[i]);
  }
  if (without.size() < 2) return std::nullopt;
  const auto groups = static_cast<double>(without.size());
  const double mean = sum.value() / groups;
  Sum squares;
  for (const double value : without) squares.add((value - mean) * (value - mean));

  Interval interval;
  interval.estimate = *estimate;
  interval.standard_error = std::sqrt((groups - 1) / groups * squares.value());
  if (const auto moments = total.moments(metric)) {
    const double independent = moments->deviation / std::sqrt(static_cast<double>(total.rows()));
    if (independent > 0) interval.inflation = interval.standard_error / independent;
  }
  const double reach = student_t_quantile(confidence, groups - 1) * interval.standard_error;
  interval.low = *estimate - reach;
  interval.high = *estimate + reach;
  interval.clusters = without.size();
  interval.method = "cluster_jackknife";
  return interval;
}

}  // namespace retraind::stats
