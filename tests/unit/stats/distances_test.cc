#include "core/stats/distances.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/stats/drift.h"

namespace retraind::stats {
namespace {

using Counts = std::vector<double>;
using Values = std::vector<double>;

constexpr DriftMethod kSums[] = {DriftMethod::jensen_shannon, DriftMethod::chi_square, DriftMethod::psi,
                                 DriftMethod::hellinger};

TEST(CellDistance, AgreesWithPublishedValuesOfSixCategories) {
  // Counts of Evidently, tests/stattests; the values by scipy and by the formulas of each.
  const Counts reference{16, 18, 16, 14, 12, 12};
  const Counts current{16, 16, 16, 16, 16, 8};
  EXPECT_NEAR(observed_effect(DriftMethod::psi, reference, current), .037218381577290835, 1e-15);
  EXPECT_NEAR(observed_effect(DriftMethod::jensen_shannon, reference, current), .08173421330573757, 1e-15);
  EXPECT_NEAR(observed_effect(DriftMethod::hellinger, reference, current), .06812774370983345, 1e-15);
  EXPECT_NEAR(observed_effect(DriftMethod::chi_square, reference, current), .0960116281897381, 1e-15)
      << "Cramer's V of two samples of one size";
}

TEST(CellDistance, AgreesWithThePublishedStabilityIndexOfDeciles) {
  EXPECT_NEAR(observed_effect(DriftMethod::psi, Counts(10, 10.0), Counts{5, 8, 9, 10, 10, 10, 11, 12, 12, 13}),
              .056290727214685886, 1e-15);
}

TEST(CellDistance, IsOneWhereNothingIsShared) {
  for (const DriftMethod method : {DriftMethod::jensen_shannon, DriftMethod::chi_square, DriftMethod::hellinger}) {
    EXPECT_NEAR(observed_effect(method, Counts{5, 3, 0, 0}, Counts{0, 0, 70, 1}), 1, 1e-15) << to_text(method);
  }
  EXPECT_GT(observed_effect(DriftMethod::psi, Counts{5, 3, 0, 0}, Counts{0, 0, 70, 1}), 1);
}

TEST(CellDistance, LetsHalfARowStandForNoneInTheStabilityIndex) {
  const double expected = (.02 - .5 / 1000) * std::log(.02 * 1000 / .5) + (.98 - 1) * std::log(.98);
  EXPECT_NEAR(observed_effect(DriftMethod::psi, Counts{1000, 0}, Counts{98, 2}), expected, 1e-15);
}

TEST(CellDistance, ComesFromItsDivergenceAndGoesBack) {
  for (const DriftMethod method : kSums) {
    const CellDistance distance(method);
    for (const double effect : {0.0, .05, .3, 1.0}) {
      EXPECT_NEAR(distance.effect_of(distance.divergence_of(effect)), effect, 1e-15) << to_text(method);
    }
  }
}

TEST(CellDistance, IsChiSquareForSmallDifferencesWhateverTheMethod) {
  const Counts reference{100000, 50000, 30000, 20000};
  const Counts current{50300, 24900, 14900, 9900};
  const CellComparison comparison = compare_cells(reference, current);
  for (const DriftMethod method : kSums) {
    const CellDistance distance(method);
    const double statistic = distance.factor() * comparison.effective_rows * distance.divergence(reference, current);
    EXPECT_NEAR(statistic / comparison.statistic, 1, .01) << to_text(method);
  }
}

TEST(CellDistance, RefusesWhatIsNoDistance) {
  EXPECT_THROW(CellDistance(DriftMethod::ks), std::logic_error);
  EXPECT_THROW(observed_effect(DriftMethod::psi, Counts{1, 2}, Counts{1}), std::logic_error);
  EXPECT_THROW(observed_effect(DriftMethod::psi, Counts{1, 2}, Counts{0, 0}), std::logic_error);
}

TEST(Wasserstein, AgreesWithScipysExamples) {
  EXPECT_DOUBLE_EQ(wasserstein_distance(Values{0, 1, 3}, Values{5, 6, 8}), 5);
  EXPECT_NEAR(wasserstein_distance(std::vector<Mass>{{3.4, 1.4}, {3.9, .9}, {7.5, 3.1}, {7.8, 7.2}},
                                   std::vector<Mass>{{4.5, 3.2}, {1.4, 3.5}}),
              4.078133143804786, 1e-14);
}

TEST(Wasserstein, AgreesWithEvidentlysSamples) {
  EXPECT_NEAR(wasserstein_distance(Values{38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0},
                                   Values{39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8}),
              4.1625, 1e-13);
  Values a;
  Values b;
  for (int i = 1; i <= 10; ++i) a.push_back(i);
  for (int i = 6; i <= 25; ++i) b.push_back(i);
  EXPECT_NEAR(wasserstein_distance(a, b), 10, 1e-13);
}

TEST(Wasserstein, RefusesWhatCannotBeMoved) {
  EXPECT_THROW(wasserstein_distance(Values{}, Values{1}), std::logic_error);
  EXPECT_THROW(wasserstein_distance(Values{std::numeric_limits<double>::infinity()}, Values{1}), std::logic_error);
  EXPECT_THROW(wasserstein_distance(std::vector<Mass>{{1, -1}, {2, 3}}, std::vector<Mass>{{1, 1}}), std::logic_error);
}

}  // namespace
}  // namespace retraind::stats
