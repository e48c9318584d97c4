#pragma once
// Models for the tests of snapshots and of their hashes.

#include <string_view>

#include "core/settings/settings.h"

namespace retraind::settings {

// Every field of the first version differs from its default, all newer ones have theirs.
Model first_model();
// Every field differs from its default.
Model full_model();

// The least that was ever written.
inline constexpr std::string_view kOldestSnapshot =
    R"({"name":"power","source":"market","query":"SELECT 1","time_column":"ts","label":"up"})";

}  // namespace retraind::settings
