#pragma once
// The end of a run, in one transaction: the verdict is made from what the worker measured, every number that decided
// becomes a row, and a winner's artifact, version and move into production are there together or not at all. Runs in
// the daemon; loads no model.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/pipeline/job.h"
#include "core/pipeline/result.h"
#include "core/runs/run_queue.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::pipeline {

// What the worker needs to know of the registry, gathered when the run was claimed; the bytes of the versions it is
// judged by go into the work directory beside the job. A version whose artifact is damaged comes with its fault and
// without bytes. Throws DataError when that is the candidate which is to be judged again.
struct PreparedJob {
  Job job;
  std::vector<std::pair<std::string, std::string>> artifacts;  // file name, bytes
};
PreparedJob prepare_job(store::Transaction& transaction, const runs::ClaimedRun& run, TimePoint now);

enum class Ending {
  concluded,   // the run has ended, or its candidate awaits approval or is a shadow
  judge_again  // production changed since the candidate was judged, or its level of confidence has been spent by
               // somebody else; the run is back in the queue (invariant 2)
};

struct Conclusion {
  Ending ending = Ending::concluded;
  RunState state = RunState::inconclusive;
  std::string reason;
  std::optional<int> version;
  std::optional<int> replaced;
};

// What a run leaves beside its verdict.
struct Notes {
  std::vector<data::Finding> findings{};
  std::vector<SearchTrial> searched{};
  std::filesystem::path folder{};  // where kept data lie; verified by read_result
};

// std::nullopt, and nothing written, when the lease was lost (invariant 5). `artifact` are the bytes read_artifact
// returned. The verdict is computed here from `measured`, under the settings the run carries.
std::optional<Conclusion> conclude_run(store::Transaction& transaction, const runs::Executor& executor,
                                       const runs::ClaimedRun& run, const Measured& measured, std::string_view artifact,
                                       TimePoint now, const Notes& notes = {});

// The findings and the search of a run that did not get as far as a verdict, to be called in the transaction that ends
// it. False, and nothing written, when the lease was lost.
bool record_notes(store::Transaction& transaction, const runs::ClaimedRun& run, const Notes& notes);

}  // namespace retraind::pipeline
