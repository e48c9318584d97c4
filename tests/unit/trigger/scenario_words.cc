#include "tests/unit/trigger/scenario_words.h"

#include <charconv>
#include <utility>

namespace retraind::trigger::scenario {

Words split_line(const std::string& line) {
  Words words;
  std::string word;
  bool quoted = false;
  bool any = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if (!quoted && c == '#') {
      break;
    } else if (!quoted && (c == ' ' || c == '\t')) {
      if (any) words.push_back(std::exchange(word, {}));
      any = false;
    } else {
      word += c;
      any = true;
    }
  }
  if (quoted) throw std::runtime_error("a quote is not closed");
  if (any) words.push_back(word);
  return words;
}

std::string joined(const Words& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

Words split_at(const std::string& text, char separator) {
  Words parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::uint64_t number(const std::string& word) {
  std::uint64_t value = 0;
  const char* end = word.data() + word.size();
  if (const auto result = std::from_chars(word.data(), end, value); result.ec != std::errc{} || result.ptr != end) {
    throw std::runtime_error("\"" + word + "\" is no number");
  }
  return value;
}

int count(const std::string& word) {
  return static_cast<int>(number(word));
}

double real(const std::string& word) {
  double value = 0;
  const char* end = word.data() + word.size();
  if (const auto result = std::from_chars(word.data(), end, value); result.ec != std::errc{} || result.ptr != end) {
    throw std::runtime_error("\"" + word + "\" is no number");
  }
  return value;
}

Duration duration(const std::string& word) {
  const auto value = parse_duration(word);
  if (!value) throw std::runtime_error("\"" + word + "\" is no duration");
  return *value;
}

stats::Interval interval(const std::string& word) {
  stats::Interval out;
  const std::size_t open = word.find('[');
  out.estimate = out.low = out.high = real(word.substr(0, open));
  if (open == std::string::npos) return out;
  if (word.back() != ']') throw std::runtime_error("\"" + word + "\" is no value with an interval");
  const Words bounds = split_at(word.substr(open + 1, word.size() - open - 2), ',');
  if (bounds.size() != 2) throw std::runtime_error("\"" + word + "\" does not have two bounds");
  out.low = real(bounds[0]);
  out.high = real(bounds[1]);
  return out;
}

void read_for(const std::string& word, settings::Patience& patience) {
  if (const auto hold = parse_duration(word)) {
    patience.hold = *hold;
    return;
  }
  const Words parts = split_line(word);
  if (parts.size() != 1 && (parts.size() != 3 || parts[1] != "of")) {
    throw std::runtime_error("\"" + word + "\" is neither a duration nor a number of checks");
  }
  patience.checks = count(parts.front());
  patience.of = count(parts.back());
}

}  // namespace retraind::trigger::scenario
