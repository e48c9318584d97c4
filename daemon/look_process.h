#pragma once
// A look at fresh rows in a worker process of its own: it may need production's model, which the daemon never loads,
// and a slow source must not keep the daemon from stopping. Owned by the coroutine that awaits it; used on the thread
// of the io_context.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "core/pipeline/watch.h"
#include "daemon/child_process.h"
#include "daemon/context.h"
#include "daemon/work_directory.h"

namespace retraind::daemon {

class LookProcess {
 public:
  // `name` is that of its folder, unique among the looks of this daemon.
  LookProcess(Context& context, std::string name);

  // Fills `result`. Throws TransientError when the worker could not be started, was stopped, took longer than the
  // model's training timeout or ended without a result, and what the look itself threw (DataError, TransientError).
  boost::asio::awaitable<void> run(const pipeline::LookPlan& plan, const settings::Source& source,
                                   pipeline::LookResult& result);
  // Ends it; run() then throws.
  void stop();
  bool stopped() const { return stopped_; }

 private:
  void prepare(const pipeline::LookPlan& plan);                                    // blocking
  void read_result(const pipeline::LookPlan& plan, pipeline::LookResult& result);  // blocking
  boost::asio::awaitable<void> await_timeout(Duration timeout);

  Context& context_;
  std::string name_;
  std::unique_ptr<WorkDirectory> folder_;
  std::unique_ptr<ChildProcess> worker_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer timer_ended_;
  bool timing_ = false;
  bool timed_out_ = false;
  bool stopped_ = false;
  Exit exit_;
};

}  // namespace retraind::daemon
