#include "daemon/work_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace retraind::daemon {
namespace {

constexpr const char* kLockFile = "lock";

void make_private(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot create " + path.string());
  }
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
  make_private(path_);
}

WorkDirectory::~WorkDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

DaemonDirectory::DaemonDirectory(const std::filesystem::path& state_dir, const std::string& daemon_id) {
  const std::filesystem::path parent = state_dir / "work";
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) throw std::system_error(error, "cannot create " + parent.string());
  remove_abandoned(parent);
  path_ = parent / daemon_id;
  make_private(path_);
  lock_ = lock_of(path_);
  if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot lock " + path_.string());
  }
}

DaemonDirectory::~DaemonDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  ::close(lock_);
}

}  // namespace retraind::daemon
