#include "core/stats/proportion.h"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

namespace retraind::stats {
namespace {

void check(double hits, double rows) {
  if (!(rows > 0) || !(hits >= 0) || hits > rows) {
    throw std::logic_error(std::to_string(hits) + " of " + std::to_string(rows) + " rows are no share");
  }
}

// share * ln(share / of), 0 for a share of 0.
double relative_entropy_term(double share, double of) {
  return share > 0 ? share * std::log(share / of) : 0;
}

}  // namespace

Bounds wilson(double hits, double rows, double z) {
  check(hits, rows);
  const double share = hits / rows;
  const double z2 = z * z;
  const double centre = (hits + z2 / 2) / (rows + z2);
  const double reach = z / (rows + z2) * std::sqrt(rows * share * (1 - share) + z2 / 4);
  // At 0 and at 1 the bound is the share itself; rounding must not say otherwise.
  return {hits == 0 ? 0 : std::clamp(centre - reach, 0.0, share),
          hits == rows ? 1 : std::clamp(centre + reach, share, 1.0)};
}

Bounds clopper_pearson(double hits, double rows, double tail) {
  check(hits, rows);
  Bounds bounds;
  if (hits > 0) bounds.low = boost::math::ibeta_inv(hits, rows - hits + 1, tail);
  if (hits < rows) bounds.high = boost::math::ibetac_inv(hits + 1, rows - hits, tail);
  return bounds;
}

Bounds newcombe(double first_hits, double first_rows, double second_hits, double second_rows, double z) {
  const Bounds first = wilson(first_hits, first_rows, z);
  const Bounds second = wilson(second_hits, second_rows, z);
  const double p = first_hits / first_rows;
  const double q = second_hits / second_rows;
  return {std::max(-1.0, q - p - std::hypot(q - second.low, first.high - p)),
          std::min(1.0, q - p + std::hypot(second.high - q, p - first.low))};
}

double log_sf_normal(double z) {
  if (z < 25) return std::log(std::erfc(z / std::numbers::sqrt2) / 2);
  // Abramowitz and Stegun 26.2.12; the first term left out is below 1e-8 of p.
  const double i = 1 / (z * z);
  return -z * z / 2 - std::log(z * std::sqrt(2 * std::numbers::pi)) + std::log1p(-i * (1 - 3 * i * (1 - 5 * i)));
}

double log_p_rise(double first_hits, double first_rows, double second_hits, double second_rows, double more) {
  if (second_hits / second_rows - first_hits / first_rows <= more) return 0;
  // The lower bound falls as z grows: below `more` at a z that is large against the square root of the rows.
  double low = 0;
  double high = 1;
  while (newcombe(first_hits, first_rows, second_hits, second_rows, high).low > more && high < 1e9) high *= 2;
  for (int step = 0; step < 60; ++step) {
    const double middle = (low + high) / 2;
    (newcombe(first_hits, first_rows, second_hits, second_rows, middle).low > more ? low : high) = middle;
  }
  return log_sf_normal(low);
}

double log_sf_binomial(double hits, double rows, double share) {
  check(hits, rows);
  if (hits == 0 || share >= 1) return 0;
  if (share <= 0) throw std::logic_error("a probability of " + std::to_string(share) + " has no binomial tail");
  const double tail = boost::math::ibeta(hits, rows - hits + 1, share);
  if (tail > 1e-280) return std::log(tail);
  const double q = hits / rows;
  return -rows * (relative_entropy_term(q, share) + relative_entropy_term(1 - q, 1 - share));
}

double log_sf_hypergeometric(std::uint64_t hits, std::uint64_t rows, std::uint64_t marked, std::uint64_t total) {
  if (hits > rows || hits > marked || rows > total || marked > total) {
    throw std::logic_error("more rows were drawn or marked than there are");
  }
  const auto n = static_cast<double>(rows);
  const auto k = static_cast<double>(marked);
  const auto all = static_cast<double>(total);
  const auto log_choose = [](double of, double some) {
    return std::lgamma(of + 1) - std::lgamma(some + 1) - std::lgamma(of - some + 1);
  };
  // Fewer hits than this cannot be.
  const double fewest = std::max(static_cast<double>(hits), n + k - all);
  if (fewest > static_cast<double>(hits) || hits == 0) return 0;
  double ratio = 1;
  double sum = 1;
  for (double x = fewest; x < std::min(n, k); ++x) {
    ratio *= (k - x) * (n - x) / ((x + 1) * (all - k - n + x + 1));
    sum += ratio;
  }
  return std::min(0.0, log_choose(k, fewest) + log_choose(all - k, n - fewest) - log_choose(all, n) + std::log(sum));
}

}  // namespace retraind::stats
