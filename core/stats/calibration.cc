#include "core/stats/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "core/base/text.h"
#include "core/stats/null_effects.h"
#include "core/stats/windows.h"

namespace retraind::stats {
namespace {

namespace math = boost::math;

constexpr std::size_t kFewestInSeason = 19;
// A season is taken without being asked for only where it explains at least a tenth of the differences: it leaves fewer
// windows, and with fewer windows thresholds are coarser.
constexpr double kWorthASeason = 0.9;
// Estimates of dependence are noisy; below this share of new information in each window, they are believed.
constexpr double kDependent = 0.5;
constexpr double kLargestMargin = 2.5;

using Places = std::vector<std::size_t>;

double mean(const std::vector<double>& values) {
  return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double mean_square(const std::vector<double>& values) {
  return values.empty() ? 0
                        : std::inner_product(values.begin(), values.end(), values.begin(), 0.0) /
                              static_cast<double>(values.size());
}

// Neighbouring windows resemble each other, and a window to come has no neighbour in the reference. So the nearest
// quarter on either side is left out of what a window is compared with.
std::size_t apart(std::size_t windows) {
  return windows / 4;
}

struct ColumnEffects {
  std::vector<double> of_windows;  // each against the others of the season
  std::vector<double> unmatched;   // each against all other windows; empty where there is no season
  double news = 1;                 // share of a window's difference that its neighbour does not know, 0..1
};

// One way to choose windows, and how they differ.
struct Season {
  double period = 0;
  Places windows;
  std::vector<ColumnEffects> columns;
};

std::vector<Season> seasons_to_try(TimeAxis axis, const std::vector<Window>& windows, double window_length,
                                   const SeasonRule& rule) {
  Places all(windows.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<Season> seasons{{0, std::move(all), {}}};
  if (axis != TimeAxis::instant) return seasons;
  if (!rule.automatic) {
    if (!(rule.period > 0)) return seasons;
    Places matched = in_season(windows, window_length, rule.period);
    if (!matched.empty()) seasons = {{rule.period, std::move(matched), {}}};
    return seasons;
  }
  for (const double period : {kDayLength, kWeekLength, kYearLength}) {
    if (window_length >= period) continue;
    Places matched = in_season(windows, window_length, period);
    if (matched.size() >= kFewestInSeason && matched.size() < windows.size()) {
      seasons.push_back({period, std::move(matched), {}});
    }
  }
  return seasons;
}

void measure(std::vector<Season>& seasons, const std::vector<Window>& windows, std::span<const ColumnProfile> like,
             const DriftRule& rule) {
  for (std::size_t c = 0; c < like.size(); ++c) {
    ColumnParts parts(like[c], windows.size());
    for (std::size_t w = 0; w < windows.size(); ++w) {
      for (const ProfileBlock* block : windows[w].blocks) parts.add(w, block->columns[c]);
    }
    const auto effects = [&](const Places& chosen, const Places& others) {
      return parts.effects(chosen, others, apart(others.size()), rule.method, rule.min_effect);
    };
    for (Season& season : seasons) {
      if (season.windows.size() < kFewestWindows) continue;
      ColumnEffects column;
      column.of_windows = effects(season.windows, season.windows);
      // Two windows with autocorrelation rho have a squared distance of 2 (1 - rho) times that of one from the rest.
      const double square = mean_square(column.of_windows);
      const double steps = mean_square(parts.steps(season.windows, rule.method, rule.min_effect));
      if (square > 0) column.news = std::min(1.0, steps / (2 * square));
      if (&season != &seasons.front()) column.unmatched = effects(season.windows, seasons.front().windows);
      season.columns.push_back(std::move(column));
    }
  }
}

const Season& best_of(const std::vector<Season>& seasons) {
  const Season* best = &seasons.front();
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < seasons.size(); ++i) {
    double matched = 0;
    double unmatched = 0;
    for (const ColumnEffects& column : seasons[i].columns) {
      matched += mean(column.of_windows);
      unmatched += mean(column.unmatched);
    }
    if (matched >= kWorthASeason * unmatched || matched >= least) continue;
    best = &seasons[i];
    least = matched;
  }
  return *best;
}

// As many independent windows tell as much about a column. Its own estimate of dependence is too noisy to stand alone
// and is averaged with the median over the columns.
std::vector<double> independent_windows(const Season& season) {
  std::vector<double> news;
  for (const ColumnEffects& column : season.columns) news.push_back(column.news);
  std::vector<double> sorted = news;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  if (!sorted.empty()) std::nth_element(sorted.begin(), middle, sorted.end());
  std::vector<double> windows;
  for (const double own : news) {
    const double share = (own + *middle) / 2;
    const auto n = static_cast<double>(season.windows.size());
    windows.push_back(share >= kDependent ? n : std::max(2.0, n * share / (2 - share)));
  }
  return windows;
}

double upper_quartile(std::vector<double> values) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(values.size() * 3 / 4);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double upper_normal(double p) {
  return math::quantile(math::complement(math::normal(), p));
}

// How far beyond the largest of n differences lies the one that is exceeded with probability p, if what differs is
// normal.
double margin(double n, double p) {
  return std::clamp(upper_normal(p / 2) / upper_normal(0.5 / (n + 1)), kUncalibratedMargin, kLargestMargin);
}

bool has_largest(DriftMethod method) {
  return method != DriftMethod::psi && method != DriftMethod::wasserstein;
}

struct Margins {
  double low = 0;
  double high = 0;
};

// The thresholds of the columns; the margins where some are uncalibrated.
Margins set_thresholds(Calibrated& calibrated, const Season& season, const DriftRule& rule) {
  const std::vector<double> independent = independent_windows(season);
  const std::size_t windows = season.windows.size();
  const auto enough = [&](std::size_t c) { return rule.alpha * (independent[c] + 1) >= 1; };

  std::vector<double> scales;
  std::vector<double> maxima(windows);
  for (std::size_t c = 0; c < season.columns.size(); ++c) {
    // What is small against the least effect that matters must not look large against itself.
    scales.push_back(std::max(upper_quartile(season.columns[c].of_windows), rule.min_effect / 2));
    if (!enough(c)) continue;
    for (std::size_t w = 0; w < windows; ++w) {
      maxima[w] = std::max(maxima[w], season.columns[c].of_windows[w] / scales[c]);
    }
  }
  std::sort(maxima.begin(), maxima.end(), std::greater<>());
  const auto k = static_cast<std::size_t>(rule.alpha * static_cast<double>(windows + 1));

  Margins margins;
  for (std::size_t c = 0; c < season.columns.size(); ++c) {
    ColumnCalibration& column = calibrated.columns[c];
    column.windows = windows;
    double threshold = 0;
    if (enough(c)) {
      column.kind = Calibration::blocks;
      threshold = maxima[k - 1] * scales[c];
    } else {
      const std::vector<double>& effects = season.columns[c].of_windows;
      const double largest = *std::max_element(effects.begin(), effects.end());
      const double more = margin(independent[c], rule.alpha / static_cast<double>(season.columns.size()));
      threshold = largest * more;
      // Distances end at 1, and one that is nearly there is all that can be seen.
      if (has_largest(rule.method)) threshold = std::min(threshold, largest + 0.75 * std::max(0.0, 1 - largest));
      margins.low = margins.high == 0 ? more : std::min(margins.low, more);
      margins.high = std::max(margins.high, more);
    }
    column.threshold = std::max(rule.min_effect, threshold);
  }
  return margins;
}

// The largest number of units, doubled from 1, that leaves kFewestWindows groups.
std::size_t longest_group(std::size_t units) {
  std::size_t join = 1;
  while (units / (2 * join) >= kFewestWindows) join *= 2;
  return join;
}

// By how much the rows of a window of `length` blocks overstate what they tell.
double inflation_of(const ColumnParts& parts, const Places& places, double length, double alpha) {
  std::size_t join = longest_group(places.size());
  while (join > 1 && static_cast<double>(join) > length) join /= 2;
  const Dispersion found = parts.dispersion(places, join);
  if (found.degrees == 0) return 1;
  double ratio = std::max(1.0, found.ratio);
  if (join > 1 && length > static_cast<double>(join)) {
    // Longer windows than there are to look at: dependence is taken to go on growing as it did.
    const double before = std::max(1.0, parts.dispersion(places, join / 2).ratio);
    ratio *= std::pow(std::clamp(ratio / before, 0.5, 2.0), std::log2(length / static_cast<double>(join)));
  }
  // What comes on top of chance may lie in one direction, such as a shift; one degree of freedom has longer tails than
  // many that average out.
  // Nor is it known well from a few groups.
  const auto groups = static_cast<double>(places.size() / join);
  const double one = math::quantile(math::complement(math::fisher_f(1, groups - 1), alpha));
  const double many = math::quantile(math::complement(math::chi_squared(found.degrees), alpha));
  return 1 + std::max(0.0, ratio - 1) * std::max(1.0, one / (many / found.degrees));
}

bool set_inflations(Calibrated& calibrated, const std::vector<const ProfileBlock*>& blocks,
                    std::span<const ColumnProfile> like, double length, double alpha) {
  if (blocks.size() < kFewestWindows) return false;
  Places places(blocks.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  for (std::size_t c = 0; c < like.size(); ++c) {
    ColumnParts parts(like[c], blocks.size());
    for (std::size_t b = 0; b < blocks.size(); ++b) parts.add(b, blocks[b]->columns[c]);
    calibrated.columns[c].inflation = inflation_of(parts, places, length, alpha / static_cast<double>(like.size()));
  }
  return true;
}

std::vector<const ProfileBlock*> blocks_in_time(std::span<const ProfileBlock> blocks) {
  std::vector<const ProfileBlock*> out;
  for (const ProfileBlock& block : blocks) out.push_back(&block);
  std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->index < b->index; });
  return out;
}

std::vector<const ProfileBlock*> blocks_of(const std::vector<Window>& windows, const Places& places) {
  std::vector<const ProfileBlock*> out;
  for (const std::size_t place : places) {
    out.insert(out.end(), windows[place].blocks.begin(), windows[place].blocks.end());
  }
  std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->index < b->index; });
  return out;
}

