#pragma once
// What triggers that count rows look at, read from the source. Runs in a blocking thread of the daemon; holds no
// registry transaction.

#include <cstdint>
#include <optional>

#include "core/base/time.h"
#include "core/settings/settings.h"

namespace retraind::pipeline {

// Labelled rows newer than `after` and not in the future; everything labelled when `after` is absent.
std::uint64_t count_new_rows(const settings::Source& source, const settings::Model& model,
                             std::optional<EventTime> after, TimePoint now);

// The newest event time there is (on the instant axis: up to now), for freshness.
struct NewestEvent {
  TimeAxis axis = TimeAxis::instant;
  std::optional<EventTime> time;  // absent: no row
};
NewestEvent find_newest(const settings::Source& source, const settings::Model& model, TimePoint now);

}  // namespace retraind::pipeline
