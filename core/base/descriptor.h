#pragma once
// Owns one open file descriptor and closes it. Belongs to one thread; opens nothing itself.

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace retraind {

class Descriptor {
 public:
  // Takes what open() and its kin return. A negative one is none: it is kept, for the caller to look into errno, and
  // not closed.
  explicit Descriptor(int fd) : fd_(fd) {}
  // Likewise, but throws std::system_error, naming `what`, for a descriptor that is none.
  Descriptor(int fd, const char* what) : fd_(fd) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), what);
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace retraind
