#include "core/stats/cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "core/stats/divergence.h"

namespace retraind::stats {
namespace {

double rows(std::uint64_t count) {
  return static_cast<double>(count);
}

void append(std::vector<Cell>& cells, Cell cell) {
  if (cell.reference + cell.current > 0) cells.push_back(std::move(cell));
}

// Neighbouring bins join until the group reaches its share of the reference. Groups follow the reference alone, so that
// what the current rows look like has no say in where the cuts are.
void append_groups(std::vector<Cell>& cells, const NumericProfile& reference, const NumericProfile& current) {
  const NumericEdges& edges = *reference.edges;
  const std::size_t bins = edges.edges.size();
  double in_bins = 0;
  for (std::size_t bin = 0; bin < bins; ++bin) in_bins += rows(reference.counts[1 + bin]);

  double passed = 0;
  std::size_t groups = 0;
  Cell group{CellKind::between, edges.minimum, edges.minimum, {}, 0, 0};
  for (std::size_t bin = 0; bin < bins; ++bin) {
    group.reference += rows(reference.counts[1 + bin]);
    group.current += rows(current.counts[1 + bin]);
    group.high = edges.edges[bin];
    passed += rows(reference.counts[1 + bin]);
    if (passed * kNumericGroups >= in_bins * static_cast<double>(groups + 1) || bin + 1 == bins) {
      while (passed * kNumericGroups >= in_bins * static_cast<double>(groups + 1) && groups < kNumericGroups) ++groups;
      append(cells, group);
      group = {CellKind::between, edges.edges[bin], edges.edges[bin], {}, 0, 0};
    }
  }
}

std::vector<Cell> lay_out_numbers(const NumericProfile& reference, const NumericProfile& current) {
  const NumericEdges& edges = *reference.edges;
  std::vector<Cell> cells;
  const auto special = [&](CellKind kind, std::uint64_t n, std::uint64_t m) {
    append(cells, {kind, 0, 0, {}, rows(n), rows(m)});
  };
  const std::size_t over = edges.overflow_cell();
  special(CellKind::below, reference.counts[0], current.counts[0]);
  append_groups(cells, reference, current);
  special(CellKind::above, reference.counts[over], current.counts[over]);
  for (std::size_t i = 0; i < edges.points.size(); ++i) {
    const std::size_t cell = edges.first_point_cell() + i;
    append(cells, {CellKind::point,
                   edges.points[i],
                   edges.points[i],
                   {},
                   rows(reference.counts[cell]),
                   rows(current.counts[cell])});
  }
  special(CellKind::null, reference.nulls, current.nulls);
  special(CellKind::nan, reference.nans, current.nans);
  special(CellKind::positive_infinity, reference.positive_infinities, current.positive_infinities);
  special(CellKind::negative_infinity, reference.negative_infinities, current.negative_infinities);
  return cells;
}

std::vector<Cell> lay_out_texts(const CategoryProfile& reference, const CategoryProfile& current) {
  // The levels were chosen by looking at the reference, so every one of them has been seen there at least once; values
  // that exist but are rare look new in the current rows though nothing changed. What a fair comparison needs is how
  // many reference rows would have been outside the levels had they not helped to choose them (Good 1953): those whose
  // level is only just kept, because it occurs once, or because it is the rarest of the kept ones where some were left
  // out.
  std::uint64_t barely = 1;
  if (reference.other > 0 && !reference.counts.empty()) {
    barely = std::numeric_limits<std::uint64_t>::max();
    for (const std::uint64_t count : reference.counts) {
      if (count > 0) barely = std::min(barely, count);
    }
  }
  std::vector<Cell> cells;
  Cell outside{
      CellKind::outside, 0, 0, {}, rows(reference.other + reference.unseen), rows(current.other + current.unseen)};
  const std::vector<std::string>& names = reference.levels->names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool moved = reference.counts[i] == barely;
    if (moved) outside.reference += rows(barely);
    append(cells, {CellKind::level, 0, 0, names[i], moved ? 0 : rows(reference.counts[i]), rows(current.counts[i])});
  }
  append(cells, outside);
  append(cells, {CellKind::null, 0, 0, {}, rows(reference.nulls), rows(current.nulls)});
  return cells;
}

bool may_be_pooled(CellKind kind) {
  return kind == CellKind::between || kind == CellKind::point || kind == CellKind::level || kind == CellKind::rest;
}

std::string describe(const Cell& cell, const ColumnProfile& profile) {
  switch (cell.kind) {
    case CellKind::null:
      return "of values are null";
    case CellKind::nan:
      return "of values are NaN";
    case CellKind::positive_infinity:
      return "of values are infinite";
    case CellKind::negative_infinity:
      return "of values are minus infinity";
    case CellKind::point:
      return "of values are " + readable(cell.low);
    case CellKind::between:
      return "of values lie between " + readable(cell.low) + " and " + readable(cell.high);
    case CellKind::level:
      return "of values are '" + cell.level + "'";
    case CellKind::outside:
      return std::get<CategoryProfile>(profile.values).other > 0 ? "of values are not among the frequent ones"
                                                                 : "of values are new";
    case CellKind::rest:
      return "of values are rare ones";
    case CellKind::below:
    case CellKind::above:
      break;
  }
  const NumericEdges& edges = *std::get<NumericProfile>(profile.values).edges;
  const bool below = cell.kind == CellKind::below;
  if (edges.edges.empty()) {
    if (edges.points.empty()) return "of values are numbers, and it had none";
    return below ? "of values lie below the reference's minimum " + readable(edges.minimum)
                 : "of values are none of the reference's numbers";
  }
  const double end = below ? edges.minimum : edges.edges.back();
  // A point mass such as 999 may lie far outside everything else; the reference's extreme is then the point.
  const bool extreme = edges.points.empty() || (below ? edges.points.front() >= end : edges.points.back() <= end);
  const std::string side = below ? "below" : "above";
  if (!extreme) return "of values lie " + side + " " + readable(end) + ", where the reference had single values only";
  return "of values lie " + side + " the reference's " + (below ? "minimum " : "maximum ") + readable(end);
}

// "Lies above x" and "lies at or below x", for each edge and point x. Only what grew is said, never what shrank.
void consider_thresholds(const NumericProfile& reference, const NumericProfile& current, double n, double m,
                         double& best, Move& move) {
  const std::size_t over = reference.edges->overflow_cell();
  const std::vector<Segment> segments = segments_of(reference, current);
  Segment above{0, 0, rows(reference.counts[over]), rows(current.counts[over])};
  for (const Segment& segment : segments) {
    above.reference += segment.reference;
    above.current += segment.current;
  }
  Segment up_to{0, 0, rows(reference.counts[0]), rows(current.counts[0])};
  const auto consider = [&](const Segment& shares, std::string_view words, double threshold) {
    const double p = shares.reference / n;
    const double q = shares.current / m;
    const double divergence = jensen_shannon_of_event(p, q);
    if (q <= p || divergence <= best) return;
    best = divergence;
    move = {std::string(words) + readable(threshold), p, q};
  };
  for (const Segment& segment : segments) {
    up_to.reference += segment.reference;
    up_to.current += segment.current;
    above.reference -= segment.reference;
    above.current -= segment.current;
    consider(above, "of values lie above ", segment.high);
    consider(up_to, "of values lie at or below ", segment.high);
  }
}

}  // namespace

