#include "core/runs/monitors.h"

#include <algorithm>

#include "core/settings/snapshot.h"
#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;
using store::read;

// A rule that stayed the same keeps its state; a changed one starts anew, so that slots of the old rule are not missed
// slots of the new one, and takes its lease from whoever is evaluating the old rule, whose outcome says nothing about
// it. A pipeline_change looks at the whole configuration, so each load is news to it.
constexpr const char* kPutMonitors = R"sql(/* retraind:runs.put_monitors */
INSERT INTO retraind.monitor AS m (model_id, trigger, kind, source, rule, enabled, next_due_at, state)
SELECT n.model_id, n.trigger, n.kind, n.source, n.rule::json, n.enabled, nullif(n.due, '')::timestamptz, n.state::json
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[], $8::text[])
       WITH ORDINALITY n (model_id, trigger, kind, source, rule, enabled, due, state, nth)
 ORDER BY n.nth
ON CONFLICT (model_id, trigger) DO UPDATE
   SET kind = excluded.kind, source = excluded.source, rule = excluded.rule, enabled = excluded.enabled,
       next_due_at = CASE WHEN m.rule::text = excluded.rule::text AND m.kind <> 'pipeline_change' THEN m.next_due_at ELSE excluded.next_due_at END,
       state = CASE WHEN m.rule::text = excluded.rule::text THEN m.state ELSE excluded.state END,
       phase = CASE WHEN m.rule::text = excluded.rule::text THEN m.phase ELSE 'inactive' END,
       lease_term = CASE WHEN m.rule::text = excluded.rule::text AND m.kind <> 'pipeline_change' THEN m.lease_term END,
       lease_holder = CASE WHEN m.rule::text = excluded.rule::text AND m.kind <> 'pipeline_change' THEN m.lease_holder END,
       lease_expires_at = CASE WHEN m.rule::text = excluded.rule::text AND m.kind <> 'pipeline_change' THEN m.lease_expires_at END)sql";

// A state that starts anew would forget the open alert, and nobody would ever say that it is over. The actor is whoever
// loaded the configuration in force; put_model has just written that.
constexpr const char* kResolveChanged = R"sql(/* retraind:runs.resolve_changed_monitors */
WITH changed AS (
  SELECT m.model_id, m.trigger, m.kind, n.nth
    FROM unnest($1::bigint[], $2::text[], $3::text[]) WITH ORDINALITY n (model_id, trigger, rule, nth)
    JOIN retraind.monitor m ON m.model_id = n.model_id AND m.trigger = n.trigger
   WHERE m.rule::text <> n.rule AND m.state ->> 'alerting' = 'true' FOR UPDATE OF m)
INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, evidence, actor)
SELECT c.model_id, c.trigger, c.kind, $4::timestamptz, 'resolved', 'the trigger was changed', '{}',
       coalesce((SELECT l.instance FROM retraind.configuration_load l WHERE l.model_id = c.model_id ORDER BY l.load_id DESC LIMIT 1), 'configuration')
  FROM changed c ORDER BY c.nth)sql";

constexpr const char* kRemoveMonitors = R"sql(/* retraind:runs.remove_monitors */
WITH gone AS (
  DELETE FROM retraind.monitor m
   WHERE m.model_id = ANY ($1::bigint[])
     AND NOT EXISTS (SELECT FROM unnest($2::bigint[], $3::text[]) n (model_id, trigger) WHERE n.model_id = m.model_id AND n.trigger = m.trigger)
  RETURNING m.model_id, m.trigger, m.kind, m.state)
INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, evidence, actor)
SELECT g.model_id, g.trigger, g.kind, $4::timestamptz, 'resolved', 'the trigger was removed', '{}',
       coalesce((SELECT l.instance FROM retraind.configuration_load l WHERE l.model_id = g.model_id ORDER BY l.load_id DESC LIMIT 1), 'configuration')
  FROM gone g WHERE g.state ->> 'alerting' = 'true' ORDER BY g.model_id, g.trigger)sql";

// A few of a queue are read from the front of its index, however many wait, for the rest of the transaction. Left to
// itself, the planner sorts all that are due while it has no statistics of a table that is new or was just filled, for
// each claim anew: ten thousand triggers that were due at once took ten minutes.
constexpr const char* kReadByIndex = R"sql(/* retraind:runs.read_queue_by_index */
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true))sql";

constexpr const char* kClaimDue = R"sql(/* retraind:runs.claim_due_monitors */
WITH due AS (
  SELECT d.monitor_id, d.next_due_at FROM retraind.monitor d
   WHERE d.enabled AND d.next_due_at <= $2 AND d.source = ANY ($3::text[])
     AND ($6::boolean OR d.kind NOT IN ('drift', 'performance'))
     AND (d.lease_expires_at IS NULL OR d.lease_expires_at <= $2)
     AND NOT EXISTS (SELECT FROM retraind.model r WHERE r.model_id = d.model_id AND r.removed_at IS NOT NULL)
   ORDER BY d.next_due_at LIMIT $4::bigint FOR UPDATE SKIP LOCKED)
