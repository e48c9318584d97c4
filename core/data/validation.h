#pragma once
// Whether the rows of a window are fit to be trained on, before anything is: columns against what was expected, values
// against the rules of [model.NAME.data], rows against one another, and features that give the label away. Pure.
//
// Nothing passes because it could not be looked at: a rule for a column that is not read is a schema finding.

#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/data/expectation.h"
#include "core/data/finding.h"
#include "core/data/schema.h"
#include "core/data/split.h"
#include "core/data/table.h"
#include "core/settings/settings.h"

namespace retraind::data {

// Before the rows are read. Columns that an expectation (nullopt: none yet, or schema = "any") or a rule names and that
// are not there, or have become another kind of value, stop the run; another SQL type of the same kind, and a feature
// that is new, are told.
std::vector<Finding> validate_schema(const std::vector<SourceColumn>& columns, const settings::Model& model,
                                     const std::optional<Expectation>& expectation);

// Where the rows come from: after < event time <= until, for the SQL that shows them, and the share of those rows that
// the table holds where a huge window was sampled, so that what is said of their number is said of all of them.
struct EventRange {
  std::optional<EventTime> after;
  std::optional<EventTime> until;
  double sample_share = 1;
};

// After they are read. `split` says which rows are trained on. Violations of values stop the run or are told, as
// on_break says; duplicates beyond max_duplicates and a broken unique key likewise; leakage is only ever told: a
// feature that alone ranks the training rows' labels with an AUC (binary; the best class against the rest for
// multiclass) or |rank correlation| (regression) of at least data.leakage, measured on at most 100,000 rows drawn by
// the seed. At most one finding a check and column; it says how many rows, names up to three of their event times, and
// carries the SQL.
std::vector<Finding> validate_rows(const Table& table, const Split& split, const settings::Model& model,
                                   const std::optional<Expectation>& expectation, const EventRange& range,
                                   TimePoint now);

}  // namespace retraind::data
