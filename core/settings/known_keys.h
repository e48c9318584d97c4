#pragma once
// Every key the configuration knows, in the order the parser asks for them: for checking the documentation against the
// parser. Thread-safe: a pure function.

#include <vector>

#include "core/settings/reader.h"

namespace retraind::settings {

// Keys of different kinds of triggers stand side by side; a key whose range or default depends on the kind stands once
// for each.
std::vector<KnownKey> known_keys();

}  // namespace retraind::settings
