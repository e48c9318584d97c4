#pragma once
// One claimed run in the hands of this daemon: a worker is started, its lease renewed, its steps recorded, its end
// awaited, and what it measured concluded. Lives as long as its coroutine; all state belongs to the thread of the
// io_context.
//
// The daemon fences itself: when the lease could not be renewed in time, the worker is killed before any other daemon
// may take the run over.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "core/pipeline/conclude.h"
#include "core/pipeline/job.h"
#include "core/pipeline/result.h"
#include "core/runs/run_queue.h"
#include "daemon/child_process.h"
#include "daemon/context.h"
#include "daemon/work_directory.h"
#include "daemon/worker_process.h"
#include "daemon/worker_protocol.h"

namespace retraind::daemon {

class RunExecution : public std::enable_shared_from_this<RunExecution> {
 public:
  RunExecution(Context& context, runs::ClaimedRun run);

  // Returns when the run has left this daemon's hands, one way or another. Never throws: what goes wrong is recorded
  // with the run, or logged when even that fails (the lease then expires and the run is taken back).
  boost::asio::awaitable<void> execute();

  // The daemon stops: the worker is ended and the run handed back to the queue.
  void hand_back();

  const runs::ClaimedRun& run() const { return run_; }
  // How it ended, once execute() has returned.
  AttemptEnd end() const { return end_; }
  Duration lease_left() const;

 private:
  // Why the worker was told to stop before its time.
  enum class Stop { none, lease_lost, cancelled, timed_out, handed_back };

  void prepare();       // blocking
  void start_worker();  // on the io thread
  boost::asio::awaitable<void> renew_lease_until_ended();
  boost::asio::awaitable<void> follow_steps();
  boost::asio::awaitable<void> await_timeout();
  void stop_worker(Stop why);
  void conclude();                         // blocking
  void record_log();                       // blocking
  void record_step(const StepLine& step);  // blocking
  void count_step(const StepLine& step);
  // Blocking. `step` is the one that failed, for the log; empty where none did.
  void end_as(RunState state, const std::string& reason, const pipeline::Notes& notes = {}, std::string_view step = {});
  void try_again(const std::string& reason, std::string_view step = {});
  void conclude_measured(const pipeline::Measured& measured, const pipeline::Notes& notes);  // blocking

  Context& context_;
  runs::ClaimedRun run_;
  runs::Lease lease_;
  std::shared_ptr<const settings::Settings> settings_;
  pipeline::Job job_;
  std::unique_ptr<WorkDirectory> folder_;
  std::unique_ptr<ChildProcess> worker_;
  std::unique_ptr<boost::asio::posix::stream_descriptor> steps_;
  boost::asio::steady_timer heartbeat_timer_;
  boost::asio::steady_timer timeout_timer_;
  boost::asio::steady_timer followers_ended_;
  int followers_ = 0;
  bool ended_ = false;
  Stop stop_ = Stop::none;
  AttemptEnd end_ = AttemptEnd::unrecorded;
  std::string cancel_request_;
  std::optional<Exit> exit_;
  std::optional<TimePoint> worker_began_at_;  // by the registry's clock; of the thread that records steps
  std::chrono::steady_clock::time_point lease_trusted_until_;
  Progress::Activity activity_;
};

}  // namespace retraind::daemon
