#pragma once
// The one text that stands for a JSON value: no white space, keys sorted by their bytes, integers as they are, other
// numbers in the fewest digits that read back to the same double, always with a '.' or an exponent so that they stay
// doubles. Thread-safe: a pure function.

#include <boost/json/value.hpp>
#include <string>

namespace retraind::settings {

// Throws std::logic_error for a number that is not finite.
std::string canonical_text(const boost::json::value& value);

}  // namespace retraind::settings
