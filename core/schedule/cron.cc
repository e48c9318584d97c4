#include "core/schedule/cron.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "core/base/error.h"
#include "core/base/text.h"

namespace retraind::schedule {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Field {
  std::string_view name;
  unsigned low;
  unsigned high;                            // the largest number that may be written
  unsigned last;                            // the largest distinct value: 6 for the weekday, whose 7 is 0
  std::span<const std::string_view> words;  // the first stands for `low`
};

constexpr Field kMinute = {"minute", 0, 59, 59, {}};
constexpr Field kHour = {"hour", 0, 23, 23, {}};
constexpr Field kDay = {"day of month", 1, 31, 31, {}};
constexpr Field kMonth = {"month", 1, 12, 12, kMonths};
constexpr Field kWeekday = {"day of week", 0, 7, 6, kWeekdays};

struct Alias {
  std::string_view name;
  std::string_view fields;
};
constexpr std::array<Alias, 7> kAliases = {{{"@hourly", "0 * * * *"},
                                            {"@daily", "0 0 * * *"},
                                            {"@midnight", "0 0 * * *"},
                                            {"@weekly", "0 0 * * 0"},
                                            {"@monthly", "0 0 1 * *"},
                                            {"@yearly", "0 0 1 1 *"},
                                            {"@annually", "0 0 1 1 *"}}};

constexpr std::array<unsigned, 13> kLongestMonth = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

std::string range_text(unsigned from, unsigned to) {
  return std::to_string(from) + "-" + std::to_string(to);
}

// "0-7 or sun-sat".
std::string values_text(const Field& field) {
  std::string out = range_text(field.low, field.high);
  if (!field.words.empty()) {
    out += " or " + std::string(field.words.front()) + "-" + std::string(field.words.back());
  }
  return out;
}

// Reads one field; knows the whole expression for its complaints.
class FieldReader {
 public:
  FieldReader(std::string_view expression, const Field& field, std::string_view text)
      : expression_(expression), field_(field), text_(text) {}

  template <std::size_t Size>
  void read(std::bitset<Size>& values) const {
    std::string_view rest = text_;
    for (;;) {
      const std::size_t comma = rest.find(',');
      const Steps steps = read_item(rest.substr(0, comma));
      for (unsigned value = steps.from; value <= steps.to; value += steps.by) {
        values.set(value > field_.last ? field_.low : value);
      }
      if (comma == std::string_view::npos) return;
      rest.remove_prefix(comma + 1);
    }
  }

 private:
  struct Steps {
    unsigned from;
    unsigned to;
    unsigned by;
  };

  [[noreturn]] void complain(const std::string& reason, const std::string& hint = {}) const {
    throw ConfigError(
        "cron " + quoted(expression_) + ": " + std::string(field_.name) + " is " + quoted(text_) + ", but " + reason,
        hint);
  }

  // "*", "a", "a-b", "*/n", "a-b/n".
  Steps read_item(std::string_view item) const {
    const std::size_t slash = item.find('/');
    const std::string_view range = item.substr(0, slash);
    const std::size_t dash = range.find('-');
    Steps steps{field_.low, field_.last, 1};
    if (range != "*") {
      steps.from = read_value(range.substr(0, dash));
      steps.to = dash == std::string_view::npos ? steps.from : read_value(range.substr(dash + 1));
      // As the end of a range, the word for Sunday means the Sunday after.
      if (dash != std::string_view::npos && field_.high > field_.last && lower(range.substr(dash + 1)) == "sun") {
        steps.to = field_.high;
      }
    }
    if (steps.from > steps.to) {
      const std::string until_last = steps.from > field_.last ? "" : joined(steps.from, field_.last) + ",";
      complain("the range " + std::string(range) + " runs backwards",
               slash == std::string_view::npos ? "write " + quoted(until_last + joined(field_.low, steps.to)) : "");
    }
    if (slash == std::string_view::npos) return steps;
    if (range != "*" && dash == std::string_view::npos) {
      complain("a step needs \"*\" or a range before it",
               "write " + quoted(range_text(steps.from, field_.last) + std::string(item.substr(slash))));
    }
    const unsigned most = field_.last - field_.low + 1;
    const std::string_view step = item.substr(slash + 1);
    const std::optional<unsigned> by = read_number(step);
    if (!by || *by < 1 || *by > most) {
      complain("the step " + quoted(step) + " is not a number in " + range_text(1, most));
    }
    steps.by = *by;
    return steps;
  }

