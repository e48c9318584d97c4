#include "core/runs/releases.h"

#include "core/settings/snapshot.h"
#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;
using store::read;

// What waits for a target that nobody configures any more would block the order for ever. Found when it is due, so that
// thousands that wait for a target which does not answer are not all looked at in each pass.
constexpr const char* kSkipUnconfigured = R"sql(/* retraind:runs.skip_unconfigured_releases */
UPDATE retraind.release x
   SET state = 'skipped', settled_at = $1::timestamptz, skipped_by = $2,
       skip_reason = 'release.' || CASE x.target WHEN 'command' THEN 'on_promote' ELSE x.target END || ' is no longer configured',
       next_due_at = NULL, lease_term = NULL, lease_holder = NULL, lease_expires_at = NULL
 WHERE x.release_id IN (
   SELECT w.release_id FROM retraind.release w JOIN retraind.model m USING (model_id)
     JOIN retraind.configuration c ON c.model_id = m.model_id AND c.sha256 = m.configuration_sha256
    WHERE w.state = 'waiting' AND w.next_due_at <= $1::timestamptz AND m.source = ANY ($3::text[]) AND NOT w.target = ANY (retraind.release_targets(c.settings))
      AND (w.lease_expires_at IS NULL OR w.lease_expires_at <= $1::timestamptz)
      FOR UPDATE OF w SKIP LOCKED))sql";

// Only the first of each model and target: those behind it wait, so that a target hears of promotions in their order.
constexpr const char* kClaimRelease = R"sql(/* retraind:runs.claim_release */
UPDATE retraind.release x
   SET lease_term = nextval('retraind.lease_term'), lease_holder = $1::uuid, lease_expires_at = $2::timestamptz + $4::interval,
       attempts = x.attempts + 1
  FROM retraind.model m, retraind.configuration c, retraind.promotion p, retraind.model_version v
 WHERE x.release_id = (SELECT d.release_id FROM retraind.release d JOIN retraind.model o USING (model_id)
                        WHERE d.state = 'waiting' AND d.next_due_at <= $2 AND o.source = ANY ($3::text[])
                          AND (d.lease_expires_at IS NULL OR d.lease_expires_at <= $2)
                          AND NOT EXISTS (SELECT FROM retraind.release b
                                           WHERE b.model_id = d.model_id AND b.target = d.target AND b.state = 'waiting'
                                             AND b.release_id < d.release_id)
                        ORDER BY d.next_due_at, d.release_id LIMIT 1 FOR UPDATE OF d SKIP LOCKED)
   AND m.model_id = x.model_id AND c.model_id = m.model_id AND c.sha256 = m.configuration_sha256
   AND p.promotion_id = x.promotion_id AND v.model_id = p.model_id AND v.version = p.version
RETURNING x.release_id, x.model_id, m.name, x.target, c.settings::text, p.promotion_id, p.kind, p.version, p.previous_version,
          p.run_id, lower(p.during), p.actor, p.reason, v.artifact_sha256, x.attempts, x.lease_term)sql";

constexpr const char* kRenewLease = R"sql(/* retraind:runs.renew_release_lease */
UPDATE retraind.release SET lease_expires_at = $3::timestamptz + $4::interval
 WHERE release_id = $1 AND lease_term = $2 AND state = 'waiting' AND lease_expires_at > $3)sql";

// An expired lease that nobody has taken over is good enough: what was delivered is better recorded than delivered
// again.
constexpr const char* kRecordDelivery = R"sql(/* retraind:runs.record_delivery */
WITH held AS (
  UPDATE retraind.release x
     SET state = CASE WHEN $3::boolean THEN 'delivered' ELSE 'waiting' END,
         settled_at = CASE WHEN $3::boolean THEN $5::timestamptz END,
         next_due_at = CASE WHEN NOT $3::boolean
           THEN $5::timestamptz + least(interval '5 seconds' * power(2, least(x.attempts - 1, 10)), interval '10 minutes') END,
         lease_term = NULL, lease_holder = NULL, lease_expires_at = NULL
   WHERE x.release_id = $1 AND x.lease_term = $2 AND x.state = 'waiting'
  RETURNING x.release_id, x.attempts)
INSERT INTO retraind.release_attempt (release_id, attempt, at, instance, delivered, detail)
SELECT h.release_id, h.attempts, $5::timestamptz, $6, $3::boolean, $4 FROM held h)sql";

constexpr const char* kNextDue = R"sql(/* retraind:runs.next_release_due */
SELECT min(greatest(x.next_due_at, x.lease_expires_at))
  FROM (SELECT DISTINCT ON (w.model_id, w.target) w.model_id, w.next_due_at, w.lease_expires_at FROM retraind.release w
         WHERE w.state = 'waiting' ORDER BY w.model_id, w.target, w.release_id) x
 -- As a value, so that the few models that wait are looked up rather than all of them read.
 WHERE (SELECT m.source FROM retraind.model m WHERE m.model_id = x.model_id) = ANY ($1::text[]))sql";

}  // namespace

std::optional<ClaimedRelease> claim_release(store::Transaction& transaction, const Executor& executor,
                                            const std::vector<std::string>& sources, Duration lease_time,
                                            TimePoint now) {
  execute(transaction, kSkipUnconfigured, now, executor.instance, sources);
  const pqxx::result claimed = execute(transaction, kClaimRelease, executor.daemon_id, now, sources, lease_time);
  if (claimed.empty()) return std::nullopt;
  const pqxx::row row = claimed[0];
  return ClaimedRelease{.id = read<ReleaseId>(row[0]),
                        .model = read<ModelId>(row[1]),
                        .model_name = row[2].as<std::string>(),
                        .target = read<ReleaseTarget>(row[3]),
                        .settings = settings::model_from_json(row[4].as<std::string>()).release,
                        .promotion = read<PromotionId>(row[5]),
                        .kind = read<PromotionKind>(row[6]),
                        .version = row[7].as<int>(),
                        .previous_version = read<std::optional<int>>(row[8]),
                        .run = read<std::optional<RunId>>(row[9]),
                        .promoted_at = read<TimePoint>(row[10]),
                        .actor = row[11].as<std::string>(),
                        .reason = row[12].as<std::string>(),
                        .artifact_sha256 = row[13].as<std::string>(),
                        .attempt = row[14].as<std::uint64_t>(),
                        .term = read<LeaseTerm>(row[15])};
}

bool renew_release_lease(store::Transaction& transaction, const ClaimedRelease& release, Duration lease_time,
                         TimePoint now) {
  return execute(transaction, kRenewLease, release.id, release.term, now, lease_time).affected_rows() == 1;
}

bool record_delivery(store::Transaction& transaction, const Executor& executor, const ClaimedRelease& release,
                     bool delivered, const std::string& detail, TimePoint now) {
  return execute(transaction, kRecordDelivery, release.id, release.term, delivered, detail, now, executor.instance)
             .affected_rows() == 1;
}

std::optional<TimePoint> next_release_due(store::Transaction& transaction, const std::vector<std::string>& sources) {
  return read<std::optional<TimePoint>>(execute(transaction, kNextDue, sources).at(0).at(0));
}

}  // namespace retraind::runs
