#include "daemon/progress.h"

namespace retraind::daemon {

using std::chrono::steady_clock;

std::optional<Mark> find_stuck(const std::vector<Mark>& marks, steady_clock::time_point now) {
  const Mark* worst = nullptr;
  const auto beyond = [now](const Mark& mark) { return now - mark.since - *mark.allowed; };
  for (const Mark& mark : marks) {
    if (!mark.allowed || beyond(mark) <= steady_clock::duration::zero()) continue;
    if (worst == nullptr || beyond(mark) > beyond(*worst)) worst = &mark;
  }
  return worst == nullptr ? std::nullopt : std::optional(*worst);
}

Progress::Activity::Activity(Progress& progress, std::string who) : progress_(progress) {
  const std::lock_guard lock(progress_.mutex_);
  id_ = progress_.next_++;
  progress_.marks_[id_] = {
      .who = std::move(who), .doing = "beginning", .since = steady_clock::now(), .allowed = kSlack};
}

Progress::Activity::~Activity() {
  const std::lock_guard lock(progress_.mutex_);
  progress_.marks_.erase(id_);
}

void Progress::Activity::mark(std::string doing, std::optional<Duration> allowed) {
  const std::lock_guard lock(progress_.mutex_);
  Mark& mark = progress_.marks_.at(id_);
  mark.doing = std::move(doing);
  mark.since = steady_clock::now();
  mark.allowed = allowed;
}

std::vector<Mark> Progress::marks() const {
  const std::lock_guard lock(mutex_);
  std::vector<Mark> out;
  for (const auto& [id, mark] : marks_) out.push_back(mark);
  return out;
}

}  // namespace retraind::daemon
