#include "core/runs/figures.h"

#include <algorithm>

#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;
using store::read;

// So many of the newest ids of a history are looked at again; far more than transactions are open at a time.
constexpr std::int64_t kOverlap = 100;

// A state that the partial index run_one_open holds, so that ended runs cost nothing; shadows have an index of their
// own.
constexpr const char* kRuns = R"sql(/* retraind:runs.count_open_runs */
SELECT r.state, count(*), min(greatest(r.queued_at, r.not_before)),
       count(*) FILTER (WHERE r.state = 'running' AND r.lease_expires_at < $1::timestamptz)
  FROM retraind.run r WHERE r.state IN ('queued', 'running', 'awaiting_approval') GROUP BY r.state
 UNION ALL
SELECT 'shadowing', count(*), NULL, 0 FROM retraind.run r WHERE r.state = 'shadowing')sql";

constexpr const char* kTrials = R"sql(/* retraind:runs.count_open_trials */
SELECT t.kind, count(*) FROM retraind.trial t WHERE t.outcome IS NULL GROUP BY t.kind)sql";

constexpr const char* kOverdue = R"sql(/* retraind:runs.find_longest_overdue_monitor */
SELECT d.next_due_at FROM retraind.monitor d
 WHERE d.enabled AND d.next_due_at <= $1 AND (d.lease_expires_at IS NULL OR d.lease_expires_at <= $1)
   AND NOT EXISTS (SELECT FROM retraind.model m WHERE m.model_id = d.model_id AND m.removed_at IS NOT NULL)
 ORDER BY d.next_due_at LIMIT 1)sql";

constexpr const char* kReleases = R"sql(/* retraind:runs.count_waiting_releases */
SELECT count(*), min(r.created_at) FROM retraind.release r WHERE r.state = 'waiting')sql";

constexpr const char* kDaemons = R"sql(/* retraind:runs.count_daemons */
SELECT count(*) FROM retraind.daemon d WHERE d.last_seen_at > $1::timestamptz - interval '1 minute' AND d.stopped_at IS NULL)sql";

constexpr const char* kModels = R"sql(/* retraind:runs.list_model_states */
SELECT m.model_id, m.name, m.paused_at IS NOT NULL, m.removed_at IS NOT NULL, p.version, lower(p.during)
  FROM retraind.model m
  LEFT JOIN retraind.promotion p ON p.model_id = m.model_id AND upper_inf(p.during))sql";

// $1 NULL: every model. Otherwise those to which something happened after the event.
constexpr const char* kRunsOfModels = R"sql(/* retraind:runs.find_last_runs */
WITH touched AS (
  SELECT m.model_id FROM retraind.model m WHERE $1::bigint IS NULL
   UNION
  SELECT (SELECT r.model_id FROM retraind.run r WHERE r.run_id = e.run_id) FROM retraind.run_event e WHERE e.event_id > $1::bigint)
SELECT t.model_id, ended.finished_at, coalesce(judged.finished_at, judged.shadowing_since, judged.waiting_since), failed.runs
  FROM touched t
  LEFT JOIN LATERAL (SELECT r.finished_at FROM retraind.run r WHERE r.model_id = t.model_id AND r.finished_at IS NOT NULL
                      ORDER BY r.run_id DESC LIMIT 1) ended ON true
  LEFT JOIN LATERAL (SELECT r.run_id, r.finished_at, r.shadowing_since,
                            CASE WHEN r.state = 'awaiting_approval' THEN
                              (SELECT max(e.at) FROM retraind.run_event e WHERE e.run_id = r.run_id AND e.to_state = 'awaiting_approval')
                            END AS waiting_since
                       FROM retraind.run r WHERE r.model_id = t.model_id AND r.verdict IS NOT NULL AND r.state NOT IN ('queued', 'running', 'failed')
                      ORDER BY r.run_id DESC LIMIT 1) judged ON true
  LEFT JOIN LATERAL (SELECT count(*) AS runs FROM (
                       SELECT 1 FROM retraind.run r
                        WHERE r.model_id = t.model_id AND r.run_id > coalesce(judged.run_id, 0) AND r.state = 'failed' LIMIT 100) f) failed ON true)sql";

constexpr const char* kNewestEvent = R"sql(/* retraind:runs.find_newest_event */
SELECT max(e.event_id) FROM retraind.run_event e)sql";

