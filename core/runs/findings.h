#pragma once
// What a run found in its rows, and what a search tried: rows of retraind.data_finding and retraind.search_trial, kept
// whatever becomes of the run. Works inside the caller's transaction.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/vocabulary.h"
#include "core/data/finding.h"
#include "core/runs/run_queue.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

// False, and nothing written, when the lease was lost.
bool record_findings(store::Transaction& transaction, const Lease& lease, const std::vector<data::Finding>& findings);

struct SearchTrialRecord {
  int number = 0;
  std::string params;  // a JSON object
  Metric metric = Metric::log_loss;
  std::optional<double> value;
  std::string fault;  // empty: none
  std::uint64_t train_rows = 0;
  std::uint64_t rows = 0;
  double seconds = 0;
  bool chosen = false;
};
bool record_search(store::Transaction& transaction, const Lease& lease, const std::vector<SearchTrialRecord>& trials);

}  // namespace retraind::runs
