// Sorting scores, resampling metrics, and counting values, each beside the plainest work over the same memory.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/random.h"
#include "core/stats/metrics.h"
#include "core/stats/paired.h"
#include "core/stats/profile.h"
#include "tests/bench/beside.h"

namespace retraind::stats {
namespace {

// How models give their scores: boosted trees as floats, others as doubles, rules as a few values.
enum class Scores { floats, doubles, thousandths };

struct Rows {
  std::vector<double> labels;
  std::vector<double> first;
  std::vector<double> second;
  std::vector<std::uint32_t> clusters;
};

double as(Scores kind, double score) {
  if (kind == Scores::floats) return static_cast<double>(static_cast<float>(score));
  return kind == Scores::doubles ? score : std::round(1000 * score) / 1000;
}

Rows draw_rows(std::size_t rows, Scores kind, std::size_t clusters = 1) {
  Random random(1);
  Rows out;
  for (std::size_t i = 0; i < rows; ++i) {
    const double log_odds = random.normal() - 1;
    const auto score = [&](double noise) { return 1 / (1 + std::exp(-log_odds - noise * random.normal())); };
    out.labels.push_back(random.uniform() < score(0) ? 1 : 0);
    out.first.push_back(as(kind, score(0.3)));
    out.second.push_back(as(kind, score(0.4)));
    out.clusters.push_back(static_cast<std::uint32_t>(i * clusters / rows));
  }
  return out;
}

Scored scored(const Rows& rows) {
  return {.task = Task::binary, .labels = rows.labels, .predictions = rows.first};
}

void sort_plainly(const std::vector<double>& values) {
  std::vector<double> copy = values;
  std::sort(copy.begin(), copy.end());
  benchmark::DoNotOptimize(copy.data());
}

void area_under_curve(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const Rows rows = draw_rows(count, static_cast<Scores>(state.range(1)));
  run_beside(
      state, count, [&] { benchmark::DoNotOptimize(evaluate(Metric::auc, scored(rows))); },
      [&] { sort_plainly(rows.first); });
}
BENCHMARK(area_under_curve)
    ->ArgNames({"rows", "scores"})
    ->ArgsProduct({{1000, 1000000, 10000000}, {0, 1, 2}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// Two models' areas with the variance of their difference, beside one sort.
void delongs_difference(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const Rows rows = draw_rows(count, static_cast<Scores>(state.range(1)));
  run_beside(
      state, count, [&] { benchmark::DoNotOptimize(delong_difference(rows.labels, rows.first, rows.second, 0.95)); },
      [&] { sort_plainly(rows.first); });
}
BENCHMARK(delongs_difference)
    ->ArgNames({"rows", "scores"})
    ->ArgsProduct({{1000, 1000000, 10000000}, {0, 1, 2}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

const Metric kResampled[] = {Metric::auc, Metric::average_precision, Metric::f1, Metric::precision,
                             Metric::calibration_error};

// A replicate of five metrics, the draw with it, beside one pass of the five over the rows as they stand. As many
// clusters as rows: every row is one.
void replicate_of_five_metrics(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto clusters = static_cast<std::size_t>(state.range(1));
  const Rows rows = draw_rows(count, Scores::floats, clusters);
  std::vector<WeightedMetric> by_row;
  std::vector<WeightedMetric> by_cluster;
  for (const Metric metric : kResampled) {
    by_row.emplace_back(metric, scored(rows));
    by_cluster.emplace_back(metric, scored(rows),
                            clusters == count ? std::span<const std::uint32_t>() : std::span(rows.clusters));
  }
  std::uint64_t seed = 0;
  std::vector<std::uint32_t> times(clusters);
  std::vector<double> drawn(clusters);
  run_beside(
      state, count,
      [&] {
        std::fill(times.begin(), times.end(), 0U);
        Random random(seed++);
        for (std::size_t i = 0; i < clusters; ++i) ++times[random.below(clusters)];
        std::copy(times.begin(), times.end(), drawn.begin());
        for (const WeightedMetric& metric : by_cluster) benchmark::DoNotOptimize(metric(drawn));
      },
      [&] {
        for (const WeightedMetric& metric : by_row) benchmark::DoNotOptimize(metric());
      });
}
BENCHMARK(replicate_of_five_metrics)
    ->ArgNames({"rows", "clusters"})
    ->Args({10000, 30})
    ->Args({1000000, 30})
    ->Args({1000000, 1000})
    ->Args({1000000, 100000})
    ->Args({1000000, 1000000})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// As rows come: in batches of so many.
constexpr std::size_t kBatch = 4096;

// 0: a value of its own in every row, 1: whole numbers, 2: yes or no; a fifth is NULL where `nulls` is 1.
void numbers_into_cells(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  Random random(2);
  std::vector<double> values;
  std::vector<std::uint8_t> nulls;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = random.normal();
    values.push_back(state.range(1) == 0 ? value : state.range(1) == 1 ? std::floor(3 * value) : value > 0 ? 1 : 0);
    if (state.range(2) == 1) nulls.push_back(random.below(5) == 0 ? 1 : 0);
  }
  ColumnProfile profile = empty_like(profile_numbers("x", values, {}));
  run_beside(
      state, count,
      [&] {
        for (std::size_t at = 0; at < count; at += kBatch) {
          const std::size_t size = std::min(kBatch, count - at);
          const std::span<const std::uint8_t> all(nulls);
          add_numbers(profile, std::span(values).subspan(at, size), nulls.empty() ? all : all.subspan(at, size));
        }
      },
      [&] { benchmark::DoNotOptimize(std::accumulate(values.begin(), values.end(), 0.0)); });
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(count * sizeof(double)));
}
BENCHMARK(numbers_into_cells)
    ->ArgNames({"rows", "kind", "nulls"})
    ->ArgsProduct({{1000000}, {0, 1, 2}, {0, 1}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// Texts of up to 7, 15 and 55 bytes.
void texts_into_levels(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto levels = static_cast<std::size_t>(state.range(1));
  Random random(3);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < levels; ++i) {
    std::string name = std::to_string(i * 7919);
    if (state.range(2) == 1) name = "customer " + name;
    if (state.range(2) == 2) name = "https://example.org/some/rather/long/path/" + name + ".html";
    names.push_back(std::move(name));
  }
  // One text behind the other, as they stand in a message of the wire.
  std::string bytes;
  std::vector<std::size_t> ends;
  for (std::size_t i = 0; i < count; ++i) {
    bytes += names[random.below(levels)];
    ends.push_back(bytes.size());
  }
  std::vector<std::string_view> values;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = i == 0 ? 0 : ends[i - 1];
    values.push_back(std::string_view(bytes).substr(begin, ends[i] - begin));
  }
  ColumnProfile profile = empty_like(profile_texts("x", values, {}));
  run_beside(
      state, count,
      [&] {
        for (std::size_t at = 0; at < count; at += kBatch) {
          add_texts(profile, std::span(values).subspan(at, std::min(kBatch, count - at)), {});
        }
      },
      [&] { benchmark::DoNotOptimize(std::accumulate(bytes.begin(), bytes.end(), 0)); });
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(texts_into_levels)
    ->ArgNames({"rows", "levels", "length"})
    ->ArgsProduct({{1000000}, {5, 1000}, {0, 1, 2}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace retraind::stats
