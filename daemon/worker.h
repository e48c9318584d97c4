#pragma once
// The worker process: one run attempt, or one look, from job to result, alone in its process. Never returns to the
// daemon's code paths: it is the body of the internal command `retraind worker`.

#include <sys/types.h>

#include <string>

namespace retraind::daemon {

// Returns the exit code. `parent` is the daemon's process id: when the daemon dies, the kernel kills this process.
int run_worker(pid_t parent, const std::string& version);
// The same for one look of a trigger or of a trial, the bodies of `retraind look` and `retraind trial`.
int run_look(pid_t parent);
int run_trial(pid_t parent);
// And for a batch of scores, the body of `retraind score`.
int run_scoring(pid_t parent);

}  // namespace retraind::daemon
