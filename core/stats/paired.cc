#include "core/stats/paired.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/stats/proportion.h"
#include "core/stats/score_order.h"
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

// For each row, twice the rows of the other class that it is ranked above, a tie counting half: a whole number below
// 2^32, since there are less than 2^31 rows. By one sort: within a run of equal scores, the ranks are the middle one's
// (Sun and Xu 2014).
std::vector<std::uint32_t> outranked_twice(std::span<const double> predictions, std::span<const double> labels,
                                           const std::vector<std::uint8_t>& negative) {
  std::vector<double> scores;
  if (std::any_of(labels.begin(), labels.end(), [](double label) { return label < 0; })) {
    scores.assign(predictions.begin(), predictions.end());
    for (std::size_t row = 0; row < scores.size(); ++row) {
      if (labels[row] < 0) scores[row] = -std::numeric_limits<double>::infinity();
    }
    predictions = scores;
  }
  const ScoreOrder order(predictions, negative);
  std::vector<std::uint32_t> outranked(order.size());
  std::uint32_t below[2] = {0, 0};  // positives, negatives
  for (std::size_t begin = 0; begin < order.size();) {
    std::uint32_t tied[2] = {0, 0};
    std::size_t end = begin;
    do {
      tied[0] += order.is_marked(end) ? 0 : 1;
      tied[1] += order.is_marked(end) ? 1 : 0;
    } while (!order.is_last_of_tie(end++));
    const std::uint32_t of_positive = 2 * below[1] + tied[1];
    const std::uint32_t of_negative = 2 * below[0] + tied[0];
    for (; begin < end; ++begin) {
      outranked[order.row(begin)] = order.is_marked(begin) ? of_negative : of_positive;
    }
    below[0] += tied[0];
    below[1] += tied[1];
  }
  return outranked;
}

Placements placements(std::span<const double> labels, std::span<const double> predictions,
                      const std::vector<std::uint8_t>& negative) {
  const std::vector<std::uint32_t> outranked = outranked_twice(predictions, labels, negative);
  const auto negatives = static_cast<std::size_t>(std::count(negative.begin(), negative.end(), 1));
  const std::size_t positives = labels.size() - negatives;
  const auto all_positives = static_cast<double>(positives);
  const auto all_negatives = static_cast<double>(negatives);
  Placements result;
  // Both lists take every value and keep those of their class: which one a row belongs to cannot be foretold.
  result.positives.resize(positives + 1);
  result.negatives.resize(negatives + 1);
  std::size_t positive_at = 0;
  std::size_t negative_at = 0;
  std::uint64_t pairs_twice = 0;
  for (std::size_t row = 0; row < outranked.size(); ++row) {
    const double placed = outranked[row] / 2.0;
    const bool is_negative = negative[row] != 0;
    result.positives[positive_at] = placed / all_negatives;
    result.negatives[negative_at] = 1 - placed / all_positives;
    positive_at += is_negative ? 0 : 1;
    negative_at += is_negative ? 1 : 0;
    pairs_twice += is_negative ? 0 : outranked[row];
  }
  result.positives.pop_back();
  result.negatives.pop_back();
  result.area = static_cast<double>(pairs_twice) / 2 / all_positives / all_negatives;
  return result;
}

template <class ValueAt>
double mean(std::size_t size, ValueAt value_at) {
  Sum sum;
  for (std::size_t i = 0; i < size; ++i) sum.add(value_at(i));
  return sum.value() / static_cast<double>(size);
}

// Of the mean, if the values are independent.
template <class ValueAt>
double variance_of_mean(std::size_t size, ValueAt value_at) {
  const double middle = mean(size, value_at);
  Sum squares;
  for (std::size_t i = 0; i < size; ++i) squares.add((value_at(i) - middle) * (value_at(i) - middle));
  const auto n = static_cast<double>(size);
  return squares.value() / (n - 1) / n;
}

// Of the two means, if the pairs are independent.
double covariance_of_means(std::span<const double> first, std::span<const double> second) {
  const double first_mean = mean(first.size(), [first](std::size_t i) { return first[i]; });
  const double second_mean = mean(second.size(), [second](std::size_t i) { return second[i]; });
  Sum products;
  for (std::size_t i = 0; i < first.size(); ++i) products.add((first[i] - first_mean) * (second[i] - second_mean));
  const auto n = static_cast<double>(first.size());
  return products.value() / (n - 1) / n;
}

double variance(const Placements& of) {
  const auto of_class = [](std::span<const double> values) {
    return variance_of_mean(values.size(), [values](std::size_t i) { return values[i]; });
  };
  return of_class(of.positives) + of_class(of.negatives);
}

double covariance(const Placements& first, const Placements& second) {
  return covariance_of_means(first.positives, second.positives) +
         covariance_of_means(first.negatives, second.negatives);
}

double variance_of_difference(const Placements& first, const Placements& second) {
  const auto of_class = [](std::span<const double> a, std::span<const double> b) {
    return variance_of_mean(a.size(), [a, b](std::size_t i) { return a[i] - b[i]; });
  };
  return of_class(first.positives, second.positives) + of_class(first.negatives, second.negatives);
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
  std::vector<std::uint8_t> negative(labels.size());
  std::transform(labels.begin(), labels.end(), negative.begin(), [](double label) { return label == 0 ? 1 : 0; });
  const auto negatives = static_cast<std::size_t>(std::count(negative.begin(), negative.end(), 1));
  if (negatives < 2 || labels.size() - negatives < 2) return std::nullopt;
  PairOfAreas pair{placements(labels, first, negative), placements(labels, second, negative)};
  pair.variance = variance_of_difference(pair.first, pair.second);
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
  result.first_variance = variance(pair->first);
  result.second_variance = variance(pair->second);
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
