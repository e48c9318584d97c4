#include "core/stats/monte_carlo.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "core/base/random.h"

namespace retraind::stats {
namespace {

constexpr std::uint64_t kSeed = 0x6d6f6e7465;

}  // namespace

double monte_carlo_log_p(std::span<const std::uint64_t> totals, std::uint64_t dealt, double observed,
                         const std::function<double(std::span<const std::uint32_t>)>& statistic) {
  const std::uint64_t all = std::accumulate(totals.begin(), totals.end(), std::uint64_t{0});
  if (dealt > all) throw std::logic_error("more rows were dealt than there are");
  if (dealt == 0) return 0;
  if (dealt > kMonteCarloPool / 2) throw std::logic_error("a limiting distribution is meant for so many rows");
  // One entry for each row: the number of its cell.
  const std::uint64_t shrink = (all + kMonteCarloPool - 1) / kMonteCarloPool;
  std::vector<std::uint32_t> pool;
  for (std::size_t cell = 0; cell < totals.size(); ++cell) {
    pool.insert(pool.end(), (totals[cell] + shrink / 2) / shrink, static_cast<std::uint32_t>(cell));
  }
  Random random(kSeed);
  std::vector<std::uint32_t> counts(totals.size());
  // Sums of the same terms in another order differ in their last bits; such tables are as extreme as the observed one.
  const double bar = observed - std::fabs(observed) * 1e-9;
  const auto size = static_cast<std::uint32_t>(pool.size());
  const auto hand = static_cast<std::uint32_t>(dealt);
  std::uint32_t* const rows = pool.data();
  std::uint32_t* const held = counts.data();
  std::uint64_t bits = 0;
  bool has_half = false;
  std::uint64_t extreme = 0;
  for (std::uint64_t table = 0; table < kMonteCarloTables; ++table) {
    std::fill(counts.begin(), counts.end(), 0);
    // The front of the pool becomes a random choice (Fisher and Yates); whatever order it was in before will do. The
    // loop runs a million times and more, so it has its random numbers in place, two from each draw of 64 bits.
    for (std::uint32_t i = 0; i < hand;) {
      bits = has_half ? bits >> 32 : random.next();
      has_half = !has_half;
      // Uniform below `bound` by multiplication, with the rejection that takes the bias away (Lemire 2019).
      const std::uint32_t bound = size - i;
      const std::uint64_t product = (bits & 0xffffffff) * bound;
      const auto remainder = static_cast<std::uint32_t>(product);
      if (remainder < bound && remainder < (0 - bound) % bound) continue;
      const std::uint32_t other = i + static_cast<std::uint32_t>(product >> 32);
      const std::uint32_t cell = rows[other];
      rows[other] = rows[i];
      rows[i] = cell;
      ++held[cell];
      ++i;
    }
    if (statistic(counts) >= bar) ++extreme;
  }
  return std::log(static_cast<double>(1 + extreme) / static_cast<double>(1 + kMonteCarloTables));
}

}  // namespace retraind::stats