constexpr const char* kPromotionsOfModels = R"sql(/* retraind:runs.count_promotions */
WITH touched AS (
  SELECT m.model_id FROM retraind.model m WHERE $1::bigint IS NULL
   UNION
  SELECT p.model_id FROM retraind.promotion p WHERE p.promotion_id > $1::bigint)
SELECT t.model_id, c.promotions, c.rollbacks, c.newest
  FROM touched t
 CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE p.kind = 'promotion') AS promotions, count(*) FILTER (WHERE p.kind = 'rollback') AS rollbacks,
                            max(p.promotion_id) AS newest
                       FROM retraind.promotion p WHERE p.model_id = t.model_id) c
 WHERE c.newest IS NOT NULL)sql";

// What a feature, the scores or the label did; that time goes on is no drift.
constexpr const char* kDriftOfModels = R"sql(/* retraind:runs.find_last_drift_checks */
WITH touched AS (
  SELECT m.model_id FROM retraind.model m WHERE $1::bigint IS NULL
   UNION
  SELECT d.model_id FROM retraind.drift_check d WHERE d.check_id > $1::bigint)
SELECT t.model_id, d.check_id, d.checked_at, d.version, x.ratio, x.drifted
  FROM touched t
  CROSS JOIN LATERAL (SELECT d.check_id, d.checked_at, d.version FROM retraind.drift_check d WHERE d.model_id = t.model_id
                       ORDER BY d.check_id DESC LIMIT 1) d
  CROSS JOIN LATERAL (SELECT max(x.effect / x.threshold) FILTER (WHERE x.verdict <> 'insufficient_data' AND x.threshold > 0) AS ratio,
                             count(*) FILTER (WHERE x.verdict = 'drifted') AS drifted
                        FROM retraind.drift_result x WHERE x.check_id = d.check_id AND x.role IS DISTINCT FROM 'time') x)sql";

constexpr const char* kPerformanceOfModels = R"sql(/* retraind:runs.find_last_performance_checks */
WITH touched AS (
  SELECT m.model_id FROM retraind.model m WHERE $1::bigint IS NULL
   UNION
  SELECT c.model_id FROM retraind.performance_check c WHERE c.check_id > $1::bigint)
SELECT t.model_id, c.trigger, c.check_id, c.checked_at, c.version, c.metric, c.value, c.ci_low, c.ci_high, c.level, c.threshold
  FROM touched t
  -- Without OFFSET 0 all triggers of all models are read, to find those of a few.
  CROSS JOIN LATERAL (SELECT w.model_id, w.trigger FROM retraind.monitor w WHERE w.model_id = t.model_id AND w.kind = 'performance' OFFSET 0) w
  CROSS JOIN LATERAL (SELECT * FROM retraind.performance_check c WHERE c.model_id = w.model_id AND c.trigger = w.trigger
                       ORDER BY c.check_id DESC LIMIT 1) c)sql";

}  // namespace

std::optional<std::int64_t> FigureReader::Cursor::from() const {
  return begun ? std::optional(newest - kOverlap) : std::nullopt;
}

void FigureReader::Cursor::saw(std::int64_t id) {
  newest = std::max(newest, id);
}

QueueFigures read_queue_figures(store::Transaction& transaction, TimePoint now) {
  QueueFigures out;
  for (const RunState state : {RunState::queued, RunState::running, RunState::awaiting_approval, RunState::shadowing}) {
    out.runs[state] = 0;
  }
  for (const auto& row : execute(transaction, kRuns, now)) {
    const auto state = read<RunState>(row[0]);
    out.runs[state] = read<std::uint64_t>(row[1]);
    if (state == RunState::queued) out.queued_since = read<std::optional<TimePoint>>(row[2]);
    out.expired_leases += read<std::uint64_t>(row[3]);
  }
  out.trials = {{TrialKind::shadow, 0}, {TrialKind::bake, 0}};
  for (const auto& row : execute(transaction, kTrials)) {
    out.trials[read<TrialKind>(row[0])] = read<std::uint64_t>(row[1]);
  }
  const pqxx::result overdue = execute(transaction, kOverdue, now);
  if (!overdue.empty()) out.overdue_since = read<TimePoint>(overdue[0][0]);
  const pqxx::result releases = execute(transaction, kReleases);
  out.releases_waiting = read<std::uint64_t>(releases.at(0)[0]);
  out.release_waiting_since = read<std::optional<TimePoint>>(releases.at(0)[1]);
  out.daemons = read<std::uint64_t>(execute(transaction, kDaemons, now).at(0)[0]);
  return out;
}

