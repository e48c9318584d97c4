#include "daemon/command_output.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <string>

namespace retraind::daemon {

CommandOutput::CommandOutput(int log, std::uint64_t limit_bytes) : log_(log), limit_(limit_bytes) {}

off_t CommandOutput::end_of_log() const noexcept {
  struct stat about {};
  return ::fstat(log_, &about) == 0 && S_ISREG(about.st_mode) ? about.st_size : -1;
}

bool CommandOutput::write_text(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t got = ::write(log_, text.data(), text.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(got));
  }
  return true;
}

void CommandOutput::add(std::string_view line) noexcept {
  try {
    const std::string text = fmt::format("| {}\n", line);
    const off_t end = end_of_log();
    if (end >= 0 && end != end_) {
      // Somebody else wrote meanwhile, as the worker does between two steps: that stays.
      begin_ = end;
      written_ = dropped_ = 0;
    }
    if (written_ + text.size() > limit_) {
      const bool again = begin_ >= 0 && ::ftruncate(log_, begin_) == 0;
      dropped_ += again ? written_ : text.size();
      if (!again && dropped_ > text.size()) return;
      write_text(again ? fmt::format("| [{} bytes left out]\n", dropped_) : "| [what else it prints is left out]\n");
      if (!again) return;
      written_ = 0;
    }
    write_text(text);
    written_ += text.size();
    end_ = end_of_log();
  } catch (const std::exception&) {
    // No memory for a line of a log: the run is worth more.
  }
}

}  // namespace retraind::daemon
