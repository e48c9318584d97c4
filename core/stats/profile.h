#pragma once
// What a column looked like, as integer counts on edges fixed by a reference. Counts add, so profiles of two parts of
// the data merge into the profile of the whole, exactly, in any order; nothing about a single row survives. Distinct
// objects may be used on distinct threads.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace retraind::stats {

inline constexpr std::size_t kNumericBins = 64;  // equal-mass bins of the reference, between its extremes
inline constexpr std::size_t kPointMasses = 16;  // at most so many values get a cell of their own
inline constexpr std::size_t kExactCategories = 1024;

// Where numbers are cut. Learned once from reference values and then shared by every profile compared with it.
struct NumericEdges {
  // Values that hold more than 1/kNumericBins of the reference each (0, -1, 999…): each a cell of its own. Ascending.
  std::vector<double> points;
  // Ascending upper edges of the bins of everything else: bin i holds (edges[i-1], edges[i]]; below edges.front()'s bin
  // lies the underflow (x < minimum), above edges.back() the overflow.
  std::vector<double> edges;
  double minimum = 0;  // smallest reference value that is not a point mass

  std::size_t cells() const;  // underflow, bins, overflow, points
  // The cell of a finite value, 0..cells()-1: 0 underflow, then the bins, then overflow, then the points.
  std::size_t cell_of(double value) const;
};

// Finite values only; others are ignored. Empty input gives edges with the underflow and overflow cells only.
NumericEdges learn_edges(std::vector<double> reference);

struct NumericProfile {
  std::shared_ptr<const NumericEdges> edges;
  std::vector<std::uint64_t> counts;  // by cell
  std::uint64_t nulls = 0;
  std::uint64_t nans = 0;
  std::uint64_t positive_infinities = 0;
  std::uint64_t negative_infinities = 0;
};

// Exact counts of the first kExactCategories distinct values met in the reference (kept: the most frequent); everything
// else is `other`. `levels` is fixed by the reference; values outside it count as unseen.
struct CategoryProfile {
  std::shared_ptr<const std::vector<std::string>> levels;  // bytewise ascending
  std::vector<std::uint64_t> counts;                       // parallel to levels
  std::uint64_t other = 0;                                 // in the reference: values beyond the kept levels
  std::uint64_t unseen = 0;  // values that are not among the levels (in a profile made against a reference)
  std::uint64_t nulls = 0;
};

struct ColumnProfile {
  std::string column;
  std::variant<NumericProfile, CategoryProfile> values;

  std::uint64_t rows() const;
};

// The reference profiles of one version, and how fresh rows are counted against them.
ColumnProfile profile_numbers(std::string column, std::span<const double> values, std::span<const std::uint8_t> nulls);
ColumnProfile profile_texts(std::string column, std::span<const std::string_view> values,
                            std::span<const std::uint8_t> nulls);
// An empty profile on the reference's edges or levels.
ColumnProfile empty_like(const ColumnProfile& reference);
void add_numbers(ColumnProfile& profile, std::span<const double> values, std::span<const std::uint8_t> nulls);
void add_texts(ColumnProfile& profile, std::span<const std::string_view> values, std::span<const std::uint8_t> nulls);
// Throws std::logic_error when the two do not share edges or levels.
void merge(ColumnProfile& into, const ColumnProfile& from);

// Canonical JSON for the registry. Throws DataError for a text to_json did not write.
std::string to_json(const ColumnProfile& profile);
ColumnProfile profile_from_json(std::string_view json);

}  // namespace retraind::stats
