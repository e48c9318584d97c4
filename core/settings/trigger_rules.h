#pragma once
// The keys of a [[model.NAME.trigger]] that belong to its kind: one function a kind, which reads and judges them and
// leaves its complaints in the reader's findings. The keys that all kinds share are in trigger_section.cc.

#include <vector>

#include "core/settings/sections.h"

namespace retraind::settings {

// What a trigger's keys are held against.
struct TriggerModel : ModelSoFar {
  std::vector<SourceUse>& source_uses;  // where a trigger names a source of its own
};

inline constexpr DurationRange kEvery = {std::chrono::milliseconds(100), kLongest};

ScheduleTrigger read_schedule(TableReader& reader);
NewRowsTrigger read_new_rows(TableReader& reader);
DriftTrigger read_drift(TableReader& reader);
PerformanceTrigger read_performance(TableReader& reader, const TriggerModel& of);
SignalTrigger read_signal(TableReader& reader);
QueryTrigger read_query(TableReader& reader, const TriggerModel& of);
PrometheusTrigger read_prometheus(TableReader& reader);
FreshnessTrigger read_freshness(TableReader& reader);

// `for` and `clear_for`.
void read_patience(TableReader& reader, Patience& out);

// Complains about a window in rows that is smaller than min_rows.
void check_window_holds(TableReader& reader, const Window& window, std::uint64_t min_rows);

}  // namespace retraind::settings
