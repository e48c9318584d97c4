#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/stats/change.h"

namespace retraind::stats {

// Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting", theorem 2 with the plug-in
// (15), lambda cut at 1/2, and one imagined row of value 1/2 and variance 1/4.
void ConfidenceSequence::add(double value) {
  if (!(value >= 0 && value <= 1)) {
    throw std::logic_error("a confidence sequence of values in [0, 1] was given " + std::to_string(value));
  }
  if (!(alpha > 0 && alpha < 1)) throw std::logic_error("a confidence sequence with alpha " + std::to_string(alpha));
  const double log_term = std::log(2 / alpha);
  const double t = static_cast<double>(rows) + 1;
  // What is known before this row.
  const double mean_before = (0.5 + sum) / t;
  const double variance_before = (0.25 + square_sum) / t;
  const double lambda = std::min(std::sqrt(2 * log_term / (variance_before * t * std::log1p(t))), 0.5);

  const double surprise = value - mean_before;
  weight_sum += lambda;
  weighted_sum += lambda * value;
  penalty_sum += 4 * surprise * surprise * (-std::log1p(-lambda) - lambda) / 4;
  sum += value;
  ++rows;
  const double distance = value - (0.5 + sum) / (t + 1);
  square_sum += distance * distance;

  const double centre = weighted_sum / weight_sum;
  const double radius = (log_term + penalty_sum) / weight_sum;
  low = std::max(low, centre - radius);
  high = std::min(high, centre + radius);
}

}  // namespace retraind::stats
