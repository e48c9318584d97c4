// What holds for every metric alike.

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <stdexcept>

#include "tests/unit/stats/metric_cases.h"

namespace retraind::stats {
namespace {

void expect_same(std::optional<double> a, std::optional<double> b, const std::string& what) {
  ASSERT_EQ(a.has_value(), b.has_value()) << what;
  if (!a) return;
  EXPECT_NEAR(*a, *b, 1e-12 * std::max(1.0, std::fabs(*a))) << what;
}

std::string name_of(const Case& rows, Metric metric) {
  return rows.name + ", " + std::string(to_text(metric)) + ", " + std::to_string(rows.labels.size()) + " rows";
}

TEST(EveryMetric, IsDefinedOnOrdinaryRows) {
  for (const Case& rows : cases(200, 1)) {
    std::vector<Metric> measured;
    for (const MetricValue& one : evaluate_all(rows.scored())) {
      measured.push_back(one.metric);
      EXPECT_EQ(one.value, rows(one.metric));
    }
    EXPECT_EQ(measured, metrics_of(rows.task)) << rows.name;
  }
}

TEST(EveryMetric, TakesWeightsForRepetitions) {
  for (const std::size_t count : {10u, 60u, 400u}) {
    for (const Case& rows : cases(count, 2 + count)) {
      Random random(count);
      Numbers weights;
      std::vector<std::size_t> repeated;
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t times = random.below(4);
        weights.push_back(static_cast<double>(times));
        repeated.insert(repeated.end(), times, i);
      }
      Case weighted = rows;
      weighted.weights = weights;
      for (const Metric metric : metrics_of(rows.task)) {
        const auto expected = rows.rows(repeated)(metric);
        expect_same(rows(metric, weights), expected, name_of(rows, metric));
        expect_same(weighted(metric), expected, name_of(rows, metric));
      }
    }
  }
}

TEST(EveryMetric, DoesNotDependOnTheUnitOfWeights) {
  for (const Case& rows : cases(100, 3)) {
    Random random(4);
    Numbers weights;
    for (std::size_t i = 0; i < 100; ++i) weights.push_back(random.uniform());
    Numbers eighths = weights;
    for (double& weight : eighths) weight /= 8;
    for (const Metric metric : metrics_of(rows.task)) {
      expect_same(rows(metric, eighths), rows(metric, weights), name_of(rows, metric));
    }
  }
}

TEST(EveryMetric, MultipliesTheWeightsOfRowsByThoseOfADraw) {
  for (const Case& rows : cases(50, 5)) {
    Random random(6);
    Case weighted = rows;
    Numbers drawn;
    Numbers products;
    for (std::size_t i = 0; i < 50; ++i) {
      weighted.weights.push_back(static_cast<double>(random.below(3)) / 2);
      drawn.push_back(static_cast<double>(random.below(3)));
      products.push_back(weighted.weights.back() * drawn.back());
    }
    for (const Metric metric : metrics_of(rows.task)) {
      const WeightedMetric prepared(metric, weighted.scored());
      EXPECT_EQ(prepared(drawn), rows(metric, products)) << name_of(rows, metric);
      EXPECT_EQ(prepared(), rows(metric, weighted.weights)) << name_of(rows, metric);
      EXPECT_EQ(prepared(drawn), weighted(metric, drawn)) << name_of(rows, metric);
    }
  }
}

TEST(EveryMetric, SumsWholeWeightsAsItDoesFractions) {
  for (const std::size_t count : {30u, 700u}) {
    for (const Case& rows : cases(count, 12)) {
      Random random(13);
      Numbers whole;
      for (std::size_t i = 0; i < count; ++i) whole.push_back(static_cast<double>(random.below(4)));
      Numbers thirds = whole;
      for (double& weight : thirds) weight /= 3;
      for (const Metric metric : metrics_of(rows.task)) {
        expect_same(rows(metric, whole), rows(metric, thirds), name_of(rows, metric));
      }
    }
  }
}

TEST(EveryMetric, TakesTheWeightOfAGroupForThatOfItsRows) {
  for (const std::size_t count : {20u, 300u, 3000u}) {
    for (const Case& rows : cases(count, 14)) {
      for (const double own : {0.0, 1.0, 0.3}) {  // 0: none
        Random random(15);
        Case weighted = rows;
        std::vector<std::uint32_t> groups;
        for (std::size_t i = 0; i < count; ++i) {
          groups.push_back(static_cast<std::uint32_t>(random.below(7)));
          if (own > 0) weighted.weights.push_back(own * static_cast<double>(random.below(3)));
        }
        groups.back() = 7;  // the largest, by itself
        for (const double unit : {1.0, 0.7}) {
          Numbers of_group;
          for (int group = 0; group < 8; ++group) of_group.push_back(unit * static_cast<double>(random.below(3)));
          Numbers of_row;
          for (const std::uint32_t group : groups) of_row.push_back(of_group[group]);
          for (const Metric metric : metrics_of(rows.task)) {
            const WeightedMetric grouped(metric, weighted.scored(), groups);
            expect_same(grouped(of_group), weighted(metric, of_row), name_of(rows, metric));
            expect_same(grouped(), weighted(metric), name_of(rows, metric));
            const bool counts = own != 0.3 && unit == 1 &&
                                (metric == Metric::auc || metric == Metric::macro_auc || metric == Metric::f1 ||
                                 metric == Metric::macro_f1 || metric == Metric::precision || metric == Metric::recall);
            if (counts) {
              EXPECT_EQ(grouped(of_group), weighted(metric, of_row)) << name_of(rows, metric);
            }
          }
        }
      }
    }
  }
}

TEST(EveryMetric, RefusesGroupsThatDoNotFit) {
  for (const Case& rows : cases(3, 16)) {
    for (const Metric metric : metrics_of(rows.task)) {
      const std::vector<std::uint32_t> two{0, 1};
      EXPECT_THROW(WeightedMetric(metric, rows.scored(), two), std::logic_error);
      const std::vector<std::uint32_t> three{0, 1, 1};
      EXPECT_THROW(WeightedMetric(metric, rows.scored(), three)(Numbers{1, 1, 1}), std::logic_error);
    }
  }
}

TEST(EveryMetric, DoesNotDependOnTheOrderOfRows) {
  for (const std::size_t count : {10u, 300u}) {
    for (const Case& rows : cases(count, 7)) {
      std::vector<std::size_t> order(count);
      std::iota(order.begin(), order.end(), std::size_t{0});
      Random random(8);
      for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
      for (const Metric metric : metrics_of(rows.task)) {
        expect_same(rows.rows(order)(metric), rows(metric), name_of(rows, metric));
      }
    }
  }
}

TEST(EveryMetric, IgnoresRowsWithoutWeight) {
  for (const Case& rows : cases(60, 9)) {
    std::vector<std::size_t> kept;
    Numbers weights;
    for (std::size_t i = 0; i < 60; ++i) {
      const bool keep = i % 3 != 0;
      weights.push_back(keep ? 1 : 0);
      if (keep) kept.push_back(i);
    }
    for (const Metric metric : metrics_of(rows.task)) {
      expect_same(rows(metric, weights), rows.rows(kept)(metric), name_of(rows, metric));
    }
  }
}

TEST(EveryMetric, IsUndefinedWithoutRowsOrWeight) {
  for (const Case& rows : cases(20, 10)) {
    Case weightless = rows;
    weightless.weights.assign(20, 0);
    for (const Metric metric : metrics_of(rows.task)) {
      EXPECT_FALSE(rows.rows({})(metric).has_value()) << name_of(rows, metric);
      EXPECT_FALSE(rows(metric, Numbers(20, 0.0)).has_value()) << name_of(rows, metric);
      EXPECT_FALSE(weightless(metric).has_value()) << name_of(rows, metric);
      EXPECT_FALSE(weightless(metric, Numbers(20, 2.0)).has_value()) << name_of(rows, metric);
    }
    EXPECT_TRUE(evaluate_all(weightless.scored()).empty());
  }
}

TEST(EveryMetric, RefusesWeightsThatAreNone) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const Case& rows : cases(3, 11)) {
    for (const Numbers& bad :
         {Numbers{1, 1}, Numbers{1, -1, 1}, Numbers{1, std::nan(""), 1}, Numbers{kInfinity, 1, 1}}) {
      Case weighted = rows;
      weighted.weights = bad;
      for (const Metric metric : metrics_of(rows.task)) {
        EXPECT_THROW(weighted(metric), std::logic_error) << name_of(rows, metric);
        EXPECT_THROW(rows(metric, bad), std::logic_error) << name_of(rows, metric);
      }
    }
  }
}

