#pragma once
// Exact and classical tests for two models on the same rows. All of them take rows for independent of one another; for
// rows that are not there are the intervals by clusters (interval.h). Pure. Formulas: docs/statistics.md.

#include <cstdint>
#include <optional>
#include <span>

#include "core/stats/interval.h"

namespace retraind::stats {

// The areas under two ROC curves on the same independent rows, with their covariance (DeLong, DeLong and
// Clarke-Pearson, 1988), by midranks in O(n log n) (Sun and Xu, 2014).
struct Delong {
  double first = 0;   // AUC of the first model
  double second = 0;  // of the second
  double first_variance = 0;
  double second_variance = 0;
  double covariance = 0;
  // Of first - second: 0 where the two order every pair alike, infinite where the areas differ and no row's share in
  // them varies, as when one model is always right and the other always wrong.
  double z = 0;
  double p = 1;  // two-sided, normal
};
// `labels` are 0 or 1 (-1, a class the model cannot know, counts as a positive below every negative). std::nullopt with
// fewer than two rows of either class. Throws std::logic_error for parts of different lengths, another label, or a
// prediction that is not finite.
std::optional<Delong> delong(std::span<const double> labels, std::span<const double> first,
                             std::span<const double> second);
// The interval of first - second, bounds one-sided at `confidence`; method "delong". clusters counts the rows. No
// interval, either, where z is infinite: a width of zero would claim what a handful of rows cannot know.
std::optional<Interval> delong_difference(std::span<const double> labels, std::span<const double> first,
                                          std::span<const double> second, double confidence);

// McNemar's test of two models' errors: `only_first` rows that only the first gets right, `only_second` likewise.
// Two-sided p. Exact binomial, doubled and capped at 1 (1 where both are 0), and the chi-square forms with and without
// continuity correction.
double mcnemar_exact(std::uint64_t only_first, std::uint64_t only_second);
double mcnemar_chi_square(std::uint64_t only_first, std::uint64_t only_second, bool continuity);

}  // namespace retraind::stats
