#pragma once
// The queue of runs: claims under a lease, heartbeats, and every way a run leaves the hands of its daemon except a
// verdict (core/pipeline/conclude.h). The state diagram stands in migrations/007_verdicts.up.sql, which also enforces
// it.
//
// A lease has a term issued by the registry at each claim. Every later write of that daemon carries it (invariant 5):
// when a function here returns false or nothing, the lease was lost, the run is somebody else's, and the caller must
// kill its worker and forget it. Many daemons may share one queue; none of them leads. Every function works inside the
// caller's transaction and takes `now`.

#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/runs/daemons.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

struct ClaimedRun {
  RunId id{};
  ModelId model{};
  std::string model_name;
  std::string trigger;
  std::string source;
  std::string configuration_sha256;
  std::string configuration;  // the settings it carries, as JSON
  int attempt = 1;
  int max_attempts = 1;
  LeaseTerm term{};
  TimePoint lease_expires_at{};
  std::optional<int> candidate;  // the version of an earlier attempt that is to be judged again, not trained anew
};

// What identifies a run in the hands of its daemon.
struct Lease {
  RunId run{};
  LeaseTerm term{};
};

// The oldest due run whose source is among `sources`, or std::nullopt. Waits for nobody: rows that another daemon is
// claiming are skipped.
std::optional<ClaimedRun> claim_run(store::Transaction& transaction, const Executor& executor,
                                    const std::vector<std::string>& sources, Duration lease_time, TimePoint now);

struct Heartbeat {
  bool held = false;                          // false: the lease was lost
  std::optional<std::string> cancel_request;  // "login: reason", when a person asked to cancel
};
Heartbeat renew_lease(store::Transaction& transaction, const Lease& lease, Duration lease_time, TimePoint now);

bool note_worker(store::Transaction& transaction, const Lease& lease, int pid);
bool note_step(store::Transaction& transaction, const Lease& lease, Step step, TimePoint now);
// How far the live step has come; `total` 0: not known. Overwritten by the next note, gone with the step.
bool note_progress(store::Transaction& transaction, const Lease& lease, std::uint64_t done, std::uint64_t total,
                   ProgressUnit unit, TimePoint now);

// A finished step of an attempt; detail is a JSON object.
struct FinishedStep {
  Step step = Step::extract;
  TimePoint started_at{};
  TimePoint finished_at{};
  std::optional<std::uint64_t> rows;
  std::string detail = "{}";
};
bool record_step(store::Transaction& transaction, const Lease& lease, const FinishedStep& step);

// Keeps the last lines of a worker, for an attempt of a run whose lease is held.
bool record_log(store::Transaction& transaction, const Lease& lease, const std::string& text);

// Back to the queue for another attempt after `delay`, or failed when that was the last one.
bool requeue_run(store::Transaction& transaction, const Executor& executor, const Lease& lease,
                 const std::string& reason, Duration delay, TimePoint now);

// Back to the queue, not before now, without counting the attempt: a daemon that stops in good order, or a candidate
// whose opponent changed while it was judged.
bool hand_back_run(store::Transaction& transaction, const Executor& executor, const Lease& lease,
                   const std::string& reason, TimePoint now);

// Ends it as failed or cancelled.
bool end_run(store::Transaction& transaction, const Executor& executor, const Lease& lease, RunState state,
             const std::string& reason, TimePoint now);

struct TakenBack {
  RunId run{};
  std::string model;
  int attempt = 0;      // the one that was lost
  std::string holder;   // its instance
  bool failed = false;  // it was the last attempt
};
// Runs whose lease has expired go back to the queue with the next attempt, or fail after the last. Rows that somebody
// else is writing are skipped.
std::vector<TakenBack> take_back_expired_runs(store::Transaction& transaction, const Executor& executor, TimePoint now);

// When the next queued run is due, of those this daemon can execute; std::nullopt when there is none.
std::optional<TimePoint> next_run_due(store::Transaction& transaction, const std::vector<std::string>& sources);

// What became of a run: for reading back after a COMMIT whose reply was lost.
struct RunFate {
  RunState state = RunState::queued;
  int attempt = 1;
  std::optional<LeaseTerm> term;  // while it is running
  std::optional<std::string> reason;
};
std::optional<RunFate> find_run(store::Transaction& transaction, RunId run);

}  // namespace retraind::runs
