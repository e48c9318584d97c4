#pragma once
// What the methods of drift.h need to know of a pair of profiles. Private to core/stats. Pure.

#include <cstdint>

#include "core/base/vocabulary.h"
#include "core/stats/cells.h"
#include "core/stats/drift.h"
#include "core/stats/profile.h"

namespace retraind::stats {

// Whether `method` can say anything of columns of this kind.
bool applies_to(DriftMethod method, const ColumnProfile& profile);

// Rows that the method looks at: ks and wasserstein finite numbers, out_of_range those and the infinities, unseen
// texts; the others all rows. 0 where the method does not apply.
std::uint64_t usable_rows(DriftMethod method, const ColumnProfile& profile);

// Some of the rows that a method looks at.
struct Marked {
  std::uint64_t hits = 0;
  std::uint64_t rows = 0;

  double share() const { return rows > 0 ? static_cast<double>(hits) / static_cast<double>(rows) : 0; }
};
struct MarkedPair {
  Marked reference;
  Marked current;
};
// What null_rate, unseen and out_of_range count. Values of the reference that no other row resembles would have been
// unseen, and its extremes out of range, had they not been in the reference themselves: they are counted so.
MarkedPair marked_rows(DriftMethod method, const ColumnProfile& reference, const ColumnProfile& current);

ColumnMeasure measure_cells(const ColumnProfile& reference, const ColumnProfile& current, DriftMethod method,
                            double min_effect, double inflation);
ColumnMeasure measure_shares(const MarkedPair& marked, DriftMethod method, double min_effect, double inflation);
ColumnMeasure measure_ks(const NumericProfile& reference, const NumericProfile& current, double min_effect,
                         double inflation);
ColumnMeasure measure_wasserstein(const NumericProfile& reference, const NumericProfile& current, double min_effect,
                                  double inflation);

// Fewer rows than this on either side are too few for a limiting distribution.
inline constexpr std::uint64_t kFewRows = 200;
// Nothing is gained by dealing tables where the p-value is larger already.
inline constexpr double kLogNotWorthATable = -2.995732273553991;  // ln 0.05

}  // namespace retraind::stats
