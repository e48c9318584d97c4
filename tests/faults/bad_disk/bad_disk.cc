// A disk that fails, for LD_PRELOAD: stands before the C library's calls and lets the nth one that touches a folder go
// wrong, or the power go out at it. Of the environment:
//
//   RETRAIND_BAD_DISK='CALL|NTH|FAULT|FOLDER|TOKEN'
//
// CALL: open (for writing), write, fsync or rename. FAULT: ENOSPC, EIO, short (half of it is written), or power: the
// process is killed, and what was written below FOLDER without an fsync since is gone from it, as is every rename whose
// folder was not synced afterwards. FOLDER: calls elsewhere pass. TOKEN: a file; who removes it has the fault, so that
// it happens once although children inherit the environment.
//
// Only what the code under test uses is stood before: open, openat, write, writev, fsync, fdatasync, rename, renameat,
// renameat2. One lock; the code under test may use threads.

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

struct Fault {
  std::string call;
  long nth = 0;
  std::string kind;
  std::string folder;
  std::string token;
};

struct Rename {
  std::string from;
  std::string to;
  std::string kept;  // what `to` was before, under another name; empty: nothing
};

std::string cut(std::string& text) {
  const std::size_t end = text.find('|');
  std::string out = text.substr(0, end);
  text = end == std::string::npos ? std::string() : text.substr(end + 1);
  return out;
}

const Fault& fault() {
  static const Fault* const made = [] {
    auto* out = new Fault;
    if (const char* value = std::getenv("RETRAIND_BAD_DISK")) {
      std::string rest = value;
      out->call = cut(rest);
      out->nth = std::atol(cut(rest).c_str());
      out->kind = cut(rest);
      out->folder = cut(rest);
      out->token = cut(rest);
    }
    return out;
  }();
  return *made;
}

struct Memory {
  std::recursive_mutex mutex;
  long passed = 0;
  std::map<std::string, off_t> unsynced;  // how much of each file was synced last
  std::vector<Rename> renames;            // whose folder has not been synced yet
};

Memory& memory() {
  static auto* const made = new Memory;  // never destroyed: calls come until the very end
  return *made;
}

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

std::string path_of(int fd) {
  char link[64];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  char path[PATH_MAX];
  const ssize_t got = ::readlink(link, path, sizeof(path) - 1);
  return got <= 0 ? std::string() : std::string(path, static_cast<std::size_t>(got));
}

std::string path_at(int folder, const char* path) {
  if (path[0] == '/') return path;
  if (folder != AT_FDCWD) return path_of(folder) + "/" + path;
  char here[PATH_MAX];
  return ::getcwd(here, sizeof(here)) == nullptr ? std::string(path) : std::string(here) + "/" + path;
}

bool is_ours(const std::string& path) {
  return !fault().folder.empty() && path.starts_with(fault().folder + "/");
}

void lose_what_was_not_synced() {
  Memory& known = memory();
  for (auto rename = known.renames.rbegin(); rename != known.renames.rend(); ++rename) {
    (void)next<int (*)(const char*, const char*)>("rename")(rename->to.c_str(), rename->from.c_str());
    if (!rename->kept.empty()) {
      (void)next<int (*)(const char*, const char*)>("rename")(rename->kept.c_str(), rename->to.c_str());
    }
    if (const auto moved = known.unsynced.find(rename->to); moved != known.unsynced.end()) {
      known.unsynced[rename->from] = moved->second;
      known.unsynced.erase(rename->to);
    }
  }
  for (const auto& [path, synced] : known.unsynced) {
    if (::truncate(path.c_str(), synced) != 0) std::perror(path.c_str());
  }
}

// Whether this call is the one. With power, does not return.
bool goes_wrong(const char* call, const std::string& path) {
  if (fault().call != call || !is_ours(path)) return false;
  const std::lock_guard lock(memory().mutex);
  if (++memory().passed < fault().nth) return false;
  if (!fault().token.empty() && ::unlink(fault().token.c_str()) != 0) return false;
  if (fault().kind == "power") {
    lose_what_was_not_synced();
    ::kill(::getpid(), SIGKILL);
  }
  errno = fault().kind == "EIO" ? EIO : ENOSPC;
  return true;
}

void note_write(const std::string& path) {
  if (!is_ours(path)) return;
  const std::lock_guard lock(memory().mutex);
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode)) memory().unsynced.try_emplace(path, about.st_size);
}

