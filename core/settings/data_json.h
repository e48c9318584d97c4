#pragma once
// How the rules for a model's data and its scoring lie in a snapshot. Thread-safe: pure functions.

#include <boost/json/object.hpp>

#include "core/settings/json_reader.h"
#include "core/settings/settings.h"

namespace retraind::settings {

boost::json::object data_json(const DataRules& value);
boost::json::object scoring_json(const Scoring& value);
// To the end of the object; what is missing keeps what `out` holds. Throw DataError for what the two above did not
// write.
void read_data(JsonReader& reader, DataRules& out);
void read_scoring(JsonReader& reader, Scoring& out);

}  // namespace retraind::settings
