#include "daemon/registry_health.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "daemon/log.h"

namespace retraind::daemon {
namespace {

using std::chrono::steady_clock;

// What lasts is said again after so long.
constexpr auto kSayAgain = std::chrono::minutes(10);

TimePoint wall_clock() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

std::string words_of(const std::exception& error) {
  const auto* ours = dynamic_cast<const Error*>(&error);
  return ours != nullptr ? ours->message_with_hint() : error.what();
}

}  // namespace

void RegistryHealth::pass_failed(std::string_view loop, std::string_view what, const std::exception& error,
                                 Duration pause) {
  const auto now = steady_clock::now();
  const std::string message = fmt::format("{}: {}; trying again in {}", what, words_of(error), format_duration(pause));
  if (dynamic_cast<const TransientError*>(&error) != nullptr) {
    failing_.emplace(loop);
    if (trouble_ && now - told_at_ < kSayAgain) {
      log_debug(message, {{"loop", std::string(loop)}});
      return;
    }
    if (!trouble_) trouble_ = {.since = wall_clock(), .words = words_of(error)};
    told_at_ = now;
    log_event(Event::registry_unavailable, message, {{"loop", std::string(loop)}});
    return;
  }
  Failure& before = failures_[std::string(loop)];
  if (before.words == message && now - before.told_at < kSayAgain) {
    log_debug(message, {{"loop", std::string(loop)}});
    return;
  }
  before = {message, now};
  log_event(Event::loop_failed, message, {{"loop", std::string(loop)}});
}

void RegistryHealth::pass_succeeded(std::string_view loop) {
  if (const auto failure = failures_.find(loop); failure != failures_.end()) {
    log_info(fmt::format("the {} loop works again", loop), {{"loop", std::string(loop)}});
    failures_.erase(failure);
  }
  if (const auto failing = failing_.find(loop); failing != failing_.end()) failing_.erase(failing);
  if (!trouble_ || !failing_.empty()) return;
  log_event(
      Event::registry_available,
      fmt::format("the registry does what it is asked again, after {}",
                  format_duration(std::chrono::floor<std::chrono::milliseconds>(wall_clock() - trouble_->since))));
  trouble_.reset();
}

}  // namespace retraind::daemon
