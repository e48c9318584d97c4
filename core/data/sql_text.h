#pragma once
// SQL for people: names and texts in quotes, and statements that show rows of a model's query at its source. Nothing
// here is ever sent to a database. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/data/validation.h"
#include "core/settings/settings.h"

namespace retraind::data {

std::string quoted_name(std::string_view name);  // "it""s"
// 'it''s', under standard_conforming_strings, which is on unless somebody turned it off.
std::string quoted_text(std::string_view text);

// The query without the semicolons that close it and what blanks and comments follow; as it is where a quote or comment
// does not end.
std::string_view without_end(std::string_view query);

// Conditions on the rows of a window, for a WHERE. Instants are texts without a type, so that PostgreSQL reads them as
// whatever the time column is, in UTC: timestamptz, timestamp or date.
std::vector<std::string> range_conditions(const settings::Model& model, TimeAxis axis, const EventRange& range);

// Statements about the rows of the model's query in a range; `condition` is empty or one more SQL condition.
class RowQuery {
 public:
  RowQuery(const settings::Model& model, TimeAxis axis, const EventRange& range)
      : model_(model), axis_(axis), range_(range) {}

  // The first 100 of them, by event time; or the last.
  std::string rows(const std::string& condition, bool newest_first = false) const;
  // Those that occur more than once, where rows are the same that agree in `columns`; equal ones side by side.
  std::string repeated(const std::vector<std::string>& columns) const;
  // SELECT `what` … `rest`.
  std::string select(const std::string& what, const std::string& condition, const std::string& rest) const;

 private:
  const settings::Model& model_;
  TimeAxis axis_;
  const EventRange& range_;
};

}  // namespace retraind::data
