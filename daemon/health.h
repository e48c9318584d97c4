#pragma once
// Whether the daemon is alive, and whether it can work: two different questions. A daemon whose registry is away is
// alive (restarting it would mend nothing) and not ready. Facts go in, a sentence comes out; the judges are pure.
//
// One Health a daemon, owned by its Context and used on the thread of the io_context.

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "core/base/time.h"

namespace retraind::daemon {

struct HealthAnswer {
  bool well = false;
  std::string sentence;  // without a line break
};

struct ReadinessFacts {
  bool stopping = false;
  bool loaded = false;                 // the registry has taken the configuration
  std::optional<Duration> last_write;  // how long ago a write to the registry succeeded; absent: never
  Duration poll_interval{};            // the daemon's row is renewed so often
};
// How long ago the last write may be: three renewals and ten seconds, so that a pause of the machine is no alarm.
Duration write_patience(Duration poll_interval);
HealthAnswer judge_readiness(const ReadinessFacts& facts);

// `stalled`: what stands still, and for how long; absent when everything makes progress.
HealthAnswer judge_life(const std::optional<std::string>& stalled);

class Health {
 public:
  using Clock = std::chrono::steady_clock;

  // A transaction that wrote to the registry was committed.
  void note_write(TimePoint now) {
    last_write_ = Clock::now();
    last_write_at_ = now;
  }
  void note_loaded() { loaded_ = true; }
  // Who knows which loop stands still; nobody: all that answers is alive.
  void watch(std::function<std::optional<std::string>()> stalled) { stalled_ = std::move(stalled); }

  HealthAnswer life() const { return judge_life(stalled_ ? stalled_() : std::nullopt); }
  HealthAnswer readiness(bool stopping, Duration poll_interval) const;
  // By the registry's clock.
  std::optional<TimePoint> last_write_at() const { return last_write_at_; }

 private:
  std::optional<Clock::time_point> last_write_;
  std::optional<TimePoint> last_write_at_;
  bool loaded_ = false;
  std::function<std::optional<std::string>()> stalled_;
};

}  // namespace retraind::daemon
