#include "core/stats/sequential.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/base/random.h"

namespace retraind::stats {
namespace {

using Trial = std::vector<PairedCluster>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// ln e_n(m) as the definition has it.
double log_e(const Trial& trial, double m) {
  double sum = 0;
  double squares = 0;
  for (const PairedCluster& cluster : trial) {
    const double x = cluster.difference_sum - m * cluster.weight;
    sum += x;
    squares += x * x;
  }
  const auto n = static_cast<double>(trial.size());
  return std::log(1 / (n + 1)) / 2 - n / 2 * std::log(1 - sum * sum / ((n + 1) * squares));
}

Trial draw(Random& random, std::size_t clusters, double mean, bool equal_weights = false) {
  Trial trial;
  for (std::size_t i = 0; i < clusters; ++i) {
    const double weight = equal_weights ? 1 : .5 + random.uniform();
    trial.push_back({weight, weight * mean + random.normal()});
  }
  return trial;
}

TEST(AnytimeDifference, FollowsItsFormula) {
  const Trial trial{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}};
  const auto found = anytime_difference(trial, 0, .05);
  EXPECT_EQ(found.clusters, 5u);
  EXPECT_DOUBLE_EQ(found.estimate, 3);
  // U = 225 and V = 55: e = sqrt(1/6) (1 - 225/330)^(-5/2) = 7.1488.
  EXPECT_NEAR(found.log_e_above, -.5 * std::log(6) - 2.5 * std::log(105.0 / 330), 1e-13);
  EXPECT_NEAR(std::exp(found.log_e_above), 7.1488, 1e-4);
  // T = 6 (1 - (.0025/6)^(1/5)) = 4.734948, and t^2 (25 - 5 T) = 10 T.
  EXPECT_NEAR(found.high, 3 + 5.97729, 1e-4);
  EXPECT_NEAR(found.low, 3 - 5.97729, 1e-4);
}

TEST(AnytimeDifference, EndsWhereTheEvidenceReachesItsLimit) {
  Random random(3);
  int bounded = 0;
  for (std::size_t clusters = kFewestClusters; clusters < 40; ++clusters) {
    for (const double alpha : {.05, .01}) {
      const Trial trial = draw(random, clusters, .7);
      const auto found = anytime_difference(trial, 0, alpha);
      if (found.high == kInfinity) continue;
      ++bounded;
      EXPECT_NEAR(log_e(trial, found.low), -std::log(alpha), 1e-8);
      EXPECT_NEAR(log_e(trial, found.high), -std::log(alpha), 1e-8);
      // Evidence falls towards the estimate and rises away from it.
      const double width = found.high - found.low;
      EXPECT_GT(log_e(trial, found.low - .01 * width), -std::log(alpha));
      EXPECT_GT(log_e(trial, found.high + .01 * width), -std::log(alpha));
      for (int step = 1; step < 100; ++step) {
        EXPECT_LT(log_e(trial, found.low + step * width / 100), -std::log(alpha));
      }
      EXPECT_LT(found.low, found.estimate);
      EXPECT_GT(found.high, found.estimate);
    }
  }
  EXPECT_GT(bounded, 60);
}

TEST(AnytimeDifference, SaysTheSameByItsBoundsAndByItsEvidence) {
  Random random(4);
  const double wanted = -std::log(.05);
  int unbounded = 0;
  int seemingly_sure = 0;
  for (int repeat = 0; repeat < 600; ++repeat) {
    Trial trial = draw(random, 5 + random.below(40), 1.5 * random.normal());
    // Half of them with one cluster that holds most of the rows.
    if (repeat % 2 == 0) trial.push_back({10, 10 * random.normal()});
    const auto found = anytime_difference(trial, .3, .05);
    const double evidence = std::max(found.log_e_above, found.log_e_below);
    EXPECT_LE(evidence, log_e(trial, .3) + 1e-9);
    EXPECT_LE(found.estimate > .3 ? found.log_e_below : found.log_e_above, 0);
    EXPECT_EQ(found.log_e_above >= wanted, found.low >= .3);
    EXPECT_EQ(found.log_e_below >= wanted, found.high <= .3);
    if (found.low == -kInfinity) {
      ++unbounded;
      seemingly_sure += log_e(trial, .3) >= wanted;
    } else if (evidence < wanted) {
      EXPECT_NEAR(evidence, log_e(trial, .3), 1e-9);
    }
  }
  EXPECT_GT(unbounded, 20);
  // The bar itself may be excluded where means beyond it are not.
  EXPECT_GT(seemingly_sure, 0);
}

TEST(AnytimeDifference, MovesWithTheDataAndScalesWithTheirUnits) {
  Random random(8);
  const Trial trial = draw(random, 25, .4);
  const auto found = anytime_difference(trial, .1, .05);
  const auto changed = [&](double units, double rows, double shift) {
    Trial copy = trial;
    for (PairedCluster& cluster : copy) {
      cluster.weight *= rows;
      cluster.difference_sum = units * cluster.difference_sum + shift * cluster.weight;
    }
    return anytime_difference(copy, units / rows * .1 + shift, .05);
  };
  for (const double units : {1e-6, 1.0, 3e9}) {
    for (const double rows : {1.0, 700.0}) {
      for (const double shift : {0.0, -2.0 * units}) {
        const auto moved = changed(units, rows, shift);
        const double scale = units / rows;
        const double near = 1e-9 * scale + 1e-12 * std::fabs(shift);
        EXPECT_NEAR(moved.estimate, scale * found.estimate + shift, near);
        EXPECT_NEAR(moved.low, scale * found.low + shift, near);
        EXPECT_NEAR(moved.high, scale * found.high + shift, near);
        EXPECT_NEAR(moved.log_e_above, found.log_e_above, 1e-6);
      }
    }
  }
}

TEST(AnytimeDifference, TreatsBothModelsAlike) {
  Random random(9);
  Trial trial = draw(random, 12, .8);
  const auto found = anytime_difference(trial, .2, .05);
  for (PairedCluster& cluster : trial) cluster.difference_sum *= -1;
  const auto turned = anytime_difference(trial, -.2, .05);
  EXPECT_EQ(turned.low, -found.high);
  EXPECT_EQ(turned.high, -found.low);
  EXPECT_EQ(turned.log_e_below, found.log_e_above);
  EXPECT_EQ(turned.log_e_above, found.log_e_below);
}

TEST(AnytimeDifference, IsWiderTheSurerItMustBe) {
  Random random(10);
  const Trial trial = draw(random, 20, 0);
  double width = 0;
  for (const double alpha : {.5, .2, .05, .01, .001, 1e-6}) {
    const auto found = anytime_difference(trial, 0, alpha);
    EXPECT_GT(found.high - found.low, width);
    width = found.high - found.low;
  }
  EXPECT_LT(width, kInfinity);
}

TEST(AnytimeDifference, GathersEvidenceAsClustersCome) {
  Trial trial;
  double last_width = kInfinity;
  double last_evidence = -kInfinity;
  for (int round = 0; round < 10; ++round) {
    for (const double x : {-1.0, .25, .75, 2.0, 3.0}) trial.push_back({2, x});
    const auto found = anytime_difference(trial, 0, .05);
    EXPECT_LT(found.high - found.low, last_width);
    EXPECT_GT(found.log_e_above, last_evidence);
    EXPECT_DOUBLE_EQ(found.estimate, .5);
    last_width = found.high - found.low;
    last_evidence = found.log_e_above;
  }
  // Fifty clusters of mean 1 and deviation 1.4: five standard errors; a bound that may be looked at after every one
  // must still leave zero out.
  EXPECT_GT(anytime_difference(trial, 0, .05).low, 0);
}

TEST(AnytimeDifference, SaysNothingOfFewClusters) {
  Trial trial;
  for (std::size_t i = 0; i < kFewestClusters; ++i) {
    const auto found = anytime_difference(trial, 0, .05);
    EXPECT_EQ(found.low, -kInfinity);
    EXPECT_EQ(found.high, kInfinity);
    EXPECT_EQ(found.log_e_above, 0);
    EXPECT_EQ(found.log_e_below, 0);
    EXPECT_EQ(found.estimate, trial.empty() ? 0 : 10);
    trial.push_back({1, 10});
  }
  EXPECT_GT(anytime_difference(trial, 0, .05).low, 0);
}

TEST(AnytimeDifference, HasNoBoundsWhereNoMeanIsUnlikelyEnough) {
  // Five clusters never give more evidence than 36.
  const Trial few{{1, 10}, {1, 10.1}, {1, 9.9}, {1, 10.2}, {1, 9.8}};
  EXPECT_GT(anytime_difference(few, 0, .05).low, 0);
  EXPECT_EQ(anytime_difference(few, 0, .02).low, -kInfinity);
  EXPECT_EQ(anytime_difference(few, 0, .02).high, kInfinity);
  EXPECT_LT(anytime_difference(few, 0, .02).log_e_above, std::log(36.0));
  // Nor do many of which one holds nearly all rows: it alone decides.
  Trial lopsided(20, {1, .1});
  lopsided.push_back({1000, 300});
  EXPECT_EQ(anytime_difference(lopsided, 0, .05).low, -kInfinity);
  EXPECT_EQ(anytime_difference(lopsided, 0, .05).high, kInfinity);
  EXPECT_LT(anytime_difference(lopsided, 0, .05).log_e_above, 0);
}

TEST(AnytimeDifference, TakesRoundingForNoEvidence) {
  // Every cluster differs by exactly a tenth, but for the last digits.
  Trial trial;
  for (int i = 1; i <= 30; ++i) trial.push_back({static_cast<double>(i % 7 + 1), .1 * (i % 7 + 1)});
  const auto at_bar = anytime_difference(trial, .1, .05);
  EXPECT_LT(at_bar.log_e_above, 0);
  EXPECT_LT(at_bar.log_e_below, 0);
  EXPECT_NEAR(at_bar.low, .1, 1e-14);
  EXPECT_NEAR(at_bar.high, .1, 1e-14);
  EXPECT_LE(at_bar.low, .1);
  EXPECT_GE(at_bar.high, .1);
  EXPECT_GT(anytime_difference(trial, 0, .05).log_e_above, std::log(20.0));
}

TEST(AnytimeDifference, SaysNothingOfModelsThatHardlyEverDiffer) {
  // Nine days without a single difference do not show that there will be none.
  Trial trial(9, {50, 0});
  trial.insert(trial.end(), 4, {50, -1});
  const auto few = anytime_difference(trial, -.01, .05);
  EXPECT_EQ(few.clusters, 13u);
  EXPECT_DOUBLE_EQ(few.estimate, -4.0 / 650);
  EXPECT_EQ(few.low, -kInfinity);
  EXPECT_EQ(few.high, kInfinity);
  EXPECT_EQ(few.log_e_above, 0);
  EXPECT_EQ(few.log_e_below, 0);
  trial.push_back({50, -1});
  const auto enough = anytime_difference(trial, -.01, .05);
  EXPECT_GT(enough.low, -kInfinity);
  EXPECT_LT(enough.high, kInfinity);
  EXPECT_NE(enough.log_e_above, 0);
}

TEST(AnytimeDifference, RefusesWhatIsNoTrial) {
  const Trial trial(6, {1, 1});
  EXPECT_THROW(anytime_difference(trial, 0, 0), std::logic_error);
  EXPECT_THROW(anytime_difference(trial, 0, 1), std::logic_error);
  EXPECT_THROW(anytime_difference(trial, std::nan(""), .05), std::logic_error);
  EXPECT_THROW(anytime_difference(Trial{{0, 1}}, 0, .05), std::logic_error);
  EXPECT_THROW(anytime_difference(Trial{{-1, 1}}, 0, .05), std::logic_error);
  EXPECT_THROW(anytime_difference(Trial{{kInfinity, 1}}, 0, .05), std::logic_error);
  EXPECT_THROW(anytime_difference(Trial{{1, std::nan("")}}, 0, .05), std::logic_error);
}

}  // namespace
}  // namespace retraind::stats
