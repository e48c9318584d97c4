#include "core/stats/drift.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "core/stats/cells.h"
#include "core/stats/measure.h"
#include "core/stats/sentence.h"

namespace retraind::stats {
namespace {

void check(const DriftRule& rule) {
  const bool bounded = rule.method != DriftMethod::wasserstein;
  if (!(rule.min_effect > 0) || !std::isfinite(rule.min_effect) || (bounded && rule.min_effect >= 1)) {
    throw std::logic_error(
        fmt::format("a drift rule has min_effect {}, not in (0, {})", rule.min_effect, bounded ? "1" : "infinity"));
  }
  if (!(rule.alpha > 0 && rule.alpha < 1)) {
    throw std::logic_error(fmt::format("a drift rule has alpha {}, not in (0, 1)", rule.alpha));
  }
}

ColumnDrift measured_drift(const ColumnProfile& reference, const ColumnProfile& current, const DriftRule& rule,
                           const ColumnCalibration& calibration) {
  const ColumnMeasure measure = measure_column(reference, current, rule.method, rule.min_effect, calibration.inflation);
  ColumnDrift drift;
  drift.column = reference.column;
  drift.method = rule.method;
  drift.threshold = std::max(rule.min_effect, calibration.threshold);
  drift.calibration = calibration.kind;
  drift.effect = measure.effect;
  drift.effect_low = measure.effect_low;
  drift.effect_high = measure.effect_high;
  drift.statistic = measure.statistic;
  drift.degrees = measure.degrees;
  drift.log_p = measure.log_p;
  drift.p_value = std::exp(measure.log_p);
  return drift;
}

// What a column is without a test, if none is to be made of it.
std::optional<ColumnDrift> untested(const ColumnProfile& reference, const ColumnProfile& current, const DriftRule& rule,
                                    const ColumnCalibration& calibration) {
  ColumnDrift drift;
  drift.column = reference.column;
  drift.method = rule.method;
  drift.threshold = std::max(rule.min_effect, calibration.threshold);
  drift.calibration = calibration.kind;
  if (!applies_to(rule.method, reference)) {
    drift.verdict = ColumnVerdict::ok;
    drift.sentence = sentence_of_no_use(drift);
    return drift;
  }
  const std::uint64_t needed = std::max<std::uint64_t>(rule.min_rows, 1);
  if (std::min(usable_rows(rule.method, reference), usable_rows(rule.method, current)) < needed) {
    drift.sentence = sentence_of_too_few(drift, reference, current, needed);
    return drift;
  }
  return std::nullopt;
}

}  // namespace

std::vector<ColumnDrift> compare_profiles(std::span<const ColumnProfile> reference,
                                          std::span<const ColumnProfile> current, const DriftRule& rule,
                                          std::span<const ColumnCalibration> calibration) {
  check(rule);
  if (reference.size() != current.size()) {
    throw std::logic_error(
        fmt::format("{} reference profiles were compared with {} current ones", reference.size(), current.size()));
  }
  if (!calibration.empty() && calibration.size() != reference.size()) {
    throw std::logic_error(
        fmt::format("{} columns were compared with the calibration of {}", reference.size(), calibration.size()));
  }
  const auto calibration_of = [&](std::size_t i) { return calibration.empty() ? ColumnCalibration{} : calibration[i]; };
  std::vector<ColumnDrift> drifts;
  std::vector<std::size_t> judged;
  std::vector<double> log_p;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    if (reference[i].column != current[i].column || !same_cells(reference[i], current[i])) {
      throw std::logic_error(fmt::format("the profiles of '{}' and '{}' count on different columns, edges or levels",
                                         reference[i].column, current[i].column));
    }
    if (std::optional<ColumnDrift> drift = untested(reference[i], current[i], rule, calibration_of(i))) {
      drifts.push_back(*std::move(drift));
      continue;
    }
    drifts.push_back(measured_drift(reference[i], current[i], rule, calibration_of(i)));
    judged.push_back(i);
    log_p.push_back(drifts.back().log_p);
  }

  const std::vector<double> adjusted = benjamini_hochberg(log_p);
  for (std::size_t k = 0; k < judged.size(); ++k) {
    const std::size_t i = judged[k];
    ColumnDrift& drift = drifts[i];
    const bool certain = adjusted[k] <= std::log(rule.alpha);
    drift.verdict = certain && drift.effect > drift.threshold ? ColumnVerdict::drifted : ColumnVerdict::ok;
    drift.sentence = lay_out(reference[i], current[i]).size() < 2
                         ? sentence_of_one_cell(drift)
                         : sentence_of(drift, calibration_of(i), reference[i], current[i]);
  }
  return drifts;
}

}  // namespace retraind::stats
