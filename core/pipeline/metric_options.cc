#include "core/pipeline/metric_options.h"

#include "core/evaluate/compare.h"

namespace retraind::pipeline {

stats::MetricOptions metric_options(const settings::Validation& validation, const std::vector<std::string>& classes) {
  stats::MetricOptions out;
  out.threshold = validation.threshold;
  out.quantile = validation.quantile;
  if (!validation.costs.empty()) out.costs = evaluate::cost_matrix(validation.costs, classes);
  return out;
}

}  // namespace retraind::pipeline
