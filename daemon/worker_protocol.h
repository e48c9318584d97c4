#pragma once
// What travels between daemon and worker beside the job and the result: the source it may read, on descriptor 4, and a
// line for each step's begin, progress and end, on descriptor 5. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/settings/settings.h"
#include "core/train/trainer.h"

namespace retraind::daemon {

inline constexpr int kJobDescriptor = 3;
inline constexpr int kSourceDescriptor = 4;
inline constexpr int kStepsDescriptor = 5;

std::string to_json(const settings::Source& source);
settings::Source source_from_json(std::string_view json);  // throws DataError

struct StepLine {
  Step step = Step::extract;
  bool finished = false;
  Duration at = Duration::zero();    // since the worker began
  Duration took = Duration::zero();  // of a finished step
  std::optional<std::uint64_t> rows;
  std::string detail = "{}";
  std::optional<train::Progress> progress{};  // of a step that goes on; absent where it begins
};
std::string to_line(const StepLine& step);        // without the line break
StepLine parse_step_line(std::string_view line);  // throws DataError

}  // namespace retraind::daemon
