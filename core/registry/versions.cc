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
  trained_from, trained_to, train_rows, data_sha256, metric, value, lineage, anchor, entity, kept_data_sha256)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18))sql";

constexpr const char* kInsertProfile = R"sql(/* retraind:registry.insert_profile */
INSERT INTO retraind.version_profile (model_id, version, position, "column", profile, role, importance)
VALUES ($1, $2, $3, $4, $5, $6, $7))sql";

constexpr const char* kFindVersion = R"sql(/* retraind:registry.find_version */
SELECT v.version, v.artifact_sha256, v.configuration_sha256, v.axis, v.trained_from, v.trained_to, v.run_id,
       coalesce(r.anchor, v.anchor, v.version), v.entity,
       EXISTS (SELECT FROM retraind.quarantine q WHERE q.model_id = v.model_id AND q.version = v.version AND q.lifted_at IS NULL)
  FROM retraind.model_version v JOIN retraind.run r USING (run_id) WHERE v.model_id = $1 AND v.version = $2)sql";

constexpr const char* kFindOrigin = R"sql(/* retraind:registry.find_origin */
SELECT c.settings::text, v.lineage::text, v.data_sha256, v.trainer, v.kept_data_sha256
  FROM retraind.model_version v
  JOIN retraind.configuration c ON c.model_id = v.model_id AND c.sha256 = v.configuration_sha256
 WHERE v.model_id = $1 AND v.version = $2)sql";

constexpr const char* kFindProduction = R"sql(/* retraind:registry.find_production */
SELECT v.version, v.artifact_sha256, v.configuration_sha256, v.axis, v.trained_from, v.trained_to, v.run_id,
       coalesce(r.anchor, v.anchor, v.version), v.entity,
       EXISTS (SELECT FROM retraind.quarantine q WHERE q.model_id = v.model_id AND q.version = v.version AND q.lifted_at IS NULL),
       lower(p.during)
  FROM retraind.promotion p JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
  JOIN retraind.run r ON r.run_id = v.run_id
 WHERE p.model_id = $1 AND upper_inf(p.during))sql";

constexpr const char* kListFormer = R"sql(/* retraind:registry.list_former_production */
SELECT v.version, v.artifact_sha256, v.configuration_sha256, v.axis, v.trained_from, v.trained_to, v.run_id,
       coalesce(r.anchor, v.anchor, v.version), v.entity, false
  FROM (SELECT p.version, max(p.promotion_id) AS last, bool_or(upper_inf(p.during)) AS current
          FROM retraind.promotion p WHERE p.model_id = $1 GROUP BY p.version) f
  JOIN retraind.model_version v ON v.model_id = $1 AND v.version = f.version
  JOIN retraind.run r ON r.run_id = v.run_id
 WHERE NOT f.current
   AND NOT EXISTS (SELECT FROM retraind.quarantine q WHERE q.model_id = v.model_id AND q.version = v.version AND q.lifted_at IS NULL)
 ORDER BY f.last DESC LIMIT $2::bigint)sql";

constexpr const char* kListColumns = R"sql(/* retraind:registry.list_columns */
SELECT profile::text, role, importance FROM retraind.version_profile WHERE model_id = $1 AND version = $2 ORDER BY position)sql";

constexpr const char* kMoveProduction = R"sql(/* retraind:registry.move_production */
SELECT retraind.move_production($1, $2, $3, $4, $5, $6, $7, $8, $9))sql";

// A judging on a holdout leaves its mark in the run, also when the candidate had to be judged again later; a shadow is
// one more attempt, whatever became of it.
constexpr const char* kCountJudged = R"sql(/* retraind:registry.count_judged_against */
SELECT (SELECT count(*) FROM retraind.run r
         WHERE r.model_id = $1 AND r.judged_against IS NOT DISTINCT FROM $2::integer AND r.verdict IS NOT NULL)
     + (SELECT coalesce(sum(cardinality(array_positions(r.earlier_opponents, $2::integer))), 0) FROM retraind.run r
         WHERE r.model_id = $1 AND r.earlier_opponents <> '{}')
     + (SELECT count(*) FROM retraind.trial t WHERE t.model_id = $1 AND t.kind = 'shadow' AND t.against = $2::integer))sql";

