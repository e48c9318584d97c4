#pragma once
// Counts rows into time blocks, on the cells of a version's reference: the same code for the rows a version was trained
// on and for those since. Memory: a counter packs the blocks that rows have left behind, so that it holds full profiles
// of a few blocks only, however many there are. Owned by one extraction, in one thread. Pure.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
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

// Rows whose time is not above `after` belong to no block. The second replaces what `out` held, and takes no memory for
// as many rows as it has seen before.
BlockRuns block_runs(const stats::BlockGrid& grid, std::span<const double> times, double after);
void find_block_runs(const stats::BlockGrid& grid, std::span<const double> times, double after, BlockRuns& out);

// The values of the rows in `order`.
void rearrange(ColumnValues& values, const std::vector<std::uint32_t>& order);
void rearrange(std::vector<double>& values, const std::vector<std::uint32_t>& order);

class BlockCounter {
 public:
  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  // `reference` gives the cells; its order is that of the packed blocks. It must outlive the counter. No gap between
  // event times is counted before `oldest` or behind `newest`. The profiles of blocks that are not packed take about
  // `open_bytes`; those of one add_rows are never packed.
  BlockCounter(const stats::BlockGrid& grid, std::span<const stats::ColumnProfile> reference, double oldest,
               double newest, std::size_t open_bytes = kNoLimit);

  // How many blocks add_rows should be given at once, to stay within the limit. At least 1.
  std::size_t blocks_at_once() const { return most_open_ / 2; }

  void add_rows(std::span<const BlockRun> runs);
  // Column `column` of the reference, of the very blocks of the last add_rows, though maybe of fewer rows; `values`
  // stand in the order of the runs. Different columns may be added by several threads at once.
  void add_values(std::size_t column, const ColumnView& values, std::span<const BlockRun> runs);
  // Likewise for a profile that counts the event times themselves.
  void add_times(std::size_t column, std::span<const double> times, std::span<const BlockRun> runs);

  // Takes over what another counter on the same cells has counted.
  void merge(BlockCounter other);

  // Blocks that hold a row, ascending. The counter is then empty.
  std::vector<registry::Block> finish();

 private:
  struct Block {
    std::uint64_t rows = 0;
    std::uint64_t slots = 0;                   // stats::BlockGaps::occupied
    std::vector<stats::ColumnProfile> counts;  // empty: they are packed
    std::string packed;
    std::uint64_t used = 0;  // by which add_rows
  };
  using Blocks = std::map<std::int64_t, Block>;

  stats::BlockGaps gaps_of(std::int64_t index, const Block& block) const;
  Block& open(std::int64_t index);
  void pack(std::int64_t index, Block& block);
  void pack_idle();
  void require_current(std::span<const BlockRun> runs) const;

  stats::BlockGrid grid_;
  std::span<const stats::ColumnProfile> reference_;
  double oldest_;
  double newest_;
  std::size_t most_open_;
  Blocks blocks_;
  std::vector<Blocks::iterator> open_;
  std::vector<Block*> current_;  // of the last add_rows, parallel to its runs
  std::uint64_t use_ = 0;
};

}  // namespace retraind::pipeline
