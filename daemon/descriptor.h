#pragma once
// Owns one open file descriptor and closes it.

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace retraind::daemon {

class Descriptor {
 public:
  // Throws std::system_error, naming `what`, for a descriptor that is none.
  Descriptor(int fd, const char* what) : fd_(fd) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), what);
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace retraind::daemon
