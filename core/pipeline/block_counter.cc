#include "core/pipeline/block_counter.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <variant>

namespace retraind::pipeline {
namespace {

template <class T>
void rearrange_one(std::vector<T>& values, const std::vector<std::uint32_t>& order) {
  std::vector<T> out;
  out.reserve(order.size());
  for (const std::uint32_t row : order) out.push_back(values[row]);
  values = std::move(out);
}

// What the counts of one block take, about.
std::size_t bytes_of(std::span<const stats::ColumnProfile> reference) {
  std::size_t bytes = sizeof(stats::ColumnProfile);
  for (const stats::ColumnProfile& column : reference) {
    bytes += sizeof(stats::ColumnProfile) + column.column.size();
    bytes += std::visit([](const auto& values) { return values.counts.size() * sizeof(std::uint64_t); }, column.values);
  }
  return bytes;
}

// Finds blocks of times that mostly lie in the same block as the one before: then two comparisons are all it takes.
class BlockFinder {
 public:
  explicit BlockFinder(const stats::BlockGrid& grid) : grid_(grid) {}

  std::int64_t index_of(double time) {
    if (time >= begin_ && time < end_) return index_;
    index_ = grid_.index_of(time);
    begin_ = grid_.begin_of(index_);
    end_ = grid_.begin_of(index_ + 1);
    return index_;
  }

 private:
  const stats::BlockGrid& grid_;
  std::int64_t index_ = 0;
  double begin_ = 0;
  double end_ = 0;  // nothing lies in [0, 0)
};

}  // namespace

void find_block_runs(const stats::BlockGrid& grid, std::span<const double> times, double after, BlockRuns& out) {
  out.order.clear();
  out.runs.clear();
  BlockFinder finder(grid);
  bool ascending = true;
  for (std::size_t row = 0; row < times.size(); ++row) {
    if (!std::isfinite(times[row]) || !(times[row] > after)) continue;
    const std::int64_t block = finder.index_of(times[row]);
    if (out.runs.empty() || out.runs.back().block != block) {
      ascending = ascending && (out.runs.empty() || out.runs.back().block < block);
      out.runs.push_back({block, out.order.size(), out.order.size()});
    }
    out.order.push_back(static_cast<std::uint32_t>(row));
    ++out.runs.back().end;
  }
  out.as_they_stand = ascending && out.order.size() == times.size();
  if (ascending) return;
  // The runs as the rows stand are sorted, and those of one block joined.
  const std::vector<std::uint32_t> before = std::exchange(out.order, {});
  const std::vector<BlockRun> found = std::exchange(out.runs, {});
  std::vector<std::uint32_t> places(found.size());
  std::iota(places.begin(), places.end(), 0U);
  std::sort(places.begin(), places.end(), [&](std::uint32_t a, std::uint32_t b) {
    return found[a].block != found[b].block ? found[a].block < found[b].block : a < b;
  });
  out.order.reserve(before.size());
  for (const std::uint32_t place : places) {
    const BlockRun& run = found[place];
    if (out.runs.empty() || out.runs.back().block != run.block) {
      out.runs.push_back({run.block, out.order.size(), out.order.size()});
    }
    out.order.insert(out.order.end(), before.begin() + static_cast<std::ptrdiff_t>(run.begin),
                     before.begin() + static_cast<std::ptrdiff_t>(run.end));
    out.runs.back().end = out.order.size();
  }
}

BlockRuns block_runs(const stats::BlockGrid& grid, std::span<const double> times, double after) {
  BlockRuns out;
  find_block_runs(grid, times, after, out);
  return out;
}

void rearrange(ColumnValues& values, const std::vector<std::uint32_t>& order) {
  rearrange_one(values.nulls, order);
  if (values.is_text) {
    rearrange_one(values.texts, order);
  } else {
    rearrange_one(values.numbers, order);
  }
}

void rearrange(std::vector<double>& values, const std::vector<std::uint32_t>& order) {
  rearrange_one(values, order);
}

BlockCounter::BlockCounter(const stats::BlockGrid& grid, std::span<const stats::ColumnProfile> reference, double oldest,
                           double newest, std::size_t open_bytes)
    : grid_(grid),
      reference_(reference),
      oldest_(oldest),
      newest_(newest),
      most_open_(std::max<std::size_t>(2, open_bytes / bytes_of(reference))) {}

stats::BlockGaps BlockCounter::gaps_of(std::int64_t index, const Block& block) const {
  return {grid_.begin_of(index), grid_.length, block.slots};
}

BlockCounter::Block& BlockCounter::open(std::int64_t index) {
  const auto [found, is_new] = blocks_.try_emplace(index);
  Block& block = found->second;
  if (is_new) {
    for (const stats::ColumnProfile& column : reference_) block.counts.push_back(stats::empty_like(column));
  } else if (!block.packed.empty()) {
    block.counts = stats::unpack_counts(block.packed, reference_);
    std::string().swap(block.packed);
  } else {
    return block;
  }
  open_.push_back(found);
  return block;
}

void BlockCounter::pack(std::int64_t index, Block& block) {
  for (std::size_t i = 0; i < reference_.size(); ++i) {
    if (reference_[i].counted != stats::Counted::gaps) continue;
    block.counts[i] = gaps_of(index, block).profile(stats::counted_column(reference_[i]), oldest_, newest_);
  }
  block.packed = stats::pack_counts(block.counts);
  block.packed.shrink_to_fit();
  std::vector<stats::ColumnProfile>().swap(block.counts);
}

// Half of the open ones at once, those that were used longest ago, so that rows which come in no order do not have the
// same blocks packed and unpacked time and again.
void BlockCounter::pack_idle() {
  std::sort(open_.begin(), open_.end(), [](Blocks::iterator a, Blocks::iterator b) {
    return a->second.used != b->second.used ? a->second.used > b->second.used : a->first > b->first;
  });
  while (open_.size() > most_open_ / 2 && open_.back()->second.used != use_) {
    pack(open_.back()->first, open_.back()->second);
    open_.pop_back();
  }
}

void BlockCounter::add_rows(std::span<const BlockRun> runs) {
  ++use_;
  current_.clear();
  for (const BlockRun& run : runs) {
    Block& block = open(run.block);
    block.rows += run.end - run.begin;
    block.used = use_;
    current_.push_back(&block);
  }
  if (open_.size() > most_open_) pack_idle();
}

void BlockCounter::require_current(std::span<const BlockRun> runs) const {
  if (runs.size() != current_.size()) throw std::logic_error("values of other blocks than those of the last rows");
}

void BlockCounter::add_values(std::size_t column, const ColumnView& values, std::span<const BlockRun> runs) {
  require_current(runs);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].begin < runs[i].end) count(values, runs[i].begin, runs[i].end, current_[i]->counts[column]);
  }
}

