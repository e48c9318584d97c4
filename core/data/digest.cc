#include "core/data/digest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/json.hpp>
#include <cfloat>
#include <charconv>
#include <chrono>
#include <cmath>
#include <map>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/data/entity.h"

namespace retraind::data {
namespace {

namespace json = boost::json;

constexpr double kDay = 86400e6;
constexpr double kMostBlocks = 128;
constexpr std::uint64_t kHashOfNull = 0x6e756c6c6e756c6c;
constexpr const char* kTimeName = "(event time)";
constexpr const char* kWeightName = "(weight)";
constexpr const char* kEntityName = "(entity)";
// Longer lists help nobody.
constexpr std::size_t kMostStretches = 5;
constexpr std::size_t kMostColumns = 10;

std::string to_digits(std::uint64_t sum) {
  std::array<char, 16> text{};
  text.fill('0');
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), sum, 16).ptr;
  std::copy(digits.data(), end, text.end() - (end - digits.data()));
  return {text.begin(), text.end()};
}

std::uint64_t from_digits(std::string_view text) {
  std::uint64_t sum = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sum, 16);
  if (error != std::errc() || end != text.data() + text.size() || text.size() != 16) {
    throw DataError("a sum in the digest of the rows is \"" + std::string(text) + "\", not 16 hexadecimal digits");
  }
  return sum;
}

std::uint64_t hash_of(double value) {
  // 0 and -0 are equal in SQL.
  return mix_seed(std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value), 0);
}

struct Sum {
  std::uint64_t sum = 0;
  std::uint64_t nulls = 0;

  void add(std::uint64_t hash) { sum += hash; }
  void add_null() {
    sum += kHashOfNull;
    ++nulls;
  }
  ColumnDigest named(std::string name) const { return {std::move(name), to_digits(sum), nulls}; }
};

std::vector<std::uint64_t> hashes_of(const std::vector<std::string>& levels) {
  EntityHash hash;
  std::vector<std::uint64_t> out;
  out.reserve(levels.size());
  for (const std::string& level : levels) out.push_back(hash.of_text(level));
  return out;
}

ColumnDigest digest_of_column(const Column& column) {
  Sum out;
  if (const auto* numbers = std::get_if<NumberColumn>(&column.values)) {
    for (const float value : numbers->values) {
      if (std::isnan(value) && !is_stored_nan(value)) {
        out.add_null();
      } else {
        // All NaN that were stored are one value.
        out.add(hash_of(std::isnan(value) ? std::nan("") : static_cast<double>(value)));
      }
    }
    return out.named(column.name);
  }
  const auto& categories = std::get<CategoryColumn>(column.values);
  const std::vector<std::uint64_t> hashes = hashes_of(categories.levels);
  for (const std::int32_t code : categories.codes) {
    if (code < 0) {
      out.add_null();
    } else {
      out.add(hashes[static_cast<std::size_t>(code)]);
    }
  }
  return out.named(column.name);
}

ColumnDigest digest_of_label(const LabelColumn& label) {
  Sum out;
  const std::vector<std::uint64_t> hashes = hashes_of(label.levels);
  for (const double value : label.values) {
    if (std::isnan(value)) {
      out.add_null();
    } else {
      out.add(hashes.empty() ? hash_of(value) : hashes[static_cast<std::size_t>(value)]);
    }
  }
  return out.named(label.name);
}

template <class Value, class Hash>
ColumnDigest digest_of_values(const char* name, const std::vector<Value>& values, const Hash& hash) {
  Sum out;
  for (const Value value : values) out.add(hash(value));
  return out.named(name);
}

// The multiple of `width` that the time lies in. Exact: division by a power of two loses nothing, and that by so many
// days is of whole microseconds far below 2^53.
double block_of(EventTime time, double width) {
  return std::floor(time / width);
}

bool spans(EventTime first, EventTime last, double width) {
  return block_of(last, width) - block_of(first, width) < kMostBlocks;
}

double block_width(TimeAxis axis, EventTime first, EventTime last) {
  double width = kDay;
  if (axis == TimeAxis::number) {
    const double range = last - first;
    if (!std::isfinite(range)) return std::ldexp(1.0, 1018);  // from -2^1024 to 2^1024 in 128
    int exponent = 0;
    (void)std::frexp(range > 0 ? range / kMostBlocks : 1.0, &exponent);
    // Not so short that neighbouring blocks become one number.
    int largest = 0;
    (void)std::frexp(std::max(std::fabs(first), std::fabs(last)), &largest);
    width = std::ldexp(1.0, std::max({exponent - 1, largest - 52, -1000}));
  }
  while (!spans(first, last, width)) width *= 2;
  return width;
}

