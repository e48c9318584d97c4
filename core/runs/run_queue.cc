#include "core/runs/run_queue.h"

#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;
using store::read;

constexpr const char* kClaimRun = R"sql(/* retraind:runs.claim_run */
UPDATE retraind.run r
   SET state = 'running', lease_term = nextval('retraind.lease_term'), lease_holder = $1::uuid, instance = $2,
       heartbeat_at = $3, lease_expires_at = $3::timestamptz + $4::interval, started_at = coalesce(r.started_at, $3),
       worker_pid = NULL, step = NULL,
       reason = format('claimed by %s', $2::text)
  FROM retraind.model m, retraind.configuration c
 WHERE r.run_id = (SELECT q.run_id FROM retraind.run q
                    WHERE q.state = 'queued' AND q.not_before <= $3 AND q.source = ANY ($5::text[])
                    ORDER BY q.not_before, q.run_id LIMIT 1 FOR UPDATE SKIP LOCKED)
   AND m.model_id = r.model_id AND c.model_id = r.model_id AND c.sha256 = r.configuration_sha256
RETURNING r.run_id, r.model_id, m.name, r.trigger, r.source, r.configuration_sha256, c.settings::text, r.attempt,
          r.max_attempts, r.lease_term, r.lease_expires_at, r.version)sql";

constexpr const char* kRenewLease = R"sql(/* retraind:runs.renew_lease */
UPDATE retraind.run SET heartbeat_at = $3, lease_expires_at = $3::timestamptz + $4::interval
 WHERE run_id = $1 AND lease_term = $2 AND state = 'running' AND lease_expires_at > $3
RETURNING cancel_requested_by)sql";

// This one and the records below are given no `now`: they take the one of act_as, or else the clock.
constexpr const char* kNoteWorker = R"sql(/* retraind:runs.note_worker */
UPDATE retraind.run SET worker_pid = $3 WHERE run_id = $1 AND lease_term = $2 AND state = 'running'
   AND lease_expires_at > coalesce(nullif(current_setting('retraind.now', true), '')::timestamptz, clock_timestamp()))sql";

constexpr const char* kNoteStep = R"sql(/* retraind:runs.note_step */
UPDATE retraind.run SET step = $3, step_started_at = $4, progress_done = NULL, progress_total = NULL, progress_unit = NULL,
       progress_since = NULL, progress_at = NULL
 WHERE run_id = $1 AND lease_term = $2 AND state = 'running' AND lease_expires_at > $4)sql";

// A step that was never noted has no progress to show. Where it counts something else than before (a search, and then
// the rounds of the candidate), that began when the former count was noted last.
constexpr const char* kNoteProgress = R"sql(/* retraind:runs.note_progress */
UPDATE retraind.run
   SET progress_done = $3, progress_total = nullif($4::bigint, 0), progress_unit = $5,
       progress_since = CASE WHEN progress_at IS NULL THEN step_started_at
                             WHEN progress_unit = $5 AND progress_total IS NOT DISTINCT FROM nullif($4::bigint, 0)
                                  AND progress_done <= $3 THEN progress_since
                             ELSE progress_at END,
       progress_at = greatest($6::timestamptz, progress_at, step_started_at)
 WHERE run_id = $1 AND lease_term = $2 AND state = 'running' AND lease_expires_at > $6 AND step_started_at IS NOT NULL)sql";

constexpr const char* kRecordStep = R"sql(/* retraind:runs.record_step */
INSERT INTO retraind.step (run_id, attempt, step, started_at, finished_at, rows, detail)
SELECT r.run_id, r.attempt, $3, $4::timestamptz, greatest($5::timestamptz, $4::timestamptz), $6::bigint, $7::jsonb FROM retraind.run r
 WHERE r.run_id = $1 AND r.lease_term = $2 AND r.state = 'running'
   AND r.lease_expires_at > coalesce(nullif(current_setting('retraind.now', true), '')::timestamptz, clock_timestamp())
ON CONFLICT (run_id, attempt, step) DO NOTHING)sql";

constexpr const char* kRecordLog = R"sql(/* retraind:runs.record_log */
INSERT INTO retraind.run_log (run_id, attempt, text)
SELECT r.run_id, r.attempt, $3 FROM retraind.run r WHERE r.run_id = $1 AND r.lease_term = $2 AND r.state = 'running'
   AND r.lease_expires_at > coalesce(nullif(current_setting('retraind.now', true), '')::timestamptz, clock_timestamp())
ON CONFLICT (run_id, attempt) DO UPDATE SET text = excluded.text)sql";

