#include "core/source/query_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "core/base/error.h"

namespace retraind::source {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

// Bytes from 128 up belong to letters beyond ASCII, which PostgreSQL takes in names.
bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 128;
}

bool continues_name(char c) {
  return starts_name(c) || (c >= '0' && c <= '9') || c == '$';
}

// Walks over a query token by token, as far as it takes to know what is code and what is quoted or commented.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  enum class Token { blank, semicolon, open, close, code, end };

  // The kind of the token at the current place, which is then behind it.
  Token next() {
    if (at_ >= text_.size()) return Token::end;
    const char c = text_[at_];
    if (is_blank(c)) return ++at_, Token::blank;
    if (looks_at("--")) {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return Token::blank;
    }
    if (looks_at("/*")) return skip_comment(), Token::blank;
    if (c == '\'') return skip_quoted('\'', false), Token::code;
    if (c == '"') return skip_quoted('"', false), Token::code;
    if (c == '$' && skip_dollar_quoted()) return Token::code;
    if (starts_name(c)) {
      const std::size_t begin = at_;
      while (at_ < text_.size() && continues_name(text_[at_])) ++at_;
      const bool escapes = at_ - begin == 1 && (c == 'e' || c == 'E');
      if (escapes && at_ < text_.size() && text_[at_] == '\'') skip_quoted('\'', true);
      return Token::code;
    }
    ++at_;
    if (c == ';') return Token::semicolon;
    if (c == '(') return Token::open;
    if (c == ')') return Token::close;
    return Token::code;
  }

  std::size_t at() const { return at_; }

 private:
  bool looks_at(std::string_view token) const { return text_.substr(at_, token.size()) == token; }

  void skip_comment() {
    const std::size_t begin = at_;
    int depth = 0;
    do {
      if (at_ >= text_.size()) throw DataError(unfinished("comment", begin));
      if (looks_at("/*")) {
        ++depth;
        at_ += 2;
      } else if (looks_at("*/")) {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0);
  }

  // A doubled quote ends one quoted text and begins the next, which comes to the same here.
  void skip_quoted(char quote, bool escapes) {
    const std::size_t begin = at_;
    for (++at_; at_ < text_.size(); ++at_) {
      if (escapes && text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == quote) {
        if (at_ + 1 < text_.size() && text_[at_ + 1] == quote) {
          ++at_;
          continue;
        }
        ++at_;
        return;
      }
    }
    throw DataError(unfinished("quoted text", begin));
  }

  bool skip_dollar_quoted() {
    std::size_t end = at_ + 1;
    if (end < text_.size() && starts_name(text_[end])) {
      while (end < text_.size() && continues_name(text_[end]) && text_[end] != '$') ++end;
    }
    if (end >= text_.size() || text_[end] != '$') return false;
    const std::string_view tag = text_.substr(at_, end + 1 - at_);
    const std::size_t close = text_.find(tag, end + 1);
    if (close == std::string_view::npos) throw DataError(unfinished("quoted text", at_));
    at_ = close + tag.size();
    return true;
  }

  std::string unfinished(std::string_view what, std::size_t begin) const {
    std::size_t characters = 0;
    for (std::size_t i = 0; i <= begin; ++i) characters += (static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80;
    return fmt::format("the query holds a {} that does not end, {}", what, point_at(text_, characters));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Days since 1970 as PostgreSQL reads them back: ISO where everybody reads it, Julian days beyond.
std::string spell_day(std::int64_t day) {
  constexpr std::int64_t kFirst = -719162;  // 0001-01-01
  constexpr std::int64_t kLast = 2932896;   // 9999-12-31
  if (day < kFirst || day > kLast) return fmt::format("J{}", day + 2440588);
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

constexpr double kMicrosecondsPerDay = 86400e6;
constexpr double kFirstDay = -2440588;  // Julian day 0, the first PostgreSQL can store
constexpr double kLastDay = 106751983;  // in the year 294246, the last whose microseconds since 1970 fit into 64 bits

// A literal of the instant type, cut down to whole days for a date. `instant` is finite.
std::string instant_literal(WireType type, EventTime instant) {
  const std::string_view sql_type = type == WireType::date          ? "date"
                                    : type == WireType::timestamptz ? "timestamptz"
                                                                    : "timestamp";
  const double day = std::floor(instant / kMicrosecondsPerDay);
  if (day < kFirstDay) return fmt::format("{} '-infinity'", sql_type);
  if (day > kLastDay) return fmt::format("{} 'infinity'", sql_type);
  const auto microseconds = static_cast<std::int64_t>(std::llround(instant));
  std::int64_t whole_days = microseconds / 86'400'000'000;
  std::int64_t rest = microseconds % 86'400'000'000;
  if (rest < 0) {
    rest += 86'400'000'000;
    --whole_days;
  }
  if (type == WireType::date) return fmt::format("date '{}'", spell_day(whole_days));
  const std::int64_t seconds = rest / 1'000'000;
  return fmt::format("{} '{} {:02}:{:02}:{:02}.{:06}{}'", sql_type, spell_day(whole_days), seconds / 3600,
                     seconds / 60 % 60, seconds % 60, rest % 1'000'000, type == WireType::timestamptz ? "+00" : "");
}

std::string number_literal(WireType type, EventTime value) {
  if (std::isinf(value)) return value > 0 ? "float8 'infinity'" : "float8 '-infinity'";
  switch (type) {
    case WireType::int2:
    case WireType::int4:
    case WireType::int8:
      // Written as a whole number, PostgreSQL takes it for integer, bigint or numeric, whichever holds it.
      return fmt::format("{:.0f}", std::floor(value));
    case WireType::numeric:
      return fmt::format("numeric '{}'", value);
    default:
      return fmt::format("float8 '{}'", value);
  }
}

std::string compare(std::string_view column, WireType type, std::string_view comparison, EventTime bound) {
  if (std::isnan(bound)) throw std::logic_error("an event time to compare with is not a number");
  switch (value_type(type)) {
    case data::ValueType::instant:
      if (std::isinf(bound)) {
        return fmt::format("{} {} '{}infinity'", column, comparison, bound < 0 ? "-" : "");
      }
      return fmt::format("{} {} {}", column, comparison, instant_literal(type, bound));
    case data::ValueType::number:
      return fmt::format("{} {} {}", column, comparison, number_literal(type, bound));
    default:
      throw std::logic_error(fmt::format("column {} is no time axis", column));
  }
}

}  // namespace

std::string one_statement(std::string_view query) {
  if (query.find('\0') != std::string_view::npos) throw DataError("the query holds a zero byte");
  Scanner scanner(query);
  std::vector<std::size_t> open;
  std::size_t end = 0;  // of the statement: behind its last token of code
  bool closed = false;  // a semicolon has been seen
  bool started = false;
  const auto place = [&](std::size_t byte) {
    std::size_t characters = 0;
    for (std::size_t i = 0; i <= byte; ++i) characters += (static_cast<unsigned char>(query[i]) & 0xC0) != 0x80;
    return point_at(query, characters);
  };
  while (true) {
    const std::size_t begin = scanner.at();
    const Scanner::Token token = scanner.next();
    if (token == Scanner::Token::end) break;
    if (token == Scanner::Token::blank) continue;
    if (token == Scanner::Token::semicolon) {
      closed = started;
      continue;
    }
    if (closed) {
      throw DataError(fmt::format("the query holds more than one statement, {}", place(begin)),
                      "give one SELECT; what must run before it belongs into a view or a common table expression");
    }
    started = true;
    if (token == Scanner::Token::open) open.push_back(begin);
    if (token == Scanner::Token::close) {
      if (open.empty())
        throw DataError(fmt::format("the query closes a parenthesis it did not open, {}", place(begin)));
      open.pop_back();
    }
    end = scanner.at();
  }
  if (!open.empty()) {
    throw DataError(fmt::format("the query opens a parenthesis and does not close it, {}", place(open.back())));
  }
  if (!started) throw DataError("the query is empty");
  return std::string(query.substr(0, end));
}

std::string point_at(std::string_view query, std::size_t position) {
  constexpr std::size_t kContext = 60;  // characters shown on either side
  // Characters, each as its bytes, of the line that the position is in.
  std::vector<std::string_view> line;
  std::size_t line_number = 1;
  std::size_t count = 0;
  std::size_t column = 0;
  for (std::size_t i = 0; i < query.size();) {
    std::size_t next = i + 1;
    while (next < query.size() && (static_cast<unsigned char>(query[next]) & 0xC0) == 0x80) ++next;
    ++count;
    if (query[i] == '\n') {
      if (count == position) column = line.size() + 1;
      if (column > 0) break;
      line.clear();
      ++line_number;
    } else {
      line.push_back(query.substr(i, next - i));
      if (count == position) column = line.size();
    }
    i = next;
  }
  // PostgreSQL points one behind the end for "syntax error at end of input".
  if (column == 0 && position == count + 1) column = line.size() + 1;
  if (column == 0) return "";
  const std::size_t first = column > kContext ? column - kContext : 1;
  std::string text = "\n  ";
  std::string caret = "\n  ";
  for (std::size_t i = first; i <= std::min(line.size(), column + kContext); ++i) text += line[i - 1];
  for (std::size_t i = first; i < column; ++i) caret += line[i - 1] == "\t" ? '\t' : ' ';
  return fmt::format("line {}, column {}:{}{}^", line_number, column, text, caret);
}

std::string later_than(std::string_view column, WireType type, EventTime after) {
  return compare(column, type, ">", after);
}

std::string not_later_than(std::string_view column, WireType type, EventTime until) {
  return compare(column, type, "<=", until);
}

}  // namespace retraind::source
