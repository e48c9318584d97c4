#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/base/failpoint.h"
#include "core/store/listener.h"
#include "daemon/log.h"
#include "daemon/loops.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {
namespace {

namespace asio = boost::asio;

constexpr auto kReconnectAfter = std::chrono::seconds(10);
// A connection that has been silent for so long is asked whether it is still there.
constexpr auto kProbeAfter = std::chrono::seconds(10);

}  // namespace

asio::awaitable<void> ListenLoop::run() {
  activity_.emplace(context_.progress, "the listening loop");
  while (!context_.stopping) {
    std::string failed;
    const auto began = std::chrono::steady_clock::now();
    try {
      co_await listen();
    } catch (const std::exception& error) {
      failed = error.what();
    }
    context_.metrics.pass_ended(LoopName::listening, began, failed.empty());
    if (context_.stopping) break;
    if (!failed.empty()) tell(failed);
    // What was missed meanwhile is found by looking.
    context_.monitors_due.ring();
    context_.runs_due.ring();
    context_.trials_due.ring();
    context_.scorings_due.ring();
    context_.releases_due.ring();
    activity_->mark("waiting to connect again", Duration(kReconnectAfter) + kSlack);
    timer_.expires_after(kReconnectAfter);
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  activity_.reset();
}

void ListenLoop::tell(const std::string& failed) {
  const std::string message = fmt::format("notifications are not heard, polling goes on: {}", failed);
  if (deaf_) {
    log_debug(message);
    return;
  }
  log_event(Event::notifications_unheard, message);
  deaf_ = true;
}

asio::awaitable<void> ListenLoop::listen() {
  std::optional<store::Listener> listener;
  activity_->mark("connecting", kRegistryTime);
  co_await run_blocking(context_.pool, [this, &listener] {
    listener.emplace(context_.registry.conninfo(), std::vector<std::string>{"retraind_wake"});
  });
  if (deaf_) log_info("notifications are heard again");
  deaf_ = false;
  context_.monitors_due.ring();
  context_.runs_due.ring();
  context_.trials_due.ring();
  context_.scorings_due.ring();
  context_.releases_due.ring();
  // The descriptor is libpq's: a duplicate is watched, so that nobody closes it twice.
  const auto socket = std::make_shared<asio::posix::stream_descriptor>(context_.io, ::dup(listener->socket()));
  socket_ = socket;
  while (!context_.stopping) {
    bool readable = false;
    activity_->mark("listening", Duration(kProbeAfter) + kSlack);
    timer_.expires_after(kProbeAfter);
    timer_.async_wait([socket](const boost::system::error_code& error) {
      if (!error) socket->cancel();
    });
    boost::system::error_code error;
    co_await socket->async_wait(asio::posix::stream_descriptor::wait_read,
                                asio::redirect_error(asio::use_awaitable, error));
    timer_.cancel();
    readable = !error;
    if (context_.stopping) break;
    if (!readable) {
      activity_->mark("asking whether the connection is still there", kRegistryTime);
      co_await run_blocking(context_.pool, [&listener] { listener->probe(); });
      continue;
    }
    for (const store::Notification& notification : listener->drain()) {
      failpoint("after_notification", notification.payload);
      if (notification.payload == "run") context_.runs_due.ring();
      if (notification.payload == "monitor") context_.monitors_due.ring();
      if (notification.payload == "trial") context_.trials_due.ring();
      if (notification.payload == "scoring") context_.scorings_due.ring();
      if (notification.payload == "release") context_.releases_due.ring();
    }
  }
}

void ListenLoop::stop() {
  timer_.cancel();
  if (const auto socket = socket_.lock()) socket->cancel();
}

}  // namespace retraind::daemon
