#include "core/stats/score_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/random.h"

namespace retraind::stats {
namespace {

using Scores = std::vector<double>;

struct Kind {
  std::string name;
  double (*draw)(Random&);
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const Kind kKinds[] = {
    {"floats", [](Random& random) { return static_cast<double>(static_cast<float>(random.uniform())); }},
    {"doubles", [](Random& random) { return random.uniform(); }},
    {"few values", [](Random& random) { return std::round(20 * random.uniform()) / 20; }},
    {"either sign", [](Random& random) { return random.normal(); }},
    {"zeros of either sign",
     [](Random& random) { return random.below(2) == 0   ? 0.0
                                 : random.below(2) == 0 ? -0.0
                                                        : 1; }},
    {"one value", [](Random&) { return 0.3; }},
    {"floats and an outsider",
     [](Random& random) {
       return random.below(50) == 0 ? -kInfinity : static_cast<double>(static_cast<float>(random.uniform()));
     }},
    {"neighbours far from others",  // what tells them apart does not fit into a word beside the row
     [](Random& random) {
       if (random.below(4) == 0) return random.below(2) == 0 ? -1e300 : 1e-310;
       return 1 + static_cast<double>(random.below(40)) * std::numeric_limits<double>::epsilon();
     }},
};

// By comparisons.
std::vector<std::size_t> plain_order(const Scores& scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  return order;
}

TEST(ScoreOrder, IsThatOfAStableSortByComparison) {
  for (const Kind& kind : kKinds) {
    for (const std::size_t rows : {0u, 1u, 2u, 5u, 100u, 511u, 512u, 513u, 3000u, 70000u}) {
      Random random(rows + 3);
      Scores scores(rows);
      std::vector<std::uint8_t> marks(rows);
      for (double& score : scores) score = kind.draw(random);
      for (std::uint8_t& mark : marks) mark = static_cast<std::uint8_t>(random.below(2));
      const std::vector<std::size_t> expected = plain_order(scores);
      const ScoreOrder order(scores, marks);
      ASSERT_EQ(order.size(), rows);
      for (std::size_t i = 0; i < rows; ++i) {
        ASSERT_EQ(order.row(i), expected[i]) << kind.name << ", " << rows << " rows, rank " << i;
        ASSERT_EQ(order.is_marked(i), marks[expected[i]] == 1) << kind.name << ", " << rows << " rows, rank " << i;
        ASSERT_EQ(order.is_last_of_tie(i), i + 1 == rows || scores[expected[i]] != scores[expected[i + 1]])
            << kind.name << ", " << rows << " rows, rank " << i;
      }
    }
  }
}

TEST(ScoreOrder, MarksNothingWithoutMarks) {
  const ScoreOrder order(Scores{.3, .1, .2});
  EXPECT_EQ(order.row(0), 1u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(order.is_marked(i));
}

TEST(ScoreOrder, TakesInfinitiesButNoNan) {
  const ScoreOrder order(Scores{kInfinity, -kInfinity, 1e308, -1e308});
  EXPECT_EQ(order.row(0), 1u);
  EXPECT_EQ(order.row(1), 3u);
  EXPECT_EQ(order.row(3), 0u);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(ScoreOrder(Scores{1, nan}), std::logic_error);
  EXPECT_THROW(ScoreOrder(Scores{std::copysign(nan, -1.0), 1}), std::logic_error);
}

}  // namespace
}  // namespace retraind::stats
