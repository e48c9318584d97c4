#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

#include "core/stats/divergence.h"
#include "core/stats/drift.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

double total(std::span<const double> counts) {
  Sum sum;
  for (const double count : counts) {
    if (!(count >= 0) || std::isinf(count)) throw std::logic_error("a cell holds " + std::to_string(count) + " rows");
    sum.add(count);
  }
  return sum.value();
}

}  // namespace

CellComparison compare_cells(std::span<const double> reference, std::span<const double> current) {
  if (reference.size() != current.size()) {
    throw std::logic_error(std::to_string(reference.size()) + " cells were compared with " +
                           std::to_string(current.size()));
  }
  const double n = total(reference);
  const double m = total(current);
  CellComparison result;
  if (n == 0 || m == 0) return result;
  result.effective_rows = n / (n + m) * m;

  Sum squares;
  Sum divergence;
  std::size_t filled = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    if (reference[i] + current[i] == 0) continue;
    ++filled;
    const double p = reference[i] / n;
    const double q = current[i] / m;
    const double pooled = (reference[i] + current[i]) / (n + m);
    squares.add((p - q) * (p - q) / pooled);
    divergence.add(jensen_shannon_term(p, q));
  }
  // The terms are never negative, but rounding may leave the whole a little above the most it can be.
  const double nats = std::min(divergence.value(), std::numbers::ln2);
  result.statistic = result.effective_rows * squares.value();
  result.degrees = static_cast<double>(filled - 1);
  result.distance = std::sqrt(nats / std::numbers::ln2);
  const double expected_by_chance = result.degrees / (8 * result.effective_rows);
  result.corrected_distance = std::sqrt(std::max(0.0, nats - expected_by_chance) / std::numbers::ln2);
  return result;
}

}  // namespace retraind::stats
