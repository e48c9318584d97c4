#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "daemon/log.h"
#include "daemon/loops.h"
#include "daemon/release_delivery.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {

namespace asio = boost::asio;

namespace {

// At most so many at once, so that one target which answers slowly does not hold up the others.
constexpr std::size_t kMaxDelivering = 4;

}  // namespace

asio::awaitable<void> ReleaseLoop::run() {
  activity_.emplace(context_.progress, "the release loop");
  while (!context_.stopping) {
    bool more = false;
    activity_->mark("claiming releases", kRegistryTime);
    bool succeeded = false;
    const auto began = std::chrono::steady_clock::now();
    try {
      more = co_await run_once();
      context_.registry_health.pass_succeeded("release");
      succeeded = true;
    } catch (const std::exception& error) {
      context_.registry_health.pass_failed("release", "releases could not be claimed", error,
                                           context_.settings->daemon.poll_interval);
    }
    context_.metrics.pass_ended(LoopName::releases, began, succeeded);
    if (more || context_.stopping) continue;
    const Duration poll = context_.settings->daemon.poll_interval;
    const bool full = deliveries_.size() >= kMaxDelivering;
    activity_->mark("asking when a release is due", kRegistryTime);
    const Duration pause = full ? poll : co_await until_due(context_, runs::next_release_due);
    activity_->mark("waiting for a release", pause + kSlack);
    co_await context_.releases_due.wait(pause);
  }
  activity_->mark("waiting for its deliveries to end", std::nullopt);
  while (!deliveries_.empty()) co_await context_.releases_due.wait(std::chrono::seconds(1));
  activity_.reset();
}

asio::awaitable<bool> ReleaseLoop::run_once() {
  if (deliveries_.size() >= kMaxDelivering) co_return false;
  std::optional<runs::ClaimedRelease> claimed;
  const std::vector<std::string> sources = context_.source_names();
  const Duration lease_time = context_.settings->daemon.lease_time;
  co_await run_blocking(context_.pool, [this, &claimed, &sources, &lease_time] {
    context_.registry.transact("claim release", [&](store::Transaction& transaction) {
      claimed =
          runs::claim_release(transaction, context_.executor, sources, lease_time, runs::registry_now(transaction));
    });
  });
  if (!claimed) co_return false;
  const auto delivery = std::make_shared<ReleaseDelivery>(context_, *claimed);
  deliveries_.insert(delivery);
  // A daemon that was told to stop while it was claiming begins nothing.
  if (context_.stopping) delivery->abandon();
  asio::co_spawn(context_.io, deliver(delivery), asio::detached);
  co_return true;
}

asio::awaitable<void> ReleaseLoop::deliver(std::shared_ptr<ReleaseDelivery> delivery) {
  co_await delivery->execute();
  deliveries_.erase(delivery);
  context_.releases_due.ring();
}

void ReleaseLoop::abandon_all() {
  for (const auto& delivery : deliveries_) delivery->abandon();
}

}  // namespace retraind::daemon
