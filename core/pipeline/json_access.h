#pragma once
// Reads members of JSON objects that another process wrote, and says by name what is wrong with them. For the .cc files
// of this module only.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"

namespace retraind::pipeline {

class ObjectReader {
 public:
  ObjectReader(const boost::json::value& value, std::string what) : what_(std::move(what)) {
    object_ = value.if_object();
    if (object_ == nullptr) throw DataError(what_ + " is not a JSON object");
  }

  const boost::json::value& member(std::string_view name) const {
    const boost::json::value* found = object_->if_contains(name);
    if (found == nullptr) throw DataError(fmt::format("{} lacks \"{}\"", what_, name));
    return *found;
  }
  bool has(std::string_view name) const {
    const boost::json::value* found = object_->if_contains(name);
    return found != nullptr && !found->is_null();
  }
  std::string text(std::string_view name) const {
    const auto* found = member(name).if_string();
    if (found == nullptr) throw DataError(fmt::format("{}: \"{}\" is not a text", what_, name));
    return {found->data(), found->size()};
  }
  // A real number, as exact() wrote it.
  double number(std::string_view name) const {
    const std::string written = text(name);
    double value = 0;
    const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), value);
    if (error != std::errc() || end != written.data() + written.size() || !std::isfinite(value)) {
      throw DataError(fmt::format("{}: \"{}\" is not a number", what_, name));
    }
    return value;
  }
  // As exact_or_null() wrote it: absent where it is null. The member itself must be there.
  std::optional<double> optional_number(std::string_view name) const {
    if (member(name).is_null()) return std::nullopt;
    return number(name);
  }
  TimeAxis axis(std::string_view name) const {
    const std::string written = text(name);
    if (written == "instant") return TimeAxis::instant;
    if (written == "number") return TimeAxis::number;
    throw DataError(fmt::format("{}: \"{}\" is \"{}\", not instant or number", what_, name, written));
  }
  template <class Integer>
  Integer integer(std::string_view name) const {
    boost::system::error_code error;
    const auto value = member(name).to_number<Integer>(error);
    if (error) throw DataError(fmt::format("{}: \"{}\" is not a whole number in range", what_, name));
    return value;
  }
  bool boolean(std::string_view name) const {
    const auto* found = member(name).if_bool();
    if (found == nullptr) throw DataError(fmt::format("{}: \"{}\" is not true or false", what_, name));
    return *found;
  }
  const boost::json::array& array(std::string_view name) const {
    const auto* found = member(name).if_array();
    if (found == nullptr) throw DataError(fmt::format("{}: \"{}\" is not a list", what_, name));
    return *found;
  }
  template <class E>
  E word(std::string_view name) const {
    const auto value = parse<E>(text(name));
    if (!value) throw DataError(fmt::format("{}: \"{}\" is \"{}\", not {}", what_, name, text(name), list_words<E>()));
    return *value;
  }
  const std::string& what() const { return what_; }

 private:
  std::string what_;
  const boost::json::object* object_;
};

// A real number as text: Boost.JSON 1.81 does not read back every double exactly, and a bound that decides must not
// change on its way from one process to the other.
inline boost::json::string exact(double value) {
  return boost::json::string(format_number(value));
}

// null also for a number that is not finite, which exact text could not give back.
inline boost::json::value exact_or_null(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return nullptr;
  return exact(*value);
}

inline boost::json::value parse_json(std::string_view text, const std::string& what) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error) throw DataError(fmt::format("{} is no JSON: {}", what, error.message()));
  return value;
}

}  // namespace retraind::pipeline
