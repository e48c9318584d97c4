#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/stats/measure.h"
#include "core/stats/proportion.h"

namespace retraind::stats {
namespace {

constexpr double kTail = 0.025;
constexpr double kStandardErrors = 1.959963984540054;

// Fisher's exact test for the direction that was observed; doubled, because either could have been.
double log_fisher(const MarkedPair& marked) {
  const std::uint64_t total = marked.reference.rows + marked.current.rows;
  const std::uint64_t hits = marked.reference.hits + marked.current.hits;
  const Marked& more = marked.current.share() > marked.reference.share() ? marked.current : marked.reference;
  return std::min(0.0, std::numbers::ln2 + log_sf_hypergeometric(more.hits, more.rows, hits, total));
}

bool is_small(const MarkedPair& marked) {
  const std::uint64_t fewer = std::min(marked.reference.rows, marked.current.rows);
  const std::uint64_t hits = marked.reference.hits + marked.current.hits;
  const std::uint64_t total = marked.reference.rows + marked.current.rows;
  return fewer < kFewRows ||
         static_cast<double>(hits) * static_cast<double>(fewer) < kSmallestExpectation * static_cast<double>(total);
}

}  // namespace

// A share of missing values matters in both directions; fewer new or outlying values than before matter to nobody.
ColumnMeasure measure_shares(const MarkedPair& marked, DriftMethod method, double min_effect, double inflation) {
  const double n = static_cast<double>(marked.reference.rows) / inflation;
  const double m = static_cast<double>(marked.current.rows) / inflation;
  const double before = static_cast<double>(marked.reference.hits) / inflation;
  const double now = static_cast<double>(marked.current.hits) / inflation;
  const double difference = marked.current.share() - marked.reference.share();
  const bool both_ways = method == DriftMethod::null_rate;
  const double tolerated = std::min(min_effect, 1.0);

  ColumnMeasure measure;
  measure.effect = both_ways ? std::fabs(difference) : std::max(0.0, difference);
  measure.statistic = static_cast<double>(marked.current.hits);
  Bounds bounds = newcombe(before, n, now, m, kStandardErrors);
  if (both_ways) {
    measure.effect_low = std::max({0.0, bounds.low, -bounds.high});
    measure.effect_high = std::max(bounds.high, -bounds.low);
    const double rise =
        difference > 0 ? log_p_rise(before, n, now, m, tolerated) : log_p_rise(n - before, n, m - now, m, tolerated);
    measure.log_p = std::min(0.0, std::numbers::ln2 + rise);
  } else {
    // The reference's share is taken as known by the one interval and as estimated by the other; the wider bound holds.
    const Bounds exact = clopper_pearson(now, m, kTail);
    bounds.low = std::min(bounds.low, exact.low - marked.reference.share());
    bounds.high = std::max(bounds.high, exact.high - marked.reference.share());
    measure.effect_low = std::clamp(bounds.low, 0.0, 1.0);
    measure.effect_high = std::clamp(bounds.high, 0.0, 1.0);
    measure.log_p = log_p_rise(before, n, now, m, tolerated);
    if (measure.log_p < 0) {
      measure.log_p = std::max(measure.log_p, log_sf_binomial(now, m, marked.reference.share() + tolerated));
    }
  }
  if (measure.log_p < 0 && is_small(marked)) measure.log_p = std::max(measure.log_p, log_fisher(marked));
  return measure;
}

}  // namespace retraind::stats
