#include "core/train/left_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/train/artifact.h"
#include "core/train/job_json.h"
#include "core/train/utf8.h"

namespace retraind::train {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
// O_NONBLOCK: opening a pipe must not wait for somebody to write into it.
constexpr int kFileFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
constexpr const char* kPlainFiles = "leave plain files and folders, and copy what a link would point to";

std::string because_of(int number) {
  return std::generic_category().message(number);
}

// A foreign name, for a message.
std::string printable(std::string_view name) {
  constexpr std::size_t kShown = 100;
  std::string out(name.substr(0, kShown));
  const bool is_text = is_utf8(name) && name.size() <= kShown;
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == 0x7f || (byte >= 0x80 && !is_text)) c = '?';
  }
  return name.size() > kShown ? out + "…" : out;
}

std::string_view kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISREG(mode)) return "a plain file";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

bool is_plain_name(std::string_view name) {
  return is_utf8(name) && std::none_of(name.begin(), name.end(),
                                       [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

class ModelReader {
 public:
  explicit ModelReader(const std::string& who) : who_(who) {}

  // `path` is the folder's below model/, and ends with a slash unless it is empty.
  void read_folder(int folder, const std::string& path) {
    for (const std::string& name : names_in(folder, path)) {
      if (++entries_ > kMostModelEntries) {
        throw DataError(who_ + " left more than " + std::to_string(kMostModelEntries) + " files and folders in model/",
                        "pack them into one file");
      }
      read_entry(folder, path + name, name);
    }
  }
  std::map<std::string, std::string> take() { return std::move(files_); }

 private:
  [[noreturn]] void refuse(const std::string& path, const std::string& why, const std::string& hint = {}) const {
    throw DataError(who_ + " left model/" + printable(path) + ", " + why, hint);
  }
  [[noreturn]] void refuse_unreadable(const std::string& path, int number) const {
    refuse(path, "which cannot be read: " + because_of(number));
  }

  // Sorted, so that complaints name the same file every time.
  std::vector<std::string> names_in(int folder, const std::string& path) const {
    const int own = ::openat(folder, ".", kFolderFlags);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(own < 0 ? nullptr : ::fdopendir(own), ::closedir);
    if (!stream) {
      const int problem = errno;
      if (own >= 0) ::close(own);
      refuse_unreadable(path, problem);
    }
    std::vector<std::string> out;
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") out.push_back(name);
      if (out.size() > kMostModelEntries) break;
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  void read_entry(int folder, const std::string& path, const std::string& name) {
    // Bounds how deep this goes, too: each folder takes two bytes of the name.
    if (!is_plain_name(name) || !can_hold_model_file(path)) {
      refuse(path, "whose name cannot be kept",
             "names below model/ have at most 90 bytes, in UTF-8, without control characters and without \"..\"");
    }
    struct stat status {};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) refuse_unreadable(path, errno);
    const bool is_folder = S_ISDIR(status.st_mode);
    if (!is_folder && !S_ISREG(status.st_mode)) {
      refuse(path, "which is " + std::string(kind_of(status.st_mode)), kPlainFiles);
    }
    const Descriptor opened(::openat(folder, name.c_str(), is_folder ? kFolderFlags : kFileFlags));
    if (opened.get() < 0) refuse_unreadable(path, errno);
    if (is_folder) {
      read_folder(opened.get(), path + "/");
    } else {
      read_file(opened.get(), path, static_cast<std::uint64_t>(status.st_size));
    }
  }

  void read_file(int file, const std::string& path, std::uint64_t size) {
    if (size > kMostModelBytes - bytes_) {
      throw DataError(who_ + " left more than " + format_bytes(kMostModelBytes) + " in model/",
                      "leave only what predicting needs");
    }
    bytes_ += size;
    std::string contents(size, '\0');
    std::size_t got = 0;
    while (got < contents.size()) {
      const ssize_t n = ::read(file, contents.data() + got, contents.size() - got);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) refuse_unreadable(path, errno);
      if (n == 0) refuse(path, "which is shorter than it says");
      got += static_cast<std::size_t>(n);
    }
    files_.emplace(path, std::move(contents));
  }

  const std::string& who_;
  std::map<std::string, std::string> files_;
  std::size_t entries_ = 0;
  std::uint64_t bytes_ = 0;
};

// A plain file or nothing: its descriptor.
int open_left(const std::filesystem::path& folder, const std::string& name, std::uint64_t most_bytes,
              const std::string& who) {
  const Descriptor outer(::open(folder.c_str(), kFolderFlags), folder.c_str());
  struct stat status {};
  if (::fstatat(outer.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) throw DataError(who + " left no " + name, "write it in the folder the command runs in");
    throw DataError(who + " left " + name + ", which cannot be read: " + because_of(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    throw DataError(who + " left " + name + ", which is " + std::string(kind_of(status.st_mode)), kPlainFiles);
  }
  if (static_cast<std::uint64_t>(status.st_size) > most_bytes) {
    throw DataError(who + " left " + name + ", which has " + format_bytes(static_cast<std::uint64_t>(status.st_size)) +
                    "; more than " + format_bytes(most_bytes) + " cannot be needed");
  }
  const int file = ::openat(outer.get(), name.c_str(), kFileFlags);
  if (file < 0) throw DataError(who + " left " + name + ", which cannot be read: " + because_of(errno));
  return file;
}

}  // namespace

std::map<std::string, std::string> read_model_folder(const std::filesystem::path& folder, const std::string& who) {
  const Descriptor outer(::open(folder.c_str(), kFolderFlags), folder.c_str());
  struct stat status {};
  if (::fstatat(outer.get(), kModelFolder, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) {
      throw DataError(who + " left no folder model/", "make it in the folder the command runs in, and save there");
    }
    throw DataError(who + " left model/, which cannot be read: " + because_of(errno));
  }
  if (!S_ISDIR(status.st_mode)) {
    throw DataError(who + " left model, which is " + std::string(kind_of(status.st_mode)) + " and not a folder",
                    "make a folder model/, and save there");
  }
  const Descriptor model(::openat(outer.get(), kModelFolder, kFolderFlags));
  if (model.get() < 0) throw DataError(who + " left model/, which cannot be read: " + because_of(errno));
  ModelReader reader(who);
  reader.read_folder(model.get(), "");
  auto files = reader.take();
  if (files.empty()) throw DataError(who + " left an empty folder model/", "save what predicting needs there");
  return files;
}

LeftFile::LeftFile(const std::filesystem::path& folder, const std::string& name, std::uint64_t most_bytes,
                   const std::string& who)
    : file_(open_left(folder, name, most_bytes, who)), buffer_(file_.get()), stream_(&buffer_) {}

LeftFile::Buffer::int_type LeftFile::Buffer::underflow() {
  ssize_t got = 0;
  do {
    got = ::read(file_, block_.data(), block_.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw std::system_error(errno, std::generic_category(), "reading what a command left");
  if (got == 0) return traits_type::eof();
  setg(block_.data(), block_.data(), block_.data() + got);
  return traits_type::to_int_type(block_.front());
}

}  // namespace retraind::train
