#pragma once
// Distances between two columns: those that are sums over cells, and the one between masses on a line. Exposed so that
// each can be held against published values. Pure. Formulas and their meaning: docs/statistics.md.

#include <span>
#include <vector>

#include "core/base/vocabulary.h"

namespace retraind::stats {

// A distance that is a sum over cells with shares p and q, a divergence, or the root of one. Where nothing differs,
// factor * Ne * divergence is chi-square with as many degrees of freedom as there are cells less one; where something
// does, noncentral. Exists for jensen_shannon, chi_square, psi and hellinger.
class CellDistance {
 public:
  // Throws std::logic_error for a method that is not one of the four.
  explicit CellDistance(DriftMethod method);

  // Counts of the same length, totals > 0. 0 for cells that are empty on both sides.
  double divergence(std::span<const double> reference, std::span<const double> current) const;
  // One cell's part: `reference` of n rows, `current` of m.
  double term(double reference, double n, double current, double m) const;
  double effect_of(double divergence) const;  // of at least 0
  double divergence_of(double effect) const;
  double largest() const;  // divergence, infinite for psi
  double factor() const { return factor_; }

 private:
  DriftMethod method_;
  double factor_;
};

// The shortcut for one value: the effect as observed, without correction.
double observed_effect(DriftMethod method, std::span<const double> reference, std::span<const double> current);

// Of the population stability index, by the delta method: the first-order effect of each row on it. Where shares are
// rare it is more than a noncentral chi-square allows for. 0 where each side is in one cell.
double standard_error_of_psi(std::span<const double> reference, std::span<const double> current);

struct Mass {
  double at = 0;
  double weight = 0;  // >= 0; only the share of the whole counts
};

// The first Wasserstein distance, the area between two distribution functions. Throws std::logic_error when a side has
// no weight or a place is not finite.
double wasserstein_distance(std::span<const Mass> a, std::span<const Mass> b);
double wasserstein_distance(std::span<const double> a, std::span<const double> b);

}  // namespace retraind::stats