std::string percent(double share) {
  if (share == 0) return "0 %";
  if (share < 0.0001) return "under 0.01 %";
  if (share < 0.1) return fmt::format("{:.2g} %", share * 100);
  if (share > 0.995 && share < 1) return "over 99 %";
  return fmt::format("{:.0f} %", share * 100);
}

std::string readable(double value) {
  return value == std::floor(value) && std::fabs(value) < 1e15 ? fmt::format("{:.0f}", value)
                                                               : fmt::format("{:.6g}", value);
}

std::vector<Segment> segments_of(const NumericProfile& reference, const NumericProfile& current) {
  const NumericEdges& edges = *reference.edges;
  std::vector<Segment> segments;
  const auto add = [&](double low, double high, std::size_t cell) {
    if (reference.counts[cell] + current.counts[cell] == 0) return;
    segments.push_back({low, high, rows(reference.counts[cell]), rows(current.counts[cell])});
  };
  for (std::size_t i = 0; i < edges.edges.size(); ++i) {
    add(i == 0 ? edges.minimum : edges.edges[i - 1], edges.edges[i], 1 + i);
  }
  for (std::size_t i = 0; i < edges.points.size(); ++i) {
    add(edges.points[i], edges.points[i], edges.first_point_cell() + i);
  }
  std::sort(segments.begin(), segments.end(),
            [](const Segment& a, const Segment& b) { return a.high != b.high ? a.high < b.high : a.low < b.low; });
  return segments;
}