// The end of a run may queue its successor, which needs the model's row; locked in this order, it cannot deadlock with
// the functions of the schema that lock the model first.
constexpr const char* kLockModelOf = R"sql(/* retraind:runs.lock_model_of_run */
SELECT 1 FROM retraind.model WHERE model_id = (SELECT model_id FROM retraind.run WHERE run_id = $1) FOR UPDATE)sql";

constexpr const char* kRequeueRun = R"sql(/* retraind:runs.requeue_run */
UPDATE retraind.run
   SET state = CASE WHEN attempt < max_attempts THEN 'queued' ELSE 'failed' END,
       attempt = CASE WHEN attempt < max_attempts THEN attempt + 1 ELSE attempt END,
       finished_at = CASE WHEN attempt < max_attempts THEN NULL ELSE $5::timestamptz END,
       not_before = $5::timestamptz + $4::interval,
       reason = CASE WHEN attempt < max_attempts THEN $3 ELSE format('gave up after %s attempts: %s', attempt, $3::text) END,
       lease_term = NULL, lease_holder = NULL, heartbeat_at = NULL, lease_expires_at = NULL, worker_pid = NULL
 WHERE run_id = $1 AND lease_term = $2 AND state = 'running' AND lease_expires_at > $5)sql";

constexpr const char* kHandBackRun = R"sql(/* retraind:runs.hand_back_run */
WITH back AS (
  UPDATE retraind.run
     SET state = 'queued', not_before = $4, reason = $3, attempt = attempt + 1, max_attempts = max_attempts + 1,
         lease_term = NULL, lease_holder = NULL, heartbeat_at = NULL, lease_expires_at = NULL, worker_pid = NULL
   WHERE run_id = $1 AND lease_term = $2 AND state = 'running' AND lease_expires_at > $4
  RETURNING run_id)
SELECT pg_notify('retraind_wake', 'run') FROM back)sql";

constexpr const char* kEndRun = R"sql(/* retraind:runs.end_run */
UPDATE retraind.run SET state = $3, reason = $4, finished_at = $5,
       lease_term = NULL, lease_holder = NULL, heartbeat_at = NULL, lease_expires_at = NULL, worker_pid = NULL
 WHERE run_id = $1 AND lease_term = $2 AND state = 'running' AND lease_expires_at > $5)sql";

constexpr const char* kTakeBack = R"sql(/* retraind:runs.take_back_expired_runs */
WITH lost AS (
  SELECT e.run_id, e.attempt, e.instance FROM retraind.run e JOIN retraind.model o USING (model_id)
   WHERE e.state = 'running' AND e.lease_expires_at <= $1 ORDER BY e.run_id FOR UPDATE SKIP LOCKED)
UPDATE retraind.run r
   SET state = CASE WHEN r.attempt < r.max_attempts THEN 'queued' ELSE 'failed' END,
       attempt = CASE WHEN r.attempt < r.max_attempts THEN r.attempt + 1 ELSE r.attempt END,
       finished_at = CASE WHEN r.attempt < r.max_attempts THEN NULL ELSE $1::timestamptz END,
       not_before = $1,
       reason = CASE WHEN r.attempt < r.max_attempts
                     THEN format('the lease of %s expired at %s (crashed, paused or cut off)', r.instance, r.lease_expires_at)
                     ELSE format('gave up after %s attempts: the lease of %s expired at %s (crashed, paused or cut off)', r.attempt, r.instance, r.lease_expires_at) END,
       lease_term = NULL, lease_holder = NULL, heartbeat_at = NULL, lease_expires_at = NULL, worker_pid = NULL
  FROM lost, retraind.model m
 WHERE r.run_id = lost.run_id AND m.model_id = r.model_id
RETURNING r.run_id, m.name, lost.attempt, lost.instance, r.state = 'failed')sql";

constexpr const char* kNextDue = R"sql(/* retraind:runs.next_run_due */
SELECT min(not_before) FROM retraind.run WHERE state = 'queued' AND source = ANY ($1::text[]))sql";

constexpr const char* kFindRun = R"sql(/* retraind:runs.find_run */
SELECT state, attempt, lease_term, reason FROM retraind.run WHERE run_id = $1)sql";

}  // namespace

