#include "core/pipeline/conclude.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "core/base/error.h"
#include "core/evaluate/decide.h"
#include "core/pipeline/bake.h"
#include "core/pipeline/finding_json.h"
#include "core/pipeline/fitting.h"
#include "core/pipeline/kept_data.h"
#include "core/pipeline/shadow.h"
#include "core/registry/artifacts.h"
#include "core/registry/blocks.h"
#include "core/registry/expectations.h"
#include "core/registry/versions.h"
#include "core/runs/findings.h"
#include "core/runs/trials.h"
#include "core/runs/verdicts.h"
#include "core/settings/snapshot.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

// How many former versions are at hand when production does not load.
constexpr std::size_t kStandIns = 2;

std::vector<runs::MetricRow> metric_rows(const evaluate::Comparison& comparison) {
  std::vector<runs::MetricRow> out;
  for (const auto& one : comparison.candidate_metrics) out.push_back({"candidate", evaluate::name_of(one), one.value});
  for (const auto& one : comparison.opponent_metrics) {
    out.push_back({std::string(evaluate::to_text(comparison.opponent)), evaluate::name_of(one), one.value});
  }
  return out;
}

std::vector<runs::GateRow> gate_rows(const std::vector<evaluate::GateResult>& gates) {
  std::vector<runs::GateRow> out;
  for (const auto& gate : gates) {
    out.push_back({gate.gate, gate.slice, gate.metric, gate.observed, gate.ci_low, gate.ci_high, gate.threshold,
                   gate.outcome, gate.sentence});
  }
  return out;
}

std::string version_text(const std::optional<int>& version) {
  return version ? fmt::format("version {}", *version) : std::string("no version");
}

