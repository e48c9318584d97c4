#pragma once
// NumericEdges in the form in which many values find their cells quickly. Private to core/stats. Immutable: any number
// of threads may share one.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/stats/profile.h"
#include "core/stats/search.h"

namespace retraind::stats {

class CellSearch {
 public:
  // Throws std::logic_error for more than kNumericBins edges or kPointMasses points.
  explicit CellSearch(const NumericEdges& edges);

  // Adds each value to its count in `numbers`, which must be on the same edges: NULLs, NaNs and infinities to theirs.
  // `nulls` is parallel to the values or empty. A few nanoseconds a value; a call costs some hundred more.
  void count(std::span<const double> values, std::span<const std::uint8_t> nulls, NumericProfile& numbers) const;

 private:
  static constexpr std::size_t kBounds = 127;
  static_assert(kNumericBins + 2 * kPointMasses + 3 <= kBounds);

  // By how many bounds are below a value, its place: 0 for NaN and minus infinity, used_ for infinity, and between them
  // the places of finite values.
  SortedArray<kBounds> bounds_;
  std::size_t used_ = 0;
  std::array<std::uint8_t, kBounds + 1> cells_;
};

}  // namespace retraind::stats
