#pragma once
// What a worker might have measured, for tests of how it travels and of what comes of it.

#include <cmath>
#include <string>

#include "core/base/sha256.h"
#include "core/pipeline/result.h"
#include "core/stats/metric_sums.h"

namespace retraind::pipeline {

inline const std::string kCandidateBytes = "the bytes of a candidate";

// A candidate whose log loss on 400 rows is better than the opponent's 0.6 by at least `low` and at most `high`, judged
// against production version `judged_against` or, without one, against the baseline.
inline Measured make_measured(double low, double high, std::optional<int> judged_against = std::nullopt,
                              double confidence = 0.97) {
  Measured out;
  out.axis = TimeAxis::instant;
  out.window_from = 1.7e15;
  out.window_to = 1.7e15 + 3e12;
  out.data_rows = 2000;
  out.data_sha256 = to_hex(sha256("rows"));
  out.train_rows = 1600;
  out.trained_from = 1.7e15;
  out.trained_to = 1.7e15 + 2e12 + 1;
  out.judged_against = judged_against;
  out.holdout_from = out.trained_to + 1;
  out.holdout_to = out.window_to;
  out.confidence = confidence;
  const double estimate = (low + high) / 2;
  evaluate::Comparison& comparison = out.comparison;
  comparison.opponent = judged_against ? evaluate::Opponent::production : evaluate::Opponent::baseline;
  comparison.metric = Metric::log_loss;
  comparison.rows = 400;
  comparison.candidate_value = 0.6 - estimate;
  comparison.opponent_value = 0.6;
  comparison.candidate_metrics = {{Metric::accuracy, "", 0.8}, {Metric::log_loss, "", 0.6 - estimate}};
  comparison.opponent_metrics = {{Metric::accuracy, "", 0.7}, {Metric::log_loss, "", 0.6}};
  comparison.detectable = 0.025;
  comparison.difference = stats::Interval{.estimate = estimate,
                                          .low = low,
                                          .high = high,
                                          .standard_error = 0.01,
                                          .inflation = 1.25,
                                          .clusters = 30,
                                          .method = "cluster_t"};
  comparison.confidence = confidence;
  out.facts.predictions = {.rows = 400,
                           .invalid = 0,
                           .first_invalid = "",
                           .constant = false,
                           .out_of_range = 0,
                           .label_low = 0,
                           .label_high = 1};
  out.facts.package_compared = 400;
  out.facts.seconds_per_thousand = 0.004;
  out.facts.artifact_bytes = kCandidateBytes.size();
  out.facts.schema_changes = {"adds \"region\""};
  out.artifact_sha256 = to_hex(sha256(kCandidateBytes));
  out.artifact_bytes = kCandidateBytes.size();
  out.trainer = "xgboost 1.7.4";
  const std::vector<double> prices = {1, 2, 2, 3.5, NAN};
  const std::vector<std::string_view> regions = {"nsw", "vic", "nsw", "qld", "ä \"q\""};
  const std::vector<stats::ColumnProfile> features = {stats::profile_numbers("price", prices, {}),
                                                      stats::profile_texts("region", regions, {})};
  const std::vector<stats::ColumnProfile> scores = {stats::profile_numbers(kScoreColumn, prices, {})};
  out.reference.columns = {{features[0], ColumnRole::feature, 0.75},
                           {features[1], ColumnRole::feature, std::nullopt},
                           {scores[0], ColumnRole::score, std::nullopt}};
  const std::vector<double> predictions = {0.2, 0.7, 0.6};
  const std::vector<double> labels = {0, 1, 0};
  const stats::MetricSums losses =
      stats::MetricSums::of({.task = Task::binary, .classes = 2, .labels = labels, .predictions = predictions});
  out.reference.features = {{-3, 5, stats::pack_counts(features)}, {12, 5, stats::pack_counts(features)}};
  out.reference.scores = {{12, 5, stats::pack_counts(scores)}};
  out.reference.losses = {{12, 3, losses.pack()}};
  out.warnings = {"column \"x\" is constant"};
  out.lineage = R"({"seed":1})";
  return out;
}

}  // namespace retraind::pipeline
