#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/non_central_chi_squared.hpp>
#include <boost/math/special_functions/log1p.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <string>

#include "core/stats/drift.h"
#include "core/stats/noncentral.h"

namespace retraind::stats {
namespace {

// Below this the series of Boost.Math runs out of the range of doubles and returns 0.
const double kLogSmallestExact = -250 * std::numbers::ln10;
// Above this they take milliseconds, because their terms grow with the square root of the argument.
constexpr double kLargestExact = 1e5;

// No error is an exception here: a tail that cannot be had exactly is taken from the approximation.
using QuietPolicy =
    boost::math::policies::policy<boost::math::policies::domain_error<boost::math::policies::ignore_error>,
                                  boost::math::policies::overflow_error<boost::math::policies::ignore_error>,
                                  boost::math::policies::evaluation_error<boost::math::policies::ignore_error>>;

// M(z) - 1/z, where M(z) = P(Z > z) / density(z) is Mills' ratio of a standard normal Z; z > 0. The difference is had
// without subtracting where it is small.
double mills_ratio_less_reciprocal(double z) {
  if (z < 25) {
    return std::erfc(z / std::numbers::sqrt2) / 2 * std::exp(z * z / 2) * std::sqrt(2 * std::numbers::pi) - 1 / z;
  }
  // Abramowitz and Stegun 26.2.12; the first term left out is below 1e-11 of the ratio.
  const double i = 1 / (z * z);
  return -i * (1 - 3 * i * (1 - 5 * i * (1 - 7 * i))) / z;
}

struct LogTails {
  double lower;
  double upper;
};

// The two tails at x by the saddlepoint: Lugannani and Rice (1980), with the second-order term of Daniels (1987,
// "Tail probability approximations"). The cumulant generating function is
//   K(s) = -df/2 ln(1 - 2s) + lambda s / (1 - 2s), s < 1/2,
// and with u = 1 / (1 - 2s) the saddlepoint solves lambda u^2 + df u = x. Everything is written in e = u - 1, which is
// small near the mean, so that nothing cancels there.
LogTails saddlepoint_tails(double x, double df, double lambda) {
  const double distance = x - df - lambda;
  const double slope = 2 * lambda + df;
  const double e = 2 * distance / (slope + std::sqrt(std::max(0.0, slope * slope + 4 * lambda * distance)));
  const double u = 2 * x / (df + std::sqrt(df * df + 4 * lambda * x));
  // The k-th derivative of K at the saddlepoint is u^k times a line in u; the powers leave the standardised cumulants.
  const double variance = 2 * df + 4 * lambda * u;
  const double skewness = (8 * df + 24 * lambda * u) / (variance * std::sqrt(variance));
  const double kurtosis = (48 * df + 192 * lambda * u) / (variance * variance);

  const double exponent =
      df / 2 * (std::fabs(e) < 0.5 ? -boost::math::log1pmx(e) : e - std::log(u)) + lambda * e * e / 2;
  const double w = std::sqrt(2 * std::max(0.0, exponent));
  const double v = std::fabs(e) / 2 * std::sqrt(variance);
  // The skewness of the tail looked at: mirrored for the lower one.
  const double tail_skewness = distance >= 0 ? skewness : -skewness;

  // The tail is exp(-w^2/2) / sqrt(2 pi) * factor.
  double factor = 0;
  if (w < 1e-5) {
    factor = std::sqrt(std::numbers::pi / 2) - w - tail_skewness / 6;  // the limits of M(w) and 1/v - 1/w
  } else {
    factor = 1 / v + mills_ratio_less_reciprocal(w);
    if (w > 0.5) {
      const double correction = 1 / (w * w * w) - 1 / (v * v * v) - tail_skewness / (2 * v * v) +
                                (kurtosis / 8 - 5 * skewness * skewness / 24) / v;
      // With a fraction of a degree of freedom the second term may outweigh the first, which then stands alone.
      if (factor + correction > 0) factor += correction;
    }
  }
  const double log_tail = std::min(0.0, -w * w / 2 - std::log(2 * std::numbers::pi) / 2 + std::log(factor));
  const double log_rest = log_tail == 0 ? -std::numeric_limits<double>::infinity() : std::log1p(-std::exp(log_tail));
  return distance >= 0 ? LogTails{log_rest, log_tail} : LogTails{log_tail, log_rest};
}

double exact_upper_tail(double x, double df, double lambda) {
  if (lambda == 0) return cdf(complement(boost::math::chi_squared_distribution<double, QuietPolicy>(df), x));
  return cdf(complement(boost::math::non_central_chi_squared_distribution<double, QuietPolicy>(df, lambda), x));
}

}  // namespace

double log_sf_noncentral_chi_square(double x, double df, double lambda) {
  if (!(df > 0) || !(lambda >= 0) || std::isnan(x) || std::isinf(df) || std::isinf(lambda)) {
    throw std::logic_error("no noncentral chi-square distribution has " + std::to_string(df) +
                           " degrees of freedom and noncentrality " + std::to_string(lambda) + " at " +
                           std::to_string(x));
  }
  if (x <= 0) return 0;
  if (std::isinf(x)) return -std::numeric_limits<double>::infinity();
  const LogTails approximate = saddlepoint_tails(x, df, lambda);
  if (std::max(x, lambda) > kLargestExact || approximate.upper < kLogSmallestExact) return approximate.upper;
  const double tail = exact_upper_tail(x, df, lambda);
  // Also where a series did not converge and left something that is no probability.
  if (!(tail > 0) || tail > 1) return approximate.upper;
  return std::log(tail);
}

Noncentralities noncentrality_interval(double low_from, double high_from, double df) {
  static const double kLogTail = std::log(0.025);
  Noncentralities interval;
  // The upper tail grows with the noncentrality, the lower one falls.
  const auto bisect = [&](double high, const auto& is_below) {
    double low = 0;
    for (int step = 0; step < 50; ++step) {
      const double middle = (low + high) / 2;
      (is_below(middle) ? low : high) = middle;
    }
    return low;
  };
  if (low_from > df && saddlepoint_tails(low_from, df, 0).upper < kLogTail) {
    interval.low =
        bisect(low_from, [&](double lambda) { return saddlepoint_tails(low_from, df, lambda).upper < kLogTail; });
  }
  const double x = std::max(high_from, df);
  interval.high = bisect(x + 10 * std::sqrt(x) + 40,
                         [&](double lambda) { return saddlepoint_tails(x, df, lambda).lower > kLogTail; });
  return interval;
}

}  // namespace retraind::stats
