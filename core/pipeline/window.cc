#include "core/pipeline/window.h"

#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace retraind::pipeline {

std::optional<EventTime> find_anchor(source::SourceReader& reader, const settings::Model& model,
                                     const data::SourceColumn& time_column, Duration delay, TimePoint now) {
  const bool instant = data::time_axis(time_column.type) == TimeAxis::instant;
  const double delay_us = static_cast<double>(delay.count());
  if (instant && model.anchor == Anchor::wall) return to_event_time(now) - delay_us;
  const std::optional<EventTime> not_after = instant ? std::optional(to_event_time(now)) : std::nullopt;
  const std::optional<EventTime> newest = reader.newest_event(model, time_column, not_after, false);
  if (!newest) return std::nullopt;
  return instant ? *newest - delay_us : *newest;
}

source::RowFilter filter_of(const settings::Window& window, TimeAxis axis, EventTime anchor, bool labelled_only) {
  source::RowFilter filter;
  filter.until = anchor;
  filter.labelled_only = labelled_only;
  if (const auto* rows = std::get_if<settings::WindowRows>(&window)) {
    filter.newest_rows = rows->rows;
  } else if (const auto* duration = std::get_if<settings::WindowDuration>(&window)) {
    if (axis != TimeAxis::instant) {
      throw DataError("the window is " + format_duration(duration->length) + ", but the time column is a number",
                      "write the window as \"N rows\" or \"all\"");
    }
    filter.after = anchor - static_cast<double>(duration->length.count());
  }
  return filter;
}

EventTime just_before(TimeAxis axis, EventTime time) {
  return axis == TimeAxis::instant ? time - 1 : std::nextafter(time, -std::numeric_limits<EventTime>::infinity());
}

}  // namespace retraind::pipeline
