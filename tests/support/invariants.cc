#include "tests/support/invariants.h"

#include <fmt/format.h>
#include <zstd.h>

#include <boost/json.hpp>
#include <map>
#include <set>
#include <stdexcept>

#include "core/base/sha256.h"
#include "core/base/time.h"
#include "core/schedule/cron.h"

namespace retraind::testing {
namespace {

// Each statement returns one sentence a row; $LEASE stands for the bound of a lease in milliseconds.

constexpr const char* kProduction[] = {
    R"sql(/* one production version a model at any instant */
SELECT format('model %s had two production versions at once: promotion %s (version %s, %s) and promotion %s (version %s, %s)',
              m.name, a.promotion_id, a.version, a.during, b.promotion_id, b.version, b.during)
  FROM retraind.promotion a JOIN retraind.promotion b ON b.model_id = a.model_id AND b.promotion_id > a.promotion_id AND a.during && b.during
  JOIN retraind.model m ON m.model_id = a.model_id)sql",
    R"sql(/* one promotion a run */
SELECT format('run %s promoted %s times: promotions %s', p.run_id, count(*), string_agg(p.promotion_id::text, ', ' ORDER BY p.promotion_id))
  FROM retraind.promotion p WHERE p.kind = 'promotion' GROUP BY p.run_id HAVING count(*) > 1)sql",
    R"sql(/* promotions chain */
SELECT format('promotion %s of model %s says that version %s was in production before, but it was %s', c.promotion_id, m.name,
              coalesce(c.previous_version::text, 'none'), coalesce(c.before::text, 'none'))
  FROM (SELECT p.*, lag(p.version) OVER (PARTITION BY p.model_id ORDER BY p.promotion_id) AS before FROM retraind.promotion p) c
  JOIN retraind.model m USING (model_id) WHERE c.previous_version IS DISTINCT FROM c.before)sql",
    R"sql(/* production has no gap and only its newest range is open */
SELECT format('promotion %s of model %s begins at %s, but the one before it ended at %s', c.promotion_id, m.name, lower(c.during),
              coalesce(upper(c.range_before)::text, 'no time'))
  FROM (SELECT p.*, lag(p.during) OVER (PARTITION BY p.model_id ORDER BY p.promotion_id) AS range_before FROM retraind.promotion p) c
  JOIN retraind.model m USING (model_id)
 WHERE c.range_before IS NOT NULL AND upper(c.range_before) IS DISTINCT FROM lower(c.during))sql",
    R"sql(/* a model that ever had a production version has one now */
SELECT format('model %s had %s promotions, but nothing is in production now', m.name, count(*))
  FROM retraind.promotion p JOIN retraind.model m USING (model_id)
 GROUP BY m.model_id, m.name HAVING NOT bool_or(upper_inf(p.during)))sql",
    R"sql(/* a promoted run has its promotion, and a promotion its promoted run */
SELECT format('run %s is promoted, but there is no promotion of it', r.run_id) FROM retraind.run r
 WHERE r.state = 'promoted' AND NOT EXISTS (SELECT FROM retraind.promotion p WHERE p.run_id = r.run_id AND p.kind = 'promotion')
UNION ALL
SELECT format('promotion %s names run %s, which is %s with version %s, not promoted with version %s', p.promotion_id, p.run_id,
              r.state, coalesce(r.version::text, 'none'), p.version)
  FROM retraind.promotion p JOIN retraind.run r USING (run_id)
 WHERE p.kind = 'promotion' AND (r.state <> 'promoted' OR r.version IS DISTINCT FROM p.version))sql",
    R"sql(/* nothing quarantined is in production */
SELECT format('version %s of model %s is in production although it is quarantined since %s', p.version, m.name, q.since)
  FROM retraind.promotion p JOIN retraind.quarantine q ON q.model_id = p.model_id AND q.version = p.version AND q.lifted_at IS NULL
  JOIN retraind.model m ON m.model_id = p.model_id WHERE upper_inf(p.during))sql",
};

