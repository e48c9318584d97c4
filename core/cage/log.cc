#include "core/cage/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace retraind::cage {
namespace {

constexpr std::size_t kLongestLine = 4096;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Length of the well-formed sequence at the beginning (Unicode 15, table 3-7); 0 when there is none.
std::size_t sequence_length(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return (first < 0x20 && first != '\t' && first != '\n') || first == 0x7F;
  // U+0080 to U+009F
  return sequence.size() == 2 && first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

bool continues_sequence(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// Harmless text can be three times as long as its bytes; cut where a character begins.
std::string first_of(std::string text, std::uint64_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && continues_sequence(text[limit])) --limit;
  text.resize(limit);
  return text;
}

std::string last_of(const std::string& text, std::uint64_t limit) {
  if (text.size() <= limit) return text;
  std::size_t begin = text.size() - limit;
  while (begin < text.size() && continues_sequence(text[begin])) ++begin;
  return text.substr(begin);
}

}  // namespace

std::string harmless(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    if (length == 0) {
      out += kReplacement;
      bytes.remove_prefix(1);
      continue;
    }
    const std::string_view sequence = bytes.substr(0, length);
    if (sequence == "\r") {
      if (!bytes.starts_with("\r\n")) out += '\n';
    } else if (is_control(sequence)) {
      out += kReplacement;
    } else {
      out += sequence;
    }
    bytes.remove_prefix(length);
  }
  return out;
}

Log::Log(std::uint64_t limit, std::function<void(std::string_view)> on_line)
    : head_limit_(limit / 2), tail_limit_(limit - limit / 2), on_line_(std::move(on_line)) {}

void Log::append(std::string_view bytes) {
  total_ += bytes.size();
  if (on_line_) pass_lines(bytes);
  if (head_.size() < head_limit_) {
    const std::size_t taken = std::min<std::size_t>(bytes.size(), head_limit_ - head_.size());
    head_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
  }
  if (bytes.size() > tail_limit_) bytes.remove_prefix(bytes.size() - tail_limit_);
  tail_ += bytes;
  if (tail_.size() > 2 * tail_limit_) tail_.erase(0, tail_.size() - tail_limit_);
}

void Log::pass_lines(std::string_view bytes) {
  while (true) {
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view part = bytes.substr(0, end);
    if (line_.size() < kLongestLine) line_ += part.substr(0, kLongestLine - line_.size());
    if (end == std::string_view::npos) return;
    pass_line();
    bytes.remove_prefix(end + 1);
  }
}

// Empty lines are nothing to tell, and the newline after a carriage return would make one.
void Log::pass_line() {
  const std::string line = std::exchange(line_, {});
  if (!line.empty()) on_line_(harmless(line));
}

void Log::finish() {
  if (on_line_) pass_line();
}

std::string Log::text() const {
  const std::string_view kept =
      std::string_view(tail_).substr(tail_.size() - std::min<std::size_t>(tail_.size(), tail_limit_));
  if (total_ == head_.size() + kept.size()) {
    // One piece: a character may stand across the middle.
    const std::string whole = harmless(head_ + std::string(kept));
    if (whole.size() <= head_limit_ + tail_limit_) return whole;
  }
  const std::string first = first_of(harmless(head_), head_limit_);
  const std::string last = last_of(harmless(kept), tail_limit_);
  // Nothing is dropped where only the replacements were too long.
  const std::string note = dropped() > 0 ? fmt::format("\n[{} bytes left out]\n", dropped()) : "\n[cut here]\n";
  return first + note + last;
}

std::uint64_t Log::dropped() const {
  return total_ - head_.size() - std::min<std::size_t>(tail_.size(), tail_limit_);
}

}  // namespace retraind::cage
