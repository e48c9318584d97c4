#include "core/cage/folder_size.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

namespace retraind::cage {
namespace {

constexpr int kDeepest = 100;
constexpr std::uint64_t kBlock = 512;  // of st_blocks, whatever the file system's own are
constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();

class Count {
 public:
  void add_folder(int parent, const char* name, int depth) {
    // Each time anew from a descriptor: a path could be exchanged for a link meanwhile.
    const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(fd), &::closedir);
    if (!folder) {
      ::close(fd);
      return;
    }
    while (const dirent* entry = ::readdir(folder.get())) {
      const std::string_view word = entry->d_name;
      if (word == "." || word == "..") continue;
      struct stat about {};
      if (::fstatat(fd, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
      const bool is_folder = S_ISDIR(about.st_mode);
      const bool is_new = is_folder || about.st_nlink == 1 || seen_.emplace(about.st_dev, about.st_ino).second;
      const std::uint64_t blocks = is_new && about.st_blocks > 0 ? static_cast<std::uint64_t>(about.st_blocks) : 1;
      bytes_ += blocks * kBlock;
      if (!is_folder || (device_ != 0 && about.st_dev != device_)) continue;
      if (depth == kDeepest) {
        endless_ = true;
        return;
      }
      add_folder(fd, entry->d_name, depth + 1);
    }
  }

  void stay_on(dev_t device) { device_ = device; }
  std::uint64_t bytes() const { return endless_ ? kEndless : bytes_; }

 private:
  dev_t device_ = 0;
  std::uint64_t bytes_ = 0;
  bool endless_ = false;
  std::set<std::pair<dev_t, ino_t>> seen_;
};

}  // namespace

std::uint64_t folder_size(int fd) {
  Count count;
  struct stat about {};
  if (::fstat(fd, &about) == 0) count.stay_on(about.st_dev);
  count.add_folder(fd, ".", 0);
  return count.bytes();
}

}  // namespace retraind::cage
