#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/log.h"
#include "daemon/loops.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {

namespace asio = boost::asio;

asio::awaitable<void> UpkeepLoop::run() {
  while (!context_.stopping) {
    try {
      co_await run_once();
    } catch (const std::exception& error) {
      log_warning(fmt::format("upkeep failed: {}; trying again", error.what()));
    }
    if (context_.stopping) break;
    timer_.expires_after(context_.settings->daemon.poll_interval);
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<void> UpkeepLoop::run_once() {
  std::vector<runs::TakenBack> taken_back;
  co_await run_blocking(context_.pool, [this, &taken_back] {
    context_.registry.transact("upkeep", [&](store::Transaction& transaction) {
      const TimePoint now = runs::registry_now(transaction);
      runs::renew_daemon(transaction, context_.executor, now);
      taken_back = runs::take_back_expired_runs(transaction, context_.executor, now);
    });
  });
  for (const runs::TakenBack& run : taken_back) {
    log_warning(fmt::format("run {} attempt {} of {} was lost: its lease expired; {}", number(run.run), run.attempt,
                            run.holder, run.failed ? "it has failed, no attempt is left" : "it is queued again"),
                {{"model", run.model}, {"run", std::to_string(number(run.run))}});
  }
  if (!taken_back.empty()) context_.runs_due.ring();
}

}  // namespace retraind::daemon
