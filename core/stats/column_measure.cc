#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/stats/distances.h"
#include "core/stats/measure.h"
#include "core/stats/monte_carlo.h"
#include "core/stats/noncentral.h"
#include "core/stats/proportion.h"

namespace retraind::stats {
namespace {

// Up to so many rows on the smaller side, cells that expect next to nothing are worth dealing tables for, where they
// are what decides.
constexpr std::uint64_t kRowsWorthDealing = 500;

std::uint64_t finite_numbers(const NumericProfile& profile) {
  std::uint64_t rows = 0;
  for (const std::uint64_t count : profile.counts) rows += count;
  return rows;
}

// Whether the limiting distribution can be relied upon for these cells. Those that expect few rows have added too much
// if they make up most of both statistics, of which the lesser is tested.
bool too_few_rows(const std::vector<Cell>& cells, const CellDistance& distance, double n, double m, double statistic,
                  double divergence) {
  const double fewer = std::min(n, m);
  if (fewer < static_cast<double>(kFewRows)) return true;
  if (fewer > static_cast<double>(kRowsWorthDealing)) return false;
  double squares = 0;
  double part = 0;
  for (const Cell& cell : cells) {
    if (!expects_few(cell, n, m)) continue;
    const double difference = cell.reference / n - cell.current / m;
    squares += n * m * difference * difference / (cell.reference + cell.current);
    part += distance.term(cell.reference, n, cell.current, m);
  }
  return squares > statistic / 2 && part > divergence / 2;
}

// The statistic of a dealt table is a sum over the cells of something that depends on one count only; all that it can
// be is worked out beforehand.
double dealt_log_p(const std::vector<Cell>& cells, const CellDistance& distance, double n, double m, double observed) {
  const bool current_is_smaller = m <= n;
  const auto dealt = static_cast<std::uint64_t>(std::min(n, m));
  const double ne = n / (n + m) * m;
  struct Terms {
    double square;
    double divergence;
  };
  std::vector<std::vector<Terms>> terms(cells.size());
  std::vector<std::uint64_t> totals;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const double total = cells[i].reference + cells[i].current;
    totals.push_back(static_cast<std::uint64_t>(total));
    for (std::uint64_t count = 0; count <= std::min(totals.back(), dealt); ++count) {
      const auto some = static_cast<double>(count);
      const double reference = current_is_smaller ? total - some : some;
      const double current = total - reference;
      // A side holds no more than its rows; a table that would need more is never dealt.
      const double difference = reference / n - current / m;
      terms[i].push_back({ne * difference * difference / total * (n + m),
                          distance.factor() * ne * distance.term(reference, n, current, m)});
    }
  }
  return monte_carlo_log_p(totals, dealt, observed, [&](std::span<const std::uint32_t> counts) {
    double squares = 0;
    double divergence = 0;
    const std::vector<Terms>* cell = terms.data();
    for (const std::uint32_t count : counts) {
      const Terms& term = (*cell++)[count];
      squares += term.square;
      divergence += term.divergence;
    }
    return std::min(squares, divergence);
  });
}

// What noncentral chi-square says of the stability index, made less sure where its standard error is larger than that.
void widen_psi(ColumnMeasure& measure, double observed, double min_effect, double error) {
  constexpr double kStandardErrors = 1.959963984540054;
  measure.effect_low = std::min(measure.effect_low, std::max(0.0, measure.effect - kStandardErrors * error));
  measure.effect_high = std::max(measure.effect_high, measure.effect + kStandardErrors * error);
  if (error > 0 && observed > min_effect) {
    measure.log_p = std::max(measure.log_p, log_sf_normal((observed - min_effect) / error));
  }
}

}  // namespace

bool applies_to(DriftMethod method, const ColumnProfile& profile) {
  const bool numbers = std::holds_alternative<NumericProfile>(profile.values);
  switch (method) {
    case DriftMethod::ks:
    case DriftMethod::wasserstein:
    case DriftMethod::out_of_range:
      return numbers;
    case DriftMethod::unseen:
      return !numbers;
    case DriftMethod::jensen_shannon:
    case DriftMethod::chi_square:
    case DriftMethod::psi:
    case DriftMethod::hellinger:
    case DriftMethod::null_rate:
      break;
  }
  return true;
}

std::uint64_t usable_rows(DriftMethod method, const ColumnProfile& profile) {
  if (!applies_to(method, profile)) return 0;
  switch (method) {
    case DriftMethod::ks:
    case DriftMethod::wasserstein:
      return finite_numbers(std::get<NumericProfile>(profile.values));
    case DriftMethod::out_of_range: {
      const auto& numbers = std::get<NumericProfile>(profile.values);
      return finite_numbers(numbers) + numbers.positive_infinities + numbers.negative_infinities;
    }
    case DriftMethod::unseen:
      return profile.rows() - std::get<CategoryProfile>(profile.values).nulls;
    default:
      return profile.rows();
  }
}

