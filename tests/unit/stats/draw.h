#pragma once
// Counts of many rows without the rows: what falls into the cells of a profile is multinomial, and its probabilities
// are known where the distribution is.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "core/base/random.h"
#include "core/stats/profile.h"

namespace retraind::stats {

// Exact where fewer than 50 hits or misses are expected; a rounded normal variable beyond.
inline std::uint64_t draw_binomial(Random& random, std::uint64_t rows, double share) {
  if (rows == 0 || share <= 0) return 0;
  if (share >= 1) return rows;
  if (share > 0.5) return rows - draw_binomial(random, rows, 1 - share);
  const auto n = static_cast<double>(rows);
  if (n * share < 50) {
    double left = random.uniform();
    double term = std::exp(n * std::log1p(-share));
    std::uint64_t hits = 0;
    while (left >= term && hits < rows) {
      left -= term;
      term *= (n - static_cast<double>(hits)) / static_cast<double>(hits + 1) * share / (1 - share);
      ++hits;
    }
    return hits;
  }
  const double value = std::round(n * share + random.normal() * std::sqrt(n * share * (1 - share)));
  return static_cast<std::uint64_t>(std::clamp(value, 0.0, n));
}

inline std::vector<std::uint64_t> draw_multinomial(Random& random, std::uint64_t rows,
                                                   const std::vector<double>& shares) {
  double left = 0;
  for (const double share : shares) left += share;
  std::vector<std::uint64_t> counts;
  for (const double share : shares) {
    counts.push_back(draw_binomial(random, rows, left > 0 ? std::min(1.0, share / left) : 0));
    rows -= counts.back();
    left -= share;
  }
  // Whatever rounding left over belongs to the last cell.
  counts.back() += rows;
  return counts;
}

// The shares of a normal column in the cells of `edges`, which have no points.
inline std::vector<double> normal_shares(const NumericEdges& edges, double mean, double deviation) {
  const auto below = [&](double x) { return std::erfc((mean - x) / deviation / std::numbers::sqrt2) / 2; };
  std::vector<double> shares{below(edges.minimum)};
  for (const double edge : edges.edges) {
    double sum = 0;
    for (const double share : shares) sum += share;
    shares.push_back(std::max(0.0, below(edge) - sum));
  }
  shares.push_back(std::erfc((edges.edges.back() - mean) / deviation / std::numbers::sqrt2) / 2);
  return shares;
}

inline ColumnProfile with_counts(const ColumnProfile& like, std::vector<std::uint64_t> counts) {
  ColumnProfile profile = empty_like(like);
  if (auto* const numbers = std::get_if<NumericProfile>(&profile.values)) {
    numbers->counts = std::move(counts);
  } else {
    std::get<CategoryProfile>(profile.values).counts = std::move(counts);
  }
  return profile;
}

}  // namespace retraind::stats
