#pragma once
// How much parts of a reference differ from the rest of it, one column at a time. Private to core/stats. Pure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/vocabulary.h"
#include "core/stats/profile.h"

namespace retraind::stats {

// The effect of one comparison alone, as measure_column gives it: its intervals cost a hundred times as much.
double effect_alone(const ColumnProfile& reference, const ColumnProfile& current, DriftMethod method,
                    double min_effect);

// What a reference counted as `other` when its levels were chosen stands as unseen in its parts, which were counted on
// the levels afterwards: it is moved back in a sum of parts that is to be a reference.
void make_reference(ColumnProfile& sum, const ColumnProfile& like);

// How much more than chance groups of rows differ: the mean of T / df, 1 for independent rows, and the mean of df, 0
// where there is nothing to tell.
struct Dispersion {
  double ratio = 1;
  double degrees = 0;
};

// The counts of one column in several parts of the reference (blocks or windows), and how each part compares with the
// others. Additions and subtractions of whole numbers, so nothing depends on the order of anything.
class ColumnParts {
 public:
  // `like` gives the cells and must outlive the object. `parts` are in the order of time, and their profiles share the
  // cells of `like`.
  ColumnParts(const ColumnProfile& like, std::size_t parts);
  void add(std::size_t part, const ColumnProfile& counts);

  // The effect of each of the parts `chosen` (ascending) against the sum of the others among `others` (ascending, a
  // superset), the part itself and the `apart` nearest of `others` on either side left out.
  std::vector<double> effects(std::span<const std::size_t> chosen, std::span<const std::size_t> others,
                              std::size_t apart, DriftMethod method, double min_effect) const;
  // Effects of one of `chosen` against the one before it, of at most 128 spread over all of them.
  std::vector<double> steps(std::span<const std::size_t> chosen, DriftMethod method, double min_effect) const;
  // Of each consecutive `join` of `others` against the rest of them; only whole groups count.
  Dispersion dispersion(std::span<const std::size_t> others, std::size_t join) const;

 private:
  using Counts = std::vector<std::uint64_t>;
  const std::uint64_t* row(std::size_t part) const { return counts_.data() + part * cells_; }

  const ColumnProfile& like_;
  std::size_t cells_ = 0;
  Counts counts_;  // cells_ a part
};

}  // namespace retraind::stats
