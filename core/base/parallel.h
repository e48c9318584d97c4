#pragma once
// Independent pieces of work on a few threads, for what a worker computes while it has its processors for itself. Not
// for waiting, and never in the daemon, whose threads are counted.

#include <cstddef>
#include <functional>

namespace retraind {

// Calls work(0) … work(count - 1), each once, in any order, on up to `threads` threads (0 counts as 1), the caller's
// among them; with one it is a plain loop. Returns when all have ended. Once one call has thrown, no other is begun,
// and what it threw is thrown here. `work` must bear being called from several threads.
void parallel_for(std::size_t threads, std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace retraind
