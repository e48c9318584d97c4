#pragma once
// A look at fresh rows in a worker process of its own, for a trigger, for a trial or for their scores: it may need
// models, which the daemon never loads, and a slow source must not keep the daemon from stopping. Owned by the
// coroutine that awaits it; used on the thread of the io_context. One object makes one look.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/pipeline/batch_scoring.h"
#include "core/pipeline/trial.h"
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
  boost::asio::awaitable<void> run(const pipeline::TrialPlan& plan, const settings::Source& source,
                                   pipeline::TrialResult& result);
  boost::asio::awaitable<void> run(const pipeline::ScoringPlan& plan, const settings::Source& source,
                                   pipeline::ScoringResult& result);
  // Ends it; run() then throws.
  void stop();
  bool stopped() const { return stopped_; }

 private:
  // What a worker is started with. The bytes belong to the plan.
  struct Work {
    std::string command;  // the internal subcommand
    const char* job_file;
    std::string job;
    std::vector<std::pair<std::string, std::string_view>> artifacts;  // file name, bytes
    Duration timeout{};
    std::string advice;  // what to do when it takes too long
  };
  boost::asio::awaitable<void> execute(const Work& work, const settings::Source& source);
  void prepare(const Work& work);               // blocking
  std::string outcome(const char* file) const;  // blocking
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
