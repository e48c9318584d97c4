#pragma once
// What the daemon's loops, and what they have started, are doing just now, since when, and how long that may take. Each
// says so itself, at every step of every pass; whoever has not moved on when its time is over stands still. That is
// what the watchdog is fed by: a process that merely answers is not a daemon that works.
//
// The bounds are generous, since the remedy is to end the process and with it its workers: each lies above all that
// legitimately can happen. A statement at the registry ends after 30 s on its own (store::Database), a connection
// attempt after 10 s, a statement at a source after its statement_timeout, a worker after its training.timeout. What
// ends nothing is a peer that takes no part any more without closing the connection, such as a stopped server process.

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"

namespace retraind::daemon {

// One short transaction at the registry: to connect, to set the timeouts, one statement that waits.
inline constexpr Duration kRegistryTime = std::chrono::seconds(90);
// Several, or some that carry artifacts.
inline constexpr Duration kBulkTime = std::chrono::minutes(10);
// Beyond what has a bound of its own: to notice that it is over, on a busy machine.
inline constexpr Duration kSlack = std::chrono::seconds(60);

struct Mark {
  std::string who;    // "the run loop", "run 12"
  std::string doing;  // "claiming a run"
  std::chrono::steady_clock::time_point since;
  std::optional<Duration> allowed;  // absent: for as long as it takes
};

// Whoever is most beyond what it is allowed at `now`; std::nullopt when all move.
std::optional<Mark> find_stuck(const std::vector<Mark>& marks, std::chrono::steady_clock::time_point now);

// Thread-safe; outlives its activities.
class Progress {
 public:
  // One that leaves marks, from its making to its end. Thread-safe.
  class Activity {
   public:
    Activity(Progress& progress, std::string who);
    ~Activity();
    Activity(const Activity&) = delete;
    Activity& operator=(const Activity&) = delete;

    // From now on it does this, until the next mark.
    void mark(std::string doing, std::optional<Duration> allowed);

   private:
    Progress& progress_;
    std::uint64_t id_ = 0;
  };

  std::vector<Mark> marks() const;

 private:
  mutable std::mutex mutex_;
  std::uint64_t next_ = 0;               // guarded by mutex_
  std::map<std::uint64_t, Mark> marks_;  // guarded by mutex_
};

}  // namespace retraind::daemon
