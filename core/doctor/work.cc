#include "core/doctor/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/store/sql.h"

namespace retraind::doctor {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using store::execute;
using store::read;

// The limits of what is normal. A lease is taken back within lease_time and a poll_interval of a daemon.
constexpr Duration kAlive = minutes(2);
constexpr int kDeliveriesThatFail = 3;
constexpr int kLooksThatFail = 5;

constexpr const char* kDaemons = R"sql(/* retraind:doctor.daemons */
SELECT DISTINCT ON (d.instance) d.instance, d.version, d.stopped_at IS NOT NULL,
       (extract(epoch FROM $1::timestamptz - d.last_seen_at) * 1000000)::bigint, d.configuration_sha256
  FROM retraind.daemon d WHERE d.last_seen_at > $1::timestamptz - interval '30 days'
 ORDER BY d.instance, d.started_at DESC)sql";

constexpr const char* kDisagreeing = R"sql(/* retraind:doctor.retention_policies */
SELECT format('%s (%s)', p.kind, string_agg(format('%s: %s', p.instance, CASE WHEN p.keep = interval '0' THEN 'for ever' ELSE justify_hours(p.keep)::text END), ', ' ORDER BY p.instance))
  FROM retraind.retention_policy p
 WHERE EXISTS (SELECT FROM retraind.daemon d WHERE d.instance = p.instance AND d.last_seen_at > $1::timestamptz - interval '7 days')
 GROUP BY p.kind HAVING count(DISTINCT p.keep) > 1 ORDER BY p.kind)sql";

constexpr const char* kExpired = R"sql(/* retraind:doctor.expired_leases */
SELECT 'run ' || r.run_id, m.name, coalesce(r.instance, ''), (extract(epoch FROM $2::timestamptz - r.lease_expires_at) * 1000000)::bigint, r.attempt
  FROM retraind.run r JOIN retraind.model m USING (model_id)
 WHERE r.state = 'running' AND r.lease_expires_at < $2::timestamptz - interval '2 minutes' AND ($1::text IS NULL OR m.name = $1)
 ORDER BY r.lease_expires_at)sql";

// What nobody has in hand, though it is due. A removed model waits for nobody.
constexpr const char* kOverdue = R"sql(/* retraind:doctor.overdue */
SELECT o.what, m.name, o.source, (extract(epoch FROM $2::timestamptz - o.due_at) * 1000000)::bigint, 0
  FROM (SELECT t.model_id, 'trigger ' || t.trigger AS what, t.source, greatest(t.next_due_at, t.lease_expires_at) AS due_at
          FROM retraind.monitor t WHERE t.enabled AND t.next_due_at IS NOT NULL
        UNION ALL
        SELECT t.model_id, t.kind || ' ' || t.trial_id, r.source, greatest(t.next_due_at, t.lease_expires_at)
          FROM retraind.trial t JOIN retraind.run r USING (run_id) WHERE t.outcome IS NULL
        UNION ALL
        SELECT s.model_id, 'scoring', s.source, greatest(s.next_due_at, s.lease_expires_at) FROM retraind.scoring s
        UNION ALL
        SELECT r.model_id, 'run ' || r.run_id, r.source, r.not_before FROM retraind.run r WHERE r.state = 'queued' AND r.lease_term IS NULL
       ) o
  JOIN retraind.model m USING (model_id)
 WHERE m.removed_at IS NULL AND o.due_at < $2::timestamptz - interval '10 minutes' AND ($1::text IS NULL OR m.name = $1)
   AND (o.what NOT LIKE 'run %' OR NOT EXISTS (SELECT FROM retraind.run b WHERE b.state = 'running' AND b.lease_expires_at > $2::timestamptz))
 ORDER BY o.due_at)sql";

