// The registry's half of a trial: what a look needs, and what follows from what it found.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/base/error.h"
#include "core/evaluate/trial.h"
#include "core/pipeline/bake.h"
#include "core/pipeline/trial.h"
#include "core/pipeline/trial_cut.h"
#include "core/registry/artifacts.h"
#include "core/registry/versions.h"
#include "core/settings/snapshot.h"

namespace retraind::pipeline {
namespace {

using runs::ClaimedTrial;
using runs::TrialCluster;

JobVersion job_version(store::Transaction& transaction, ModelId model, int version, const std::string& file) {
  const auto found = registry::find_version(transaction, model, version);
  if (!found) throw DataError(fmt::format("version {} is not in the registry", version));
  return {.version = version,
          .artifact_file = file,
          .artifact_sha256 = found->artifact_sha256,
          .axis = found->axis,
          .trained_from = found->trained_from,
          .trained_to = found->trained_to,
          .entity = found->entity,
          .fault = {}};
}

std::string load_artifact(store::Transaction& transaction, const JobVersion& version) {
  try {
    return registry::load_artifact(transaction, version.artifact_sha256);
  } catch (const DataError& error) {
    throw DataError(fmt::format("version {} cannot be scored: {}", version.version, error.what()), error.hint());
  }
}

// A worker's clusters must continue those that are counted. Throws DataError where they do not.
void require_continuation(const ClaimedTrial& trial, const std::vector<TrialCluster>& counted,
                          const std::vector<TrialCluster>& found) {
  if (found.empty()) return;
  EventTime after = trial.terms.after;
  if (!counted.empty()) after = std::max(after, counted.back().to);
  if (!(found.front().from > after)) {
    throw DataError(fmt::format("the look counts rows of {}, and those up to {} are no evidence",
                                format_event_time(trial.terms.axis, found.front().from),
                                format_event_time(trial.terms.axis, after)));
  }
  if (!counted.empty() && found.front().index <= counted.back().index) {
    throw DataError(fmt::format("the look counts cluster {}, and cluster {} has been counted before",
                                found.front().index, counted.back().index));
  }
  if (trial.terms.until && found.back().to > *trial.terms.until) {
    throw DataError(fmt::format("the look counts rows of {}, and the window ends at {}",
                                format_event_time(trial.terms.axis, found.back().to),
                                format_event_time(trial.terms.axis, *trial.terms.until)));
  }
}

std::optional<double> finite(double value) {
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

// All that has been counted, judged.
struct Judged {
  evaluate::TrialVerdict verdict;
  runs::TrialProgress progress;
};

Judged judge(const ClaimedTrial& trial, const std::vector<TrialCluster>& clusters, bool over, TimePoint now) {
  Judged out;
  std::vector<stats::PairedCluster> pairs;
  for (const TrialCluster& cluster : clusters) {
    pairs.push_back({.weight = cluster.weight, .difference_sum = cluster.difference_sum});
    out.progress.rows += cluster.rows;
  }
  const runs::NewTrial& terms = trial.terms;
  out.verdict = evaluate::judge_trial({.kind = terms.kind,
                                       .version = terms.version,
                                       .against = terms.against,
                                       .metric = terms.metric,
                                       .bar = terms.bar,
                                       .alpha = terms.alpha},
                                      pairs, out.progress.rows, over);
  out.progress.clusters = clusters.size();
  if (!clusters.empty()) {
    out.progress.difference = out.verdict.difference.estimate;
    out.progress.ci_low = finite(out.verdict.difference.low);
    out.progress.ci_high = finite(out.verdict.difference.high);
    out.progress.counted_to = clusters.back().to;
  }
  out.progress.sentence = out.verdict.reason;
  // Not later than the deadline, so that it ends in time; not at once when that has passed and something still waits.
  out.progress.next_due_at = now + terms.every;
  if (terms.deadline > now) out.progress.next_due_at = std::min(out.progress.next_due_at, terms.deadline);
  return out;
}

void end_run(store::Transaction& transaction, const runs::Executor& executor, const ClaimedTrial& trial, RunState state,
             const std::string& reason, TimePoint now) {
  if (!runs::end_shadowing_run(transaction, executor, trial.terms.run, state, reason, now)) {
    throw std::logic_error(
        fmt::format("run {} of a shadow could not end as {}", number(trial.terms.run), to_text(state)));
  }
}

void promote(store::Transaction& transaction, const runs::Executor& executor, const ClaimedTrial& trial,
             const runs::TrialProgress& progress, TimePoint now) {
  const runs::NewTrial& terms = trial.terms;
  const auto promotion = registry::move_production(transaction,
                                                   {.model = terms.model,
                                                    .version = terms.version,
                                                    .kind = PromotionKind::promotion,
                                                    .expected = terms.against,
                                                    .actor = executor.instance,
                                                    .trigger = "shadow",
                                                    .run = terms.run,
                                                    .reason = progress.sentence},
                                                   now);
  // Whatever moves production ends the model's trials, and this one was still open under the lock.
  if (!promotion) throw std::logic_error("production moved under a shadow that was still open");
  end_run(transaction, executor, trial, RunState::promoted, progress.sentence, now);
  // The rows that made it win would flatter it.
  const EventTime after = std::max(terms.after, progress.counted_to.value_or(terms.after));
  open_bake(transaction, terms.model, settings::model_from_json(trial.configuration), terms.run, terms.version,
            terms.against, terms.axis, after, now);
}

void roll_back(store::Transaction& transaction, const runs::Executor& executor, const ClaimedTrial& trial,
               const std::string& reason, TimePoint now) {
  const runs::NewTrial& terms = trial.terms;
  if (!runs::roll_back_baked(transaction, executor,
                             {.model = terms.model, .from = terms.version, .to = terms.against, .reason = reason},
                             now)) {
    throw std::logic_error("production moved under a bake that was still open");
  }
}

// Ends the trial and does what follows; progress.outcome says how.
void end_trial(store::Transaction& transaction, const runs::Executor& executor, const ClaimedTrial& trial,
               const runs::TrialProgress& progress, TimePoint now) {
  // First, so that the move of production finds this trial ended and not overtaken.
  runs::record_trial(transaction, trial, progress, now);
  switch (progress.outcome.value()) {
    case TrialOutcome::promoted:
      return promote(transaction, executor, trial, progress, now);
    case TrialOutcome::awaiting_approval:
      return;  // the run awaits it already
    case TrialOutcome::rejected:
      return end_run(transaction, executor, trial, RunState::rejected, progress.sentence, now);
    case TrialOutcome::expired:
      return end_run(transaction, executor, trial, RunState::inconclusive, progress.sentence, now);
    case TrialOutcome::rolled_back:
      return roll_back(transaction, executor, trial, progress.sentence, now);
    case TrialOutcome::kept:
    case TrialOutcome::failed:
    case TrialOutcome::overtaken:
    case TrialOutcome::cancelled:
      return;
  }
}

bool needs_a_person(const ClaimedTrial& trial) {
  return settings::model_from_json(trial.configuration).validation.promotion == PromotionMode::manual;
}

TrialConclusion conclusion_of(const runs::TrialProgress& progress) {
  return {.outcome = progress.outcome, .sentence = progress.sentence};
}

}  // namespace

TrialPlan plan_trial(store::Transaction& transaction, const ClaimedTrial& trial, TimePoint now) {
  TrialPlan plan;
  TrialJob& job = plan.job;
  job.model = settings::model_from_json(trial.configuration);
  job.now = now;
  const runs::NewTrial& terms = trial.terms;
  job.version = job_version(transaction, terms.model, terms.version, "version.tar");
  job.against = job_version(transaction, terms.model, terms.against, "against.tar");
  job.metric = terms.metric;
  job.after = terms.after;
  job.until = terms.until;
  const std::vector<TrialCluster> counted = runs::list_trial_clusters(transaction, trial.id);
  if (!counted.empty()) {
    const ClusterSize size = trial_cluster_size(job.model, terms.axis);
    job.after = std::max(job.after, after_counted(counted.back().to, size));
    job.next_index = counted.back().index + 1;
  }
  plan.artifacts.emplace_back(job.version.artifact_file, load_artifact(transaction, job.version));
  plan.artifacts.emplace_back(job.against.artifact_file, load_artifact(transaction, job.against));
  return plan;
}

std::optional<TrialConclusion> conclude_trial(store::Transaction& transaction, const runs::Executor& executor,
                                              const ClaimedTrial& trial, const TrialResult& result, TimePoint now) {
  runs::act_as(transaction, executor, now);
  if (!runs::hold_trial(transaction, trial)) return std::nullopt;
  std::vector<TrialCluster> clusters = runs::list_trial_clusters(transaction, trial.id);
  require_continuation(trial, clusters, result.clusters);
  runs::record_trial_clusters(transaction, trial.id, result.clusters);
  clusters.insert(clusters.end(), result.clusters.begin(), result.clusters.end());

  const runs::NewTrial& terms = trial.terms;
  // Rows at the very time up to which they are complete may still come.
  const bool window_is_over = terms.until && result.seen_to && *result.seen_to > *terms.until;
  Judged judged = judge(trial, clusters, window_is_over || now >= terms.deadline, now);
  runs::TrialProgress& progress = judged.progress;
  progress.outcome = judged.verdict.outcome;
  if (progress.outcome == TrialOutcome::promoted && needs_a_person(trial)) {
    if (runs::end_shadowing_run(transaction, executor, terms.run, RunState::awaiting_approval, progress.sentence,
                                now)) {
      progress.outcome = TrialOutcome::awaiting_approval;
    } else {
      progress.outcome = std::nullopt;
      progress.sentence += "; it waits for another run of the model to end before a person is asked";
    }
  }
  if (progress.outcome) {
    end_trial(transaction, executor, trial, progress, now);
  } else {
    runs::record_trial(transaction, trial, progress, now);
  }
  return conclusion_of(progress);
}

std::optional<TrialConclusion> record_failed_look(store::Transaction& transaction, const runs::Executor& executor,
                                                  const ClaimedTrial& trial, const std::string& why, TimePoint now) {
  runs::act_as(transaction, executor, now);
  if (!runs::hold_trial(transaction, trial)) return std::nullopt;
  const runs::NewTrial& terms = trial.terms;
  Judged judged = judge(trial, runs::list_trial_clusters(transaction, trial.id), false, now);
  runs::TrialProgress& progress = judged.progress;
  progress.sentence = "new rows could not be scored: " + why;
  if (now < terms.deadline) {
    runs::record_trial(transaction, trial, progress, now);
    return conclusion_of(progress);
  }
  progress.outcome = terms.kind == TrialKind::shadow ? TrialOutcome::expired : TrialOutcome::failed;
  progress.sentence = fmt::format("its time was over at {}, and {}", format_instant(terms.deadline), progress.sentence);
  end_trial(transaction, executor, trial, progress, now);
  return conclusion_of(progress);
}

}  // namespace retraind::pipeline
