#pragma once
// The part of a trigger's snapshot that depends on its kind. Thread-safe: pure functions.

#include <boost/json/object.hpp>

#include "core/settings/json_reader.h"
#include "core/settings/settings.h"

namespace retraind::settings {

// Adds the keys of the rule, every default spelled out.
void write_rule(const TriggerRule& rule, boost::json::object& out);

// Reads them back; a key that an older version did not write takes its default. Throws DataError on anything else.
TriggerRule read_rule(JsonReader& reader, TriggerKind kind);

}  // namespace retraind::settings
