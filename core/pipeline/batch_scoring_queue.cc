// The registry's half of batch scoring: what a look needs, and what is kept of what it did.

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/pipeline/batch_scoring.h"
#include "core/registry/artifacts.h"
#include "core/registry/versions.h"
#include "core/settings/snapshot.h"

namespace retraind::pipeline {
namespace {

constexpr Duration kLongestPause = std::chrono::minutes(10);

std::optional<std::string> record(store::Transaction& transaction, const runs::ClaimedScoring& scoring,
                                  const runs::ScoringProgress& progress, TimePoint now) {
  if (!runs::record_scoring(transaction, scoring, progress, now)) return std::nullopt;
  return progress.sentence;
}

std::string count_of(std::uint64_t rows) {
  std::string digits = std::to_string(rows);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits + (rows == 1 ? " row was" : " rows were");
}

}  // namespace

std::optional<ScoringPlan> plan_scoring(store::Transaction& transaction, const runs::ClaimedScoring& scoring,
                                        TimePoint now) {
  const auto production = registry::find_production(transaction, scoring.model);
  if (!production) return std::nullopt;
  ScoringPlan plan;
  ScoringJob& job = plan.job;
  job.model = settings::model_from_json(scoring.configuration);
  job.now = now;
  job.version = {.version = production->version,
                 .artifact_file = "version.tar",
                 .artifact_sha256 = production->artifact_sha256,
                 .axis = production->axis,
                 .trained_from = production->trained_from,
                 .trained_to = production->trained_to,
                 .entity = production->entity,
                 .fault = {}};
  job.begins_after = production->trained_to;
  // Where the time column counts in something else by now, what was covered means nothing.
  if (scoring.extent && scoring.extent->axis == production->axis) {
    job.begins_after = scoring.extent->begins_after;
    job.covered_to = scoring.extent->covered_to;
  }
  try {
    plan.artifact = registry::load_artifact(transaction, production->artifact_sha256);
  } catch (const DataError& error) {
    throw DataError(fmt::format("production version {} cannot score: {}", production->version, error.what()),
                    error.hint());
  }
  return plan;
}

std::optional<std::string> conclude_scoring(store::Transaction& transaction, const runs::ClaimedScoring& scoring,
                                            const ScoringJob& job, const ScoringResult& result, TimePoint now) {
  runs::ScoringProgress progress;
  progress.extent =
      runs::ScoringExtent{.axis = job.version.axis, .begins_after = job.begins_after, .covered_to = job.covered_to};
  // A worker is believed only as far as it can be checked: what was covered stays so.
  if (result.covered_to && *result.covered_to >= job.covered_to.value_or(job.begins_after)) {
    progress.extent->covered_to = result.covered_to;
  }
  progress.rows = result.rows;
  if (result.rows > 0) progress.version = job.version.version;
  progress.next_due_at = result.more ? now : now + scoring.every;
  progress.sentence = result.rows > 0
                          ? fmt::format("{} scored by version {}", count_of(result.rows), job.version.version)
                          : fmt::format("no row waited for a score of version {}", job.version.version);
  if (result.more) {
    progress.sentence += "; more wait";
  } else if (progress.extent->covered_to) {
    progress.sentence +=
        fmt::format("; rows up to {} have theirs", format_event_time(job.version.axis, *progress.extent->covered_to));
  }
  return record(transaction, scoring, progress, now);
}

std::optional<std::string> postpone_scoring(store::Transaction& transaction, const runs::ClaimedScoring& scoring,
                                            TimePoint now) {
  runs::ScoringProgress progress;
  progress.sentence = "nothing is in production yet";
  progress.next_due_at = now + scoring.every;
  return record(transaction, scoring, progress, now);
}

std::optional<std::string> record_failed_scoring(store::Transaction& transaction, const runs::ClaimedScoring& scoring,
                                                 const std::string& why, TimePoint now) {
  Duration pause = scoring.every;
  for (int i = 0; i < scoring.failures && pause < kLongestPause; ++i) pause *= 2;
  runs::ScoringProgress progress;
  progress.sentence = why;
  progress.failed = true;
  progress.next_due_at = now + std::max(scoring.every, std::min(pause, kLongestPause));
  return record(transaction, scoring, progress, now);
}

}  // namespace retraind::pipeline
