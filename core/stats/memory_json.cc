#include "core/stats/memory_json.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <system_error>

#include "core/base/error.h"
#include "core/base/text.h"

namespace retraind::stats {
namespace {

namespace json = boost::json;

const json::value& member(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(json::string_view(key.data(), key.size()));
  if (found == nullptr) refuse_memory("'" + std::string(key) + "' is missing");
  return *found;
}

}  // namespace

void refuse_memory(const std::string& why) {
  throw DataError("the memory of a change detector cannot be read: " + why,
                  "it was not written by retraind, or belongs to another detector");
}

json::value number_json(double value) {
  return json::value(format_number(value));
}

json::value count_json(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw std::logic_error("a change detector has counted beyond 2^63");
  }
  return static_cast<std::int64_t>(value);
}

json::object parse_memory(std::string_view text) {
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) refuse_memory("it is no JSON (" + error.message() + ")");
  if (!value.is_object()) refuse_memory("it is no JSON object");
  return std::move(value.get_object());
}

double number_of(const json::value& value, std::string_view key) {
  const json::string* text = value.if_string();
  if (text == nullptr) refuse_memory("'" + std::string(key) + "' is not a number in quotes");
  double number = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || stop != end || !std::isfinite(number)) {
    refuse_memory("'" + std::string(key) + "' holds \"" + std::string(text->data(), text->size()) +
                  "\", which is no finite number");
  }
  return number;
}

double read_number(const json::object& object, std::string_view key) {
  return number_of(member(object, key), key);
}

std::uint64_t read_count(const json::object& object, std::string_view key) {
  const std::int64_t* count = member(object, key).if_int64();
  if (count == nullptr || *count < 0) refuse_memory("'" + std::string(key) + "' is not a count");
  return static_cast<std::uint64_t>(*count);
}

bool read_flag(const json::object& object, std::string_view key) {
  const bool* flag = member(object, key).if_bool();
  if (flag == nullptr) refuse_memory("'" + std::string(key) + "' is neither true nor false");
  return *flag;
}

}  // namespace retraind::stats
