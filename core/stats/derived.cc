#include "core/stats/derived.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

namespace retraind::stats {
namespace {

constexpr double kHour = 3600e6;

using Levels = std::shared_ptr<const CategoryLevels>;

Levels numbered(std::size_t count, std::string_view format) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(fmt::format(fmt::runtime(format), i));
  return std::make_shared<const CategoryLevels>(std::move(names));
}

// Not std::isalnum: what a word is must not depend on the locale of a host.
bool in_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

unsigned char lower(char c) {
  return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

}  // namespace

Levels fixed_levels(Counted counted) {
  switch (counted) {
    case Counted::words: {
      static const Levels levels = numbered(256, "{:02x}");
      return levels;
    }
    case Counted::hour: {
      static const Levels levels = numbered(24, "{:02}");
      return levels;
    }
    case Counted::weekday: {
      // The number keeps the days in their order, which levels do not have by themselves.
      static const Levels levels = std::make_shared<const CategoryLevels>(std::vector<std::string>{
          "1 Monday", "2 Tuesday", "3 Wednesday", "4 Thursday", "5 Friday", "6 Saturday", "7 Sunday"});
      return levels;
    }
    case Counted::gaps: {
      static const Levels levels =
          std::make_shared<const CategoryLevels>(std::vector<std::string>{"empty", "occupied"});
      return levels;
    }
    case Counted::value:
    case Counted::length:
      break;
  }
  return nullptr;
}

std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void count_words(std::string_view text, std::vector<std::uint64_t>& counts) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!in_word(text[at])) continue;
    // FNV-1a, 64 bits, folded to eight (http://www.isthe.com/chongo/tech/comp/fnv).
    std::uint64_t hash = 14695981039346656037ULL;
    for (; at < text.size() && in_word(text[at]); ++at) hash = (hash ^ lower(text[at])) * 1099511628211ULL;
    hash ^= hash >> 32;
    hash ^= hash >> 16;
    hash ^= hash >> 8;
    ++counts[hash & 0xFF];
  }
}

std::size_t level_of_instant(double microseconds, Counted counted) {
  const double hours = std::floor(microseconds / kHour);
  const double hour = hours - 24 * std::floor(hours / 24);
  if (counted == Counted::hour) return std::min<std::size_t>(static_cast<std::size_t>(hour), 23);
  // 1970-01-01 was a Thursday, the fourth day.
  const double days = std::floor(hours / 24) + 3;
  return std::min<std::size_t>(static_cast<std::size_t>(days - 7 * std::floor(days / 7)), 6);
}

BlockGaps::BlockGaps(double begin, double length, std::uint64_t occupied)
    : begin_(begin), length_(length), occupied_(occupied & ((std::uint64_t{1} << kSlots) - 1)) {
  if (!std::isfinite(begin) || !(length > 0) || !std::isfinite(length)) {
    throw std::logic_error(fmt::format("a time block begins at {} and is {} long", begin, length));
  }
}

void BlockGaps::add(std::span<const double> times) {
  for (const double time : times) {
    if (!(time >= begin_ && time < begin_ + length_)) continue;
    const double slot = std::floor((time - begin_) / length_ * static_cast<double>(kSlots));
    occupied_ |= std::uint64_t{1} << std::min(static_cast<std::size_t>(slot), kSlots - 1);
  }
}

ColumnProfile BlockGaps::profile(std::string_view column, double from, double to) const {
  CategoryProfile slots;
  slots.levels = fixed_levels(Counted::gaps);
  slots.counts.resize(slots.levels->size());
  for (std::size_t i = 0; i < kSlots; ++i) {
    const double begin = begin_ + length_ * static_cast<double>(i) / static_cast<double>(kSlots);
    const double end = begin_ + length_ * static_cast<double>(i + 1) / static_cast<double>(kSlots);
    if (!(begin <= to && end > from)) continue;
    ++slots.counts[(occupied_ >> i & 1) != 0 ? kOccupiedSlot : kEmptySlot];
  }
  return {counted_name(column, Counted::gaps), std::move(slots), Counted::gaps};
}

}  // namespace retraind::stats
