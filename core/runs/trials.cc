#include "core/runs/trials.h"

#include <cmath>
#include <stdexcept>

#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;
using store::read;

constexpr const char* kOpenTrial = R"sql(/* retraind:runs.open_trial */
INSERT INTO retraind.trial (kind, model_id, run_id, version, against, metric, bar, alpha, axis, after, until, deadline, every,
  opened_at, next_due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::interval, $14::timestamptz, $14::timestamptz + $13::interval)
ON CONFLICT (model_id, kind) WHERE outcome IS NULL DO NOTHING RETURNING trial_id)sql";

constexpr const char* kHasOpenTrial = R"sql(/* retraind:runs.has_open_trial */
SELECT 1 FROM retraind.trial WHERE model_id = $1 AND kind = $2 AND outcome IS NULL)sql";

constexpr const char* kClaimTrial = R"sql(/* retraind:runs.claim_trial */
UPDATE retraind.trial t
   SET lease_term = nextval('retraind.lease_term'), lease_holder = $1::uuid, lease_expires_at = $2::timestamptz + $4::interval
  FROM retraind.model m, retraind.configuration c
 WHERE t.trial_id = (SELECT d.trial_id FROM retraind.trial d JOIN retraind.model o USING (model_id)
                      WHERE d.outcome IS NULL AND d.next_due_at <= $2 AND o.source = ANY ($3::text[]) AND o.removed_at IS NULL
                        AND (d.lease_expires_at IS NULL OR d.lease_expires_at <= $2)
                      ORDER BY d.next_due_at, d.trial_id LIMIT 1 FOR UPDATE OF d SKIP LOCKED)
   AND m.model_id = t.model_id AND c.model_id = m.model_id AND c.sha256 = m.configuration_sha256
RETURNING t.trial_id, t.kind, t.model_id, t.run_id, t.version, t.against, t.metric, t.bar, t.alpha, t.axis, t.after, t.until,
          t.deadline, (extract(epoch FROM t.every) * 1000000)::bigint, m.name, m.source, c.settings::text, t.counted_to,
          t.lease_term)sql";

constexpr const char* kRenewTrial = R"sql(/* retraind:runs.renew_trial_lease */
UPDATE retraind.trial SET lease_expires_at = $3::timestamptz + $4::interval
 WHERE trial_id = $1 AND lease_term = $2 AND outcome IS NULL AND lease_expires_at > $3)sql";

constexpr const char* kLockModel = R"sql(/* retraind:runs.hold_model_of_trial */
SELECT 1 FROM retraind.model WHERE model_id = $1 FOR UPDATE)sql";

// Given no `now`, it takes the one of act_as, or else the clock.
constexpr const char* kHoldTrial = R"sql(/* retraind:runs.hold_trial */
SELECT 1 FROM retraind.trial WHERE trial_id = $1 AND lease_term = $2 AND outcome IS NULL
   AND lease_expires_at > coalesce(nullif(current_setting('retraind.now', true), '')::timestamptz, clock_timestamp()) FOR UPDATE)sql";

constexpr const char* kNextDue = R"sql(/* retraind:runs.next_trial_due */
SELECT least(
  (SELECT t.next_due_at FROM retraind.trial t
    WHERE t.outcome IS NULL AND t.lease_term IS NULL
      AND EXISTS (SELECT FROM retraind.model m WHERE m.model_id = t.model_id AND m.source = ANY ($1::text[]) AND m.removed_at IS NULL)
    ORDER BY t.next_due_at LIMIT 1),
  (SELECT min(greatest(t.next_due_at, t.lease_expires_at)) FROM retraind.trial t
    WHERE t.lease_term IS NOT NULL AND t.outcome IS NULL
      AND EXISTS (SELECT FROM retraind.model m WHERE m.model_id = t.model_id AND m.source = ANY ($1::text[]) AND m.removed_at IS NULL))))sql";

constexpr const char* kInsertClusters = R"sql(/* retraind:runs.insert_trial_clusters */
INSERT INTO retraind.trial_cluster (trial_id, index, rows_from, rows_to, rows, weight, difference_sum, version_value, against_value)
SELECT $1::bigint, c.* FROM unnest($2::bigint[], $3::double precision[], $4::double precision[], $5::bigint[],
  $6::double precision[], $7::double precision[], $8::double precision[], $9::double precision[]) c)sql";

