#include "daemon/service_notifier.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "core/base/redaction.h"
#include "daemon/log.h"

namespace retraind::daemon {
namespace {

// The whole message has to fit into a datagram that the manager reads in one go (4 KiB).
constexpr std::size_t kMostStatusBytes = 1024;

// A line break would end the field, and what comes after it be read as another.
std::string as_field(const std::string& status) {
  std::string out = redacted(status);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  if (out.size() > kMostStatusBytes) {
    std::size_t end = kMostStatusBytes;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0U) == 0x80U) --end;  // no half of a character
    out = out.substr(0, end) + "…";
  }
  return out;
}

std::int64_t monotonic_microseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

}  // namespace

ServiceNotifier::ServiceNotifier() : heard_(std::getenv("NOTIFY_SOCKET") != nullptr) {
  std::uint64_t microseconds = 0;
  if (heard_ && ::sd_watchdog_enabled(0, &microseconds) > 0) {
    watchdog_ = Duration(static_cast<std::int64_t>(microseconds));
  }
}

void ServiceNotifier::ready(const std::string& status) {
  status_ = as_field(status);
  send("READY=1\nSTATUS=" + status_);
}

void ServiceNotifier::reloading(const std::string& status) {
  status_ = as_field(status);
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS={}", monotonic_microseconds(), status_));
}

void ServiceNotifier::stopping(const std::string& status, Duration most) {
  status_ = as_field(status);
  send(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}\nSTATUS={}", most.count(), status_));
}

void ServiceNotifier::status(const std::string& status) {
  std::string field = as_field(status);
  if (field == status_) return;
  status_ = std::move(field);
  send("STATUS=" + status_);
}

void ServiceNotifier::feed_watchdog() {
  send("WATCHDOG=1");
}

void ServiceNotifier::send(const std::string& state) {
  // What cannot be delivered is not worth more: a manager that is gone does not read it later either.
  if (heard_ && ::sd_notify(0, state.c_str()) < 0) log_debug("the service manager could not be told: " + state);
}

}  // namespace retraind::daemon