std::vector<ColumnProfile> reference_of(const std::vector<const ProfileBlock*>& blocks,
                                        std::span<const ColumnProfile> like) {
  std::vector<ColumnProfile> sum;
  for (std::size_t c = 0; c < like.size(); ++c) {
    sum.push_back(empty_like(like[c]));
    for (const ProfileBlock* block : blocks) merge(sum.back(), block->columns[c]);
    make_reference(sum.back(), like[c]);
  }
  return sum;
}

std::string length_text(TimeAxis axis, double length) {
  return axis == TimeAxis::instant ? format_duration(Duration(static_cast<std::int64_t>(length)))
                                   : format_number(length);
}

std::string place_text(double period) {
  if (period == 0) return "";
  if (period == kDayLength) return " at the same hour";
  if (period == kWeekLength) return " at the same hour of the week";
  if (period == kYearLength) return " at the same time of the year";
  return " at the same place in a season of " + length_text(TimeAxis::instant, period);
}

std::string windows_text(std::size_t count, const std::string& length, double period) {
  return fmt::format("{} reference window{} of {}{}", count, count == 1 ? "" : "s", length, place_text(period));
}

std::string margins_text(const Margins& margins) {
  const std::string low = fmt::format("{:.1f}", margins.low);
  const std::string high = fmt::format("{:.1f}", margins.high);
  return low == high ? low : low + " to " + high;
}

