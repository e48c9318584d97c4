#pragma once
// Looks every second at how the daemon is: says in the log when a loop stands still and when it goes on again, feeds
// the service manager's watchdog while none does, and keeps the status line up to date. Runs from the first to the last
// moment of the io_context; one thread.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "daemon/context.h"
#include "daemon/progress.h"
#include "daemon/service_notifier.h"

namespace retraind::daemon {

class ServiceWatch {
 public:
  // `status` makes the status line, from the loop that stands still, if one does.
  ServiceWatch(Context& context, ServiceNotifier& notifier,
               std::function<std::string(const std::optional<Mark>&)> status)
      : context_(context), notifier_(notifier), status_(std::move(status)), timer_(context.io) {}

  boost::asio::awaitable<void> run();
  void stop();
  // Which loop stands still, with what and for how long, as of the last look; absent while all move.
  std::optional<std::string> stuck_text() const;

 private:
  void look(std::chrono::steady_clock::time_point now);
  void feed(std::chrono::steady_clock::time_point now);
  void tell(const std::optional<Mark>& stuck);

  Context& context_;
  ServiceNotifier& notifier_;
  std::function<std::string(const std::optional<Mark>&)> status_;
  boost::asio::steady_timer timer_;
  std::optional<Mark> stuck_;  // as last told
  std::optional<std::chrono::steady_clock::time_point> fed_at_;
  bool stopped_ = false;
};

}  // namespace retraind::daemon
