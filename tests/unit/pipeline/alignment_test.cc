// Two models with different classes on one list of classes.
#include "core/pipeline/alignment.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace retraind::pipeline {
namespace {

using Names = std::vector<std::string>;
using Numbers = std::vector<double>;

TEST(Alignment, ListsTheFirstModelsClassesFirst) {
  EXPECT_EQ(union_of({"b", "a"}, {"c", "a", "d"}), (Names{"b", "a", "c", "d"}));
  EXPECT_EQ(union_of({}, {"a"}), Names{"a"});
  EXPECT_EQ(union_of({"a"}, {}), Names{"a"});
}

TEST(Alignment, GivesAClassThatAModelDoesNotKnowProbabilityZero) {
  EXPECT_EQ(spread({0.25, 0.75, 1.0, 0.0}, {"a", "c"}, {"c", "b", "a"}), (Numbers{0.75, 0, 0.25, 0, 0, 1}));
}

TEST(Alignment, ChangesNothingWhereTheListsAreTheSame) {
  const Numbers predictions = {0.1, 0.9, 0.5, 0.5};
  EXPECT_EQ(spread(predictions, {"a", "b"}, {"a", "b"}), predictions);
}

TEST(Alignment, ReordersWhereTheSameClassesStandInAnotherOrder) {
  EXPECT_EQ(spread({0.1, 0.9, 0.3, 0.7}, {"a", "b"}, {"b", "a"}), (Numbers{0.9, 0.1, 0.7, 0.3}));
}

TEST(Alignment, OfNoRowsIsNothing) {
  EXPECT_EQ(spread({}, {"a"}, {"a", "b"}), Numbers{});
}

TEST(Alignment, RefusesWhatDoesNotFit) {
  EXPECT_THROW(spread({0.1, 0.9, 0.5}, {"a", "b"}, {"a", "b", "c"}), std::logic_error);
  EXPECT_THROW(spread({0.1, 0.9}, {"a", "b"}, {"a"}), std::logic_error);
  EXPECT_THROW(spread({0.1}, {}, {"a"}), std::logic_error);
}

}  // namespace
}  // namespace retraind::pipeline
