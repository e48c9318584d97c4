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

// std::nullopt: refused, because production has changed since the run was judged; a new run judges again.
std::optional<PromotionId> approve(store::Transaction& transaction, RunId run, const std::string& reason);
void reject(store::Transaction& transaction, RunId run, const std::string& reason);
std::string cancel(store::Transaction& transaction, RunId run, const std::string& reason);
PromotionId rollback(store::Transaction& transaction, const std::string& model, const std::string& reason,
                     std::optional<int> to_version);
void pause(store::Transaction& transaction, const std::string& model, const std::string& reason);
void resume(store::Transaction& transaction, const std::string& model);

}  // namespace retraind::runs
