#include "core/runs/findings.h"

#include <cmath>

#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;

// The caller may end the run in the same transaction, which needs the model's row; locked in this order, that cannot
// deadlock with the functions of the schema, which lock the model first.
constexpr const char* kLockModel = R"sql(/* retraind:runs.lock_model_of_findings */
SELECT 1 FROM retraind.model WHERE model_id = (SELECT model_id FROM retraind.run WHERE run_id = $1) FOR UPDATE)sql";

constexpr const char* kLockRun = R"sql(/* retraind:runs.lock_run_of_findings */
SELECT attempt FROM retraind.run WHERE run_id = $1 AND lease_term = $2 AND state = 'running'
   AND lease_expires_at > coalesce(nullif(current_setting('retraind.now', true), '')::timestamptz, clock_timestamp()) FOR UPDATE)sql";

constexpr const char* kInsertFinding = R"sql(/* retraind:runs.insert_finding */
INSERT INTO retraind.data_finding (run_id, attempt, found_at, kind, "check", "column", rows, observed, threshold, stops, sentence, query)
VALUES ($1, $2, coalesce(nullif(current_setting('retraind.now', true), '')::timestamptz, clock_timestamp()), $3, $4,
        nullif($5, ''), $6, $7, $8, $9, $10, nullif($11, '')))sql";

constexpr const char* kInsertTrial = R"sql(/* retraind:runs.insert_search_trial */
INSERT INTO retraind.search_trial (run_id, attempt, trial, params, metric, value, fault, train_rows, rows, seconds, chosen)
VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8, $9, $10, $11))sql";

// The attempt that the lease is for; std::nullopt when it was lost.
std::optional<int> hold_attempt(store::Transaction& transaction, const Lease& lease) {
  execute(transaction, kLockModel, lease.run);
  const pqxx::result held = execute(transaction, kLockRun, lease.run, lease.term);
  if (held.empty()) return std::nullopt;
  return held[0][0].as<int>();
}

// What is not finite was not measured.
std::optional<double> finite(std::optional<double> value) {
  return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace

bool record_findings(store::Transaction& transaction, const Lease& lease, const std::vector<data::Finding>& findings) {
  const auto attempt = hold_attempt(transaction, lease);
  if (!attempt) return false;
  for (const data::Finding& finding : findings) {
    execute(transaction, kInsertFinding, lease.run, *attempt, finding.kind, finding.check, finding.column, finding.rows,
            finite(finding.observed), finite(finding.threshold), finding.stops, finding.sentence, finding.query);
  }
  return true;
}

bool record_search(store::Transaction& transaction, const Lease& lease, const std::vector<SearchTrialRecord>& trials) {
  const auto attempt = hold_attempt(transaction, lease);
  if (!attempt) return false;
  for (const SearchTrialRecord& trial : trials) {
    execute(transaction, kInsertTrial, lease.run, *attempt, trial.number, trial.params, trial.metric, trial.value,
            trial.fault, trial.train_rows, trial.rows, trial.seconds, trial.chosen);
  }
  return true;
}

}  // namespace retraind::runs
