#pragma once
// One figure with its interval: a model's own metric, or how much better one model is than another on the same rows.
// Private to core/evaluate. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/evaluate/compare.h"

namespace retraind::evaluate {

// What is asked for. `seed` matters to bootstraps only.
struct Ask {
  Metric metric = Metric::log_loss;
  std::string of_class;
  double confidence = 0.95;  // one-sided
  std::uint64_t seed = 0;
};

// An interval, or why there is none.
struct Measure {
  std::optional<stats::Interval> interval;
  std::string why_not;
};

// The value of the metric on all rows. nullopt where it is undefined, or of a class that no label is.
std::optional<double> value_of(const Holdout& rows, const std::vector<double>& predictions, const Ask& ask);
// The candidate's own metric.
Measure own_interval(const Holdout& rows, const Ask& ask);
// How much better `first` is than `second`. The predictions of both must be sound (why_unsound).
Measure paired_interval(const Holdout& rows, const std::vector<double>& first, const std::vector<double>& second,
                        const Ask& ask);
// ln of the one-sided p-value of "what the interval estimates is at least `bound`": small where it is surely below.
// Never below -700, so that it stays a number whatever it travels through; never above 0.
double log_p_at_least(const stats::Interval& interval, double bound);

// Why predictions cannot be measured; empty when they can: "row 5 of the predictions of production is NaN, …".
std::string why_unsound(Task task, std::size_t width, const std::vector<double>& predictions, std::string_view whose);

// These rows only, in this order, without slices.
Holdout select(const Holdout& holdout, const std::vector<std::size_t>& rows);

// Each bootstrap draws from a stream that depends on its own name alone.
std::uint64_t seed_for(std::uint64_t seed, std::string_view name);

// The figures of the gate at `place` of validation.gates. Slices are those of `rows`.
std::vector<GateFigure> measure_gate(const Holdout& rows, const settings::Gate& gate, std::size_t place,
                                     std::uint64_t seed);
// One figure for each level of the gate's column, and one for the column.
std::vector<GateFigure> measure_slices(const Holdout& rows, const settings::Gate& gate, std::size_t place,
                                       std::uint64_t seed);

}  // namespace retraind::evaluate
