#pragma once
// How many rows a comparison needs, before it is made. Pure. Approximations that are within a row or two of the exact
// sizes; docs/statistics.md. All of them throw std::logic_error for a difference or deviation that is no finite number
// of its range, and for a confidence or power outside (0, 1).

#include <cstdint>

namespace retraind::stats {

inline constexpr double kUsualPower = 0.8;

// Rows so that a true paired difference of `difference` > 0 has its one-sided lower bound at `confidence` above zero
// with probability `power`: (((z_a + z_b) deviation / difference)^2 + z_a^2 / 2) * design_effect, rounded up. The
// second term is what Student's t asks for more than the normal distribution does (Guenther, 1981). `deviation` >= 0 is
// that of the rows' paired differences, design_effect = (clustered / independent standard error)^2, at least 1 counts.
std::uint64_t rows_needed(double difference, double deviation, double design_effect, double confidence, double power);

// The same for two shares of right answers, from how often the two models disagree (0..1):
// ((z_a sqrt(d) + z_b sqrt(d - difference^2)) / difference)^2 (Connor, 1987). Models that differ by `difference`
// disagree at least as often, so a smaller d counts as that much.
std::uint64_t mcnemar_rows_needed(double difference, double disagreement, double confidence, double power);

// The smallest true difference that `rows` rows show with probability `power`: rows_needed turned round. Infinite where
// the rows are too few for any.
double detectable_difference(std::uint64_t rows, double deviation, double design_effect, double confidence,
                             double power);

}  // namespace retraind::stats
