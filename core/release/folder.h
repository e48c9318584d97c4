#pragma once
// Steps on folders that nobody can lead astray: everything is named below an open folder, and no link is followed. For
// the .cc files of this module. What fails throws TransientError with the system's words and, where there is one, what
// a person can do about it.

#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retraind::release {

// Owns one open file descriptor, or none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// For errno: "WHAT failed: No space left on device".
[[noreturn]] void fail(const std::string& what);

// Of the entry itself, never of what a link points to; std::nullopt when there is none.
std::optional<struct stat> find_entry(int folder, const std::string& name);
Descriptor open_folder(int parent, const std::string& name);
// Without "." and "..", in bytewise order.
std::vector<std::string> list_entries(int folder);
// std::nullopt when it is no link.
std::optional<std::string> read_link(int folder, const std::string& name);

// SHA-256 of the bytes, in hexadecimal. Throws when `stop` is requested.
std::string hash_file(int folder, const std::string& name, const std::stop_token& stop);
// At most `most` bytes; std::nullopt when there is no such file, it is larger, or no regular file.
std::optional<std::string> read_small_file(int folder, const std::string& name, std::size_t most);

// A new file with these bytes, on the disk when this returns. Throws when there is one already, and when `stop` is
// requested.
void write_file(int folder, const std::string& name, std::string_view bytes, const std::stop_token& stop);
void make_folder(int parent, const std::string& name);
void rename_entry(int folder, const std::string& from, const std::string& to);
// Replaces the folder `to` by the folder `from`; what was `to` is gone afterwards. At no instant is there less than one
// of them, where the file system can exchange names.
void replace_folder(int parent, const std::string& from, const std::string& to);
void sync_folder(int folder, const std::string& name);
// With everything below; nothing happens when it is not there.
void remove_tree(int parent, const std::string& name);

}  // namespace retraind::release
