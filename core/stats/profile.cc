#include "core/stats/profile.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "core/stats/cell_search.h"
#include "core/stats/derived.h"
#include "core/stats/level_search.h"

namespace retraind::stats {
namespace {

void check_lengths(std::size_t values, std::size_t nulls) {
  if (nulls != 0 && nulls != values) {
    throw std::logic_error(std::to_string(nulls) + " null flags stand beside " + std::to_string(values) + " values");
  }
}

[[noreturn]] void refuse(const ColumnProfile& profile, std::string_view what) {
  throw std::logic_error(std::string(what) + " were added to the profile of '" + profile.column +
                         "', which counts something else");
}

bool is_null(std::span<const std::uint8_t> nulls, std::size_t row) {
  return !nulls.empty() && nulls[row] != 0;
}

void count_numbers(NumericProfile& numbers, std::span<const double> values, std::span<const std::uint8_t> nulls) {
  if (numbers.search) {
    numbers.search->count(values, nulls, numbers);
  } else {
    CellSearch(*numbers.edges).count(values, nulls, numbers);
  }
}

void count_texts(CategoryProfile& texts, std::span<const std::string_view> values,
                 std::span<const std::uint8_t> nulls) {
  const LevelSearch& levels = texts.levels->search();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (is_null(nulls, i)) {
      ++texts.nulls;
      continue;
    }
    const std::uint32_t level = levels.find(values[i]);
    ++(level == LevelSearch::kNone ? texts.unseen : texts.counts[level]);
  }
}

void count_instants(CategoryProfile& levels, Counted counted, std::span<const double> values,
                    std::span<const std::uint8_t> nulls) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (is_null(nulls, i)) {
      ++levels.nulls;
    } else if (std::isfinite(values[i])) {
      ++levels.counts[level_of_instant(values[i], counted)];
    } else {
      ++levels.unseen;
    }
  }
}

// How many rows hold each text, and how many none.
struct Distinct {
  boost::unordered_flat_map<std::string_view, std::uint64_t, std::hash<std::string_view>> rows_of;
  std::uint64_t nulls = 0;
};

// std::nullopt for more than `most` texts.
std::optional<Distinct> count_distinct(std::span<const std::string_view> values, std::span<const std::uint8_t> nulls,
                                       std::size_t most) {
  Distinct distinct;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (is_null(nulls, i)) {
      ++distinct.nulls;
      continue;
    }
    ++distinct.rows_of[values[i]];
    if (distinct.rows_of.size() > most) return std::nullopt;
  }
  return distinct;
}

