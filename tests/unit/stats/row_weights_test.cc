#include "core/stats/row_weights.h"

#include <gtest/gtest.h>

#include <numeric>
#include <type_traits>
#include <vector>

namespace retraind::stats {
namespace {

using Numbers = std::vector<double>;
using Groups = std::vector<std::uint32_t>;

struct Seen {
  bool whole = false;
  Numbers weights;
};

Seen seen(const RowWeights& rows, const Numbers& weights) {
  return rows.visit(weights, [&](auto weight_at) {
    Seen out;
    out.whole = std::is_integral_v<std::invoke_result_t<decltype(weight_at), std::size_t>>;
    for (std::size_t i = 0; i < rows.size(); ++i) out.weights.push_back(static_cast<double>(weight_at(i)));
    return out;
  });
}

TEST(RowWeights, MultiplyWhatARowWeighsByWhatItsGroupDoes) {
  const Numbers drawn{2, 0, 3};
  const struct {
    Numbers own;
    Groups groups;
    Numbers weights;
    Numbers expected;
  } cases[] = {
      {{}, {}, {}, {1, 1, 1}},
      {{}, {}, drawn, {2, 0, 3}},
      {{}, {2, 2, 0}, drawn, {3, 3, 2}},
      {{}, {2, 2, 0}, {}, {1, 1, 1}},
      {{5, 6, 7}, {}, {}, {5, 6, 7}},
      {{5, 6, 7}, {}, drawn, {10, 0, 21}},
      {{5, 6, 7}, {2, 2, 0}, drawn, {15, 18, 14}},
      {{.5, 6, 7}, {2, 2, 0}, drawn, {1.5, 18, 14}},
      {{5, 6, 7}, {2, 2, 0}, {.5, 0, 1.5}, {7.5, 9, 3.5}},
      {{.5, 6, 7}, {}, {}, {.5, 6, 7}},
  };
  for (const auto& one : cases) {
    const RowWeights rows(one.own, one.groups, 3);
    EXPECT_EQ(seen(rows, one.weights).weights, one.expected);
    EXPECT_EQ(rows.sum(one.weights), std::accumulate(one.expected.begin(), one.expected.end(), 0.0));
    const Numbers each = rows.of_each(one.weights);
    EXPECT_EQ(each.empty() ? Numbers(3, 1.0) : each, one.expected);
  }
}

TEST(RowWeights, AreNoneOfNoRows) {
  for (const Numbers& weights : {Numbers{}, Numbers{2, 3}, Numbers{.5, .5}}) {
    EXPECT_EQ(RowWeights({}, {}, 0).sum(weights), 0);
    EXPECT_TRUE(seen(RowWeights({}, {}, 0), weights).weights.empty());
  }
}

TEST(RowWeights, AreLookedUpAlikeWhetherGroupsAreFewOrMany) {
  for (const double largest : {200.0, 300.0}) {  // beside a byte's 255
    Numbers weights(5000, 1.0);
    weights[4999] = largest;
    const RowWeights rows({}, {4999, 7, 4999}, 3);
    EXPECT_EQ(seen(rows, weights).weights, (Numbers{largest, 1, largest}));
    EXPECT_TRUE(seen(rows, weights).whole);
  }
}

TEST(RowWeights, AreCountedOnlyWhereWholeNumbersStayExact) {
  EXPECT_TRUE(seen(RowWeights({}, {}, 3), {}).whole);
  EXPECT_TRUE(seen(RowWeights({}, {0, 0, 1}, 3), {3, 7}).whole);
  EXPECT_TRUE(seen(RowWeights({5, 6, 7}, {0, 0, 1}, 3), {3, 7}).whole);
  EXPECT_FALSE(seen(RowWeights({}, {}, 3), {1, 1, .5}).whole);
  EXPECT_FALSE(seen(RowWeights({1, 1, .5}, {}, 3), {}).whole);
  // Two sums of 2^27 have a product beyond what a double holds exactly once it is halved.
  EXPECT_FALSE(seen(RowWeights({}, {}, 2), {67108864, 67108864}).whole);
  EXPECT_FALSE(seen(RowWeights({67108864, 67108864}, {}, 2), {}).whole);
  EXPECT_FALSE(seen(RowWeights({8192, 8192}, {0, 0}, 2), {8192}).whole);
  EXPECT_FALSE(seen(RowWeights({}, {}, 1), {1e300}).whole);
}

}  // namespace
}  // namespace retraind::stats
