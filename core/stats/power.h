#pragma once
// How many rows a comparison needs, before it is made. Pure. Normal approximations; docs/statistics.md.

#include <cstdint>

namespace retraind::stats {

inline constexpr double kUsualPower = 0.8;

// Rows so that a true paired difference of `difference` has its one-sided lower bound at `confidence` above zero with
// probability `power`: ((z_a + z_b) deviation / difference)^2 * design_effect, rounded up. `deviation` is that of the
// rows' paired differences (> 0), design_effect = (clustered / independent standard error)^2, at least 1 counts.
std::uint64_t rows_needed(double difference, double deviation, double design_effect, double confidence, double power);

// The same for two shares of right answers, from how often the two models disagree (0..1):
// ((z_a sqrt(d) + z_b sqrt(d - difference^2)) / difference)^2 (Connor, 1987).
std::uint64_t mcnemar_rows_needed(double difference, double disagreement, double confidence, double power);

// The smallest true difference that `rows` rows show with probability `power`: rows_needed turned round.
double detectable_difference(std::uint64_t rows, double deviation, double design_effect, double confidence,
                             double power);

}  // namespace retraind::stats