UPDATE retraind.monitor m
   SET lease_term = nextval('retraind.lease_term'), lease_holder = $1::uuid, lease_expires_at = $2::timestamptz + $5::interval,
       woken = false
  FROM due, retraind.model o, retraind.configuration c
 WHERE m.monitor_id = due.monitor_id AND o.model_id = m.model_id AND c.model_id = m.model_id AND c.sha256 = o.configuration_sha256
RETURNING m.monitor_id, m.model_id, o.name, m.rule::text, m.state::text, m.source, c.settings::text, c.pipeline_sha256,
          m.lease_term, due.next_due_at)sql";

constexpr const char* kRenewLease = R"sql(/* retraind:runs.renew_monitor_lease */
UPDATE retraind.monitor SET lease_expires_at = $3::timestamptz + $4::interval WHERE monitor_id = $1 AND lease_term = $2)sql";

constexpr const char* kLockModel = R"sql(/* retraind:runs.lock_model */
SELECT m.paused_at IS NOT NULL, m.pause_reason,
       EXISTS (SELECT FROM retraind.promotion p WHERE p.model_id = m.model_id AND upper_inf(p.during)),
       (SELECT max(coalesce(r.shadowing_since, r.finished_at)) FROM retraind.run r WHERE r.model_id = m.model_id),
       EXISTS (SELECT FROM retraind.run r WHERE r.model_id = m.model_id AND r.state IN ('queued', 'running', 'awaiting_approval'))
  FROM retraind.model m WHERE m.model_id = $1 FOR UPDATE)sql";

// Cancelled runs say nothing about the trigger: they neither count nor end a row of bad ones. Inconclusive runs count:
// the same rows judged again at once would be inconclusive again; so do those whose candidate waits as a shadow, from
// when it began to wait. A promotion, whoever asked for it, ends the row: what failed was to beat another version. A
// shadow may be promoted after later runs have failed.
constexpr const char* kTriggerRuns = R"sql(/* retraind:runs.trigger_runs */
SELECT (SELECT count(*) FROM retraind.run r WHERE r.model_id = $1 AND r.trigger = $2 AND r.queued_at > $3::timestamptz - interval '24 hours'),
       count(*), max(coalesce(bad.shadowing_since, bad.finished_at))
  FROM retraind.run bad, (SELECT coalesce(max(p.run_id), 0) AS run_id, coalesce(max(p.finished_at), '-infinity') AS at
                            FROM retraind.run p WHERE p.model_id = $1 AND p.state = 'promoted') good
 WHERE bad.model_id = $1 AND bad.trigger = $2 AND bad.state IN ('rejected', 'inconclusive', 'failed', 'shadowing')
   AND bad.run_id > good.run_id AND coalesce(bad.shadowing_since, bad.finished_at) >= good.at)sql";

constexpr const char* kJudgedPipeline = R"sql(/* retraind:runs.find_judged_pipeline */
SELECT c.pipeline_sha256 FROM retraind.run r
  JOIN retraind.configuration c ON c.model_id = r.model_id AND c.sha256 = r.configuration_sha256
 WHERE r.model_id = $1 AND r.verdict IS NOT NULL ORDER BY r.run_id DESC LIMIT 1)sql";

constexpr const char* kJudgedWindowEnd = R"sql(/* retraind:runs.find_judged_window_end */
SELECT coalesce(r.window_to_number, extract(epoch FROM r.window_to) * 1000000) FROM retraind.run r
 WHERE r.model_id = $1 AND r.verdict IS NOT NULL ORDER BY r.run_id DESC LIMIT 1)sql";

constexpr const char* kFire = R"sql(/* retraind:runs.fire */
SELECT firing_id, run_id, decision, reason
  FROM retraind.fire($1::bigint, $2, $3, $4::timestamptz, $5, $6::jsonb, $7, $8::timestamptz, $9::boolean))sql";

constexpr const char* kInsertDecision = R"sql(/* retraind:runs.insert_decision */
INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, slot, decision, reason, evidence, actor)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9))sql";

constexpr const char* kHoldLease = R"sql(/* retraind:runs.hold_monitor_lease */
SELECT 1 FROM retraind.monitor WHERE monitor_id = $1 AND lease_term = $2 FOR UPDATE)sql";

