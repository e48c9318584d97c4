#pragma once
// The queue of batch scoring: one row for each model whose new rows get scores, claimed under a lease when due, exactly
// like runs, triggers and trials. It says how far scoring has come; that no row is scored twice is the affair of the
// table that the scores are written to (core/source/score_table.h), so a lost lease or a crash costs nothing but time.
// Every function works inside the caller's transaction and takes `now`.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/runs/configured_model.h"
#include "core/runs/daemons.h"
#include "core/settings/settings.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

// Makes the models' rows match their configurations: adds them, or removes them where scoring is off. They become due
// at once. How far scoring has come stays as it was, unless another column is the time column now. A look that goes on
// under another table or time column has lost its lease. A statement or two for all of them.
void put_scorings(store::Transaction& transaction, const std::vector<ConfiguredModel>& models, TimePoint now);
void put_scoring(store::Transaction& transaction, ModelId model, const settings::Model& settings, TimePoint now);

// Adds the rows that are missing, due at once, and leaves the others alone.
void restore_scorings(store::Transaction& transaction, const std::vector<ConfiguredModel>& models, TimePoint now);

// Where the model's event times have been scored.
struct ScoringExtent {
  TimeAxis axis = TimeAxis::instant;
  EventTime begins_after = 0;           // rows up to here are never scored
  std::optional<EventTime> covered_to;  // rows up to here have their scores, but for late ones
};

struct ClaimedScoring {
  ModelId model{};
  std::string model_name;
  std::string source;                   // whose login reads and writes
  std::string configuration;            // the model's settings in force, as JSON
  std::optional<ScoringExtent> extent;  // absent before the first look
  int failures = 0;                     // looks in a row that could not be made
  Duration every{};
  LeaseTerm term{};
};
// The longest overdue model whose source is among `sources`; rows that another daemon holds or is claiming are skipped.
// A paused model is scored on: a pause stops new runs. Removed models are never due.
std::optional<ClaimedScoring> claim_scoring(store::Transaction& transaction, const Executor& executor,
                                            const std::vector<std::string>& sources, Duration lease_time,
                                            TimePoint now);
bool renew_scoring_lease(store::Transaction& transaction, const ClaimedScoring& scoring, Duration lease_time,
                         TimePoint now);
std::optional<TimePoint> next_scoring_due(store::Transaction& transaction, const std::vector<std::string>& sources);

// What is known after a look.
struct ScoringProgress {
  std::optional<ScoringExtent> extent;  // absent: as it was
  std::optional<int> version;           // that wrote scores; absent: none was written
  std::uint64_t rows = 0;               // written
  std::string sentence;
  bool failed = false;  // the sentence says why
  TimePoint next_due_at{};
};
// Gives the lease back. False, and nothing written, when it was lost.
bool record_scoring(store::Transaction& transaction, const ClaimedScoring& scoring, const ScoringProgress& progress,
                    TimePoint now);

}  // namespace retraind::runs
