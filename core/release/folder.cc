#include "core/release/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>
#include <system_error>

#include "core/base/error.h"
#include "core/base/failpoint.h"
#include "core/base/sha256.h"

namespace retraind::release {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

void check(const std::stop_token& stop) {
  if (stop.stop_requested()) throw TransientError("the export was abandoned");
}

// Calls `take` for each block of the file.
template <class Take>
void read_all(int fd, const std::string& name, const std::stop_token& stop, Take take) {
  const auto block = std::make_unique<std::array<char, kBlock>>();
  while (true) {
    check(stop);
    const ssize_t got = ::read(fd, block->data(), block->size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("reading " + name);
    if (got == 0) return;
    if (!take(std::string_view(block->data(), static_cast<std::size_t>(got)))) return;
  }
}

}  // namespace

void fail(const std::string& what) {
  const int error = errno;
  std::string hint;
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      hint = "make room on the disk of release.directory; what `current` points to stays as it was";
      break;
    case EACCES:
    case EPERM:
      hint = "let the daemon's user write in release.directory";
      break;
    case EROFS:
      hint = "mount the file system of release.directory for writing";
      break;
    default:
      break;
  }
  throw TransientError(fmt::format("{} failed: {}", what, std::generic_category().message(error)), hint);
}

std::optional<struct stat> find_entry(int folder, const std::string& name) {
  struct stat about {};
  if (::fstatat(folder, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0) return about;
  if (errno == ENOENT) return std::nullopt;
  fail("looking at " + name);
}

Descriptor open_folder(int parent, const std::string& name) {
  Descriptor out(::openat(parent, name.c_str(), kFolderFlags));
  if (!out) fail("opening the folder " + name);
  return out;
}

std::vector<std::string> list_entries(int folder) {
  const int own = ::openat(folder, ".", kFolderFlags);  // fdopendir takes it over, with a position of its own
  if (own < 0) fail("listing a folder");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own), &::closedir);
  if (!stream) {
    const Descriptor closed(own);
    fail("listing a folder");
  }
  std::vector<std::string> out;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") out.push_back(name);
  }
  if (errno != 0) fail("listing a folder");
  std::sort(out.begin(), out.end());
  return out;
}

std::optional<std::string> read_link(int folder, const std::string& name) {
  std::string out(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(folder, name.c_str(), out.data(), out.size());
  if (size < 0 && errno == EINVAL) return std::nullopt;
  if (size < 0) fail("reading the link " + name);
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string hash_file(int folder, const std::string& name, const std::stop_token& stop) {
  const Descriptor fd(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) fail("opening " + name);
  Sha256 hash;
  read_all(fd.get(), name, stop, [&](std::string_view block) {
    hash.update(block);
    return true;
  });
  return to_hex(hash.finish());
}

std::optional<std::string> read_small_file(int folder, const std::string& name, std::size_t most) {
  const Descriptor fd(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ELOOP)) return std::nullopt;
  if (!fd) fail("opening " + name);
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) fail("looking at " + name);
  if (!S_ISREG(about.st_mode)) return std::nullopt;
  std::string out;
  read_all(fd.get(), name, {}, [&](std::string_view block) {
    out += block;
    return out.size() <= most;
  });
  if (out.size() > most) return std::nullopt;
  return out;
}

void write_file(int folder, const std::string& name, std::string_view bytes, const std::stop_token& stop) {
  const Descriptor fd(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) fail("creating " + name);
  while (!bytes.empty()) {
    check(stop);
    const ssize_t written = ::write(fd.get(), bytes.data(), std::min(bytes.size(), kBlock));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("writing " + name);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  check(stop);
  failpoint("before_fsync", name);
  if (::fsync(fd.get()) != 0) fail("writing " + name);
}

void make_folder(int parent, const std::string& name) {
  if (::mkdirat(parent, name.c_str(), 0755) != 0) fail("creating the folder " + name);
}

void rename_entry(int folder, const std::string& from, const std::string& to) {
  failpoint("before_rename", to);
  if (::renameat(folder, from.c_str(), folder, to.c_str()) != 0) fail("renaming " + from + " to " + to);
  failpoint("after_rename", to);
}

void replace_folder(int parent, const std::string& from, const std::string& to) {
  if (::renameat2(parent, from.c_str(), parent, to.c_str(), RENAME_EXCHANGE) == 0) {
    sync_folder(parent, to);
    remove_tree(parent, from);
    return;
  }
  if (errno != EINVAL && errno != ENOSYS) fail("renaming " + from + " to " + to);
  // NFS and some others cannot exchange names.
  const std::string aside = from + ".old";
  remove_tree(parent, aside);
  rename_entry(parent, to, aside);
  rename_entry(parent, from, to);
  sync_folder(parent, to);
  remove_tree(parent, aside);
}

void sync_folder(int folder, const std::string& name) {
  if (::fsync(folder) != 0) fail("writing the folder of " + name);
}

void remove_tree(int parent, const std::string& name) {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM) fail("removing " + name);
  {
    const Descriptor folder = open_folder(parent, name);
    for (const std::string& entry : list_entries(folder.get())) remove_tree(folder.get(), entry);
  }
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0) fail("removing the folder " + name);
}

}  // namespace retraind::release