MarkedPair marked_rows(DriftMethod method, const ColumnProfile& reference, const ColumnProfile& current) {
  MarkedPair marked;
  marked.reference.rows = usable_rows(method, reference);
  marked.current.rows = usable_rows(method, current);
  const auto* const before = std::get_if<NumericProfile>(&reference.values);
  if (method == DriftMethod::null_rate) {
    const auto missing = [](const ColumnProfile& profile) {
      const auto* const numbers = std::get_if<NumericProfile>(&profile.values);
      return numbers ? numbers->nulls + numbers->nans : std::get<CategoryProfile>(profile.values).nulls;
    };
    marked.reference.hits = missing(reference);
    marked.current.hits = missing(current);
  } else if (method == DriftMethod::unseen) {
    for (const Cell& cell : lay_out(reference, current)) {
      if (cell.kind != CellKind::outside) continue;
      marked.reference.hits = static_cast<std::uint64_t>(cell.reference);
      marked.current.hits = static_cast<std::uint64_t>(cell.current);
    }
  } else if (before) {
    const std::size_t over = before->edges->overflow_cell();
    const auto outside = [&](const NumericProfile& profile) {
      return profile.counts[0] + profile.counts[over] + profile.positive_infinities + profile.negative_infinities;
    };
    const std::uint64_t extremes = before->edges->edges.empty() ? 0 : 2;
    marked.reference.hits = std::min(outside(*before) + extremes, marked.reference.rows);
    marked.current.hits = outside(std::get<NumericProfile>(current.values));
  }
  return marked;
}

ColumnMeasure measure_cells(const ColumnProfile& reference, const ColumnProfile& current, DriftMethod method,
                            double min_effect, double inflation) {
  const std::vector<Cell> cells = pool_small(lay_out(reference, current));
  ColumnMeasure measure;
  if (cells.size() < 2) return measure;
  std::vector<double> before;
  std::vector<double> now;
  for (const Cell& cell : cells) {
    before.push_back(cell.reference);
    now.push_back(cell.current);
  }
  const CellComparison comparison = compare_cells(before, now);
  if (comparison.effective_rows == 0) return measure;
  const CellDistance distance(method);
  const double divergence = distance.divergence(before, now);
  // What a divergence is multiplied by to be chi-square.
  const double scale = distance.factor() * comparison.effective_rows / inflation;
  const double evidence = std::min(comparison.statistic / inflation, scale * divergence);

  measure.degrees = comparison.degrees;
  measure.statistic = evidence;
  measure.effect = distance.effect_of(std::max(0.0, divergence - measure.degrees / scale));
  const Noncentralities interval = noncentrality_interval(evidence, scale * divergence, measure.degrees);
  measure.effect_low = std::min(measure.effect, distance.effect_of(interval.low / scale));
  measure.effect_high = std::max(measure.effect, distance.effect_of(interval.high / scale));
  measure.log_p = log_sf_noncentral_chi_square(evidence, measure.degrees, scale * distance.divergence_of(min_effect));
  if (method == DriftMethod::psi)
    widen_psi(measure, divergence, min_effect, std::sqrt(inflation) * standard_error_of_psi(before, now));

  const auto n = static_cast<double>(reference.rows());
  const auto m = static_cast<double>(current.rows());
  if (measure.log_p < kLogNotWorthATable && too_few_rows(cells, distance, n, m, comparison.statistic, divergence)) {
    measure.log_p = std::max(measure.log_p, dealt_log_p(cells, distance, n, m, evidence * inflation));
  }
  return measure;
}

ColumnMeasure measure_column(const ColumnProfile& reference, const ColumnProfile& current, DriftMethod method,
                             double min_effect, double inflation) {
  if (reference.column != current.column || !same_cells(reference, current)) {
    throw std::logic_error(fmt::format("the profiles of '{}' and '{}' count on different columns, edges or levels",
                                       reference.column, current.column));
  }
  if (!(min_effect > 0) || !std::isfinite(min_effect) || !(inflation >= 1) || !std::isfinite(inflation)) {
    throw std::logic_error(
        fmt::format("a column was measured with min_effect {} and inflation {}", min_effect, inflation));
  }
  if (usable_rows(method, reference) == 0 || usable_rows(method, current) == 0) return {};
  switch (method) {
    case DriftMethod::ks:
      return measure_ks(std::get<NumericProfile>(reference.values), std::get<NumericProfile>(current.values),
                        min_effect, inflation);
    case DriftMethod::wasserstein:
      return measure_wasserstein(std::get<NumericProfile>(reference.values), std::get<NumericProfile>(current.values),
                                 min_effect, inflation);
    case DriftMethod::null_rate:
    case DriftMethod::unseen:
    case DriftMethod::out_of_range:
      return measure_shares(marked_rows(method, reference, current), method, min_effect, inflation);
    default:
      return measure_cells(reference, current, method, min_effect, inflation);
  }
}

}  // namespace retraind::stats