constexpr const char* kCountReuse = R"sql(/* retraind:registry.count_holdout_reuse */
SELECT (SELECT count(*) FROM retraind.run r
         WHERE r.model_id = $1 AND coalesce(r.holdout_to_number, extract(epoch FROM r.holdout_to) * 1000000) >= $3::double precision
           AND (r.judged_against IS NOT DISTINCT FROM $2::integer AND r.verdict IS NOT NULL
                OR cardinality(array_positions(r.earlier_opponents, $2::integer)) > 0))
     + (SELECT count(*) FROM retraind.trial t
         WHERE t.model_id = $1 AND t.kind = 'shadow' AND t.against = $2::integer AND t.counted_to >= $3::double precision))sql";

VersionRecord to_record(const pqxx::row& row) {
  return {.version = row[0].as<int>(),
          .artifact_sha256 = row[1].as<std::string>(),
          .configuration_sha256 = row[2].as<std::string>(),
          .axis = row[3].as<std::string>() == "instant" ? TimeAxis::instant : TimeAxis::number,
          .trained_from = row[4].as<double>(),
          .trained_to = row[5].as<double>(),
          .run = read<RunId>(row[6]),
          .anchor = row[7].as<int>(),
          .entity = read<std::optional<std::string>>(row[8]),
          .quarantined = row[9].as<bool>()};
}

}  // namespace

int add_version(store::Transaction& transaction, const NewVersion& version, TimePoint now) {
  const int id = execute(transaction, kNextVersion, version.model).at(0).at(0).as<int>();
  execute(transaction, kInsertVersion, version.model, id, version.run, version.artifact_sha256,
          version.configuration_sha256, now, version.trainer, version.axis == TimeAxis::instant ? "instant" : "number",
          version.trained_from, version.trained_to, version.train_rows, version.data_sha256, version.metric,
          version.value, version.lineage, version.anchor, version.entity, version.kept_data_sha256);
  for (std::size_t i = 0; i < version.columns.size(); ++i) {
    const ReferenceColumn& column = version.columns[i];
    execute(transaction, kInsertProfile, version.model, id, i, column.profile.column, stats::to_json(column.profile),
            column.role, column.importance);
  }
  return id;
}

std::optional<VersionOrigin> find_origin(store::Transaction& transaction, ModelId model, int version) {
  const pqxx::result found = execute(transaction, kFindOrigin, model, version);
  if (found.empty()) return std::nullopt;
  const pqxx::row row = found[0];
  return VersionOrigin{.configuration = row[0].as<std::string>(),
                       .lineage = row[1].as<std::string>(),
                       .data_sha256 = row[2].as<std::string>(),
                       .trainer = row[3].as<std::string>(),
                       .kept_data_sha256 = read<std::optional<std::string>>(row[4])};
}

std::optional<VersionRecord> find_version(store::Transaction& transaction, ModelId model, int version) {
  const pqxx::result found = execute(transaction, kFindVersion, model, version);
  if (found.empty()) return std::nullopt;
  return to_record(found[0]);
}

std::optional<ProductionVersion> find_production(store::Transaction& transaction, ModelId model) {
  const pqxx::result found = execute(transaction, kFindProduction, model);
  if (found.empty()) return std::nullopt;
  return ProductionVersion{to_record(found[0]), read<TimePoint>(found[0][10])};
}

std::vector<VersionRecord> list_former_production(store::Transaction& transaction, ModelId model, std::size_t limit) {
  std::vector<VersionRecord> out;
  for (const auto& row : execute(transaction, kListFormer, model, limit)) out.push_back(to_record(row));
  return out;
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

std::uint64_t count_holdout_reuse(store::Transaction& transaction, ModelId model, std::optional<int> version,
                                  EventTime holdout_from) {
  return execute(transaction, kCountReuse, model, version, holdout_from).at(0).at(0).as<std::uint64_t>();
}

}  // namespace retraind::registry
