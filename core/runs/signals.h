#pragma once
// Outside numbers over time, as people and programs record them with retraind.record_signal. Reading only; inside the
// caller's transaction.

#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/trigger/trigger.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

struct SignalValues {
  std::vector<trigger::SampleObservation::Sample> fresh;     // after `after`, oldest first
  std::optional<trigger::SampleObservation::Sample> latest;  // the newest there is, up to `now`
};

// Values with after < at <= now (absent: only the newest one), the oldest `limit` of them.
SignalValues read_signal(store::Transaction& transaction, const std::string& name, std::optional<TimePoint> after,
                         std::size_t limit, TimePoint now);

}  // namespace retraind::runs
