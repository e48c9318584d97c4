#include "core/stats/paired.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <numbers>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/stats/proportion.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

// For each row of a class, in the order of the rows, the share of the other class that it is ranked right against; a
// tie is half. The area is the mean of either.
struct Placements {
  std::vector<double> positives;
  std::vector<double> negatives;
  double area = 0;
};

void check(std::span<const double> labels, std::span<const double> first, std::span<const double> second) {
  if (labels.size() != first.size() || labels.size() != second.size()) {
    throw std::logic_error(std::to_string(first.size()) + " and " + std::to_string(second.size()) +
                           " predictions stand beside " + std::to_string(labels.size()) + " labels");
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != 0 && labels[i] != 1 && labels[i] != -1) {
      throw std::logic_error("a label of " + std::to_string(labels[i]) + " is none of 0, 1 and -1");
    }
    if (!std::isfinite(first[i]) || !std::isfinite(second[i])) {
      throw std::logic_error("a prediction is not finite, which has no rank");
    }
  }
}

// By one sort: within a run of equal scores, the ranks are the middle one's (Sun and Xu 2014).
Placements placements(std::span<const double> labels, std::span<const double> predictions) {
  const std::size_t rows = labels.size();
  std::vector<double> scores(predictions.begin(), predictions.end());
  for (std::size_t i = 0; i < rows; ++i) {
    if (labels[i] < 0) scores[i] = -std::numeric_limits<double>::infinity();
  }
  std::vector<std::size_t> order(rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });

  std::vector<double> placed(rows);
  double negatives = 0;
  double positives = 0;
  for (std::size_t begin = 0; begin < rows;) {
    std::size_t end = begin;
    double tied_negatives = 0;
    double tied_positives = 0;
    for (; end < rows && scores[order[end]] == scores[order[begin]]; ++end) {
      (labels[order[end]] == 0 ? tied_negatives : tied_positives) += 1;
    }
    for (std::size_t i = begin; i < end; ++i) {
      placed[order[i]] = labels[order[i]] == 0 ? positives + tied_positives / 2 : negatives + tied_negatives / 2;
    }
    negatives += tied_negatives;
    positives += tied_positives;
    begin = end;
  }

  Placements result;
  Sum pairs;
  for (std::size_t i = 0; i < rows; ++i) {
    if (labels[i] == 0) {
      result.negatives.push_back(1 - placed[i] / positives);
    } else {
      pairs.add(placed[i]);
      result.positives.push_back(placed[i] / negatives);
    }
  }
  result.area = pairs.value() / positives / negatives;
  return result;
}

double mean(std::span<const double> values) {
  Sum sum;
  for (const double value : values) sum.add(value);
  return sum.value() / static_cast<double>(values.size());
}

// Of the two means, if the pairs are independent.
double covariance_of_means(std::span<const double> first, std::span<const double> second) {
  const double first_mean = mean(first);
  const double second_mean = mean(second);
  Sum products;
  for (std::size_t i = 0; i < first.size(); ++i) products.add((first[i] - first_mean) * (second[i] - second_mean));
  const auto n = static_cast<double>(first.size());
  return products.value() / (n - 1) / n;
}

double covariance(const Placements& first, const Placements& second) {
  return covariance_of_means(first.positives, second.positives) +
         covariance_of_means(first.negatives, second.negatives);
}

std::vector<double> less(std::span<const double> first, std::span<const double> second) {
  std::vector<double> differences(first.size());
  std::transform(first.begin(), first.end(), second.begin(), differences.begin(), std::minus<>());
  return differences;
}

struct PairOfAreas {
  Placements first;
  Placements second;
  // Of the difference. From the rows' own differences, not from the two variances and the covariance: those leave a
  // remainder where both models order every pair alike, and a z of rounding errors.
  double variance = 0;
};

std::optional<PairOfAreas> pair_of_areas(std::span<const double> labels, std::span<const double> first,
                                         std::span<const double> second) {
  check(labels, first, second);
  const auto negatives = static_cast<std::size_t>(std::count(labels.begin(), labels.end(), 0.0));
  if (negatives < 2 || labels.size() - negatives < 2) return std::nullopt;
  PairOfAreas pair{placements(labels, first), placements(labels, second)};
  Placements difference;
  difference.positives = less(pair.first.positives, pair.second.positives);
  difference.negatives = less(pair.first.negatives, pair.second.negatives);
  pair.variance = covariance(difference, difference);
  return pair;
}

double two_sided_normal(double z) {
  return std::erfc(std::fabs(z) / std::numbers::sqrt2);
}

}  // namespace

std::optional<Delong> delong(std::span<const double> labels, std::span<const double> first,
                             std::span<const double> second) {
  const auto pair = pair_of_areas(labels, first, second);
  if (!pair) return std::nullopt;
  Delong result;
  result.first = pair->first.area;
  result.second = pair->second.area;
  result.first_variance = covariance(pair->first, pair->first);
  result.second_variance = covariance(pair->second, pair->second);
  result.covariance = covariance(pair->first, pair->second);
  const double difference = result.first - result.second;
  if (difference != 0) result.z = difference / std::sqrt(pair->variance);
  result.p = two_sided_normal(result.z);
  return result;
}

std::optional<Interval> delong_difference(std::span<const double> labels, std::span<const double> first,
                                          std::span<const double> second, double confidence) {
  if (!(confidence > 0 && confidence < 1)) {
    throw std::logic_error("a confidence of " + std::to_string(confidence) + " is not between 0 and 1");
  }
  const auto pair = pair_of_areas(labels, first, second);
  if (!pair) return std::nullopt;
  Interval interval;
  interval.estimate = pair->first.area - pair->second.area;
  interval.standard_error = std::sqrt(pair->variance);
  if (interval.estimate != 0 && interval.standard_error == 0) return std::nullopt;
  const double reach = boost::math::quantile(boost::math::normal(), confidence) * interval.standard_error;
  interval.low = interval.estimate - reach;
  interval.high = interval.estimate + reach;
  interval.clusters = labels.size();
  interval.method = "delong";
  return interval;
}

double mcnemar_exact(std::uint64_t only_first, std::uint64_t only_second) {
  if (only_first == only_second) return 1;
  const auto more = static_cast<double>(std::max(only_first, only_second));
  const double all = static_cast<double>(only_first) + static_cast<double>(only_second);
  return std::min(1.0, 2 * std::exp(log_sf_binomial(more, all, 0.5)));
}

double mcnemar_chi_square(std::uint64_t only_first, std::uint64_t only_second, bool continuity) {
  if (only_first == only_second) return 1;
  const auto a = static_cast<double>(only_first);
  const auto b = static_cast<double>(only_second);
  const double apart = std::fabs(a - b) - (continuity ? 1 : 0);
  // The root of a chi-square with one degree of freedom is a normal variable without its sign.
  return two_sided_normal(apart / std::sqrt(a + b));
}

}  // namespace retraind::stats
