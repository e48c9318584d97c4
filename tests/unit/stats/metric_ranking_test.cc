#include <gtest/gtest.h>

#include "tests/unit/stats/metric_cases.h"

namespace retraind::stats {
namespace {

TEST(AveragePrecision, AgreesWithTheExampleOfSklearn) {
  EXPECT_NEAR(*binary_case({0, 0, 1, 1}, {.1, .4, .35, .8})(Metric::average_precision), 0.8333333333333333, 1e-15);
}

TEST(AveragePrecision, IsTheMeanPrecisionAtThePositivesOfARanking) {
  // Relevant at the ranks 1, 3 and 6 of 6: (1/1 + 2/3 + 3/6) / 3.
  EXPECT_NEAR(*binary_case({1, 0, 1, 0, 0, 1}, {.9, .8, .7, .6, .5, .4})(Metric::average_precision),
              (1 + 2.0 / 3 + 0.5) / 3, 1e-15);
}

TEST(AveragePrecision, TakesRowsThatTieInOneStep) {
  EXPECT_DOUBLE_EQ(*binary_case({1, 0}, {.5, .5})(Metric::average_precision), 0.5);
  EXPECT_DOUBLE_EQ(*binary_case({0, 1}, {.5, .5})(Metric::average_precision), 0.5);
  EXPECT_NEAR(*binary_case({1, 0, 1}, {.9, .5, .5})(Metric::average_precision), 0.5 + 0.5 * 2 / 3, 1e-15);
  // A constant score is worth the share of positives.
  EXPECT_DOUBLE_EQ(*binary_case({1, 0, 0, 0, 0}, {.2, .2, .2, .2, .2})(Metric::average_precision), 0.2);
}

TEST(AveragePrecision, NeedsAPositive) {
  EXPECT_FALSE(binary_case({0, 0}, {.1, .9})(Metric::average_precision).has_value());
  EXPECT_FALSE(binary_case({0, 1}, {.1, .9})(Metric::average_precision, {1, 0}).has_value());
  EXPECT_EQ(binary_case({1, 1}, {.1, .9})(Metric::average_precision), 1.0);
}

TEST(AveragePrecision, NeverFindsARowOfUnknownClass) {
  EXPECT_DOUBLE_EQ(*binary_case({1, 0, -1}, {.9, .5, .99})(Metric::average_precision), 0.5);
  EXPECT_EQ(binary_case({-1}, {.9})(Metric::average_precision), 0.0);
}

TEST(AveragePrecision, AgreesWithPrecisionAndRecallAtEveryThreshold) {
  Case rows = cases(300, 21)[0];
  double expected = 0;
  double last_recall = 0;
  for (int score = 19; score >= 1; --score) {
    rows.options.threshold = (score - 0.5) / 20;
    // Rows of unknown class are false positives of precision but never found by a ranking.
    Case known = rows;
    for (std::size_t i = 0; i < known.labels.size(); ++i) {
      if (known.labels[i] == -1) known.predictions[i] = 0;
    }
    const double recall = *known(Metric::recall);
    const auto precision = known(Metric::precision);
    if (precision) expected += (recall - last_recall) * *precision;
    last_recall = recall;
  }
  EXPECT_NEAR(*rows(Metric::average_precision), expected, 1e-13);
}

// Of class c against all others by counting all pairs; nullopt without any.
std::optional<double> area_by_pairs(const Case& rows, std::size_t c, const Numbers& weights) {
  double won = 0;
  double pairs = 0;
  for (std::size_t i = 0; i < rows.labels.size(); ++i) {
    for (std::size_t j = 0; j < rows.labels.size(); ++j) {
      if (rows.labels[i] != static_cast<double>(c) || rows.labels[j] == static_cast<double>(c)) continue;
      const double a = rows.predictions[i * rows.classes + c];
      const double b = rows.labels[j] == -1 ? 2 : rows.predictions[j * rows.classes + c];
      pairs += weights[i] * weights[j];
      won += weights[i] * weights[j] * (a > b ? 1 : a == b ? 0.5 : 0);
    }
  }
  if (pairs == 0) return std::nullopt;
  return won / pairs;
}

TEST(MacroAuc, AgreesWithTheCountOfAllPairs) {
  for (const bool unknown : {false, true}) {
    const Case rows = cases(150, 22, unknown)[1];
    Random random(23);
    Numbers weights;
    for (std::size_t i = 0; i < rows.labels.size(); ++i) weights.push_back(static_cast<double>(random.below(3)));
    double sum = 0;
    for (std::size_t c = 0; c < 3; ++c) sum += *area_by_pairs(rows, c, weights);
    EXPECT_NEAR(*rows(Metric::macro_auc, weights), sum / 3, 1e-13);
  }
}

TEST(MacroAuc, IsTheAucWhereThereAreTwoClasses) {
  const Case two = multiclass_case(2, {0, 0, 1, 1}, {.9, .1, .6, .4, .65, .35, .2, .8});
  EXPECT_DOUBLE_EQ(*two(Metric::macro_auc), 0.75);
}

TEST(MacroAuc, LeavesOutClassesThatDoNotOccur) {
  const Numbers predictions{.7, .2, .1, .2, .5, .3, .3, .6, .1};
  // Class 0 ranks its row first; class 1 ranks its two above the other.
  EXPECT_DOUBLE_EQ(*multiclass_case(3, {0, 1, 1}, predictions)(Metric::macro_auc), 1);
  EXPECT_FALSE(multiclass_case(3, {1, 1, 1}, predictions)(Metric::macro_auc).has_value()) << "all of one class";
  EXPECT_FALSE(multiclass_case(3, {0, 1, 1}, predictions)(Metric::macro_auc, {0, 1, 1}).has_value());
  EXPECT_FALSE(multiclass_case(3, {-1, -1, -1}, predictions)(Metric::macro_auc).has_value());
  EXPECT_EQ(multiclass_case(3, {0, -1, -1}, predictions)(Metric::macro_auc), 0.0);
  EXPECT_DOUBLE_EQ(*multiclass_case(3, {0, 1, 2}, {.2, .3, .5, .2, .3, .5, .2, .3, .5})(Metric::macro_auc), 0.5)
      << "all predictions equal";
}

}  // namespace
}  // namespace retraind::stats
