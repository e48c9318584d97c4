#include "core/base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace retraind {
namespace {

using State = std::array<std::uint64_t, 4>;

TEST(MixSeed, MatchesTheOutputsOfSplitmix64) {
  // Outputs of https://prng.di.unimi.it/splitmix64.c as they stand in the tests of the Rust crate rand_xoshiro (started
  // at 1477776061723855037) and at https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64 (started at 1234567).
  const std::vector<std::uint64_t> crate = {1985237415132408290u, 2979275885539914483u, 13511426838097143398u,
                                            8488337342461049707u};
  for (std::size_t i = 0; i < crate.size(); ++i) EXPECT_EQ(mix_seed(1477776061723855037u, i), crate[i]);
  const std::vector<std::uint64_t> page = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                           4593380528125082431u, 16408922859458223821u};
  for (std::size_t i = 0; i < page.size(); ++i) EXPECT_EQ(mix_seed(1234567, i), page[i]);
}

TEST(Random, MatchesTheOutputsOfXoshiro256PlusPlus) {
  // Outputs of https://prng.di.unimi.it/xoshiro256plusplus.c from the state 1, 2, 3, 4, as in the tests of the Rust
  // crate rand_xoshiro.
  Random random(State{1, 2, 3, 4});
  const std::vector<std::uint64_t> outputs = {41943041u,
                                              58720359u,
                                              3588806011781223u,
                                              3591011842654386u,
                                              9228616714210784205u,
                                              9973669472204895162u,
                                              14011001112246962877u,
                                              12406186145184390807u,
                                              15849039046786891736u,
                                              10450023813501588000u};
  for (const std::uint64_t expected : outputs) EXPECT_EQ(random.next(), expected);
}

TEST(Random, IsSeededBySplitmix64) {
  // The test "sequence" of Zig's std.Random.Xoshiro256, which seeds the same generator the same way.
  Random random(0);
  const std::vector<std::uint64_t> outputs = {0x53175d61490b23df, 0x61da6f3dc380d507, 0x5c0fdf91ec9a7bfc,
                                              0x02eebf8c3bbe5e1a, 0x7eca04ebaf4a5eea, 0x0543c37757f08d9a};
  for (const std::uint64_t expected : outputs) EXPECT_EQ(random.next(), expected);
}

TEST(Random, RefusesAStateOfZeros) {
  EXPECT_THROW(Random(State{0, 0, 0, 0}), std::logic_error);
}

TEST(Random, CopiesContinueAlike) {
  Random first(42);
  first.next();
  Random second = first;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(first.next(), second.next());
}

TEST(RandomUniform, IsTheTopFiftyThreeBitsOfTheNextNumber) {
  Random numbers(9);
  Random bits(9);
  for (int i = 0; i < 1'000; ++i) {
    const double value = numbers.uniform();
    EXPECT_EQ(value, std::ldexp(static_cast<double>(bits.next() >> 11), -53));
    EXPECT_GE(value, 0);
    EXPECT_LT(value, 1);
  }
}

// Pearson's chi-square of counts that should be equal.
double chi_square(const std::vector<int>& counts, int draws) {
  const double expected = static_cast<double>(draws) / static_cast<double>(counts.size());
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

TEST(RandomBelow, IsUniformAlsoWhereTheBoundDividesNothing) {
  Random random(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts.at(random.below(7));
  EXPECT_LT(chi_square(counts, 70'000), 22.46);  // 99.9 % point, 6 degrees of freedom (NIST, table 1.3.6.7.4)
}

TEST(RandomBelow, HasNoBiasAtHugeBounds) {
  // Of the bound 3 * 2^62, a plain remainder or product of 64 bits would draw one third of the values twice as often.
  const std::uint64_t third = std::uint64_t{1} << 62;
  Random random(5);
  std::vector<int> counts(3);
  for (int i = 0; i < 30'000; ++i) ++counts.at(random.below(3 * third) / third);
  EXPECT_LT(chi_square(counts, 30'000), 13.82);  // 99.9 % point, 2 degrees of freedom
  std::vector<int> remainders(3);
  for (int i = 0; i < 30'000; ++i) ++remainders.at(random.below(3 * third) % 3);
  EXPECT_LT(chi_square(remainders, 30'000), 13.82);
}

TEST(RandomBelow, KnowsTheSmallestBoundsAndRefusesZero) {
  Random random(1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(random.below(1), 0u);
  EXPECT_THROW(random.below(0), std::logic_error);
}

TEST(RandomNormal, HasTheMomentsAndTheTailsOfTheNormalDistribution) {
  Random random(11);
  const int draws = 200'000;
  double sum = 0;
  double squares = 0;
  double fourths = 0;
  int beyond_two = 0;
  for (int i = 0; i < draws; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
    fourths += x * x * x * x;
    beyond_two += std::fabs(x) > 2;
  }
  // Five standard errors each: 1, sqrt(2) and sqrt(96) over the root of the number of draws.
  const double root = std::sqrt(static_cast<double>(draws));
  EXPECT_NEAR(sum / draws, 0, 5 / root);
  EXPECT_NEAR(squares / draws, 1, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(fourths / draws, 3, 5 * std::sqrt(96.0) / root);
  const double tail = 0.0455002638963584;  // P(|X| > 2)
  EXPECT_NEAR(static_cast<double>(beyond_two) / draws, tail, 5 * std::sqrt(tail * (1 - tail)) / root);
}

}  // namespace
}  // namespace retraind
