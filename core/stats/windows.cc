#include "core/stats/windows.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace retraind::stats {
namespace {

constexpr double kHourLength = 3600e6;

std::uint64_t rows_of(const ProfileBlock& block) {
  for (const ColumnProfile& column : block.columns) {
    // Words and slots of time are not rows.
    if (column.counted != Counted::words && column.counted != Counted::gaps) return column.rows();
  }
  return block.columns.empty() ? 0 : block.columns.front().rows();
}

}  // namespace

std::vector<Window> cut_windows(std::span<const ProfileBlock> blocks, std::int64_t first, std::int64_t length,
                                std::uint64_t rows, std::uint64_t min_rows) {
  std::map<std::int64_t, Window> by_tile;
  for (const ProfileBlock& block : blocks) {
    const std::int64_t away = block.index - first;
    const std::int64_t tile = away >= 0 ? away / length : -((length - 1 - away) / length);
    // Rows that are both in the reference and in the current window say nothing about how the two differ.
    if (tile == 0) continue;
    Window& window = by_tile[tile];
    window.tile = tile;
    window.rows += rows_of(block);
    window.blocks.push_back(&block);
  }
  std::vector<std::uint64_t> sizes;
  for (const auto& [tile, window] : by_tile) {
    if (window.rows > 0) sizes.push_back(window.rows);
  }
  if (sizes.empty()) return {};
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  const std::uint64_t least =
      std::max({std::min(rows, *middle) / 2, std::min({rows, min_rows, *middle}), std::uint64_t{1}});
  std::vector<Window> windows;
  for (auto& [tile, window] : by_tile) {
    if (window.rows >= least) windows.push_back(std::move(window));
  }
  return windows;
}

std::vector<std::size_t> in_season(const std::vector<Window>& windows, double window_length, double period) {
  std::vector<double> distances;
  for (const Window& window : windows) {
    distances.push_back(std::fabs(std::remainder(static_cast<double>(window.tile) * window_length, period)));
  }
  double near = period <= kWeekLength ? kHourLength : period / 15;
  if (distances.size() >= kFewestWindows) {
    std::vector<double> sorted = distances;
    std::sort(sorted.begin(), sorted.end());
    near = std::max(near, std::min(sorted[kFewestWindows - 1], period / 8));
  }
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (distances[i] <= near) places.push_back(i);
  }
  return places;
}

}  // namespace retraind::stats
