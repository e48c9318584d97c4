#pragma once
// The lines that a user's command prints, in the log of the worker that runs it: the newest ones, and never more than a
// limit of them, however much the command prints. Whoever opened the log owns it. One thread.

#include <sys/types.h>

#include <cstdint>
#include <string_view>

namespace retraind::daemon {

class CommandOutput {
 public:
  // `log` is open for appending; the lines of a command take at most `limit_bytes` and a note between two other lines
  // of the log. Where `log` is no plain file, the first lines are kept and not the newest.
  CommandOutput(int log, std::uint64_t limit_bytes);
  // Never throws: a full disk costs the line.
  void add(std::string_view line) noexcept;

 private:
  off_t end_of_log() const noexcept;
  bool write_text(std::string_view text) noexcept;

  int log_;
  std::uint64_t limit_;
  std::uint64_t written_ = 0;  // since begin_
  std::uint64_t dropped_ = 0;  // bytes of lines, since begin_
  off_t begin_ = -1;           // where the lines begin that may be taken back; below 0: nowhere
  off_t end_ = -1;             // of the log, when the last line had been written
};

}  // namespace retraind::daemon