constexpr const char* kOpenRuns = R"sql(/* retraind:doctor.open_runs */
SELECT 'run ' || r.run_id, m.name, replace(r.state, '_', ' '), (extract(epoch FROM $2::timestamptz - r.queued_at) * 1000000)::bigint, r.attempt
  FROM retraind.run r JOIN retraind.model m USING (model_id)
 WHERE ($1::text IS NULL OR m.name = $1)
   AND (r.state IN ('queued', 'running') AND r.queued_at < $2::timestamptz - interval '1 day'
        OR r.state = 'awaiting_approval' AND r.queued_at < $2::timestamptz - interval '7 days')
 ORDER BY r.queued_at)sql";

constexpr const char* kFailing = R"sql(/* retraind:doctor.failing_models */
SELECT 'run ' || l.run_id, m.name, l.reason, (extract(epoch FROM $2::timestamptz - l.finished_at) * 1000000)::bigint, l.failures
  FROM retraind.model m
  JOIN LATERAL (
    SELECT (array_agg(r.run_id ORDER BY r.run_id DESC))[1] AS run_id, (array_agg(r.reason ORDER BY r.run_id DESC))[1] AS reason,
           max(r.finished_at) AS finished_at, count(*) FILTER (WHERE r.state = 'failed')::integer AS failures
      FROM (SELECT x.run_id, x.reason, x.finished_at, x.state FROM retraind.run x
             WHERE x.model_id = m.model_id AND x.finished_at IS NOT NULL AND x.state <> 'cancelled' ORDER BY x.run_id DESC LIMIT 3) r) l ON l.failures = 3
 WHERE m.removed_at IS NULL AND ($1::text IS NULL OR m.name = $1) ORDER BY m.name)sql";

constexpr const char* kReleases = R"sql(/* retraind:doctor.waiting_releases */
SELECT format('release %s to %s', x.release_id, x.target), x.model, coalesce(x.last_error, 'no attempt was made'),
       (extract(epoch FROM $2::timestamptz - x.created_at) * 1000000)::bigint, x.attempts
  FROM retraind.release_history x
 WHERE x.state = 'waiting' AND ($1::text IS NULL OR x.model = $1)
   AND (x.attempts >= 1 OR x.created_at < $2::timestamptz - interval '10 minutes')
 ORDER BY x.release_id)sql";

constexpr const char* kScorings = R"sql(/* retraind:doctor.failing_scorings */
SELECT 'scoring into ' || s.target, s.model, s.last_error, (extract(epoch FROM $2::timestamptz - s.looked_at) * 1000000)::bigint, s.failures
  FROM retraind.scoring_status s WHERE s.failures > 0 AND ($1::text IS NULL OR s.model = $1) ORDER BY s.model)sql";

constexpr const char* kAlerts = R"sql(/* retraind:doctor.alerts */
SELECT 'alert', s.model, a.text, 0, 0
  FROM retraind.status s, unnest(s.alerts || CASE WHEN s.data_problem IS NULL THEN '{}' ELSE ARRAY['the rows: ' || s.data_problem] END) AS a (text)
 WHERE $2::timestamptz IS NOT NULL AND ($1::text IS NULL OR s.model = $1) ORDER BY s.model, a.text)sql";

constexpr const char* kModels = R"sql(/* retraind:doctor.models */
SELECT count(*) FROM retraind.model m WHERE m.removed_at IS NULL AND ($1::text IS NULL OR m.name = $1))sql";

std::vector<Standing> standing(store::Transaction& transaction, const char* statement,
                               const std::optional<std::string>& model, TimePoint now) {
  std::vector<Standing> out;
  for (const auto& row : execute(transaction, statement, model, now)) {
    out.push_back({.what = row[0].as<std::string>(),
                   .model = row[1].as<std::string>(),
                   .detail = row[2].is_null() ? "" : row[2].as<std::string>(),
                   .since = row[3].is_null() ? Duration::zero() : Duration(row[3].as<std::int64_t>()),
                   .count = row[4].as<int>()});
  }
  return out;
}

