// The comparison that a verdict rests on, beside a sort of the scores of one model.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "core/base/random.h"
#include "core/evaluate/compare.h"
#include "tests/bench/beside.h"

namespace retraind::evaluate {
namespace {

Holdout draw_holdout(std::size_t rows, std::size_t clusters) {
  Random random(1);
  Holdout out;
  out.task = Task::binary;
  out.class_names = {"0", "1"};
  out.rows_are_independent = clusters == rows;
  for (std::size_t i = 0; i < rows; ++i) {
    const double log_odds = random.normal() - 1;
    const auto score = [&](double noise) {
      return static_cast<double>(static_cast<float>(1 / (1 + std::exp(-log_odds - noise * random.normal()))));
    };
    out.labels.push_back(random.uniform() < score(0) ? 1 : 0);
    out.candidate.push_back(score(0.3));
    out.opponent.push_back(score(0.4));
    out.clusters.push_back(static_cast<std::uint32_t>(i * clusters / rows));
  }
  return out;
}

// Every metric of both models, and the interval of the difference of one: DeLong's where every row is a cluster,
// resampled otherwise.
void comparison(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const Holdout holdout = draw_holdout(count, static_cast<std::size_t>(state.range(1)));
  settings::Validation validation;
  validation.metric = static_cast<Metric>(state.range(2));
  run_beside(
      state, count, [&] { benchmark::DoNotOptimize(compare(holdout, Opponent::production, validation, 0.95, 1)); },
      [&] {
        std::vector<double> copy = holdout.candidate;
        std::sort(copy.begin(), copy.end());
        benchmark::DoNotOptimize(copy.data());
      });
}
BENCHMARK(comparison)
    ->ArgNames({"rows", "clusters", "metric"})
    ->Args({1000, 30, static_cast<int>(Metric::auc)})
    ->Args({1000000, 1000000, static_cast<int>(Metric::auc)})
    ->Args({1000000, 1000000, static_cast<int>(Metric::log_loss)})
    ->Args({100000, 30, static_cast<int>(Metric::auc)})
    ->Args({100000, 30, static_cast<int>(Metric::f1)})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace retraind::evaluate
