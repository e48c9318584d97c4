#include "core/cage/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/descriptor.h"

namespace retraind::cage {
namespace {

std::string read_start(int folder, const char* path) {
  const Descriptor file(::openat(folder, path, O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return {};
  char block[4096];
  const ssize_t got = ::read(file.get(), block, sizeof block);
  return got > 0 ? std::string(block, static_cast<std::size_t>(got)) : std::string();
}

std::optional<std::uint64_t> number_in(std::string_view word) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// proc(5), /proc/PID/stat. The name, in parentheses, may hold anything, so everything is counted from the last ')'.
std::optional<Process> parse_stat(pid_t pid, std::string_view text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(name_end + 1);
  std::vector<std::string_view> words;
  while (words.size() < 22) {
    const std::size_t begin = text.find_first_not_of(" \n");
    if (begin == std::string_view::npos) return std::nullopt;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  // The first word after the name is field 3.
  const auto field = [&](std::size_t number) { return number_in(words[number - 3]).value_or(0); };
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  Process out;
  out.pid = pid;
  out.state = words[0].front();
  out.parent = static_cast<pid_t>(field(4));
  out.group = static_cast<pid_t>(field(5));
  out.threads = field(20);
  out.started = field(22);
  out.resident_bytes = field(24) * page;
  return out;
}

}  // namespace

std::vector<Process> read_processes() {
  std::vector<Process> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc"), &::closedir);
  if (!folder) return out;
  const int fd = ::dirfd(folder.get());
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::optional<std::uint64_t> pid = number_in(entry->d_name);
    if (!pid) continue;
    const std::string text = read_start(fd, (std::string(entry->d_name) + "/stat").c_str());
    if (auto process = parse_stat(static_cast<pid_t>(*pid), text)) out.push_back(*process);
  }
  return out;
}

std::vector<Process> below(const std::vector<Process>& all, pid_t root,
                           const std::function<bool(const Process&)>& take) {
  std::unordered_multimap<pid_t, const Process*> children;
  for (const Process& process : all) children.emplace(process.parent, &process);
  std::vector<Process> out;
  const auto add_children = [&](pid_t parent, bool ask) {
    const auto [begin, end] = children.equal_range(parent);
    for (auto child = begin; child != end; ++child) {
      if (!ask || take(*child->second)) out.push_back(*child->second);
    }
  };
  add_children(root, true);
  // A process cannot be its own ancestor, but a picture of moving things may say so.
  for (std::size_t i = 0; i < out.size() && out.size() <= all.size(); ++i) add_children(out[i].pid, false);
  return out;
}

void signal_exactly(const Process& process, int number) {
  const Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (pidfd.get() < 0) return;
  // Seen before it was opened and seen again now, so what was opened in between was the same.
  const auto now =
      parse_stat(process.pid, read_start(AT_FDCWD, ("/proc/" + std::to_string(process.pid) + "/stat").c_str()));
  if (!now || now->started != process.started) return;
  ::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0);
}

std::uint64_t proportional_bytes(const Process& process) {
  const std::string path = "/proc/" + std::to_string(process.pid) + "/smaps_rollup";
  errno = 0;
  const std::string text = read_start(AT_FDCWD, path.c_str());
  // Whoever is ending, or has ended since it was seen, holds nothing any more; what it shared is the others'.
  if (text.empty() && (errno == 0 || errno == ENOENT || errno == ESRCH)) return 0;
  const std::size_t found = text.find("\nPss:");
  if (found == std::string::npos) return process.resident_bytes;
  std::string_view rest(text);
  rest.remove_prefix(found + 5);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const auto kibibytes = number_in(rest.substr(0, rest.find(' ')));
  return kibibytes ? *kibibytes * 1024 : process.resident_bytes;
}

}  // namespace retraind::cage