std::string rounded(Duration duration) {
  return format_duration(duration < hours(48) ? std::chrono::floor<seconds>(duration)
                                              : std::chrono::floor<std::chrono::days>(duration));
}

template <class Say>
std::string spelled(const std::vector<Standing>& all, Say say) {
  std::vector<std::string> texts;
  for (const Standing& one : all) texts.push_back(say(one));
  return listed(texts, 3);
}

Finding judge_alive(const WorkFacts& work) {
  std::vector<std::string> alive;
  std::vector<std::string> silent;
  for (const DaemonFacts& daemon : work.daemons) {
    if (daemon.stopped) continue;
    if (daemon.silent <= kAlive)
      alive.push_back(daemon.instance);
    else
      silent.push_back(fmt::format("{}, last seen {} ago", daemon.instance, rounded(daemon.silent)));
  }
  if (alive.empty()) {
    return problem("daemons.alive",
                   silent.empty() ? "no daemon works on this registry" : "no daemon is alive: " + listed(silent),
                   "start one: systemctl start retraind, or `retraind run`; its log says why it ended");
  }
  if (!silent.empty()) {
    return warning("daemons.alive", fmt::format("{} alive; gone without a word: {}", listed(alive), listed(silent)),
                   "look at that host; what the daemon had in hand is taken back by the others");
  }
  return ok("daemons.alive", listed(alive) + " alive");
}

Finding judge_agreement(const WorkFacts& work) {
  std::set<std::string> versions;
  std::set<std::string> configurations;
  std::vector<std::string> each;
  for (const DaemonFacts& daemon : work.daemons) {
    if (daemon.stopped || daemon.silent > kAlive) continue;
    versions.insert(daemon.version);
    configurations.insert(daemon.configuration.value_or(""));
    each.push_back(fmt::format("{} {} ({})", daemon.instance, daemon.version,
                               daemon.configuration ? daemon.configuration->substr(0, 12) : "no configuration yet"));
  }
  if (versions.size() > 1) {
    return warning("daemons.agree", "daemons of different versions: " + listed(each),
                   "stop all, upgrade all, start all: see \"Upgrading\" in operations.md");
  }
  if (configurations.size() > 1) {
    return warning("daemons.agree", "daemons with different models or settings of them: " + listed(each),
                   "give all the same files, unless they serve different models; for one model the newest load wins");
  }
  return ok("daemons.agree", each.size() < 2 ? "there is nobody to disagree" : "all have the same models");
}

}  // namespace

WorkFacts read_work(store::Transaction& transaction, const std::optional<std::string>& model, TimePoint now) {
  WorkFacts out;
  for (const auto& row : execute(transaction, kDaemons, now)) {
    out.daemons.push_back({.instance = row[0].as<std::string>(),
                           .version = row[1].as<std::string>(),
                           .stopped = row[2].as<bool>(),
                           .silent = Duration(row[3].as<std::int64_t>()),
                           .configuration = read<std::optional<std::string>>(row[4])});
  }
  for (const auto& row : execute(transaction, kDisagreeing, now)) out.disagreeing.push_back(row[0].as<std::string>());
  out.expired_leases = standing(transaction, kExpired, model, now);
  out.overdue = standing(transaction, kOverdue, model, now);
  out.open_runs = standing(transaction, kOpenRuns, model, now);
  out.failing_models = standing(transaction, kFailing, model, now);
  out.waiting_releases = standing(transaction, kReleases, model, now);
  out.failing_scorings = standing(transaction, kScorings, model, now);
  out.alerts = standing(transaction, kAlerts, model, now);
  out.models = execute(transaction, kModels, model).at(0)[0].as<std::size_t>();
  return out;
}

