#pragma once
// Counts rows into time blocks, on the cells of a version's reference: the same code for the rows a version was trained
// on and for those since. Owned by one extraction, in one thread. Pure.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/pipeline/column_values.h"
#include "core/registry/blocks.h"
#include "core/stats/block.h"
#include "core/stats/profile.h"

namespace retraind::pipeline {

// Rows [begin, end) of the rearranged rows, which fall into one block.
struct BlockRun {
  std::int64_t block = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Which rows belong to which block.
struct BlockRuns {
  std::vector<std::uint32_t> order;  // the rows that belong to any block, block by block
  std::vector<BlockRun> runs;        // places in `order`, ascending by block
  bool as_they_stand = false;        // `order` is 0, 1, 2… of all rows: nothing needs rearranging
};

// Rows whose time is not above `after` belong to no block.
BlockRuns block_runs(const stats::BlockGrid& grid, std::span<const double> times, double after);

// The values of the rows in `order`.
void rearrange(ColumnValues& values, const std::vector<std::uint32_t>& order);
void rearrange(std::vector<double>& values, const std::vector<std::uint32_t>& order);

class BlockCounter {
 public:
  // `reference` gives the cells; its order is that of the packed blocks. It must outlive the counter.
  BlockCounter(const stats::BlockGrid& grid, std::span<const stats::ColumnProfile> reference)
      : grid_(grid), reference_(reference) {}

  void add_rows(std::span<const BlockRun> runs);
  // Column `column` of the reference; `values` stand in the order of the runs.
  void add_values(std::size_t column, const ColumnValues& values, std::span<const BlockRun> runs);
  // Likewise for a profile that counts the event times themselves.
  void add_times(std::size_t column, std::span<const double> times, std::span<const BlockRun> runs);

  // Blocks that hold a row, ascending. No gap is counted before `oldest` or behind `newest`.
  std::vector<registry::Block> finish(double oldest, double newest);

 private:
  struct Open {
    std::uint64_t rows = 0;
    std::vector<stats::ColumnProfile> columns;
    stats::BlockGaps gaps;
  };
  Open& block_at(std::int64_t index);

  stats::BlockGrid grid_;
  std::span<const stats::ColumnProfile> reference_;
  std::map<std::int64_t, Open> blocks_;
};

}  // namespace retraind::pipeline
