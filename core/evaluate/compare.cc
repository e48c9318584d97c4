#include "core/evaluate/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "core/evaluate/measure.h"
#include "core/stats/power.h"

namespace retraind::evaluate {
namespace {

constexpr std::array<std::string_view, 2> kOpponents{"production", "baseline"};

// As many rows as a bigint cannot count.
constexpr std::uint64_t kNeverEnough = std::uint64_t{1} << 63;

std::size_t width_of(const Holdout& holdout) {
  return holdout.task == Task::multiclass ? holdout.classes : 1;
}

void check_shapes(const Holdout& holdout, Metric metric) {
  const std::size_t rows = holdout.labels.size();
  const std::size_t width = width_of(holdout);
  const bool slices_fit = std::all_of(holdout.slices.begin(), holdout.slices.end(), [&](const SliceColumn& column) {
    const auto levels = static_cast<std::int32_t>(column.levels.size());
    return column.values.size() == rows && std::all_of(column.values.begin(), column.values.end(),
                                                       [&](auto value) { return value >= -1 && value < levels; });
  });
  if (width == 0 || holdout.candidate.size() != rows * width || holdout.opponent.size() != rows * width ||
      (holdout.anchor && holdout.anchor->size() != rows * width) || holdout.clusters.size() != rows || !slices_fit ||
      (!holdout.weights.empty() && holdout.weights.size() != rows)) {
    throw std::logic_error(fmt::format("the parts of a holdout of {} rows do not fit together", rows));
  }
  if (!applies_to(metric, holdout.task)) {
    throw std::logic_error(
        fmt::format("the metric {} does not apply to the task {}", to_text(metric), to_text(holdout.task)));
  }
  if (std::any_of(holdout.labels.begin(), holdout.labels.end(), [](double y) { return std::isnan(y); })) {
    throw std::logic_error("a holdout row whose label is not known");
  }
  if (!std::all_of(holdout.weights.begin(), holdout.weights.end(),
                   [](double w) { return std::isfinite(w) && w >= 0; })) {
    throw std::logic_error("a holdout row whose weight is negative or not finite");
  }
}

// Rows of no weight are no rows: they count neither as rows nor for a slice, nor for the clusters. Weights that are all
// the same are none. nullopt when nothing changes.
std::optional<Holdout> with_weight(const Holdout& holdout) {
  const std::vector<double>& weights = holdout.weights;
  if (weights.empty()) return std::nullopt;
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0) kept.push_back(i);
  }
  const bool same = std::all_of(kept.begin(), kept.end(), [&](auto i) { return weights[i] == weights[kept.front()]; });
  if (kept.size() == weights.size() && !same) return std::nullopt;
  Holdout out = select(holdout, kept);
  if (same) out.weights.clear();
  for (const SliceColumn& column : holdout.slices) {
    SliceColumn& copy = out.slices.emplace_back(SliceColumn{column.column, column.levels, {}});
    for (const std::size_t row : kept) copy.values.push_back(column.values[row]);
  }
  return out;
}

std::vector<NamedMetric> all_metrics(const Holdout& rows, const std::vector<double>& predictions) {
  std::vector<NamedMetric> out;
  const stats::Scored scored{.task = rows.task,
                             .classes = rows.classes,
                             .labels = rows.labels,
                             .predictions = predictions,
                             .weights = rows.weights,
                             .options = rows.options};
  const bool by_class = rows.task == Task::multiclass;
  for (const stats::MetricValue& value : stats::evaluate_all(scored, rows.threads)) {
    if (by_class && value.metric == Metric::recall) continue;
    out.push_back({.metric = value.metric, .of_class = {}, .value = value.value});
  }
  if (!by_class) return out;
  for (const std::string& name : rows.class_names) {
    const auto value = value_of(rows, predictions, {.metric = Metric::recall, .of_class = name});
    if (value) out.push_back({.metric = Metric::recall, .of_class = name, .value = *value});
  }
  return out;
}

// The share of rows, by weight, that only one of the two gets right.
double disagreement(const Holdout& rows) {
  const auto losses = [&](const std::vector<double>& predictions) {
    return stats::row_losses(Metric::accuracy, {.task = rows.task,
                                                .classes = rows.classes,
                                                .labels = rows.labels,
                                                .predictions = predictions,
                                                .weights = rows.weights,
                                                .options = rows.options});
  };
  const std::vector<double> ours = losses(rows.candidate);
  const std::vector<double> theirs = losses(rows.opponent);
  double apart = 0;
  double all = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double weight = rows.weights.empty() ? 1 : rows.weights[i];
    all += weight;
    if (ours[i] != theirs[i]) apart += weight;
  }
  return apart / all;
}

