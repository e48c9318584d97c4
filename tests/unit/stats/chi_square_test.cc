#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/stats/drift.h"

namespace retraind::stats {
namespace {

struct Case {
  double x;
  double df;
  double lambda;
};

// P(X >= x) of an even number of degrees of freedom, as the mixture of Poisson tails that defines it: given J, Poisson
// with mean lambda / 2, X >= x exactly when a Poisson variable with mean x / 2 is below df / 2 + J. Summed in
// logarithms and 80-bit arithmetic, term by term.
double log_sf_by_definition(const Case& at) {
  const long double half = at.lambda / 2;
  const long double mean = at.x / 2;
  const auto shift = static_cast<long>(at.df / 2);
  // The largest terms lie near the saddlepoint and near the mode of J.
  const long double peak = std::max(half, std::sqrt(half * mean));
  const auto last = static_cast<long>(peak + 40 * std::sqrt(peak + 1) + 400);
  const auto add_log = [](long double a, long double b) {
    return std::max(a, b) + std::log1p(std::exp(-std::fabs(a - b)));
  };
  const auto log_poisson = [](long k, long double rate) {
    return static_cast<long double>(k) * std::log(rate) - rate - std::lgamma(static_cast<long double>(k) + 1);
  };
  long double below = log_poisson(0, mean);
  for (long k = 1; k < shift; ++k) below = add_log(below, log_poisson(k, mean));
  long double sum = log_poisson(0, half) + below;
  for (long j = 1; j <= last; ++j) {
    below = add_log(below, log_poisson(shift + j - 1, mean));
    sum = add_log(sum, log_poisson(j, half) + below);
  }
  return static_cast<double>(sum);
}

TEST(NoncentralChiSquare, AgreesWithScipysNcx2) {
  EXPECT_NEAR(std::exp(log_sf_noncentral_chi_square(20, 15, 5)), .45468968401560783, 1e-13);
  EXPECT_NEAR(std::exp(log_sf_noncentral_chi_square(60, 15, 20)), .017818173492023966, 1e-14);
  EXPECT_NEAR(std::exp(log_sf_noncentral_chi_square(200, 15, 100)), .00018810664099438946, 1e-16);
  EXPECT_NEAR(std::exp(log_sf_noncentral_chi_square(1500, 15, 1200)), 4.853745842480523e-05, 1e-16);
}

TEST(NoncentralChiSquare, IsTheCentralOneWithoutNoncentrality) {
  // scipy.stats.chi2.sf
  EXPECT_NEAR(std::exp(log_sf_noncentral_chi_square(10, 4, 0)), .04042768199451279, 1e-14);
  EXPECT_NEAR(std::exp(log_sf_noncentral_chi_square(1000, 900, 0)), .010994608942135844, 1e-13);
  // The p-values of the homogeneity tests in drift_test.cc.
  EXPECT_NEAR(std::exp(log_sf_noncentral_chi_square(1.6224089635854342, 5, 0)), .8985262394026607, 1e-13);
  EXPECT_NEAR(std::exp(log_sf_noncentral_chi_square(51.909051909051904, 1, 0)), 5.813180472899873e-13, 1e-24);
}

TEST(NoncentralChiSquare, AgreesWithItsDefinitionWhereDoublesCanHoldTheTail) {
  for (const Case& at : {Case{300, 18, 1.4}, Case{900, 18, 14}, Case{1000, 2, 3}, Case{2e4, 16, 1.4e4},
                         Case{9e4, 16, 8e4}, Case{5000, 16, 5000}, Case{4000, 16, 5000}}) {
    EXPECT_NEAR(log_sf_noncentral_chi_square(at.x, at.df, at.lambda), log_sf_by_definition(at), 1e-9)
        << at.x << " " << at.df << " " << at.lambda;
  }
}

TEST(NoncentralChiSquare, AgreesWithItsDefinitionAmongHundredsOfThousands) {
  for (const Case& at : {Case{1.2e5, 16, 1.2e5}, Case{3e5, 16, 2.99e5}, Case{3e5, 16, 2.7e5}, Case{3e5, 18, 3.005e5},
                         Case{3e5, 2, 2.5e5}}) {
    EXPECT_NEAR(log_sf_noncentral_chi_square(at.x, at.df, at.lambda), log_sf_by_definition(at), 1e-8)
        << at.x << " " << at.df << " " << at.lambda;
  }
}

TEST(NoncentralChiSquare, KnowsTailsFarBelowWhatADoubleCanHold) {
  for (const Case& at : {Case{1400, 18, 1.4}, Case{5000, 18, 14}, Case{1e5, 16, 1.4}, Case{1e6, 16, 140},
                         Case{1e7, 16, 14}, Case{2e5, 30, 5e4}}) {
    const double log_p = log_sf_noncentral_chi_square(at.x, at.df, at.lambda);
    EXPECT_LT(log_p, -575) << at.x;
    EXPECT_NEAR(log_p, log_sf_by_definition(at), 0.01) << at.x << " " << at.df << " " << at.lambda;
  }
}

TEST(NoncentralChiSquare, StaysFiniteForAnyFiniteStatistic) {
  EXPECT_NEAR(log_sf_noncentral_chi_square(1e12, 17, 1e6) / (-5e11), 1, 0.01);
  EXPECT_TRUE(std::isfinite(log_sf_noncentral_chi_square(1e300, 17, 10)));
  EXPECT_TRUE(std::isfinite(log_sf_noncentral_chi_square(1e300, 17, 0)));
  EXPECT_EQ(log_sf_noncentral_chi_square(std::numeric_limits<double>::infinity(), 17, 10),
            -std::numeric_limits<double>::infinity());
  EXPECT_EQ(log_sf_noncentral_chi_square(0, 17, 10), 0);
  EXPECT_EQ(log_sf_noncentral_chi_square(-1, 17, 10), 0);
  EXPECT_NEAR(log_sf_noncentral_chi_square(1e3, 17, 1e8), 0, 1e-300);
}

TEST(NoncentralChiSquare, HasNoJumpWhereTheExactSumGivesWayToTheSaddlepoint) {
  // The tail of 17 degrees of freedom leaves 1e-250 near x = 1360. A step of 1 in x lowers ln p by a little under 1/2.
  double before = log_sf_noncentral_chi_square(1300, 17, 14);
  for (double x = 1301; x < 1500; ++x) {
    const double here = log_sf_noncentral_chi_square(x, 17, 14);
    EXPECT_NEAR(before - here, 0.447, 0.02) << x;
    before = here;
  }
  EXPECT_LT(before, -590);
  for (const double lambda : {8e4, 9.9e4, 1e5}) {
    EXPECT_NEAR(log_sf_noncentral_chi_square(1e5, 17, lambda), log_sf_noncentral_chi_square(1e5 + 1e-9, 17, lambda),
                1e-7)
        << lambda;
  }
}

TEST(NoncentralChiSquare, NeverRisesWithTheStatistic) {
  for (const double lambda : {0.0, 0.5, 14.0, 3e3, 2e5}) {
    double before = 0;
    for (double x = 0.5; x < 1e8; x *= 1.07) {
      const double here = log_sf_noncentral_chi_square(x, 17, lambda);
      ASSERT_LE(here, before) << x << " " << lambda;
      before = here;
    }
  }
}

TEST(NoncentralChiSquare, IsContinuousAtTheMeanOfAHugeNoncentrality) {
  const double mean = 1e8 + 17;
  const double spread = std::sqrt(2 * (17 + 2e8));
  for (const double z : {1e-9, 1e-7, 1e-6, 1e-5, 1e-4}) {
    const double below = log_sf_noncentral_chi_square(mean - z * spread, 17, 1e8);
    const double above = log_sf_noncentral_chi_square(mean + z * spread, 17, 1e8);
    // The normal density at its mean is 0.399 a standard deviation, and half of the mass is to the right.
    EXPECT_NEAR(below - above, 2 * z * 0.3989 / 0.5, z * 1e-3 + 1e-10) << z;
  }
}

TEST(NoncentralChiSquare, RefusesWhatIsNoDistribution) {
  EXPECT_THROW(log_sf_noncentral_chi_square(1, 0, 1), std::logic_error);
  EXPECT_THROW(log_sf_noncentral_chi_square(1, 5, -1), std::logic_error);
  EXPECT_THROW(log_sf_noncentral_chi_square(std::nan(""), 5, 1), std::logic_error);
}

std::vector<double> logs(std::vector<double> p) {
  for (double& value : p) value = std::log(value);
  return p;
}

void expect_probabilities(const std::vector<double>& log_p, const std::vector<double>& expected) {
  ASSERT_EQ(log_p.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(std::exp(log_p[i]), expected[i], 1e-12) << i;
}

const std::vector<double> kTenTests{.001, .008, .039, .041, .042, .060, .074, .205, .212, .216};

TEST(Multiplicity, AgreesWithStatsmodelsMultipletests) {
  expect_probabilities(benjamini_hochberg(logs(kTenTests)),
                       {.01, .04, .084, .084, .084, .1, .10571428571428572, .216, .216, .216});
  expect_probabilities(holm(logs(kTenTests)), {.01, .072, .312, .312, .312, .312, .312, .615, .615, .615});
}

TEST(Multiplicity, RejectsAsManyAsInTheExampleOfBenjaminiAndHochberg) {
  // Their paper of 1995, section 4.2: 15 hypotheses on myocardial infarction, at level 0.05.
  const auto log_p =
      logs({.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528, .7590, 1.0});
  const auto rejected = [](const std::vector<double>& adjusted) {
    return std::count_if(adjusted.begin(), adjusted.end(), [](double value) { return value <= std::log(0.05); });
  };
  EXPECT_EQ(rejected(benjamini_hochberg(log_p)), 4);
  EXPECT_EQ(rejected(holm(log_p)), 3);
}

TEST(Multiplicity, KeepsTheOrderGivenAndTailsThatADoubleCannotHold) {
  const std::vector<double> adjusted = benjamini_hochberg(std::vector<double>{-0.1, -5000, -2, -4000});
  EXPECT_NEAR(adjusted[0], -0.1, 1e-12);
  EXPECT_NEAR(adjusted[1], -5000 + std::log(4.0), 1e-9);
  EXPECT_NEAR(adjusted[2], -2 + std::log(4.0 / 3), 1e-12);
  EXPECT_NEAR(adjusted[3], -4000 + std::log(2.0), 1e-9);
  EXPECT_NEAR(holm(std::vector<double>{-0.1, -5000, -2})[1], -5000 + std::log(3.0), 1e-9);
  EXPECT_TRUE(benjamini_hochberg({}).empty());
  EXPECT_TRUE(holm({}).empty());
}

}  // namespace
}  // namespace retraind::stats
