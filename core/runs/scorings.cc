#include "core/runs/scorings.h"

#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;
using store::read;

constexpr const char* kRemoveScorings = R"sql(/* retraind:runs.remove_scorings */
DELETE FROM retraind.scoring WHERE model_id = ANY ($1::bigint[]))sql";

constexpr const char* kRestoreScorings = R"sql(/* retraind:runs.restore_scorings */
INSERT INTO retraind.scoring (model_id, source, target, key, time_column, every, next_due_at)
SELECT n.model_id, n.source, n.target, n.key::text[], n.time_column, n.every::interval, $7
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
       WITH ORDINALITY n (model_id, source, target, key, time_column, every, nth)
 WHERE NOT EXISTS (SELECT FROM retraind.scoring s WHERE s.model_id = n.model_id)
 ORDER BY n.nth
ON CONFLICT (model_id) DO NOTHING)sql";

constexpr const char* kPutScorings = R"sql(/* retraind:runs.put_scorings */
INSERT INTO retraind.scoring AS s (model_id, source, target, key, time_column, every, next_due_at)
SELECT n.model_id, n.source, n.target, n.key::text[], n.time_column, n.every::interval, $7
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
       WITH ORDINALITY n (model_id, source, target, key, time_column, every, nth)
 ORDER BY n.nth
ON CONFLICT (model_id) DO UPDATE
   SET source = excluded.source, target = excluded.target, key = excluded.key, time_column = excluded.time_column,
       every = excluded.every, next_due_at = excluded.next_due_at,
       axis = CASE WHEN s.time_column = excluded.time_column THEN s.axis END,
       begins_after = CASE WHEN s.time_column = excluded.time_column THEN s.begins_after END,
       covered_to = CASE WHEN s.time_column = excluded.time_column THEN s.covered_to END,
       lease_term = CASE WHEN (s.time_column, s.target) = (excluded.time_column, excluded.target) THEN s.lease_term END,
       lease_holder = CASE WHEN (s.time_column, s.target) = (excluded.time_column, excluded.target) THEN s.lease_holder END,
       lease_expires_at = CASE WHEN (s.time_column, s.target) = (excluded.time_column, excluded.target) THEN s.lease_expires_at END)sql";

constexpr const char* kClaimScoring = R"sql(/* retraind:runs.claim_scoring */
UPDATE retraind.scoring s
   SET lease_term = nextval('retraind.lease_term'), lease_holder = $1::uuid, lease_expires_at = $2::timestamptz + $4::interval
  FROM retraind.model m, retraind.configuration c
 WHERE s.model_id = (SELECT d.model_id FROM retraind.scoring d JOIN retraind.model o USING (model_id)
                      WHERE d.next_due_at <= $2 AND d.source = ANY ($3::text[]) AND o.removed_at IS NULL
                        AND (d.lease_expires_at IS NULL OR d.lease_expires_at <= $2)
                      ORDER BY d.next_due_at, d.model_id LIMIT 1 FOR UPDATE OF d SKIP LOCKED)
   AND m.model_id = s.model_id AND c.model_id = m.model_id AND c.sha256 = m.configuration_sha256
RETURNING s.model_id, m.name, s.source, c.settings::text, s.axis, s.begins_after, s.covered_to, s.failures,
          (extract(epoch FROM s.every) * 1000000)::bigint, s.lease_term)sql";

constexpr const char* kRenewScoring = R"sql(/* retraind:runs.renew_scoring_lease */
UPDATE retraind.scoring SET lease_expires_at = $3::timestamptz + $4::interval
 WHERE model_id = $1 AND lease_term = $2 AND lease_expires_at > $3)sql";

constexpr const char* kNextDue = R"sql(/* retraind:runs.next_scoring_due */
SELECT least(
  (SELECT s.next_due_at FROM retraind.scoring s
    WHERE s.lease_term IS NULL AND s.source = ANY ($1::text[])
      AND NOT EXISTS (SELECT FROM retraind.model m WHERE m.model_id = s.model_id AND m.removed_at IS NOT NULL)
    ORDER BY s.next_due_at LIMIT 1),
  (SELECT min(greatest(s.next_due_at, s.lease_expires_at)) FROM retraind.scoring s
    WHERE s.lease_term IS NOT NULL AND s.source = ANY ($1::text[])
      AND NOT EXISTS (SELECT FROM retraind.model m WHERE m.model_id = s.model_id AND m.removed_at IS NOT NULL))))sql";

