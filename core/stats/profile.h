#pragma once
// What a column looked like, as integer counts on edges fixed by a reference. Counts add, so profiles of two parts of
// the data merge into the profile of the whole, exactly, in any order; nothing about a single row survives. Distinct
// objects may be used on distinct threads. Reasons and limits: docs/statistics.md.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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
  // Ascending upper edges of the bins of everything else: bin 0 holds [minimum, edges[0]], bin i (edges[i-1],
  // edges[i]]. Below lies the underflow (x < minimum), above edges.back() the overflow. Empty when the reference holds
  // no other values than its points; everything from `minimum` up that is not a point is then overflow.
  std::vector<double> edges;
  double minimum = 0;  // smallest reference value that is not a point mass; the first point where there is none such

  std::size_t cells() const { return edges.size() + points.size() + 2; }
  std::size_t overflow_cell() const { return edges.size() + 1; }
  std::size_t first_point_cell() const { return edges.size() + 2; }
  // The cell of a finite value, 0..cells()-1: 0 underflow, then the bins, then overflow, then the points.
  std::size_t cell_of(double value) const;

  bool operator==(const NumericEdges&) const = default;
};

// Finite values only; others are ignored. Empty input gives edges with the underflow and overflow cells only. The order
// of the values does not matter.
NumericEdges learn_edges(std::vector<double> reference);

class CellSearch;
class LevelSearch;

struct NumericProfile {
  std::shared_ptr<const NumericEdges> edges;
  std::vector<std::uint64_t> counts;  // by cell
  std::uint64_t nulls = 0;
  std::uint64_t nans = 0;
  std::uint64_t positive_infinities = 0;
  std::uint64_t negative_infinities = 0;
  // Of the edges, shared by all profiles that empty_like() made of one; absent: made anew whenever values are added.
  std::shared_ptr<const CellSearch> search = nullptr;
};

// The texts that have a count of their own, bytewise ascending, and their positions. Immutable, so it is shared.
class CategoryLevels {
 public:
  // Throws std::logic_error when two names are the same or they do not ascend.
  explicit CategoryLevels(std::vector<std::string> names);
  CategoryLevels(const CategoryLevels&) = delete;
  CategoryLevels& operator=(const CategoryLevels&) = delete;
  ~CategoryLevels();

  const std::vector<std::string>& names() const { return names_; }
  std::size_t size() const { return names_.size(); }
  std::optional<std::size_t> find(std::string_view name) const;
  const LevelSearch& search() const { return *search_; }

 private:
  std::vector<std::string> names_;
  std::unique_ptr<const LevelSearch> search_;  // refers to names_
};

// Exact counts of at most kExactCategories levels; everything else is `other`. The levels are the most frequent values
// of the reference. Values that tie with the first one that finds no room are left out with it: which of them to keep
// would be arbitrary, and a column of unique keys gets no levels at all.
struct CategoryProfile {
  std::shared_ptr<const CategoryLevels> levels;
  std::vector<std::uint64_t> counts;  // parallel to the levels
  std::uint64_t other = 0;            // in the reference: values beyond the kept levels
  std::uint64_t unseen = 0;           // values that are not among the levels (in a profile made against a reference)
  std::uint64_t nulls = 0;
};

// What is counted of a value. Texts with more distinct values than kExactCategories have no levels worth the name, so
// their length and their words are counted instead; event times by hour and weekday (UTC) and by the gaps between them.
// All but value and length have levels that are fixed for ever; length is a NumericProfile, the others are
// CategoryProfiles.
enum class Counted { value, length, words, hour, weekday, gaps };

struct ColumnProfile {
  std::string column;  // "comment", "comment (length)", "ts (hour)"
  std::variant<NumericProfile, CategoryProfile> values;
  Counted counted = Counted::value;

  // How many were counted, missing ones included: rows, but words for words and slots for gaps.
  std::uint64_t rows() const;
};

