#pragma once
// What the kernel itself holds a program to: resource limits, set in the child before it becomes the program, never for
// the calling process. Pure but for reading what limits are in force. Any thread.

#include <sys/resource.h>

#include <cstdint>
#include <vector>

namespace retraind::cage {

struct ResourceLimit {
  int resource;  // RLIMIT_…
  rlimit value;
};

// Address space and the length of a file as given, no core file, 1,024 descriptors (65,536 if it asks for them). What
// is already limited further stays so. `tasks` is the bound on processes and threads of the user (RLIMIT_NPROC); 0:
// none.
std::vector<ResourceLimit> resource_limits(std::uint64_t memory_bytes, std::uint64_t file_bytes, std::uint64_t tasks);

// How many threads and processes the kernel lets a program have, where it counts them for it alone: it counts threads,
// of which an honest program has many, and only has to keep a fork bomb so small that it can be swept up.
std::uint64_t task_limit(int max_processes);

// Whether RLIMIT_NPROC counts within a user namespace by itself: since Linux 5.14.
bool tasks_are_counted_by_namespace();

// Whether a PID namespace has a pid_max of its own: since Linux 6.14. Before, writing it would change the machine's.
bool pid_limit_is_of_the_namespace();

}  // namespace retraind::cage
