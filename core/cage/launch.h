#pragma once
// Starts the program of a cage, in a PID namespace where one can be had, and knows how to signal and reap it. Owned by
// run_caged; used on the thread that made it, which the kernel's parent-death signal follows.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/descriptor.h"
#include "core/cage/cage.h"
#include "core/cage/cgroup.h"
#include "core/cage/child.h"
#include "core/cage/pipe.h"

namespace retraind::cage {

// How the program ended.
struct Ending {
  int status = 0;                 // as wait() gives it
  std::uint64_t left_behind = 0;  // in a namespace: how many processes outlived it
};

class Launch {
 public:
  // Throws as run_caged does, but for what only comes to light when the program is executed: see reap().
  explicit Launch(const CageSpec& spec);
  // Kills and reaps what is still there.
  ~Launch();
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  // Of the program, or of the first process of its namespace.
  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_->get(); }
  int output() const { return output_->reading(); }
  bool in_namespace() const { return in_namespace_; }
  // False while what was started is still a copy of this process, with all its memory.
  bool has_become_program() const;
  CGroup* cgroup() { return cgroup_.get(); }

  // Asks the program and whoever stayed in its group to end.
  void ask_to_end();
  // Kills the program, and in a namespace or a cgroup all the rest at the same instant.
  void kill();
  // Once pidfd() is readable. Throws DataError when it could not become the program, std::system_error likewise.
  Ending reap();

 private:
  bool start(const CageSpec& spec, unsigned long namespaces);
  void kill_and_reap();
  std::optional<Report> next_report(bool wait);

  pid_t pid_ = -1;
  bool in_namespace_ = false;
  std::string program_;
  std::string folder_;
  std::unique_ptr<CGroup> cgroup_;
  std::optional<Descriptor> pidfd_;
  std::optional<Pipe> output_;
  std::optional<Pipe> report_;
  std::optional<Pipe> go_;
};

}  // namespace retraind::cage
