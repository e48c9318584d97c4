#pragma once
// A paired difference that may be looked at after every cluster of new rows, for as long as one likes, and stopped at
// any time: the anytime-valid t-test. Pure.
//
// Each cluster g brings w_g (the weight of its rows) and s_g (the sum of its rows' weighted differences). Under the
// hypothesis that the mean difference is m, x_g = s_g - m w_g has mean zero. The e-value is the right-Haar mixture
// likelihood ratio of a normal mean with unknown variance and a N(0, 1/c^2) prior on the standardised effect
// (Lai, 1976; Perez-Ortiz et al., 2024; Wang and Ramdas, 2024), with c^2 = 1:
//   e_n(m) = sqrt(k) (1 - U / ((n + c^2) V))^(-n/2),  U = (sum x)^2, V = sum x^2, k = c^2 / (n + c^2)
// which is a martingale for normal cluster sums, so that P(ever e_n(m) >= 1/alpha) <= alpha (Ville). The interval is
// every m whose e-value is below 1/alpha, a quadratic inequality in m; infinite where those m are no interval.

#include <cstddef>
#include <span>

namespace retraind::stats {

struct PairedCluster {
  double weight = 0;          // > 0
  double difference_sum = 0;  // how much better the first is, in units of the metric; positive is better
};

struct SequentialDifference {
  std::size_t clusters = 0;
  double estimate = 0;  // sum s / sum w; 0 without clusters
  double low = 0;       // anytime-valid bounds, each side at `alpha`; -inf and inf while nothing can be said
  double high = 0;
  // ln of the evidence that the mean lies above `bar`, against every mean from it down: at least ln 1/alpha where `low`
  // is at least `bar`, and nowhere else. Negative where the estimate is below it.
  double log_e_above = 0;
  double log_e_below = 0;  // likewise below it
};

// Each bound errs, ever, with probability alpha at most. With fewer than kFewestClusters clusters in which the models
// differ at all nothing is said: infinite bounds and no evidence, since sums of few clusters are the least normal, and
// models that rarely differ look certainly alike until they do. Clusters that do not differ from one another count as
// if they differed by rounding only. Throws std::logic_error for a weight that is not positive and finite, a sum that
// is not finite, or an alpha outside (0, 1).
inline constexpr std::size_t kFewestClusters = 5;
SequentialDifference anytime_difference(std::span<const PairedCluster> clusters, double bar, double alpha);

}  // namespace retraind::stats
