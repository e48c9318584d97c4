#pragma once
// NumericEdges in the form in which many values find their cells quickly. Private to core/stats. Immutable.

#include <array>
#include <cstddef>

#include "core/stats/profile.h"
#include "core/stats/search.h"

namespace retraind::stats {

class CellSearch {
 public:
  // Throws std::logic_error for more than kNumericBins edges or kPointMasses points.
  explicit CellSearch(const NumericEdges& edges);

  // As NumericEdges::cell_of.
  std::size_t cell_of(double value) const { return cells_[bounds_.count_below(value)]; }

 private:
  static constexpr std::size_t kBounds = 127;
  static_assert(kNumericBins + 2 * kPointMasses + 1 <= kBounds);

  SortedArray<kBounds> bounds_;
  std::array<std::size_t, kBounds + 1> cells_;
};

}  // namespace retraind::stats
