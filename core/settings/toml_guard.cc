#include "core/settings/toml_guard.h"

#include <fmt/format.h>

#include <algorithm>

namespace retraind::settings {
namespace {

constexpr auto kNone = std::string_view::npos;

enum class Inside { nothing, comment, basic, literal, long_basic, long_literal };

// Walks over the text character by character, knowing where it is.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  std::optional<Refusal> first_refusal() {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = line_start_ = 3;  // a byte order mark has no column
    while (at_ < text_.size()) {
      if (at_ - line_start_ >= kMaxLineBytes) {
        return refusal(fmt::format("line of more than {} bytes; a long string may be broken between triple quotes",
                                   kMaxLineBytes));
      }
      if (auto found = inside_ == Inside::nothing ? step_outside() : step_inside()) return found;
    }
    return std::nullopt;
  }

 private:
  Refusal refusal(std::string message) const { return {line_, column_, std::move(message)}; }

  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  void advance(std::size_t bytes) {
    for (; bytes > 0; --bytes, ++at_) {
      const auto byte = static_cast<unsigned char>(text_[at_]);
      if (byte == '\n') {
        ++line_;
        column_ = 1;
        line_start_ = at_ + 1;
      } else if ((byte & 0xC0) != 0x80) {  // not a continuation byte of UTF-8
        ++column_;
      }
    }
  }

  std::optional<Refusal> step_outside() {
    const char byte = text_[at_];
    if (static_cast<unsigned char>(byte) >= 0x80) {
      return refusal("character outside ASCII; only strings and comments may hold one");
    }
    // In a value, toml++ reads a number or date on through quotes and brackets, so that it would see characters that
    // this walk takes for those of a string. None of that can be right.
    if (in_value_ && std::string_view("\"'[{=").find(byte) != kNone && (byte == '=' || !may_begin_value())) {
      return refusal(fmt::format("'{}' inside or right after a value", byte));
    }
    switch (byte) {
      case '#':
        inside_ = Inside::comment;
        break;
      case '"':
        return open("\"\"\"", Inside::basic, Inside::long_basic);
      case '\'':
        return open("'''", Inside::literal, Inside::long_literal);
      case '=':
        in_value_ = true;
        break;
      case '[':
      case '{':
        if (!in_value_) break;  // a [header]
        if (open_.size() == kMaxNesting) return refusal(fmt::format("more than {} brackets open", kMaxNesting));
        open_ += byte;
        in_value_ = byte == '[';  // a table begins with a key
        break;
      case ']':
      case '}':
        if (open_.empty()) break;
        open_.pop_back();
        in_value_ = true;
        break;
      case ',':
        in_value_ = !open_.ends_with('{');
        break;
      case '\n':
        if (open_.empty()) in_value_ = false;
        break;
      case '.':
        if (++dots_ >= kMaxKeyParts) return refusal(fmt::format("dotted key of more than {} parts", kMaxKeyParts));
        break;
      default:
        break;
    }
    // Whatever ends a key or a value ends the count of its parts.
    if (std::string_view("[]{}=,#\n").find(byte) != kNone) dots_ = 0;
    advance(1);
    return std::nullopt;
  }

  bool may_begin_value() const { return std::string_view(" \t\n=,[{").find(text_[at_ - 1]) != kNone; }

  std::optional<Refusal> open(std::string_view long_quote, Inside short_string, Inside long_string) {
    const bool is_long = starts(long_quote);
    inside_ = is_long ? long_string : short_string;
    string_column_ = column_;
    advance(is_long ? 3 : 1);
    return std::nullopt;
  }

  std::optional<Refusal> step_inside() {
    const char byte = text_[at_];
    const bool escapes = inside_ == Inside::basic || inside_ == Inside::long_basic;
    if (inside_ == Inside::comment) {
      if (byte == '\n') {
        inside_ = Inside::nothing;
        return std::nullopt;
      }
    } else if (escapes && byte == '\\' && at_ + 1 < text_.size()) {
      // After a backslash, and after the white space that a backslash at the end of a line swallows, toml++ looks the
      // next character up among Unicode's spaces.
      const std::size_t next = std::min(text_.find_first_not_of(" \t\r\n", at_ + 1), text_.size());
      if (next < text_.size() && static_cast<unsigned char>(text_[next]) >= 0x80) {
        advance(next - at_);
        return refusal("character outside ASCII after a backslash");
      }
      advance(std::max(next - at_, std::size_t{2}));
      return std::nullopt;
    } else if (inside_ == Inside::basic || inside_ == Inside::literal) {
      if (byte == '\n') return Refusal{line_, string_column_, "string without an end on its line; use triple quotes"};
      if (byte == (escapes ? '"' : '\'')) inside_ = Inside::nothing;
    } else if (const std::string_view quote = escapes ? "\"\"\"" : "'''"; starts(quote)) {
      // Up to two quotes may stand right before the closing three.
      std::size_t quotes = 3;
      while (quotes < 5 && at_ + quotes < text_.size() && text_[at_ + quotes] == quote[0]) ++quotes;
      advance(quotes);
      inside_ = Inside::nothing;
      return std::nullopt;
    }
    advance(1);
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t column_ = 1;
  std::size_t line_start_ = 0;
  std::size_t string_column_ = 0;  // where the string around this place begins
  Inside inside_ = Inside::nothing;
  bool in_value_ = false;  // between a key's '=' and the end of its value; always so inside an array
  std::string open_;       // the brackets and braces around this place, outermost first
  int dots_ = 0;
};

}  // namespace

std::optional<Refusal> find_unsafe_toml(std::string_view toml) {
  return Walk(toml).first_refusal();
}

}  // namespace retraind::settings
