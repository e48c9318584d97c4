#pragma once
// How a training lies in a snapshot. Thread-safe: pure functions.

#include <boost/json/object.hpp>

#include "core/settings/json_reader.h"
#include "core/settings/settings.h"

namespace retraind::settings {

boost::json::object training_json(const Training& value);
// To the end of the object; what is missing keeps what `out` holds. Throws DataError for what training_json did not
// write.
void read_training(JsonReader& reader, Training& out);

}  // namespace retraind::settings
