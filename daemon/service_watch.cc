#include "daemon/service_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/log.h"

namespace retraind::daemon {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr auto kPause = std::chrono::seconds(1);
// A look that comes so much too late means that the process itself was held up (stopped, or the machine was busy): the
// loops get their turn before they are judged.
constexpr auto kLate = std::chrono::seconds(5);

std::string lasting(steady_clock::duration duration) {
  return format_duration(std::chrono::duration_cast<Duration>(std::chrono::floor<std::chrono::seconds>(duration)));
}

}  // namespace

asio::awaitable<void> ServiceWatch::run() {
  // The manager advises to feed it at half of its time.
  const auto watchdog = notifier_.watchdog();
  const steady_clock::duration pause =
      watchdog
          ? std::min<steady_clock::duration>(kPause, std::chrono::duration_cast<steady_clock::duration>(*watchdog) / 2)
          : steady_clock::duration(kPause);
  while (!stopped_) {
    const auto expected = steady_clock::now() + pause;
    timer_.expires_at(expected);
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (stopped_) break;
    const auto now = steady_clock::now();
    if (now - expected < kLate) look(now);
    if (!stuck_) feed(now);
  }
}

void ServiceWatch::look(steady_clock::time_point now) {
  const std::optional<Mark> stuck = find_stuck(context_.progress.marks(), now);
  tell(stuck);
  // STOPPING has said the last word about what is being done.
  if (!context_.stopping) notifier_.status(status_(stuck));
}

void ServiceWatch::feed(steady_clock::time_point now) {
  const auto watchdog = notifier_.watchdog();
  if (!watchdog || (fed_at_ && now - *fed_at_ < *watchdog / 3)) return;
  notifier_.feed_watchdog();
  fed_at_ = now;
}

void ServiceWatch::tell(const std::optional<Mark>& stuck) {
  const bool another = stuck && (!stuck_ || stuck_->who != stuck->who || stuck_->since != stuck->since);
  const auto now = steady_clock::now();
  if (another) {
    log_event(Event::loop_stuck,
              fmt::format("{} stands still: {} for {}, which takes {} at most; {}", stuck->who, stuck->doing,
                          lasting(now - stuck->since), format_duration(*stuck->allowed),
                          notifier_.watchdog() ? "the watchdog is not fed, and the service manager will end the daemon"
                                               : "no watchdog is there to end the daemon; restart it"),
              {{"loop", stuck->who}});
  } else if (stuck_ && !stuck) {
    log_event(Event::loop_resumed,
              fmt::format("{} goes on again, after {} of {}", stuck_->who, lasting(now - stuck_->since), stuck_->doing),
              {{"loop", stuck_->who}});
  }
  stuck_ = stuck;
}

std::optional<std::string> ServiceWatch::stuck_text() const {
  if (!stuck_) return std::nullopt;
  return fmt::format("{} stands still: {} for {}, which takes {} at most", stuck_->who, stuck_->doing,
                     lasting(steady_clock::now() - stuck_->since), format_duration(*stuck_->allowed));
}

void ServiceWatch::stop() {
  stopped_ = true;
  timer_.cancel();
}

}  // namespace retraind::daemon
