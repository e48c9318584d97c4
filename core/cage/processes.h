#pragma once
// The processes of this machine as /proc shows them, and which of them descend from this one. A picture taken while
// everything moves: a process may be missing or gone. Any thread.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace retraind::cage {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  char state = '?';  // as in ps: R, S, D, T, Z …
  std::uint64_t threads = 0;
  std::uint64_t started = 0;  // clock ticks after boot; with the pid it names one process for ever
  std::uint64_t resident_bytes = 0;

  // Ended, and not reaped yet. Not one whose first thread alone has ended.
  bool is_dead() const { return (state == 'Z' || state == 'X') && threads <= 1; }
};

// All that can be seen. Empty where there is no /proc.
std::vector<Process> read_processes();

// Children of `root` for which `take` is true, and everything below them. `take` is asked for children only.
std::vector<Process> below(const std::vector<Process>& all, pid_t root,
                           const std::function<bool(const Process&)>& take);

// Sends a signal to exactly this process: nothing happens when it has ended and its number is another's by now.
void signal_exactly(const Process& process, int number);

// Memory of a process with what it shares with others counted in part; what was resident where that may not be read;
// nothing of one that has ended.
std::uint64_t proportional_bytes(const Process& process);

}  // namespace retraind::cage
