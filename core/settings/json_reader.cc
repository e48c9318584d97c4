#include "core/settings/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <limits>

#include "core/settings/document.h"

namespace retraind::settings {

namespace json = boost::json;

std::string JsonReader::full(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

const json::value* JsonReader::ask(std::string_view key) {
  asked_.emplace_back(key);
  const json::value* value = object_->if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void JsonReader::require(std::string_view key) const {
  const json::value* value = object_->if_contains(key);
  if (value == nullptr || value->is_null()) {
    throw DataError(fmt::format("model snapshot: the key '{}' is missing", full(key)));
  }
}

void JsonReader::reject(std::string_view key, std::string_view expected) const {
  const json::value* value = object_->if_contains(key);
  throw DataError(fmt::format("model snapshot: '{}' should be {}, found {}", full(key), expected,
                              value == nullptr ? "nothing" : printable(json::serialize(*value))));
}

void JsonReader::read(std::string_view key, std::string& out) {
  const json::value* value = ask(key);
  if (value == nullptr) return;
  if (!value->is_string()) reject(key, "a string");
  out = std::string(value->get_string());
}

void JsonReader::read(std::string_view key, bool& out) {
  const json::value* value = ask(key);
  if (value == nullptr) return;
  if (!value->is_bool()) reject(key, "true or false");
  out = value->get_bool();
}

void JsonReader::read(std::string_view key, int& out) {
  const json::value* value = ask(key);
  if (value == nullptr) return;
  if (!value->is_int64() || value->get_int64() < std::numeric_limits<int>::min() ||
      value->get_int64() > std::numeric_limits<int>::max()) {
    reject(key, "an integer of 32 bits");
  }
  out = static_cast<int>(value->get_int64());
}

void JsonReader::read(std::string_view key, std::uint64_t& out) {
  const json::value* value = ask(key);
  if (value == nullptr) return;
  // The parser keeps small numbers signed and large ones unsigned.
  if (value->is_uint64()) {
    out = value->get_uint64();
  } else if (value->is_int64() && value->get_int64() >= 0) {
    out = static_cast<std::uint64_t>(value->get_int64());
  } else {
    reject(key, "an integer that is not negative");
  }
}

void JsonReader::read(std::string_view key, double& out) {
  const json::value* value = ask(key);
  if (value == nullptr) return;
  // PostgreSQL's jsonb writes 0.0 back as 0.0, but other hands may have shortened it.
  if (!value->is_number()) reject(key, "a number");
  out = value->to_number<double>();
}

void JsonReader::read(std::string_view key, std::optional<double>& out) {
  if (ask(key) != nullptr) read(key, out.emplace());
}

void JsonReader::read(std::string_view key, std::optional<std::uint64_t>& out) {
  if (ask(key) != nullptr) read(key, out.emplace());
}

void JsonReader::read(std::string_view key, std::optional<std::string>& out) {
  if (ask(key) != nullptr) read(key, out.emplace());
}

void JsonReader::read(std::string_view key, std::filesystem::path& out) {
  std::string found = out.string();
  read(key, found);
  out = found;
}

void JsonReader::read(std::string_view key, Duration& out) {
  std::string found;
  if (ask(key) == nullptr) return;
  read(key, found);
  const auto value = parse_duration(found);
  if (!value) reject(key, "a duration");
  out = *value;
}

void JsonReader::read(std::string_view key, std::vector<std::string>& out) {
  const json::value* value = ask(key);
  if (value == nullptr) return;
  if (!value->is_array()) reject(key, "an array of strings");
  std::vector<std::string> found;
  for (const json::value& element : value->get_array()) {
    if (!element.is_string()) reject(key, "an array of strings");
    found.emplace_back(element.get_string());
  }
  out = std::move(found);
}

void JsonReader::read(std::string_view key, std::map<std::string, std::string>& out) {
  const json::value* value = ask(key);
  if (value == nullptr) return;
  constexpr std::string_view kExpected = "an object of strings";
  if (!value->is_object()) reject(key, kExpected);
  std::map<std::string, std::string> found;
  for (const auto& pair : value->get_object()) {
    if (!pair.value().is_string()) reject(key, kExpected);
    found.emplace(pair.key(), pair.value().get_string());
  }
  out = std::move(found);
}

std::optional<JsonReader> JsonReader::below(std::string_view key) {
  const json::value* value = ask(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) reject(key, "an object");
  return JsonReader(value->get_object(), full(key));
}

void JsonReader::finish() const {
  for (const auto& pair : *object_) {
    const std::string_view key(pair.key());
    const bool known =
        std::any_of(asked_.begin(), asked_.end(), [key](const std::string& asked) { return asked == key; });
    if (known) continue;
    throw DataError(fmt::format("model snapshot: unknown key '{}'", full(printable(key))),
                    "a newer retraind wrote it; run the same version everywhere");
  }
}

}  // namespace retraind::settings