std::vector<Metric> defined_on(const Case& rows) {
  std::vector<Metric> out;
  for (const MetricValue& one : evaluate_all(rows.scored())) out.push_back(one.metric);
  return out;
}

TEST(EveryMetric, IsUndefinedWhereItHasNoMeaning) {
  using enum Metric;
  // One class only.
  EXPECT_EQ(defined_on(binary_case({1, 1}, {.9, .6})), (std::vector{accuracy, log_loss, f1, brier, average_precision,
                                                                    precision, recall, calibration_error, cost}));
  EXPECT_EQ(defined_on(binary_case({0, 0}, {.4, .2})),
            (std::vector{accuracy, log_loss, f1, brier, calibration_error, cost}));
  EXPECT_EQ(defined_on(multiclass_case(2, {1, 1}, {.4, .6, .1, .9})),
            (std::vector{accuracy, log_loss, macro_f1, weighted_f1, cost}));
  // All predictions equal.
  EXPECT_EQ(defined_on(binary_case({0, 1, 0}, {.3, .3, .3})),
            (std::vector{accuracy, log_loss, auc, f1, brier, average_precision, recall, calibration_error, cost}));
  EXPECT_EQ(defined_on(regression_case({1, 2, 3}, {2, 2, 2})), (std::vector{rmse, mae, r2, mape, pinball, bias}));
  // All labels equal, and 0.
  EXPECT_EQ(defined_on(regression_case({2, 2, 2}, {1, 2, 3})), (std::vector{rmse, mae, mape, pinball, bias}));
  EXPECT_EQ(defined_on(regression_case({0, 0}, {1, 2})), (std::vector{rmse, mae, pinball, bias}));
}

}  // namespace
}  // namespace retraind::stats
