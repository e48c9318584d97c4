#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include "core/stats/distances.h"
#include "core/stats/kolmogorov.h"
#include "core/stats/measure.h"
#include "core/stats/monte_carlo.h"
#include "core/stats/proportion.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

// The 5 % point of Kolmogorov's distribution, and of the normal one on two sides.
constexpr double kKolmogorovBand = 1.3580986393225505;
constexpr double kStandardErrors = 1.959963984540054;
// Above so many steps the exact distribution is not worth its time, and the limit is good.
constexpr double kMostExactSteps = 200000;
// Above so many rows the limit is as good as the finite distribution.
constexpr double kMostFiniteRows = 1000;

struct Place {
  double at;
  double reference;  // rows
  double current;
};

struct Line {
  std::vector<Place> places;  // ascending
  double n = 0;
  double m = 0;
  double spread = 1;  // of the reference
};

// The value below which `part` of the reference lies, linear inside a bin.
double quantile(std::span<const Segment> segments, double rows, double part) {
  double passed = 0;
  for (const Segment& segment : segments) {
    if (passed + segment.reference >= part * rows && segment.reference > 0) {
      const double inside = std::clamp((part * rows - passed) / segment.reference, 0.0, 1.0);
      return segment.low + inside * (segment.high - segment.low);
    }
    passed += segment.reference;
  }
  return segments.empty() ? 0 : segments.back().high;
}

double middle(const Segment& segment) {
  return segment.low / 2 + segment.high / 2;
}

// What a standard deviation would be for a normal column: the quartiles' distance, and where they are one value the
// absolute deviations from the median, their standard deviation, 1.
double spread_of(const std::vector<Segment>& segments) {
  double rows = 0;
  for (const Segment& segment : segments) rows += segment.reference;
  if (rows == 0) return 1;
  const double quartiles = (quantile(segments, rows, 0.75) - quantile(segments, rows, 0.25)) / 1.349;
  if (quartiles > 0) return quartiles;
  const double median = quantile(segments, rows, 0.5);
  std::vector<Segment> deviations;
  Sum squares;
  for (const Segment& segment : segments) {
    const double deviation = std::fabs(middle(segment) - median);
    deviations.push_back({deviation, deviation, segment.reference, 0});
    squares.add(deviation * deviation * segment.reference / rows);
  }
  std::sort(deviations.begin(), deviations.end(), [](const Segment& a, const Segment& b) { return a.high < b.high; });
  const double absolute = 1.4826 * quantile(deviations, rows, 0.5);
  if (absolute > 0) return absolute;
  return squares.value() > 0 ? std::sqrt(squares.value()) : 1;
}

Line line_of(const NumericProfile& reference, const NumericProfile& current) {
  const NumericEdges& edges = *reference.edges;
  const std::vector<Segment> segments = segments_of(reference, current);
  Line line;
  line.spread = spread_of(segments);
  for (const Segment& segment : segments) {
    line.places.push_back({middle(segment), segment.reference, segment.current});
  }
  // What lies beyond all bins is taken to lie at their ends. Without bins there are single values only, and what is
  // none of them is taken to be a spread away.
  double lowest = edges.minimum;
  double highest = edges.minimum;
  if (!edges.edges.empty()) {
    highest = edges.edges.back();
  } else if (!edges.points.empty()) {
    lowest = edges.points.front() - line.spread;
    highest = edges.points.back() + line.spread;
  }
  const auto add = [&](double at, std::size_t cell) {
    if (reference.counts[cell] + current.counts[cell] == 0) return;
    line.places.push_back({at, static_cast<double>(reference.counts[cell]), static_cast<double>(current.counts[cell])});
  };
  add(lowest, 0);
  add(highest, edges.overflow_cell());
  std::stable_sort(line.places.begin(), line.places.end(), [](const Place& a, const Place& b) { return a.at < b.at; });
  for (const Place& place : line.places) {
    line.n += place.reference;
    line.m += place.current;
  }
  return line;
}

// Of a function of the places, in one row of `counts`, with one more row that is spread as `others` are: where all rows
// are in one place the variance would be nought, and the evidence without end.
double variance(std::span<const double> values, std::span<const double> shares, std::span<const double> others,
                double rows) {
  Sum mean;
  Sum square;
  for (std::size_t i = 0; i < values.size(); ++i) {
    mean.add(values[i] * (shares[i] * rows + others[i]) / (rows + 1));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double deviation = values[i] - mean.value();
    square.add(deviation * deviation * (shares[i] * rows + others[i]) / (rows + 1));
  }
  return square.value();
}

// The area between the distribution functions when the smaller side got `dealt`.
double dealt_log_p(const Line& line, double observed) {
  const double fewer = std::min(line.n, line.m);
  const double more = std::max(line.n, line.m);
  std::vector<std::uint64_t> totals;
  for (const Place& place : line.places) {
    totals.push_back(static_cast<std::uint64_t>(place.reference + place.current));
  }
  return monte_carlo_log_p(totals, static_cast<std::uint64_t>(fewer), observed,
                           [&](std::span<const std::uint32_t> counts) {
                             double difference = 0;
                             double area = 0;
                             for (std::size_t i = 0; i + 1 < counts.size(); ++i) {
                               const auto some = static_cast<double>(counts[i]);
                               difference += some / fewer - (static_cast<double>(totals[i]) - some) / more;
                               area += std::fabs(difference) * (line.places[i + 1].at - line.places[i].at);
                             }
                             return area;
                           });
}

}  // namespace

