#include "core/stats/interval.h"

#include <algorithm>
#include <atomic>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

// Enough for a ratio of two standard errors that is only reported: it is off by some 5 %.
constexpr std::size_t kIndependentReplicates = 200;
constexpr std::size_t kMostDrawnOneByOne = 20000;
constexpr std::size_t kMostRandomGroups = 500;

struct Grouping {
  std::vector<std::uint32_t> group_of;  // by row, without gaps
  std::size_t groups = 0;
};

// Cluster numbers may have gaps (a day without rows); those are no clusters. Linear in rows and numbers, unless the
// numbers are many times as large as there are rows.
Grouping without_gaps(std::span<const std::uint32_t> clusters) {
  constexpr std::uint32_t kNoCluster = std::numeric_limits<std::uint32_t>::max();
  Grouping result;
  if (clusters.empty()) return result;
  const std::uint32_t largest = *std::max_element(clusters.begin(), clusters.end());
  result.group_of.reserve(clusters.size());
  if (largest / 4 <= clusters.size()) {
    std::vector<std::uint32_t> place(largest + std::size_t{1}, kNoCluster);
    for (const std::uint32_t cluster : clusters) place[cluster] = 0;
    for (std::uint32_t& cluster : place) {
      if (cluster != kNoCluster) cluster = static_cast<std::uint32_t>(result.groups++);
    }
    for (const std::uint32_t cluster : clusters) result.group_of.push_back(place[cluster]);
    return result;
  }
  std::vector<std::uint32_t> numbers(clusters.begin(), clusters.end());
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  result.groups = numbers.size();
  for (const std::uint32_t cluster : clusters) {
    const auto found = std::lower_bound(numbers.begin(), numbers.end(), cluster);
    result.group_of.push_back(static_cast<std::uint32_t>(found - numbers.begin()));
  }
  return result;
}

void check_rows(std::span<const double> differences, std::span<const std::uint32_t> clusters,
                std::span<const double> weights) {
  if (differences.size() != clusters.size() || (!weights.empty() && differences.size() != weights.size())) {
    throw std::logic_error(std::to_string(differences.size()) + " differences stand beside " +
                           std::to_string(clusters.size()) + " clusters and " + std::to_string(weights.size()) +
                           " weights");
  }
  for (const double difference : differences) {
    if (!std::isfinite(difference)) throw std::logic_error("a difference of losses is not finite");
  }
  for (const double weight : weights) {
    if (!(weight >= 0) || !std::isfinite(weight)) {
      throw std::logic_error("a row cannot count " + std::to_string(weight) + " times");
    }
  }
}

struct WeighedRows {
  std::vector<double> differences;
  std::vector<double> weights;  // all above 0
  std::vector<std::uint32_t> clusters;
};

// Rows that count for nothing must not make a cluster, nor a row for the error of independent ones.
WeighedRows without_weightless(std::span<const double> differences, std::span<const std::uint32_t> clusters,
                               std::span<const double> weights) {
  WeighedRows rows;
  rows.differences.reserve(differences.size());
  rows.weights.reserve(differences.size());
  rows.clusters.reserve(differences.size());
  for (std::size_t i = 0; i < differences.size(); ++i) {
    const double weight = weights.empty() ? 1.0 : weights[i];
    if (weight == 0) continue;
    rows.differences.push_back(differences[i]);
    rows.weights.push_back(weight);
    rows.clusters.push_back(clusters[i]);
  }
  return rows;
}

void check_confidence(double confidence) {
  if (!(confidence > 0 && confidence < 1)) {
    throw std::logic_error("a confidence of " + std::to_string(confidence) + " is not between 0 and 1");
  }
}

// The sample quantile that most software calls type 7: linear between order statistics, the first at 0 and the last at
// 1 (Hyndman and Fan 1996).
double quantile(std::span<const double> ascending, double p) {
  const double position = p * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  if (below + 1 >= ascending.size()) return ascending.back();
  return ascending[below] + (position - std::floor(position)) * (ascending[below + 1] - ascending[below]);
}

