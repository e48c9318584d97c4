#include "core/pipeline/observe.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/data/schema.h"
#include "core/source/source.h"

namespace retraind::pipeline {
namespace {

const data::SourceColumn& require_time_column(const std::vector<data::SourceColumn>& columns,
                                              const settings::Model& model) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const auto& column) { return column.name == model.time_column; });
  if (found == columns.end()) {
    throw DataError("the query does not return the time column \"" + model.time_column + "\"");
  }
  return *found;
}

}  // namespace

std::uint64_t count_new_rows(const settings::Source& source, const settings::Model& model,
                             std::optional<EventTime> after, TimePoint now) {
  source::SourceReader reader(source, "retraind monitor " + model.name);
  const auto columns = reader.describe(model.query, {model.time_column, model.label});
  const data::SourceColumn& time_column = require_time_column(columns, model);
  source::RowFilter filter;
  filter.after = after;
  filter.labelled_only = true;
  if (data::time_axis(time_column.type) == TimeAxis::instant) filter.until = to_event_time(now - model.label_delay);
  return reader.count_rows(model, time_column, filter);
}

NewestEvent find_newest(const settings::Source& source, const settings::Model& model, TimePoint now) {
  source::SourceReader reader(source, "retraind monitor " + model.name);
  const auto columns = reader.describe(model.query, {model.time_column});
  const data::SourceColumn& time_column = require_time_column(columns, model);
  NewestEvent out{.axis = data::time_axis(time_column.type), .time = std::nullopt};
  const std::optional<EventTime> until =
      out.axis == TimeAxis::instant ? std::optional(to_event_time(now)) : std::nullopt;
  out.time = reader.newest_event(model, time_column, until, false);
  return out;
}

}  // namespace retraind::pipeline
