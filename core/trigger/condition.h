#pragma once
// Triggers that hold or do not hold at a point of time: new_rows, drift and pipeline_change. Pure; any thread.

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "core/trigger/trigger.h"

namespace retraind::trigger {

enum class Holds { yes, no, cannot_tell };

// What one observation says about the condition by itself, without memory.
struct Finding {
  Holds holds = Holds::no;
  std::string cause;     // cannot_tell: why, in one word
  std::string sentence;  // yes and cannot_tell
  boost::json::object evidence;
};

Finding find(const settings::NewRowsTrigger& rule, const NewRowsObservation& seen);
Finding find(const settings::DriftTrigger& rule, const DriftObservation& seen, const ModelContext& context);
Finding find(const PipelineObservation& seen);

// The state diagram of trigger.h, except for errors. Leaves Outcome::next_due alone.
Outcome follow_condition(const settings::Trigger& trigger, const Finding& finding, const settings::Patience& patience,
                         const State& before, const ModelContext& context, TimePoint now);

}  // namespace retraind::trigger
