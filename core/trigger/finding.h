#pragma once
// What one observation says about a trigger's condition by itself, without memory. Pure; any thread.

#include <boost/json/object.hpp>
#include <string>

#include "core/trigger/trigger.h"

namespace retraind::trigger {

// between: it does not hold, but not so clearly that one could say it has gone.
enum class Holds { yes, between, no, cannot_tell };

struct Finding {
  Holds holds = Holds::no;
  std::string cause;     // cannot_tell: why, in one word
  std::string sentence;  // yes and cannot_tell
  boost::json::object evidence;
};

Finding find(const settings::NewRowsTrigger& rule, const NewRowsObservation& seen);
Finding find(const PipelineObservation& seen);
Finding find(const settings::DriftTrigger& rule, const DriftObservation& seen, const ModelContext& context);

// Everything but detectors, whose alarms need a memory.
Finding find(const settings::PerformanceTrigger& rule, const PerformanceObservation& seen, const ModelContext& context);

// One value of a signal, a query or Prometheus, named `what`. `clear` counts where either above or below is given
// alone: with both, or with outside, it would say nothing about which side to come back to.
Finding find(const settings::Bounds& bounds, const SampleObservation::Sample& sample, const std::string& what);

}  // namespace retraind::trigger
