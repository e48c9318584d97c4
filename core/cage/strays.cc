#include "core/cage/strays.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/cage/cage.h"
#include "core/cage/processes.h"
#include "core/cage/stopwatch.h"

namespace retraind::cage {
namespace {

// How long a killed process may take to be gone; one that waits for a disk or a network file system may need that.
constexpr Duration kPatience = std::chrono::seconds(10);

rlim_t address_space_of(pid_t pid) {
  rlimit limit{};
  if (::prlimit(pid, RLIMIT_AS, nullptr, &limit) != 0) return RLIM_INFINITY;
  return limit.rlim_max;
}

class Sweep {
 public:
  Sweep(const std::vector<int>& known, Strays which)
      : known_(known), which_(which), own_limit_(address_space_of(::getpid())) {}

  // One picture, with the children that are dead in it reaped. Returns those that live.
  std::vector<Process> look() {
    const std::vector<Process> all = read_processes();
    std::vector<Process> living;
    dead_ = 0;
    for (const Process& process : below(all, ::getpid(), [this](const Process& child) { return concerns(child); })) {
      if (!process.is_dead()) {
        living.push_back(process);
      } else if (process.parent != ::getpid() || ::waitpid(process.pid, nullptr, WNOHANG) == 0) {
        ++dead_;
      }
    }
    // A group that holds strays only can be stopped as a whole, so that no fork slips through.
    std::unordered_set<pid_t> ours;
    for (const Process& process : living) ours.insert(process.pid);
    shared_groups_ = {::getpgrp()};
    for (const Process& process : all) {
      if (!ours.contains(process.pid)) shared_groups_.insert(process.group);
    }
    return living;
  }

  // Stops all that is new in the picture; false when nothing was.
  bool stop(const std::vector<Process>& living) {
    bool any = false;
    for (const Process& process : living) {
      if (!seen_.emplace(process.pid, process.started).second) continue;
      any = true;
      if (!shared_groups_.contains(process.group)) ::kill(-process.group, SIGSTOP);
      signal_exactly(process, SIGSTOP);
    }
    return any;
  }

  std::uint64_t count() const { return seen_.size(); }
  std::uint64_t dead() const { return dead_; }

 private:
  bool concerns(const Process& child) const {
    if (std::find(known_.begin(), known_.end(), child.pid) != known_.end()) return false;
    // What is dead is reaped, whoever it was.
    return child.is_dead() || which_ == Strays::all || address_space_of(child.pid) < own_limit_;
  }

  const std::vector<int>& known_;
  Strays which_;
  rlim_t own_limit_;
  std::set<std::pair<pid_t, std::uint64_t>> seen_;  // pid and start
  std::unordered_set<pid_t> shared_groups_;         // process groups in which somebody else is
  std::uint64_t dead_ = 0;
};

}  // namespace

void become_subreaper() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
    throw std::system_error(errno, std::generic_category(), "PR_SET_CHILD_SUBREAPER");
}

void hide_from_same_user() {
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) throw std::system_error(errno, std::generic_category(), "PR_SET_DUMPABLE");
}

std::vector<int> children() {
  std::vector<int> out;
  for (const Process& process : read_processes()) {
    if (process.parent == ::getpid()) out.push_back(process.pid);
  }
  return out;
}

std::uint64_t count_strays(const std::vector<int>& known) {
  const auto is_stray = [&](const Process& child) {
    return std::find(known.begin(), known.end(), child.pid) == known.end();
  };
  const std::vector<Process> found = below(read_processes(), ::getpid(), is_stray);
  return static_cast<std::uint64_t>(
      std::count_if(found.begin(), found.end(), [](const Process& process) { return !process.is_dead(); }));
}

std::uint64_t kill_strays(const std::vector<int>& known, Strays which) {
  const Stopwatch watch;
  Sweep sweep(known, which);
  int pause_ms = 1;
  while (true) {
    std::vector<Process> living = sweep.look();
    if (living.empty() && sweep.dead() == 0) return sweep.count();
    if (watch.elapsed() > kPatience) {
      std::vector<pid_t> pids;
      for (const Process& process : living) pids.push_back(process.pid);
      if (pids.empty()) return sweep.count();  // dead, but their parents will not hear of it: theirs to reap
      throw TransientError(fmt::format("processes {} cannot be killed", fmt::join(pids, ", ")),
                           "they wait for a disk or a network file system, as a rule");
    }
    // First all of them stand still, since one that runs could start another while its neighbour dies. Those that were
    // stopped before are looked at again: somebody may have woken them.
    if (sweep.stop(living)) continue;
    for (const Process& process : living) signal_exactly(process, SIGKILL);
    ::poll(nullptr, 0, pause_ms);
    pause_ms = std::min(pause_ms * 2, 20);
  }
}

}  // namespace retraind::cage