constexpr const char* kRuns[] = {
    R"sql(/* no lost trigger */
SELECT format('firing %s of trigger %s (model %s) was decided "fired", but it has no run and waits as no run''s successor',
              f.firing_id, f.trigger, m.name)
  FROM retraind.firing f JOIN retraind.model m USING (model_id)
 WHERE f.decision = 'fired' AND NOT EXISTS (SELECT FROM retraind.run r WHERE r.firing_id = f.firing_id)
   AND NOT EXISTS (SELECT FROM retraind.run r WHERE r.successor_firing_id = f.firing_id AND r.finished_at IS NULL))sql",
    R"sql(/* no run without a trigger */
SELECT format('run %s belongs to firing %s, which was decided "%s"', r.run_id, f.firing_id, f.decision)
  FROM retraind.run r JOIN retraind.firing f USING (firing_id) WHERE f.decision <> 'fired')sql",
    R"sql(/* one run a firing */
SELECT format('firing %s started %s runs: %s', r.firing_id, count(*), string_agg(r.run_id::text, ', ' ORDER BY r.run_id))
  FROM retraind.run r GROUP BY r.firing_id HAVING count(*) > 1)sql",
    R"sql(/* one open run a model */
SELECT format('model %s has %s open runs: %s', m.name, count(*), string_agg(r.run_id::text, ', ' ORDER BY r.run_id))
  FROM retraind.run r JOIN retraind.model m USING (model_id)
 WHERE r.state IN ('queued', 'running', 'awaiting_approval') GROUP BY m.model_id, m.name HAVING count(*) > 1)sql",
    R"sql(/* an end says why */
SELECT format('run %s ended as %s without a reason', r.run_id, r.state) FROM retraind.run r
 WHERE r.finished_at IS NOT NULL AND coalesce(r.reason, '') = '')sql",
    R"sql(/* a judged end has its verdict, and a verdict its gates */
SELECT format('run %s ended as %s without a verdict', r.run_id, r.state) FROM retraind.run r
 WHERE r.state IN ('promoted', 'rejected', 'inconclusive') AND r.verdict IS NULL
UNION ALL
SELECT format('run %s has the verdict "%s", but no gate that led to it', r.run_id, r.verdict) FROM retraind.run r
 WHERE r.verdict IS NOT NULL AND NOT EXISTS (SELECT FROM retraind.gate g WHERE g.run_id = r.run_id))sql",
    R"sql(/* the events of a run lead from nothing to its state, without a gap */
SELECT format('run %s has no event at all', r.run_id) FROM retraind.run r
 WHERE NOT EXISTS (SELECT FROM retraind.run_event e WHERE e.run_id = r.run_id)
UNION ALL
SELECT format('event %s of run %s goes from %s to %s, but the run was %s', e.event_id, e.run_id, coalesce(e.from_state, 'nothing'), e.to_state,
              coalesce(e.before, 'nothing'))
  FROM (SELECT x.*, lag(x.to_state) OVER w AS before FROM retraind.run_event x WINDOW w AS (PARTITION BY x.run_id ORDER BY x.event_id)) e
 WHERE e.from_state IS DISTINCT FROM e.before
UNION ALL
SELECT format('run %s is %s at attempt %s, but its last event says %s at attempt %s', r.run_id, r.state, r.attempt, e.to_state, e.attempt)
  FROM retraind.run r
  JOIN LATERAL (SELECT x.to_state, x.attempt FROM retraind.run_event x WHERE x.run_id = r.run_id ORDER BY x.event_id DESC LIMIT 1) e ON true
 WHERE (e.to_state, e.attempt) IS DISTINCT FROM (r.state, r.attempt))sql",
    R"sql(/* an attempt is claimed once, and each claim has a newer term */