std::vector<BlockDigest> blocks_of(const Table& table) {
  // The rows are not in the order of time where entities were held out.
  const auto [first, last] = std::minmax_element(table.event_times.begin(), table.event_times.end());
  const double width = block_width(table.axis, *first, *last);
  struct Block {
    std::uint64_t rows = 0;
    std::uint64_t sum = 0;
  };
  std::map<double, Block> blocks;
  for (std::size_t i = 0; i < table.rows; ++i) {
    Block& block = blocks[block_of(table.event_times[i], width)];
    ++block.rows;
    block.sum += mix_seed(table.row_keys[i], 0);
  }
  std::vector<BlockDigest> out;
  for (const auto& [place, block] : blocks) {
    out.push_back(
        {std::max(place * width, -DBL_MAX), std::min((place + 1) * width, DBL_MAX), block.rows, to_digits(block.sum)});
  }
  return out;
}

// ---- comparing ----

std::string count_of(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

// A stretch of time, for people: "of 2026-03-04", "from 2026-03-04 to 2026-03-07" (both days included), "from 128 to
// below 256".
std::string stretch(TimeAxis axis, EventTime from, EventTime to) {
  if (axis == TimeAxis::number) return "from " + format_number(from) + " to below " + format_number(to);
  const auto day = [](EventTime time) {
    const std::string instant = format_instant(to_instant(time));
    return instant.substr(0, instant.find('T'));
  };
  const std::string first = day(from);
  const std::string last = day(to - kDay);
  return first == last ? "of " + first : "from " + first + " to " + last;
}

struct Rows {
  std::uint64_t rows = 0;
  std::uint64_t sum = 0;
};

// What was and is of a block, in the longer of the two digests' blocks.
struct Pair {
  Rows then;
  Rows now;
  double to = 0;

  bool differ() const { return then.rows != now.rows || then.sum != now.sum; }
};

double width_of(const std::vector<BlockDigest>& blocks) {
  return blocks.empty() ? 0 : blocks.front().to - blocks.front().from;
}

std::map<double, Pair> align(const TableDigest& then, const TableDigest& now) {
  const double width = std::max(width_of(then.blocks), width_of(now.blocks));
  std::map<double, Pair> out;
  const auto add = [&](const std::vector<BlockDigest>& blocks, Rows Pair::*side) {
    for (const BlockDigest& block : blocks) {
      const double place = block_of(block.from, width);
      Pair& pair = out[place * width];
      pair.to = (place + 1) * width;
      (pair.*side).rows += block.rows;
      (pair.*side).sum += from_digits(block.sum);
    }
  };
  add(then.blocks, &Pair::then);
  add(now.blocks, &Pair::now);
  return out;
}

enum class Change { gone, came, altered };

Change change_of(const Pair& pair) {
  if (pair.then.rows == pair.now.rows) return Change::altered;
  return pair.then.rows > pair.now.rows ? Change::gone : Change::came;
}

// Neighbouring blocks that changed in the same way.
struct Stretch {
  Change change = Change::altered;
  double from = 0;
  double to = 0;
  std::uint64_t rows = 0;  // that are gone, came, or stand there, altered or not
};

std::vector<Stretch> stretches_of(const std::map<double, Pair>& blocks) {
  std::vector<Stretch> out;
  bool open = false;
  for (const auto& [from, pair] : blocks) {
    if (!pair.differ()) {
      open = false;
      continue;
    }
    const Change change = change_of(pair);
    const std::uint64_t rows = change == Change::gone   ? pair.then.rows - pair.now.rows
                               : change == Change::came ? pair.now.rows - pair.then.rows
                                                        : pair.now.rows;
    // A gap between two blocks, where neither has rows, does not end a stretch.
    if (open && out.back().change == change) {
      out.back().to = pair.to;
      out.back().rows += rows;
    } else {
      out.push_back({change, from, pair.to, rows});
    }
    open = true;
  }
  // The most rows first.
  std::stable_sort(out.begin(), out.end(), [](const Stretch& a, const Stretch& b) { return a.rows > b.rows; });
  return out;
}

void tell_stretches(const std::vector<Stretch>& all, Change change, TimeAxis axis, std::vector<std::string>& out) {
  std::size_t told = 0;
  std::size_t untold = 0;
  std::uint64_t rows_untold = 0;
  for (const Stretch& one : all) {
    if (one.change != change) continue;
    if (told == kMostStretches) {
      ++untold;
      rows_untold += one.rows;
      continue;
    }
    ++told;
    const std::string when = stretch(axis, one.from, one.to);
    const bool single = one.rows == 1;
    switch (change) {
      case Change::gone:
        out.push_back(count_of(one.rows, "row ", "rows ") + when + (single ? " is gone" : " are gone"));
        break;
      case Change::came:
        out.push_back(count_of(one.rows, "row ", "rows ") + when + (single ? " has come" : " have come"));
        break;
      case Change::altered:
        out.push_back("as many rows " + when + " as then, " + std::to_string(one.rows) + ", but not the same ones");
        break;
    }
  }
  if (untold == 0) return;
  const std::string where = count_of(untold, "further stretch", "further stretches");
  switch (change) {
    case Change::gone:
      out.push_back(count_of(rows_untold, "row of ", "rows of ") + where + " are gone");
      break;
    case Change::came:
      out.push_back(count_of(rows_untold, "row of ", "rows of ") + where + " have come");
      break;
    case Change::altered:
      out.push_back("in " + where + " there are as many rows as then, but not the same ones");
      break;
  }
}

std::string listed(const std::vector<std::string>& texts) {
  std::string out;
  for (std::size_t i = 0; i < std::min(texts.size(), kMostColumns); ++i) out += (i == 0 ? "" : ", ") + texts[i];
  if (texts.size() > kMostColumns) out += " and " + std::to_string(texts.size() - kMostColumns) + " more";
  return out;
}

const ColumnDigest* column_named(const TableDigest& digest, const std::string& name) {
  const auto found = std::find_if(digest.columns.begin(), digest.columns.end(),
                                  [&](const ColumnDigest& column) { return column.name == name; });
  return found == digest.columns.end() ? nullptr : &*found;
}

std::vector<std::string> absent_from(const TableDigest& digest, const std::vector<ColumnDigest>& columns) {
  std::vector<std::string> out;
  for (const ColumnDigest& column : columns) {
    if (column_named(digest, column.name) == nullptr) out.push_back(column.name);
  }
  return out;
}

void tell_columns(const std::vector<std::string>& names, const char* one, const char* many,
                  std::vector<std::string>& out) {
  if (names.empty()) return;
  out.push_back(count_of(names.size(), "column ", "columns ") + (names.size() == 1 ? one : many) + ": " +
                listed(names));
}

std::vector<std::string> changed_columns(const TableDigest& then, const TableDigest& now) {
  std::vector<std::string> out;
  for (const ColumnDigest& column : then.columns) {
    const ColumnDigest* other = column_named(now, column.name);
    if (other == nullptr || (other->sum == column.sum && other->nulls == column.nulls)) continue;
    std::string text = column.name;
    if (other->nulls > column.nulls) text += " (" + std::to_string(other->nulls - column.nulls) + " more missing)";
    if (other->nulls < column.nulls) text += " (" + std::to_string(column.nulls - other->nulls) + " fewer missing)";
    out.push_back(std::move(text));
  }
  return out;
}

// ---- JSON ----

[[noreturn]] void refuse(const std::string& why) {
  throw DataError("the digest of the rows cannot be read: " + why);
}

const json::value& member(const json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  const auto* found = object == nullptr ? nullptr : object->if_contains(name);
  if (found == nullptr) refuse("it lacks \"" + std::string(name) + "\"");
  return *found;
}

const json::array& list(const json::value& value, std::string_view name) {
  const auto* found = member(value, name).if_array();
  if (found == nullptr) refuse("\"" + std::string(name) + "\" is not a list");
  return *found;
}

std::string text(const json::value& value, std::string_view name) {
  const auto* found = member(value, name).if_string();
  if (found == nullptr) refuse("\"" + std::string(name) + "\" is not a text");
  return {found->data(), found->size()};
}

std::uint64_t whole(const json::value& value, std::string_view name) {
  boost::system::error_code error;
  const auto found = member(value, name).to_number<std::uint64_t>(error);
  if (error) refuse("\"" + std::string(name) + "\" is not a whole number");
  return found;
}

std::string sum(const json::value& value) {
  std::string digits = text(value, "sum");
  (void)from_digits(digits);
  return digits;
}

// As text: Boost.JSON does not read back every double exactly.
double number(const json::value& value, std::string_view name) {
  const std::string written = text(value, name);
  double out = 0;
  const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), out);
  if (error != std::errc() || end != written.data() + written.size() || !std::isfinite(out)) {
    refuse("\"" + std::string(name) + "\" is not a number");
  }
  return out;
}

}  // namespace

