#include "core/registry/versions.h"

#include "core/store/sql.h"

namespace retraind::registry {
namespace {

using store::execute;
using store::read;

constexpr const char* kNextVersion = R"sql(/* retraind:registry.next_version */
UPDATE retraind.model SET last_version = last_version + 1 WHERE model_id = $1 RETURNING last_version)sql";

constexpr const char* kInsertVersion = R"sql(/* retraind:registry.insert_version */
INSERT INTO retraind.model_version (model_id, version, run_id, artifact_sha256, configuration_sha256, created_at, trainer, axis,
  trained_from, trained_to, train_rows, data_sha256, metric, value, lineage)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15))sql";

constexpr const char* kInsertProfile = R"sql(/* retraind:registry.insert_profile */
INSERT INTO retraind.version_profile (model_id, version, position, "column", profile, role, importance)
VALUES ($1, $2, $3, $4, $5, $6, $7))sql";

constexpr const char* kFindProduction = R"sql(/* retraind:registry.find_production */
SELECT v.version, v.artifact_sha256, v.configuration_sha256, v.axis, v.trained_from, v.trained_to, lower(p.during), v.run_id
  FROM retraind.promotion p JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
 WHERE p.model_id = $1 AND upper_inf(p.during))sql";

constexpr const char* kListColumns = R"sql(/* retraind:registry.list_columns */
SELECT profile::text, role, importance FROM retraind.version_profile WHERE model_id = $1 AND version = $2 ORDER BY position)sql";

constexpr const char* kMoveProduction = R"sql(/* retraind:registry.move_production */
SELECT retraind.move_production($1, $2, $3, $4, $5, $6, $7, $8, $9))sql";

constexpr const char* kCountJudged = R"sql(/* retraind:registry.count_judged_against */
SELECT count(*) FROM retraind.run WHERE model_id = $1 AND judged_against IS NOT DISTINCT FROM $2::integer AND verdict IS NOT NULL)sql";

}  // namespace

int add_version(store::Transaction& transaction, const NewVersion& version, TimePoint now) {
  const int id = execute(transaction, kNextVersion, version.model).at(0).at(0).as<int>();
  execute(transaction, kInsertVersion, version.model, id, version.run, version.artifact_sha256,
          version.configuration_sha256, now, version.trainer, version.axis == TimeAxis::instant ? "instant" : "number",
          version.trained_from, version.trained_to, version.train_rows, version.data_sha256, version.metric,
          version.value, version.lineage);
  for (std::size_t i = 0; i < version.columns.size(); ++i) {
    const ReferenceColumn& column = version.columns[i];
    execute(transaction, kInsertProfile, version.model, id, i, column.profile.column, stats::to_json(column.profile),
            column.role, column.importance);
  }
  return id;
}

std::optional<ProductionVersion> find_production(store::Transaction& transaction, ModelId model) {
  const pqxx::result found = execute(transaction, kFindProduction, model);
  if (found.empty()) return std::nullopt;
  const pqxx::row row = found[0];
  return ProductionVersion{
      .version = row[0].as<int>(),
      .artifact_sha256 = row[1].as<std::string>(),
      .configuration_sha256 = row[2].as<std::string>(),
      .axis = row[3].as<std::string>() == "instant" ? TimeAxis::instant : TimeAxis::number,
      .trained_from = row[4].as<double>(),
      .trained_to = row[5].as<double>(),
      .since = read<TimePoint>(row[6]),
      .run = read<RunId>(row[7]),
  };
}

std::vector<ReferenceColumn> list_columns(store::Transaction& transaction, ModelId model, int version) {
  std::vector<ReferenceColumn> out;
  for (const auto& row : execute(transaction, kListColumns, model, version)) {
    out.push_back({.profile = stats::profile_from_json(row[0].as<std::string>()),
                   .role = read<ColumnRole>(row[1]),
                   .importance = read<std::optional<double>>(row[2])});
  }
  return out;
}

std::optional<PromotionId> move_production(store::Transaction& transaction, const Move& move, TimePoint now) {
  const pqxx::result result = execute(transaction, kMoveProduction, move.model, move.version, move.kind, move.expected,
                                      move.actor, move.trigger, move.run, move.reason, now);
  return read<std::optional<PromotionId>>(result.at(0).at(0));
}

std::uint64_t count_judged_against(store::Transaction& transaction, ModelId model, std::optional<int> version) {
  return execute(transaction, kCountJudged, model, version).at(0).at(0).as<std::uint64_t>();
}

}  // namespace retraind::registry
