#pragma once
// What a trigger looks at, read from the source: rows counted, columns compared with what the production model was
// trained on. Runs in a blocking thread of the daemon; loads no model and holds no registry transaction. Memory is
// bounded by columns, not rows.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/settings/settings.h"
#include "core/stats/drift.h"
#include "core/stats/profile.h"

namespace retraind::pipeline {

// Labelled rows newer than `after` and not in the future; everything labelled when `after` is absent.
std::uint64_t count_new_rows(const settings::Source& source, const settings::Model& model,
                             std::optional<EventTime> after, TimePoint now);

struct DriftMeasured {
  TimeAxis axis = TimeAxis::instant;
  std::optional<EventTime> window_from;  // exclusive; absent for windows in rows
  std::optional<EventTime> window_to;    // inclusive; absent when there is no row
  std::uint64_t rows = 0;
  std::vector<stats::ColumnDrift> columns;
};

// Compares the rows of the rule's window with the reference. Values are rounded to floats first, as models see them. A
// reference column that the query no longer returns, or returns with another kind of type, is a DataError: that is a
// break of the schema and not drift.
DriftMeasured measure_drift(const settings::Source& source, const settings::Model& model,
                            const settings::DriftTrigger& rule, const std::vector<stats::ColumnProfile>& reference,
                            TimePoint now);

}  // namespace retraind::pipeline
