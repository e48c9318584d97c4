#include "core/stats/pairs_of_groups.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/base/random.h"

namespace retraind::stats {
namespace {

TEST(PairsOfGroups, AreThoseOfAllRowsAgainstEachOther) {
  Random random(4);
  for (const std::size_t rows : {1u, 2u, 40u, 200u}) {
    const std::size_t count = 5;
    std::vector<double> scores;
    std::vector<std::uint8_t> negative;
    std::vector<std::uint32_t> groups;
    for (std::size_t i = 0; i < rows; ++i) {
      scores.push_back(static_cast<double>(random.below(12)));
      negative.push_back(static_cast<std::uint8_t>(random.below(2)));
      groups.push_back(static_cast<std::uint32_t>(random.below(4)));  // the last group has no row
    }
    const PairsOfGroups pairs(ScoreOrder(scores, negative), groups, count);
    for (int draw = 0; draw < 5; ++draw) {
      std::vector<std::uint32_t> times;
      for (std::size_t group = 0; group < count; ++group) times.push_back(static_cast<std::uint32_t>(random.below(3)));
      PairsOfGroups::Drawn expected;
      for (std::size_t i = 0; i < rows; ++i) {
        (negative[i] != 0 ? expected.negatives : expected.positives) += times[groups[i]];
        for (std::size_t j = 0; j < rows; ++j) {
          if (negative[i] != 0 || negative[j] == 0) continue;
          const double won = scores[i] > scores[j] ? 2 : scores[i] == scores[j] ? 1 : 0;
          expected.won_twice += won * times[groups[i]] * times[groups[j]];
        }
      }
      const PairsOfGroups::Drawn drawn = pairs.draw(times);
      EXPECT_EQ(drawn.won_twice, expected.won_twice);
      EXPECT_EQ(drawn.positives, expected.positives);
      EXPECT_EQ(drawn.negatives, expected.negatives);
    }
  }
}

}  // namespace
}  // namespace retraind::stats
