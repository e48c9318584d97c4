#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/stats/drift.h"

namespace retraind::stats {
namespace {

// Positions of the p-values, the smallest first; equal ones in the order given.
std::vector<std::size_t> ascending(std::span<const double> log_p) {
  std::vector<std::size_t> order(log_p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return log_p[a] < log_p[b]; });
  return order;
}

}  // namespace

std::vector<double> benjamini_hochberg(std::span<const double> log_p) {
  const std::vector<std::size_t> order = ascending(log_p);
  const auto tests = static_cast<double>(log_p.size());
  std::vector<double> adjusted(log_p.size());
  double smallest_above = 0;
  for (std::size_t rank = order.size(); rank > 0; --rank) {
    const double scaled = log_p[order[rank - 1]] + std::log(tests / static_cast<double>(rank));
    smallest_above = std::min(smallest_above, scaled);
    adjusted[order[rank - 1]] = smallest_above;
  }
  return adjusted;
}

std::vector<double> holm(std::span<const double> log_p) {
  const std::vector<std::size_t> order = ascending(log_p);
  std::vector<double> adjusted(log_p.size());
  double largest_below = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double scaled = log_p[order[i]] + std::log(static_cast<double>(order.size() - i));
    largest_below = std::max(largest_below, std::min(0.0, scaled));
    adjusted[order[i]] = largest_below;
  }
  return adjusted;
}

}  // namespace retraind::stats
