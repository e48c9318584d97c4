#pragma once
// Batch scoring: what production says of rows as they come, written to a table of the source (docs/scoring.md). A look
// runs in a worker, since it loads a model; it reads the rows that have no score yet and writes theirs, in one
// transaction a batch. What it says afterwards becomes the model's row in the queue (runs/scorings.h). Scoring decides
// nothing: it never touches production, runs or verdicts.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/base/time.h"
#include "core/pipeline/job.h"
#include "core/pipeline/look.h"
#include "core/runs/scorings.h"
#include "core/settings/settings.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::pipeline {

inline constexpr const char* kScoringFile = "score.json";
inline constexpr const char* kScoringResultFile = "scored.json";

struct ScoringJob {
  settings::Model model;
  TimePoint now{};
  JobVersion version;                   // in production
  EventTime begins_after = 0;           // rows up to here are never scored
  std::optional<EventTime> covered_to;  // rows up to here have been scored, but for those that come late
};

struct ScoringResult {
  std::uint64_t rows = 0;               // scores written
  bool more = false;                    // more rows waited than one look takes
  std::optional<EventTime> covered_to;  // not before the job's; never later than the job's now
};

// Scores the rows of the model's query (or scoring.query) that are later than begins_after and have no score of the
// model in the table, the oldest first, at most a hundred batches and a million rows, or one batch. Of the rows up to
// covered_to only those of the last scoring.late_rows are looked at again; where the time column is a number, the last
// scoring.batch_rows of them. Rows of the future are scored too; they do not move covered_to beyond now.
//
// Everything at the source is done with the login of `source`. Throws DataError when the table does not fit
// (source/score_table.h), a column is missing, a key is NULL or names two rows, or a prediction makes no sense; batches
// before the one concerned stay written. TransientError when the source goes away.
ScoringResult score_new_rows(const ScoringJob& job, const settings::Source& source,
                             const std::filesystem::path& folder);

// Without a model: whether scores could be written. Returns a sentence; throws what score_new_rows would.
std::string check_scoring(const settings::Model& model, const settings::Source& source);

using ScoringLook = std::variant<ScoringResult, LookFailure>;
std::string to_json(const ScoringJob& job);
ScoringJob scoring_job_from_json(std::string_view json);  // throws DataError
std::string to_json(const ScoringLook& look);
ScoringLook scoring_look_from_json(std::string_view json);  // throws DataError

// What the worker needs, with production's bytes for its folder; std::nullopt when nothing is in production. The first
// look begins behind the rows that version was trained on. Throws DataError when the artifact is damaged.
struct ScoringPlan {
  ScoringJob job;
  std::string artifact;
};
std::optional<ScoringPlan> plan_scoring(store::Transaction& transaction, const runs::ClaimedScoring& scoring,
                                        TimePoint now);

// Records what a look did, and when the next one is due: at once where more rows wait, else after scoring.every. The
// sentence for people; std::nullopt, and nothing written, when the lease was lost.
std::optional<std::string> conclude_scoring(store::Transaction& transaction, const runs::ClaimedScoring& scoring,
                                            const ScoringJob& job, const ScoringResult& result, TimePoint now);
// Nothing is in production yet: that is no failure.
std::optional<std::string> postpone_scoring(store::Transaction& transaction, const runs::ClaimedScoring& scoring,
                                            TimePoint now);
// A look that could not be made: the next one waits, twice as long after each, ten minutes at most (or scoring.every).
std::optional<std::string> record_failed_scoring(store::Transaction& transaction, const runs::ClaimedScoring& scoring,
                                                 const std::string& why, TimePoint now);

}  // namespace retraind::pipeline