ColumnProfile profile_of(std::string column, const Distinct& distinct) {
  CategoryProfile texts;
  texts.nulls = distinct.nulls;
  using Level = std::pair<std::string_view, std::uint64_t>;
  std::vector<Level> levels(distinct.rows_of.begin(), distinct.rows_of.end());
  std::sort(levels.begin(), levels.end(), [](const Level& a, const Level& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::size_t kept = levels.size();
  if (kept > kExactCategories) {
    kept = kExactCategories;
    while (kept > 0 && levels[kept - 1].second == levels[kExactCategories].second) --kept;
  }
  for (std::size_t i = kept; i < levels.size(); ++i) texts.other += levels[i].second;
  levels.resize(kept);
  std::sort(levels.begin(), levels.end());

  std::vector<std::string> names;
  for (const Level& level : levels) {
    names.emplace_back(level.first);
    texts.counts.push_back(level.second);
  }
  texts.levels = std::make_shared<const CategoryLevels>(std::move(names));
  return {std::move(column), std::move(texts)};
}

std::vector<double> lengths_of(std::span<const std::string_view> values) {
  std::vector<double> lengths;
  lengths.reserve(values.size());
  for (const std::string_view value : values) lengths.push_back(static_cast<double>(length_of(value)));
  return lengths;
}

ColumnProfile empty_fixed(std::string_view column, Counted counted) {
  CategoryProfile empty;
  empty.levels = fixed_levels(counted);
  empty.counts.resize(empty.levels->size());
  return {counted_name(column, counted), std::move(empty), counted};
}

std::string suffix_of(Counted counted) {
  switch (counted) {
    case Counted::value:
      return "";
    case Counted::length:
      return " (length)";
    case Counted::words:
      return " (words)";
    case Counted::hour:
      return " (hour)";
    case Counted::weekday:
      return " (weekday)";
    case Counted::gaps:
      return " (gaps)";
  }
  throw std::logic_error("a profile counts nothing that is known");
}

bool same(const std::shared_ptr<const NumericEdges>& a, const std::shared_ptr<const NumericEdges>& b) {
  return a == b || *a == *b;
}

bool same(const std::shared_ptr<const CategoryLevels>& a, const std::shared_ptr<const CategoryLevels>& b) {
  return a == b || a->names() == b->names();
}

void add_counts(std::vector<std::uint64_t>& into, const std::vector<std::uint64_t>& from) {
  std::transform(into.begin(), into.end(), from.begin(), into.begin(), std::plus<>());
}

std::uint64_t sum(const std::vector<std::uint64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

}  // namespace

CategoryLevels::CategoryLevels(std::vector<std::string> names) : names_(std::move(names)) {
  for (std::size_t i = 1; i < names_.size(); ++i) {
    if (!(names_[i - 1] < names_[i])) {
      throw std::logic_error("the levels '" + names_[i - 1] + "' and '" + names_[i] + "' do not ascend");
    }
  }
  search_ = std::make_unique<const LevelSearch>(names_);
}

CategoryLevels::~CategoryLevels() = default;

std::optional<std::size_t> CategoryLevels::find(std::string_view name) const {
  const std::uint32_t level = search_->find(name);
  if (level == LevelSearch::kNone) return std::nullopt;
  return level;
}

std::uint64_t ColumnProfile::rows() const {
  if (const auto* numbers = std::get_if<NumericProfile>(&values)) {
    return sum(numbers->counts) + numbers->nulls + numbers->nans + numbers->positive_infinities +
           numbers->negative_infinities;
  }
  const auto& texts = std::get<CategoryProfile>(values);
  return sum(texts.counts) + texts.other + texts.unseen + texts.nulls;
}

std::string counted_name(std::string_view column, Counted counted) {
  return std::string(column) + suffix_of(counted);
}

std::string_view counted_column(const ColumnProfile& profile) {
  std::string_view name = profile.column;
  const std::string suffix = suffix_of(profile.counted);
  if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  return name;
}

ColumnProfile profile_numbers(std::string column, std::span<const double> values, std::span<const std::uint8_t> nulls) {
  check_lengths(values.size(), nulls.size());
  std::vector<double> present;
  present.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (nulls.empty() || nulls[i] == 0) present.push_back(values[i]);
  }
  NumericProfile numbers;
  numbers.edges = std::make_shared<const NumericEdges>(learn_edges(std::move(present)));
  numbers.counts.resize(numbers.edges->cells());
  numbers.search = std::make_shared<const CellSearch>(*numbers.edges);
  ColumnProfile profile{std::move(column), std::move(numbers)};
  add_numbers(profile, values, nulls);
  return profile;
}

ColumnProfile profile_texts(std::string column, std::span<const std::string_view> values,
                            std::span<const std::uint8_t> nulls) {
  check_lengths(values.size(), nulls.size());
  return profile_of(std::move(column), *count_distinct(values, nulls, values.size()));
}

std::vector<ColumnProfile> profile_text_column(const std::string& column, std::span<const std::string_view> values,
                                               std::span<const std::uint8_t> nulls) {
  check_lengths(values.size(), nulls.size());
  std::vector<ColumnProfile> profiles;
  if (const auto distinct = count_distinct(values, nulls, kExactCategories)) {
    profiles.push_back(profile_of(column, *distinct));
    return profiles;
  }
  profiles.push_back(profile_numbers(counted_name(column, Counted::length), lengths_of(values), nulls));
  profiles.back().counted = Counted::length;
  profiles.push_back(empty_fixed(column, Counted::words));
  add_texts(profiles.back(), values, nulls);
  return profiles;
}

std::vector<ColumnProfile> profile_instants(const std::string& column, std::span<const double> values,
                                            std::span<const std::uint8_t> nulls) {
  std::vector<ColumnProfile> profiles;
  for (const Counted counted : {Counted::hour, Counted::weekday}) {
    profiles.push_back(empty_fixed(column, counted));
    add_numbers(profiles.back(), values, nulls);
  }
  return profiles;
}

ColumnProfile empty_like(const ColumnProfile& reference) {
  if (const auto* numbers = std::get_if<NumericProfile>(&reference.values)) {
    NumericProfile empty;
    empty.edges = numbers->edges;
    empty.search = numbers->search;
    empty.counts.resize(numbers->counts.size());
    return {reference.column, std::move(empty), reference.counted};
  }
  const auto& texts = std::get<CategoryProfile>(reference.values);
  CategoryProfile empty;
  empty.levels = texts.levels;
  empty.counts.resize(texts.counts.size());
  return {reference.column, std::move(empty), reference.counted};
}

void add_numbers(ColumnProfile& profile, std::span<const double> values, std::span<const std::uint8_t> nulls) {
  check_lengths(values.size(), nulls.size());
  auto* numbers = std::get_if<NumericProfile>(&profile.values);
  if (numbers != nullptr && profile.counted == Counted::value) {
    count_numbers(*numbers, values, nulls);
  } else if (profile.counted == Counted::hour || profile.counted == Counted::weekday) {
    count_instants(std::get<CategoryProfile>(profile.values), profile.counted, values, nulls);
  } else {
    refuse(profile, "numbers");
  }
}

void add_texts(ColumnProfile& profile, std::span<const std::string_view> values, std::span<const std::uint8_t> nulls) {
  check_lengths(values.size(), nulls.size());
  if (profile.counted == Counted::length) {
    count_numbers(std::get<NumericProfile>(profile.values), lengths_of(values), nulls);
    return;
  }
  auto* texts = std::get_if<CategoryProfile>(&profile.values);
  const bool words = profile.counted == Counted::words;
  if (texts == nullptr || (profile.counted != Counted::value && !words)) refuse(profile, "texts");
  if (!words) {
    count_texts(*texts, values, nulls);
    return;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!is_null(nulls, i)) count_words(values[i], texts->counts);
  }
}

