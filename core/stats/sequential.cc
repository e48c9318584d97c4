#include "core/stats/sequential.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

// c^2: as much is held to be known beforehand as one cluster would tell.
constexpr double kPrior = 1;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Differences between clusters below this share of their size are rounding, not evidence.
constexpr double kRounding = 8 * std::numeric_limits<double>::epsilon();

void check(std::span<const PairedCluster> clusters, double bar, double alpha) {
  if (!(alpha > 0 && alpha < 1)) {
    throw std::logic_error("an error rate of " + std::to_string(alpha) + " is not between 0 and 1");
  }
  if (!std::isfinite(bar)) throw std::logic_error("the bar of a trial is not finite");
  for (const PairedCluster& cluster : clusters) {
    if (!(cluster.weight > 0) || !std::isfinite(cluster.weight)) {
      throw std::logic_error("a cluster with a weight of " + std::to_string(cluster.weight) + " counts for nothing");
    }
    if (!std::isfinite(cluster.difference_sum)) throw std::logic_error("a cluster's sum of differences is not finite");
  }
}

// Sums over the clusters' deviations x = s - m w from a hypothesis m.
struct Deviations {
  double sum = 0;
  double squares = 0;       // at least what rounding makes of deviations that are all zero
  double with_weights = 0;  // of x w
};

Deviations deviations_from(double m, std::span<const PairedCluster> clusters) {
  Sum sum;
  Sum squares;
  Sum with_weights;
  Sum rounding;
  for (const PairedCluster& cluster : clusters) {
    const double x = cluster.difference_sum - m * cluster.weight;
    const double lost = kRounding * (std::fabs(cluster.difference_sum) + std::fabs(m) * cluster.weight);
    sum.add(x);
    squares.add(x * x);
    with_weights.add(x * cluster.weight);
    rounding.add(lost * lost);
  }
  return {sum.value(), std::max(squares.value(), rounding.value()), with_weights.value()};
}

struct Weights {
  double sum = 0;
  double squares = 0;

  // How many clusters of equal weight they are worth; also what U/V tends to for means far away on either side.
  double effective_clusters() const { return sum / squares * sum; }
};

Weights weights_of(std::span<const PairedCluster> clusters) {
  Sum sum;
  Sum squares;
  for (const PairedCluster& cluster : clusters) {
    sum.add(cluster.weight);
    squares.add(cluster.weight * cluster.weight);
  }
  return {sum.value(), squares.value()};
}

// The least ln e_n of all means from m on, away from the estimate. U/V rises from 0 at the estimate: on one side to its
// limit, on the other to a maximum above that and down again. So it is the lesser of its value at m and the limit.
double least_log_e(double m, std::span<const PairedCluster> clusters, const Weights& weights) {
  const auto n = static_cast<double>(clusters.size());
  const Deviations x = deviations_from(m, clusters);
  // Without any deviation, the hypothesis fits as well as any can.
  const double ratio = x.squares > 0 ? x.sum * x.sum / x.squares : 0;
  return std::log(kPrior / (n + kPrior)) / 2 -
         n / 2 * std::log1p(-std::min(ratio, weights.effective_clusters()) / (n + kPrior));
}

// The interval around the estimate, as distances t from it. With r = s - estimate w, whose sum is zero, the deviations
// from estimate + t are r - t w, and e_n < 1/alpha reads
//   t^2 W^2 < T (sum r^2 - 2 t sum r w + t^2 sum w^2),  T = (n + c^2) (1 - (alpha^2 k)^(1/n)).
void set_bounds(SequentialDifference& result, std::span<const PairedCluster> clusters, const Weights& weights,
                double alpha) {
  const auto n = static_cast<double>(clusters.size());
  const Deviations r = deviations_from(result.estimate, clusters);
  const double limit = -(n + kPrior) * std::expm1((2 * std::log(alpha) + std::log(kPrior / (n + kPrior))) / n);
  const double a = weights.sum * weights.sum - limit * weights.squares;
  // Then means far away are not excluded: there are too few clusters for so small an alpha, or most of the weight is in
  // a few of them. At most a stretch on one side of the estimate would be, which is no interval.
  if (!(a > 0)) return;
  const double half_b = limit * r.with_weights;
  const double c = -limit * r.squares;
  const double q = -(half_b + std::copysign(std::sqrt(half_b * half_b - a * c), half_b));
  const double one = q / a;
  const double other = q == 0 ? 0 : c / q;
  result.low = result.estimate + std::min(one, other);
  result.high = result.estimate + std::max(one, other);
}

}  // namespace

SequentialDifference anytime_difference(std::span<const PairedCluster> clusters, double bar, double alpha) {
  check(clusters, bar, alpha);
  SequentialDifference result;
  result.clusters = clusters.size();
  result.low = -kInfinity;
  result.high = kInfinity;
  if (clusters.empty()) return result;
  const Weights weights = weights_of(clusters);
  Sum sums;
  for (const PairedCluster& cluster : clusters) sums.add(cluster.difference_sum);
  result.estimate = sums.value() / weights.sum;
  const auto differing = std::count_if(clusters.begin(), clusters.end(),
                                       [](const PairedCluster& cluster) { return cluster.difference_sum != 0; });
  if (static_cast<std::size_t>(differing) < kFewestClusters) return result;
  set_bounds(result, clusters, weights, alpha);
  const double evidence = least_log_e(bar, clusters, weights);
  // Evidence against the bar speaks for the side that the estimate is on, and as much against the other.
  result.log_e_above = result.estimate > bar ? evidence : -std::fabs(evidence);
  result.log_e_below = result.estimate < bar ? evidence : -std::fabs(evidence);
  return result;
}

}  // namespace retraind::stats
