#include "core/evaluate/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

namespace retraind::evaluate {
namespace {

constexpr std::array<std::string_view, 2> kOpponents{"production", "baseline"};

std::size_t width_of(const Holdout& holdout) {
  return holdout.task == Task::multiclass ? holdout.classes : 1;
}

void check_shapes(const Holdout& holdout, Metric metric) {
  const std::size_t rows = holdout.labels.size();
  const std::size_t width = width_of(holdout);
  if (width == 0 || holdout.candidate.size() != rows * width || holdout.opponent.size() != rows * width ||
      holdout.clusters.size() != rows) {
    throw std::logic_error("the parts of a holdout of " + std::to_string(rows) + " rows do not fit together");
  }
  if (!applies_to(metric, holdout.task)) {
    throw std::logic_error("the metric " + std::string(to_text(metric)) + " does not apply to the task " +
                           std::string(to_text(holdout.task)));
  }
  if (std::any_of(holdout.labels.begin(), holdout.labels.end(), [](double y) { return std::isnan(y); })) {
    throw std::logic_error("a holdout row whose label is not known");
  }
}

// A model that answers with something that is no prediction cannot be measured, and must not win by it.
std::string why_unusable(const Holdout& holdout, const std::vector<double>& predictions, std::string_view whose) {
  const bool regression = holdout.task == Task::regression;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const double value = predictions[i];
    if (std::isfinite(value) && (regression || (value >= 0 && value <= 1))) continue;
    return "row " + std::to_string(i / width_of(holdout) + 1) + " of the predictions of " + std::string(whose) +
           " is " + (std::isnan(value) ? "NaN" : std::to_string(value)) +
           (regression ? ", not a finite number" : ", not a probability");
  }
  return {};
}

std::string why_undefined(const Holdout& holdout, Metric metric) {
  std::string why =
      std::string(to_text(metric)) + " is not defined on these " + std::to_string(holdout.labels.size()) + " rows";
  if (metric == Metric::auc) why += ": all labels are of one class";
  if (metric == Metric::r2) why += ": all labels are the same";
  return why;
}

bool in_one_cluster(const Holdout& holdout) {
  return std::all_of(holdout.clusters.begin(), holdout.clusters.end(),
                     [&](std::uint32_t cluster) { return cluster == holdout.clusters.front(); });
}

std::optional<stats::Interval> mean_difference(const stats::Scored& candidate, const stats::Scored& opponent,
                                               const Holdout& holdout, Metric metric, double confidence) {
  std::vector<double> differences = stats::row_losses(metric, opponent);
  const std::vector<double> losses = stats::row_losses(metric, candidate);
  for (std::size_t i = 0; i < losses.size(); ++i) differences[i] -= losses[i];
  return stats::clustered_mean(differences, holdout.clusters, confidence);
}

std::optional<stats::Interval> resampled_difference(const stats::Scored& candidate, const stats::Scored& opponent,
                                                    const Holdout& holdout, Metric metric, double confidence,
                                                    std::uint64_t seed) {
  const stats::WeightedMetric ours(metric, candidate);
  const stats::WeightedMetric theirs(metric, opponent);
  const double sign = higher_is_better(metric) ? 1 : -1;
  auto interval = stats::cluster_bootstrap(holdout.clusters, kBootstrapReplicates, seed, confidence,
                                           [&](std::span<const double> weights) -> std::optional<double> {
                                             const auto a = ours(weights);
                                             const auto b = a ? theirs(weights) : std::nullopt;
                                             return b ? std::optional(sign * (*a - *b)) : std::nullopt;
                                           });
  if (!interval) return interval;
  // Percentiles are too narrow with few clusters, and far out there are no replicates left to take them from.
  const auto clusters = static_cast<double>(interval->clusters);
  const double reach = stats::student_t_quantile(confidence, clusters - 1) * interval->standard_error *
                       std::sqrt(clusters / (clusters - 1));
  interval->low = std::min(interval->low, interval->estimate - reach);
  interval->high = std::max(interval->high, interval->estimate + reach);
  return interval;
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

Comparison compare(const Holdout& holdout, Opponent opponent, Metric metric, double confidence, std::uint64_t seed) {
  check_shapes(holdout, metric);
  Comparison out;
  out.opponent = opponent;
  out.metric = metric;
  out.rows = holdout.labels.size();
  out.confidence = confidence;

  const stats::Scored candidate{holdout.task, holdout.classes, holdout.labels, holdout.candidate};
  const stats::Scored other{holdout.task, holdout.classes, holdout.labels, holdout.opponent};
  const std::string candidate_fault = why_unusable(holdout, holdout.candidate, "the candidate");
  const std::string other_fault =
      why_unusable(holdout, holdout.opponent, opponent == Opponent::production ? "production" : "the baseline");
  const auto measure = [metric](const stats::Scored& scored, std::vector<stats::MetricValue>& all,
                                std::optional<double>& value) {
    all = stats::evaluate_all(scored);
    const auto found = std::find_if(all.begin(), all.end(), [metric](const auto& v) { return v.metric == metric; });
    if (found != all.end()) value = found->value;
  };
  if (candidate_fault.empty()) measure(candidate, out.candidate_metrics, out.candidate_value);
  if (other_fault.empty()) measure(other, out.opponent_metrics, out.opponent_value);

  if (!candidate_fault.empty() || !other_fault.empty()) {
    out.why_no_interval = candidate_fault.empty() ? other_fault : candidate_fault;
  } else if (out.rows == 0) {
    out.why_no_interval = "there is no fresh labelled row";
  } else if (!out.candidate_value || !out.opponent_value) {
    out.why_no_interval = why_undefined(holdout, metric);
  } else if (in_one_cluster(holdout)) {
    out.why_no_interval =
        "all " + std::to_string(out.rows) + " rows stand in one cluster, and an interval needs at least 2 clusters";
  } else {
    out.difference = is_mean_of_row_losses(metric)
                         ? mean_difference(candidate, other, holdout, metric, confidence)
                         : resampled_difference(candidate, other, holdout, metric, confidence, seed);
    if (!out.difference) {
      out.why_no_interval = std::string(to_text(metric)) + " is not defined on more than half of the resampled rows";
    }
  }
  return out;
}

}  // namespace retraind::evaluate
