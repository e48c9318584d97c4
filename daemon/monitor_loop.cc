#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/log.h"
#include "daemon/loops.h"
#include "daemon/monitor_evaluation.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {
namespace {

namespace asio = boost::asio;

// At most so many triggers are evaluated at once; a slow source holds up only its own share of them.
constexpr std::size_t kMaxEvaluating = 4;

settings::LogLevel level_of(FiringDecision decision) {
  return decision == FiringDecision::error ? settings::LogLevel::warning : settings::LogLevel::info;
}

}  // namespace

asio::awaitable<void> MonitorLoop::run() {
  while (!context_.stopping) {
    bool more = false;
    try {
      more = co_await run_once();
    } catch (const std::exception& error) {
      log_error(fmt::format("triggers could not be claimed: {}; trying again", error.what()));
    }
    if (more || context_.stopping) continue;
    const Duration poll = context_.settings->daemon.poll_interval;
    const bool full = evaluating_ >= kMaxEvaluating;
    const Duration pause = full ? poll : co_await until_due(context_, runs::next_monitor_due);
    co_await context_.monitors_due.wait(pause);
  }
  while (evaluating_ > 0) co_await context_.monitors_due.wait(std::chrono::seconds(1));
}

asio::awaitable<bool> MonitorLoop::run_once() {
  const std::size_t free = kMaxEvaluating - evaluating_;
  if (free == 0) co_return false;
  std::vector<runs::ClaimedMonitor> claimed;
  const std::vector<std::string> sources = context_.source_names();
  const Duration lease_time = context_.settings->daemon.lease_time;
  co_await run_blocking(context_.pool, [this, &claimed, &sources, &free, &lease_time] {
    context_.registry.transact("claim triggers", [&](store::Transaction& transaction) {
      claimed = runs::claim_due_monitors(transaction, context_.executor, sources, free, lease_time,
                                         runs::registry_now(transaction));
    });
  });
  for (runs::ClaimedMonitor& monitor : claimed) {
    ++evaluating_;
    asio::co_spawn(context_.io, evaluate(std::move(monitor)), asio::detached);
  }
  co_return claimed.size() == free&& evaluating_ < kMaxEvaluating;
}

struct MonitorLoop::Evaluation {
  Evaluation(asio::io_context& io, runs::ClaimedMonitor claimed) : monitor(std::move(claimed)), timer(io) {}

  runs::ClaimedMonitor monitor;
  asio::steady_timer timer;
  bool ended = false;
};

asio::awaitable<void> MonitorLoop::renew_lease_until_ended(std::shared_ptr<Evaluation> evaluation) {
  const Duration lease_time = context_.settings->daemon.lease_time;
  bool held = true;
  while (!evaluation->ended && held) {
    evaluation->timer.expires_after(lease_time / 3);
    boost::system::error_code ignored;
    co_await evaluation->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (evaluation->ended) break;
    try {
      co_await run_blocking(context_.pool, [this, &held, &evaluation, &lease_time] {
        context_.registry.transact("renew trigger lease", [&](store::Transaction& transaction) {
          held =
              runs::renew_monitor_lease(transaction, evaluation->monitor, lease_time, runs::registry_now(transaction));
        });
      });
    } catch (const std::exception& error) {
      log_warning(fmt::format("the trigger's lease could not be renewed: {}", error.what()),
                  {{"model", evaluation->monitor.model_name}, {"trigger", evaluation->monitor.trigger.name}});
    }
  }
}

asio::awaitable<void> MonitorLoop::evaluate(runs::ClaimedMonitor monitor) {
  const std::shared_ptr<const settings::Settings> settings = context_.settings;
  const auto evaluation = std::make_shared<Evaluation>(context_.io, monitor);
  asio::co_spawn(context_.io, renew_lease_until_ended(evaluation), asio::detached);
  runs::MonitorRecord record;
  std::string failed;
  try {
    co_await run_blocking(context_.pool, [this, &record, &monitor, &settings] {
      const auto source = settings->sources.find(monitor.source);
      record = evaluate_monitor(context_.registry, context_.executor, monitor,
                                source == settings->sources.end() ? nullptr : &source->second);
    });
  } catch (const std::exception& error) {
    failed = error.what();
  }
  evaluation->ended = true;
  evaluation->timer.cancel();
  if (!failed.empty()) {
    log_error(fmt::format("trigger could not be evaluated: {}; its lease expires and it is evaluated again", failed),
              {{"model", monitor.model_name}, {"trigger", monitor.trigger.name}});
  }
  for (const runs::RecordedDecision& decision : record.decisions) {
    log_line(level_of(decision.decision), fmt::format("trigger {}: {}", to_text(decision.decision), decision.reason),
             {{"model", monitor.model_name}, {"trigger", monitor.trigger.name}});
    if (decision.decision == FiringDecision::fired) context_.runs_due.ring();
  }
  --evaluating_;
  context_.monitors_due.ring();
}

}  // namespace retraind::daemon
