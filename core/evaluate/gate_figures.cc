#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/evaluate/measure.h"

namespace retraind::evaluate {
namespace {

// Fewer of either class than this say next to nothing about a slice of a binary task.
constexpr std::size_t kFewestOfClass = 20;
constexpr std::size_t kNamed = 5;

Ask ask_for(const settings::Gate& gate, std::uint64_t seed, std::string_view what) {
  return {.metric = gate.metric,
          .of_class = gate.of_class,
          .confidence = gate.confidence,
          .seed = seed_for(seed, fmt::format("gate/{}/{}", gate.name, what))};
}

struct Level {
  std::string name;
  std::vector<std::size_t> rows;
};

// The levels that occur, the most frequent first, equally frequent ones by name; and how many rows are of none of them.
std::vector<Level> levels_of(const SliceColumn& column, std::size_t& without) {
  std::vector<Level> levels(column.levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) levels[i].name = column.levels[i];
  without = 0;
  for (std::size_t row = 0; row < column.values.size(); ++row) {
    const std::int32_t value = column.values[row];
    if (value < 0) {
      ++without;
    } else {
      levels[static_cast<std::size_t>(value)].rows.push_back(row);
    }
  }
  std::erase_if(levels, [](const Level& level) { return level.rows.empty(); });
  std::sort(levels.begin(), levels.end(), [](const Level& a, const Level& b) {
    return a.rows.size() != b.rows.size() ? a.rows.size() > b.rows.size() : a.name < b.name;
  });
  return levels;
}

// Why a level has too little to be judged by; empty when it has enough.
std::string why_too_little(const Holdout& rows, const Level& level, std::uint64_t min_rows) {
  if (level.rows.size() < min_rows) {
    return fmt::format("{} row{}, fewer than {}", level.rows.size(), level.rows.size() == 1 ? "" : "s", min_rows);
  }
  if (rows.task != Task::binary) return {};
  for (std::size_t c = 0; c < 2; ++c) {
    const auto count = static_cast<std::size_t>(std::count_if(
        level.rows.begin(), level.rows.end(), [&](std::size_t i) { return rows.labels[i] == static_cast<double>(c); }));
    if (count < kFewestOfClass) {
      return fmt::format("{} rows of class {}, fewer than {}", count,
                         rows.class_names.size() == 2 ? rows.class_names[c] : std::to_string(c), kFewestOfClass);
    }
  }
  return {};
}

GateFigure measure_level(const Holdout& rows, const settings::Gate& gate, std::size_t place, const Level& level,
                         std::uint64_t seed) {
  GateFigure figure;
  figure.gate = place;
  figure.slice = gate.slices->column + "=" + level.name;
  figure.rows = level.rows.size();
  figure.why_not = why_too_little(rows, level, gate.slices->min_rows);
  if (!figure.why_not.empty()) return figure;
  const Holdout slice = select(rows, level.rows);
  Measure measure =
      paired_interval(slice, slice.candidate, slice.opponent, ask_for(gate, seed, "slice/" + figure.slice));
  if (measure.interval) figure.log_p_harm = log_p_at_least(*measure.interval, -gate.max_drop.value_or(0));
  figure.difference = std::move(measure.interval);
  figure.why_not = std::move(measure.why_not);
  return figure;
}

}  // namespace

std::vector<GateFigure> measure_slices(const Holdout& rows, const settings::Gate& gate, std::size_t place,
                                       std::uint64_t seed) {
  const settings::Slices& wanted = *gate.slices;
  GateFigure whole;
  whole.gate = place;
  whole.slice = wanted.column;
  const auto found = std::find_if(rows.slices.begin(), rows.slices.end(),
                                  [&](const SliceColumn& column) { return column.column == wanted.column; });
  if (found == rows.slices.end()) {
    whole.why_not = fmt::format("the query no longer returns the column \"{}\"", wanted.column);
    return {std::move(whole)};
  }

  std::size_t without = 0;
  const std::vector<Level> levels = levels_of(*found, without);
  const std::size_t looked_at = std::min<std::size_t>(levels.size(), wanted.levels);
  std::vector<GateFigure> figures;
  std::vector<std::string> left_out;
  for (std::size_t i = 0; i < looked_at; ++i) {
    figures.push_back(measure_level(rows, gate, place, levels[i], seed));
    if (figures.back().log_p_harm) {
      whole.rows += figures.back().rows;
    } else {
      left_out.push_back(fmt::format("{} ({})", levels[i].name, figures.back().why_not));
    }
  }
  std::vector<std::string> notes;
  if (!left_out.empty()) {
    std::string text = "not judged: ";
    for (std::size_t i = 0; i < std::min(left_out.size(), kNamed); ++i) text += (i > 0 ? ", " : "") + left_out[i];
    if (left_out.size() > kNamed) text += fmt::format(" and {} more", left_out.size() - kNamed);
    notes.push_back(std::move(text));
  }
  if (levels.size() > looked_at) {
    const std::size_t beyond =
        std::accumulate(levels.begin() + static_cast<std::ptrdiff_t>(looked_at), levels.end(), std::size_t{0},
                        [](std::size_t sum, const Level& level) { return sum + level.rows.size(); });
    notes.push_back(
        fmt::format("beyond the {} most frequent: {} with {} rows", wanted.levels, levels.size() - looked_at, beyond));
  }
  if (without > 0) notes.push_back(fmt::format("of another value or of none: {} rows", without));
  for (const std::string& note : notes) whole.why_not += (whole.why_not.empty() ? "" : "; ") + note;
  figures.push_back(std::move(whole));
  return figures;
}

std::vector<GateFigure> measure_gate(const Holdout& rows, const settings::Gate& gate, std::size_t place,
                                     std::uint64_t seed) {
  std::vector<GateFigure> figures;
  const bool wants_difference = gate.max_gain || (gate.max_drop && !gate.slices);
  if (gate.above || gate.below || wants_difference) {
    GateFigure figure;
    figure.gate = place;
    figure.rows = rows.labels.size();
    if (gate.above || gate.below) {
      Measure measure = own_interval(rows, ask_for(gate, seed, "candidate"));
      figure.candidate = std::move(measure.interval);
      figure.why_not = std::move(measure.why_not);
    }
    if (wants_difference) {
      Measure measure = paired_interval(rows, rows.candidate, rows.opponent, ask_for(gate, seed, "difference"));
      figure.difference = std::move(measure.interval);
      if (figure.why_not.empty()) figure.why_not = std::move(measure.why_not);
    }
    figures.push_back(std::move(figure));
  }
  if (gate.slices) {
    std::vector<GateFigure> slices = measure_slices(rows, gate, place, seed);
    std::move(slices.begin(), slices.end(), std::back_inserter(figures));
  }
  return figures;
}

}  // namespace retraind::evaluate