std::optional<ClaimedRun> claim_run(store::Transaction& transaction, const Executor& executor,
                                    const std::vector<std::string>& sources, Duration lease_time, TimePoint now) {
  act_as(transaction, executor, now);
  const pqxx::result claimed =
      execute(transaction, kClaimRun, executor.daemon_id, executor.instance, now, lease_time, sources);
  if (claimed.empty()) return std::nullopt;
  const pqxx::row row = claimed[0];
  return ClaimedRun{
      .id = read<RunId>(row[0]),
      .model = read<ModelId>(row[1]),
      .model_name = row[2].as<std::string>(),
      .trigger = row[3].as<std::string>(),
      .source = row[4].as<std::string>(),
      .configuration_sha256 = row[5].as<std::string>(),
      .configuration = row[6].as<std::string>(),
      .attempt = row[7].as<int>(),
      .max_attempts = row[8].as<int>(),
      .term = read<LeaseTerm>(row[9]),
      .lease_expires_at = read<TimePoint>(row[10]),
      .candidate = read<std::optional<int>>(row[11]),
  };
}

Heartbeat renew_lease(store::Transaction& transaction, const Lease& lease, Duration lease_time, TimePoint now) {
  const pqxx::result renewed = execute(transaction, kRenewLease, lease.run, lease.term, now, lease_time);
  if (renewed.empty()) return {};
  return {.held = true, .cancel_request = read<std::optional<std::string>>(renewed[0][0])};
}

bool note_worker(store::Transaction& transaction, const Lease& lease, int pid) {
  return execute(transaction, kNoteWorker, lease.run, lease.term, pid).affected_rows() == 1;
}

bool note_step(store::Transaction& transaction, const Lease& lease, Step step, TimePoint now) {
  return execute(transaction, kNoteStep, lease.run, lease.term, step, now).affected_rows() == 1;
}

bool note_progress(store::Transaction& transaction, const Lease& lease, std::uint64_t done, std::uint64_t total,
                   ProgressUnit unit, TimePoint now) {
  return execute(transaction, kNoteProgress, lease.run, lease.term, done, total, unit, now).affected_rows() == 1;
}

bool record_step(store::Transaction& transaction, const Lease& lease, const FinishedStep& step) {
  return execute(transaction, kRecordStep, lease.run, lease.term, step.step, step.started_at, step.finished_at,
                 step.rows, step.detail)
             .affected_rows() == 1;
}

bool record_log(store::Transaction& transaction, const Lease& lease, const std::string& text) {
  return execute(transaction, kRecordLog, lease.run, lease.term, text).affected_rows() == 1;
}

bool requeue_run(store::Transaction& transaction, const Executor& executor, const Lease& lease,
                 const std::string& reason, Duration delay, TimePoint now) {
  act_as(transaction, executor, now);
  execute(transaction, kLockModelOf, lease.run);
  return execute(transaction, kRequeueRun, lease.run, lease.term, reason, delay, now).affected_rows() == 1;
}

bool hand_back_run(store::Transaction& transaction, const Executor& executor, const Lease& lease,
                   const std::string& reason, TimePoint now) {
  act_as(transaction, executor, now);
  return !execute(transaction, kHandBackRun, lease.run, lease.term, reason, now).empty();
}

bool end_run(store::Transaction& transaction, const Executor& executor, const Lease& lease, RunState state,
             const std::string& reason, TimePoint now) {
  act_as(transaction, executor, now);
  execute(transaction, kLockModelOf, lease.run);
  return execute(transaction, kEndRun, lease.run, lease.term, state, reason, now).affected_rows() == 1;
}

std::vector<TakenBack> take_back_expired_runs(store::Transaction& transaction, const Executor& executor,
                                              TimePoint now) {
  act_as(transaction, executor, now);
  std::vector<TakenBack> out;
  for (const auto& row : execute(transaction, kTakeBack, now)) {
    out.push_back({.run = read<RunId>(row[0]),
                   .model = row[1].as<std::string>(),
                   .attempt = row[2].as<int>(),
                   .holder = row[3].as<std::string>(),
                   .failed = row[4].as<bool>()});
  }
  return out;
}

std::optional<TimePoint> next_run_due(store::Transaction& transaction, const std::vector<std::string>& sources) {
  return read<std::optional<TimePoint>>(execute(transaction, kNextDue, sources).at(0).at(0));
}

std::optional<RunFate> find_run(store::Transaction& transaction, RunId run) {
  const pqxx::result found = execute(transaction, kFindRun, run);
  if (found.empty()) return std::nullopt;
  return RunFate{.state = read<RunState>(found[0][0]),
                 .attempt = found[0][1].as<int>(),
                 .term = read<std::optional<LeaseTerm>>(found[0][2]),
                 .reason = read<std::optional<std::string>>(found[0][3])};
}

}  // namespace retraind::runs