SELECT format('attempt %s of run %s was claimed %s times', e.attempt, e.run_id, count(*)) FROM retraind.run_event e
 WHERE e.to_state = 'running' GROUP BY e.run_id, e.attempt HAVING count(*) > 1
UNION ALL
SELECT format('run %s was claimed under term %s after term %s', e.run_id, e.lease_term, e.before)
  FROM (SELECT x.run_id, x.lease_term, lag(x.lease_term) OVER (PARTITION BY x.run_id ORDER BY x.event_id) AS before
          FROM retraind.run_event x WHERE x.to_state = 'running') e
 WHERE e.lease_term IS NULL OR e.lease_term <= e.before
UNION ALL
SELECT format('term %s was given to %s claims', e.lease_term, count(*)) FROM retraind.run_event e
 WHERE e.to_state = 'running' GROUP BY e.lease_term HAVING count(*) > 1)sql",
    R"sql(/* nothing was written under a term that had been taken away */
SELECT format('event %s took run %s from running to %s under term %s, but it was claimed under term %s', e.event_id, e.run_id, e.to_state,
              coalesce(e.lease_term::text, 'none'), e.claimed)
  FROM (SELECT x.*, lag(x.lease_term) OVER (PARTITION BY x.run_id ORDER BY x.event_id) AS claimed FROM retraind.run_event x) e
 WHERE e.from_state = 'running' AND e.lease_term IS DISTINCT FROM e.claimed)sql",
    R"sql(/* steps belong to attempts that were made */
SELECT format('step %s of run %s is of attempt %s, which never ran', s.step, s.run_id, s.attempt) FROM retraind.step s
 WHERE NOT EXISTS (SELECT FROM retraind.run_event e WHERE e.run_id = s.run_id AND e.attempt = s.attempt AND e.to_state = 'running'))sql",
    R"sql(/* no run has more attempts than it may */
SELECT format('run %s is at attempt %s of %s', r.run_id, r.attempt, r.max_attempts) FROM retraind.run r WHERE r.attempt > r.max_attempts)sql",
};

constexpr const char* kVersions[] = {
    R"sql(/* versions are numbered without a gap */
SELECT format('model %s has %s versions up to number %s, and says that its last is %s', m.name, count(v.version), coalesce(max(v.version), 0), m.last_version)
  FROM retraind.model m LEFT JOIN retraind.model_version v USING (model_id) GROUP BY m.model_id
HAVING count(v.version) <> m.last_version OR coalesce(max(v.version), 0) <> m.last_version)sql",
    R"sql(/* a version and its run name each other */
SELECT format('version %s of model %s was made by run %s, which says it made %s', v.version, m.name, v.run_id, coalesce(r.version::text, 'none'))
  FROM retraind.model_version v JOIN retraind.run r ON r.run_id = v.run_id JOIN retraind.model m ON m.model_id = v.model_id
 WHERE r.version IS DISTINCT FROM v.version)sql",
    R"sql(/* a version's artifact is there */
SELECT format('version %s of model %s has the artifact %s, which is not in the registry', v.version, m.name, v.artifact_sha256)
  FROM retraind.model_version v JOIN retraind.model m USING (model_id)
 WHERE NOT EXISTS (SELECT FROM retraind.artifact a WHERE a.sha256 = v.artifact_sha256))sql",
    R"sql(/* a shadowing run has its trial */
SELECT format('run %s is shadowing, but %s trials of it are open', r.run_id, count(t.trial_id))
  FROM retraind.run r LEFT JOIN retraind.trial t ON t.run_id = r.run_id AND t.kind = 'shadow' AND t.outcome IS NULL
 WHERE r.state = 'shadowing' GROUP BY r.run_id HAVING count(t.trial_id) <> 1)sql",
    R"sql(/* no index is invalid */
SELECT format('index %s is invalid', i.indexrelid::regclass) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE c.relnamespace = 'retraind'::regnamespace AND NOT i.indisvalid)sql",
};

