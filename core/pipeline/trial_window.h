#pragma once
// How long a shadow or a bake lasts. For the .cc files of this module only; pure.

#include <optional>

#include "core/base/time.h"
#include "core/settings/settings.h"

namespace retraind::pipeline {

struct TrialWindow {
  std::optional<EventTime> until;  // rows later than this are left out; nullopt on the number axis
  TimePoint deadline{};            // of the registry's clock
};

// `length` of event time after `after`, and as much of the clock once the labels of its last rows must be there.
inline TrialWindow trial_window(const settings::Model& model, Duration length, TimeAxis axis, EventTime after,
                                TimePoint now) {
  TrialWindow out;
  if (axis == TimeAxis::instant) out.until = after + static_cast<double>(length.count());
  out.deadline = now + length + model.label_delay + model.late_labels;
  return out;
}

}  // namespace retraind::pipeline
