#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/stats/cell_search.h"
#include "core/stats/derived.h"
#include "core/stats/profile.h"

namespace retraind::stats {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kFormat = 1;

// In the order of the enumerators.
constexpr std::array<std::string_view, 6> kCounted{"value", "length", "words", "hour", "weekday", "gaps"};

[[noreturn]] void refuse(const std::string& why) {
  throw DataError("a stored profile cannot be read: " + why,
                  "it was not written by retraind or was changed since; retrain the model to get a new reference");
}

json::value count_json(std::uint64_t count) {
  if (count > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw DataError("a profile counts " + std::to_string(count) + " rows, more than the registry can hold");
  }
  return static_cast<std::int64_t>(count);
}

json::array counts_json(const std::vector<std::uint64_t>& counts) {
  json::array array;
  for (const std::uint64_t count : counts) array.push_back(count_json(count));
  return array;
}

json::array numbers_json(const std::vector<double>& numbers) {
  json::array array;
  for (const double number : numbers) array.push_back(json::value(format_number(number)));
  return array;
}

const json::value& member(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(json::string_view(key.data(), key.size()));
  if (found == nullptr) refuse("'" + std::string(key) + "' is missing");
  return *found;
}

const json::array& array_member(const json::object& object, std::string_view key) {
  const json::array* array = member(object, key).if_array();
  if (array == nullptr) refuse("'" + std::string(key) + "' is not an array");
  return *array;
}

std::string read_text(const json::value& value, std::string_view key) {
  const json::string* text = value.if_string();
  if (text == nullptr) refuse("'" + std::string(key) + "' is not a text");
  return {text->data(), text->size()};
}

std::uint64_t read_count(const json::value& value, std::string_view key) {
  const std::int64_t* count = value.if_int64();
  if (count == nullptr || *count < 0) {
    refuse("'" + std::string(key) + "' is not a whole number between 0 and 2^63 - 1");
  }
  return static_cast<std::uint64_t>(*count);
}

double read_number(const json::value& value, std::string_view key) {
  const std::string text = read_text(value, key);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
    refuse("'" + text + "' in '" + std::string(key) + "' is not a finite number");
  }
  return number;
}

std::vector<std::uint64_t> read_counts(const json::object& object, std::size_t expected) {
  std::vector<std::uint64_t> counts;
  for (const json::value& value : array_member(object, "counts")) counts.push_back(read_count(value, "counts"));
  if (counts.size() != expected) {
    refuse("it has " + std::to_string(counts.size()) + " counts for " + std::to_string(expected) + " cells");
  }
  return counts;
}

std::vector<double> read_ascending(const json::object& object, std::string_view key) {
  std::vector<double> numbers;
  for (const json::value& value : array_member(object, key)) {
    numbers.push_back(read_number(value, key));
    if (numbers.size() > 1 && !(numbers[numbers.size() - 2] < numbers.back())) {
      refuse("'" + std::string(key) + "' do not ascend");
    }
  }
  return numbers;
}

NumericProfile read_numbers(const json::object& object) {
  NumericEdges edges;
  edges.minimum = read_number(member(object, "minimum"), "minimum");
  edges.edges = read_ascending(object, "edges");
  edges.points = read_ascending(object, "points");
  if (edges.edges.size() > kNumericBins || edges.points.size() > kPointMasses) {
    refuse("it has " + std::to_string(edges.edges.size()) + " edges and " + std::to_string(edges.points.size()) +
           " points, more than there can be");
  }
  if (!edges.edges.empty() && edges.edges.front() < edges.minimum) refuse("the first edge is below the minimum");

  NumericProfile numbers;
  numbers.counts = read_counts(object, edges.cells());
  numbers.edges = std::make_shared<const NumericEdges>(std::move(edges));
  numbers.search = std::make_shared<const CellSearch>(*numbers.edges);
  numbers.nulls = read_count(member(object, "nulls"), "nulls");
  numbers.nans = read_count(member(object, "nans"), "nans");
  numbers.positive_infinities = read_count(member(object, "positive_infinities"), "positive_infinities");
  numbers.negative_infinities = read_count(member(object, "negative_infinities"), "negative_infinities");
  return numbers;
}

