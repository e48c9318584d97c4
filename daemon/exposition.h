#pragma once
// The page /metrics: what this daemon counts, what the process is, and what the registry knows. Made at most once a
// second, however many ask for it, and the registry is read for it at most every five; both on threads of the pool. A
// registry that does not answer costs a scrape two seconds at most: the page then comes without what only the registry
// knows, or with figures of up to a minute ago.
//
// Owned by Daemon; used on the thread of the io_context.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/runs/figures.h"
#include "daemon/context.h"
#include "daemon/registry_metrics.h"

namespace retraind::daemon {

class Exposition {
 public:
  // `least_lease`: of the runs in hand, how long the lease that ends first is trusted still.
  Exposition(Context& context, std::function<std::optional<Duration>()> least_lease);

  // Fills `page`. Throws what making it threw.
  boost::asio::awaitable<void> text(std::shared_ptr<const std::string>& page);

 private:
  using Clock = std::chrono::steady_clock;

  boost::asio::awaitable<void> make();
  boost::asio::awaitable<void> read_registry();

  Context& context_;
  std::function<std::optional<Duration>()> least_lease_;

  std::shared_ptr<const std::string> page_;
  Clock::time_point made_at_{};
  bool making_ = false;
  boost::asio::steady_timer made_;  // never expires; cancelled for those who wait for the page

  runs::FigureReader reader_;  // of the thread that reads, while reading_
  std::string registry_text_;
  std::optional<Clock::time_point> read_at_;   // succeeded
  std::optional<Clock::time_point> tried_at_;  // begun
  bool reading_ = false;
  boost::asio::steady_timer read_;  // the maker of the page waits at it
  std::shared_ptr<const settings::Settings> periods_of_;
  std::map<std::string, Duration> periods_;
  PageCost cost_;
};

}  // namespace retraind::daemon
