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
  // begins at the double just below p, and the first bin for one that begins just below the minimum.
  const double lowest = -std::numeric_limits<double>::infinity();
  std::vector<double> bounds{std::nextafter(edges.minimum, lowest)};
  bounds.insert(bounds.end(), edges.edges.begin(), edges.edges.end());
  for (const double point : edges.points) bounds.insert(bounds.end(), {std::nextafter(point, lowest), point});
  std::sort(bounds.begin(), bounds.end());
  cells_.fill(edges.overflow_cell());
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    bounds_[i] = bounds[i];
    cells_[i] = edges.cell_of(bounds[i]);
  }
}

}  // namespace retraind::stats
