#include "core/stats/drift.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "core/stats/cells.h"

namespace retraind::stats {
namespace {

std::string percent(double share) {
  if (share == 0) return "0 %";
  if (share < 0.0001) return "under 0.01 %";
  if (share < 0.1) return fmt::format("{:.2g} %", share * 100);
  if (share > 0.995 && share < 1) return "over 99 %";
  return fmt::format("{:.0f} %", share * 100);
}

std::string probability(double log_p) {
  if (log_p < -300 * std::numbers::ln10) return "p < 1e-300";
  return fmt::format("p = {:.2g}", std::exp(log_p));
}

std::string sentence(const ColumnDrift& drift, const std::string& move) {
  const std::string evidence = fmt::format("distance {:.2g}, at least {:.2g} matters, {}", drift.effect,
                                           drift.threshold, probability(drift.log_p));
  if (drift.verdict == ColumnVerdict::drifted) return fmt::format("'{}' moved: {}; {}", drift.column, move, evidence);
  return fmt::format("'{}' holds: {}; what moved most: {}", drift.column, evidence, move);
}

struct Measured {
  ColumnDrift drift;
  std::string move;  // what moved most; empty where the sentence is already complete
};

Measured measure(const ColumnProfile& reference, const ColumnProfile& current, const DriftRule& rule) {
  Measured measured;
  ColumnDrift& drift = measured.drift;
  drift.column = reference.column;
  drift.threshold = rule.min_effect;
  const std::uint64_t before = reference.rows();
  const std::uint64_t now = current.rows();
  const std::uint64_t needed = std::max<std::uint64_t>(rule.min_rows, 1);
  if (std::min(before, now) < needed) {
    drift.sentence = fmt::format("'{}' cannot be judged: {} {} rows, and at least {} are needed", drift.column,
                                 now < needed ? now : before, now < needed ? "current" : "reference", needed);
    return measured;
  }

  drift.verdict = ColumnVerdict::ok;
  const std::vector<Cell> cells = pool_small(lay_out(reference, current));
  if (cells.size() < 2) {
    drift.sentence =
        fmt::format("'{}' did not move: all of its values fall into one cell, before and now", drift.column);
    return measured;
  }
  std::vector<double> n;
  std::vector<double> m;
  for (const Cell& cell : cells) {
    n.push_back(cell.reference);
    m.push_back(cell.current);
  }
  const CellComparison comparison = compare_cells(n, m);
  const double nats = comparison.distance * comparison.distance * std::numbers::ln2;
  drift.effect = comparison.corrected_distance;
  drift.statistic = std::min(comparison.statistic, 8 * comparison.effective_rows * nats);
  drift.degrees = comparison.degrees;
  const double tolerated = 8 * comparison.effective_rows * rule.min_effect * rule.min_effect * std::numbers::ln2;
  drift.log_p = log_sf_noncentral_chi_square(drift.statistic, drift.degrees, tolerated);
  drift.p_value = std::exp(drift.log_p);

  const Move move = biggest_move(reference, current, cells);
  measured.move = fmt::format("{} {} (reference {})", percent(move.current), move.what, percent(move.reference));
  return measured;
}

}  // namespace

std::vector<ColumnDrift> compare_profiles(std::span<const ColumnProfile> reference,
                                          std::span<const ColumnProfile> current, const DriftRule& rule,
                                          std::span<const ColumnCalibration>) {
  if (!(rule.min_effect > 0 && rule.min_effect < 1) || !(rule.alpha > 0 && rule.alpha < 1)) {
    throw std::logic_error(
        fmt::format("a drift rule has min_effect {} and alpha {}, not both in (0, 1)", rule.min_effect, rule.alpha));
  }
  if (reference.size() != current.size()) {
    throw std::logic_error(
        fmt::format("{} reference profiles were compared with {} current ones", reference.size(), current.size()));
  }
  std::vector<Measured> measured;
  std::vector<std::size_t> judged;
  std::vector<double> log_p;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    if (reference[i].column != current[i].column || !same_cells(reference[i], current[i])) {
      throw std::logic_error(fmt::format("the profiles of '{}' and '{}' count on different columns, edges or levels",
                                         reference[i].column, current[i].column));
    }
    measured.push_back(measure(reference[i], current[i], rule));
    if (measured.back().drift.verdict == ColumnVerdict::insufficient_data) continue;
    judged.push_back(i);
    log_p.push_back(measured.back().drift.log_p);
  }

  const std::vector<double> adjusted = benjamini_hochberg(log_p);
  for (std::size_t k = 0; k < judged.size(); ++k) {
    if (adjusted[k] <= std::log(rule.alpha)) measured[judged[k]].drift.verdict = ColumnVerdict::drifted;
  }
  std::vector<ColumnDrift> result;
  for (Measured& column : measured) {
    if (!column.move.empty()) column.drift.sentence = sentence(column.drift, column.move);
    result.push_back(std::move(column.drift));
  }
  return result;
}

}  // namespace retraind::stats
