#pragma once
// What a person approved and no daemon has answered yet. Works inside the caller's transaction.

#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

// A version in production that came there by an approval, and that no bake was opened for.
struct UnbakedApproval {
  ModelId model{};
  std::string model_name;
  std::string configuration;  // the model's settings in force, as JSON
  RunId run{};
  int version = 0;
  int previous = 0;
  TimeAxis axis = TimeAxis::instant;
  EventTime after = 0;  // the newest row that its run has read, or that decided its shadow
  TimePoint approved_at{};
};

// Those whose models' source is among `sources` and whose settings ask for a bake, however long ago they were approved.
// Locks their models' rows; those that another daemon holds are skipped.
std::vector<UnbakedApproval> list_unbaked_approvals(store::Transaction& transaction,
                                                    const std::vector<std::string>& sources);

}  // namespace retraind::runs
