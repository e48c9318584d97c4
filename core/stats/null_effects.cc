#include "core/stats/null_effects.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/stats/cells.h"
#include "core/stats/counts.h"
#include "core/stats/distances.h"
#include "core/stats/drift.h"

namespace retraind::stats {
namespace {

// A mean of so many is exact enough.
constexpr std::size_t kMostSteps = 128;

struct CellRows {
  std::vector<double> reference;
  std::vector<double> current;
};

CellRows cells_of(const ColumnProfile& reference, const ColumnProfile& current) {
  CellRows rows;
  for (const Cell& cell : pool_small(lay_out(reference, current))) {
    rows.reference.push_back(cell.reference);
    rows.current.push_back(cell.current);
  }
  return rows;
}

bool is_sum_over_cells(DriftMethod method) {
  return method == DriftMethod::jensen_shannon || method == DriftMethod::chi_square || method == DriftMethod::psi ||
         method == DriftMethod::hellinger;
}

double total(std::span<const double> counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

// Levels were chosen by looking at all parts together, so no part holds a value that is new. A value that no other part
// holds would have been.
void make_current(ColumnProfile& part, const ColumnProfile& others, const ColumnProfile& like) {
  auto* const texts = std::get_if<CategoryProfile>(&part.values);
  if (texts == nullptr || like.counted != Counted::value || std::get<CategoryProfile>(like.values).other > 0) return;
  const std::vector<std::uint64_t>& elsewhere = std::get<CategoryProfile>(others.values).counts;
  for (std::size_t i = 0; i < elsewhere.size(); ++i) {
    if (elsewhere[i] == 0) texts->unseen += std::exchange(texts->counts[i], 0);
  }
}

void put(ColumnProfile& profile, const std::uint64_t* from) {
  visit_counts(profile, [&from](std::uint64_t& count) { count = *from++; });
}

void plus(std::vector<std::uint64_t>& into, const std::uint64_t* from) {
  for (std::uint64_t& count : into) count += *from++;
}

void minus(std::vector<std::uint64_t>& into, const std::uint64_t* from) {
  for (std::uint64_t& count : into) count -= *from++;
}

}  // namespace

void make_reference(ColumnProfile& sum, const ColumnProfile& like) {
  auto* const texts = std::get_if<CategoryProfile>(&sum.values);
  if (texts == nullptr || std::get<CategoryProfile>(like.values).other == 0) return;
  texts->other += std::exchange(texts->unseen, 0);
}

double effect_alone(const ColumnProfile& reference, const ColumnProfile& current, DriftMethod method,
                    double min_effect) {
  if (!is_sum_over_cells(method)) return measure_column(reference, current, method, min_effect).effect;
  const CellRows cells = cells_of(reference, current);
  const double n = total(cells.reference);
  const double m = total(cells.current);
  if (cells.reference.size() < 2 || n == 0 || m == 0) return 0;
  const CellDistance distance(method);
  const double by_chance = static_cast<double>(cells.reference.size() - 1) / (distance.factor() * n / (n + m) * m);
  return distance.effect_of(std::max(0.0, distance.divergence(cells.reference, cells.current) - by_chance));
}

ColumnParts::ColumnParts(const ColumnProfile& like, std::size_t parts) : like_(like) {
  visit_counts(like, [this](std::uint64_t) { ++cells_; });
  counts_.resize(cells_ * parts);
}

void ColumnParts::add(std::size_t part, const ColumnProfile& counts) {
  std::uint64_t* into = counts_.data() + part * cells_;
  visit_counts(counts, [&into](std::uint64_t count) { *into++ += count; });
}

std::vector<double> ColumnParts::effects(std::span<const std::size_t> chosen, std::span<const std::size_t> others,
                                         std::size_t apart, DriftMethod method, double min_effect) const {
  // What is compared with: the sum of all others, less those from `out` to before `in`, which move along.
  Counts sum(cells_);
  for (const std::size_t part : others) plus(sum, row(part));
  std::size_t out = 0;
  std::size_t in = 0;
  ColumnProfile reference = empty_like(like_);
  ColumnProfile current = empty_like(like_);
  std::vector<double> effects;
  std::size_t place = 0;
  for (const std::size_t part : chosen) {
    while (others[place] != part) ++place;
    for (; in < others.size() && in <= place + apart; ++in) minus(sum, row(others[in]));
    for (; out + apart < place; ++out) plus(sum, row(others[out]));
    put(reference, sum.data());
    put(current, row(part));
    make_current(current, reference, like_);
    make_reference(reference, like_);
    effects.push_back(effect_alone(reference, current, method, min_effect));
  }
  return effects;
}

std::vector<double> ColumnParts::steps(std::span<const std::size_t> chosen, DriftMethod method,
                                       double min_effect) const {
  ColumnProfile before = empty_like(like_);
  ColumnProfile after = empty_like(like_);
  std::vector<double> effects;
  const std::size_t stride = 1 + chosen.size() / (kMostSteps + 1);
  for (std::size_t i = 1; i < chosen.size(); i += stride) {
    put(before, row(chosen[i - 1]));
    put(after, row(chosen[i]));
    make_reference(before, like_);
    effects.push_back(effect_alone(before, after, method, min_effect));
  }
  return effects;
}

Dispersion ColumnParts::dispersion(std::span<const std::size_t> others, std::size_t join) const {
  Counts sum(cells_);
  for (const std::size_t part : others) plus(sum, row(part));
  ColumnProfile reference = empty_like(like_);
  ColumnProfile current = empty_like(like_);
  Dispersion total{0, 0};
  double groups = 0;
  for (std::size_t begin = 0; begin + join <= others.size(); begin += join) {
    Counts group(cells_);
    for (std::size_t i = 0; i < join; ++i) plus(group, row(others[begin + i]));
    minus(sum, group.data());
    put(reference, sum.data());
    put(current, group.data());
    make_current(current, reference, like_);
    make_reference(reference, like_);
    plus(sum, group.data());
    const CellRows cells = cells_of(reference, current);
    if (cells.reference.size() < 2) continue;
    const CellComparison comparison = compare_cells(cells.reference, cells.current);
    if (comparison.effective_rows == 0) continue;
    total.ratio += comparison.statistic / comparison.degrees;
    total.degrees += comparison.degrees;
    ++groups;
  }
  if (groups == 0) return {};
  return {total.ratio / groups, total.degrees / groups};
}

}  // namespace retraind::stats