bool expects_few(const Cell& cell, double n, double m) {
  return (cell.reference + cell.current) * std::min(n, m) < kSmallestExpectation * (n + m);
}

std::vector<Cell> lay_out(const ColumnProfile& reference, const ColumnProfile& current) {
  if (const auto* numbers = std::get_if<NumericProfile>(&reference.values)) {
    return lay_out_numbers(*numbers, std::get<NumericProfile>(current.values));
  }
  return lay_out_texts(std::get<CategoryProfile>(reference.values), std::get<CategoryProfile>(current.values));
}

std::vector<Cell> pool_small(std::vector<Cell> cells) {
  double n = 0;
  double m = 0;
  for (const Cell& cell : cells) {
    n += cell.reference;
    m += cell.current;
  }
  const auto small = [&](const Cell& cell) { return expects_few(cell, n, m); };
  // Four rows are granted to the smaller side, because a level of which it holds none may well have been worth as many.
  const auto jumped = [&](const Cell& cell) {
    return (cell.current >= 10 && cell.current * n >= 5 * (cell.reference + 4) * m) ||
           (cell.reference >= 10 && cell.reference * m >= 5 * (cell.current + 4) * n);
  };

  std::vector<Cell> kept;
  Cell rest;
  for (Cell& cell : cells) {
    if (may_be_pooled(cell.kind) && small(cell) && !jumped(cell)) {
      rest.reference += cell.reference;
      rest.current += cell.current;
    } else {
      kept.push_back(std::move(cell));
    }
  }
  if (rest.reference + rest.current == 0) return kept;
  if (small(rest)) {
    // Too few even together: they join the smallest of the cells that stand on their own.
    const auto smallest = std::min_element(kept.begin(), kept.end(), [](const Cell& a, const Cell& b) {
      const bool a_may = may_be_pooled(a.kind);
      const bool b_may = may_be_pooled(b.kind);
      return a_may != b_may ? a_may : a.reference + a.current < b.reference + b.current;
    });
    if (smallest != kept.end() && may_be_pooled(smallest->kind)) {
      rest.reference += smallest->reference;
      rest.current += smallest->current;
      kept.erase(smallest);
    }
  }
  kept.push_back(std::move(rest));
  return kept;
}

Move biggest_move(const ColumnProfile& reference, const ColumnProfile& current, std::span<const Cell> cells) {
  double n = 0;
  double m = 0;
  for (const Cell& cell : cells) {
    n += cell.reference;
    m += cell.current;
  }
  double best = -1;
  Move move;
  for (const Cell& cell : cells) {
    const double p = cell.reference / n;
    const double q = cell.current / m;
    const double divergence = jensen_shannon_of_event(p, q);
    if (divergence > best) {
      best = divergence;
      move = {describe(cell, reference), p, q};
    }
  }
  if (const auto* numbers = std::get_if<NumericProfile>(&reference.values)) {
    consider_thresholds(*numbers, std::get<NumericProfile>(current.values), n, m, best, move);
  }
  return move;
}

}  // namespace retraind::stats
