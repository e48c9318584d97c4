#pragma once
// Which of some texts a text is, for many texts one after the other. Private to core/stats. Immutable: any number of
// threads may share one.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retraind::stats {

// A table with a place for each text at its hash or behind it, never more than half full. A place holds the first and
// the last eight bytes of its text: with the length these are all of a text of up to 16 bytes, so that such a one is
// found in one look, without going to the text itself; of longer ones the bytes in between are compared too.
class LevelSearch {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  // `names` are distinct and fewer than kNone, and must outlive the search.
  explicit LevelSearch(std::span<const std::string> names);

  // The position of `text` among the names; kNone where it is none of them.
  std::uint32_t find(std::string_view text) const {
    const Ends ends = ends_of(text);
    for (std::size_t at = hash_of(ends, text) & mask_;; at = (at + 1) & mask_) {
      const Place& place = places_[at];
      if (place.level == kNone) return kNone;
      if (place.ends.first == ends.first && place.ends.last == ends.last && place.size == text.size() &&
          (text.size() <= 16 || std::memcmp(names_[place.level].data() + 8, text.data() + 8, text.size() - 16) == 0)) {
        return place.level;
      }
    }
  }

 private:
  struct Ends {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  struct Place {
    Ends ends;
    std::uint32_t level = kNone;
    std::uint64_t size = 0;
  };

  // Two texts of one size up to 16 differ in one of the two; reads no byte outside the text.
  static Ends ends_of(std::string_view text) {
    const char* const begin = text.data();
    const std::size_t size = text.size();
    if (size >= 8) return {load<std::uint64_t>(begin), load<std::uint64_t>(begin + size - 8)};
    if (size >= 4) return {load<std::uint32_t>(begin), load<std::uint32_t>(begin + size - 4)};
    if (size == 0) return {};
    const auto byte = [begin](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(begin[i])}; };
    return {byte(0) | byte(size / 2) << 8, byte(size - 1)};
  }

  template <class Word>
  static std::uint64_t load(const char* at) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
  }

  // Of all bytes: addresses of one site differ neither at their beginning nor at their end.
  static std::size_t hash_of(const Ends& ends, std::string_view text) {
    std::uint64_t hash = mix(ends.first ^ std::rotl(ends.last, 29) ^ text.size());
    for (std::size_t at = 8; at + 8 < text.size(); at += 8) hash = mix(hash ^ load<std::uint64_t>(text.data() + at));
    return hash;
  }
  // An odd multiplier spreads a bit upwards, and the shift brings it back down to where the table looks.
  static std::uint64_t mix(std::uint64_t x) {
    x *= 0x9e3779b97f4a7c15;
    return x ^ x >> 32;
  }

  std::span<const std::string> names_;
  std::vector<Place> places_;
  std::size_t mask_ = 0;
};

}  // namespace retraind::stats
