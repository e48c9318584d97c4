#include "core/stats/sentence.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "core/stats/measure.h"

namespace retraind::stats {
namespace {

std::string probability(double log_p) {
  if (log_p < -300 * std::numbers::ln10) return "p < 1e-300";
  return fmt::format("p = {:.2g}", std::exp(log_p));
}

bool is_share(DriftMethod method) {
  return method == DriftMethod::null_rate || method == DriftMethod::unseen || method == DriftMethod::out_of_range;
}

std::string_view name_of(DriftMethod method) {
  switch (method) {
    case DriftMethod::jensen_shannon:
      return "Jensen-Shannon distance";
    case DriftMethod::chi_square:
      return "Cramer's V";
    case DriftMethod::ks:
      return "Kolmogorov-Smirnov distance";
    case DriftMethod::psi:
      return "population stability index";
    case DriftMethod::wasserstein:
      return "Wasserstein distance in spreads of the reference";
    case DriftMethod::hellinger:
      return "Hellinger distance";
    case DriftMethod::null_rate:
      return "share of missing values moved by";
    case DriftMethod::unseen:
      return "share of unseen values rose by";
    case DriftMethod::out_of_range:
      return "share out of range rose by";
  }
  return "distance";
}

std::string amount(DriftMethod method, double effect) {
  return is_share(method) ? percent(effect) : fmt::format("{:.2g}", effect);
}

std::string trust(const ColumnCalibration& calibration) {
  switch (calibration.kind) {
    case Calibration::blocks:
      return fmt::format("calibrated on {} windows of the reference", calibration.windows);
    case Calibration::design_effect:
      if (calibration.inflation < 1.05) return "rows of the reference did not depend on one another (design_effect)";
      return fmt::format("rows counted as 1/{:.2g} for resembling their neighbours (design_effect)",
                         calibration.inflation);
    case Calibration::uncalibrated:
      break;
  }
  if (calibration.windows > 0) {
    return fmt::format("uncalibrated: {} windows of the reference are too few for this level", calibration.windows);
  }
  return "uncalibrated: rows are taken to be independent";
}

// What the method looks at moved most: a share, and of what.
Move move_of(DriftMethod method, const ColumnProfile& reference, const ColumnProfile& current) {
  if (!is_share(method)) return biggest_move(reference, current, pool_small(lay_out(reference, current)));
  const MarkedPair marked = marked_rows(method, reference, current);
  Move move{"", marked.reference.share(), marked.current.share()};
  if (method == DriftMethod::null_rate) {
    move.what =
        std::holds_alternative<NumericProfile>(reference.values) ? "of values are null or NaN" : "of values are null";
  } else if (method == DriftMethod::unseen) {
    move.what = std::get<CategoryProfile>(reference.values).other > 0 ? "of values are not among the frequent ones"
                                                                      : "of values are new";
  } else {
    const NumericEdges& edges = *std::get<NumericProfile>(reference.values).edges;
    move.what = edges.edges.empty() ? std::string("of values are none of the reference's numbers")
                                    : fmt::format("of values lie outside the reference's {} to {}",
                                                  readable(edges.minimum), readable(edges.edges.back()));
  }
  return move;
}

}  // namespace

std::string sentence_of(const ColumnDrift& drift, const ColumnCalibration& calibration, const ColumnProfile& reference,
                        const ColumnProfile& current) {
  const Move move = move_of(drift.method, reference, current);
  const std::string moved =
      fmt::format("{} {} (reference {})", percent(move.current), move.what, percent(move.reference));
  const std::string evidence = fmt::format(
      "{} {} ({} to {}), more than {} matters, {}; {}", name_of(drift.method), amount(drift.method, drift.effect),
      amount(drift.method, drift.effect_low), amount(drift.method, drift.effect_high),
      amount(drift.method, drift.threshold), probability(drift.log_p), trust(calibration));
  if (drift.verdict == ColumnVerdict::drifted) return fmt::format("'{}' moved: {}; {}", drift.column, moved, evidence);
  return fmt::format("'{}' holds: {}; what moved most: {}", drift.column, evidence, moved);
}

std::string sentence_of_too_few(const ColumnDrift& drift, const ColumnProfile& reference, const ColumnProfile& current,
                                std::uint64_t needed) {
  const std::uint64_t before = usable_rows(drift.method, reference);
  const std::uint64_t now = usable_rows(drift.method, current);
  const bool is_current = now < needed;
  const std::uint64_t rows = is_current ? current.rows() : reference.rows();
  const std::uint64_t usable = is_current ? now : before;
  const std::string_view side = is_current ? "current" : "reference";
  if (usable == rows) {
    return fmt::format("'{}' cannot be judged: {} {} rows, and at least {} are needed", drift.column, rows, side,
                       needed);
  }
  return fmt::format(
      "'{}' cannot be judged by {}: {} of {} {} rows hold a value, and at least {} must; null_rate and jensen_shannon "
      "look at the others",
      drift.column, to_text(drift.method), usable, rows, side, needed);
}

std::string sentence_of_no_use(const ColumnDrift& drift) {
  return fmt::format("'{}' is not judged: {} is for {}", drift.column, to_text(drift.method),
                     drift.method == DriftMethod::unseen ? "texts" : "numbers");
}

std::string sentence_of_one_cell(const ColumnDrift& drift) {
  return fmt::format("'{}' did not move: all of its values fall into one cell, before and now", drift.column);
}

}  // namespace retraind::stats
