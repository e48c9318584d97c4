#pragma once
// Rows in the order of their scores, which every metric of ranks and DeLong's variance go through. Private to
// core/stats. Immutable: any number of threads may read it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retraind::stats {

// Ascending by score; rows that tie stand in their own order, and 0 ties with -0. Takes time linear in the rows for
// scores as models give them, and never more than a sort by comparison.
class ScoreOrder {
 public:
  // `marks`, 0 or 1 for each row, travel with the rows, because fetching them in the order of the scores takes longer
  // than sorting; empty: none is marked. Throws std::logic_error for a score that is NaN, which has no place in any
  // order, and for 2^30 rows or more.
  explicit ScoreOrder(std::span<const double> scores, std::span<const std::uint8_t> marks = {});

  std::size_t size() const { return places_.size(); }
  std::size_t row(std::size_t rank) const { return places_[rank] & kRow; }
  // Whether the next rank, if there is one, has another score.
  bool is_last_of_tie(std::size_t rank) const { return (places_[rank] & kLastOfTie) != 0; }
  bool is_marked(std::size_t rank) const { return (places_[rank] & kMarked) != 0; }

 private:
  static constexpr std::uint32_t kLastOfTie = std::uint32_t{1} << 31;
  static constexpr std::uint32_t kMarked = std::uint32_t{1} << 30;
  static constexpr std::uint32_t kRow = kMarked - 1;

  // Of ranks [begin, end), whose scores are alike as far as the sort saw them.
  void put_in_order(std::size_t begin, std::size_t end, std::span<const double> scores);

  // By rank. The row and what is asked of it in one word, so that whoever walks the ranks reads one array.
  std::vector<std::uint32_t> places_;
};

}  // namespace retraind::stats