// "comment (length)"; the column itself for value.
std::string counted_name(std::string_view column, Counted counted);
// The column that was counted: "comment" of "comment (length)".
std::string_view counted_column(const ColumnProfile& profile);

// Everywhere below, `nulls` is parallel to `values` (1 where the value is NULL and the one given does not count), or
// empty where nothing is NULL. Other lengths throw std::logic_error, as do numbers for a profile of texts and texts for
// one of numbers.

// The reference profiles of one version, and how fresh rows are counted against them.
ColumnProfile profile_numbers(std::string column, std::span<const double> values, std::span<const std::uint8_t> nulls);
ColumnProfile profile_texts(std::string column, std::span<const std::string_view> values,
                            std::span<const std::uint8_t> nulls);
// One profile, as profile_texts, when at most kExactCategories distinct values are there; otherwise two, of the length
// in characters of UTF-8 (bytes that continue no character) and of the words. A word is a run of ASCII letters, digits
// and bytes from 0x80 on; ASCII capitals count as small letters. Each counts in one of 256 levels "00".."ff", the
// folded FNV-1a hash of its bytes. NULL is counted by the length alone.
std::vector<ColumnProfile> profile_text_column(const std::string& column, std::span<const std::string_view> values,
                                               std::span<const std::uint8_t> nulls);
// Two profiles of instants (microseconds since 1970): by hour "00".."23" and by weekday "1 Monday".."7 Sunday", UTC.
// Values that are not finite are unseen.
std::vector<ColumnProfile> profile_instants(const std::string& column, std::span<const double> values,
                                            std::span<const std::uint8_t> nulls);
// An empty profile on the reference's edges or levels.
ColumnProfile empty_like(const ColumnProfile& reference);
// Numbers for value, hour and weekday; texts for value, length and words. A column that is counted twice is added to
// each of its two profiles.
void add_numbers(ColumnProfile& profile, std::span<const double> values, std::span<const std::uint8_t> nulls);
void add_texts(ColumnProfile& profile, std::span<const std::string_view> values, std::span<const std::uint8_t> nulls);
// Throws std::logic_error when the two are not of the same column or do not share edges or levels (the same object, or
// equal ones).
void merge(ColumnProfile& into, const ColumnProfile& from);
// Whether the two count the same thing on the same edges or levels.
bool same_cells(const ColumnProfile& a, const ColumnProfile& b);

// Which sixtieths of one time block hold a row: the gaps between event times. Value type; unions of slots, so rows may
// come in any order and more than once.
class BlockGaps {
 public:
  static constexpr std::size_t kSlots = 60;

  // The block [begin, begin + length), length > 0, in the unit of the event times. `occupied` continues what
  // occupied() once returned, for a block whose rows come in several batches.
  BlockGaps(double begin, double length, std::uint64_t occupied = 0);
  // Times outside the block, and those that are not finite, are ignored.
  void add(std::span<const double> times);
  std::uint64_t occupied() const { return occupied_; }  // bit i: slot i holds a row
  // "column (gaps)": how many slots are "empty" and "occupied", of those that begin at `to` or earlier and end after
  // `from`: nothing is known of the others. `to` is the newest event time there is, in this block or a later one;
  // `from` is where the data begin, minus infinity where they begin earlier.
  ColumnProfile profile(std::string_view column, double from, double to) const;

 private:
  double begin_;
  double length_;
  std::uint64_t occupied_;
};

// Canonical JSON for the registry: the same profile gives the same bytes. Numbers that are not counts stand as texts in
// their shortest exact form, because few JSON readers promise to give back the very same double. Throws DataError for a
// count above 2^63 - 1.
std::string to_json(const ColumnProfile& profile);
// Reads what to_json wrote, also after a pass through jsonb (keys in any order). Throws DataError for anything else.
ColumnProfile profile_from_json(std::string_view json);

}  // namespace retraind::stats
