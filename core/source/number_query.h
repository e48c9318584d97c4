#pragma once
// One number from a source: what a query trigger looks at. Read-only, like everything at a source; one connection a
// call. Throws what SourceReader throws, and DataError when the query returns more than one column or row, or a column
// that is no number or boolean.

#include <optional>
#include <string>

#include "core/settings/settings.h"

namespace retraind::source {

// std::nullopt: no row, NULL or NaN. Infinities are DataErrors.
std::optional<double> read_number(const settings::Source& source, const std::string& query,
                                  const std::string& application_name);

}  // namespace retraind::source
