#include "core/stats/pairs_of_groups.h"

namespace retraind::stats {
namespace {

// to[i] += factor * from[i]: the loops that matter here, each made of whole vectors.
void add_times(double factor, const double* from, double* to, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) to[i] += factor * from[i];
}

}  // namespace

// From the lowest score up, with the negatives below by group. A tie is half below and half not: the rows of a tie are
// added to what is below before its positives are counted, once, and once more behind them.
PairsOfGroups::PairsOfGroups(const ScoreOrder& order, std::span<const std::uint32_t> groups, std::size_t count)
    : count_(count), won_twice_(count * count), positives_(count), negatives_(count) {
  std::vector<double> below_twice(count);
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (!order.is_last_of_tie(end - 1)) ++end;
    for (std::size_t i = begin; i < end; ++i) {
      if (!order.is_marked(i)) continue;
      const std::uint32_t group = groups[order.row(i)];
      below_twice[group] += 1;
      negatives_[group] += 1;
    }
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint32_t group = groups[order.row(i)];
      if (order.is_marked(i)) continue;
      positives_[group] += 1;
      add_times(1, below_twice.data(), &won_twice_[group * count], count);
    }
    for (; begin < end; ++begin) {
      if (order.is_marked(begin)) below_twice[groups[order.row(begin)]] += 1;
    }
  }
}

PairsOfGroups::Drawn PairsOfGroups::draw(std::span<const std::uint32_t> times) const {
  std::vector<double> won_against(count_);  // by group of the negative
  Drawn drawn;
  for (std::size_t group = 0; group < count_; ++group) {
    if (times[group] == 0) continue;
    const double factor = times[group];
    drawn.positives += factor * positives_[group];
    drawn.negatives += factor * negatives_[group];
    add_times(factor, &won_twice_[group * count_], won_against.data(), count_);
  }
  for (std::size_t group = 0; group < count_; ++group) drawn.won_twice += times[group] * won_against[group];
  return drawn;
}

}  // namespace retraind::stats