double standard_deviation(std::span<const double> values) {
  Sum sum;
  for (const double value : values) sum.add(value);
  const double mean = sum.value() / static_cast<double>(values.size());
  Sum squares;
  for (const double value : values) squares.add((value - mean) * (value - mean));
  return std::sqrt(squares.value() / static_cast<double>(values.size() - 1));
}

// Values of the statistic over resampled groups. Each replicate draws from a stream of its own, so that its value does
// not depend on how many replicates there are or in what order they are computed. std::nullopt once more draws were
// undefined than replicates are wanted: then more than half of all are.
std::optional<std::vector<double>> resample(std::size_t groups, std::size_t replicates, std::uint64_t seed,
                                            std::size_t threads, const Statistic& statistic) {
  std::vector<double> values(replicates);
  std::atomic<std::size_t> undefined = 0;
  const auto draw = [&](std::size_t first, std::size_t last) {
    std::vector<std::uint32_t> times(groups);  // smaller than doubles: rows are drawn from all over it
    std::vector<double> drawn(groups);
    for (std::size_t replicate = first; replicate < last; ++replicate) {
      Random random(mix_seed(seed, replicate));
      std::optional<double> value;
      while (!value) {
        std::fill(times.begin(), times.end(), 0U);
        for (std::size_t i = 0; i < groups; ++i) ++times[random.below(groups)];
        std::copy(times.begin(), times.end(), drawn.begin());
        value = statistic(drawn);
        if (!value && ++undefined > replicates) return;
      }
      values[replicate] = *value;
    }
  };
  const std::size_t parts = std::max<std::size_t>(1, std::min(threads, replicates));
  parallel_for(parts, parts,
               [&](std::size_t part) { draw(replicates * part / parts, replicates * (part + 1) / parts); });
  if (undefined > replicates) return std::nullopt;
  return values;
}

// Each row's group, of about as many rows as any other, dealt at random.
std::vector<std::uint32_t> deal(std::size_t rows, std::size_t groups, std::uint64_t seed) {
  std::vector<std::uint32_t> group_of(rows);
  for (std::size_t i = 0; i < rows; ++i) group_of[i] = static_cast<std::uint32_t>(i % groups);
  Random random(seed);
  for (std::size_t i = rows; i > 1; --i) std::swap(group_of[i - 1], group_of[random.below(i)]);
  return group_of;
}

// As if no row depended on another. Many rows are not drawn one by one, which would take most of the time of a verdict,
// but in groups that were dealt at random: those vary as so many independent rows do (the method of random groups;
// Wolter 2007, chapter 2). 0 where the statistic is undefined too often.
double independent_standard_error(std::size_t rows, std::uint64_t seed, std::size_t threads,
                                  const GroupedStatistic& prepare) {
  if (rows <= kMostDrawnOneByOne) {
    const auto values = resample(rows, kIndependentReplicates, seed, threads, prepare({}));
    return values ? standard_deviation(*values) : 0;
  }
  const auto root = static_cast<std::size_t>(std::sqrt(static_cast<double>(rows)));
  const std::size_t groups = std::min(kMostRandomGroups, root);
  const std::vector<std::uint32_t> dealt = deal(rows, groups, mix_seed(seed, 2 * kIndependentReplicates));
  const auto values = resample(groups, 2 * kIndependentReplicates, seed, threads, prepare(dealt));
  if (!values) return 0;
  return standard_deviation(*values) * std::sqrt(static_cast<double>(groups) / static_cast<double>(groups - 1));
}

// The statistic of groups that one of rows makes.
Statistic of_groups(const Statistic& of_rows, std::span<const std::uint32_t> groups) {
  if (groups.empty()) return of_rows;
  return [of_rows, groups, weights = std::vector<double>(groups.size())](std::span<const double> drawn) mutable {
    for (std::size_t row = 0; row < groups.size(); ++row) weights[row] = drawn[groups[row]];
    return of_rows(weights);
  };
}

}  // namespace

double student_t_quantile(double p, double df) {
  if (!(p > 0 && p < 1) || !(df > 0)) {
    throw std::logic_error("Student's t with " + std::to_string(df) + " degrees of freedom has no quantile at " +
                           std::to_string(p));
  }
  return boost::math::quantile(boost::math::students_t_distribution<double>(df), p);
}

