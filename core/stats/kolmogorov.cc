#include "core/stats/kolmogorov.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <vector>

namespace retraind::stats {
namespace {

constexpr double kPi = std::numbers::pi;

std::vector<double> sorted(std::span<const double> values) {
  std::vector<double> copy(values.begin(), values.end());
  for (const double value : copy) {
    if (std::isnan(value)) throw std::logic_error("NaN has no place in a distribution function");
  }
  if (copy.empty()) throw std::logic_error("an empty sample has no distribution function");
  std::sort(copy.begin(), copy.end());
  return copy;
}

// P(sqrt(n) D_n <= z) to the order n^-3/2 (Pelz and Good 1976, in the form of Simard and L'Ecuyer 2011).
double pelz_good(double z, double n) {
  const double z2 = z * z;
  const double z3 = z2 * z;
  const double z4 = z2 * z2;
  const double z6 = z4 * z2;
  double k0 = 0;
  double k1 = 0;
  double k2 = 0;
  double k3 = 0;
  // The exponents fall so fast that twenty terms are more than enough for any z below 5.
  for (int k = 0; k < 20; ++k) {
    const double half = kPi * kPi * (k + 0.5) * (k + 0.5);
    const double decay = std::exp(-half / (2 * z2));
    k0 += decay;
    k1 += (half - z2) * decay;
    k2 += (6 * z6 + 2 * z4 + half * (2 * z4 - 5 * z2) + half * half * (1 - 2 * z2)) * decay;
    k3 += (half * half * half * (5 - 30 * z2) + half * half * (-60 * z2 + 212 * z4) + half * (135 * z4 - 96 * z6) -
           30 * z6 - 90 * z4 * z4) *
          decay;
  }
  double whole2 = 0;
  double whole3 = 0;
  for (int k = 1; k < 20; ++k) {
    const double whole = kPi * kPi * k * k;
    const double decay = std::exp(-whole / (2 * z2));
    whole2 += whole * decay;
    whole3 += (3 * whole * z2 - whole * whole) * decay;
  }
  const double root = std::sqrt(kPi / 2);
  k0 *= std::sqrt(2 * kPi) / z;
  k1 *= root / (3 * z4);
  k2 = root * (k2 / (36 * z6 * z) - whole2 / (18 * z3));
  k3 = root * (k3 / (3240 * z6 * z4) + whole3 / (108 * z6));
  return k0 + k1 / std::sqrt(n) + k2 / n + k3 / (n * std::sqrt(n));
}

// ln P(D_n+ >= d), the sum of Birnbaum and Tingey (1951); all terms are positive.
double log_one_sided(double d, double n) {
  double largest = -std::numeric_limits<double>::infinity();
  double sum = 0;
  const double last = std::floor(n * (1 - d));
  for (double j = 0; j <= last; ++j) {
    const double left = 1 - d - j / n;
    if (left <= 0 && j < n) continue;
    const double term = std::lgamma(n + 1) - std::lgamma(j + 1) - std::lgamma(n - j + 1) +
                        (j - 1) * std::log(d + j / n) + (j < n ? (n - j) * std::log(left) : 0);
    if (term > largest) {
      sum = sum * std::exp(largest - term) + 1;
      largest = term;
    } else {
      sum += std::exp(term - largest);
    }
  }
  return std::min(0.0, std::log(d) + largest + std::log(sum));
}

}  // namespace

double kolmogorov_distance(std::span<const double> a, std::span<const double> b) {
  const std::vector<double> x = sorted(a);
  const std::vector<double> y = sorted(b);
  double distance = 0;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < x.size() && j < y.size()) {
    const double at = std::min(x[i], y[j]);
    while (i < x.size() && x[i] == at) ++i;
    while (j < y.size() && y[j] == at) ++j;
    distance = std::max(distance, std::fabs(static_cast<double>(i) / static_cast<double>(x.size()) -
                                            static_cast<double>(j) / static_cast<double>(y.size())));
  }
  return distance;
}

double log_sf_kolmogorov(double z) {
  if (std::isnan(z)) throw std::logic_error("NaN is no distance");
  if (z <= 0.04) return 0;  // 1 - 1e-300
  if (z < 1.18) {
    double sum = 0;
    for (int k = 1; k <= 9; k += 2) sum += std::exp(-k * k * kPi * kPi / (8 * z * z));
    return std::log1p(-std::sqrt(2 * kPi) / z * sum);
  }
  const double z2 = z * z;
  return std::numbers::ln2 - 2 * z2 + std::log1p(-std::exp(-6 * z2) + std::exp(-16 * z2) - std::exp(-30 * z2));
}

double log_sf_kolmogorov_smirnov(double d, double n) {
  if (!(n >= 1) || std::isnan(d)) throw std::logic_error("a Kolmogorov-Smirnov distance needs rows");
  if (d <= 0) return 0;
  if (d > 1) return -std::numeric_limits<double>::infinity();
  const double z = std::sqrt(n) * d;
  if (n < 140 || n > 100000 || d == 1) return log_sf_kolmogorov(z);
  // Both sides are exceeded with a probability of about e^{-6 z^2} of that of one: less than 1e-9 from here on.
  if (z > 1.9) return std::min(0.0, std::numbers::ln2 + log_one_sided(d, n));
  return std::log(std::clamp(1 - pelz_good(z, n), std::numeric_limits<double>::min(), 1.0));
}

double exact_sf_kolmogorov_smirnov(double d, std::uint64_t n, std::uint64_t m) {
  if (std::isnan(d)) throw std::logic_error("NaN is no distance");
  if (n == 0 || m == 0 || d <= 0) return 1;
  const auto rows = static_cast<double>(n);
  const auto columns = static_cast<double>(m);
  // Distances are whole multiples of 1/nm; rounding must not push the observed one beyond itself.
  const double reach = std::ceil(d * rows * columns - 1e-6);
  // outside[j]: the share of the paths from (0, 0) to (i, j), all equally likely, that have left the band before or
  // there. The last step to (i, j) raised i with probability i / (i + j) (Hodges 1958, for the complement).
  std::vector<double> outside(m + 1);
  for (std::uint64_t i = 0; i <= n; ++i) {
    const auto x = static_cast<double>(i);
    for (std::uint64_t j = 0; j <= m; ++j) {
      const auto y = static_cast<double>(j);
      if (std::fabs(x * columns - y * rows) >= reach) {
        outside[j] = 1;
      } else if (i + j > 0) {
        outside[j] = (x * outside[j] + (j > 0 ? y * outside[j - 1] : 0)) / (x + y);
      }
    }
  }
  return outside[m];
}

}  // namespace retraind::stats
