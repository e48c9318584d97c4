#include "core/custody/command.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "core/custody/way.h"

namespace retraind::custody {
namespace {

constexpr std::array<std::uint32_t, 1> kRoot = {0};
constexpr int kMostInterpreters = 4;  // a script that names a script …; the kernel goes no further

// "/usr/bin/python3" of a file that begins with "#!/usr/bin/python3 -u"; empty for all others, and for a file that may
// be run but not read.
std::string interpreter_of(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return {};
  std::array<char, 256> begin{};  // so much of it the kernel looks at
  const ssize_t got = ::read(fd, begin.data(), begin.size());
  ::close(fd);
  if (got < 2) return {};
  std::string_view line(begin.data(), static_cast<std::size_t>(got));
  if (!line.starts_with("#!")) return {};
  line = line.substr(2, line.find('\n') == std::string_view::npos ? line.npos : line.find('\n') - 2);
  const auto first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  line.remove_prefix(first);
  return std::string(line.substr(0, line.find_first_of(" \t\r")));
}

std::optional<std::string> find_file_fault(std::string path) {
  for (int depth = 0; depth <= kMostInterpreters && path.starts_with('/'); ++depth) {
    Way way = walk(path);
    // A device is no program, and anybody may write to /dev/null; but its folder decides what it will be.
    const bool is_device = way.goal() != nullptr && way.goal()->kind == Kind::other;
    if (is_device) way.stations.pop_back();
    const Station* goal = is_device ? nullptr : way.goal();
    if (auto fault = find_stranger(way, kRoot)) return depth == 0 ? fault : "its interpreter: " + *fault;
    if (goal == nullptr || goal->kind != Kind::file) return std::nullopt;
    path = interpreter_of(goal->path);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_command_fault(std::span<const std::string> argv) {
  for (const std::string& word : argv) {
    if (auto fault = find_file_fault(word)) return fault;
    const auto equals = word.find('=');
    if (equals == std::string::npos) continue;
    if (auto fault = find_file_fault(word.substr(equals + 1))) return fault;
  }
  return std::nullopt;
}

}  // namespace retraind::custody
