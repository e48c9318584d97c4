#include "core/cage/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <vector>

#include "core/base/descriptor.h"
#include "core/cage/stopwatch.h"

namespace retraind::cage {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "retraind-cage-";
constexpr Duration kPatience = std::chrono::seconds(1);

bool write_to(const fs::path& file, const std::string& text) {
  const Descriptor fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd.get() >= 0 && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string read_from(const fs::path& file) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  char block[4096];
  ssize_t got = 0;
  while (fd.get() >= 0 && (got = ::read(fd.get(), block, sizeof block)) > 0)
    out.append(block, static_cast<std::size_t>(got));
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

// Whether this user was told that groups may be made here. A plain user owns what is delegated to it. Root may write
// everywhere, but the tree is systemd's, which marks what it gives away.
bool is_delegated(const fs::path& folder) {
  struct stat about {};
  if (::stat(folder.c_str(), &about) != 0) return false;
  if (::geteuid() != 0) return about.st_uid == ::geteuid() && ::access(folder.c_str(), W_OK) == 0;
  char value = '0';
  for (const char* name : {"trusted.delegate", "user.delegate"}) {
    if (::getxattr(folder.c_str(), name, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

bool contains_word(const std::string& text, std::string_view word) {
  for (const std::string_view line : split(text, '\n')) {
    for (const std::string_view each : split(line, ' ')) {
      if (each == word) return true;
    }
  }
  return false;
}

// Kills what is in a group, waits until the kernel has let go of it, and removes it.
void remove_group(const fs::path& folder) {
  const Stopwatch watch;
  int pause_ms = 1;
  while (::rmdir(folder.c_str()) != 0 && errno == EBUSY && watch.elapsed() < kPatience) {
    write_to(folder / "cgroup.kill", "1");
    ::poll(nullptr, 0, pause_ms);
    pause_ms = pause_ms < 50 ? pause_ms * 2 : pause_ms;
  }
}

// What workers left that were killed themselves: named by their number, which is nobody's now.
void remove_leftovers(const fs::path& parent) {
  std::error_code error;
  std::vector<fs::path> found;
  for (auto entry = fs::directory_iterator(parent, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    pid_t pid = 0;
    const char* begin = name.data() + kPrefix.size();
    if (std::from_chars(begin, name.data() + name.size(), pid).ec != std::errc() || pid <= 0) continue;
    if (::kill(pid, 0) != 0 && errno == ESRCH) found.push_back(entry->path());
  }
  for (const fs::path& folder : found) remove_group(folder);
}

// Where a group may be made. Beside our own first: a group that has processes of its own, as ours has, can give its
// children no controllers.
std::optional<fs::path> find_parent() {
  const std::string cgroup = read_from("/proc/self/cgroup");
  const fs::path own = own_cgroup_folder(cgroup, read_from("/proc/self/mountinfo"));
  if (own.empty()) return std::nullopt;
  if (is_delegated(own.parent_path())) return own.parent_path();
  if (is_delegated(own)) return own;
  // The root of all groups, with nothing of systemd's below it.
  const bool is_root = ("\n" + cgroup).find("\n0::/\n") != std::string::npos;
  if (::geteuid() == 0 && is_root && !fs::exists(own / "init.scope")) return own;
  return std::nullopt;
}

}  // namespace

fs::path own_cgroup_folder(std::string_view cgroup, std::string_view mountinfo) {
  std::string_view group;
  for (const std::string_view line : split(cgroup, '\n')) {
    if (line.starts_with("0::/")) group = line.substr(3);
  }
  if (group.empty()) return {};
  // proc(5): number, parent, device, root, mount point, options, any number of fields, "-", type, …
  for (const std::string_view line : split(mountinfo, '\n')) {
    if (line.find(" - cgroup2 ") == std::string_view::npos) continue;
    const std::vector<std::string_view> words = split(line, ' ');
    if (words.size() < 5) continue;
    const std::string_view root = words[3] == "/" ? std::string_view() : words[3];
    const bool below = group.starts_with(root) && (group.size() == root.size() || group[root.size()] == '/');
    if (!below) continue;
    std::string_view rest = group.substr(root.size());
    while (rest.starts_with('/')) rest.remove_prefix(1);
    return rest.empty() ? fs::path(words[4]) : fs::path(words[4]) / rest;
  }
  return {};
}

bool settle_in_subgroup() {
  const fs::path own = own_cgroup_folder(read_from("/proc/self/cgroup"), read_from("/proc/self/mountinfo"));
  const std::string self = fmt::format("{}", ::getpid());
  if (own.empty() || !is_delegated(own) || read_from(own / "cgroup.procs") != self + "\n") return false;
  const fs::path below = own / "daemon";
  if (::mkdir(below.c_str(), 0755) != 0 && errno != EEXIST) return false;
  return write_to(below / "cgroup.procs", self);
}

std::unique_ptr<CGroup> CGroup::make(std::uint64_t memory_bytes, std::uint64_t tasks) {
  const std::optional<fs::path> parent = find_parent();
  if (!parent) return nullptr;
  remove_leftovers(*parent);
  static int number = 0;
  const fs::path folder = *parent / fmt::format("{}{}-{}", kPrefix, ::getpid(), ++number);
  if (::mkdir(folder.c_str(), 0755) != 0) return nullptr;
  std::unique_ptr<CGroup> out(new CGroup(folder));
  // Controllers where they can be had: not where the parent has processes, nor where version 1 holds them.
  for (const char* controller : {"memory", "pids"}) {
    if (contains_word(read_from(*parent / "cgroup.controllers"), controller) &&
        !contains_word(read_from(*parent / "cgroup.subtree_control"), controller))
      write_to(*parent / "cgroup.subtree_control", fmt::format("+{}", controller));
  }
  write_to(folder / "memory.max", fmt::format("{}", memory_bytes));
  write_to(folder / "memory.oom.group", "1");
  write_to(folder / "pids.max", fmt::format("{}", tasks));
  return out;
}

CGroup::~CGroup() {
  remove_group(folder_);
}

bool CGroup::add(pid_t pid) {
  return write_to(folder_ / "cgroup.procs", fmt::format("{}", pid));
}

void CGroup::kill() {
  write_to(folder_ / "cgroup.kill", "1");
}

bool CGroup::ran_out_of_memory() const {
  for (const std::string_view line : split(read_from(folder_ / "memory.events"), '\n')) {
    if (line.starts_with("oom_kill ") && line != "oom_kill 0") return true;
  }
  return false;
}

}  // namespace retraind::cage
