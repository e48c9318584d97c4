#pragma once
// Which rows a run or a check looks at, from the anchor backwards. Needs a source for the anchor when it is the data.

#include <optional>

#include "core/base/time.h"
#include "core/data/schema.h"
#include "core/settings/settings.h"
#include "core/source/source.h"

namespace retraind::pipeline {

// The newest event time that counts: the newest row that is not in the future (anchor = data) or now (anchor = wall),
// less `delay`. std::nullopt when the source has no such row. On the number axis there is no future and no delay, and
// the anchor is always the data.
std::optional<EventTime> find_anchor(source::SourceReader& reader, const settings::Model& model,
                                     const data::SourceColumn& time_column, Duration delay, TimePoint now);

// The rows of a window that ends at the anchor. A duration on the number axis throws DataError.
source::RowFilter filter_of(const settings::Window& window, TimeAxis axis, EventTime anchor, bool labelled_only);

// The last event time before this one: bounds of a filter are exclusive below, and this one shall be inside.
EventTime just_before(TimeAxis axis, EventTime time);

}  // namespace retraind::pipeline
