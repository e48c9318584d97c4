#pragma once
// One claimed release in the hands of this daemon: its target is told, its lease renewed meanwhile, and how it went
// recorded. Lives as long as its coroutine; all state belongs to the thread of the io_context, but what the blocking
// parts read.
//
// The daemon fences itself: when the lease could not be renewed in time, the delivery is broken off before any other
// daemon may begin it; and `current` of an exported folder moves only under a lease that was renewed just before.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "core/release/announcement.h"
#include "core/runs/releases.h"
#include "daemon/context.h"
#include "daemon/release_command.h"

namespace retraind::daemon {

class ReleaseDelivery : public std::enable_shared_from_this<ReleaseDelivery> {
 public:
  ReleaseDelivery(Context& context, runs::ClaimedRelease release);

  // Returns when the delivery has left this daemon's hands. Never throws: what goes wrong is recorded, or logged when
  // even that fails (the lease then expires and it is delivered again).
  boost::asio::awaitable<void> execute();

  // The daemon stops: the delivery is broken off, and recorded as an attempt that failed.
  void abandon() { stop(Stop::abandoned); }

 private:
  enum class Stop { none, lease_lost, timed_out, abandoned };

  boost::asio::awaitable<void> deliver();
  boost::asio::awaitable<void> deliver_command();
  void deliver_directory();  // blocking
  void deliver_webhook();    // blocking
  boost::asio::awaitable<void> record();
  boost::asio::awaitable<void> renew_lease_until_ended();
  boost::asio::awaitable<void> await_timeout();
  void stop(Stop why);
  bool renew_lease();  // blocking

  Context& context_;
  const runs::ClaimedRelease release_;
  const release::Announcement announcement_;
  const Duration lease_time_;
  ReleaseCommand command_;
  std::stop_source stop_source_;
  Stop stop_ = Stop::none;
  boost::asio::steady_timer lease_timer_;
  boost::asio::steady_timer timeout_timer_;
  boost::asio::steady_timer retry_timer_;
  std::chrono::steady_clock::time_point lease_trusted_until_;
  Progress::Activity activity_;
  bool told_ = false;   // the target was told, or could not be
  bool ended_ = false;  // and that is recorded
  bool delivered_ = false;
  std::string detail_;
};

}  // namespace retraind::daemon
