#pragma once
// What happens between the birth of the child and the moment when it becomes the program, and what the first process of
// a PID namespace does as long as the program lives. Other threads of the caller may have held any lock at the birth:
// so there is nothing here but system calls on what was laid out before, no memory is allocated and nothing is thrown.
// Runs in the child alone.

#include <cstddef>
#include <cstdint>

#include "core/cage/limits.h"

namespace retraind::cage {

// All that the child needs, laid out by the parent.
struct Plan {
  char* const* argv = nullptr;
  char* const* environment = nullptr;
  const char* folder = nullptr;
  const ResourceLimit* limits = nullptr;
  std::size_t limit_count = 0;
  int nothing = -1;  // /dev/null, open for reading and writing
  int output = -1;   // these four stand above Pipe::kLowest
  int report = -1;
  int go = -1;
  int go_writing = -1;             // the parent's end of `go`, to be closed in the child
  int highest = 0;                 // descriptors up to this one are closed one by one where close_range is not there
  bool in_namespace = false;       // the child is the first process of a PID, a mount and an IPC namespace
  const char* user_map = nullptr;  // and of a user namespace, with these maps; nullptr: it is not
  const char* group_map = nullptr;
  const char* pid_limit = nullptr;    // its own pid_max; nullptr: it has none
  const char* memory_disk = nullptr;  // options of the tmpfs on its /dev/shm
};

// What the child tells the parent; each is one atomic write.
enum class News : std::uint32_t {
  armed,    // it dies with its parent from now on, and waits for a byte on `go`
  refused,  // the namespace cannot be had as it should be: value is the Stage, detail errno
  failed,   // it could not become the program: likewise
  ended,    // from within a namespace: value is the wait status, detail how many processes outlived the program
};

enum class Stage : std::int32_t { none, arm, map, mount, fork, limit, folder, descriptors, execute };

struct Report {
  News news = News::armed;
  std::int32_t value = 0;
  std::int32_t detail = 0;
};

[[noreturn]] void live_as_child(const Plan& plan);

}  // namespace retraind::cage
