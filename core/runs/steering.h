#pragma once
// What people do at the command line, by the very functions of the schema that they would call in SQL: each checks,
// locks and records by itself, and raises DataError with its own words when it refuses. Works inside the caller's
// transaction.

#include <optional>
#include <string>

#include "core/base/ids.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

struct Requested {
  RunId run{};           // the run queued, or the open one that stands in for it
  std::string sentence;  // what happens, when a run was open already; else empty
};
Requested request_run(store::Transaction& transaction, const std::string& model, const std::string& reason);

// std::nullopt: not promoted, because production has changed since the run was judged; the run is queued, and the same
// candidate is judged again.
std::optional<PromotionId> approve(store::Transaction& transaction, RunId run, const std::string& reason);
void reject(store::Transaction& transaction, RunId run, const std::string& reason);
std::string cancel(store::Transaction& transaction, RunId run, const std::string& reason);

struct RolledBack {
  PromotionId promotion{};
  int version = 0;           // in production now
  int left = 0;              // the one that was
  bool quarantined = false;  // whether that one is quarantined now
};
RolledBack rollback(store::Transaction& transaction, const std::string& model, const std::string& reason,
                    std::optional<int> to_version);
void lift_quarantine(store::Transaction& transaction, const std::string& model, int version, const std::string& reason);

// Deliveries of the outbox: given up, so that those behind it go on; and tried at once instead of after a pause.
void skip_release(store::Transaction& transaction, ReleaseId release, const std::string& reason);
void retry_release(store::Transaction& transaction, ReleaseId release);

void pause(store::Transaction& transaction, const std::string& model, const std::string& reason);
void resume(store::Transaction& transaction, const std::string& model);

}  // namespace retraind::runs
