#include "core/stats/score_order.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

namespace retraind::stats {
namespace {

// Below so many rows a sort by comparison is as quick as setting up the counts of the digits.
constexpr std::size_t kFewRows = 512;
// More would be more places to write to at once than a processor keeps in reach; fewer would be more passes.
constexpr int kMostDigitBits = 10;
constexpr int kWordBits = 64;
constexpr std::uint64_t kHighestBit = std::uint64_t{1} << 63;

// A whole number in the order of the scores. The size of a double's bits, negative for negative scores: so 0 and -0 are
// one, and low bits that all scores lack (those of floats) stay 0 for either sign.
std::uint64_t key_of(double score) {
  const auto bits = std::bit_cast<std::uint64_t>(score);
  const std::uint64_t sign = 0 - (bits >> 63);  // all bits of a negative score
  return (((bits & ~kHighestBit) ^ sign) - sign) + kHighestBit;
}

// How a score's key, its row and the row's mark share a word of 64 bits: the mark in the lowest bit, above it the row,
// above that the key without what all keys have in common. Where they do not fit, the lowest bits of the key are
// dropped. Whole words are in the order of keys, then rows.
struct Packing {
  std::uint64_t smallest = 0;  // key, without `common` bits
  int common = 0;              // low bits that are the same in all keys
  int dropped = 0;             // above those
  int row_bits = 0;            // with the mark
  int key_bits = 0;            // that are kept
};

Packing packing_of(std::span<const double> scores) {
  const std::uint64_t first = key_of(scores.front());
  std::uint64_t smallest = first;
  std::uint64_t largest = first;
  std::uint64_t differ = 0;
  for (const double score : scores) {
    const std::uint64_t key = key_of(score);
    smallest = std::min(smallest, key);
    largest = std::max(largest, key);
    differ |= key ^ first;
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (smallest < key_of(-kInfinity) || largest > key_of(kInfinity)) {
    throw std::logic_error("a score is NaN, which has no place in an order");
  }
  Packing packing;
  packing.row_bits = static_cast<int>(std::bit_width(scores.size() - 1)) + 1;
  if (differ == 0) return packing;
  packing.common = std::countr_zero(differ);
  packing.smallest = smallest >> packing.common;
  const auto needed = static_cast<int>(std::bit_width((largest >> packing.common) - packing.smallest));
  packing.dropped = std::max(0, needed + packing.row_bits - kWordBits);
  packing.key_bits = needed - packing.dropped;
  return packing;
}

std::vector<std::uint64_t> pack(std::span<const double> scores, std::span<const std::uint8_t> marks,
                                const Packing& packing) {
  std::vector<std::uint64_t> words(scores.size());
  for (std::size_t row = 0; row < scores.size(); ++row) {
    const std::uint64_t key = ((key_of(scores[row]) >> packing.common) - packing.smallest) >> packing.dropped;
    words[row] = key << packing.row_bits | row << 1;
  }
  for (std::size_t row = 0; row < marks.size(); ++row) words[row] |= marks[row];
  return words;
}

// By the bits from `low_bit` on, of which there are `bits`: one pass for each digit, the lowest first, each of which
// keeps the order of those before it. A digit that all words share costs no pass.
void sort_by_digits(std::vector<std::uint64_t>& words, int low_bit, int bits) {
  if (words.size() < kFewRows) {
    std::sort(words.begin(), words.end());
    return;
  }
  const int passes = (bits + kMostDigitBits - 1) / kMostDigitBits;
  if (passes == 0) return;
  const int digit_bits = (bits + passes - 1) / passes;
  const std::uint64_t digit_mask = (std::uint64_t{1} << digit_bits) - 1;
  using Counts = std::array<std::size_t, std::size_t{1} << kMostDigitBits>;
  std::vector<Counts> counts(static_cast<std::size_t>(passes));
  for (std::uint64_t word : words) {
    word >>= low_bit;
    for (Counts& of_pass : counts) {
      ++of_pass[word & digit_mask];
      word >>= digit_bits;
    }
  }
  std::vector<std::uint64_t> other(words.size());
  for (Counts& next : counts) {
    if (next[words.front() >> low_bit & digit_mask] < words.size()) {
      std::exclusive_scan(next.begin(), next.end(), next.begin(), std::size_t{0});
      for (const std::uint64_t word : words) other[next[word >> low_bit & digit_mask]++] = word;
      words.swap(other);
    }
    low_bit += digit_bits;
  }
}

}  // namespace

ScoreOrder::ScoreOrder(std::span<const double> scores, std::span<const std::uint8_t> marks) {
  const std::size_t rows = scores.size();
  if (rows >= kMarked) throw std::logic_error(std::to_string(rows) + " rows were scored at once, 2^30 or more");
  if (rows == 0) return;
  const Packing packing = packing_of(scores);
  std::vector<std::uint64_t> words = pack(scores, marks, packing);
  sort_by_digits(words, packing.row_bits, packing.key_bits);

  places_.resize(rows);
  const std::uint64_t row_mask = (std::uint64_t{1} << (packing.row_bits - 1)) - 1;
  for (std::size_t begin = 0; begin < rows;) {
    const std::uint64_t key = words[begin] >> packing.row_bits;
    std::size_t end = begin;
    for (; end < rows && words[end] >> packing.row_bits == key; ++end) {
      const auto row = static_cast<std::uint32_t>(words[end] >> 1 & row_mask);
      places_[end] = row | ((words[end] & 1) != 0 ? kMarked : 0);
    }
    if (packing.dropped > 0 && end - begin > 1) put_in_order(begin, end, scores);
    places_[end - 1] |= kLastOfTie;
    begin = end;
  }
}

// That rows really tie is seen without a sort.
void ScoreOrder::put_in_order(std::size_t begin, std::size_t end, std::span<const double> scores) {
  const auto places = std::span(places_).subspan(begin, end - begin);
  const auto score_of = [&](std::uint32_t place) { return scores[place & kRow]; };
  const double first = score_of(places.front());
  if (std::all_of(places.begin(), places.end(), [&](std::uint32_t place) { return score_of(place) == first; })) return;
  std::sort(places.begin(), places.end(), [&](std::uint32_t a, std::uint32_t b) {
    return score_of(a) != score_of(b) ? score_of(a) < score_of(b) : (a & kRow) < (b & kRow);
  });
  for (std::size_t i = 0; i + 1 < places.size(); ++i) {
    if (score_of(places[i]) != score_of(places[i + 1])) places[i] |= kLastOfTie;
  }
}

}  // namespace retraind::stats
