#pragma once
// The no-difference p-value where there are too few rows for a limiting distribution: the rows of both sides are
// thrown together and dealt out anew, many times. Pure; a fixed seed and whole numbers only, so that the same counts
// give the same tables on every machine.

#include <cstdint>
#include <functional>
#include <span>

namespace retraind::stats {

inline constexpr std::uint64_t kMonteCarloTables = 9999;
// More rows than this are represented by so many, which a few hundred dealt rows cannot tell from them.
inline constexpr std::uint64_t kMonteCarloPool = 1 << 20;

// `totals` are the rows of the cells, both sides together; `dealt` rows go to the smaller side. `statistic` gets the
// rows dealt to the smaller side, by cell. Returns ln((1 + k) / (1 + kMonteCarloTables)), k the tables whose statistic
// is at least `observed` (Phipson and Smyth 2010); so 1e-4 is the least there is. Takes `dealt` steps a table. 0 for no
// rows; throws std::logic_error when more are dealt than there are.
double monte_carlo_log_p(std::span<const std::uint64_t> totals, std::uint64_t dealt, double observed,
                         const std::function<double(std::span<const std::uint32_t>)>& statistic);

}  // namespace retraind::stats
