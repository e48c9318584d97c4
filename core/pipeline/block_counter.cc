#include "core/pipeline/block_counter.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace retraind::pipeline {
namespace {

template <class T>
void rearrange_one(std::vector<T>& values, const std::vector<std::uint32_t>& order) {
  std::vector<T> out;
  out.reserve(order.size());
  for (const std::uint32_t row : order) out.push_back(values[row]);
  values = std::move(out);
}

}  // namespace

BlockRuns block_runs(const stats::BlockGrid& grid, std::span<const double> times, double after) {
  BlockRuns out;
  std::vector<std::int64_t> blocks(times.size());
  for (std::size_t row = 0; row < times.size(); ++row) {
    if (!std::isfinite(times[row]) || !(times[row] > after)) continue;
    blocks[row] = grid.index_of(times[row]);
    out.order.push_back(static_cast<std::uint32_t>(row));
  }
  const auto earlier = [&](std::uint32_t a, std::uint32_t b) { return blocks[a] < blocks[b]; };
  if (!std::is_sorted(out.order.begin(), out.order.end(), earlier)) {
    std::stable_sort(out.order.begin(), out.order.end(), earlier);
  } else {
    out.as_they_stand = out.order.size() == times.size();
  }
  for (std::size_t begin = 0; begin < out.order.size();) {
    const std::int64_t block = blocks[out.order[begin]];
    std::size_t end = begin + 1;
    while (end < out.order.size() && blocks[out.order[end]] == block) ++end;
    out.runs.push_back({block, begin, end});
    begin = end;
  }
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

BlockCounter::Open& BlockCounter::block_at(std::int64_t index) {
  const auto found = blocks_.find(index);
  if (found != blocks_.end()) return found->second;
  Open made{.rows = 0, .columns = {}, .gaps = stats::BlockGaps(grid_.begin_of(index), grid_.length)};
  for (const stats::ColumnProfile& column : reference_) made.columns.push_back(stats::empty_like(column));
  return blocks_.emplace(index, std::move(made)).first->second;
}

void BlockCounter::add_rows(std::span<const BlockRun> runs) {
  for (const BlockRun& run : runs) block_at(run.block).rows += run.end - run.begin;
}

void BlockCounter::add_values(std::size_t column, const ColumnValues& values, std::span<const BlockRun> runs) {
  for (const BlockRun& run : runs) count(values, run.begin, run.end, block_at(run.block).columns[column]);
}

void BlockCounter::add_times(std::size_t column, std::span<const double> times, std::span<const BlockRun> runs) {
  for (const BlockRun& run : runs) {
    Open& block = block_at(run.block);
    const std::span<const double> own = times.subspan(run.begin, run.end - run.begin);
    if (reference_[column].counted == stats::Counted::gaps) {
      block.gaps.add(own);
    } else {
      stats::add_numbers(block.columns[column], own, {});
    }
  }
}

std::vector<registry::Block> BlockCounter::finish(double oldest, double newest) {
  std::vector<registry::Block> out;
  for (auto& [index, block] : blocks_) {
    for (std::size_t i = 0; i < reference_.size(); ++i) {
      if (reference_[i].counted != stats::Counted::gaps) continue;
      block.columns[i] = block.gaps.profile(stats::counted_column(reference_[i]), oldest, newest);
    }
    out.push_back({index, block.rows, stats::pack_counts(block.columns)});
  }
  blocks_.clear();
  return out;
}

}  // namespace retraind::pipeline