runs::JudgedRun judged_run(const Measured& measured, const evaluate::Decision& decision, std::uint64_t reuse) {
  const evaluate::Comparison& comparison = measured.comparison;
  runs::JudgedRun out;
  out.verdict = decision.verdict;
  out.reason = decision.reason;
  out.opponent = evaluate::to_text(comparison.opponent);
  out.judged_against = measured.judged_against;
  out.stand_in = measured.stand_in;
  out.axis = measured.axis;
  out.window_from = measured.window_from;
  out.window_to = measured.window_to;
  out.data_sha256 = measured.data_sha256;
  out.data_rows = measured.data_rows;
  out.train_rows = measured.train_rows;
  out.holdout_rows = comparison.rows;
  out.holdout_from = measured.holdout_from;
  out.holdout_to = measured.holdout_to;
  out.holdout_reuse = reuse;
  out.detectable = comparison.detectable;
  out.rows_needed = comparison.rows_needed;
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

// The transaction that ends one run.
class Conclude {
 public:
  Conclude(store::Transaction& transaction, const runs::Executor& executor, const runs::ClaimedRun& run,
           const Measured& measured, std::string_view artifact, TimePoint now, const Notes& notes)
      : transaction_(transaction),
        executor_(executor),
        run_(run),
        lease_{run.id, run.term},
        measured_(measured),
        artifact_(artifact),
        now_(now),
        notes_(notes),
        model_(settings::model_from_json(run.configuration)) {}

  std::optional<Conclusion> conclude() {
    runs::act_as(transaction_, executor_, now_);
    if (!runs::hold_run(transaction_, run_.model, lease_)) return std::nullopt;
    production_ = registry::find_production(transaction_, run_.model);
    std::optional<registry::VersionRecord> candidate;
    if (run_.candidate) candidate = registry::find_version(transaction_, run_.model, *run_.candidate);
    require_fitting(measured_, model_, run_, candidate);
    if (const std::string outdated = why_outdated(); !outdated.empty()) return judge_again(outdated);
    require_right_opponents(measured_, model_, run_, candidate, production_, find_opponent());

    evaluate::Circumstances circumstances = circumstances_of(measured_);
    circumstances.anchor = anchor_beside(production_, model_.validation);
    if (measured_.holdout_from) {
      circumstances.holdout_reuse =
          registry::count_holdout_reuse(transaction_, run_.model, measured_.judged_against, *measured_.holdout_from);
    }
    decision_ = evaluate::decide(measured_.comparison, measured_.facts, circumstances, model_.validation);
    runs::record_metrics(transaction_, run_.id, metric_rows(measured_.comparison));
    runs::record_gates(transaction_, run_.id, gate_rows(decision_.gates));
    record_notes(transaction_, run_, notes_);
    judged_ = judged_run(measured_, decision_, circumstances.holdout_reuse);
    // Its own is the one of the time when it was made, and never changes.
    if (run_.candidate) judged_.anchor = anchor_after().value_or(*run_.candidate);
    switch (decision_.verdict) {
      case Verdict::reject:
        judged_.state = RunState::rejected;
        break;
      case Verdict::inconclusive:
        judged_.state = RunState::inconclusive;
        let_it_wait();
        break;
      case Verdict::promote:
        promote();
        break;
    }
    // A candidate that was kept from before stays with its run, whatever became of it.
    if (!judged_.version) judged_.version = run_.candidate;
    if (!runs::finish_judged_run(transaction_, lease_, judged_, now_)) {
      throw std::logic_error("the run changed under its lock");
    }
    return Conclusion{.ending = Ending::concluded,
                      .state = judged_.state,
                      .reason = judged_.reason,
                      .version = judged_.version,
                      .replaced = current()};
  }

 private:
  std::optional<int> current() const { return production_ ? std::optional(production_->version) : std::nullopt; }

  // Whom the candidate was scored with; nullopt: the baseline.
  std::optional<registry::VersionRecord> find_opponent() const {
    if (measured_.stand_in) return registry::find_version(transaction_, run_.model, *measured_.stand_in);
    if (measured_.comparison.opponent == evaluate::Opponent::baseline) return std::nullopt;
    return production_;
  }

  // The best version so far, once the candidate is in production; nullopt: the candidate.
  std::optional<int> anchor_after() const {
    if (!production_) return std::nullopt;
    // Under the rule `superior` the best is not scored: to be better than a production that is worse than it says
    // nothing.
    const bool compared = model_.validation.rule == Rule::non_inferior || production_->anchor == production_->version;
    if (decision_.becomes_anchor && compared) return std::nullopt;
    const bool production_is_lost = !measured_.production_fault.empty() && production_->anchor == production_->version;
    if (!production_is_lost && measured_.anchor_fault.empty()) return production_->anchor;
    // Nothing can be held against a version that does not load: the best of whom it was scored with takes its place.
    const auto opponent = find_opponent();
    if (!opponent) return std::nullopt;
    return opponent->anchor == production_->anchor ? opponent->version : opponent->anchor;
  }

  std::string why_outdated() const {
    if (current() != measured_.judged_against) {
      return fmt::format("production changed from {} to {} while the candidate was judged; it is judged again",
                         version_text(measured_.judged_against), version_text(current()));
    }
    const double needed = evaluate::spent_confidence(
        model_.validation, registry::count_judged_against(transaction_, run_.model, measured_.judged_against));
    if (measured_.confidence < needed - 1e-12) {
      return fmt::format(
          "another candidate was judged against {} meanwhile, so that {} confidence are needed, not {}; "
          "it is judged again",
          version_text(current()), needed, measured_.confidence);
    }
    return {};
  }

  std::optional<Conclusion> judge_again(const std::string& reason) {
    if (!runs::hand_back_run(transaction_, executor_, lease_, reason, now_)) return std::nullopt;
    return Conclusion{
        .ending = Ending::judge_again, .state = RunState::queued, .reason = reason, .version = {}, .replaced = {}};
  }

  // The rows it was made from, where they are to be kept.
  std::optional<std::string> keep_data() {
    if (!measured_.kept) return std::nullopt;
    registry::store_artifact_file(transaction_, notes_.folder / kKeptDataFile, measured_.kept->sha256, now_);
    return measured_.kept->sha256;
  }

  // Gives the candidate its number, unless it has one already.
  int release_candidate() {
    if (run_.candidate) return *run_.candidate;
    registry::NewVersion version{.model = run_.model,
                                 .run = run_.id,
                                 .configuration_sha256 = run_.configuration_sha256,
                                 .artifact_sha256 = registry::store_artifact(transaction_, artifact_, now_),
                                 .trainer = measured_.trainer,
                                 .axis = measured_.axis,
                                 .trained_from = measured_.trained_from,
                                 .trained_to = measured_.trained_to,
                                 .train_rows = measured_.train_rows,
                                 .data_sha256 = measured_.data_sha256,
                                 .metric = measured_.comparison.metric,
                                 .value = measured_.comparison.candidate_value.value(),
                                 .lineage = measured_.lineage,
                                 .anchor = anchor_after(),
                                 .entity = measured_.refit ? std::nullopt : held_out_entities(model_.training),
                                 .kept_data_sha256 = keep_data(),
                                 .columns = measured_.reference.columns};
    if (version.artifact_sha256 != measured_.artifact_sha256)
      throw DataError("the candidate's artifact changed on its way");
    const int added = registry::add_version(transaction_, version, now_);
    if (measured_.learned) {
      registry::add_expectation(transaction_, run_.model, data::expectation_key(model_), added, *measured_.learned,
                                model_.data.schema == ExpectedSchema::any, now_);
    }
    using enum registry::BlockStream;
    const Reference& reference = measured_.reference;
    registry::add_reference_blocks(transaction_, run_.model, added, features, reference.features);
    registry::add_reference_blocks(transaction_, run_.model, added, scores, reference.scores);
    registry::add_reference_blocks(transaction_, run_.model, added, losses, reference.losses);
    return added;
  }

  // New rows may settle what these did not. The older of two shadows stays: it has gathered evidence.
  void let_it_wait() {
    const bool wanted = decision_.more_rows_can_settle && production_ && model_.validation.shadow > Duration::zero() &&
                        measured_.comparison.candidate_value && !measured_.refit;
    if (!wanted) return;
    if (production_->artifact_sha256 == measured_.artifact_sha256) {
      judged_.reason += "; it is production's model byte for byte, so that no rows could tell them apart";
      return;
    }
    if (runs::has_open_trial(transaction_, run_.model, TrialKind::shadow)) return;
    judged_.version = release_candidate();
    const auto trial = open_shadow(
        transaction_, run_.model, model_, run_.id, *judged_.version, production_->version, measured_.axis,
        measured_.window_to, registry::count_judged_against(transaction_, run_.model, measured_.judged_against), now_);
    if (!trial) throw std::logic_error("another shadow was opened under the model's lock");
    judged_.state = RunState::shadowing;
    judged_.reason += fmt::format("; version {} waits as a shadow of {} for at most {}", *judged_.version,
                                  version_text(current()), format_duration(model_.validation.shadow));
  }

  void promote() {
    judged_.version = release_candidate();
    if (model_.validation.promotion == PromotionMode::manual || decision_.needs_a_person) {
      judged_.state = RunState::awaiting_approval;
      return;
    }
    const auto promotion = registry::move_production(transaction_,
                                                     {.model = run_.model,
                                                      .version = *judged_.version,
                                                      .kind = PromotionKind::promotion,
                                                      .expected = measured_.judged_against,
                                                      .actor = executor_.instance,
                                                      .trigger = run_.trigger,
                                                      .run = run_.id,
                                                      .reason = decision_.reason},
                                                     now_);
    if (!promotion) throw std::logic_error("production moved under the model's lock");
    judged_.state = RunState::promoted;
    if (production_) {
      open_bake(transaction_, run_.model, model_, run_.id, *judged_.version, production_->version, measured_.axis,
                measured_.window_to, now_);
    }
    const TimePoint done = runs::registry_now(transaction_);
    runs::record_step(transaction_, lease_,
                      {.step = Step::release,
                       .started_at = std::min(now_, done),
                       .finished_at = done,
                       .rows = std::nullopt,
                       .detail = json::serialize(
                           json::object{{"version", *judged_.version},
                                        {"replaced", current() ? json::value(*current()) : json::value(nullptr)},
                                        {"promotion_id", number(*promotion)}})});
  }

  store::Transaction& transaction_;
  const runs::Executor& executor_;
  const runs::ClaimedRun& run_;
  const runs::Lease lease_;
  const Measured& measured_;
  const std::string_view artifact_;
  const TimePoint now_;
  const Notes& notes_;
  const settings::Model model_;
  std::optional<registry::ProductionVersion> production_;
  evaluate::Decision decision_;
  runs::JudgedRun judged_;
};

// A version for the worker, with its bytes beside the job; one that is damaged comes with its fault instead.
JobVersion hand_over(store::Transaction& transaction, const registry::VersionRecord& record, const std::string& file,
                     PreparedJob& prepared) {
  JobVersion out{.version = record.version,
                 .artifact_file = file,
                 .artifact_sha256 = record.artifact_sha256,
                 .axis = record.axis,
                 .trained_from = record.trained_from,
                 .trained_to = record.trained_to,
                 .entity = record.entity,
                 .fault = {}};
  try {
    prepared.artifacts.emplace_back(file, registry::load_artifact(transaction, record.artifact_sha256));
  } catch (const DataError& error) {
    out.fault = error.what();
  }
  return out;
}

}  // namespace

