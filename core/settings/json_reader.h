#pragma once
// Reads one object of a snapshot, key by key: a missing key keeps its default, a wrong type or an unknown key throws
// DataError with the key's path. Used on one thread; must not outlive the object.

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"

namespace retraind::settings {

class JsonReader {
 public:
  // `path` stands before the keys in messages: "", "training", "triggers[2]".
  JsonReader(const boost::json::object& object, std::string path) : object_(&object), path_(std::move(path)) {}

  // The value of a key, or nullptr when it is missing or null.
  const boost::json::value* ask(std::string_view key);
  // Throws DataError when the key is missing or null.
  void require(std::string_view key) const;

  void read(std::string_view key, std::string& out);
  void read(std::string_view key, bool& out);
  void read(std::string_view key, int& out);
  void read(std::string_view key, std::uint64_t& out);
  void read(std::string_view key, double& out);
  void read(std::string_view key, std::optional<double>& out);
  void read(std::string_view key, std::optional<std::uint64_t>& out);
  void read(std::string_view key, std::optional<std::string>& out);
  void read(std::string_view key, std::filesystem::path& out);
  void read(std::string_view key, Duration& out);
  void read(std::string_view key, std::vector<std::string>& out);
  void read(std::string_view key, std::map<std::string, std::string>& out);

  template <class E>
  void word(std::string_view key, E& out) {
    std::string found;
    if (ask(key) == nullptr) return;
    read(key, found);
    const auto value = parse<E>(found);
    if (!value) reject(key, list_words<E>());
    out = *value;
  }

  // A text that a function of forms.h reads.
  template <class Form>
  void form(std::string_view key, Form& out, std::optional<Form> (*parse_form)(std::string_view)) {
    std::string found;
    if (ask(key) == nullptr) return;
    read(key, found);
    auto value = parse_form(found);
    if (!value) reject(key, "a text of another form");
    out = std::move(*value);
  }

  // The object below `key`; std::nullopt when it is missing or null.
  std::optional<JsonReader> below(std::string_view key);

  // Throws DataError naming a key that was not asked for.
  void finish() const;

  [[noreturn]] void reject(std::string_view key, std::string_view expected) const;
  std::string full(std::string_view key) const;

 private:
  const boost::json::object* object_;
  std::string path_;
  std::vector<std::string> asked_;
};

}  // namespace retraind::settings
