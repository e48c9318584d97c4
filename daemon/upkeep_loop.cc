#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>

#include "core/registry/blocks.h"
#include "core/runs/releases.h"
#include "core/runs/run_queue.h"
#include "core/runs/scorings.h"
#include "core/runs/trials.h"
#include "daemon/log.h"
#include "daemon/loops.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {

namespace asio = boost::asio;

namespace {

// What nobody will look at again is removed now and then; nothing waits for it.
constexpr auto kRemovalPause = std::chrono::hours(1);

struct Queue {
  NextDue next_due;
  Wakeup Context::*bell;
};
constexpr std::array kQueues = {
    Queue{runs::next_monitor_due, &Context::monitors_due}, Queue{runs::next_run_due, &Context::runs_due},
    Queue{runs::next_trial_due, &Context::trials_due}, Queue{runs::next_scoring_due, &Context::scorings_due},
    Queue{runs::next_release_due, &Context::releases_due}};

}  // namespace

asio::awaitable<void> UpkeepLoop::run() {
  activity_.emplace(context_.progress, "the upkeep loop");
  while (!context_.stopping) {
    activity_->mark("renewing the daemon's row, taking back runs", kBulkTime);
    bool succeeded = false;
    const auto began = std::chrono::steady_clock::now();
    try {
      co_await run_once();
      context_.registry_health.pass_succeeded("upkeep");
      succeeded = true;
    } catch (const std::exception& error) {
      context_.registry_health.pass_failed("upkeep", "upkeep failed", error, context_.settings->daemon.poll_interval);
    }
    context_.metrics.pass_ended(LoopName::upkeep, began, succeeded);
    if (context_.stopping) break;
    activity_->mark("waiting", context_.settings->daemon.poll_interval + kSlack);
    timer_.expires_after(context_.settings->daemon.poll_interval);
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  activity_.reset();
}

asio::awaitable<void> UpkeepLoop::run_once() {
  std::vector<runs::TakenBack> taken_back;
  TimePoint now;
  std::array<std::optional<TimePoint>, kQueues.size()> due;
  const std::vector<std::string> sources = context_.source_names();
  co_await run_blocking(context_.pool, [this, &taken_back, &now, &due, &sources] {
    context_.registry.transact("upkeep", [&](store::Transaction& transaction) {
      now = runs::registry_now(transaction);
      runs::renew_daemon(transaction, context_.executor, now);
      taken_back = runs::take_back_expired_runs(transaction, context_.executor, now);
      for (std::size_t i = 0; i < kQueues.size(); ++i) due[i] = kQueues[i].next_due(transaction, sources);
    });
  });
  context_.health.note_write(now);
  // What is overdue may be so since its loop has no hands free; it is not hurried more often than it would look by
  // itself.
  for (std::size_t i = 0; i < kQueues.size(); ++i) {
    if (due[i]) (context_.*kQueues[i].bell).ring_within(std::max<Duration>(*due[i] - now, Duration::zero()));
  }
  co_await run_blocking(context_.pool, [this] {
    remove_old_blocks();
    sweep_.go_on();
  });
  for (const runs::TakenBack& run : taken_back) {
    log_event(Event::run_taken_back,
              fmt::format("run {} attempt {} of {} was lost: its lease expired; {}", number(run.run), run.attempt,
                          run.holder, run.failed ? "it has failed, no attempt is left" : "it is queued again"),
              {{"model", run.model}, {"run", std::to_string(number(run.run))}});
  }
  if (!taken_back.empty()) context_.runs_due.ring();
}

void UpkeepLoop::remove_old_blocks() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_removal_) return;
  next_removal_ = now + kRemovalPause;
  context_.registry.transact("remove old blocks", [&](store::Transaction& transaction) {
    store::limit(transaction, kRemovalLimits);
    (void)registry::remove_old_blocks(transaction, runs::registry_now(transaction));
  });
}

}  // namespace retraind::daemon
