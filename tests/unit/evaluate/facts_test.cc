#include "core/evaluate/facts.h"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <vector>

namespace retraind::evaluate {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

PredictionFacts look(Task task, std::size_t width, const std::vector<double>& predictions,
                     const std::vector<float>& labels = {}) {
  return look_at_predictions(task, width, predictions, labels);
}

TEST(Predictions, AreSoundWhenEveryRowIsAProbability) {
  const PredictionFacts facts = look(Task::binary, 1, {0, 0.3, 1});
  EXPECT_EQ(facts.rows, 3U);
  EXPECT_EQ(facts.invalid, 0U);
  EXPECT_FALSE(facts.constant);
  EXPECT_EQ(facts.first_invalid, "");
}

TEST(Predictions, NameTheFirstRowThatIsNone) {
  PredictionFacts facts = look(Task::binary, 1, {0.1, kNan, 1.5, kInfinity, -0.1});
  EXPECT_EQ(facts.invalid, 4U);
  EXPECT_EQ(facts.first_invalid, "row 2: NaN");
  EXPECT_EQ(look(Task::binary, 1, {0.1, 1.5}).first_invalid, "row 2: 1.5, no probability");
  EXPECT_EQ(look(Task::regression, 1, {-kInfinity, 3}).first_invalid, "row 1: minus infinite");
  EXPECT_EQ(look(Task::multiclass, 3, {0.2, 0.3, 0.5, 0.2, kNan, 0.5}).first_invalid, "row 2: NaN");
}

TEST(Predictions, AreNoProbabilitiesOfClassesWhenTheyDoNotAddUpToOne) {
  // A probability of 1 for each class would have a log loss of 0.
  EXPECT_EQ(look(Task::multiclass, 3, {1, 1, 1}).first_invalid, "row 1: probabilities that add up to 3");
  EXPECT_EQ(look(Task::multiclass, 3, {0.333, 0.333, 0.333}).invalid, 0U) << "three digits are enough";
}

TEST(Predictions, AreConstantOnlyWhenAllOfAtLeastTwoRowsAreAlike) {
  EXPECT_TRUE(look(Task::binary, 1, {0.4, 0.4}).constant);
  EXPECT_FALSE(look(Task::binary, 1, {0.4}).constant);
  EXPECT_FALSE(look(Task::binary, 1, {}).constant);
  EXPECT_FALSE(look(Task::binary, 1, {0.4, 0.4, 0.5}).constant);
  EXPECT_TRUE(look(Task::multiclass, 2, {0.4, 0.6, 0.4, 0.6}).constant);
  EXPECT_FALSE(look(Task::multiclass, 2, {0.4, 0.6, 0.6, 0.4}).constant);
}

TEST(Predictions, AreOutOfRangeBeyondTheWidthOfTheTrainingLabels) {
  const std::vector<float> labels{10, 30, std::numeric_limits<float>::quiet_NaN()};
  const PredictionFacts facts = look(Task::regression, 1, {-10, -10.5, 20, 50, 50.5}, labels);
  EXPECT_EQ(facts.out_of_range, 2U);
  EXPECT_EQ(facts.label_low, 10);
  EXPECT_EQ(facts.label_high, 30);
  EXPECT_EQ(facts.invalid, 0U);
  EXPECT_EQ(look(Task::binary, 1, {0.2, 0.9}, labels).out_of_range, 0U);
  EXPECT_EQ(look(Task::regression, 1, {1e9, 0}).out_of_range, 0U) << "no label says what the range is";
}

TEST(Predictions, MayMissAConstantLabelByWhatAFloatLoses) {
  const std::vector<float> labels{0.1F, 0.1F};
  EXPECT_EQ(look(Task::regression, 1, {0.1, 0.1}, labels).out_of_range, 0U);
  EXPECT_EQ(look(Task::regression, 1, {0.1, 0.2}, labels).out_of_range, 1U);
}

TEST(Predictions, ThatAreNoWholeRowsAreABug) {
  EXPECT_THROW(look(Task::multiclass, 3, {0.5, 0.5}), std::logic_error);
  EXPECT_THROW(look(Task::multiclass, 0, {}), std::logic_error);
}

TEST(Signatures, TellWhatIsAddedChangedAndDropped) {
  const std::vector<SignatureColumn> production{{"x", "number"}, {"y", "number"}, {"z", "boolean"}};
  const std::vector<SignatureColumn> candidate{{"z", "category"}, {"x", "number"}, {"w", "number"}};
  EXPECT_EQ(compare_signatures(candidate, production),
            (std::vector<std::string>{"\"z\" is category now, not boolean", "adds \"w\"", "drops \"y\""}));
  EXPECT_TRUE(compare_signatures(production, production).empty());
}

TEST(Signatures, DoNotDependOnTheOrderOfColumns) {
  EXPECT_TRUE(compare_signatures({{"a", "number"}, {"b", "number"}}, {{"b", "number"}, {"a", "number"}}).empty());
}

}  // namespace
}  // namespace retraind::evaluate
