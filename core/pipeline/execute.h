#pragma once
// One run, step by step: extract, validate_data, train, evaluate. Runs in a worker process only, since it loads and
// trains models, which may crash. Knows the source's connection, and nothing of the registry.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/pipeline/job.h"
#include "core/pipeline/result.h"
#include "core/settings/settings.h"
#include "core/train/trainer.h"

namespace retraind::pipeline {

// Told at the begin and the end of each step, and often in between, then with how far it has come; detail is a JSON
// object with the step's figures.
struct StepEvent {
  Step step = Step::extract;
  bool finished = false;
  std::optional<std::uint64_t> rows{};
  std::string detail = "{}";
  std::optional<train::Progress> progress{};
};
using StepListener = std::function<void(const StepEvent&)>;

// What an execution is told by whoever calls it.
struct Surroundings {
  StepListener listener;
  // A steady one, zero at the begin: how long scoring takes, and how much time is left for a command.
  std::function<Duration()> clock;
  // Each line that a training command prints, for the run's log; may be empty.
  std::function<void(std::string_view line)> on_output{};
};

// Leaves the candidate's artifact in `folder` and returns what was measured, or why it could not be: every DataError
// and TransientError of a step becomes a Failure. Anything else (a bug) is thrown.
Result execute(const Job& job, const settings::Source& source, const std::filesystem::path& folder,
               const std::string& retraind_version, const Surroundings& surroundings);

}  // namespace retraind::pipeline