PreparedJob prepare_job(store::Transaction& transaction, const runs::ClaimedRun& run, TimePoint now) {
  PreparedJob prepared;
  Job& job = prepared.job;
  job.run = run.id;
  job.attempt = run.attempt;
  job.model = settings::model_from_json(run.configuration);
  job.now = now;
  std::optional<int> opponent;
  if (const auto production = registry::find_production(transaction, run.model)) {
    opponent = production->version;
    job.production = hand_over(transaction, *production, "production.tar", prepared);
    for (const auto& former : registry::list_former_production(transaction, run.model, kStandIns)) {
      job.stand_ins.push_back(hand_over(transaction, former, fmt::format("stand-in-{}.tar", former.version), prepared));
    }
    if (const auto best = anchor_beside(production, job.model.validation)) {
      const auto anchor = registry::find_version(transaction, run.model, *best);
      if (!anchor) throw std::logic_error("a version's anchor is no version");
      job.anchor = hand_over(transaction, *anchor, "anchor.tar", prepared);
    }
  }
  if (run.candidate) {
    const auto candidate = registry::find_version(transaction, run.model, *run.candidate);
    if (!candidate) throw std::logic_error("a run's candidate is no version");
    job.candidate = hand_over(transaction, *candidate, kArtifactFile, prepared);
    if (!job.candidate->fault.empty()) {
      throw DataError(fmt::format("version {} cannot be judged again: {}", *run.candidate, job.candidate->fault));
    }
  }
  if (job.model.data.schema == ExpectedSchema::learned) {
    job.expectation = registry::find_expectation(transaction, run.model, data::expectation_key(job.model));
  }
  // The number of rows is held against the last window's also where nothing is known of the columns.
  if (!job.expectation && job.model.data.max_row_change) {
    job.expectation = {.columns = {}, .last_rows = registry::last_window_rows(transaction, run.model)};
  }
  job.judged_before = registry::count_judged_against(transaction, run.model, opponent);
  return prepared;
}

std::optional<Conclusion> conclude_run(store::Transaction& transaction, const runs::Executor& executor,
                                       const runs::ClaimedRun& run, const Measured& measured, std::string_view artifact,
                                       TimePoint now, const Notes& notes) {
  return Conclude(transaction, executor, run, measured, artifact, now, notes).conclude();
}

bool record_notes(store::Transaction& transaction, const runs::ClaimedRun& run, const Notes& notes) {
  const runs::Lease lease{run.id, run.term};
  if (!notes.findings.empty() && !runs::record_findings(transaction, lease, notes.findings)) return false;
  if (notes.searched.empty()) return true;
  const Metric metric = settings::model_from_json(run.configuration).validation.metric;
  std::vector<runs::SearchTrialRecord> records;
  for (const SearchTrial& trial : notes.searched) {
    records.push_back({.number = trial.number,
                       .params = plain_json(trial.params),
                       .metric = metric,
                       .value = trial.value,
                       .fault = trial.fault,
                       .train_rows = trial.train_rows,
                       .rows = trial.rows,
                       .seconds = trial.seconds,
                       .chosen = trial.chosen});
  }
  return runs::record_search(transaction, lease, records);
}

}  // namespace retraind::pipeline
