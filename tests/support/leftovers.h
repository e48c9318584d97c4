#pragma once
// What a daemon that ended, however it ended, must not leave on its machine: processes and folders. Looks at /proc and
// at the state folder only; each finding is a sentence.

#include <sys/types.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace retraind::testing {

// A zombie is dead: it only waits to be reaped.
bool is_alive(pid_t pid);

// Every process whose working folder is below `state_dir`, as that of every worker and trainer is, and that does not
// descend from one of `living`. A process that has just been killed may take a moment to go: ask again before you
// believe it.
std::vector<std::string> orphan_processes(const std::filesystem::path& state_dir, const std::set<pid_t>& living);

// Work folders below `state_dir` that no running daemon holds by its lock, and folders of attempts in those that one
// holds but which nothing works in, when `idle` says that nothing should be under way.
std::vector<std::string> abandoned_folders(const std::filesystem::path& state_dir, bool idle);

}  // namespace retraind::testing
