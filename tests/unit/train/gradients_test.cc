#include "core/train/gradients.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "core/base/random.h"

namespace retraind::train {
namespace {

// Values over 26 binary magnitudes and both signs.
std::vector<float> wild_values(std::size_t count) {
  Random random(7);
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) {
    const double magnitude = std::exp(18.0 * (random.uniform() - 0.5));
    values.push_back(static_cast<float>(random.below(2) == 0 ? magnitude : -magnitude));
  }
  return values;
}

double sum_of(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TEST(ExactSums, DoNotDependOnTheOrder) {
  std::vector<float> values = wild_values(100000);
  make_sums_exact(values, values.size());
  const double forward = sum_of(values);
  std::reverse(values.begin(), values.end());
  EXPECT_EQ(sum_of(values), forward);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(sum_of(values), forward);
}

TEST(ExactSums, AreNeededBecausePlainOnesDoDependOnTheOrder) {
  std::vector<float> values = wild_values(100000);
  const double forward = sum_of(values);
  std::sort(values.begin(), values.end());
  EXPECT_NE(sum_of(values), forward);
}

TEST(ExactSums, ChangeNoValueByMoreThanHalfAStep) {
  const std::vector<float> before = wild_values(100000);
  std::vector<float> after = before;
  make_sums_exact(after, after.size());
  // largest * terms < 2^30, so a step is at most 2^(30 - 51).
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_LE(std::fabs(static_cast<double>(before[i]) - static_cast<double>(after[i])), 0x1p-22);
  }
}

TEST(ExactSums, LeaveValuesAloneThatAreOnTheGridAlready) {
  std::vector<float> values{1.0F, -0.5F, 0.0F, 0.25F, 1024.0F};
  const std::vector<float> before = values;
  make_sums_exact(values, values.size());
  EXPECT_EQ(values, before);
  std::vector<float> single{0.1F};
  make_sums_exact(single, 1);
  EXPECT_EQ(single[0], 0.1F);
  std::vector<float> largest{FLT_MAX, -FLT_MAX};
  make_sums_exact(largest, 2);
  EXPECT_EQ(largest, (std::vector<float>{FLT_MAX, -FLT_MAX}));
}

TEST(ExactSums, RefuseWhatIsNotFinite) {
  std::vector<float> values{1.0F, std::numeric_limits<float>::infinity()};
  EXPECT_THROW(make_sums_exact(values, 2), DataError);
  values[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(make_sums_exact(values, 2), DataError);
}

// Derivatives by central differences of the loss itself.
TEST(Gradients, OfTheLogisticLossAreItsDerivatives) {
  Gradients got;
  const std::vector<float> labels{0, 1, 0, 1};
  const std::vector<float> margins{-1.5F, -1.5F, 0.25F, 2.0F};
  differentiate(Task::binary, 2, labels, {}, margins, 1.0F, got);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto loss = [&](double m) { return std::log1p(std::exp(m)) - static_cast<double>(labels[i]) * m; };
    const double m = static_cast<double>(margins[i]);
    const double h = 1e-4;
    EXPECT_NEAR(got.first[i], (loss(m + h) - loss(m - h)) / (2 * h), 1e-6);
    EXPECT_NEAR(got.second[i], (loss(m + h) - 2 * loss(m) + loss(m - h)) / (h * h), 1e-5);
  }
}

// The loops that work on several rows at once against the formula as it is written, in double precision.
TEST(Gradients, OfTheLogisticLossAreThoseOfThePlainFormulaWhateverTheMargin) {
  std::vector<float> labels;
  std::vector<float> margins;
  for (int i = -9600; i <= 9603; ++i) {  // no multiple of the rows of one instruction
    margins.push_back(static_cast<float>(i) / 80);
    labels.push_back(i % 3 == 0 ? 1.0F : 0.0F);
  }
  Gradients got;
  differentiate(Task::binary, 2, labels, {}, margins, 1.0F, got);
  for (std::size_t i = 0; i < margins.size(); ++i) {
    const double p = 1 / (1 + std::exp(-static_cast<double>(margins[i])));
    EXPECT_NEAR(got.first[i], p - static_cast<double>(labels[i]), 2e-7) << margins[i];
    EXPECT_NEAR(got.second[i], p * (1 - p), 2e-7) << margins[i];
    EXPECT_GE(got.second[i], 0) << margins[i];
  }
  // Near 0 the share is as exact as a float can say it.
  differentiate(Task::binary, 2, std::vector<float>{0}, {}, std::vector<float>{-60}, 1.0F, got);
  EXPECT_NEAR(got.first[0] / std::exp(-60.0), 1, 3e-7);
}

TEST(Gradients, AreTheSameBitsOnAnyNumberOfThreads) {
  constexpr std::size_t kRows = 200001;
  constexpr std::size_t kClasses = 3;
  Random random(10);
  std::vector<float> margins(kRows * kClasses);
  for (float& margin : margins) margin = static_cast<float>(20 * (random.uniform() - 0.5));
  std::vector<float> labels(kRows);
  std::vector<float> weights(kRows);
  for (std::size_t i = 0; i < kRows; ++i) {
    labels[i] = static_cast<float>(random.below(2));
    weights[i] = static_cast<float>(3 * random.uniform());
  }
  for (const Task task : {Task::binary, Task::multiclass, Task::regression}) {
    const std::span<const float> own(margins.data(), task == Task::multiclass ? kRows * kClasses : kRows);
    Gradients one;
    differentiate(task, kClasses, labels, weights, own, 2.0F, one);
    for (const std::size_t threads : {2U, 3U, 16U}) {
      Gradients several;
      differentiate(task, kClasses, labels, weights, own, 2.0F, several, threads);
      EXPECT_EQ(several.first, one.first);
      EXPECT_EQ(several.second, one.second);
    }
  }
  weights[150000] = 3e38F;
  margins[150000] = -50;
  labels[150000] = 100;
  Gradients none;
  EXPECT_THROW(differentiate(Task::regression, 1, labels, weights, std::span(margins).first(kRows), 1.0F, none, 4),
               DataError);
}

TEST(Gradients, OfTheSoftmaxAreThoseOfThePlainFormulaWhateverTheMargins) {
  constexpr std::size_t kClasses = 5;
  Random random(9);
  std::vector<float> labels;
  std::vector<float> margins;
  for (int row = 0; row < 3000; ++row) {
    labels.push_back(static_cast<float>(random.below(kClasses)));
    for (std::size_t k = 0; k < kClasses; ++k) margins.push_back(static_cast<float>(200 * (random.uniform() - 0.5)));
  }
  Gradients got;
  differentiate(Task::multiclass, kClasses, labels, {}, margins, 1.0F, got);
  for (std::size_t i = 0; i < margins.size(); ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < kClasses; ++k) {
      sum += std::exp(static_cast<double>(margins[i / kClasses * kClasses + k]) - static_cast<double>(margins[i]));
    }
    const bool truth = static_cast<std::size_t>(labels[i / kClasses]) == i % kClasses;
    EXPECT_NEAR(got.first[i], 1 / sum - (truth ? 1 : 0), 3e-7);
    EXPECT_NEAR(got.second[i], 2 / sum * (1 - 1 / sum), 6e-7);
  }
}

