#include "core/stats/cell_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

namespace retraind::stats {

CellSearch::CellSearch(const NumericEdges& edges) {
  if (edges.edges.size() > kNumericBins || edges.points.size() > kPointMasses) {
    throw std::logic_error("a profile has more edges or points than there can be");
  }
  // Every cell is made of intervals (a, b] between neighbouring bounds, once a point p is taken for the interval that
  // begins at the double just below p, and the first bin for one that begins just below the minimum. The outermost
  // bounds set infinities apart.
  const double lowest = -std::numeric_limits<double>::infinity();
  std::vector<double> bounds{lowest, std::nextafter(edges.minimum, lowest), std::numeric_limits<double>::max()};
  bounds.insert(bounds.end(), edges.edges.begin(), edges.edges.end());
  for (const double point : edges.points) bounds.insert(bounds.end(), {std::nextafter(point, lowest), point});
  std::sort(bounds.begin(), bounds.end());
  used_ = bounds.size();
  cells_.fill(0);
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    bounds_[i] = bounds[i];
    cells_[i] = static_cast<std::uint8_t>(edges.cell_of(bounds[i]));
  }
}

void CellSearch::count(std::span<const double> values, std::span<const std::uint8_t> nulls,
                       NumericProfile& numbers) const {
  // By place, of values that are there and of NULLs: nothing is asked of a value but its place, so that no branch goes
  // astray and the searches of several values overlap.
  constexpr std::size_t kPlaces = kBounds + 1;
  std::array<std::uint64_t, 2 * kPlaces> counts{};
  if (nulls.empty()) {
    for (const double value : values) ++counts[bounds_.count_below(value)];
  } else {
    for (std::size_t i = 0; i < values.size(); ++i) {
      ++counts[bounds_.count_below(values[i]) + (nulls[i] != 0 ? kPlaces : 0)];
    }
  }
  for (std::size_t place = 1; place < used_; ++place) numbers.counts[cells_[place]] += counts[place];
  for (std::size_t place = kPlaces; place < counts.size(); ++place) numbers.nulls += counts[place];
  numbers.positive_infinities += counts[used_];
  if (counts[0] == 0) return;
  std::uint64_t nans = 0;
  for (std::size_t i = 0; i < values.size(); ++i) nans += std::isnan(values[i]) && (nulls.empty() || nulls[i] == 0);
  numbers.nans += nans;
  numbers.negative_infinities += counts[0] - nans;
}

}  // namespace retraind::stats