// The deviation of the differences with the effect of clusters and weights in it, so that deviation / sqrt(rows) is the
// standard error that was measured.
void foresee(Comparison& out, const Holdout& rows, std::optional<double> detect) {
  const stats::Interval& interval = *out.difference;
  // Below this it is rounding that varies, not the rows.
  const bool varies = interval.standard_error > 1e-12 * std::max(std::fabs(interval.estimate), 1e-12);
  if (!varies || !std::isfinite(interval.standard_error) || !(out.confidence > 0.5)) return;
  const double deviation = interval.standard_error * std::sqrt(static_cast<double>(out.rows));
  const double detectable = stats::detectable_difference(out.rows, deviation, 1, out.confidence, stats::kUsualPower);
  if (std::isfinite(detectable)) out.detectable = detectable;
  if (!detect) return;
  if (out.metric == Metric::accuracy) {
    // Two models that differ by so much disagree at least as often.
    const double apart = std::max(disagreement(rows), std::min(*detect, 1.0));
    const double inflation = std::max(1.0, interval.inflation);
    const auto independent = static_cast<double>(
        stats::mcnemar_rows_needed(std::min(*detect, 1.0), apart, out.confidence, stats::kUsualPower));
    const double needed = std::ceil(independent * inflation * inflation);
    out.rows_needed = needed < static_cast<double>(kNeverEnough) ? static_cast<std::uint64_t>(needed) : kNeverEnough;
  } else {
    out.rows_needed = stats::rows_needed(*detect, deviation, 1, out.confidence, stats::kUsualPower);
  }
  // More rows than any database counts: no number of rows shows so little.
  if (*out.rows_needed >= kNeverEnough) out.rows_needed.reset();
}

std::vector<GateFigure> not_measured(const settings::Validation& validation, const std::string& why) {
  std::vector<GateFigure> out;
  for (std::size_t i = 0; i < validation.gates.size(); ++i) {
    GateFigure figure;
    figure.gate = i;
    figure.why_not = why;
    const settings::Gate& gate = validation.gates[i];
    if (gate.slices) {
      if (gate.above || gate.below || gate.max_gain) out.push_back(figure);
      figure.slice = gate.slices->column;
    }
    out.push_back(std::move(figure));
  }
  return out;
}

}  // namespace

std::string_view to_text(Opponent opponent) {
  return kOpponents.at(static_cast<std::size_t>(opponent));
}

std::optional<Opponent> parse_opponent(std::string_view text) {
  for (std::size_t i = 0; i < kOpponents.size(); ++i) {
    if (text == kOpponents[i]) return static_cast<Opponent>(i);
  }
  return std::nullopt;
}

std::string name_of(const NamedMetric& metric) {
  return metric.of_class.empty() ? std::string(to_text(metric.metric))
                                 : fmt::format("{}[{}]", to_text(metric.metric), metric.of_class);
}

Comparison compare(const Holdout& holdout, Opponent opponent, const settings::Validation& validation, double confidence,
                   std::uint64_t seed) {
  check_shapes(holdout, validation.metric);
  if (!(confidence > 0 && confidence < 1)) {
    throw std::logic_error(fmt::format("a confidence of {} is not between 0 and 1", confidence));
  }
  const std::size_t width = width_of(holdout);
  const std::string candidate_fault = why_unsound(holdout.task, width, holdout.candidate, "the candidate");
  const std::string other_fault = why_unsound(holdout.task, width, holdout.opponent,
                                              opponent == Opponent::production ? "production" : "the baseline");
  const std::optional<Holdout> fewer = with_weight(holdout);
  const Holdout& rows = fewer ? *fewer : holdout;

  Comparison out;
  out.opponent = opponent;
  out.metric = validation.metric;
  out.rows = rows.labels.size();
  out.confidence = confidence;
  Ask ask{.metric = validation.metric, .of_class = {}, .confidence = confidence, .seed = seed_for(seed, "difference")};
  if (out.rows > 0 && candidate_fault.empty()) {
    out.candidate_metrics = all_metrics(rows, rows.candidate);
    out.candidate_value = value_of(rows, rows.candidate, ask);
  }
  if (out.rows > 0 && other_fault.empty()) {
    out.opponent_metrics = all_metrics(rows, rows.opponent);
    out.opponent_value = value_of(rows, rows.opponent, ask);
  }

  std::string fault = candidate_fault.empty() ? other_fault : candidate_fault;
  if (fault.empty() && out.rows == 0) {
    fault = holdout.labels.empty() ? "there is no fresh labelled row"
                                   : fmt::format("all {} rows have a weight of 0", holdout.labels.size());
  }
  if (!fault.empty()) {
    out.why_no_interval = fault;
    out.gates = not_measured(validation, fault);
  } else {
    Measure measure = paired_interval(rows, rows.candidate, rows.opponent, ask);
    out.difference = std::move(measure.interval);
    out.why_no_interval = std::move(measure.why_not);
    if (out.difference) foresee(out, rows, validation.detect);
    for (std::size_t i = 0; i < validation.gates.size(); ++i) {
      std::vector<GateFigure> figures = measure_gate(rows, validation.gates[i], i, seed);
      std::move(figures.begin(), figures.end(), std::back_inserter(out.gates));
    }
  }
  if (rows.anchor && out.rows > 0 && candidate_fault.empty() &&
      why_unsound(rows.task, width, *rows.anchor, "the best version so far").empty()) {
    ask.seed = seed_for(seed, "anchor");
    out.anchor_value = value_of(rows, *rows.anchor, ask);
    out.anchor_difference = paired_interval(rows, rows.candidate, *rows.anchor, ask).interval;
  }
  return out;
}

}  // namespace retraind::evaluate
