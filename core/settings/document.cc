#include "core/settings/document.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <tuple>

#include "core/base/text.h"
#include "core/settings/toml_guard.h"

namespace retraind::settings {
namespace {

Place place_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

Node convert(const toml::node& node) {
  Node out;
  out.place = place_of(node.source());
  node.visit([&out](const auto& concrete) {
    if constexpr (toml::is_table<decltype(concrete)>) {
      Node::Table table;
      for (const auto& [key, child] : concrete) {
        table.push_back({std::string(key.str()), place_of(key.source()), convert(child)});
      }
      // toml++ sorts by name; complaints and triggers follow the file.
      std::stable_sort(table.begin(), table.end(), [](const Entry& a, const Entry& b) {
        return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
      });
      out.value = std::move(table);
    } else if constexpr (toml::is_array<decltype(concrete)>) {
      Node::Array array;
      for (const toml::node& child : concrete) array.push_back(convert(child));
      out.value = std::move(array);
    } else if constexpr (toml::is_date<decltype(concrete)> || toml::is_time<decltype(concrete)> ||
                         toml::is_date_time<decltype(concrete)>) {
      out.value = Calendar{};
    } else {
      out.value = concrete.get();
    }
  });
  return out;
}

// toml++ says "Error while parsing X: Y"; a complaint says what is wrong first.
std::string reword(std::string_view description) {
  constexpr std::string_view kPrefix = "Error while parsing ";
  if (description.starts_with(kPrefix)) {
    const std::string_view rest = description.substr(kPrefix.size());
    if (const auto colon = rest.find(": "); colon != std::string_view::npos) {
      return fmt::format("not valid TOML: {} (in a {})", printable(rest.substr(colon + 2), 200), rest.substr(0, colon));
    }
  }
  return "not valid TOML: " + printable(description, 200);
}

// toml++ names only the second of two tables: where the first stands, as "; the first is at line N".
std::string first_definition(std::string_view toml, std::string_view description, std::size_t before_line) {
  constexpr std::string_view kRedefined = "cannot redefine existing table '";
  const auto begin = description.find(kRedefined);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = description.substr(begin + kRedefined.size());
  const std::string header = fmt::format("[{}]", rest.substr(0, rest.find('\'')));
  for (std::size_t line = 1; line < before_line; ++line) {
    const std::string_view content = toml.substr(0, toml.find('\n'));
    const auto indent = std::min(content.find_first_not_of(" \t"), content.size());
    if (content.substr(indent).starts_with(header)) return fmt::format("; the first is at line {}", line);
    toml.remove_prefix(std::min(content.size() + 1, toml.size()));
  }
  return {};
}

}  // namespace

const Entry* Node::find(std::string_view key) const {
  const auto* table = std::get_if<Table>(&value);
  if (table == nullptr) return nullptr;
  const auto it = std::find_if(table->begin(), table->end(), [key](const Entry& entry) { return entry.key == key; });
  return it == table->end() ? nullptr : &*it;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text) {
    // Never cut inside a character of UTF-8.
    if (out.size() >= limit && (static_cast<unsigned char>(c) & 0xC0) != 0x80) return out + "...";
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string describe(const Node& node) {
  struct Describe {
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return std::to_string(value); }
    std::string operator()(double value) const {
      const std::string digits = format_number(value);
      // 1e3 is no integer in TOML, and a complaint about that must not say "1000".
      return digits.find_first_not_of("-0123456789") == std::string::npos ? digits + ".0" : digits;
    }
    std::string operator()(const std::string& value) const { return '"' + printable(value) + '"'; }
    std::string operator()(Calendar) const { return "a date or time"; }
    std::string operator()(const Node::Array&) const { return "an array"; }
    std::string operator()(const Node::Table&) const { return "a table"; }
  };
  return std::visit(Describe{}, node.value);
}

std::optional<Node> parse_document(std::string_view toml, const std::filesystem::path& name,
                                   std::vector<Complaint>& complaints) {
  if (toml.size() > kMaxFileBytes) {
    complaints.push_back(
        {name, 0, 0,
         fmt::format("the file is larger than {} KiB; spread its models over included files", kMaxFileBytes / 1024)});
    return std::nullopt;
  }
  if (auto unsafe = find_unsafe_toml(toml)) {
    complaints.push_back({name, unsafe->line, unsafe->column, std::move(unsafe->message)});
    return std::nullopt;
  }
  try {
    return convert(toml::parse(toml));
  } catch (const toml::parse_error& error) {
    const Place place = place_of(error.source());
    complaints.push_back({name, place.line, place.column,
                          reword(error.description()) + first_definition(toml, error.description(), place.line)});
    return std::nullopt;
  }
}

}  // namespace retraind::settings
