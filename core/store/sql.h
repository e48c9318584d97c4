#pragma once
// How the modules that own statements (core/registry, core/runs) pass parameters and read values. For their .cc files
// only: no public header includes this one. Everything travels as text in $n, nothing is ever pasted into a statement.
//
// libpqxx 6.4 cannot read or write std::optional when it was built for an older standard than C++20, and knows nothing
// of our instants and ids; these few overloads do.

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <concepts>
#include <optional>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/store/database.h"

namespace retraind::store {

using Parameter = std::optional<std::string>;

inline Parameter parameter(std::string_view value) {
  return std::string(value);
}
inline Parameter parameter(const std::string& value) {
  return value;
}
inline Parameter parameter(const char* value) {
  return std::string(value);
}
inline Parameter parameter(bool value) {
  return std::string(value ? "true" : "false");
}
inline Parameter parameter(double value) {
  return value != value      ? std::string("NaN")
         : std::isinf(value) ? (value > 0 ? "Infinity" : "-Infinity")
                             : format_number(value);
}
inline Parameter parameter(TimePoint value) {
  return format_instant(value);
}
inline Parameter parameter(Duration value) {
  return fmt::format("{} microseconds", value.count());
}
inline Parameter parameter(std::nullopt_t) {
  return std::nullopt;
}

template <std::integral T>
requires(!std::same_as<T, bool>) Parameter parameter(T value) {
  return std::to_string(value);
}

// Ids as their number, words as they are stored.
template <class E>
requires std::is_enum_v<E> Parameter parameter(E value) {
  if constexpr (requires { words_of<E>(); } && std::is_same_v<std::underlying_type_t<E>, int>) {
    return std::string(to_text(value));
  } else {
    return std::to_string(static_cast<std::underlying_type_t<E>>(value));
  }
}

template <class T>
Parameter parameter(const std::optional<T>& value) {
  return value ? parameter(*value) : Parameter{};
}

// text[] in PostgreSQL's array syntax.
inline Parameter parameter(const std::vector<std::string>& values) {
  std::string out = "{";
  for (const std::string& value : values) {
    out += out.size() > 1 ? ",\"" : "\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

template <class... Values>
pqxx::result execute(Transaction& transaction, const char* statement, const Values&... values) {
  const std::vector<Parameter> texts{parameter(values)...};
  std::vector<const char*> pointers;
  pointers.reserve(texts.size());
  for (const Parameter& text : texts) pointers.push_back(text ? text->c_str() : nullptr);
  return transaction.work().exec_params(statement, pqxx::prepare::make_dynamic_params(pointers));
}

template <class T>
struct Reader {
  static T read(const pqxx::field& field) { return field.as<T>(); }
};
template <>
struct Reader<TimePoint> {
  static TimePoint read(const pqxx::field& field) {
    const auto instant = parse_instant(field.c_str());
    if (!instant) throw std::logic_error(fmt::format("column {} is no timestamp: {}", field.name(), field.c_str()));
    return *instant;
  }
};
template <class E>
requires std::is_enum_v<E>
struct Reader<E> {
  static E read(const pqxx::field& field) {
    if constexpr (std::is_same_v<std::underlying_type_t<E>, int>) {
      const auto word = parse<E>(field.c_str());
      if (!word)
        throw std::logic_error(fmt::format("column {} holds an unknown word: {}", field.name(), field.c_str()));
      return *word;
    } else {
      return static_cast<E>(field.as<std::underlying_type_t<E>>());
    }
  }
};
template <class T>
struct Reader<std::optional<T>> {
  static std::optional<T> read(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    return Reader<T>::read(field);
  }
};

// One value of a row; a NULL is only allowed where T is an optional.
template <class T>
T read(const pqxx::field& field) {
  return Reader<T>::read(field);
}

}  // namespace retraind::store
