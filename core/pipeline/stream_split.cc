#include "core/pipeline/stream_split.h"

#include <algorithm>
#include <stdexcept>

#include "core/pipeline/window.h"

namespace retraind::pipeline {

EventTime just_before_block(const stats::BlockGrid& grid, TimeAxis axis, std::int64_t block) {
  return just_before(axis, grid.begin_of(block));
}

std::vector<source::RowFilter> split_at_blocks(const source::RowFilter& filter, const stats::BlockGrid& grid,
                                               TimeAxis axis, std::int64_t first, std::size_t streams,
                                               const std::function<std::uint64_t(const source::RowFilter&)>& estimate) {
  if (!filter.after || !filter.until) throw std::logic_error("rows without bounds cannot be cut into parts");
  const std::int64_t last = grid.index_of(*filter.until);
  if (streams < 2 || last <= first) return {filter};
  const std::uint64_t rows = estimate(filter);
  streams = static_cast<std::size_t>(std::min<std::uint64_t>(streams, rows / kRowsWorthAStream));
  if (streams < 2) return {filter};

  const auto rows_before = [&](std::int64_t block) {
    source::RowFilter before = filter;
    before.until = just_before_block(grid, axis, block);
    return estimate(before);
  };
  const bool knows = rows_before(first + 1) < rows_before(last);
  std::vector<source::RowFilter> parts;
  source::RowFilter left = filter;
  std::int64_t begin = first;
  for (std::size_t part = 1; part < streams && begin < last; ++part) {
    std::int64_t cut = begin + 1;
    if (knows) {
      // The first block that all of the parts so far lie before.
      const std::uint64_t target = rows / streams * part;
      for (std::int64_t high = last; cut < high;) {
        const std::int64_t middle = cut + (high - cut) / 2;
        if (rows_before(middle) < target) {
          cut = middle + 1;
        } else {
          high = middle;
        }
      }
    } else {
      const auto all = static_cast<std::int64_t>(streams);
      cut = std::max(cut, first + (last - first + 1) * static_cast<std::int64_t>(part) / all);
    }
    source::RowFilter own = left;
    own.until = just_before_block(grid, axis, cut);
    left.after = own.until;
    parts.push_back(own);
    begin = cut;
  }
  parts.push_back(left);
  return parts;
}

}  // namespace retraind::pipeline
