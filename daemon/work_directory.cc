#include "daemon/work_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include "core/base/error.h"

namespace retraind::daemon {
namespace {

constexpr const char* kLockFile = "lock";

// Whoever is told of it is told that the daemon does not start, and starts it again: systemd by itself.
[[noreturn]] void refuse(const std::string& what, const std::error_code& error) {
  throw TransientError(fmt::format("daemon.state_dir cannot be used: cannot {}: {}", what, error.message()),
                       "look at its disk, its free space and its rights; then start the daemon again");
}

std::error_code last_error() {
  return {errno, std::generic_category()};
}

int lock_of(const std::filesystem::path& folder) {
  return ::open((folder / kLockFile).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void remove_abandoned(const std::filesystem::path& parent) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
    const int lock = lock_of(entry.path());
    if (lock < 0) continue;
    if (::flock(lock, LOCK_EX | LOCK_NB) == 0) std::filesystem::remove_all(entry.path(), ignored);
    ::close(lock);
  }
}

}  // namespace

WorkDirectory::WorkDirectory(const std::filesystem::path& parent, const std::string& name) : path_(parent / name) {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  if (::mkdir(path_.c_str(), 0700) != 0) throw std::system_error(last_error(), "cannot create " + path_.string());
}

WorkDirectory::~WorkDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

DaemonDirectory::DaemonDirectory(const std::filesystem::path& state_dir, const std::string& daemon_id) {
  const std::filesystem::path parent = state_dir / "work";
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) refuse("create " + parent.string(), error);
  remove_abandoned(parent);
  path_ = parent / daemon_id;
  if (::mkdir(path_.c_str(), 0700) != 0) refuse("create " + path_.string(), last_error());
  lock_ = lock_of(path_);
  if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0) refuse("lock " + path_.string(), last_error());
}

DaemonDirectory::~DaemonDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  ::close(lock_);
}

}  // namespace retraind::daemon
