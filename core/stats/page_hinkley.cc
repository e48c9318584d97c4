#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/stats/change.h"

namespace retraind::stats {
namespace {

// By how much a sum of normal steps passes its two borders on average, together (Siegmund 1985).
constexpr double kOvershoot = 1.166;

void check(double slack, double rows) {
  if (!(slack > 0) || !std::isfinite(slack) || !(rows >= 10) || !std::isfinite(rows)) {
    throw std::logic_error("no limit has " + std::to_string(rows) + " rows between alarms with a slack of " +
                           std::to_string(slack));
  }
}

// The b with (e^{tb} - tb - 1) / (t slack) = rows. Each round brings the logarithm nearer by a factor that is small as
// soon as e^{tb} is the largest term.
double distance(double t, double slack, double rows) {
  const double wanted = rows * t * slack;
  double exponent = std::log1p(wanted);
  for (int round = 0; round < 200; ++round) exponent = std::log(wanted + exponent + 1);
  return exponent / t;
}

// ln E e^{t (z - slack)} where z has mean 0, deviation 1, and the values `reach` and -1/reach.
double log_growth(double t, double slack, double reach) {
  const double rare = 1 / (1 + reach * reach);
  const double largest = t * (reach - slack);
  const double smallest = t * (-1 / reach - slack);
  return largest + std::log(rare + (1 - rare) * std::exp(smallest - largest));
}

}  // namespace

bool PageHinkley::add(double value) {
  if (!std::isfinite(value) || !(deviation > 0) || !std::isfinite(deviation)) {
    throw std::logic_error("page_hinkley was given " + std::to_string(value) + " with a deviation of " +
                           std::to_string(deviation));
  }
  sum += (value - mean) / deviation - slack;
  ++rows;
  if (sum > 0 && sum < limit) return false;
  const bool alarm = sum >= limit;
  sum = 0;
  rows = 0;
  return alarm;
}

double page_hinkley_limit(double slack, double rows) {
  check(slack, rows);
  const double limit = distance(2 * slack, slack, rows) - kOvershoot;
  if (!(limit > 0)) {
    throw std::logic_error("every positive limit has more than " + std::to_string(rows) +
                           " rows between alarms with a slack of " + std::to_string(slack));
  }
  return limit;
}

double page_hinkley_limit(double slack, double rows, double reach) {
  check(slack, rows);
  if (!(reach > 0) || !std::isfinite(reach)) throw std::logic_error("a reach of " + std::to_string(reach));
  // No value reaches beyond the slack, so that the sum never rises and any limit will do.
  if (reach <= slack) return page_hinkley_limit(slack, rows);
  // The t > 0 at which e^{t S} grows neither nor shrinks on average, which is 2 slack for normal values; the logarithm
  // is convex, 0 at 0 and falling there, so there is one.
  double high = 2 * slack;
  while (log_growth(high, slack, reach) < 0) high *= 2;
  double low = high / 2;
  while (log_growth(low, slack, reach) > 0) low /= 2;
  for (int round = 0; round < 100; ++round) {
    const double middle = (low + high) / 2;
    (log_growth(middle, slack, reach) < 0 ? low : high) = middle;
  }
  // Nothing is taken off for passing the borders: that depends on the shape.
  return distance(low, slack, rows);
}

}  // namespace retraind::stats
