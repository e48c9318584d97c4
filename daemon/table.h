#pragma once
// Tables for people: aligned columns, numbers to the right, times in the local zone. Pure but for the time zone.

#include <optional>
#include <string>
#include <vector>

#include "core/runs/history.h"

namespace retraind::daemon {

// One line a row below a header and a rule; "-" for NULL. Ends with a line break. Without a row: "(none)".
std::string render_table(const runs::Page& page);

}  // namespace retraind::daemon
