#pragma once
// How many pairs of a positive row of one group and a negative row of another the positive one wins. With these, the
// area under the curve for other weights of the groups takes no look at any row: it is a sum over pairs of groups. For
// groups that are few beside the rows, as the days of a holdout. Private to core/stats. Immutable.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/stats/score_order.h"

namespace retraind::stats {

class PairsOfGroups {
 public:
  // `order` has the negatives marked; `groups[row]` is below `count`. Takes about a nanosecond for every four
  // groups of every positive row, and 8 count² bytes.
  PairsOfGroups(const ScoreOrder& order, std::span<const std::uint32_t> groups, std::size_t count);

  // Whether a weighting costs less this way than by going over the rows.
  static bool are_worth_counting(std::size_t groups, std::size_t rows) { return groups * groups <= rows; }

  // Each exact, while the rows that are drawn are no more than 2^26.
  struct Drawn {
    double won_twice = 0;  // a tie is half a win
    double positives = 0;
    double negatives = 0;
  };
  // When each group is drawn `times` times; one for each group.
  Drawn draw(std::span<const std::uint32_t> times) const;

 private:
  std::size_t count_;
  std::vector<double> won_twice_;  // [group of the positive][group of the negative], whole numbers
  std::vector<double> positives_;  // by group
  std::vector<double> negatives_;
};

}  // namespace retraind::stats
