#include "core/runs/steering.h"

#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;
using store::read;

constexpr const char* kRequestRun = "/* retraind:runs.request_run */ SELECT retraind.request_run($1, $2)";
// request_run is the model's newest manual firing of this transaction.
constexpr const char* kRequestOutcome = R"sql(/* retraind:runs.request_outcome */
SELECT f.reason FROM retraind.trigger_history f WHERE f.model = $1 AND f.kind = 'manual' ORDER BY f.firing_id DESC LIMIT 1)sql";
constexpr const char* kApprove = "/* retraind:runs.approve */ SELECT retraind.approve($1, $2)";
constexpr const char* kReject = "/* retraind:runs.reject */ SELECT retraind.reject($1, $2)";
constexpr const char* kCancel = "/* retraind:runs.cancel */ SELECT retraind.cancel($1, $2)";
constexpr const char* kRollback = "/* retraind:runs.rollback */ SELECT retraind.rollback($1, $2, $3::integer)";
constexpr const char* kRolledBack = R"sql(/* retraind:runs.rolled_back */
SELECT p.version, p.previous_version,
       EXISTS (SELECT FROM retraind.quarantine_history q WHERE q.model = p.model AND q.version = p.previous_version AND q.lifted_at IS NULL)
  FROM retraind.promotion_history p WHERE p.promotion_id = $1)sql";
constexpr const char* kLiftQuarantine =
    "/* retraind:runs.lift_quarantine */ SELECT retraind.lift_quarantine($1, $2, $3)";
constexpr const char* kSkipRelease = "/* retraind:runs.skip_release */ SELECT retraind.skip_release($1, $2)";
constexpr const char* kRetryRelease = "/* retraind:runs.retry_release */ SELECT retraind.retry_release($1)";
constexpr const char* kPause = "/* retraind:runs.pause */ SELECT retraind.pause($1, $2)";
constexpr const char* kResume = "/* retraind:runs.resume */ SELECT retraind.resume($1)";

}  // namespace

Requested request_run(store::Transaction& transaction, const std::string& model, const std::string& reason) {
  Requested out;
  out.run = read<RunId>(execute(transaction, kRequestRun, model, reason).at(0).at(0));
  const std::string said = execute(transaction, kRequestOutcome, model).at(0).at(0).as<std::string>();
  if (said != reason) out.sentence = said;
  return out;
}

std::optional<PromotionId> approve(store::Transaction& transaction, RunId run, const std::string& reason) {
  return read<std::optional<PromotionId>>(execute(transaction, kApprove, run, reason).at(0).at(0));
}

void reject(store::Transaction& transaction, RunId run, const std::string& reason) {
  execute(transaction, kReject, run, reason);
}

std::string cancel(store::Transaction& transaction, RunId run, const std::string& reason) {
  return execute(transaction, kCancel, run, reason).at(0).at(0).as<std::string>();
}

RolledBack rollback(store::Transaction& transaction, const std::string& model, const std::string& reason,
                    std::optional<int> to_version) {
  RolledBack out;
  out.promotion = read<PromotionId>(execute(transaction, kRollback, model, reason, to_version).at(0).at(0));
  const pqxx::result found = execute(transaction, kRolledBack, out.promotion);
  out.version = found.at(0)[0].as<int>();
  out.left = found[0][1].as<int>();
  out.quarantined = found[0][2].as<bool>();
  return out;
}

void lift_quarantine(store::Transaction& transaction, const std::string& model, int version,
                     const std::string& reason) {
  execute(transaction, kLiftQuarantine, model, version, reason);
}

void skip_release(store::Transaction& transaction, ReleaseId release, const std::string& reason) {
  execute(transaction, kSkipRelease, release, reason);
}

void retry_release(store::Transaction& transaction, ReleaseId release) {
  execute(transaction, kRetryRelease, release);
}

void pause(store::Transaction& transaction, const std::string& model, const std::string& reason) {
  execute(transaction, kPause, model, reason);
}

void resume(store::Transaction& transaction, const std::string& model) {
  execute(transaction, kResume, model);
}

}  // namespace retraind::runs