void note_sync(int fd) {
  const std::string path = path_of(fd);
  if (!is_ours(path + "/")) return;
  const std::lock_guard lock(memory().mutex);
  memory().unsynced.erase(path);
  // A folder's sync makes the names in it last.
  std::erase_if(memory().renames, [&](const Rename& rename) {
    if (rename.to.substr(0, rename.to.rfind('/')) != path) return false;
    if (!rename.kept.empty()) ::unlink(rename.kept.c_str());
    return true;
  });
}

template <class Do>
int renamed(int from_folder, const char* from, int to_folder, const char* to, Do carry_out) {
  Rename rename{.from = path_at(from_folder, from), .to = path_at(to_folder, to), .kept = {}};
  if (goes_wrong("rename", rename.to)) return -1;
  if (!is_ours(rename.to)) return carry_out();
  const std::lock_guard lock(memory().mutex);
  // The name beside it would be seen as something foreign: outside the folder.
  const std::string outside =
      fault().folder + ".kept." + std::to_string(::getpid()) + "." + std::to_string(memory().renames.size());
  if (::linkat(AT_FDCWD, rename.to.c_str(), AT_FDCWD, outside.c_str(), 0) == 0) rename.kept = outside;
  const int done = carry_out();
  if (done != 0) {
    const int error = errno;
    if (!rename.kept.empty()) ::unlink(rename.kept.c_str());
    errno = error;
    return done;
  }
  if (const auto moved = memory().unsynced.find(rename.from); moved != memory().unsynced.end()) {
    memory().unsynced[rename.to] = moved->second;
    memory().unsynced.erase(rename.from);
  }
  memory().renames.push_back(rename);
  return 0;
}

bool writes(int flags) {
  return (flags & O_ACCMODE) != O_RDONLY && (flags & O_DIRECTORY) == 0;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, std::size_t count) {
  const auto real = next<ssize_t (*)(int, const void*, std::size_t)>("write");
  if (fault().folder.empty()) return real(fd, bytes, count);
  const std::string path = path_of(fd);
  if (goes_wrong("write", path)) {
    if (fault().kind != "short") return -1;
    count = count > 1 ? count / 2 : count;
  }
  note_write(path);
  return real(fd, bytes, count);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  const auto real = next<ssize_t (*)(int, const iovec*, int)>("writev");
  if (fault().folder.empty()) return real(fd, parts, count);
  const std::string path = path_of(fd);
  if (goes_wrong("write", path) && fault().kind != "short") return -1;
  note_write(path);
  return real(fd, parts, count);
}

int fsync(int fd) {
  if (!fault().folder.empty() && goes_wrong("fsync", path_of(fd) + "/")) return -1;
  const int done = next<int (*)(int)>("fsync")(fd);
  if (done == 0 && !fault().folder.empty()) note_sync(fd);
  return done;
}

int fdatasync(int fd) {
  return fsync(fd);
}

int rename(const char* from, const char* to) noexcept {
  const auto real = next<int (*)(const char*, const char*)>("rename");
  return renamed(AT_FDCWD, from, AT_FDCWD, to, [&] { return real(from, to); });
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  const auto real = next<int (*)(int, const char*, int, const char*)>("renameat");
  return renamed(from_folder, from, to_folder, to, [&] { return real(from_folder, from, to_folder, to); });
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned int flags) noexcept {
  const auto real = next<int (*)(int, const char*, int, const char*, unsigned int)>("renameat2");
  if (goes_wrong("rename", path_at(to_folder, to))) return -1;
  return real(from_folder, from, to_folder, to, flags);
}

#define RETRAIND_OPEN(name)                                                                                 \
  int name(const char* path, int flags, ...) {                                                              \
    va_list rest;                                                                                           \
    va_start(rest, flags);                                                                                  \
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;                    \
    va_end(rest);                                                                                           \
    if (!fault().folder.empty() && writes(flags) && goes_wrong("open", path_at(AT_FDCWD, path))) return -1; \
    return next<int (*)(const char*, int, ...)>(#name)(path, flags, mode);                                  \
  }
#define RETRAIND_OPENAT(name)                                                                             \
  int name(int folder, const char* path, int flags, ...) {                                                \
    va_list rest;                                                                                         \
    va_start(rest, flags);                                                                                \
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;                  \
    va_end(rest);                                                                                         \
    if (!fault().folder.empty() && writes(flags) && goes_wrong("open", path_at(folder, path))) return -1; \
    return next<int (*)(int, const char*, int, ...)>(#name)(folder, path, flags, mode);                   \
  }
RETRAIND_OPEN(open)
RETRAIND_OPEN(open64)
RETRAIND_OPENAT(openat)
RETRAIND_OPENAT(openat64)

}  // extern "C"