// Under "the true distance is d0 or less", the observed one exceeds D with at most the probability with which the
// distance between rows and their own distribution exceeds D - d0. Counting in bins only makes it smaller.
ColumnMeasure measure_ks(const NumericProfile& reference, const NumericProfile& current, double min_effect,
                         double inflation) {
  const NumericEdges& edges = *reference.edges;
  std::vector<Segment> segments = segments_of(reference, current);
  const auto outer = [&](std::size_t cell) {
    return Segment{0, 0, static_cast<double>(reference.counts[cell]), static_cast<double>(current.counts[cell])};
  };
  segments.insert(segments.begin(), outer(0));
  segments.push_back(outer(edges.overflow_cell()));
  double n = 0;
  double m = 0;
  for (const Segment& segment : segments) {
    n += segment.reference;
    m += segment.current;
  }
  double below_before = 0;
  double below_now = 0;
  ColumnMeasure measure;
  for (const Segment& segment : segments) {
    below_before += segment.reference;
    below_now += segment.current;
    measure.effect = std::max(measure.effect, std::fabs(below_before / n - below_now / m));
  }
  const double ne = n / (n + m) * m / inflation;
  const double reach = kKolmogorovBand / std::sqrt(ne);
  measure.effect_low = std::max(0.0, measure.effect - reach);
  measure.effect_high = std::min(1.0, measure.effect + reach);
  measure.statistic = measure.effect;
  const double beyond = measure.effect - min_effect;
  measure.log_p = ne <= kMostFiniteRows && ne >= 1 ? log_sf_kolmogorov_smirnov(beyond, std::round(ne))
                                                   : log_sf_kolmogorov(std::sqrt(ne) * std::max(0.0, beyond));
  if (measure.log_p < 0 && std::min(n, m) < static_cast<double>(kFewRows) && n * m <= kMostExactSteps) {
    const double exact =
        exact_sf_kolmogorov_smirnov(measure.effect, static_cast<std::uint64_t>(n), static_cast<std::uint64_t>(m));
    if (exact > 0) measure.log_p = std::max(measure.log_p, std::log(exact));
  }
  return measure;
}

// The area is the difference of the means of a function h that rises where F > G and falls where F < G (Kantorovich's
// potential); its variance is that of two means. Chance adds at most what it makes alone where nothing differs.
ColumnMeasure measure_wasserstein(const NumericProfile& reference, const NumericProfile& current, double min_effect,
                                  double inflation) {
  const Line line = line_of(reference, current);
  const std::size_t places = line.places.size();
  const double ne = line.n / (line.n + line.m) * line.m / inflation;
  std::vector<double> before(places);
  std::vector<double> now(places);
  std::vector<double> potential(places);
  double up_to_before = 0;
  double up_to_now = 0;
  Sum area;
  Sum chance;
  for (std::size_t i = 0; i < places; ++i) {
    before[i] = line.places[i].reference / line.n;
    now[i] = line.places[i].current / line.m;
    if (i + 1 == places) break;
    up_to_before += before[i];
    up_to_now += now[i];
    // In spreads of the reference from here on.
    const double step = (line.places[i + 1].at - line.places[i].at) / line.spread;
    const double difference = up_to_before - up_to_now;
    potential[i + 1] = potential[i] + (difference >= 0 ? step : -step);
    area.add(std::fabs(difference) * step);
    const double pooled = std::clamp((up_to_before * line.n + up_to_now * line.m) / (line.n + line.m), 0.0, 1.0);
    chance.add(step * std::sqrt(2 / std::numbers::pi * pooled * (1 - pooled) / ne));
  }
  ColumnMeasure measure;
  if (!(area.value() > 0) || !std::isfinite(area.value())) return measure;
  const double error = std::sqrt(inflation * (variance(potential, before, now, line.n) / line.n +
                                              variance(potential, now, before, line.m) / line.m));
  const double distance = area.value();
  measure.effect = std::sqrt(std::max(0.0, distance * distance - chance.value() * chance.value()));
  measure.effect_low = std::min(measure.effect, std::max(0.0, distance - chance.value() - kStandardErrors * error));
  measure.effect_high = distance + kStandardErrors * error;
  measure.statistic = (distance - chance.value() - min_effect) / error;
  if (measure.statistic <= 0) return measure;
  measure.log_p = log_sf_normal(measure.statistic);
  if (measure.log_p < kLogNotWorthATable && std::min(line.n, line.m) < static_cast<double>(kFewRows)) {
    measure.log_p = std::max(measure.log_p, dealt_log_p(line, distance * line.spread));
  }
  return measure;
}

}  // namespace retraind::stats
