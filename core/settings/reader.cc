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

constexpr std::string_view kAbsolutePath = "an absolute path";

}  // namespace

std::optional<double> finite_number(const Node& node) {
  if (const auto* integer = std::get_if<std::int64_t>(&node.value)) return static_cast<double>(*integer);
  const auto* real = std::get_if<double>(&node.value);
  return real != nullptr && std::isfinite(*real) ? std::optional(*real) : std::nullopt;
}

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

void TableReader::mention(Mention::What what, std::string_view key, std::vector<std::string> words) {
  const Place where = place_of(key);
  findings_->mentions.push_back({what, full(key), *file_, where.line, where.column, std::move(words)});
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

bool TableReader::absolute_path(std::string_view key, std::filesystem::path& out) {
  std::string path = out.string();
  if (!text(key, path, kAbsolutePath)) return false;
  if (!std::filesystem::path(path).is_absolute()) return reject(*node_->find(key), kAbsolutePath);
  out = path;
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

bool TableReader::integer(std::string_view key, std::optional<std::uint64_t>& out, IntegerRange range) {
  const Entry* entry = ask(key, in_words(range), out ? std::to_string(*out) : "");
  if (entry == nullptr) return false;
  const auto* value = std::get_if<std::int64_t>(&entry->node.value);
  if (value == nullptr || *value < range.low || *value > range.high) return reject(*entry, in_words(range));
  out = static_cast<std::uint64_t>(*value);
  return true;
}

bool TableReader::integer(std::string_view key, std::uint64_t& out, IntegerRange range) {
  std::optional<std::uint64_t> value = out;
  if (!integer(key, value, range)) return false;
  out = *value;
  return true;
}

bool TableReader::integer(std::string_view key, int& out, IntegerRange range) {
  auto wide = static_cast<std::uint64_t>(out);
  if (!integer(key, wide, range)) return false;
  out = static_cast<int>(wide);
  return true;
}

namespace {

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

bool TableReader::bytes(std::string_view key, std::optional<std::uint64_t>& out, std::uint64_t low,
                        std::uint64_t high) {
  const std::string expected =
      high == INT64_MAX ? fmt::format("a size of at least {}, such as \"4GiB\" or \"512MiB\"", spell_bytes(low))
                        : fmt::format("a size from {} to {}, such as \"1MiB\"", spell_bytes(low), spell_bytes(high));
  const Entry* entry = ask(key, expected, out ? quoted(spell_bytes(*out)) : "");
  if (entry == nullptr) return false;
  const auto* text = std::get_if<std::string>(&entry->node.value);
  const std::optional<std::uint64_t> value = text == nullptr ? std::nullopt : parse_bytes(*text);
  if (!value || *value < low || *value > high) return reject(*entry, expected);
  out = *value;
  return true;
}

bool TableReader::bytes(std::string_view key, std::uint64_t& out, std::uint64_t low, std::uint64_t high) {
  std::optional<std::uint64_t> value = out;
  if (!bytes(key, value, low, high)) return false;
  out = *value;
  return true;
}

bool TableReader::texts(std::string_view key, std::vector<std::string>& out, std::string_view expected,
                        std::string_view fallback) {
  const Entry* entry = ask(key, std::string(expected), std::string(fallback));
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
    const std::string section =
        section_.empty() ? fmt::format("{}.NAME", key) : fmt::format("{}.{}.NAME", section_, key);
    out.push_back({&child, TableReader(*findings_, *file_, child.node, path, section)});
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