Findings judge_work(const WorkFacts& work) {
  Findings out = {judge_alive(work), judge_agreement(work)};
  out.push_back(work.disagreeing.empty()
                    ? ok("daemons.retention", "the daemons want the same to be kept")
                    : warning("daemons.retention", "the longest counts: " + listed(work.disagreeing),
                              "give all daemons the same [retention]"));

  out.push_back(work.expired_leases.empty()
                    ? ok("work.leases", "no run stays with a daemon that is gone")
                    : problem("work.leases",
                              spelled(work.expired_leases,
                                      [](const Standing& s) {
                                        return fmt::format(
                                            "{} of model {}: the lease of {} expired {} ago, and nobody takes it back",
                                            s.what, s.model, s.detail.empty() ? "its daemon" : s.detail,
                                            rounded(s.since));
                                      }),
                              "any daemon that is alive does that within seconds: see daemons.alive"));
  out.push_back(work.overdue.empty()
                    ? ok("work.overdue", "nothing has been due for long")
                    : problem("work.overdue",
                              spelled(work.overdue,
                                      [](const Standing& s) {
                                        return fmt::format("{} of model {} has been due for {} (source {})", s.what,
                                                           s.model, rounded(s.since), s.detail);
                                      }),
                              "a daemon whose files name that source must be running, and not busy with too much: "
                              "max_parallel_runs"));
  out.push_back(work.open_runs.empty() ? ok("work.runs", "no run has been open for very long")
                                       : warning("work.runs",
                                                 spelled(work.open_runs,
                                                         [](const Standing& s) {
                                                           return fmt::format("{} of model {} has been open for {}: {}",
                                                                              s.what, s.model, rounded(s.since),
                                                                              s.detail);
                                                         }),
                                                 "retraind approve or reject one that awaits approval, retraind cancel "
                                                 "another; no other run of the model starts meanwhile"));
  out.push_back(work.failing_models.empty()
                    ? ok("work.failures", "no model fails run after run")
                    : warning("work.failures",
                              spelled(work.failing_models,
                                      [](const Standing& s) {
                                        return fmt::format("the last three runs of model {} failed; {}: {}", s.model,
                                                           s.what, s.detail);
                                      }),
                              "the reason says what to mend; retraind runs --model MODEL shows all"));

  const bool undelivered = std::ranges::any_of(
      work.waiting_releases, [](const Standing& s) { return s.since > hours(1) || s.count >= kDeliveriesThatFail; });
  const std::string releases = spelled(work.waiting_releases, [](const Standing& s) {
    return fmt::format("{} of model {} waits since {}, after {} attempts: {}", s.what, s.model, rounded(s.since),
                       s.count, s.detail);
  });
  const std::string deliver = "mend the target; then retraind.retry_release(id), or retraind.skip_release(id, reason)";
  out.push_back(work.waiting_releases.empty() ? ok("work.releases", "every promotion was announced")
                : undelivered                 ? problem("work.releases", releases, deliver)
                                              : warning("work.releases", releases, deliver));

  const bool unscored =
      std::ranges::any_of(work.failing_scorings, [](const Standing& s) { return s.count >= kLooksThatFail; });
  const std::string scorings = spelled(work.failing_scorings, [](const Standing& s) {
    return fmt::format("{} of model {} failed {} times in a row: {}", s.what, s.model, s.count, s.detail);
  });
  out.push_back(
      work.failing_scorings.empty() ? ok("work.scorings", "no scoring fails")
      : unscored ? problem("work.scorings", scorings, "see scoring.md; it goes on by itself once the cause is mended")
                 : warning("work.scorings", scorings, "see scoring.md; it is tried again by itself"));
  out.push_back(work.alerts.empty()
                    ? ok("work.alerts", fmt::format("no alert stands, of {} models", work.models))
                    : warning("work.alerts",
                              spelled(work.alerts,
                                      [](const Standing& s) { return fmt::format("model {}: {}", s.model, s.detail); }),
                              "retraind status shows them all; an alert ends by itself when its cause does"));
  return out;
}

}  // namespace retraind::doctor
