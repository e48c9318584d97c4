#pragma once
// How the values of a snapshot are written, wherever it is put together. Thread-safe: pure functions.

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace retraind::settings {

inline boost::json::string text(std::string_view value) {
  return boost::json::string(value);
}

inline boost::json::string duration(Duration value) {
  return text(format_duration(value));
}

template <class Value>
boost::json::value optional_value(const std::optional<Value>& value) {
  return value ? boost::json::value(*value) : boost::json::value(nullptr);
}

inline boost::json::value optional_text(const std::optional<std::string>& value) {
  return value ? boost::json::value(text(*value)) : boost::json::value(nullptr);
}

inline boost::json::array texts(const std::vector<std::string>& values) {
  boost::json::array out;
  for (const std::string& value : values) out.push_back(text(value));
  return out;
}

}  // namespace retraind::settings
