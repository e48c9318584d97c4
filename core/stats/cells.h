#pragma once
// Lays two profiles of one column side by side as a short row of cells that a chi-square test can be trusted with, and
// finds the plainest statement of what differs; and, for the distances that need it, numbers in their order. Private to
// core/stats. Pure.

#include <span>
#include <string>
#include <vector>

#include "core/stats/profile.h"

namespace retraind::stats {

enum class CellKind {
  below,    // numbers below the reference's range
  above,    // numbers above it
  between,  // numbers in (low, high], or [low, high] in the first group
  point,    // one number, `low`
  null,
  nan,
  positive_infinity,
  negative_infinity,
  level,    // one category, `level`
  outside,  // categories without a count of their own
  rest      // everything pooled
};

struct Cell {
  CellKind kind = CellKind::rest;
  double low = 0;
  double high = 0;
  std::string level;
  double reference = 0;  // rows
  double current = 0;    // rows
};

// Numeric bins stand in about this many groups of equal mass in the reference: finer cells would spend power on shapes
// that no model notices.
inline constexpr std::size_t kNumericGroups = 16;
// A cell counts on its own where at least so many of its rows are expected on either side.
inline constexpr double kSmallestExpectation = 5;

// Cells that hold a row on either side, before pooling. Both profiles share their edges or levels.
std::vector<Cell> lay_out(const ColumnProfile& reference, const ColumnProfile& current);

// The same rows with the small cells pooled into one `rest`. Null, NaN, infinite, out-of-range and unseen values are
// never pooled, and neither is a cell that grew or shrank at least fivefold to or from ten rows and more: those are
// what one wants to know of.
std::vector<Cell> pool_small(std::vector<Cell> cells);

// Whether `cell` is expected to hold fewer than kSmallestExpectation rows on a side, of n reference and m current ones.
bool expects_few(const Cell& cell, double n, double m);

// The bins and points of a column of numbers, ascending by their upper ends, without what lies below or above all of
// them. Those that are empty on both sides are left out.
struct Segment {
  double low = 0;  // bin: (low, high]; point: low = high
  double high = 0;
  double reference = 0;  // rows
  double current = 0;
};
std::vector<Segment> segments_of(const NumericProfile& reference, const NumericProfile& current);

struct Move {
  std::string what;      // "of values are null": follows a share
  double reference = 0;  // share, 0..1
  double current = 0;
};

// The yes-or-no statement about a value on which reference and current differ most: one of the cells, or, for numbers,
// lying above (or not above) one of the reference's edges.
Move biggest_move(const ColumnProfile& reference, const ColumnProfile& current, std::span<const Cell> cells);

// "0 %", "3.2 %", "97 %".
std::string percent(double share);
// Six digits are enough to recognise a number by; whole ones are not cut.
std::string readable(double value);

}  // namespace retraind::stats
