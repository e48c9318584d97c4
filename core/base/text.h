#pragma once
// Small spellings that several modules share: the nearest known word, sizes in bytes, numbers. Thread-safe: pure
// functions.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace retraind {

// The word of `known` that `word` was most likely meant to be, for "did you mean". Nearest by Damerau-Levenshtein
// distance (insert, delete, replace, swap two neighbours; no part is edited twice), at most a third of the length of
// `word` away, though 1 is always allowed. ASCII letters compare without case; among equally near words the one that
// also agrees in case wins, then the first. std::nullopt when none is near enough, and for an empty word.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> known);

// For people: "4 GiB", "1.5 MiB", "512 B". Rounded to one decimal in the largest unit that gives at least 1; units up
// to EiB.
std::string format_bytes(std::uint64_t bytes);

// "4GiB", "512MiB", "10KiB", "1024" (bytes), "1024B"; units KiB, MiB, GiB, TiB, one space allowed before the unit.
// Whole numbers only. std::nullopt for anything else (also "4GB", which people read two ways) and for an overflow.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// The fewest digits that read back to the same double: "0.1", "100000", "1e+22". Written out in full from 1e-5 up to
// 1e16, in scientific notation beyond. "nan", "inf", "-inf".
std::string format_number(double value);

}  // namespace retraind
