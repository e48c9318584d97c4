#include "daemon/leased_look.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/runs/history.h"
#include "core/store/database.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {

namespace asio = boost::asio;

void LeasedLook::begin() {
  asio::co_spawn(context_.io, renew_until_ended(), asio::detached);
}

void LeasedLook::end() {
  ended_ = true;
  timer_.cancel();
}

asio::awaitable<void> LeasedLook::renew_until_ended() {
  const auto self = shared_from_this();
  const Duration lease_time = context_.settings->daemon.lease_time;
  bool held = true;
  while (!ended_ && held) {
    timer_.expires_after(lease_time / 3);
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (ended_) break;
    try {
      co_await run_blocking(context_.pool, [this, &held, &lease_time] {
        context_.registry.transact("renew the lease of a look", [&](store::Transaction& transaction) {
          held = renew(transaction, lease_time, runs::registry_now(transaction));
        });
      });
    } catch (const std::exception& error) {
      tell_not_renewed(error.what());
    }
  }
  if (!held && !ended_) look.stop();
}

}  // namespace retraind::daemon
