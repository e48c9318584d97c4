#pragma once
// One thing measured beside another in the same loop: what a busy machine or a slow one does to both cancels out.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <utility>

namespace retraind {

// Processor time of this thread.
inline double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Calls both once each iteration, in turn, and times the first. Counters: `ns_a_row` of the first, `ns_a_row_plain` of
// the second, and `of_plain`, how many times as long the first takes.
template <class Measured, class Plain>
void run_beside(benchmark::State& state, std::size_t rows, Measured measured, Plain plain) {
  double seconds = 0;
  double plain_seconds = 0;
  for (auto _ : state) {
    const double begin = cpu_seconds();
    plain();
    const double middle = cpu_seconds();
    measured();
    const double end = cpu_seconds();
    plain_seconds += middle - begin;
    seconds += end - middle;
    state.SetIterationTime(end - middle);
  }
  const double all = static_cast<double>(rows) * static_cast<double>(state.iterations());
  state.counters["ns_a_row"] = seconds / all * 1e9;
  state.counters["ns_a_row_plain"] = plain_seconds / all * 1e9;
  state.counters["of_plain"] = seconds / plain_seconds;
  state.SetItemsProcessed(static_cast<std::int64_t>(all));
}

}  // namespace retraind
