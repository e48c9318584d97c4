#include "core/pipeline/conclude.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/evaluate/decide.h"
#include "core/registry/artifacts.h"
#include "core/registry/blocks.h"
#include "core/registry/versions.h"
#include "core/runs/verdicts.h"
#include "core/settings/snapshot.h"

namespace retraind::pipeline {
namespace {

std::vector<runs::MetricRow> metric_rows(const evaluate::Comparison& comparison) {
  std::vector<runs::MetricRow> out;
  for (const auto& one : comparison.candidate_metrics) out.push_back({"candidate", one.metric, one.value});
  for (const auto& one : comparison.opponent_metrics) {
    out.push_back({std::string(evaluate::to_text(comparison.opponent)), one.metric, one.value});
  }
  return out;
}

std::vector<runs::GateRow> gate_rows(const std::vector<evaluate::GateResult>& gates) {
  std::vector<runs::GateRow> out;
  for (const auto& gate : gates) {
    out.push_back({gate.gate, gate.slice, gate.metric, gate.observed, gate.ci_low, gate.ci_high, gate.threshold,
                   gate.passed, gate.sentence});
  }
  return out;
}

std::string version_text(const std::optional<int>& version) {
  return version ? fmt::format("version {}", *version) : std::string("no version");
}

runs::JudgedRun judged_run(const Measured& measured, const evaluate::Decision& decision) {
  const evaluate::Comparison& comparison = measured.comparison;
  runs::JudgedRun out;
  out.verdict = decision.verdict;
  out.reason = decision.reason;
  out.opponent = evaluate::to_text(comparison.opponent);
  out.judged_against = measured.judged_against;
  out.axis = measured.axis;
  out.window_from = measured.window_from;
  out.window_to = measured.window_to;
  out.data_sha256 = measured.data_sha256;
  out.data_rows = measured.data_rows;
  out.train_rows = measured.train_rows;
  out.holdout_rows = comparison.rows;
  out.metric = comparison.metric;
  out.candidate_value = comparison.candidate_value;
  out.opponent_value = comparison.opponent_value;
  out.confidence = measured.confidence;
  if (comparison.difference) {
    out.difference = comparison.difference->estimate;
    out.ci_low = comparison.difference->low;
    out.ci_high = comparison.difference->high;
    out.clusters = comparison.difference->clusters;
    out.inflation = comparison.difference->inflation;
  }
  return out;
}

}  // namespace

PreparedJob prepare_job(store::Transaction& transaction, const runs::ClaimedRun& run, TimePoint now) {
  PreparedJob prepared;
  prepared.job.run = run.id;
  prepared.job.attempt = run.attempt;
  prepared.job.model = settings::model_from_json(run.configuration);
  prepared.job.now = now;
  std::optional<int> opponent;
  if (const auto production = registry::find_production(transaction, run.model)) {
    prepared.production_artifact = registry::load_artifact(transaction, production->artifact_sha256);
    prepared.job.production = ProductionModel{.version = production->version,
                                              .artifact_file = "production.tar",
                                              .artifact_sha256 = production->artifact_sha256,
                                              .axis = production->axis,
                                              .trained_to = production->trained_to};
    opponent = production->version;
  }
  prepared.job.judged_before = registry::count_judged_against(transaction, run.model, opponent);
  return prepared;
}

std::optional<Conclusion> conclude_run(store::Transaction& transaction, const runs::Executor& executor,
                                       const runs::ClaimedRun& run, const Measured& measured, std::string_view artifact,
                                       TimePoint now) {
  const runs::Lease lease{run.id, run.term};
  runs::act_as(transaction, executor, now);
  if (!runs::hold_run(transaction, run.model, lease)) return std::nullopt;

  const auto production = registry::find_production(transaction, run.model);
  const std::optional<int> current = production ? std::optional(production->version) : std::nullopt;
  if (current != measured.judged_against) {
    const std::string reason =
        fmt::format("production changed from {} to {} while the candidate was judged; it is judged again",
                    version_text(measured.judged_against), version_text(current));
    if (!runs::hand_back_run(transaction, executor, lease, reason, now)) return std::nullopt;
    return Conclusion{
        .ending = Ending::judge_again, .state = RunState::queued, .reason = reason, .version = {}, .replaced = {}};
  }

  const settings::Model model = settings::model_from_json(run.configuration);
  if (measured.comparison.metric != model.validation.metric) {
    throw DataError(fmt::format("the worker measured {}, but the run is decided by {}",
                                to_text(measured.comparison.metric), to_text(model.validation.metric)));
  }
  const evaluate::Decision decision = evaluate::decide(measured.comparison, model.validation);
  runs::record_metrics(transaction, run.id, metric_rows(measured.comparison));
  runs::record_gates(transaction, run.id, gate_rows(decision.gates));

  runs::JudgedRun judged = judged_run(measured, decision);
  Conclusion conclusion{
      .ending = Ending::concluded, .state = {}, .reason = decision.reason, .version = {}, .replaced = current};
  switch (decision.verdict) {
    case Verdict::reject:
      judged.state = RunState::rejected;
      break;
    case Verdict::inconclusive:
      judged.state = RunState::inconclusive;
      break;
    case Verdict::promote: {
      registry::NewVersion version{.model = run.model,
                                   .run = run.id,
                                   .configuration_sha256 = run.configuration_sha256,
                                   .artifact_sha256 = registry::store_artifact(transaction, artifact, now),
                                   .trainer = measured.trainer,
                                   .axis = measured.axis,
                                   .trained_from = measured.trained_from,
                                   .trained_to = measured.trained_to,
                                   .train_rows = measured.train_rows,
                                   .data_sha256 = measured.data_sha256,
                                   .metric = measured.comparison.metric,
                                   .value = measured.comparison.candidate_value.value(),
                                   .lineage = measured.lineage,
                                   .columns = measured.reference.columns};
      if (version.artifact_sha256 != measured.artifact_sha256)
        throw DataError("the candidate's artifact changed on its way");
      judged.version = conclusion.version = registry::add_version(transaction, version, now);
      using enum registry::BlockStream;
      const Reference& reference = measured.reference;
      registry::add_reference_blocks(transaction, run.model, *judged.version, features, reference.features);
      registry::add_reference_blocks(transaction, run.model, *judged.version, scores, reference.scores);
      registry::add_reference_blocks(transaction, run.model, *judged.version, losses, reference.losses);
      if (model.validation.promotion == PromotionMode::manual) {
        judged.state = RunState::awaiting_approval;
        break;
      }
      const auto promotion = registry::move_production(transaction,
                                                       {.model = run.model,
                                                        .version = *conclusion.version,
                                                        .kind = PromotionKind::promotion,
                                                        .expected = measured.judged_against,
                                                        .actor = executor.instance,
                                                        .trigger = run.trigger,
                                                        .run = run.id,
                                                        .reason = decision.reason},
                                                       now);
      if (!promotion) throw std::logic_error("production moved under the model's lock");
      judged.state = RunState::promoted;
      break;
    }
  }
  if (!runs::finish_judged_run(transaction, lease, judged, now)) {
    throw std::logic_error("the run changed under its lock");
  }
  conclusion.state = judged.state;
  return conclusion;
}

}  // namespace retraind::pipeline
