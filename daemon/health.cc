#include "daemon/health.h"

#include <fmt/format.h>

namespace retraind::daemon {
namespace {

// Whole seconds: nobody at three in the morning reads microseconds.
std::string in_seconds(Duration duration) {
  return format_duration(std::chrono::floor<std::chrono::seconds>(duration));
}

}  // namespace

Duration write_patience(Duration poll_interval) {
  return 3 * poll_interval + std::chrono::seconds(10);
}

HealthAnswer judge_readiness(const ReadinessFacts& facts) {
  if (facts.stopping) return {false, "stopping: nothing more is begun"};
  if (!facts.loaded) {
    return {false, "the registry has not taken the configuration yet; the log says what it waits for"};
  }
  if (!facts.last_write) return {false, "nothing has been written to the registry yet"};
  const std::string ago = in_seconds(*facts.last_write);
  if (*facts.last_write > write_patience(facts.poll_interval)) {
    return {false, fmt::format("the last write to the registry succeeded {} ago, and one is due every {}; the log says "
                               "what fails",
                               ago, format_duration(facts.poll_interval))};
  }
  return {true, fmt::format("ready: the last write to the registry succeeded {} ago", ago)};
}

HealthAnswer judge_life(const std::optional<std::string>& stalled) {
  if (stalled) return {false, *stalled};
  return {true, "alive: the loops make progress"};
}

HealthAnswer Health::readiness(bool stopping, Duration poll_interval) const {
  ReadinessFacts facts{
      .stopping = stopping, .loaded = loaded_, .last_write = std::nullopt, .poll_interval = poll_interval};
  if (last_write_) facts.last_write = std::chrono::duration_cast<Duration>(Clock::now() - *last_write_);
  return judge_readiness(facts);
}

}  // namespace retraind::daemon
