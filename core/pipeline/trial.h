#pragma once
// A shadow or a bake: two versions of a model are scored on the same new labelled rows, cluster by cluster, until those
// decide (evaluate/trial.h). A look runs in a worker, since it loads models; what it found becomes rows, and what
// follows from it is done, in one transaction of the daemon.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/pipeline/job.h"
#include "core/pipeline/look.h"
#include "core/runs/trials.h"
#include "core/settings/settings.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::pipeline {

inline constexpr const char* kTrialFile = "trial.json";
inline constexpr const char* kTrialResultFile = "tried.json";

struct TrialJob {
  settings::Model model;
  TimePoint now{};
  JobVersion version;  // on trial
  JobVersion against;
  Metric metric = Metric::log_loss;
  EventTime after = 0;             // rows up to here are left out
  std::optional<EventTime> until;  // and rows later than this
  std::int64_t next_index = 0;     // the number of the next cluster, where clusters are counted and not dated
};

struct TrialResult {
  std::vector<runs::TrialCluster> clusters;  // only those that no row can enter any more, in order of time
  std::optional<EventTime> seen_to;          // how far labelled rows are complete; absent: there is no row
};

// Clusters are those of validation.cluster where it is a duration (days by default) or a number of rows; independent
// rows are taken fifty at a time, and an entity column or a number axis without clusters of its own a hundred. Rows
// count once label_delay and late_labels have passed after them, and a cluster once all of its rows do. Metrics that
// are no mean of row losses are worked out within each cluster, which then weighs as its rows do; a cluster on which
// the metric is undefined for either version is left out. Throws what look() throws.
TrialResult run_trial(const TrialJob& job, const settings::Source& source, const std::filesystem::path& folder);

using TrialLook = std::variant<TrialResult, LookFailure>;
std::string to_json(const TrialJob& job);
TrialJob trial_job_from_json(std::string_view json);  // throws DataError
std::string to_json(const TrialLook& look);
TrialLook trial_look_from_json(std::string_view json);  // throws DataError, also for clusters that make no sense

// What the worker needs, with both versions' bytes for its folder. Throws DataError when an artifact is damaged.
struct TrialPlan {
  TrialJob job;
  std::vector<std::pair<std::string, std::string>> artifacts;  // file name, bytes
};
TrialPlan plan_trial(store::Transaction& transaction, const runs::ClaimedTrial& trial, TimePoint now);

// Records the clusters, judges, and does what follows: a shadow that won is promoted (or awaits approval), one that
// lost or whose time is over ends its run; a bake that did harm rolls production back and quarantines it. Locks the
// model's row first. std::nullopt, and nothing written, when the lease was lost or the trial was overtaken.
struct TrialConclusion {
  std::optional<TrialOutcome> outcome;  // absent: it goes on
  std::string sentence;
};
std::optional<TrialConclusion> conclude_trial(store::Transaction& transaction, const runs::Executor& executor,
                                              const runs::ClaimedTrial& trial, const TrialResult& result,
                                              TimePoint now);

// A look that could not be made. The trial goes on later; when its deadline has passed meanwhile, it ends: a shadow as
// expired, a bake as failed, saying what could not be read.
std::optional<TrialConclusion> record_failed_look(store::Transaction& transaction, const runs::Executor& executor,
                                                  const runs::ClaimedTrial& trial, const std::string& why,
                                                  TimePoint now);

}  // namespace retraind::pipeline
