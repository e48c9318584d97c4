#pragma once
// A bell that one coroutine waits at, with a deadline, which others may bring forward. A ring while nobody waits is
// remembered, and so is an earlier deadline, so neither can be missed. All calls come from the thread of the
// io_context.

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace retraind::daemon {

class Wakeup {
 public:
  explicit Wakeup(boost::asio::io_context& io) : timer_(io) {}

  void ring() {
    rung_ = true;
    timer_.cancel();
  }

  // Whoever waits, or waits next, does so no longer than this from now.
  void ring_within(std::chrono::microseconds most) {
    const auto at = Clock::now() + most;
    if (at >= until_) return;
    until_ = at;
    timer_.cancel();
  }

  // Returns when rung, or after `most`, or when somebody else's deadline has come.
  boost::asio::awaitable<void> wait(std::chrono::microseconds most) {
    until_ = std::min(until_, Clock::now() + most);
    while (!rung_ && Clock::now() < until_) {
      timer_.expires_at(until_);
      boost::system::error_code ignored;
      co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    rung_ = false;
    until_ = Clock::time_point::max();
  }

 private:
  using Clock = std::chrono::steady_clock;

  boost::asio::steady_timer timer_;
  Clock::time_point until_ = Clock::time_point::max();
  bool rung_ = false;
};

}  // namespace retraind::daemon
