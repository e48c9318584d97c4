#pragma once
// What the columns of a model's query are and what they are for. Pure values.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/settings/settings.h"

namespace retraind::data {

// How values of a PostgreSQL type are held. number: smallint..bigint, real, double precision, numeric; boolean:
// boolean, held as 0 and 1; category: text, varchar, char, name, enum, uuid; instant: date, timestamp, timestamptz.
enum class ValueType { number, boolean, category, instant };

std::string_view to_text(ValueType type);

struct SourceColumn {
  std::string name;
  std::string sql_type;  // as PostgreSQL's format_type spells it
  ValueType type;

  bool operator==(const SourceColumn&) const = default;
};

// One column for each duty, by its place in the query's output. Columns with no duty are not read.
struct Roles {
  std::size_t time = 0;
  std::size_t label = 0;
  std::vector<std::size_t> features;   // in the order of the query
  std::optional<std::size_t> cluster;  // when rows are clustered by a column
  std::optional<std::size_t> weight;   // when rows are weighted by a column
  std::optional<std::size_t> entity;   // when entities are held out as a whole
  std::vector<std::size_t> slices;     // columns that gates slice by and that are no features
  std::vector<std::size_t> keys;       // columns of data.unique, whatever else they are; in the order of the query
};

// The places of the columns that are read, in the order every batch and table uses: time, label, features, cluster,
// weight, entity, slices, and those of the keys that are read for nothing else. A column with two duties beside its
// being a feature stands there twice.
std::vector<std::size_t> read_order(const Roles& roles);

// Gives every column its duty. Throws DataError, naming all that is wrong at once: a time, label, feature, cluster,
// weight or entity column that the query does not return (with the nearest name it does return), a column name returned
// twice, a time column that is no instant or number, a label that does not suit the task (a regression label must be a
// number) or is the time, cluster, weight, entity or a slice column too, an instant as a feature or slice column (with
// the cast to write), no feature left, a weight column that is no number. A gate's slice column that the query does not
// return is left out: the gate then says so (it is undecided, the run goes on); a column of data.unique likewise, which
// validate_schema says. Cluster, weight and entity columns are no features unless `features` names them; slice and key
// columns are, unless `features` is given and leaves them out: a check does not change what is trained on.
Roles assign_roles(const std::vector<SourceColumn>& columns, const settings::Model& model);

// The time axis of a time column. Throws std::logic_error for a category or boolean.
TimeAxis time_axis(ValueType type);

// "day number(double precision), ts instant(date) as time, …": the schema as it enters the data's sha256 and messages;
// name, type and role of each column used, in the query's order. The sha256 is of what was read, to train and to judge.
// So a column read for slices or keys alone is told ("as slice", "as key"), since its values are hashed with the
// others; a feature that a gate slices by is not, since nothing else is read for it: such a gate leaves the sha256 as
// it was.
std::string describe(const std::vector<SourceColumn>& columns, const Roles& roles);

}  // namespace retraind::data
