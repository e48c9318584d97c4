#pragma once
// A run in small, on a few of the newest rows, to see whether a model's configuration would make one: reads, validates,
// prepares, trains, packages, scores and measures as a run does, and says what each step did. Nothing of it is kept,
// nobody is judged by it, and no registry is needed. In a command at the terminal. One thread.
//
// What differs from a run: the rows; XGBoost trains at most kTryOutRounds rounds (a command trains as configured);
// there is no search, no warm start, no embargo, no row is kept, and rules about how many rows there are are not asked.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/data/finding.h"
#include "core/settings/settings.h"

namespace retraind::pipeline {

inline constexpr std::uint64_t kTryOutRows = 2000;
inline constexpr int kTryOutRounds = 10;
// So many of the last lines that a command printed are shown.
inline constexpr std::size_t kTryOutLines = 20;

struct TriedStep {
  std::string name;  // "columns", "rows", "data", "split", "train", "package", "score", "measure", in this order
  bool passed = false;
  Duration took = Duration::zero();
  std::string sentence;  // what was done; where it failed, what is wrong
  std::string hint;      // what to do about it; may be empty
};

struct TryOut {
  std::vector<TriedStep> steps;  // up to the first that nothing could follow
  std::vector<data::Finding> findings;
  std::vector<std::string> warnings;
  std::vector<std::string> output;  // the last lines that the training command printed, but for its progress
  std::uint64_t rows = 0;           // of the sample
  std::uint64_t train_rows = 0;
  std::uint64_t holdout_rows = 0;
  std::size_t features = 0;
  std::string trainer;
  std::uint64_t artifact_bytes = 0;
  Metric metric = Metric::log_loss;
  std::optional<double> value;     // of the metric, on the held-out rows of the sample
  std::optional<double> baseline;  // what the trivial baseline comes to on them
  bool unreachable = false;        // the source is
  bool passed() const;
};

struct TryOutSurroundings {
  std::filesystem::path folder;  // private and empty; what is left in it is the caller's to remove
  TimePoint now{};
  std::function<Duration()> clock;                       // a steady one
  std::function<void(const TriedStep&)> on_step;         // told after each step; may be empty
  std::function<void(std::string_view line)> on_output;  // each line that the training command prints; may be empty
};

// Every Error of a step becomes what its TriedStep says.
TryOut try_out(const settings::Model& model, const settings::Source& source, std::uint64_t rows,
               const TryOutSurroundings& surroundings);

}  // namespace retraind::pipeline
