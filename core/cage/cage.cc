#include "core/cage/cage.h"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/cage/launch.h"
#include "core/cage/strays.h"
#include "core/cage/watch.h"
#include "core/custody/command.h"

namespace retraind::cage {
namespace {

std::atomic<bool> root_owned_only = false;

// The last look at what is about to be run. What passes it is root's alone, and so stays what it is until it runs.
void require_custody(const CageSpec& spec) {
  if (!root_owned_only) return;
  if (const auto fault = custody::find_command_fault(spec.argv)) {
    throw DataError(fmt::format("the command {} is not run, since others than root could change what it does: {}",
                                spec.argv.at(0), *fault),
                    custody::kCommandAdvice);
  }
}

// Whatever becomes of the call, what came out of the cage ends with it.
class NothingLeft {
 public:
  explicit NothingLeft(const std::vector<int>& others) : others_(others) {}
  ~NothingLeft() {
    if (done_) return;
    try {
      kill_strays(others_);
    } catch (const std::exception&) {
      // Another exception is under way, and says more.
    }
  }
  NothingLeft(const NothingLeft&) = delete;
  NothingLeft& operator=(const NothingLeft&) = delete;

  std::uint64_t make_sure() {
    done_ = true;
    return kill_strays(others_);
  }

 private:
  const std::vector<int>& others_;
  bool done_ = false;
};

}  // namespace

void run_root_owned_programs_only() {
  root_owned_only = true;
}

CageEnd run_caged(const CageSpec& spec) {
  if (!spec.argv.empty()) require_custody(spec);
  become_subreaper();
  const std::vector<int> others = children();
  NothingLeft nothing_left(others);
  Launch launch(spec);
  const FirstInLine first;
  Watch watch(spec, launch, others);
  watch.until_it_ends();

  const std::uint64_t strays = launch.in_namespace() ? 0 : count_strays(others);
  const bool out_of_memory = launch.cgroup() != nullptr && launch.cgroup()->ran_out_of_memory();
  const Duration took = watch.elapsed();
  // The number is still taken until it is reaped, so that no stranger's group can be meant.
  if (!launch.in_namespace()) launch.kill();
  const Ending ending = launch.reap();
  const std::uint64_t swept = nothing_left.make_sure();
  watch.drain();

  CageEnd out;
  out.stop = watch.stop();
  out.excess = watch.excess();
  out.killed = watch.killed() && out.stop == CageStop::timeout;
  if (!watch.killed()) out.left_behind = std::max(ending.left_behind + swept, strays);
  if (WIFSIGNALED(ending.status)) {
    out.signal = WTERMSIG(ending.status);
  } else {
    out.code = WEXITSTATUS(ending.status);
  }
  if (out.stop == CageStop::none && out.signal == SIGXFSZ) {
    out.stop = CageStop::disk;
    out.excess = fmt::format("it wrote a file longer than {}", format_bytes(spec.disk_bytes));
  } else if (out.stop == CageStop::none && out.signal == SIGKILL && out_of_memory) {
    out.stop = CageStop::memory;
    out.excess = fmt::format("it needed more than {} of memory", format_bytes(spec.memory_bytes));
  }
  out.log = watch.log().text();
  out.log_dropped = watch.log().dropped();
  out.took = took;
  out.peak_memory_bytes = watch.peak_memory_bytes();
  out.in_namespace = launch.in_namespace();
  out.in_cgroup = launch.cgroup() != nullptr;
  return out;
}

std::string CageEnd::sentence() const {
  std::string out;
  if (stop != CageStop::none) {
    out = fmt::format("was stopped: {}", excess);
    if (killed) out += ", and did not end when it was asked to (SIGTERM)";
  } else if (signal) {
    out = fmt::format("was ended by signal {} ({})", *signal, ::strsignal(*signal));
    if (*signal == SIGKILL) out += ", as the kernel does when the machine's memory runs out";
  } else {
    out = fmt::format("ended with exit code {}", code.value_or(0));
  }
  if (left_behind > 0) {
    out += left_behind == 1 ? "; it left a process behind, which was killed"
                            : fmt::format("; it left {} processes behind, which were killed", left_behind);
  }
  return out;
}

}  // namespace retraind::cage