constexpr const char* kOutbox[] = {
    R"sql(/* each move of production is told to everybody who was configured then */
SELECT format('promotion %s of model %s was never put into the outbox for %s', p.promotion_id, m.name, t.name)
  FROM retraind.promotion p JOIN retraind.model m USING (model_id)
  JOIN LATERAL (SELECT l.sha256 FROM retraind.configuration_load l WHERE l.model_id = p.model_id AND l.loaded_at <= lower(p.during)
                 ORDER BY l.load_id DESC LIMIT 1) l ON true
  JOIN retraind.configuration c ON c.model_id = p.model_id AND c.sha256 = l.sha256
 CROSS JOIN LATERAL unnest(retraind.release_targets(c.settings)) AS t (name)
 WHERE NOT EXISTS (SELECT FROM retraind.release x WHERE x.promotion_id = p.promotion_id AND x.target = t.name))sql",
    R"sql(/* delivered means that an attempt succeeded, once */
SELECT format('release %s (%s) is %s after %s successful deliveries', x.release_id, x.target, x.state, count(a.release_id))
  FROM retraind.release x LEFT JOIN retraind.release_attempt a ON a.release_id = x.release_id AND a.delivered
 GROUP BY x.release_id HAVING count(a.release_id) <> (x.state = 'delivered')::int)sql",
    R"sql(/* in order, for each model and target */
SELECT format('release %s (%s) was settled at %s, before release %s of the same model and target, at %s', b.release_id, b.target, b.settled_at,
              a.release_id, coalesce(a.settled_at::text, 'no time'))
  FROM retraind.release a JOIN retraind.release b ON b.model_id = a.model_id AND b.target = a.target AND b.release_id > a.release_id
 WHERE b.state = 'delivered' AND (a.state = 'waiting' OR (a.state = 'delivered' AND a.settled_at > b.settled_at)))sql",
    R"sql(/* no attempt that was not begun */
SELECT format('release %s has attempt %s, but only %s were begun', x.release_id, a.attempt, x.attempts)
  FROM retraind.release x JOIN retraind.release_attempt a USING (release_id) WHERE a.attempt > x.attempts)sql",
};

constexpr const char* kLeases = R"sql(/* no stuck lease */
SELECT format('the lease of %s expired %s ago and nobody has taken it', l.what, date_trunc('milliseconds', clock_timestamp() - l.lease_expires_at))
  FROM (SELECT format('run %s', r.run_id) AS what, r.lease_expires_at FROM retraind.run r WHERE r.state = 'running'
        UNION ALL
        SELECT format('trigger %s of model %s', x.trigger, m.name), x.lease_expires_at FROM retraind.monitor x JOIN retraind.model m USING (model_id)
         WHERE x.enabled AND x.next_due_at <= clock_timestamp() AND m.removed_at IS NULL
        UNION ALL SELECT format('trial %s', t.trial_id), t.lease_expires_at FROM retraind.trial t
        UNION ALL SELECT format('release %s', e.release_id), e.lease_expires_at FROM retraind.release e
        UNION ALL SELECT format('the scoring of model %s', m.name), s.lease_expires_at FROM retraind.scoring s JOIN retraind.model m USING (model_id)) l
 WHERE l.lease_expires_at < clock_timestamp() - $LEASE * interval '1 millisecond')sql";

constexpr const char* kUnsettled = R"sql(/* everything has come to rest */
SELECT format('run %s is still %s: %s', r.run_id, r.state, coalesce(r.reason, '')) FROM retraind.run r WHERE r.state IN ('queued', 'running')
UNION ALL
SELECT format('release %s (%s) still waits after %s attempts', x.release_id, x.target, x.attempts) FROM retraind.release x WHERE x.state = 'waiting'
UNION ALL
SELECT format('trigger %s of model %s has been due since %s', x.trigger, m.name, x.next_due_at)
  FROM retraind.monitor x JOIN retraind.model m USING (model_id)
 WHERE x.enabled AND m.removed_at IS NULL AND x.next_due_at < clock_timestamp() - $LEASE * interval '1 millisecond')sql";

