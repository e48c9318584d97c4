#pragma once
// A pipe whose two ends are closed one by one. Both are closed in whatever is executed, and stand above the numbers
// that a program's own descriptors take, so that putting those into place overwrites neither. Belongs to one thread.

#include <fcntl.h>

#include <optional>

#include "core/base/descriptor.h"

namespace retraind::cage {

class Pipe {
 public:
  // Throws std::system_error where there are no descriptors left.
  Pipe() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    const Descriptor reading(ends[0]);
    const Descriptor writing(ends[1]);
    reading_.emplace(::fcntl(reading.get(), F_DUPFD_CLOEXEC, kLowest), "pipe");
    writing_.emplace(::fcntl(writing.get(), F_DUPFD_CLOEXEC, kLowest), "pipe");
  }

  // -1 once it is closed.
  int reading() const { return reading_ ? reading_->get() : -1; }
  int writing() const { return writing_ ? writing_->get() : -1; }
  void close_reading() { reading_.reset(); }
  void close_writing() { writing_.reset(); }

  static constexpr int kLowest = 10;

 private:
  std::optional<Descriptor> reading_;
  std::optional<Descriptor> writing_;
};

}  // namespace retraind::cage
