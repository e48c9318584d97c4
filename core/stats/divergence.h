#pragma once
// One cell's part in the Jensen-Shannon divergence of two distributions. Pure.

#include <cmath>

namespace retraind::stats {

// In nats, never negative; p and q are the cell's shares in the two distributions, in [0, 1]. The divergence is the sum
// over the cells: 1/2 sum p ln(p/m) + 1/2 sum q ln(q/m), m = (p + q) / 2 (Lin 1991).
inline double jensen_shannon_term(double p, double q) {
  const double middle = (p + q) / 2;
  double term = 0;
  if (p > 0) term += p * std::log(p / middle);
  if (q > 0) term += q * std::log(q / middle);
  return term > 0 ? term / 2 : 0;
}

// Of a yes-or-no event with shares p and q.
inline double jensen_shannon_of_event(double p, double q) {
  return jensen_shannon_term(p, q) + jensen_shannon_term(1 - p, 1 - q);
}

}  // namespace retraind::stats