  unsigned read_value(std::string_view text) const {
    if (text.empty()) complain("a value is missing", "it may hold " + values_text(field_));
    if (const std::optional<unsigned> number = read_number(text)) {
      if (*number < field_.low || *number > field_.high) complain(quoted(text) + " is not in " + values_text(field_));
      return *number;
    }
    const std::string word = lower(text);
    for (std::size_t i = 0; i < field_.words.size(); ++i) {
      if (field_.words[i] == word) return field_.low + static_cast<unsigned>(i);
    }
    const auto meant = nearest(word, std::vector<std::string>(field_.words.begin(), field_.words.end()));
    complain(quoted(text) + " is not in " + values_text(field_), meant ? "did you mean " + quoted(*meant) + "?" : "");
  }

  static std::optional<unsigned> read_number(std::string_view text) {
    unsigned number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || rest != end) return std::nullopt;
    return number;
  }

  static std::string joined(unsigned from, unsigned to) {
    return from == to ? std::to_string(from) : range_text(from, to);
  }

  std::string_view expression_;
  const Field& field_;
  std::string_view text_;
};

std::vector<std::string_view> split_fields(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t begin = text.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) return fields;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(kBlank), text.size());
    fields.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// The fields an @word stands for.
std::string_view expand(std::string_view expression, std::string_view word) {
  std::vector<std::string> names;
  for (const Alias& alias : kAliases) {
    if (alias.name == lower(word)) return alias.fields;
    names.emplace_back(alias.name);
  }
  const auto meant = nearest(word, names);
  std::string hint = "known are ";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) hint += i + 1 == names.size() ? " and " : ", ";
    hint += names[i];
  }
  throw ConfigError("cron " + quoted(expression) + ": " + quoted(word) + " is not a known word",
                    meant ? "did you mean " + quoted(*meant) + "?" : hint);
}

}  // namespace

Cron Cron::parse(std::string_view expression) {
  std::vector<std::string_view> fields = split_fields(expression);
  if (fields.size() == 1 && fields[0].starts_with('@')) fields = split_fields(expand(expression, fields[0]));
  if (fields.size() != 5) {
    throw ConfigError("cron " + quoted(expression) + ": " + std::to_string(fields.size()) +
                          (fields.size() == 1 ? " field" : " fields") + " where 5 are needed",
                      fields.size() == 6 ? "minute, hour, day of month, month, day of week; there are no seconds and "
                                           "no years"
                                         : "minute, hour, day of month, month, day of week, such as \"0 3 * * *\"");
  }

  Cron cron;
  cron.expression_ = expression;
  FieldReader(expression, kMinute, fields[0]).read(cron.minutes_);
  FieldReader(expression, kHour, fields[1]).read(cron.hours_);
  FieldReader(expression, kDay, fields[2]).read(cron.days_);
  FieldReader(expression, kMonth, fields[3]).read(cron.months_);
  FieldReader(expression, kWeekday, fields[4]).read(cron.weekdays_);
  cron.any_day_ = fields[2].starts_with('*');
  cron.any_weekday_ = fields[4].starts_with('*');

  // A date exists unless no month is long enough. Where both restrict, a weekday alone suffices, and every weekday
  // comes in every month; where a weekday must hold as well, every date, 29 February too, falls on each in time.
  bool can_fire = !cron.any_day_ && !cron.any_weekday_;
  for (unsigned month = 1; month <= 12; ++month) {
    for (unsigned day = 1; day <= kLongestMonth[month]; ++day) can_fire |= cron.months_[month] && cron.days_[day];
  }
  if (!can_fire) {
    throw ConfigError("cron " + quoted(expression) + ": it can never fire, because month " + quoted(fields[3]) +
                          " has no day " + quoted(fields[2]),
                      "name a day that the month has");
  }
  return cron;
}

bool Cron::matches_day(unsigned month, unsigned day, unsigned weekday) const {
  if (!months_[month]) return false;
  if (any_day_ || any_weekday_) return days_[day] && weekdays_[weekday];
  return days_[day] || weekdays_[weekday];
}

}  // namespace retraind::schedule
