#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/evaluate/compare.h"

namespace retraind::evaluate {
namespace {

TEST(CostMatrix, CostsNothingWhenRightAndOneWhenWrongUnlessItIsNamed) {
  EXPECT_EQ(cost_matrix({}, {"no", "yes"}), (std::vector<double>{0, 1, 1, 0}));
  EXPECT_EQ(cost_matrix({{"yes", {{"no", 50}}}, {"no", {{"yes", 2}, {"no", 0.5}}}}, {"no", "yes"}),
            (std::vector<double>{0.5, 2, 50, 0}));
}

TEST(CostMatrix, RefusesACostThatWouldNeverBePaid) {
  const std::vector<std::string> classes{"fraud", "sound"};
  for (const settings::Costs& costs :
       {settings::Costs{{"fruad", {{"sound", 3}}}}, settings::Costs{{"fraud", {{"fruad", 3}}}}}) {
    try {
      cost_matrix(costs, classes);
      FAIL() << "a misspelled class was taken";
    } catch (const DataError& error) {
      EXPECT_STREQ(error.what(),
                   "validation.costs names \"fruad\", which no label is: the classes are \"fraud\", \"sound\"");
      EXPECT_EQ(error.hint(), "did you mean \"fraud\"?");
    }
  }
}

}  // namespace
}  // namespace retraind::evaluate