void check(std::span<const ProfileBlock> blocks, std::span<const ColumnProfile> like, std::int64_t first,
           std::int64_t last, const DriftRule& rule) {
  if (last < first) throw std::logic_error(fmt::format("a window ends at block {} and begins at {}", last, first));
  if (!(rule.alpha > 0 && rule.alpha < 1) || !(rule.min_effect > 0)) {
    throw std::logic_error(fmt::format("a drift rule has alpha {} and min_effect {}", rule.alpha, rule.min_effect));
  }
  for (const ProfileBlock& block : blocks) {
    bool fits = block.columns.size() == like.size();
    for (std::size_t c = 0; fits && c < like.size(); ++c) fits = same_cells(block.columns[c], like[c]);
    if (!fits) throw std::logic_error(fmt::format("block {} does not count on the reference's cells", block.index));
  }
}

}  // namespace

Calibrated calibrate(TimeAxis axis, const BlockGrid& grid, std::span<const ProfileBlock> blocks,
                     std::span<const ColumnProfile> like, std::int64_t first, std::int64_t last, std::uint64_t rows,
                     const DriftRule& rule, const SeasonRule& season_rule) {
  check(blocks, like, first, last, rule);
  const std::int64_t length = last - first + 1;
  const double window_length = static_cast<double>(length) * grid.length;
  const std::vector<Window> windows = cut_windows(blocks, first, length, rows, rule.min_rows);
  std::vector<Season> seasons = seasons_to_try(axis, windows, window_length, season_rule);
  measure(seasons, windows, like, rule);
  const Season& season = best_of(seasons);

  Calibrated result;
  result.columns.resize(like.size());
  result.period = season.period;
  result.windows = season.windows.size();
  const std::vector<const ProfileBlock*> matched = blocks_of(windows, season.windows);
  const std::string text = windows_text(result.windows, length_text(axis, window_length), season.period);

  if (result.windows >= kFewestWindows) {
    result.reference = reference_of(matched, like);
    const Margins margins = set_thresholds(result, season, rule);
    result.kind = margins.high == 0 ? Calibration::blocks : Calibration::uncalibrated;
    result.sentence = margins.high == 0
                          ? "threshold from " + text
                          : fmt::format(
                                "threshold {} times the largest difference among {}, which are too few for a "
                                "level of {:.2g}",
                                margins_text(margins), text, rule.alpha);
  } else {
    const bool in_season = season.period > 0;
    result.reference = in_season ? reference_of(matched, like) : std::vector<ColumnProfile>(like.begin(), like.end());
    const bool known = set_inflations(result, in_season ? matched : blocks_in_time(blocks), like,
                                      static_cast<double>(length), rule.alpha);
    result.kind = known ? Calibration::design_effect : Calibration::uncalibrated;
    for (ColumnCalibration& column : result.columns) {
      column.kind = result.kind;
      column.windows = result.windows;
      column.threshold = known ? rule.min_effect : kUncalibratedMargin * rule.min_effect;
    }
    result.sentence = known ? fmt::format("only {}; the test is widened by how its {} blocks differ", text,
                                          in_season ? matched.size() : blocks.size())
                            : fmt::format(
                                  "only {} and too few blocks to know how rows depend on one another; {} times "
                                  "the least effect is demanded",
                                  text, kUncalibratedMargin);
  }
  if (axis == TimeAxis::instant && !season_rule.automatic && season_rule.period > 0 && season.period == 0) {
    result.sentence += "; no reference window lies" + place_text(season_rule.period);
  }
  return result;
}

double level_of_check(int alarms, Duration per, Duration every, Duration window) {
  if (alarms < 1 || per <= Duration::zero() || every <= Duration::zero() || window < Duration::zero()) {
    throw std::logic_error(fmt::format("{} false alarms in {} are tolerated, with a check each {} over {}", alarms,
                                       format_duration(per), format_duration(every), format_duration(window)));
  }
  const auto seconds = [](Duration duration) { return std::chrono::duration<double>(duration).count(); };
  const double looks = seconds(per) / std::max(seconds(every), seconds(window) / 4);
  if (looks <= 1) return 0.5;
  return std::min(0.5, -std::expm1(alarms * std::log1p(-1 / looks)));
}

}  // namespace retraind::stats