void ask(TestConnection& registry, const char* statement, const InvariantBounds& bounds,
         std::vector<std::string>& out) {
  std::string sql = statement;
  for (std::size_t at = sql.find("$LEASE"); at != std::string::npos; at = sql.find("$LEASE")) {
    sql.replace(at, 6, std::to_string(bounds.lease.count()));
  }
  for (const TextRow& row : registry.rows(sql)) out.push_back(row.at(0).value_or("a sentence without a value"));
}

std::string from_hex_bytea(const std::string& text) {
  // PostgreSQL's hex format: \x and two digits a byte.
  std::string out;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 2; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
  }
  return out;
}

// Read and hashed here, without the product's own reader.
void check_artifacts(TestConnection& registry, std::vector<std::string>& out) {
  for (const TextRow& artifact :
       registry.rows("SELECT sha256, size_bytes, chunks FROM retraind.artifact WHERE removed_at IS NULL")) {
    const std::string& sha256 = artifact.at(0).value();
    std::string bytes;
    std::string wrong;
    std::size_t chunks = 0;
    for (const TextRow& chunk : registry.rows(fmt::format(
             "SELECT chunk, zstd FROM retraind.artifact_chunk WHERE sha256 = '{}' ORDER BY chunk", sha256))) {
      if (chunk.at(0).value() != std::to_string(chunks++)) wrong = "a chunk is missing";
      const std::string zstd = from_hex_bytea(chunk.at(1).value());
      const unsigned long long size = ZSTD_getFrameContentSize(zstd.data(), zstd.size());
      if (size > (1ULL << 30)) {
        wrong = "a chunk is no zstd frame";
        break;
      }
      std::string part(static_cast<std::size_t>(size), '\0');
      if (ZSTD_decompress(part.data(), part.size(), zstd.data(), zstd.size()) != size) {
        wrong = "a chunk cannot be decompressed";
        break;
      }
      bytes += part;
    }
    if (wrong.empty() && std::to_string(chunks) != artifact.at(2).value()) wrong = "a chunk is missing";
    if (wrong.empty() && std::to_string(bytes.size()) != artifact.at(1).value()) wrong = "its size is another";
    if (wrong.empty()) {
      const std::string actual = to_hex(retraind::sha256(bytes));
      if (actual != sha256) wrong = "its bytes have sha256 " + actual;
    }
    if (!wrong.empty()) out.push_back(fmt::format("artifact {} is damaged: {}", sha256, wrong));
  }
}

TimePoint instant(const std::string& text) {
  const auto out = parse_instant(text);
  if (!out) throw std::runtime_error("no timestamp: " + text);
  return *out;
}

