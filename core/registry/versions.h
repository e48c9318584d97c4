#pragma once
// Model versions and which of them is in production. A version is immutable once added; production moves in one place
// only (retraind.move_production), which closes the old range, opens the new one and notifies. Every function works
// inside the caller's transaction.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/stats/profile.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::registry {

// A column as it looked when the version was made: features and the label over the rows trained on, scores over the
// rows judged on.
struct ReferenceColumn {
  stats::ColumnProfile profile;
  ColumnRole role = ColumnRole::feature;
  std::optional<double> importance;  // features: share, 0..1; absent where the trainer cannot tell
};

struct NewVersion {
  ModelId model{};
  RunId run{};
  std::string configuration_sha256;
  std::string artifact_sha256;  // stored already
  std::string trainer;          // "xgboost 1.7.4"
  TimeAxis axis = TimeAxis::instant;
  EventTime trained_from = 0;
  EventTime trained_to = 0;
  std::uint64_t train_rows = 0;
  std::string data_sha256;
  Metric metric = Metric::log_loss;
  double value = 0;
  std::string lineage;  // JSON
  // The best version so far at the time (non_inferior candidates are held against it); nullopt: this one itself.
  std::optional<int> anchor;
  std::optional<std::string> entity;  // the column whose entities were held out as a whole; nullopt: the newest rows
  std::optional<std::string> kept_data_sha256;  // of the rows it was made from, stored already; nullopt: not kept
  std::vector<ReferenceColumn> columns;
};

// Gives it the next number of its model and stores it with its profiles. Locks the model's row.
int add_version(store::Transaction& transaction, const NewVersion& version, TimePoint now);

struct VersionRecord {
  int version = 0;
  std::string artifact_sha256;
  std::string configuration_sha256;
  TimeAxis axis = TimeAxis::instant;
  EventTime trained_from = 0;
  EventTime trained_to = 0;
  RunId run{};
  int anchor = 0;  // the best version so far when it was made; itself where it was the best
  std::optional<std::string> entity;
  bool quarantined = false;
};
// How a version was made, for whoever makes it again.
struct VersionOrigin {
  std::string configuration;  // the settings its run carried, as JSON
  std::string lineage;        // JSON
  std::string data_sha256;
  std::string trainer;
  std::optional<std::string> kept_data_sha256;
};
std::optional<VersionOrigin> find_origin(store::Transaction& transaction, ModelId model, int version);

// std::nullopt when there is no such version.
std::optional<VersionRecord> find_version(store::Transaction& transaction, ModelId model, int version);

struct ProductionVersion : VersionRecord {
  TimePoint since{};
};
std::optional<ProductionVersion> find_production(store::Transaction& transaction, ModelId model);

// Who may stand in for a production version whose artifact does not load: versions that were in production before and
// are not quarantined, the one that left it last first; at most `limit`.
std::vector<VersionRecord> list_former_production(store::Transaction& transaction, ModelId model, std::size_t limit);

// In order; empty when it has none.
std::vector<ReferenceColumn> list_columns(store::Transaction& transaction, ModelId model, int version);

struct Move {
  ModelId model{};
  int version = 0;
  PromotionKind kind = PromotionKind::promotion;
  std::optional<int> expected;  // the production version it was judged against; nullopt: none
  std::string actor;
  std::string trigger;
  std::optional<RunId> run;
  std::string reason;
};
// std::nullopt, and nothing done, when production is not the expected version any more (invariant 2).
std::optional<PromotionId> move_production(store::Transaction& transaction, const Move& move, TimePoint now);

// How many candidates of the model have been judged against this production version (nullopt: against the baseline)
// and came to a verdict, on a holdout or as a shadow: what alpha has been spent on.
std::uint64_t count_judged_against(store::Transaction& transaction, ModelId model, std::optional<int> version);

// How many of them were judged on rows later than or at `holdout_from`, an event time: earlier uses of the same rows.
std::uint64_t count_holdout_reuse(store::Transaction& transaction, ModelId model, std::optional<int> version,
                                  EventTime holdout_from);

}  // namespace retraind::registry