// A signal that came during the evaluation, and one whose time has yet to come, are looked at as soon as they can be.
constexpr const char* kFinishMonitor = R"sql(/* retraind:runs.finish_monitor */
UPDATE retraind.monitor m
   SET state = $3::json, phase = $4, last_evaluated_at = $6, last_sentence = coalesce(nullif($7, ''), m.last_sentence), woken = false,
       next_due_at = CASE WHEN m.kind = 'signal' AND m.enabled THEN
           least($5::timestamptz, CASE WHEN m.woken THEN $6::timestamptz END,
                 (SELECT min(s.at) FROM retraind.signal s WHERE s.name = m.rule ->> 'signal' AND s.at > $6::timestamptz))
         ELSE $5::timestamptz END,
       lease_term = NULL, lease_holder = NULL, lease_expires_at = NULL
 WHERE m.monitor_id = $1 AND m.lease_term = $2)sql";

// The first of those that nobody holds, by the index of due times, and of the few that somebody does.
constexpr const char* kNextDue = R"sql(/* retraind:runs.next_monitor_due */
SELECT least(
  (SELECT m.next_due_at FROM retraind.monitor m
    WHERE m.enabled AND m.next_due_at IS NOT NULL AND m.lease_term IS NULL AND m.source = ANY ($1::text[])
      AND NOT EXISTS (SELECT FROM retraind.model o WHERE o.model_id = m.model_id AND o.removed_at IS NOT NULL)
    ORDER BY m.next_due_at LIMIT 1),
  (SELECT min(greatest(m.next_due_at, m.lease_expires_at)) FROM retraind.monitor m
    WHERE m.lease_term IS NOT NULL AND m.enabled AND m.next_due_at IS NOT NULL AND m.source = ANY ($1::text[])
      AND NOT EXISTS (SELECT FROM retraind.model o WHERE o.model_id = m.model_id AND o.removed_at IS NOT NULL))))sql";

// A suppression because of an open run is found out only under the model's lock, after the pure evaluation; it is
// remembered in the same place, so that a lasting one is recorded once.
constexpr const char* kOpenRunSuppression = "suppressed:open_run";

// What a daemon must know to evaluate the trigger. Signals and Prometheus need no source; the model's decides for them
// as well, so that one daemon looks after all of a model.
const std::string& source_of(const settings::Trigger& trigger, const settings::Model& model) {
  const auto* query = std::get_if<settings::QueryTrigger>(&trigger.rule);
  return query != nullptr && !query->source.empty() ? query->source : model.source;
}

}  // namespace

void put_monitors(store::Transaction& transaction, const std::vector<ConfiguredModel>& models, TimePoint now) {
  std::vector<std::string> all;
  // Of each trigger.
  std::vector<std::string> ids, names, kinds, sources, rules, enabled, due, states;
  for (const ConfiguredModel& model : models) {
    all.push_back(std::to_string(number(model.id)));
    for (const settings::Trigger& trigger : model.settings->triggers) {
      trigger::State state;
      if (trigger.kind() == TriggerKind::schedule) state.last_slot = now;
      ids.push_back(all.back());
      names.push_back(trigger.name);
      kinds.emplace_back(to_text(trigger.kind()));
      sources.push_back(source_of(trigger, *model.settings));
      rules.push_back(settings::to_json(trigger));
      enabled.emplace_back(trigger.enabled ? "true" : "false");
      due.push_back(store::parameter(trigger::first_due(trigger, now)).value_or(""));
      states.push_back(trigger::to_json(state));
    }
  }
  if (all.empty()) return;
  if (!ids.empty()) {
    execute(transaction, kResolveChanged, ids, names, rules, now);
    execute(transaction, kPutMonitors, ids, names, kinds, sources, rules, enabled, due, states);
  }
  execute(transaction, kRemoveMonitors, all, ids, names, now);
}

void put_monitors(store::Transaction& transaction, ModelId model, const settings::Model& settings, TimePoint now) {
  put_monitors(transaction, {{.id = model, .settings = &settings}}, now);
}

std::vector<ClaimedMonitor> claim_due_monitors(store::Transaction& transaction, const Executor& executor,
                                               const std::vector<std::string>& sources, MonitorPlaces places,
                                               Duration lease_time, TimePoint now) {
  std::vector<ClaimedMonitor> out;
  const auto claim = [&](std::size_t most, bool looks) {
    for (const auto& row : execute(transaction, kClaimDue, executor.daemon_id, now, sources, most, lease_time, looks)) {
      out.push_back({.id = read<MonitorId>(row[0]),
                     .model = read<ModelId>(row[1]),
                     .model_name = row[2].as<std::string>(),
                     .trigger = settings::trigger_from_json(row[3].as<std::string>()),
                     .state = trigger::state_from_json(row[4].as<std::string>()),
                     .source = row[5].as<std::string>(),
                     .configuration = row[6].as<std::string>(),
                     .pipeline_sha256 = row[7].as<std::string>(),
                     .term = read<LeaseTerm>(row[8]),
                     .due_at = read<TimePoint>(row[9])});
    }
  };
  execute(transaction, kReadByIndex);
  // No more of all kinds than may be taken if each of them should be a look; then others.
  const std::size_t of_any_kind = std::min(places.all, places.looks);
  if (of_any_kind > 0) claim(of_any_kind, true);
  const bool nothing_more = out.size() < of_any_kind;
  if (!nothing_more && out.size() < places.all) claim(places.all - out.size(), false);
  return out;
}

