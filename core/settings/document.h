#pragma once
// A TOML text as a tree that knows where everything stands. document.cc is the only file that includes toml++, so the
// rest of the module compiles fast and does not depend on that library's lifetime rules. Thread-safe: values only.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/settings/load.h"

namespace retraind::settings {

struct Place {
  std::size_t line = 0;    // 1-based
  std::size_t column = 0;  // 1-based, in characters
};

struct Entry;

// A date or a time: TOML has them, no key of retraind takes one.
struct Calendar {};

struct Node {
  using Array = std::vector<Node>;
  using Table = std::vector<Entry>;  // in the order of the file
  Place place;                       // of the value; of the header for a [table]
  std::variant<bool, std::int64_t, double, std::string, Calendar, Array, Table> value;

  const Entry* find(std::string_view key) const;  // nullptr when absent, or when this is no table
};

struct Entry {
  std::string key;
  Place place;  // of the key
  Node node;
};

// "\"two\"", "5", "true", "an array", "a table", "a date or time": what a complaint says it found. Long strings are
// cut.
std::string describe(const Node& node);

// Text made fit for one line of a message: control characters escaped, at most `limit` bytes and then "...".
std::string printable(std::string_view text, std::size_t limit = 60);

// The root table of `toml`. On text that is unsafe to parse or not TOML: adds a complaint about `name` and returns
// std::nullopt.
std::optional<Node> parse_document(std::string_view toml, const std::filesystem::path& name,
                                   std::vector<Complaint>& complaints);

}  // namespace retraind::settings