TEST(Gradients, TakeInfiniteMarginsForCertaintyAndRefuseThoseThatAreNoNumbers) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Gradients got;
  differentiate(Task::binary, 2, std::vector<float>{0, 0}, {}, std::vector<float>{-kInfinity, kInfinity}, 1.0F, got);
  EXPECT_NEAR(got.first[0], 0, 1e-30);
  EXPECT_EQ(got.first[1], 1);
  const std::vector<float> none{0, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_THROW(differentiate(Task::binary, 2, std::vector<float>{0, 0}, {}, none, 1.0F, got), DataError);
  EXPECT_THROW(differentiate(Task::multiclass, 2, std::vector<float>{0}, {}, none, 1.0F, got), DataError);
}

TEST(Gradients, OfTheSoftmaxAreItsDerivativesWithTwiceTheDiagonal) {
  Gradients got;
  const std::vector<float> labels{2, 0};
  const std::vector<float> margins{0.5F, -1.0F, 1.5F, 3.0F, 0.0F, -2.0F};
  differentiate(Task::multiclass, 3, labels, {}, margins, 1.0F, got);
  for (std::size_t i = 0; i < margins.size(); ++i) {
    const auto loss = [&](double m) {
      double sum = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        const std::size_t j = i / 3 * 3 + k;
        sum += std::exp(j == i ? m : static_cast<double>(margins[j]));
      }
      const std::size_t truth = i / 3 * 3 + static_cast<std::size_t>(labels[i / 3]);
      return std::log(sum) - (truth == i ? m : static_cast<double>(margins[truth]));
    };
    const double m = static_cast<double>(margins[i]);
    const double h = 1e-4;
    EXPECT_NEAR(got.first[i], (loss(m + h) - loss(m - h)) / (2 * h), 1e-6);
    EXPECT_NEAR(got.second[i], 2 * (loss(m + h) - 2 * loss(m) + loss(m - h)) / (h * h), 1e-5);
  }
}