constexpr const char* kRecordScoring = R"sql(/* retraind:runs.record_scoring */
UPDATE retraind.scoring s
   SET axis = CASE WHEN $4::text IS NULL THEN s.axis ELSE $4 END,
       begins_after = CASE WHEN $4::text IS NULL THEN s.begins_after ELSE $5::double precision END,
       covered_to = CASE WHEN $4::text IS NULL THEN s.covered_to ELSE $6::double precision END,
       version = coalesce($7, s.version), rows = s.rows + $8::bigint,
       scored_at = CASE WHEN $8::bigint > 0 THEN $3::timestamptz ELSE s.scored_at END, looked_at = $3::timestamptz,
       sentence = $9, last_error = CASE WHEN $10::boolean THEN $9::text END,
       failures = CASE WHEN $10::boolean THEN s.failures + 1 ELSE 0 END, next_due_at = $11::timestamptz,
       lease_term = NULL, lease_holder = NULL, lease_expires_at = NULL
 WHERE s.model_id = $1 AND s.lease_term = $2 AND s.lease_expires_at > $3)sql";

std::string_view spell(TimeAxis axis) {
  return axis == TimeAxis::instant ? "instant" : "number";
}

std::optional<ScoringExtent> read_extent(const pqxx::row& row) {
  if (row[4].is_null()) return std::nullopt;
  return ScoringExtent{.axis = row[4].as<std::string>() == "instant" ? TimeAxis::instant : TimeAxis::number,
                       .begins_after = row[5].as<double>(),
                       .covered_to = read<std::optional<double>>(row[6])};
}

void write_scorings(store::Transaction& transaction, const char* statement, const std::vector<ConfiguredModel>& models,
                    TimePoint now) {
  std::vector<std::string> ids, sources, targets, keys, time_columns, every;
  for (const ConfiguredModel& model : models) {
    const settings::Scoring& scoring = model.settings->scoring;
    ids.push_back(std::to_string(number(model.id)));
    sources.push_back(scoring.source.empty() ? model.settings->source : scoring.source);
    targets.push_back(scoring.into);
    keys.push_back(store::parameter(scoring.key).value());
    time_columns.push_back(model.settings->time_column);
    every.push_back(store::parameter(scoring.every).value());
  }
  execute(transaction, statement, ids, sources, targets, keys, time_columns, every, now);
}

}  // namespace

void put_scorings(store::Transaction& transaction, const std::vector<ConfiguredModel>& models, TimePoint now) {
  std::vector<std::string> off;
  std::vector<ConfiguredModel> on;
  for (const ConfiguredModel& model : models) {
    if (model.settings->scoring.into.empty()) {
      off.push_back(std::to_string(number(model.id)));
    } else {
      on.push_back(model);
    }
  }
  if (!off.empty()) execute(transaction, kRemoveScorings, off);
  if (!on.empty()) write_scorings(transaction, kPutScorings, on, now);
}

void put_scoring(store::Transaction& transaction, ModelId model, const settings::Model& settings, TimePoint now) {
  put_scorings(transaction, {{.id = model, .settings = &settings}}, now);
}

void restore_scorings(store::Transaction& transaction, const std::vector<ConfiguredModel>& models, TimePoint now) {
  if (!models.empty()) write_scorings(transaction, kRestoreScorings, models, now);
}

std::optional<ClaimedScoring> claim_scoring(store::Transaction& transaction, const Executor& executor,
                                            const std::vector<std::string>& sources, Duration lease_time,
                                            TimePoint now) {
  const pqxx::result claimed = execute(transaction, kClaimScoring, executor.daemon_id, now, sources, lease_time);
  if (claimed.empty()) return std::nullopt;
  const pqxx::row row = claimed[0];
  return ClaimedScoring{.model = read<ModelId>(row[0]),
                        .model_name = row[1].as<std::string>(),
                        .source = row[2].as<std::string>(),
                        .configuration = row[3].as<std::string>(),
                        .extent = read_extent(row),
                        .failures = row[7].as<int>(),
                        .every = Duration(row[8].as<std::int64_t>()),
                        .term = read<LeaseTerm>(row[9])};
}

bool renew_scoring_lease(store::Transaction& transaction, const ClaimedScoring& scoring, Duration lease_time,
                         TimePoint now) {
  return execute(transaction, kRenewScoring, scoring.model, scoring.term, now, lease_time).affected_rows() == 1;
}

std::optional<TimePoint> next_scoring_due(store::Transaction& transaction, const std::vector<std::string>& sources) {
  return read<std::optional<TimePoint>>(execute(transaction, kNextDue, sources).at(0).at(0));
}

bool record_scoring(store::Transaction& transaction, const ClaimedScoring& scoring, const ScoringProgress& progress,
                    TimePoint now) {
  std::optional<std::string_view> axis;
  std::optional<EventTime> begins_after;
  std::optional<EventTime> covered_to;
  if (progress.extent) {
    axis = spell(progress.extent->axis);
    begins_after = progress.extent->begins_after;
    covered_to = progress.extent->covered_to;
  }
  return execute(transaction, kRecordScoring, scoring.model, scoring.term, now, axis, begins_after, covered_to,
                 progress.version, progress.rows, progress.sentence, progress.failed, progress.next_due_at)
             .affected_rows() == 1;
}

}  // namespace retraind::runs
