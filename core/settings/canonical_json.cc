#include "core/settings/canonical_json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "core/base/text.h"

namespace retraind::settings {
namespace {

namespace json = boost::json;

void write(const json::value& value, std::string& out);

void write_real(double value, std::string& out) {
  if (!std::isfinite(value)) throw std::logic_error("a number that is not finite has no JSON");
  const std::string digits = format_number(value);
  out += digits;
  if (digits.find_first_of(".e") == std::string::npos) out += ".0";
}

void write_object(const json::object& object, std::string& out) {
  std::vector<const json::key_value_pair*> pairs;
  for (const auto& pair : object) pairs.push_back(&pair);
  std::sort(pairs.begin(), pairs.end(), [](const auto* a, const auto* b) { return a->key() < b->key(); });
  out += '{';
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (i > 0) out += ',';
    out += json::serialize(json::string(pairs[i]->key()));
    out += ':';
    write(pairs[i]->value(), out);
  }
  out += '}';
}

void write_array(const json::array& array, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i > 0) out += ',';
    write(array[i], out);
  }
  out += ']';
}

void write(const json::value& value, std::string& out) {
  if (const auto* object = value.if_object()) {
    write_object(*object, out);
  } else if (const auto* array = value.if_array()) {
    write_array(*array, out);
  } else if (const auto* real = value.if_double()) {
    write_real(*real, out);
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string canonical_text(const json::value& value) {
  std::string out;
  write(value, out);
  return out;
}

}  // namespace retraind::settings
