#include "core/settings/include.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace retraind::settings {
namespace {

constexpr std::string_view kWildcards = "*?[";

// The directory is a name, whatever characters it holds.
std::string escaped(const std::string& directory) {
  std::string out;
  for (const char c : directory) {
    if (kWildcards.find(c) != std::string_view::npos || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string last_error() {
  return std::generic_category().message(errno);
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

std::vector<std::filesystem::path> expand(const std::filesystem::path& directory, const std::string& pattern) {
  if (pattern.find_first_of(kWildcards) == std::string::npos) return {directory / pattern};
  const bool is_absolute = std::filesystem::path(pattern).is_absolute();
  const std::string prefix = is_absolute || directory.empty() ? "" : escaped(directory.string()) + "/";
  glob_t found{};
  // glob's own order depends on the locale.
  const int outcome = ::glob((prefix + pattern).c_str(), GLOB_NOSORT, nullptr, &found);
  std::vector<std::filesystem::path> paths;
  if (outcome == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  std::sort(paths.begin(), paths.end(), [](const auto& a, const auto& b) { return a.native() < b.native(); });
  return paths;
}

std::filesystem::path fixed_folder(const std::filesystem::path& directory, const std::string& pattern) {
  const std::string fixed = pattern.substr(0, pattern.find_first_of(kWildcards));
  const std::filesystem::path folder = (directory / fixed).parent_path();
  return folder.empty() ? "." : folder;
}

FileText read_file(const std::filesystem::path& path, std::size_t limit) {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return {std::nullopt, "cannot be opened: " + last_error()};
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return {std::nullopt, "cannot be read: " + last_error()};
  if (!S_ISREG(info.st_mode)) return {std::nullopt, "is not a regular file"};
  std::string text(limit + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {std::nullopt, "cannot be read: " + last_error()};
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return {std::move(text), {}};
}

}  // namespace retraind::settings