TableDigest digest_of(const Table& table) {
  if (table.rows == 0) return {};
  if (table.row_keys.size() != table.rows) throw std::logic_error("rows to digest that carry no keys");
  TableDigest out;
  out.columns.push_back(digest_of_values(kTimeName, table.event_times, hash_of));
  out.columns.push_back(digest_of_label(table.label));
  for (const Column& column : table.features) out.columns.push_back(digest_of_column(column));
  for (const Column& column : table.slices) out.columns.push_back(digest_of_column(column));
  if (!table.weights.empty()) out.columns.push_back(digest_of_values(kWeightName, table.weights, hash_of));
  if (!table.entities.empty()) {
    out.columns.push_back(
        digest_of_values(kEntityName, table.entities, [](std::uint64_t entity) { return mix_seed(entity, 0); }));
  }
  out.blocks = blocks_of(table);
  return out;
}

std::vector<std::string> differences(const TableDigest& then, const TableDigest& now, TimeAxis axis) {
  const std::vector<Stretch> stretches = stretches_of(align(then, now));
  const auto is = [](Change change) { return [change](const Stretch& one) { return one.change == change; }; };
  const bool altered = std::any_of(stretches.begin(), stretches.end(), is(Change::altered));
  const bool as_many = std::all_of(stretches.begin(), stretches.end(), is(Change::altered));
  const bool empty = then.columns.empty() || now.columns.empty();
  std::vector<std::string> out;
  tell_stretches(stretches, Change::gone, axis, out);
  tell_stretches(stretches, Change::came, axis, out);
  if (empty) return out;

  const std::vector<std::string> gone = absent_from(now, then.columns);
  const std::vector<std::string> came = absent_from(then, now.columns);
  tell_columns(gone, "is gone", "are gone", out);
  tell_columns(came, "has come", "have come", out);
  if (as_many) {
    const std::vector<std::string> changed = changed_columns(then, now);
    tell_columns(changed, "changed", "changed", out);
    if (altered && changed.empty() && gone.empty() && came.empty()) {
      out.push_back(
          "each column holds the same values as then, but in other rows, or those of the cluster column are "
          "others");
    }
  }
  // A column more or less alters every row.
  if (gone.empty() && came.empty()) tell_stretches(stretches, Change::altered, axis, out);
  return out;
}

std::string to_json(const TableDigest& digest) {
  json::array columns;
  for (const ColumnDigest& column : digest.columns) {
    columns.push_back(json::object{{"name", column.name}, {"sum", column.sum}, {"nulls", column.nulls}});
  }
  json::array blocks;
  for (const BlockDigest& block : digest.blocks) {
    blocks.push_back(json::object{{"from", format_number(block.from)},
                                  {"to", format_number(block.to)},
                                  {"rows", block.rows},
                                  {"sum", block.sum}});
  }
  return json::serialize(json::object{{"columns", std::move(columns)}, {"blocks", std::move(blocks)}});
}

TableDigest table_digest_from_json(std::string_view written) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(written.data(), written.size()), error);
  if (error) refuse("it is no JSON: " + error.message());
  TableDigest out;
  for (const json::value& column : list(value, "columns")) {
    out.columns.push_back({text(column, "name"), sum(column), whole(column, "nulls")});
  }
  for (const json::value& block : list(value, "blocks")) {
    out.blocks.push_back({number(block, "from"), number(block, "to"), whole(block, "rows"), sum(block)});
    if (!(out.blocks.back().to > out.blocks.back().from)) refuse("a block that ends before it begins");
  }
  return out;
}

}  // namespace retraind::data