void BlockCounter::add_times(std::size_t column, std::span<const double> times, std::span<const BlockRun> runs) {
  require_current(runs);
  const bool gaps = reference_[column].counted == stats::Counted::gaps;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const BlockRun& run = runs[i];
    Block& block = *current_[i];
    const std::span<const double> own = times.subspan(run.begin, run.end - run.begin);
    if (gaps) {
      stats::BlockGaps slots = gaps_of(run.block, block);
      slots.add(own);
      block.slots = slots.occupied();
    } else {
      stats::add_numbers(block.counts[column], own, {});
    }
  }
}

void BlockCounter::merge(BlockCounter other) {
  other.open_.clear();
  current_.clear();
  while (!other.blocks_.empty()) {
    auto node = other.blocks_.extract(other.blocks_.begin());
    const std::int64_t index = node.key();
    Block& theirs = node.mapped();
    if (theirs.packed.empty()) other.pack(index, theirs);
    const auto there = blocks_.find(index);
    if (there == blocks_.end()) {
      blocks_.insert(std::move(node));
      continue;
    }
    // What is left of a block that two streams share: its counts add, and gaps are made anew from the slots.
    const std::vector<stats::ColumnProfile> counts = stats::unpack_counts(theirs.packed, reference_);
    ++use_;
    Block& ours = open(index);
    ours.used = use_;
    for (std::size_t i = 0; i < counts.size(); ++i) stats::merge(ours.counts[i], counts[i]);
    ours.rows += theirs.rows;
    ours.slots |= theirs.slots;
    if (open_.size() > most_open_) pack_idle();
  }
}

std::vector<registry::Block> BlockCounter::finish() {
  open_.clear();
  current_.clear();
  std::vector<registry::Block> out;
  out.reserve(blocks_.size());
  while (!blocks_.empty()) {
    auto node = blocks_.extract(blocks_.begin());
    Block& block = node.mapped();
    if (block.packed.empty()) pack(node.key(), block);
    out.push_back({node.key(), block.rows, std::move(block.packed)});
  }
  return out;
}

}  // namespace retraind::pipeline
