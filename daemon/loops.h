#pragma once
// The daemon's loops, each a coroutine on the io_context: run_once() does one pass, run() repeats it, catches what a
// pass throws, and sleeps until rung or until something is due, and no longer than a minute; UpkeepLoop asks what is
// due for all of them, every polling interval. None of them leads; any number of daemons run the same loops on one
// registry.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/runs/monitors.h"
#include "daemon/context.h"
#include "daemon/release_delivery.h"
#include "daemon/retention_sweep.h"
#include "daemon/run_execution.h"

namespace retraind::daemon {

// How long a loop may sleep: until the queue's next due time, but at least 10 ms and at most a minute, or the polling
// interval where that is longer; the polling interval when the registry does not answer.
using NextDue = std::optional<TimePoint> (*)(store::Transaction&, const std::vector<std::string>& sources);
boost::asio::awaitable<Duration> until_due(Context& context, NextDue next_due);
// The same, and how long it is until then in `left`: std::nullopt where nothing is due or the registry does not answer.
boost::asio::awaitable<Duration> until_due(Context& context, NextDue next_due, std::optional<Duration>& left);

// Claims due triggers and evaluates them, a few at a time.
class MonitorLoop {
 public:
  explicit MonitorLoop(Context& context) : context_(context) {}
  boost::asio::awaitable<void> run();
  // Ends the workers that look at production; their triggers are evaluated again later, by whoever is there.
  void stop_looks();
  std::size_t looking() const;  // evaluations of triggers that take a look

 private:
  struct Evaluation;
  void note_next_trigger(std::optional<Duration> left);  // for the status line
  boost::asio::awaitable<bool> run_once();               // true: there may be more at once
  boost::asio::awaitable<void> evaluate(std::shared_ptr<Evaluation> evaluation);
  boost::asio::awaitable<void> look(std::shared_ptr<Evaluation> evaluation);

  Context& context_;
  std::optional<Progress::Activity> activity_;  // while run() runs
  std::set<std::shared_ptr<Evaluation>> evaluations_;
};

// Claims due runs, as many as may run in parallel, and executes them.
class RunLoop {
 public:
  explicit RunLoop(Context& context) : context_(context) {}
  boost::asio::awaitable<void> run();

  std::size_t running() const { return executions_.size(); }
  // How long the lease that ends first is trusted still; absent: no run is in hand.
  std::optional<Duration> least_lease() const;
  void hand_back_all();

 private:
  boost::asio::awaitable<bool> run_once();
  boost::asio::awaitable<void> execute(std::shared_ptr<RunExecution> execution);

  Context& context_;
  std::optional<Progress::Activity> activity_;  // while run() runs
  std::set<std::shared_ptr<RunExecution>> executions_;
};

// Looks at due shadows and bakes, one at a time, and does what follows.
class TrialLoop {
 public:
  explicit TrialLoop(Context& context) : context_(context) {}
  boost::asio::awaitable<void> run();
  // Ends the worker that scores; its trial is looked at again later, by whoever is there.
  void stop_look();
  bool looking() const { return attempt_ != nullptr; }

 private:
  struct Attempt;
  boost::asio::awaitable<bool> run_once();                      // true: there may be more at once
  void bake_approved(const std::vector<std::string>& sources);  // blocking
  boost::asio::awaitable<void> look(std::shared_ptr<Attempt> attempt);
  void conclude(Attempt& attempt);  // blocking

  Context& context_;
  std::optional<Progress::Activity> activity_;  // while run() runs
  std::shared_ptr<Attempt> attempt_;
  std::chrono::steady_clock::time_point next_approvals_{};
};

// Scores the new rows of models whose configuration says so, one model at a time.
class ScoringLoop {
 public:
  explicit ScoringLoop(Context& context) : context_(context) {}
  boost::asio::awaitable<void> run();
  // Ends the worker that scores; what it has not committed is scored later, by whoever is there.
  void stop_look();
  bool looking() const { return attempt_ != nullptr; }

 private:
  struct Attempt;
  boost::asio::awaitable<bool> run_once();  // true: there may be more at once
  boost::asio::awaitable<void> look(std::shared_ptr<Attempt> attempt);
  void conclude(Attempt& attempt);  // blocking

  Context& context_;
  std::optional<Progress::Activity> activity_;  // while run() runs
  std::shared_ptr<Attempt> attempt_;
};

// Claims due releases and delivers them, a few at a time.
class ReleaseLoop {
 public:
  explicit ReleaseLoop(Context& context) : context_(context) {}
  boost::asio::awaitable<void> run();
  // Breaks off what is under way; it is delivered again later, by whoever is there.
  void abandon_all();
  std::size_t delivering() const { return deliveries_.size(); }

 private:
  boost::asio::awaitable<bool> run_once();  // true: there may be more at once
  boost::asio::awaitable<void> deliver(std::shared_ptr<ReleaseDelivery> delivery);

  Context& context_;
  std::optional<Progress::Activity> activity_;  // while run() runs
  std::set<std::shared_ptr<ReleaseDelivery>> deliveries_;
};

// Renews this daemon's row, takes back runs whose lease has expired, asks for all loops what is due next, so that a
// lost notification costs them no more than the polling interval, and removes, a little at a time, what nobody decides
// by any more.
class UpkeepLoop {
 public:
  explicit UpkeepLoop(Context& context) : context_(context), timer_(context.io) {}
  boost::asio::awaitable<void> run();
  void stop() { timer_.cancel(); }

 private:
  boost::asio::awaitable<void> run_once();
  void remove_old_blocks();  // blocking

  Context& context_;
  std::optional<Progress::Activity> activity_;  // while run() runs
  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point next_removal_{};
  RetentionSweep sweep_{context_};
};

// Turns notifications into rings of the other loops' bells. Deaf, it costs no more than the polling interval.
class ListenLoop {
 public:
  explicit ListenLoop(Context& context) : context_(context), timer_(context.io) {}
  boost::asio::awaitable<void> run();
  void stop();

 private:
  boost::asio::awaitable<void> listen();
  void tell(const std::string& failed);

  Context& context_;
  std::optional<Progress::Activity> activity_;  // while run() runs
  boost::asio::steady_timer timer_;
  std::weak_ptr<boost::asio::posix::stream_descriptor> socket_;
  bool deaf_ = false;  // and that is told
};

}  // namespace retraind::daemon
