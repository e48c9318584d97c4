#include <fmt/format.h>

#include <algorithm>

#include "daemon/log.h"
#include "daemon/loops.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {
namespace {

// UpkeepLoop tells of what becomes due meanwhile; whatever it should miss is found then.
constexpr Duration kLongestSleep = std::chrono::minutes(1);

}  // namespace

boost::asio::awaitable<Duration> until_due(Context& context, NextDue next_due) {
  std::optional<Duration> left;
  co_return co_await until_due(context, next_due, left);
}

boost::asio::awaitable<Duration> until_due(Context& context, NextDue next_due, std::optional<Duration>& left) {
  const Duration poll = context.settings->daemon.poll_interval;
  const std::vector<std::string> sources = context.source_names();
  std::optional<TimePoint> due;
  TimePoint now;
  bool failed = false;
  try {
    co_await run_blocking(context.pool, [&context, &next_due, &sources, &due, &now] {
      context.registry.transact("next due time", [&](store::Transaction& transaction) {
        now = runs::registry_now(transaction);
        due = next_due(transaction, sources);
      });
    });
  } catch (const std::exception& error) {
    failed = true;
    log_debug(fmt::format("the next due time could not be read: {}", error.what()));
  }
  left.reset();
  if (failed) co_return poll;
  if (due) left = std::max<Duration>(*due - now, Duration::zero());
  const Duration least = std::min<Duration>(poll, std::chrono::milliseconds(10));
  const Duration most = std::max<Duration>(poll, kLongestSleep);
  co_return due ? std::clamp<Duration>(*due - now, least, most) : most;
}

}  // namespace retraind::daemon
