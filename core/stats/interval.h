#pragma once
// Intervals for a paired difference whose rows may depend on one another inside clusters. Pure and deterministic.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace retraind::stats {

struct Interval {
  double estimate = 0;
  double low = 0;  // one-sided bounds, each at the given confidence
  double high = 0;
  double standard_error = 0;
  double inflation = 1;  // standard error by clusters / as if the rows were independent
  std::size_t clusters = 0;
  std::string method;  // "cluster_t", "cluster_bootstrap" or "delong"
};

// The mean of `differences` with a standard error by clusters (the linearised, G/(G-1)-corrected sandwich of a ratio
// mean) and Student's t with clusters-1 degrees of freedom. `clusters[i]` numbers the cluster of row i from 0.
// std::nullopt with fewer than two clusters that hold any weight. A difference that is the same in every row gives a
// zero-width interval. `weights` are >= 0 and finite (empty: all the same): the mean is sum w d / sum w, and a row of
// weight 0 is no row. Throws std::logic_error for parts of different lengths, a confidence outside (0, 1), a difference
// that is not finite, and other weights.
std::optional<Interval> clustered_mean(std::span<const double> differences, std::span<const std::uint32_t> clusters,
                                       double confidence, std::span<const double> weights = {});

// For any other statistic: over resampled clusters, the wider on either side of the percentile interval and of
// Student's t with clusters-1 degrees of freedom, since percentiles alone are too narrow with few clusters and at
// levels that few replicates reach. `standard_error` is that of the resamples; t takes it times sqrt(G/(G-1)), which
// resampling G clusters lacks. The statistic is called with one weight for each row (how often its cluster was drawn)
// and may return std::nullopt where it is undefined; such replicates are drawn again, and more than half undefined
// gives std::nullopt. The result depends on the seed and nothing else. replicates >= 1000.
using Statistic = std::function<std::optional<double>(std::span<const double> weights)>;
std::optional<Interval> cluster_bootstrap(std::span<const std::uint32_t> clusters, std::size_t replicates,
                                          std::uint64_t seed, double confidence, const Statistic& statistic);

// The same for a statistic that need not look at each row again and again: `prepare(groups)` returns one that takes a
// weight for each group of rows, where `groups[i]`, from 0 and without gaps, is that of row i; empty: every row is one.
// Called once for the clusters and, when these are not the rows, once for the rows, or for groups of them at random. On
// more than one of the `threads` the statistics are called from several at once; the result does not depend on their
// number.
using GroupedStatistic = std::function<Statistic(std::span<const std::uint32_t> groups)>;
std::optional<Interval> grouped_cluster_bootstrap(std::span<const std::uint32_t> clusters, std::size_t replicates,
                                                  std::uint64_t seed, double confidence,
                                                  const GroupedStatistic& prepare, std::size_t threads = 1);

// Quantile of Student's t; p in (0, 1), df > 0.
double student_t_quantile(double p, double df);

}  // namespace retraind::stats