std::optional<Interval> clustered_mean(std::span<const double> differences, std::span<const std::uint32_t> clusters,
                                       double confidence, std::span<const double> weights) {
  check_confidence(confidence);
  check_rows(differences, clusters, weights);
  const WeighedRows rows = without_weightless(differences, clusters, weights);
  const Grouping grouping = without_gaps(rows.clusters);
  if (grouping.groups < 2) return std::nullopt;

  const auto count = static_cast<double>(rows.differences.size());
  const auto groups = static_cast<double>(grouping.groups);
  Sum sum;
  Sum weight;
  for (std::size_t i = 0; i < rows.differences.size(); ++i) {
    sum.add(rows.weights[i] * rows.differences[i]);
    weight.add(rows.weights[i]);
  }
  const double mean = sum.value() / weight.value();

  // The mean is a ratio of two sums over clusters, of weighted differences and of weights; linearised, a cluster's
  // share in its error is the sum of its residuals (Cochran 1977, section 6.3).
  std::vector<Sum> residuals(grouping.groups);
  Sum squares;
  for (std::size_t i = 0; i < rows.differences.size(); ++i) {
    const double residual = rows.weights[i] * (rows.differences[i] - mean);
    residuals[grouping.group_of[i]].add(residual);
    squares.add(residual * residual);
  }
  Sum between;
  for (const Sum& residual : residuals) between.add(residual.value() * residual.value());

  Interval interval;
  interval.estimate = mean;
  interval.standard_error = std::sqrt(groups / (groups - 1) * between.value()) / weight.value();
  const double independent = std::sqrt(squares.value() / (count - 1) / (weight.value() / count * weight.value()));
  if (independent > 0) interval.inflation = interval.standard_error / independent;
  const double reach = student_t_quantile(confidence, groups - 1) * interval.standard_error;
  interval.low = mean - reach;
  interval.high = mean + reach;
  interval.clusters = grouping.groups;
  interval.method = "cluster_t";
  return interval;
}

std::optional<Interval> cluster_bootstrap(std::span<const std::uint32_t> clusters, std::size_t replicates,
                                          std::uint64_t seed, double confidence, const Statistic& statistic) {
  return grouped_cluster_bootstrap(
      clusters, replicates, seed, confidence,
      [&statistic](std::span<const std::uint32_t> groups) { return of_groups(statistic, groups); }, 1);
}

std::optional<Interval> grouped_cluster_bootstrap(std::span<const std::uint32_t> clusters, std::size_t replicates,
                                                  std::uint64_t seed, double confidence,
                                                  const GroupedStatistic& prepare, std::size_t threads) {
  check_confidence(confidence);
  if (replicates < 1000) {
    throw std::logic_error(std::to_string(replicates) + " bootstrap replicates are too few; at least 1000 are needed");
  }
  const Grouping grouping = without_gaps(clusters);
  if (grouping.groups < 2) return std::nullopt;
  const Statistic statistic = prepare(grouping.group_of);
  const std::optional<double> estimate = statistic(std::vector<double>(grouping.groups, 1.0));
  if (!estimate) return std::nullopt;
  std::optional<std::vector<double>> values = resample(grouping.groups, replicates, seed, threads, statistic);
  if (!values) return std::nullopt;

  const auto groups = static_cast<double>(grouping.groups);
  Interval interval;
  interval.estimate = *estimate;
  interval.standard_error = standard_deviation(*values);
  std::sort(values->begin(), values->end());
  // Clusters drawn with replacement vary about their own mean, by (G-1)/G of what clusters vary.
  const double reach =
      student_t_quantile(confidence, groups - 1) * interval.standard_error * std::sqrt(groups / (groups - 1));
  interval.low = std::min(quantile(*values, 1 - confidence), *estimate - reach);
  interval.high = std::max(quantile(*values, confidence), *estimate + reach);
  interval.clusters = grouping.groups;
  interval.method = "cluster_bootstrap";

  if (grouping.groups < clusters.size()) {
    const double standard_error =
        independent_standard_error(clusters.size(), mix_seed(seed, replicates), threads, prepare);
    if (standard_error > 0) interval.inflation = interval.standard_error / standard_error;
  }
  return interval;
}

}  // namespace retraind::stats
