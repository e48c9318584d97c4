#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "daemon/log.h"
#include "daemon/loops.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {

namespace asio = boost::asio;

asio::awaitable<void> RunLoop::run() {
  activity_.emplace(context_.progress, "the run loop");
  while (!context_.stopping) {
    bool more = false;
    activity_->mark("claiming runs", kRegistryTime);
    bool succeeded = false;
    const auto began = std::chrono::steady_clock::now();
    try {
      more = co_await run_once();
      context_.registry_health.pass_succeeded("run");
      succeeded = true;
    } catch (const std::exception& error) {
      context_.registry_health.pass_failed("run", "runs could not be claimed", error,
                                           context_.settings->daemon.poll_interval);
    }
    context_.metrics.pass_ended(LoopName::runs, began, succeeded);
    if (more || context_.stopping) continue;
    const Duration poll = context_.settings->daemon.poll_interval;
    const bool full = executions_.size() >= static_cast<std::size_t>(context_.settings->daemon.max_parallel_runs);
    activity_->mark("asking when a run is due", kRegistryTime);
    const Duration pause = full ? poll : co_await until_due(context_, runs::next_run_due);
    activity_->mark("waiting for a run", pause + kSlack);
    co_await context_.runs_due.wait(pause);
  }
  activity_->mark("waiting for its runs to end", std::nullopt);
  while (!executions_.empty()) co_await context_.runs_due.wait(std::chrono::seconds(1));
  activity_.reset();
}

asio::awaitable<bool> RunLoop::run_once() {
  if (executions_.size() >= static_cast<std::size_t>(context_.settings->daemon.max_parallel_runs)) co_return false;
  std::optional<runs::ClaimedRun> claimed;
  const std::vector<std::string> sources = context_.source_names();
  const Duration lease_time = context_.settings->daemon.lease_time;
  co_await run_blocking(context_.pool, [this, &claimed, &sources, &lease_time] {
    context_.registry.transact("claim run", [&](store::Transaction& transaction) {
      claimed = runs::claim_run(transaction, context_.executor, sources, lease_time, runs::registry_now(transaction));
    });
  });
  if (!claimed) co_return false;
  auto execution = std::make_shared<RunExecution>(context_, *claimed);
  executions_.insert(execution);
  context_.metrics.attempt_started();
  // A daemon that was told to stop while it was claiming gives the run back at once.
  if (context_.stopping) execution->hand_back();
  asio::co_spawn(context_.io, execute(execution), asio::detached);
  co_return true;
}

asio::awaitable<void> RunLoop::execute(std::shared_ptr<RunExecution> execution) {
  co_await execution->execute();
  executions_.erase(execution);
  context_.metrics.attempt_ended(execution->end());
  context_.runs_due.ring();
  // What the run's end changes may be what a trigger waits for.
  context_.monitors_due.ring();
}

std::optional<Duration> RunLoop::least_lease() const {
  std::optional<Duration> least;
  for (const auto& execution : executions_) {
    const Duration left = execution->lease_left();
    if (!least || left < *least) least = left;
  }
  return least;
}

void RunLoop::hand_back_all() {
  for (const auto& execution : executions_) execution->hand_back();
}

}  // namespace retraind::daemon