bool renew_monitor_lease(store::Transaction& transaction, const ClaimedMonitor& monitor, Duration lease_time,
                         TimePoint now) {
  return execute(transaction, kRenewLease, monitor.id, monitor.term, now, lease_time).affected_rows() == 1;
}

trigger::ModelContext lock_context(store::Transaction& transaction, ModelId model, const std::string& trigger_name,
                                   TimePoint now) {
  trigger::ModelContext context;
  const pqxx::result locked = execute(transaction, kLockModel, model);
  const pqxx::row row = locked.at(0);
  context.paused = row[0].as<bool>();
  context.pause_reason = row[1].as<std::string>("");
  context.has_production = row[2].as<bool>();
  context.last_finished_at = read<std::optional<TimePoint>>(row[3]);
  context.run_open = row[4].as<bool>();
  const pqxx::result runs = execute(transaction, kTriggerRuns, model, trigger_name, now);
  context.runs_in_last_day = runs.at(0)[0].as<int>();
  context.unsuccessful_in_a_row = runs[0][1].as<int>();
  context.last_unsuccessful_at = read<std::optional<TimePoint>>(runs[0][2]);
  return context;
}

std::optional<std::string> find_judged_pipeline(store::Transaction& transaction, ModelId model) {
  const pqxx::result found = execute(transaction, kJudgedPipeline, model);
  if (found.empty()) return std::nullopt;
  return found[0][0].as<std::string>();
}

std::optional<EventTime> find_judged_window_end(store::Transaction& transaction, ModelId model) {
  const pqxx::result found = execute(transaction, kJudgedWindowEnd, model);
  if (found.empty()) return std::nullopt;
  return read<std::optional<double>>(found[0][0]);
}

bool hold_monitor(store::Transaction& transaction, const ClaimedMonitor& monitor) {
  return !execute(transaction, kHoldLease, monitor.id, monitor.term).empty();
}

MonitorRecord record_outcome(store::Transaction& transaction, const Executor& executor, const ClaimedMonitor& monitor,
                             const trigger::Outcome& outcome, const std::string& sentence, TimePoint now) {
  MonitorRecord record;
  if (execute(transaction, kHoldLease, monitor.id, monitor.term).empty()) return record;
  record.held = true;
  act_as(transaction, executor, now);
  trigger::State state = outcome.state;
  for (const trigger::Decision& decision : outcome.decisions) {
    if (decision.decision != FiringDecision::fired) {
      execute(transaction, kInsertDecision, monitor.model, monitor.trigger.name, monitor.trigger.kind(), now,
              decision.slot, decision.decision, decision.reason, decision.evidence, executor.instance);
      record.decisions.push_back({decision.decision, decision.reason, std::nullopt});
      continue;
    }
    const bool quiet = monitor.state.last_recorded == kOpenRunSuppression && !decision.slot;
    const pqxx::result fired =
        execute(transaction, kFire, monitor.model, monitor.trigger.name, monitor.trigger.kind(), decision.slot,
                decision.reason, decision.evidence, executor.instance, now, quiet);
    const auto what = read<FiringDecision>(fired.at(0)[2]);
    if (what == FiringDecision::suppressed) {
      // The condition still wants its run; it stays in the firing phase and asks again at its next evaluation.
      state.last_recorded = kOpenRunSuppression;
      if (!decision.slot && monitor.trigger.kind() != TriggerKind::pipeline_change) state.phase = TriggerPhase::firing;
    }
    if (!fired[0][0].is_null()) {
      record.decisions.push_back({what, fired[0][3].as<std::string>(), read<std::optional<RunId>>(fired[0][1])});
    }
  }
  execute(transaction, kFinishMonitor, monitor.id, monitor.term, trigger::to_json(state), state.phase, outcome.next_due,
          now, sentence);
  return record;
}

std::optional<TimePoint> next_monitor_due(store::Transaction& transaction, const std::vector<std::string>& sources) {
  execute(transaction, kReadByIndex);
  return read<std::optional<TimePoint>>(execute(transaction, kNextDue, sources).at(0).at(0));
}

}  // namespace retraind::runs
