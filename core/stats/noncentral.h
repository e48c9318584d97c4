#pragma once
// Intervals for the noncentrality of a chi-square. Private to core/stats. Pure.

namespace retraind::stats {

struct Noncentralities {
  double low = 0;
  double high = 0;
};

// The noncentralities for which `low_from` and `high_from` are the upper and the lower 2.5 % point, by the saddlepoint
// approximation: the level is met within a tenth of it from one degree of freedom on, and closer with more. `high` is
// taken at no less than `df`: two samples that resemble each other more than chance alone would make them are no proof
// of more than two that do so by chance. Both >= 0, finite; df > 0.
Noncentralities noncentrality_interval(double low_from, double high_from, double df);

}  // namespace retraind::stats
