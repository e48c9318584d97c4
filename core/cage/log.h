#pragma once
// What a caged program prints: its first and its last part kept, its lines passed on, all of it harmless text. Belongs
// to one thread.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace retraind::cage {

// The bytes as UTF-8 without control characters but tab and newline. A carriage return ends a line too; every other
// control character, and every byte that is not UTF-8, becomes U+FFFD.
std::string harmless(std::string_view bytes);

class Log {
 public:
  // Keeps `limit` bytes. `on_line` gets each line, as far as 4 KiB and without its end, made harmless; may be empty.
  Log(std::uint64_t limit, std::function<void(std::string_view)> on_line);

  void append(std::string_view bytes);
  // Passes on a last line that has no end. What is appended later begins a new one.
  void finish();

  // At most `limit` bytes of harmless text, and a line that says how much is left out where something is.
  std::string text() const;
  // Bytes that text() leaves out.
  std::uint64_t dropped() const;

 private:
  void pass_lines(std::string_view bytes);
  void pass_line();

  std::uint64_t head_limit_;
  std::uint64_t tail_limit_;
  std::function<void(std::string_view)> on_line_;
  std::string head_;
  std::string tail_;  // up to twice its limit, so that it is cut seldom
  std::uint64_t total_ = 0;
  std::string line_;
};

}  // namespace retraind::cage
