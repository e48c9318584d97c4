#pragma once
// The outbox: whom a promotion or rollback must still be announced to, one row for each target that the model's
// [release] names, written by retraind.move_production in the transaction that moved production. Delivered at least
// once each, and for each model and target in the order of the promotions: one that fails is tried again, with growing
// pauses, before any later one is. A failure never undoes a promotion. Every function works inside the caller's
// transaction and takes `now`.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/runs/daemons.h"
#include "core/settings/settings.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

struct ClaimedRelease {
  ReleaseId id{};
  ModelId model{};
  std::string model_name;
  ReleaseTarget target = ReleaseTarget::directory;
  settings::Release settings;  // of the configuration in force now, so that a mended one helps
  PromotionId promotion{};
  PromotionKind kind = PromotionKind::promotion;
  int version = 0;
  std::optional<int> previous_version;
  std::optional<RunId> run;
  TimePoint promoted_at{};
  std::string actor;
  std::string reason;
  std::string artifact_sha256;
  std::uint64_t attempt = 1;
  LeaseTerm term{};
};

// The oldest due delivery of a model whose source is among `sources`, none of whose predecessors for the same model and
// target is still to be delivered. One whose target is no longer configured is recorded as skipped on the way.
std::optional<ClaimedRelease> claim_release(store::Transaction& transaction, const Executor& executor,
                                            const std::vector<std::string>& sources, Duration lease_time,
                                            TimePoint now);
bool renew_release_lease(store::Transaction& transaction, const ClaimedRelease& release, Duration lease_time,
                         TimePoint now);
// Records the attempt; a failed one is due again after min(5 s * 2^(attempt - 1), 10 min). False when the lease was
// lost: somebody else delivers it, perhaps a second time.
bool record_delivery(store::Transaction& transaction, const Executor& executor, const ClaimedRelease& release,
                     bool delivered, const std::string& detail, TimePoint now);
std::optional<TimePoint> next_release_due(store::Transaction& transaction, const std::vector<std::string>& sources);

}  // namespace retraind::runs