constexpr const char* kListClusters = R"sql(/* retraind:runs.list_trial_clusters */
SELECT index, rows_from, rows_to, rows, weight, difference_sum, version_value, against_value
  FROM retraind.trial_cluster WHERE trial_id = $1 ORDER BY index)sql";

constexpr const char* kRecordTrial = R"sql(/* retraind:runs.record_trial */
UPDATE retraind.trial
   SET rows = $3, clusters = $4, difference = $5, ci_low = $6, ci_high = $7, counted_to = $8, looked_at = $9::timestamptz,
       sentence = $10, outcome = $11, ended_at = CASE WHEN $11::text IS NOT NULL THEN $9::timestamptz END,
       next_due_at = CASE WHEN $11::text IS NULL THEN $12::timestamptz END,
       lease_term = NULL, lease_holder = NULL, lease_expires_at = NULL
 WHERE trial_id = $1 AND lease_term = $2 AND outcome IS NULL)sql";

constexpr const char* kFindShadowing = R"sql(/* retraind:runs.find_shadowing_run */
SELECT EXISTS (SELECT FROM retraind.run o WHERE o.model_id = r.model_id AND o.state IN ('queued', 'running', 'awaiting_approval'))
  FROM retraind.run r WHERE r.run_id = $1 AND r.state = 'shadowing' FOR UPDATE OF r)sql";

constexpr const char* kEndShadowing = R"sql(/* retraind:runs.end_shadowing_run */
UPDATE retraind.run
   SET state = $2, verdict = CASE $2::text WHEN 'rejected' THEN 'reject' WHEN 'inconclusive' THEN 'inconclusive' ELSE 'promote' END,
       reason = $3, finished_at = CASE WHEN $2::text <> 'awaiting_approval' THEN $4::timestamptz END
 WHERE run_id = $1 AND state = 'shadowing')sql";

// The bake may be recorded as ended already, in this transaction.
constexpr const char* kRollBackBaked = R"sql(/* retraind:runs.roll_back_baked */
SELECT retraind.move_production($1, $3, 'rollback', $2, $4, 'bake', NULL, $5, $6,
  (SELECT t.trial_id FROM retraind.trial t
    WHERE t.model_id = $1 AND t.kind = 'bake' AND t.version = $2 AND t.against = $3 AND coalesce(t.outcome, 'rolled_back') = 'rolled_back'
    ORDER BY t.trial_id DESC LIMIT 1)))sql";

constexpr const char* kQuarantine = R"sql(/* retraind:runs.put_in_quarantine */
SELECT retraind.put_in_quarantine($1, $2, $3, $4, $5))sql";

TimeAxis read_axis(const pqxx::field& field) {
  return field.as<std::string>() == "instant" ? TimeAxis::instant : TimeAxis::number;
}

