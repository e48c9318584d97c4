#include "tests/support/leftovers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

namespace retraind::testing {
namespace {

namespace fs = std::filesystem;

std::string read_proc(pid_t pid, const char* what) {
  std::ifstream in(fmt::format("/proc/{}/{}", pid, what), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// "pid (name) state ppid …"; the name may hold anything, so what counts begins after the last parenthesis.
std::pair<char, pid_t> state_and_parent(pid_t pid) {
  const std::string stat = read_proc(pid, "stat");
  const std::size_t end = stat.rfind(')');
  if (end == std::string::npos || end + 4 > stat.size()) return {'X', 0};
  return {stat[end + 2], static_cast<pid_t>(std::atoi(stat.c_str() + end + 4))};
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> out;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size()) out.push_back(pid);
  }
  return out;
}

// The daemon that a worker, look, trial, scoring or announcement was started by; 0 for all other processes.
pid_t named_parent(const std::string& command_line) {
  const std::string key("\0--parent\0", 10);
  const std::size_t at = command_line.find(key);
  return at == std::string::npos ? 0 : static_cast<pid_t>(std::atoi(command_line.c_str() + at + key.size()));
}

bool has_ancestor(pid_t pid, const std::set<pid_t>& living) {
  for (int depth = 0; depth < 50 && pid > 1; ++depth) {
    if (living.contains(pid)) return true;
    pid = state_and_parent(pid).second;
  }
  return false;
}

bool is_held(const fs::path& folder) {
  const int lock = ::open((folder / "lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (lock < 0) return false;
  const bool held = ::flock(lock, LOCK_EX | LOCK_NB) != 0;
  ::close(lock);
  return held;
}

}  // namespace

bool is_alive(pid_t pid) {
  const char state = state_and_parent(pid).first;
  return state != 'Z' && state != 'X';
}

std::vector<std::string> orphan_processes(const fs::path& state_dir, const std::set<pid_t>& living) {
  std::vector<std::string> out;
  const std::string below = fs::weakly_canonical(state_dir).string() + "/";
  for (const pid_t pid : all_processes()) {
    if (pid == ::getpid() || !is_alive(pid)) continue;
    std::error_code error;
    std::string where = fs::read_symlink(fmt::format("/proc/{}/cwd", pid), error).string();
    std::string command = read_proc(pid, "cmdline");
    const bool works_there = (where + "/").starts_with(below);
    if (!works_there || has_ancestor(pid, living)) continue;
    const pid_t parent = named_parent(command);
    std::replace(command.begin(), command.end(), '\0', ' ');
    out.push_back(fmt::format("process {} ({}) works in {}, but its daemon{} is gone", pid, command, where,
                              parent > 0 ? fmt::format(" {}", parent) : std::string()));
  }
  return out;
}

std::vector<std::string> abandoned_folders(const fs::path& state_dir, bool idle) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& daemon : fs::directory_iterator(state_dir / "work", error)) {
    if (!is_held(daemon.path())) {
      out.push_back(fmt::format("folder {} belongs to no daemon that runs", daemon.path().string()));
      continue;
    }
    if (!idle) continue;
    for (const auto& attempt : fs::directory_iterator(daemon.path(), error)) {
      if (attempt.is_directory(error)) {
        out.push_back(fmt::format("folder {} was left although nothing is under way", attempt.path().string()));
      }
    }
  }
  return out;
}

}  // namespace retraind::testing
