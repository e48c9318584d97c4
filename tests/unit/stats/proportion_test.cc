#include "core/stats/proportion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace retraind::stats {
namespace {

constexpr double kZ = 1.959963984540054;

void expect_bounds(const Bounds& bounds, double low, double high, double within) {
  EXPECT_NEAR(bounds.low, low, within);
  EXPECT_NEAR(bounds.high, high, within);
}

TEST(Wilson, AgreesWithStatsmodelsOnTheExamplesOfNewcombe1998) {
  expect_bounds(wilson(81, 263, kZ), .2552885198782742, .36620957698280004, 1e-14);
  expect_bounds(wilson(15, 148, kZ), .06238639953073628, .16048724172330803, 1e-14);
  expect_bounds(wilson(0, 10, kZ), 0, .27753279986288926, 1e-14);
  expect_bounds(wilson(1, 29, kZ), .006113214292762667, .17175521879320294, 1e-14);
}

TEST(ClopperPearson, AgreesWithStatsmodels) {
  expect_bounds(clopper_pearson(5, 50, .025), .03327509358902247, .21813536643420228, 1e-13);
  expect_bounds(clopper_pearson(0, 10, .025), 0, .30849710781876083, 1e-13);
  EXPECT_EQ(clopper_pearson(10, 10, .025).high, 1);
}

// Newcombe (1998), "Interval estimation for the difference between independent proportions", table II, method 10.
TEST(Newcombe, AgreesWithItsPaper) {
  expect_bounds(newcombe(48, 80, 56, 70, kZ), .0524, .3339, 5e-5);
  expect_bounds(newcombe(3, 10, 9, 10, kZ), .1705, .8090, 5e-5);
  expect_bounds(newcombe(0, 10, 10, 10, kZ), .6075, 1, 5e-5);
}

TEST(Newcombe, TurnsAroundWithItsSides) {
  const Bounds forth = newcombe(3, 40, 9, 70, kZ);
  const Bounds back = newcombe(9, 70, 3, 40, kZ);
  EXPECT_DOUBLE_EQ(forth.low, -back.high);
  EXPECT_DOUBLE_EQ(forth.high, -back.low);
}

TEST(Shares, RefuseMoreHitsThanRows) {
  EXPECT_THROW(wilson(3, 2, kZ), std::logic_error);
  EXPECT_THROW(clopper_pearson(-1, 2, .025), std::logic_error);
  EXPECT_THROW(wilson(0, 0, kZ), std::logic_error);
}

TEST(NormalTail, NeverUnderflows) {
  EXPECT_NEAR(std::exp(log_sf_normal(kZ)), .025, 1e-15);
  EXPECT_NEAR(log_sf_normal(std::nextafter(25, 0)), log_sf_normal(25), 1e-8);
  // scipy.stats.norm.logsf(40)
  EXPECT_NEAR(log_sf_normal(40), -804.608442, 1e-6);
  EXPECT_TRUE(std::isfinite(log_sf_normal(1e9)));
}

TEST(Rise, IsTheLevelAtWhichNewcombesBoundIsReached) {
  const double bound = newcombe(48, 80, 56, 70, kZ).low;
  EXPECT_NEAR(std::exp(log_p_rise(48, 80, 56, 70, bound)), .025, 1e-9);
  EXPECT_EQ(log_p_rise(48, 80, 56, 70, .21), 0);
  EXPECT_EQ(log_p_rise(56, 70, 48, 80, 0), 0);
}

TEST(Rise, StaysFiniteForMillionsOfRowsThatAllChanged) {
  const double log_p = log_p_rise(0, 1e8, 1e8, 1e8, .05);
  EXPECT_LT(log_p, -1e6);
  EXPECT_TRUE(std::isfinite(log_p));
}

TEST(BinomialTail, IsTheSumOfItsTerms) {
  // P(X >= 2), X of 10 with probability 0.1.
  EXPECT_NEAR(std::exp(log_sf_binomial(2, 10, .1)), 1 - std::pow(.9, 10) - std::pow(.9, 9), 1e-14);
  EXPECT_EQ(log_sf_binomial(0, 10, .1), 0);
}

TEST(BinomialTail, IsBoundedWhereItCannotBeHad) {
  // .05^1000 is 1e-1301: all of a thousand.
  EXPECT_NEAR(log_sf_binomial(1000, 1000, .05), 1000 * std::log(.05), 1e-9);
  EXPECT_TRUE(std::isfinite(log_sf_binomial(5e8, 1e9, .01)));
}

TEST(HypergeometricTail, AgreesWithFishersTea) {
  // Fisher (1935): all eight cups right 1/70, six and more 17/70.
  EXPECT_NEAR(std::exp(log_sf_hypergeometric(4, 4, 4, 8)), 1 / 70., 1e-15);
  EXPECT_NEAR(std::exp(log_sf_hypergeometric(3, 4, 4, 8)), 17 / 70., 1e-15);
  EXPECT_NEAR(log_sf_hypergeometric(0, 4, 4, 8), 0, 1e-15);
  EXPECT_NEAR(log_sf_hypergeometric(3, 5, 6, 8), 0, 1e-14) << "no fewer than three can be";
  EXPECT_THROW(log_sf_hypergeometric(5, 4, 5, 8), std::logic_error);
}

}  // namespace
}  // namespace retraind::stats