std::optional<bool> surely_worse(const PerformanceFigures& figures) {
  if (!figures.threshold || !figures.low || !figures.high) return std::nullopt;
  return higher_is_better(figures.metric) ? *figures.high < *figures.threshold : *figures.low > *figures.threshold;
}

void FigureReader::follow_runs(store::Transaction& transaction) {
  // Before what happened is read: an event in between is then read twice rather than never.
  const auto newest = store::read<std::optional<std::int64_t>>(execute(transaction, kNewestEvent).at(0)[0]);
  for (const auto& row : execute(transaction, kRunsOfModels, runs_.from())) {
    ModelFigures& model = models_[store::read<std::int64_t>(row[0])];
    model.last_run_at = store::read<std::optional<TimePoint>>(row[1]);
    model.last_verdict_at = store::read<std::optional<TimePoint>>(row[2]);
    model.failed_runs = store::read<std::uint64_t>(row[3]);
  }
  runs_.saw(newest.value_or(0));
  runs_.begun = true;
}

void FigureReader::follow_promotions(store::Transaction& transaction) {
  for (const auto& row : execute(transaction, kPromotionsOfModels, promotions_.from())) {
    ModelFigures& model = models_[store::read<std::int64_t>(row[0])];
    model.promotions = store::read<std::uint64_t>(row[1]);
    model.rollbacks = store::read<std::uint64_t>(row[2]);
    promotions_.saw(store::read<std::int64_t>(row[3]));
  }
  promotions_.begun = true;
}

void FigureReader::follow_drift(store::Transaction& transaction) {
  for (const auto& row : execute(transaction, kDriftOfModels, drift_.from())) {
    models_[store::read<std::int64_t>(row[0])].drift =
        DriftFigures{.checked_at = store::read<TimePoint>(row[2]),
                     .version = store::read<int>(row[3]),
                     .largest_ratio = store::read<std::optional<double>>(row[4]),
                     .drifted = store::read<std::uint64_t>(row[5])};
    drift_.saw(store::read<std::int64_t>(row[1]));
  }
  drift_.begun = true;
}

void FigureReader::follow_performance(store::Transaction& transaction) {
  for (const auto& row : execute(transaction, kPerformanceOfModels, performance_.from())) {
    models_[store::read<std::int64_t>(row[0])].performance[store::read<std::string>(row[1])] =
        PerformanceFigures{.checked_at = store::read<TimePoint>(row[3]),
                           .version = store::read<int>(row[4]),
                           .metric = store::read<Metric>(row[5]),
                           .value = store::read<std::optional<double>>(row[6]),
                           .low = store::read<std::optional<double>>(row[7]),
                           .high = store::read<std::optional<double>>(row[8]),
                           .level = store::read<std::optional<double>>(row[9]),
                           .threshold = store::read<std::optional<double>>(row[10])};
    performance_.saw(store::read<std::int64_t>(row[2]));
  }
  performance_.begun = true;
}

RegistryFigures FigureReader::read(store::Transaction& transaction, TimePoint now) {
  RegistryFigures out;
  out.at = now;
  out.queues = read_queue_figures(transaction, now);
  follow_runs(transaction);
  follow_promotions(transaction);
  follow_drift(transaction);
  follow_performance(transaction);
  for (const auto& row : execute(transaction, kModels)) {
    if (store::read<bool>(row[3])) {
      ++out.removed_models;
      continue;
    }
    ModelFigures model = models_[store::read<std::int64_t>(row[0])];
    model.name = store::read<std::string>(row[1]);
    model.paused = store::read<bool>(row[2]);
    model.production = store::read<std::optional<int>>(row[4]);
    model.production_since = store::read<std::optional<TimePoint>>(row[5]);
    // What was found of another version says nothing about the one that is in production now.
    if (model.drift && model.drift->version != model.production) model.drift.reset();
    std::erase_if(model.performance, [&](const auto& check) { return check.second.version != model.production; });
    out.models.push_back(std::move(model));
  }
  std::sort(out.models.begin(), out.models.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

}  // namespace retraind::runs