CategoryProfile read_texts(const json::object& object) {
  std::vector<std::string> names;
  for (const json::value& value : array_member(object, "levels")) {
    names.push_back(read_text(value, "levels"));
    if (names.size() > 1 && !(names[names.size() - 2] < names.back())) refuse("'levels' do not ascend");
  }
  CategoryProfile texts;
  texts.counts = read_counts(object, names.size());
  texts.levels = std::make_shared<const CategoryLevels>(std::move(names));
  texts.other = read_count(member(object, "other"), "other");
  texts.unseen = read_count(member(object, "unseen"), "unseen");
  texts.nulls = read_count(member(object, "nulls"), "nulls");
  return texts;
}

// Profiles have been stored without this key as long as there was nothing but values to count.
Counted read_counted(const json::object& object) {
  const json::value* value = object.if_contains("counted");
  if (value == nullptr) return Counted::value;
  const std::string word = read_text(*value, "counted");
  const auto found = std::find(kCounted.begin(), kCounted.end(), word);
  if (found == kCounted.end()) refuse("it counts '" + word + "', which this retraind does not know");
  return static_cast<Counted>(found - kCounted.begin());
}

void check_counted(const ColumnProfile& profile) {
  const auto* texts = std::get_if<CategoryProfile>(&profile.values);
  const auto levels = fixed_levels(profile.counted);
  const bool fits = profile.counted == Counted::value || (profile.counted == Counted::length && texts == nullptr) ||
                    (levels != nullptr && texts != nullptr && texts->levels->names() == levels->names());
  if (!fits) {
    refuse("its cells are not those of '" + std::string(kCounted[static_cast<std::size_t>(profile.counted)]) + "'");
  }
}

}  // namespace

std::string to_json(const ColumnProfile& profile) {
  json::object object;
  object["format"] = kFormat;
  object["column"] = profile.column;
  if (profile.counted != Counted::value) {
    const std::string_view word = kCounted[static_cast<std::size_t>(profile.counted)];
    object["counted"] = json::string_view(word.data(), word.size());
  }
  if (const auto* numbers = std::get_if<NumericProfile>(&profile.values)) {
    object["kind"] = "number";
    object["minimum"] = format_number(numbers->edges->minimum);
    object["edges"] = numbers_json(numbers->edges->edges);
    object["points"] = numbers_json(numbers->edges->points);
    object["counts"] = counts_json(numbers->counts);
    object["nulls"] = count_json(numbers->nulls);
    object["nans"] = count_json(numbers->nans);
    object["positive_infinities"] = count_json(numbers->positive_infinities);
    object["negative_infinities"] = count_json(numbers->negative_infinities);
  } else {
    const auto& texts = std::get<CategoryProfile>(profile.values);
    json::array levels;
    for (const std::string& name : texts.levels->names()) levels.push_back(json::value(name));
    object["kind"] = "text";
    object["levels"] = std::move(levels);
    object["counts"] = counts_json(texts.counts);
    object["other"] = count_json(texts.other);
    object["unseen"] = count_json(texts.unseen);
    object["nulls"] = count_json(texts.nulls);
  }
  return json::serialize(object);
}

ColumnProfile profile_from_json(std::string_view text) {
  json::error_code error;
  const json::value parsed = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) refuse("it is not JSON (" + error.message() + ")");
  const json::object* object = parsed.if_object();
  if (object == nullptr) refuse("it is not a JSON object");
  const std::uint64_t format = read_count(member(*object, "format"), "format");
  if (format != kFormat) refuse("its format is " + std::to_string(format) + ", and this retraind reads only 1");

  ColumnProfile profile;
  profile.column = read_text(member(*object, "column"), "column");
  const std::string kind = read_text(member(*object, "kind"), "kind");
  if (kind == "number") {
    profile.values = read_numbers(*object);
  } else if (kind == "text") {
    profile.values = read_texts(*object);
  } else {
    refuse("its kind is '" + kind + "', not number or text");
  }
  profile.counted = read_counted(*object);
  check_counted(profile);
  return profile;
}

}  // namespace retraind::stats
