#pragma once
// What the configuration says of metrics that leave something open, for a model with these classes: everywhere the
// same, whether a candidate is judged, a trial is looked at or production is watched. Pure.

#include <string>
#include <vector>

#include "core/settings/settings.h"
#include "core/stats/metrics.h"

namespace retraind::pipeline {

// Throws DataError for a cost of a class that is none of `classes`.
stats::MetricOptions metric_options(const settings::Validation& validation, const std::vector<std::string>& classes);

}  // namespace retraind::pipeline