// A bound that is infinite bounds nothing: it is NULL, as where there is none.
std::optional<double> finite(std::optional<double> value) {
  return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace

std::optional<TrialId> open_trial(store::Transaction& transaction, const NewTrial& trial, TimePoint now) {
  const pqxx::result opened =
      execute(transaction, kOpenTrial, trial.kind, trial.model, trial.run, trial.version, trial.against, trial.metric,
              trial.bar, trial.alpha, trial.axis == TimeAxis::instant ? "instant" : "number", trial.after, trial.until,
              trial.deadline, trial.every, now);
  if (opened.empty()) return std::nullopt;
  return read<TrialId>(opened[0][0]);
}

bool has_open_trial(store::Transaction& transaction, ModelId model, TrialKind kind) {
  return !execute(transaction, kHasOpenTrial, model, kind).empty();
}

std::optional<ClaimedTrial> claim_trial(store::Transaction& transaction, const Executor& executor,
                                        const std::vector<std::string>& sources, Duration lease_time, TimePoint now) {
  const pqxx::result claimed = execute(transaction, kClaimTrial, executor.daemon_id, now, sources, lease_time);
  if (claimed.empty()) return std::nullopt;
  const pqxx::row row = claimed[0];
  return ClaimedTrial{.id = read<TrialId>(row[0]),
                      .terms = {.kind = read<TrialKind>(row[1]),
                                .model = read<ModelId>(row[2]),
                                .run = read<RunId>(row[3]),
                                .version = row[4].as<int>(),
                                .against = row[5].as<int>(),
                                .metric = read<Metric>(row[6]),
                                .bar = row[7].as<double>(),
                                .alpha = row[8].as<double>(),
                                .axis = read_axis(row[9]),
                                .after = row[10].as<double>(),
                                .until = read<std::optional<double>>(row[11]),
                                .deadline = read<TimePoint>(row[12]),
                                .every = Duration(row[13].as<std::int64_t>())},
                      .model_name = row[14].as<std::string>(),
                      .source = row[15].as<std::string>(),
                      .configuration = row[16].as<std::string>(),
                      .counted_to = read<std::optional<double>>(row[17]),
                      .term = read<LeaseTerm>(row[18])};
}

bool renew_trial_lease(store::Transaction& transaction, const ClaimedTrial& trial, Duration lease_time, TimePoint now) {
  return execute(transaction, kRenewTrial, trial.id, trial.term, now, lease_time).affected_rows() == 1;
}

bool hold_trial(store::Transaction& transaction, const ClaimedTrial& trial) {
  execute(transaction, kLockModel, trial.terms.model);
  return !execute(transaction, kHoldTrial, trial.id, trial.term).empty();
}

std::optional<TimePoint> next_trial_due(store::Transaction& transaction, const std::vector<std::string>& sources) {
  return read<std::optional<TimePoint>>(execute(transaction, kNextDue, sources).at(0).at(0));
}

void record_trial_clusters(store::Transaction& transaction, TrialId trial, const std::vector<TrialCluster>& clusters) {
  if (clusters.empty()) return;
  std::vector<std::string> index, from, to, rows, weight, difference, version, against;
  const auto text = [](const auto& value) { return store::parameter(value).value(); };
  for (const TrialCluster& cluster : clusters) {
    index.push_back(text(cluster.index));
    from.push_back(text(cluster.from));
    to.push_back(text(cluster.to));
    rows.push_back(text(cluster.rows));
    weight.push_back(text(cluster.weight));
    difference.push_back(text(cluster.difference_sum));
    version.push_back(text(cluster.version_value));
    against.push_back(text(cluster.against_value));
  }
  execute(transaction, kInsertClusters, trial, index, from, to, rows, weight, difference, version, against);
}

std::vector<TrialCluster> list_trial_clusters(store::Transaction& transaction, TrialId trial) {
  std::vector<TrialCluster> out;
  for (const auto& row : execute(transaction, kListClusters, trial)) {
    out.push_back({.index = row[0].as<std::int64_t>(),
                   .from = row[1].as<double>(),
                   .to = row[2].as<double>(),
                   .rows = row[3].as<std::uint64_t>(),
                   .weight = row[4].as<double>(),
                   .difference_sum = row[5].as<double>(),
                   .version_value = row[6].as<double>(),
                   .against_value = row[7].as<double>()});
  }
  return out;
}

void record_trial(store::Transaction& transaction, const ClaimedTrial& trial, const TrialProgress& progress,
                  TimePoint now) {
  const auto recorded = execute(transaction, kRecordTrial, trial.id, trial.term, progress.rows, progress.clusters,
                                finite(progress.difference), finite(progress.ci_low), finite(progress.ci_high),
                                progress.counted_to, now, progress.sentence, progress.outcome, progress.next_due_at);
  if (recorded.affected_rows() != 1) {
    throw std::logic_error(fmt::format("trial {} was recorded without being held", number(trial.id)));
  }
}

bool end_shadowing_run(store::Transaction& transaction, const Executor& executor, RunId run, RunState state,
                       const std::string& reason, TimePoint now) {
  act_as(transaction, executor, now);
  const pqxx::result found = execute(transaction, kFindShadowing, run);
  if (found.empty()) throw std::logic_error(fmt::format("run {} is no shadow that could end", number(run)));
  if (state == RunState::awaiting_approval && found[0][0].as<bool>()) return false;
  execute(transaction, kEndShadowing, run, state, reason, now);
  return true;
}

bool roll_back_baked(store::Transaction& transaction, const Executor& executor, const BakedRollback& rollback,
                     TimePoint now) {
  act_as(transaction, executor, now);
  const pqxx::result moved = execute(transaction, kRollBackBaked, rollback.model, rollback.from, rollback.to,
                                     executor.instance, rollback.reason, now);
  if (moved.at(0).at(0).is_null()) return false;
  execute(transaction, kQuarantine, rollback.model, rollback.from, executor.instance, rollback.reason, now);
  return true;
}

}  // namespace retraind::runs