bool same_cells(const ColumnProfile& a, const ColumnProfile& b) {
  if (a.values.index() != b.values.index() || a.counted != b.counted) return false;
  if (const auto* numbers = std::get_if<NumericProfile>(&a.values)) {
    return same(numbers->edges, std::get<NumericProfile>(b.values).edges);
  }
  return same(std::get<CategoryProfile>(a.values).levels, std::get<CategoryProfile>(b.values).levels);
}

void merge(ColumnProfile& into, const ColumnProfile& from) {
  if (into.column != from.column || !same_cells(into, from)) {
    throw std::logic_error("the profiles of '" + into.column + "' and '" + from.column +
                           "' count on different edges or levels and cannot be merged");
  }
  if (auto* numbers = std::get_if<NumericProfile>(&into.values)) {
    const auto& more = std::get<NumericProfile>(from.values);
    add_counts(numbers->counts, more.counts);
    numbers->nulls += more.nulls;
    numbers->nans += more.nans;
    numbers->positive_infinities += more.positive_infinities;
    numbers->negative_infinities += more.negative_infinities;
    return;
  }
  auto& texts = std::get<CategoryProfile>(into.values);
  const auto& more = std::get<CategoryProfile>(from.values);
  add_counts(texts.counts, more.counts);
  texts.other += more.other;
  texts.unseen += more.unseen;
  texts.nulls += more.nulls;
}

}  // namespace retraind::stats
