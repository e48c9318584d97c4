#pragma once
// A bell that one coroutine waits at, with a deadline. A ring while nobody waits is remembered, so it cannot be missed.
// All calls come from the thread of the io_context.

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

  // Returns when rung, or after `most`.
  boost::asio::awaitable<void> wait(std::chrono::microseconds most) {
    if (!rung_) {
      timer_.expires_after(most);
      boost::system::error_code ignored;
      co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    rung_ = false;
  }

 private:
  boost::asio::steady_timer timer_;
  bool rung_ = false;
};

}  // namespace retraind::daemon
