#include "core/stats/kolmogorov.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "core/base/random.h"

namespace retraind::stats {
namespace {

using Values = std::vector<double>;

TEST(KolmogorovDistance, AgreesWithScipyOnPublishedSamples) {
  // Evidently, tests/stattests/test_stattests.py.
  EXPECT_DOUBLE_EQ(kolmogorov_distance(Values{38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0},
                                       Values{39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8}),
                   .625);
  Values a(10);
  Values b(20);
  std::iota(a.begin(), a.end(), 1);
  std::iota(b.begin(), b.end(), 6);
  EXPECT_DOUBLE_EQ(kolmogorov_distance(a, b), .75);
  EXPECT_DOUBLE_EQ(kolmogorov_distance(b, a), .75);
}

TEST(KolmogorovDistance, StepsOverTiesTogether) {
  EXPECT_EQ(kolmogorov_distance(Values{1, 1, 2}, Values{1, 1, 2, 1, 1, 2}), 0);
  EXPECT_EQ(kolmogorov_distance(Values{1, 1}, Values{2}), 1);
}

TEST(KolmogorovDistance, RefusesWhatHasNoDistributionFunction) {
  EXPECT_THROW(kolmogorov_distance(Values{}, Values{1}), std::logic_error);
  EXPECT_THROW(kolmogorov_distance(Values{std::nan("")}, Values{1}), std::logic_error);
}

TEST(Kolmogorov, AgreesWithScipy) {
  // scipy.special.kolmogorov
  EXPECT_NEAR(std::exp(log_sf_kolmogorov(.5)), .9639452436648751, 1e-14);
  EXPECT_NEAR(std::exp(log_sf_kolmogorov(1)), .26999967167735456, 1e-14);
  EXPECT_NEAR(std::exp(log_sf_kolmogorov(1.3581)), .0499996304316674, 1e-15);
  EXPECT_NEAR(std::exp(log_sf_kolmogorov(2)), .0006709252557796953, 1e-17);
}

TEST(Kolmogorov, HasOneValueWhereItsTwoSeriesMeet) {
  EXPECT_NEAR(log_sf_kolmogorov(std::nextafter(1.18, 0)), log_sf_kolmogorov(1.18), 1e-13);
}

TEST(Kolmogorov, NeverUnderflows) {
  EXPECT_DOUBLE_EQ(log_sf_kolmogorov(1e4), std::log(2.0) - 2e8);
  EXPECT_EQ(log_sf_kolmogorov(0), 0);
  EXPECT_EQ(log_sf_kolmogorov(-1), 0);
}

TEST(KolmogorovSmirnov, AgreesWithScipysKstwo) {
  EXPECT_NEAR(std::exp(log_sf_kolmogorov_smirnov(.05, 500)), .15866260223815365, 1e-8);
  EXPECT_NEAR(std::exp(log_sf_kolmogorov_smirnov(.02, 5000)), .03613941395325637, 1e-9);
  EXPECT_NEAR(std::exp(log_sf_kolmogorov_smirnov(.01, 100000)) / 4.093278023549254e-09, 1, 1e-8);
  // scipy.stats.ks_2samp(method="asymp") of the samples above: kstwo.sf(.625, 4), which the limit is not below.
  EXPECT_GE(std::exp(log_sf_kolmogorov_smirnov(.625, 4)), .04931640625);
}

TEST(KolmogorovSmirnov, HasOneValueWhereItsTwoFormsMeet) {
  for (const double n : {140.0, 1000.0, 30000.0}) {
    const double d = 1.9 / std::sqrt(n);
    EXPECT_NEAR(log_sf_kolmogorov_smirnov(d * .9999999, n), log_sf_kolmogorov_smirnov(d * 1.0000001, n), 2e-5) << n;
  }
}

TEST(KolmogorovSmirnov, IsNeverBeyondItsLimit) {
  for (const double n : {140.0, 500.0, 5000.0, 100000.0}) {
    for (const double z : {.5, .8, 1.0, 1.3, 1.6, 2.0, 3.0, 5.0}) {
      EXPECT_LE(log_sf_kolmogorov_smirnov(z / std::sqrt(n), n), log_sf_kolmogorov(z) + 1e-9) << n << " " << z;
    }
  }
}

TEST(KolmogorovSmirnov, TakesWhatIsNoDistanceAtItsEnds) {
  EXPECT_EQ(log_sf_kolmogorov_smirnov(0, 500), 0);
  EXPECT_EQ(log_sf_kolmogorov_smirnov(-.2, 500), 0);
  EXPECT_EQ(log_sf_kolmogorov_smirnov(1.1, 500), -std::numeric_limits<double>::infinity());
  EXPECT_THROW(log_sf_kolmogorov_smirnov(.1, 0), std::logic_error);
}

TEST(ExactKolmogorovSmirnov, AgreesWithScipysExactMethod) {
  EXPECT_NEAR(exact_sf_kolmogorov_smirnov(.625, 8, 8), .08702408702408701, 1e-15);
  EXPECT_NEAR(exact_sf_kolmogorov_smirnov(.75, 10, 20), .0005094355918943625, 1e-17);
  // scipy issue 9786.
  EXPECT_EQ(exact_sf_kolmogorov_smirnov(1, 1, 1), 1);
  EXPECT_NEAR(exact_sf_kolmogorov_smirnov(1, 1, 2), 2 / 3., 1e-15);
  EXPECT_NEAR(exact_sf_kolmogorov_smirnov(1, 2, 4), 2 / 15., 1e-15);
}

TEST(ExactKolmogorovSmirnov, KeepsTheDigitsOfSmallTails) {
  // Only the two paths along the edges leave: 2 / C(60, 30).
  EXPECT_NEAR(exact_sf_kolmogorov_smirnov(1, 30, 30) / (2 / 118264581564861424.0), 1, 1e-12);
  EXPECT_EQ(exact_sf_kolmogorov_smirnov(0, 30, 30), 1);
  EXPECT_EQ(exact_sf_kolmogorov_smirnov(.5, 0, 30), 1);
}

TEST(ExactKolmogorovSmirnov, DoesNotDependOnWhichSampleComesFirst) {
  for (const double d : {.2, .35, .5}) {
    EXPECT_NEAR(exact_sf_kolmogorov_smirnov(d, 13, 40), exact_sf_kolmogorov_smirnov(d, 40, 13), 1e-14);
  }
}

}  // namespace
}  // namespace retraind::stats
