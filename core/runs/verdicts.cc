#include "core/runs/verdicts.h"

#include <cmath>

#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;

constexpr const char* kLockModel = R"sql(/* retraind:runs.hold_model */
SELECT 1 FROM retraind.model WHERE model_id = $1 FOR UPDATE)sql";

constexpr const char* kLockRun = R"sql(/* retraind:runs.hold_run */
SELECT 1 FROM retraind.run WHERE run_id = $1 AND lease_term = $2 AND state = 'running'
   AND lease_expires_at > coalesce(nullif(current_setting('retraind.now', true), '')::timestamptz, clock_timestamp()) FOR UPDATE)sql";

// A candidate may be judged more than once, each time in another attempt of its run.
constexpr const char* kInsertMetric = R"sql(/* retraind:runs.insert_metric */
INSERT INTO retraind.metric_result (run_id, attempt, role, metric, value)
SELECT r.run_id, r.attempt, $2, $3, $4 FROM retraind.run r WHERE r.run_id = $1)sql";

constexpr const char* kInsertGate = R"sql(/* retraind:runs.insert_gate */
INSERT INTO retraind.gate (run_id, attempt, gate, slice, metric, observed, ci_low, ci_high, threshold, outcome, passed, sentence)
SELECT r.run_id, r.attempt, $2, $3, $4, $5::double precision, $6::double precision, $7::double precision, $8::double precision,
       $9, $9::text = 'passed', $10
  FROM retraind.run r WHERE r.run_id = $1)sql";

constexpr const char* kFinishJudged = R"sql(/* retraind:runs.finish_judged_run */
UPDATE retraind.run
   SET state = $3, verdict = $4, reason = $5, opponent = $6, judged_against = $7, version = coalesce($8::integer, version),
       window_from = $9, window_to = $10, window_from_number = $11, window_to_number = $12, data_sha256 = $13, data_rows = $14,
       train_rows = $15, holdout_rows = $16, metric = $17, candidate_value = $18, production_value = $19, difference = $20,
       ci_low = $21, ci_high = $22, confidence = $23, clusters = $24, inflation = $25, stand_in = $26, holdout_from = $27,
       holdout_to = $28, holdout_from_number = $29, holdout_to_number = $30, holdout_reuse = $31, detectable = $32, rows_needed = $33,
       finished_at = CASE WHEN $3::text NOT IN ('awaiting_approval', 'shadowing') THEN $34::timestamptz END,
       shadowing_since = CASE WHEN $3::text = 'shadowing' THEN $34::timestamptz END, step = 'release', anchor = $35,
       lease_term = NULL, lease_holder = NULL, heartbeat_at = NULL, lease_expires_at = NULL, worker_pid = NULL
 WHERE run_id = $1 AND lease_term = $2 AND state = 'running')sql";

// A bound that is infinite bounds nothing: it is NULL, as where there is none.
std::optional<double> finite(std::optional<double> value) {
  return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace

bool hold_run(store::Transaction& transaction, ModelId model, const Lease& lease) {
  execute(transaction, kLockModel, model);
  return !execute(transaction, kLockRun, lease.run, lease.term).empty();
}

void record_metrics(store::Transaction& transaction, RunId run, const std::vector<MetricRow>& metrics) {
  for (const MetricRow& row : metrics) execute(transaction, kInsertMetric, run, row.role, row.metric, row.value);
}

void record_gates(store::Transaction& transaction, RunId run, const std::vector<GateRow>& gates) {
  for (const GateRow& row : gates) {
    execute(transaction, kInsertGate, run, row.gate, row.slice, row.metric, row.observed, finite(row.ci_low),
            finite(row.ci_high), finite(row.threshold), row.outcome, row.sentence);
  }
}

bool finish_judged_run(store::Transaction& transaction, const Lease& lease, const JudgedRun& run, TimePoint now) {
  const bool instant = run.axis == TimeAxis::instant;
  const auto as_instant = [&](std::optional<EventTime> value) {
    return instant && value ? std::optional(to_instant(*value)) : std::nullopt;
  };
  const auto as_number = [&](std::optional<EventTime> value) { return instant ? std::nullopt : value; };
  return execute(transaction, kFinishJudged, lease.run, lease.term, run.state, run.verdict, run.reason, run.opponent,
                 run.judged_against, run.version, as_instant(run.window_from), as_instant(run.window_to),
                 as_number(run.window_from), as_number(run.window_to), run.data_sha256, run.data_rows, run.train_rows,
                 run.holdout_rows, run.metric, run.candidate_value, run.opponent_value, finite(run.difference),
                 finite(run.ci_low), finite(run.ci_high), run.confidence, run.clusters, run.inflation, run.stand_in,
                 as_instant(run.holdout_from), as_instant(run.holdout_to), as_number(run.holdout_from),
                 as_number(run.holdout_to), run.holdout_reuse, finite(run.detectable), run.rows_needed, now, run.anchor)
             .affected_rows() == 1;
}

}  // namespace retraind::runs