TEST(Gradients, WeighTheOnesAndStayPositiveWhereTheModelIsCertain) {
  Gradients got;
  differentiate(Task::binary, 2, std::vector<float>{1, 0}, {}, std::vector<float>{0, 0}, 3.0F, got);
  EXPECT_EQ(got.first, (std::vector<float>{-1.5F, 0.5F}));
  EXPECT_EQ(got.second, (std::vector<float>{0.75F, 0.25F}));
  differentiate(Task::binary, 2, std::vector<float>{1, 0}, {}, std::vector<float>{90, -90}, 1.0F, got);
  EXPECT_GT(got.second[0], 0.0F);
  differentiate(Task::regression, 0, std::vector<float>{3, 5}, {}, std::vector<float>{4, 4}, 1.0F, got);
  EXPECT_EQ(got.first, (std::vector<float>{1, -1}));
  EXPECT_EQ(got.second, (std::vector<float>{1, 1}));
}

TEST(Gradients, AreMultipliedByTheRowsWeights) {
  Gradients got;
  const std::vector<float> weights{2, 0, 0.5F};
  differentiate(Task::binary, 2, std::vector<float>{1, 0, 0}, weights, std::vector<float>{0, 0, 0}, 3.0F, got);
  EXPECT_EQ(got.first, (std::vector<float>{-3.0F, 0, 0.25F}));
  EXPECT_EQ(got.second, (std::vector<float>{1.5F, 0, 0.125F}));
  differentiate(Task::regression, 0, std::vector<float>{3, 5, 1}, weights, std::vector<float>{4, 4, 4}, 1.0F, got);
  EXPECT_EQ(got.first, (std::vector<float>{2, 0, 1.5F}));
  EXPECT_EQ(got.second, weights);
  // Softmax of equal margins: 1/2 each.
  differentiate(Task::multiclass, 2, std::vector<float>{0, 1}, std::vector<float>{4, 0.25F},
                std::vector<float>{1, 1, 1, 1}, 1.0F, got);
  EXPECT_EQ(got.first, (std::vector<float>{-2, 2, 0.125F, -0.125F}));
  EXPECT_EQ(got.second, (std::vector<float>{2, 2, 0.125F, 0.125F}));
}

TEST(Gradients, OfWeightsOverManyMagnitudesStillAddUpInAnyOrder) {
  std::vector<float> weights = wild_values(50000);
  for (float& weight : weights) weight = std::fabs(weight);
  std::vector<float> labels;
  std::vector<float> margins;
  Random random(5);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    labels.push_back(static_cast<float>(random.below(2)));
    margins.push_back(static_cast<float>(8 * (random.uniform() - 0.5)));
  }
  Gradients got;
  differentiate(Task::binary, 2, labels, weights, margins, 1.0F, got);
  for (std::vector<float>* values : {&got.first, &got.second}) {
    const double forward = sum_of(*values);
    std::sort(values->begin(), values->end());
    EXPECT_EQ(sum_of(*values), forward);
  }
}

TEST(Gradients, OfWeightsThatAreAllOneAreThoseOfNoWeights) {
  Random random(9);
  std::vector<float> labels;
  std::vector<float> margins;
  for (int i = 0; i < 3000; ++i) {
    labels.push_back(static_cast<float>(i % 3));
    for (int k = 0; k < 3; ++k) margins.push_back(static_cast<float>(20 * (random.uniform() - 0.5)));
  }
  Gradients plain;
  Gradients weighted;
  differentiate(Task::multiclass, 3, labels, {}, margins, 1.0F, plain);
  differentiate(Task::multiclass, 3, labels, std::vector<float>(3000, 1.0F), margins, 1.0F, weighted);
  EXPECT_EQ(weighted.first, plain.first);
  EXPECT_EQ(weighted.second, plain.second);
}

TEST(Gradients, BlameTheWeightThatLeavesTheRangeOfAFloatAndOnlyThat) {
  const auto complaint = [](float weight, float margin) -> std::string {
    Gradients got;
    try {
      differentiate(Task::regression, 0, std::vector<float>{0, 0}, std::vector<float>{1, weight},
                    std::vector<float>{0, margin}, 1.0F, got);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(complaint(1e38F, 1), "");
  EXPECT_EQ(complaint(1e38F, 1000), "a weight of 1e+38 takes a row's derivatives out of the range of a 4-byte float");
  EXPECT_EQ(complaint(1, std::numeric_limits<float>::infinity()),
            "the labels are too far from the scores for a 4-byte float");
}

TEST(Gradients, NeedOneWeightARowOrNone) {
  Gradients got;
  EXPECT_THROW(differentiate(Task::binary, 2, std::vector<float>{0, 1}, std::vector<float>{1}, std::vector<float>{0, 0},
                             1.0F, got),
               std::logic_error);
}

TEST(Gradients, NeedOneMarginForEveryRowAndOutput) {
  Gradients got;
  EXPECT_THROW(differentiate(Task::multiclass, 3, std::vector<float>{0}, {}, std::vector<float>{0, 0}, 1.0F, got),
               std::logic_error);
}

}  // namespace
}  // namespace retraind::train
