#pragma once
// What the registry amounts to, for whoever watches many models at once: how long the queues are, and for each model
// what happened last. The same for every daemon that asks. Values only; what they are called elsewhere is the caller's.
//
// Made to be asked every few seconds with ten thousand models: whatever has a length of history is read once, when a
// reader is new, and later only for the models to which something has happened since. Works inside the caller's
// transaction and writes nothing.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

// The queues, as they are now.
struct QueueFigures {
  std::map<RunState, std::uint64_t> runs;          // open ones: queued, running, awaiting_approval, shadowing
  std::optional<TimePoint> queued_since;           // since when the run that waits longest could have been begun
  std::uint64_t expired_leases = 0;                // running, and nobody holds them any more
  std::map<TrialKind, std::uint64_t> trials;       // open ones
  std::optional<TimePoint> overdue_since;          // the trigger that is due for longest and that nobody evaluates
  std::uint64_t releases_waiting = 0;              // announcements that are not delivered
  std::optional<TimePoint> release_waiting_since;  // the oldest of them
  std::uint64_t daemons = 0;                       // seen within the last minute, and not stopped
};
QueueFigures read_queue_figures(store::Transaction& transaction, TimePoint now);

struct DriftFigures {
  TimePoint checked_at{};
  int version = 0;
  // Of the columns that could be judged, but the time: the largest effect, in thresholds. Above 1 a column moved
  // further than it may; whether the evidence suffices is in `drifted`.
  std::optional<double> largest_ratio;
  std::uint64_t drifted = 0;  // columns
};

struct PerformanceFigures {
  TimePoint checked_at{};
  int version = 0;
  Metric metric = Metric::log_loss;
  std::optional<double> value;
  std::optional<double> low;  // one-sided bounds of it
  std::optional<double> high;
  std::optional<double> level;      // at promotion
  std::optional<double> threshold;  // what the interval is held against; absent where a detector decides
};
// Whether it is surely worse than the threshold; std::nullopt when there is none or nothing was measured.
std::optional<bool> surely_worse(const PerformanceFigures& figures);

struct ModelFigures {
  std::string name;
  bool paused = false;
  std::optional<int> production;  // version
  std::optional<TimePoint> production_since;
  std::optional<TimePoint> last_run_at;      // the end of the last run that ended, however
  std::optional<TimePoint> last_verdict_at;  // of the last run that was judged
  std::uint64_t failed_runs = 0;             // since the last that was judged; at most 100 are counted
  std::uint64_t promotions = 0;
  std::uint64_t rollbacks = 0;
  std::optional<DriftFigures> drift;                      // the newest check of the version in production
  std::map<std::string, PerformanceFigures> performance;  // likewise, by trigger
};

struct RegistryFigures {
  TimePoint at{};
  QueueFigures queues;
  std::uint64_t removed_models = 0;
  std::vector<ModelFigures> models;  // that are configured, in order of their names
};

// Keeps what it has read of each model. One thread at a time.
class FigureReader {
 public:
  RegistryFigures read(store::Transaction& transaction, TimePoint now);

 private:
  // The highest id seen in a history that only grows. A transaction that took its id early may commit late, so that the
  // last few are looked at again.
  struct Cursor {
    bool begun = false;
    std::int64_t newest = 0;
    std::optional<std::int64_t> from() const;  // absent: everything
    void saw(std::int64_t id);
  };
  void follow_runs(store::Transaction& transaction);
  void follow_promotions(store::Transaction& transaction);
  void follow_drift(store::Transaction& transaction);
  void follow_performance(store::Transaction& transaction);

  std::map<std::int64_t, ModelFigures> models_;  // by id; without name, pause and production
  Cursor runs_;
  Cursor promotions_;
  Cursor drift_;
  Cursor performance_;
};

}  // namespace retraind::runs
