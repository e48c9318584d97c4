#pragma once
// Columns of numbers in hourly blocks: a reference, and what comes after it, which may be shifted.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/stats/block.h"
#include "core/stats/calibration.h"
#include "core/stats/drift.h"

namespace retraind::stats {

struct SeriesShape {
  std::size_t columns = 4;
  std::int64_t reference_hours = 28 * 24;
  std::int64_t later_hours = 14 * 24;
  std::size_t rows = 12;  // an hour
  double autocorrelation = 0;
  double shared = 0;     // share of the variance that the rows of an hour have in common
  double amplitude = 0;  // of a sine of `period_hours`
  double period_hours = 24;
  std::function<double(std::int64_t)> shift = nullptr;  // of the first column, by hours since the reference's end
};

inline DriftRule rule_of(double alpha, std::uint64_t min_rows = 200) {
  DriftRule rule;
  rule.alpha = alpha;
  rule.min_rows = min_rows;
  return rule;
}

struct Series {
  BlockGrid grid{3600e6};
  std::vector<ColumnProfile> like;
  std::vector<ProfileBlock> reference;
  std::vector<ProfileBlock> later;

  Calibrated calibrated(std::size_t from, std::size_t hours, const DriftRule& rule, const SeasonRule& season) const {
    const std::int64_t first = later.at(from).index;
    const std::uint64_t rows = hours * later[from].columns.front().rows();
    return calibrate(TimeAxis::instant, grid, reference, like, first, first + static_cast<std::int64_t>(hours) - 1,
                     rows, rule, season);
  }
  // Whether the first column and whether any other drifted in `hours` from `from` on.
  struct Found {
    bool first = false;
    bool other = false;
  };
  Found look(std::size_t from, std::size_t hours, const DriftRule& rule, const SeasonRule& season = {}) const {
    const Calibrated known = calibrated(from, hours, rule, season);
    const auto window = sum_of(std::span(later).subspan(from, hours), like);
    Found found;
    const auto drifts = compare_profiles(known.reference, window, rule, known.columns);
    for (std::size_t i = 0; i < drifts.size(); ++i) {
      if (drifts[i].verdict == ColumnVerdict::drifted) (i == 0 ? found.first : found.other) = true;
    }
    return found;
  }
};

inline Series make_series(const SeriesShape& shape, std::uint64_t seed) {
  Random random(seed);
  Series series;
  const std::int64_t hours = shape.reference_hours + shape.later_hours;
  series.reference.resize(static_cast<std::size_t>(shape.reference_hours));
  series.later.resize(static_cast<std::size_t>(shape.later_hours));
  const auto block = [&](std::int64_t hour) -> ProfileBlock& {
    return hour < shape.reference_hours ? series.reference[static_cast<std::size_t>(hour)]
                                        : series.later[static_cast<std::size_t>(hour - shape.reference_hours)];
  };
  for (std::int64_t hour = 0; hour < hours; ++hour) block(hour).index = hour;
  for (std::size_t column = 0; column < shape.columns; ++column) {
    double state = random.normal();
    std::vector<double> values;
    for (std::int64_t hour = 0; hour < hours; ++hour) {
      state = shape.autocorrelation * state +
              std::sqrt(1 - shape.autocorrelation * shape.autocorrelation) * random.normal();
      double level = std::sqrt(shape.shared) * state;
      level += shape.amplitude * std::sin(2 * std::numbers::pi * static_cast<double>(hour) / shape.period_hours);
      if (column == 0 && shape.shift && hour >= shape.reference_hours)
        level += shape.shift(hour - shape.reference_hours);
      for (std::size_t row = 0; row < shape.rows; ++row) {
        values.push_back(level + std::sqrt(1 - shape.shared) * random.normal());
      }
    }
    const std::span<const double> all(values);
    const std::string name = "x" + std::to_string(column);
    series.like.push_back(
        profile_numbers(name, all.first(static_cast<std::size_t>(shape.reference_hours) * shape.rows), {}));
    for (std::int64_t hour = 0; hour < hours; ++hour) {
      block(hour).columns.push_back(empty_like(series.like.back()));
      add_numbers(block(hour).columns.back(), all.subspan(static_cast<std::size_t>(hour) * shape.rows, shape.rows), {});
    }
  }
  return series;
}

}  // namespace retraind::stats
