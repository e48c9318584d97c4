#include "core/settings/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/text.h"

namespace retraind::settings {
namespace {

std::string in_words(IntegerRange range) {
  return fmt::format("an integer from {} to {}", range.low, range.high);
}

std::string in_words(const RealRange& range) {
  if (!std::isfinite(range.low)) return "a number";
  std::string out =
      fmt::format("a number {} {}", range.low_allowed ? "of at least" : "above", format_number(range.low));
  if (range.high)
    out += fmt::format(" and {} {}", range.high_allowed ? "at most" : "below", format_number(*range.high));
  return out;
}

std::string in_words(const DurationRange& range) {
  return fmt::format("a duration from {} to {}", format_duration(range.low), format_duration(range.high));
}

// parse_bytes has no decimals and no space, so the fallback is spelled in the largest unit that divides it.
std::string spell_bytes(std::uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (unit + 1 < std::size(kUnits) && bytes > 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

constexpr std::string_view kWindowForms = R"(a window such as "28d", "5000 rows" or "all")";
constexpr std::string_view kHoldoutForms = R"(a share such as "20%" or a duration such as "7d")";
constexpr std::string_view kClusterForms = R"("auto", "row", a duration such as "1d", "200 rows", or a column's name)";
constexpr std::string_view kSeasonForms = R"("auto", "none", "day", "week", "year" or a duration such as "12h")";
constexpr std::string_view kBudgetForms = R"(from 1 to 1000 alarms in a duration, such as "1 per 90d")";
constexpr std::string_view kRangeForms = "two numbers, the lower one first, such as [0.2, 0.8]";

}  // namespace

TableReader::TableReader(Findings& findings, const std::filesystem::path& file, const Node& table, std::string path,
                         std::string section)
    : findings_(&findings), file_(&file), node_(&table), path_(std::move(path)), section_(std::move(section)) {}

std::string TableReader::quoted(std::string_view text) {
  return fmt::format("\"{}\"", text);
}

std::string TableReader::full(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

Place TableReader::place_of(std::string_view key) const {
  const Entry* entry = node_->find(key);
  return entry == nullptr ? node_->place : entry->node.place;
}

void TableReader::complain(std::string_view key, std::string_view message) {
  complain_at(place_of(key), fmt::format("{}: {}", full(key), message));
}

bool TableReader::reject(const Entry& entry, std::string_view expected) {
  complain(entry.key, fmt::format("expected {}, found {}", expected, describe(entry.node)));
  return false;
}

bool TableReader::reject_word(const Entry& entry, std::string_view expected, std::span<const std::string_view> words) {
  std::string hint;
  if (const auto* text = std::get_if<std::string>(&entry.node.value)) {
    const std::vector<std::string> known(words.begin(), words.end());
    if (const auto near = nearest(*text, known)) hint = fmt::format("; did you mean \"{}\"?", *near);
  }
  complain(entry.key, fmt::format("expected {}, found {}{}", expected, describe(entry.node), hint));
  return false;
}

const Entry* TableReader::ask(std::string_view key, std::string expected, std::string fallback) {
  asked_.emplace_back(key);
  if (findings_->known != nullptr) {
    findings_->known->push_back({section_, std::string(key), std::move(expected), std::move(fallback), kind_});
  }
  return node_->find(key);
}

void TableReader::require(std::string_view key) {
  if (has(key)) return;
  if (path_.empty()) {
    complain_at({}, fmt::format("there is no [{}]", key));
  } else {
    complain_at(place(), fmt::format("[{}] needs the key '{}'", path_, key));
  }
}

bool TableReader::text(std::string_view key, std::string& out, std::string_view expected) {
  const Entry* entry = ask(key, std::string(expected), out.empty() ? "" : quoted(out));
  if (entry == nullptr) return false;
  const auto* value = std::get_if<std::string>(&entry->node.value);
  if (value == nullptr || value->empty()) return reject(*entry, expected);
  // Neither a path, nor a name, nor libpq takes one: the text would end there without a word.
  if (value->find('\0') != std::string::npos) return reject(*entry, "a string without a zero character");
  out = *value;
  return true;
}

bool TableReader::boolean(std::string_view key, bool& out) {
  const Entry* entry = ask(key, "true or false", out ? "true" : "false");
  if (entry == nullptr) return false;
  const auto* value = std::get_if<bool>(&entry->node.value);
  if (value == nullptr) return reject(*entry, "true or false");
  out = *value;
  return true;
}

bool TableReader::integer(std::string_view key, std::uint64_t& out, IntegerRange range) {
  const Entry* entry = ask(key, in_words(range), std::to_string(out));
  if (entry == nullptr) return false;
  const auto* value = std::get_if<std::int64_t>(&entry->node.value);
  if (value == nullptr || *value < range.low || *value > range.high) return reject(*entry, in_words(range));
  out = static_cast<std::uint64_t>(*value);
  return true;
}

bool TableReader::integer(std::string_view key, int& out, IntegerRange range) {
  auto wide = static_cast<std::uint64_t>(out);
  if (!integer(key, wide, range)) return false;
  out = static_cast<int>(wide);
  return true;
}

namespace {

// An integer is a number too. std::nullopt for anything else, NaN and the infinities included.
std::optional<double> finite_number(const Node& node) {
  if (const auto* integer = std::get_if<std::int64_t>(&node.value)) return static_cast<double>(*integer);
  const auto* real = std::get_if<double>(&node.value);
  return real != nullptr && std::isfinite(*real) ? std::optional(*real) : std::nullopt;
}

bool contains(const RealRange& range, double value) {
  const bool low_ok = range.low_allowed ? value >= range.low : value > range.low;
  const bool high_ok = !range.high || (range.high_allowed ? value <= *range.high : value < *range.high);
  return low_ok && high_ok;
}

}  // namespace

bool TableReader::real(std::string_view key, std::optional<double>& out, RealRange range) {
  const Entry* entry = ask(key, in_words(range), out ? format_number(*out) : "");
  if (entry == nullptr) return false;
  const auto value = finite_number(entry->node);
  if (!value || !contains(range, *value)) return reject(*entry, in_words(range));
  out = value;
  return true;
}

bool TableReader::real(std::string_view key, double& out, RealRange range) {
  std::optional<double> value = out;
  if (!real(key, value, range)) return false;
  out = *value;
  return true;
}

bool TableReader::duration(std::string_view key, Duration& out, DurationRange range) {
  const Entry* entry = ask(key, in_words(range), quoted(format_duration(out)));
  if (entry == nullptr) return false;
  const auto* text = std::get_if<std::string>(&entry->node.value);
  const std::optional<Duration> value = text == nullptr ? std::nullopt : parse_duration(*text);
  if (!value) return reject(*entry, in_words(range) + R"( such as "90s", "15min" or "1d")");
  if (*value < range.low || *value > range.high) return reject(*entry, in_words(range));
  out = *value;
  return true;
}

bool TableReader::bytes(std::string_view key, std::uint64_t& out, std::uint64_t low) {
  const std::string expected = fmt::format("a size of at least {}, such as \"4GiB\" or \"512MiB\"", spell_bytes(low));
  const Entry* entry = ask(key, expected, quoted(spell_bytes(out)));
  if (entry == nullptr) return false;
  const auto* text = std::get_if<std::string>(&entry->node.value);
  const std::optional<std::uint64_t> value = text == nullptr ? std::nullopt : parse_bytes(*text);
  // The snapshot and PostgreSQL keep it in 63 bits.
  if (!value || *value < low || *value > static_cast<std::uint64_t>(INT64_MAX)) return reject(*entry, expected);
  out = *value;
  return true;
}

bool TableReader::texts(std::string_view key, std::vector<std::string>& out, std::string_view expected) {
  const Entry* entry = ask(key, std::string(expected), "[]");
  if (entry == nullptr) return false;
  const auto* array = std::get_if<Node::Array>(&entry->node.value);
  if (array == nullptr) return reject(*entry, expected);
  std::vector<std::string> values;
  for (const Node& element : *array) {
    const auto* text = std::get_if<std::string>(&element.value);
    if (text == nullptr || text->empty() || text->find('\0') != std::string::npos) {
      complain_at(element.place,
                  fmt::format("{}: expected {}, found {} in it", full(key), expected, describe(element)));
      return false;
    }
    if (std::find(values.begin(), values.end(), *text) != values.end()) {
      complain_at(element.place, fmt::format("{}: {} stands in it twice", full(key), describe(element)));
      return false;
    }
    values.push_back(*text);
  }
  out = std::move(values);
  return true;
}

namespace {

template <class Form>
std::optional<Form> text_form(const Entry& entry, std::optional<Form> (*parse_form)(std::string_view)) {
  const auto* text = std::get_if<std::string>(&entry.node.value);
  return text == nullptr ? std::nullopt : parse_form(*text);
}

}  // namespace

bool TableReader::window(std::string_view key, Window& out) {
  const Entry* entry = ask(key, std::string(kWindowForms), quoted(format_window(out)));
  if (entry == nullptr) return false;
  const auto value = text_form(*entry, parse_window);
  if (!value) return reject(*entry, kWindowForms);
  out = *value;
  return true;
}

bool TableReader::holdout(std::string_view key, Holdout& out) {
  const Entry* entry = ask(key, std::string(kHoldoutForms), quoted(format_holdout(out)));
  if (entry == nullptr) return false;
  const auto value = text_form(*entry, parse_holdout);
  if (!value) return reject(*entry, kHoldoutForms);
  out = *value;
  return true;
}

bool TableReader::cluster(std::string_view key, Cluster& out) {
  const Entry* entry = ask(key, std::string(kClusterForms), quoted(format_cluster(out)));
  if (entry == nullptr) return false;
  const auto value = text_form(*entry, parse_cluster);
  if (!value) return reject(*entry, kClusterForms);
  out = *value;
  return true;
}

bool TableReader::season(std::string_view key, Season& out) {
  const Entry* entry = ask(key, std::string(kSeasonForms), quoted(format_season(out)));
  if (entry == nullptr) return false;
  const auto value = text_form(*entry, parse_season);
  if (!value) return reject(*entry, kSeasonForms);
  out = *value;
  return true;
}

bool TableReader::alarm_budget(std::string_view key, std::optional<AlarmBudget>& out) {
  const Entry* entry = ask(key, std::string(kBudgetForms), out ? quoted(format_alarm_budget(*out)) : "");
  if (entry == nullptr) return false;
  const auto value = text_form(*entry, parse_alarm_budget);
  if (!value) return reject(*entry, kBudgetForms);
  out = value;
  return true;
}

bool TableReader::range(std::string_view key, std::optional<std::pair<double, double>>& out) {
  const Entry* entry = ask(key, std::string(kRangeForms), "");
  if (entry == nullptr) return false;
  const auto* array = std::get_if<Node::Array>(&entry->node.value);
  if (array == nullptr || array->size() != 2) return reject(*entry, kRangeForms);
  const auto low = finite_number(array->front());
  const auto high = finite_number(array->back());
  if (!low || !high) {
    const Node& wrong = low ? array->back() : array->front();
    complain_at(wrong.place, fmt::format("{}: expected {}, found {} in it", full(key), kRangeForms, describe(wrong)));
    return false;
  }
  if (*low >= *high) {
    complain(key, fmt::format("expected {}, found [{}, {}]", kRangeForms, format_number(*low), format_number(*high)));
    return false;
  }
  out = {*low, *high};
  return true;
}

bool TableReader::hold(std::string_view key, Patience& out) {
  const std::string expected = fmt::format(
      R"(a number of checks from 1 to {}, some of them such as "2 of 3", or a duration such as "1h")", kMostChecks);
  const Entry* entry = ask(key, expected, std::to_string(out.checks));
  if (entry == nullptr) return false;
  if (const auto* checks = std::get_if<std::int64_t>(&entry->node.value)) {
    if (*checks < 1 || *checks > kMostChecks) return reject(*entry, expected);
    out.checks = out.of = static_cast<int>(*checks);
    return true;
  }
  if (const auto some = text_form(*entry, parse_checks_of)) {
    out.checks = some->checks;
    out.of = some->of;
    return true;
  }
  const auto* text = std::get_if<std::string>(&entry->node.value);
  const auto time = text == nullptr ? std::nullopt : parse_duration(*text);
  if (!time || *time <= Duration::zero() || *time > kLongest) return reject(*entry, expected);
  out.hold = *time;
  return true;
}

std::optional<TableReader> TableReader::table(std::string_view key) {
  asked_.emplace_back(key);
  const Entry* entry = node_->find(key);
  if (entry == nullptr) return std::nullopt;
  if (!std::holds_alternative<Node::Table>(entry->node.value)) {
    reject(*entry, fmt::format("the table [{}]", full(key)));
    return std::nullopt;
  }
  const std::string section = section_.empty() ? std::string(key) : fmt::format("{}.{}", section_, key);
  return TableReader(*findings_, *file_, entry->node, full(key), section);
}

std::vector<TableReader::Named> TableReader::named_tables(std::string_view key) {
  asked_.emplace_back(key);
  std::vector<Named> out;
  const Entry* entry = node_->find(key);
  if (entry == nullptr) return out;
  const auto* tables = std::get_if<Node::Table>(&entry->node.value);
  if (tables == nullptr) {
    reject(*entry, fmt::format("tables [{}.NAME]", full(key)));
    return out;
  }
  for (const Entry& child : *tables) {
    const std::string path = fmt::format("{}.{}", full(key), printable(child.key));
    if (!std::holds_alternative<Node::Table>(child.node.value)) {
      // A name was forgotten: [model] with the keys of a model below it.
      complain_at(child.place,
                  fmt::format("{}: expected a table [{}.NAME], found {}", path, full(key), describe(child.node)));
      continue;
    }
    out.push_back({&child, TableReader(*findings_, *file_, child.node, path, fmt::format("{}.NAME", key))});
  }
  return out;
}

std::vector<TableReader> TableReader::array_of_tables(std::string_view key) {
  asked_.emplace_back(key);
  std::vector<TableReader> out;
  const Entry* entry = node_->find(key);
  if (entry == nullptr) return out;
  const std::string expected = fmt::format("tables, each beginning with [[{}]]", full(key));
  const auto* array = std::get_if<Node::Array>(&entry->node.value);
  if (array == nullptr) {
    reject(*entry, expected);
    return out;
  }
  for (const Node& element : *array) {
    if (!std::holds_alternative<Node::Table>(element.value)) {
      complain_at(element.place,
                  fmt::format("{}: expected {}, found {} in it", full(key), expected, describe(element)));
      continue;
    }
    out.push_back(TableReader(*findings_, *file_, element, full(key), fmt::format("{}.{}", section_, key)));
  }
  return out;
}

void TableReader::refuse(std::string_view key, std::string_view sentence) {
  refused_.emplace_back(key);
  if (const Entry* entry = node_->find(key)) complain_at(entry->place, fmt::format("{}: {}", full(key), sentence));
}

void TableReader::finish() {
  const auto* table = std::get_if<Node::Table>(&node_->value);
  if (table == nullptr) return;
  for (const Entry& entry : *table) {
    const auto is_entry = [&entry](const std::string& name) { return name == entry.key; };
    if (std::any_of(asked_.begin(), asked_.end(), is_entry)) continue;
    if (std::any_of(refused_.begin(), refused_.end(), is_entry)) continue;
    std::string message = fmt::format("unknown key '{}'", printable(entry.key));
    message += path_.empty() ? std::string(" at the top of the file") : fmt::format(" in [{}]", path_);
    if (const auto near = nearest(entry.key, asked_)) {
      message += fmt::format("; did you mean '{}'?", *near);
    } else {
      std::string all;
      for (const std::string& name : asked_) all += (all.empty() ? "" : ", ") + name;
      message += fmt::format("; known there: {}", all);
    }
    complain_at(entry.place, std::move(message));
  }
}

}  // namespace retraind::settings
