#include "core/base/time.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "core/base/text.h"

namespace retraind {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

// The first and the last day that have an instant begin and end outside of 64 bits.
__extension__ using Wide = __int128;

struct Unit {
  std::string_view name;
  std::int64_t microseconds;
};

// Largest first. "m" is read as minutes and never written.
constexpr std::array<Unit, 8> kUnits = {{{"w", 604'800'000'000},
                                         {"d", 86'400'000'000},
                                         {"h", 3'600'000'000},
                                         {"min", 60'000'000},
                                         {"m", 60'000'000},
                                         {"s", 1'000'000},
                                         {"ms", 1'000},
                                         {"us", 1}}};

constexpr std::int64_t kMicrosecondsPerDay = 86'400'000'000;
constexpr std::int64_t kMaxMicroseconds = std::numeric_limits<std::int64_t>::max();

// std::chrono::year ends at 32767, PostgreSQL's timestamps later; dates are therefore moved by whole cycles of 400
// years, after which the Gregorian calendar repeats, into the years 2000 to 2399 and back.
constexpr std::int64_t kDaysPerCycle = 146'097;
constexpr std::int64_t kDaysTo2000 = 10'957;

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

std::optional<std::int64_t> days_since_1970(std::int64_t year, unsigned month, unsigned day) {
  const std::int64_t cycle = floor_divide(year - 2000, 400);
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year - 400 * cycle)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return sys_days(date).time_since_epoch().count() + cycle * kDaysPerCycle;
}

void append_padded(std::string& out, std::int64_t value, std::size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

// Reads a text from left to right; every method says whether it found what it looked for.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }

  bool skip(char c) { return skip(std::string_view(&c, 1)); }

  bool skip(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  // Between `least` and `most` digits, as many as there are.
  bool digits(std::size_t least, std::size_t most, std::int64_t& value) {
    std::size_t length = 0;
    value = 0;
    while (length < text_.size() && length < most && text_[length] >= '0' && text_[length] <= '9') {
      value = 10 * value + (text_[length] - '0');
      ++length;
    }
    text_.remove_prefix(length);
    return length >= least;
  }

 private:
  std::string_view text_;
};

// "Z", "+HH", "+HH:MM", "+HH:MM:SS" or nothing.
bool scan_offset(Scanner& scanner, std::int64_t& seconds) {
  seconds = 0;
  std::int64_t sign = 1;
  if (scanner.skip('Z')) return true;
  if (scanner.skip('-')) {
    sign = -1;
  } else if (!scanner.skip('+')) {
    return true;  // no offset means UTC
  }
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  std::int64_t rest = 0;
  if (!scanner.digits(2, 2, hours)) return false;
  if (scanner.skip(':') && !scanner.digits(2, 2, minutes)) return false;
  if (scanner.skip(':') && !scanner.digits(2, 2, rest)) return false;
  if (hours > 15 || minutes > 59 || rest > 59) return false;  // PostgreSQL's bound is 15:59:59
  seconds = sign * (3600 * hours + 60 * minutes + rest);
  return true;
}

// "HH:MM:SS" with up to six digits of a fraction.
bool scan_time_of_day(Scanner& scanner, std::int64_t& microseconds) {
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  std::int64_t seconds = 0;
  std::int64_t fraction = 0;
  if (!scanner.digits(2, 2, hours) || !scanner.skip(':') || !scanner.digits(2, 2, minutes) || !scanner.skip(':') ||
      !scanner.digits(2, 2, seconds)) {
    return false;
  }
  if (hours > 23 || minutes > 59 || seconds > 59) return false;
  if (scanner.skip('.')) {
    std::int64_t scale = 100'000;
    std::int64_t digit = 0;
    if (!scanner.digits(1, 1, digit)) return false;
    do {
      fraction += digit * scale;
      scale /= 10;
    } while (scale > 0 && scanner.digits(1, 1, digit));
  }
  microseconds = ((hours * 60 + minutes) * 60 + seconds) * 1'000'000 + fraction;
  return true;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  std::int64_t previous = kMaxMicroseconds;  // the size of the unit before, for "largest first, each once"
  while (!text.empty()) {
    std::int64_t value = 0;
    if (text.front() == '-') return std::nullopt;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{}) return std::nullopt;
    text = std::string_view(rest, static_cast<std::size_t>(end - rest));
    std::size_t length = 0;
    while (length < text.size() && text[length] >= 'a' && text[length] <= 'z') ++length;
    const std::string_view name = text.substr(0, length);
    text.remove_prefix(length);
    const Unit* unit = nullptr;
    for (const Unit& known : kUnits) {
      if (known.name == name) unit = &known;
    }
    if (unit == nullptr || unit->microseconds >= previous) return std::nullopt;
    previous = unit->microseconds;
    if (value > (kMaxMicroseconds - total) / unit->microseconds) return std::nullopt;
    total += value * unit->microseconds;
  }
  return Duration(total);
}

std::string format_duration(Duration duration) {
  if (duration == Duration::zero()) return "0s";
  std::string out;
  // Without a sign, so that the most negative duration has a magnitude.
  std::uint64_t rest = static_cast<std::uint64_t>(duration.count());
  if (duration < Duration::zero()) {
    out = "-";
    rest = 0 - rest;
  }
  for (const Unit& unit : kUnits) {
    if (unit.name == "w" || unit.name == "m") continue;
    const std::uint64_t size = static_cast<std::uint64_t>(unit.microseconds);
    if (rest < size) continue;
    out += std::to_string(rest / size);
    out += unit.name;
    rest %= size;
  }
  return out;
}

std::string format_instant(TimePoint instant) {
  const std::int64_t since_epoch = instant.time_since_epoch().count();
  const std::int64_t day = floor_divide(since_epoch, kMicrosecondsPerDay);
  const std::int64_t within = (since_epoch % kMicrosecondsPerDay + kMicrosecondsPerDay) % kMicrosecondsPerDay;
  const std::int64_t cycle = floor_divide(day - kDaysTo2000, kDaysPerCycle);
  const std::chrono::year_month_day date{sys_days(days(static_cast<days::rep>(day - cycle * kDaysPerCycle)))};
  const std::int64_t year = static_cast<int>(date.year()) + 400 * cycle;

  std::string out;
  if (year < 0) out += '-';
  append_padded(out, year < 0 ? -year : year, 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, within / 3'600'000'000, 2);
  out += ':';
  append_padded(out, within / 60'000'000 % 60, 2);
  out += ':';
  append_padded(out, within / 1'000'000 % 60, 2);
  if (within % 1'000'000 != 0) {
    out += '.';
    append_padded(out, within % 1'000'000, 6);
  }
  out += 'Z';
  return out;
}

std::optional<TimePoint> parse_instant(std::string_view text) {
  Scanner scanner(text);
  const bool negative_year = scanner.skip('-');
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
  if (!scanner.digits(4, 6, year) || !scanner.skip('-') || !scanner.digits(2, 2, month) || !scanner.skip('-') ||
      !scanner.digits(2, 2, day)) {
    return std::nullopt;
  }
  std::int64_t within = 0;
  std::int64_t offset = 0;
  bool before_christ = scanner.skip(" BC");
  if (!before_christ && !scanner.done()) {
    if (!scanner.skip('T') && !scanner.skip(' ')) return std::nullopt;
    if (!scan_time_of_day(scanner, within) || !scan_offset(scanner, offset)) return std::nullopt;
    before_christ = scanner.skip(" BC");
  }
  if (negative_year) year = -year;
  if (before_christ) {
    if (year < 1) return std::nullopt;
    year = 1 - year;  // the year before 1 is 1 BC, and 0 in ISO 8601
  }
  if (!scanner.done()) return std::nullopt;

  const auto date = days_since_1970(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  if (!date) return std::nullopt;
  const Wide whole = static_cast<Wide>(*date) * kMicrosecondsPerDay + within - offset * 1'000'000;
  if (whole < std::numeric_limits<std::int64_t>::min() || whole > kMaxMicroseconds) return std::nullopt;
  return TimePoint(Duration(static_cast<std::int64_t>(whole)));
}

std::string format_event_time(TimeAxis axis, EventTime value) {
  if (axis == TimeAxis::instant && std::isfinite(value)) return format_instant(to_instant(value));
  return format_number(value);
}

EventTime to_event_time(TimePoint instant) {
  return static_cast<EventTime>(instant.time_since_epoch().count());
}

TimePoint to_instant(EventTime value) {
  if (std::isnan(value)) throw std::logic_error("an event time that is not a number has no instant");
  const double rounded = std::round(value);
  // 2^63 and beyond do not fit; comparing as doubles is exact there.
  if (rounded >= 0x1p63) return TimePoint::max();
  if (rounded < -0x1p63) return TimePoint::min();
  return TimePoint(Duration(static_cast<std::int64_t>(rounded)));
}

}  // namespace retraind
