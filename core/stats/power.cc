#include "core/stats/power.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace retraind::stats {
namespace {

double normal_quantile(double p, const char* what) {
  if (!(p > 0 && p < 1)) {
    throw std::logic_error("a " + std::string(what) + " of " + std::to_string(p) + " is not between 0 and 1");
  }
  return boost::math::quantile(boost::math::normal(), p);
}

struct Quantiles {
  double confidence = 0;
  // Of confidence and power together. A power below 1 - confidence is had without any rows.
  double both = 0;
};

Quantiles quantiles(double confidence, double power) {
  const double of_confidence = normal_quantile(confidence, "confidence");
  return {of_confidence, std::max(0.0, of_confidence + normal_quantile(power, "power"))};
}

void check_spread(double deviation, double design_effect) {
  if (!(deviation >= 0) || !std::isfinite(deviation) || !std::isfinite(design_effect)) {
    throw std::logic_error("differences with a deviation of " + std::to_string(deviation) + " and a design effect of " +
                           std::to_string(design_effect) + " have no power");
  }
}

void check_difference(double difference) {
  if (!(difference > 0) || !std::isfinite(difference)) {
    throw std::logic_error("a difference of " + std::to_string(difference) + " cannot be shown by any number of rows");
  }
}

std::uint64_t whole_rows(double rows) {
  // The largest double below 2^64 is far below it; anything from there on is "never".
  if (!(rows < 1.8e19)) return std::numeric_limits<std::uint64_t>::max();
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(rows)));
}

// How many rows Student's t asks for more than the normal distribution does.
double students_rows(double confidence_quantile) {
  return confidence_quantile * confidence_quantile / 2;
}

}  // namespace

std::uint64_t rows_needed(double difference, double deviation, double design_effect, double confidence, double power) {
  check_difference(difference);
  check_spread(deviation, design_effect);
  const Quantiles z = quantiles(confidence, power);
  const double root = z.both * (deviation / difference);
  return whole_rows((root * root + students_rows(z.confidence)) * std::max(1.0, design_effect));
}

std::uint64_t mcnemar_rows_needed(double difference, double disagreement, double confidence, double power) {
  check_difference(difference);
  if (difference > 1 || !(disagreement >= 0 && disagreement <= 1)) {
    throw std::logic_error("a difference of " + std::to_string(difference) + " at a disagreement of " +
                           std::to_string(disagreement) + " is none of shares of rows");
  }
  const double z_confidence = normal_quantile(confidence, "confidence");
  const double z_power = normal_quantile(power, "power");
  const double d = std::max(disagreement, difference);
  const double root = (z_confidence * std::sqrt(d) + z_power * std::sqrt(d - difference * difference)) / difference;
  return whole_rows(root > 0 ? root * root : 0);
}

double detectable_difference(std::uint64_t rows, double deviation, double design_effect, double confidence,
                             double power) {
  check_spread(deviation, design_effect);
  const Quantiles z = quantiles(confidence, power);
  const double worth = static_cast<double>(rows) / std::max(1.0, design_effect) - students_rows(z.confidence);
  if (!(worth > 0)) return std::numeric_limits<double>::infinity();
  return z.both * deviation / std::sqrt(worth);
}

}  // namespace retraind::stats
