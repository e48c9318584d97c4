#pragma once
// The one source of pseudo-random numbers, so that the same seed gives the same decision on every machine and in every
// version of the standard library (std::uniform_*_distribution does not promise that).

#include <array>
#include <cstdint>

namespace retraind {

// splitmix64 (Steele, Lea, Flood 2014): spreads a seed, or mixes two numbers into one. It is output number `stream`,
// counted from 0, of the generator started at `seed`.
std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t stream);

// xoshiro256++ 1.0 (Blackman and Vigna 2019), seeded by splitmix64. Copyable; not shared between threads.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  // Starts from a full state. Throws std::logic_error when it is all zeros, which the generator would never leave.
  explicit Random(const std::array<std::uint64_t, 4>& state);

  std::uint64_t next();                      // uniform on all 64-bit values
  double uniform();                          // uniform on [0, 1), 53 bits
  std::uint64_t below(std::uint64_t bound);  // uniform on [0, bound), without bias; std::logic_error when bound is 0
  // Standard normal, by the polar method (Marsaglia and Bray 1964). It rests on the C library's log, whose last bit may
  // differ between machines: what must be reproduced bit by bit draws from the three functions above.
  double normal();

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace retraind
