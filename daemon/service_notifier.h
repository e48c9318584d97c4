#pragma once
// Tells the service manager how the daemon is, by sd_notify(3): a unit of Type=notify. Where nobody listens
// (NOTIFY_SOCKET is not set), nothing is sent and nothing is wrong. One thread.

#include <optional>
#include <string>

#include "core/base/time.h"

namespace retraind::daemon {

class ServiceNotifier {
 public:
  ServiceNotifier();

  bool is_heard() const { return heard_; }
  // How often the watchdog has to be fed at least (WatchdogSec= of the unit); std::nullopt: there is none, or it is
  // another process's.
  std::optional<Duration> watchdog() const { return watchdog_; }

  // The unit is up; also at the end of a reload, whatever came of it.
  void ready(const std::string& status);
  // A reload begins; ready() ends it. systemd 253 wants to know when it began by the monotonic clock.
  void reloading(const std::string& status);
  // The end begins and may take so long.
  void stopping(const std::string& status, Duration most);
  // One line for people, in `systemctl status`. Sent only when it differs from the last.
  void status(const std::string& status);
  void feed_watchdog();

 private:
  void send(const std::string& state);

  bool heard_ = false;
  std::optional<Duration> watchdog_;
  std::string status_;
};

}  // namespace retraind::daemon