// Each slot between the first that was decided and the newest is accounted for: fired, suppressed, or one of those that
// one line gives up together. Only what was decided under the cron expression that is in force now.
void check_slots(TestConnection& registry, std::vector<std::string>& out) {
  for (const TextRow& monitor : registry.rows("SELECT x.model_id, m.name, x.trigger, x.rule::text, x.state::text FROM "
                                              "retraind.monitor x JOIN retraind.model m USING (model_id) WHERE x.kind "
                                              "= 'schedule'")) {
    const auto rule = boost::json::parse(monitor.at(3).value()).as_object();
    const auto state = boost::json::parse(monitor.at(4).value()).as_object();
    const std::string expression(rule.at("cron").as_string());
    const std::string zone(rule.at("timezone").as_string());
    const std::string name = fmt::format("trigger {} of model {}", monitor.at(2).value(), monitor.at(1).value());
    std::set<TimePoint> decided;
    std::vector<std::pair<TimePoint, TimePoint>> given_up;  // open intervals
    std::size_t given_up_slots = 0;
    for (const TextRow& firing : registry.rows(fmt::format(
             "SELECT slot, evidence ->> 'after', evidence ->> 'before', evidence ->> 'slots' FROM retraind.firing "
             "WHERE "
             "model_id = {} AND trigger = '{}' AND kind = 'schedule' AND evidence ->> 'cron' = '{}' AND evidence ->> "
             "'timezone' = '{}' ORDER BY firing_id",
             monitor.at(0).value(), monitor.at(2).value(), expression, zone))) {
      if (firing.at(0)) {
        if (!decided.insert(instant(*firing.at(0))).second) {
          out.push_back(fmt::format("slot {} of {} was decided twice", *firing.at(0), name));
        }
      } else if (firing.at(1) && firing.at(2)) {
        given_up.emplace_back(instant(*firing.at(1)), instant(*firing.at(2)));
        given_up_slots += std::stoul(firing.at(3).value_or("0"));
      }
    }
    if (decided.empty()) continue;
    const schedule::Cron cron = schedule::Cron::parse(expression);
    TimePoint first = *decided.begin();
    for (const auto& [after, before] : given_up) first = std::min(first, after);
    const TimePoint newest = *decided.rbegin();
    const schedule::Slots due = schedule::slots_between(cron, zone, first, newest, 1'000'000);
    std::set<TimePoint> expected(due.slots.begin(), due.slots.end());
    if (given_up.empty()) expected.insert(first);
    std::size_t covered = 0;
    for (const TimePoint slot : expected) {
      if (decided.contains(slot)) continue;
      bool is_covered = false;
      for (const auto& [after, before] : given_up) is_covered = is_covered || (slot > after && slot < before);
      if (is_covered) {
        ++covered;
      } else {
        out.push_back(
            fmt::format("slot {} of {} was neither fired nor recorded as missed", format_instant(slot), name));
      }
    }
    if (covered != given_up_slots) {
      out.push_back(fmt::format("{} gave up {} slots together, but {} are missing", name, given_up_slots, covered));
    }
    for (const TimePoint slot : decided) {
      if (!expected.contains(slot)) {
        out.push_back(
            fmt::format("slot {} of {} is none of \"{}\" in {}", format_instant(slot), name, expression, zone));
      }
    }
    if (const auto* last = state.if_contains("last_slot"); last != nullptr && last->is_string()) {
      if (instant(std::string(last->as_string())) < newest) {
        out.push_back(fmt::format("{} has decided slot {}, but remembers {} as its last", name, format_instant(newest),
                                  std::string(last->as_string())));
      }
    }
  }
}

}  // namespace

std::vector<std::string> broken_invariants(TestConnection& registry, const InvariantBounds& bounds) {
  std::vector<std::string> out;
  // One snapshot: a daemon that goes on working meanwhile must not look as if it had broken something.
  registry.exec("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
  try {
    registry.exec("SET LOCAL timezone = 'UTC'");
    for (const char* statement : kProduction) ask(registry, statement, bounds, out);
    for (const char* statement : kRuns) ask(registry, statement, bounds, out);
    for (const char* statement : kVersions) ask(registry, statement, bounds, out);
    for (const char* statement : kOutbox) ask(registry, statement, bounds, out);
    ask(registry, kLeases, bounds, out);
    if (bounds.settled) ask(registry, kUnsettled, bounds, out);
    check_artifacts(registry, out);
    check_slots(registry, out);
  } catch (...) {
    try {
      registry.exec("ROLLBACK");
    } catch (const std::exception&) {
      // The connection is gone; what went wrong first is what counts.
    }
    throw;
  }
  registry.exec("COMMIT");
  return out;
}

std::string in_lines(const std::vector<std::string>& sentences) {
  std::string out;
  for (const std::string& sentence : sentences) out += "  " + sentence + "\n";
  return out;
}

}  // namespace retraind::testing
