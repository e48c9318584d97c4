#pragma once
// The one text that stands for a JSON value: no white space, keys sorted by their bytes, integers as they are, other
// numbers in the fewest digits that read back to the same double, always with a '.' or an exponent so that they stay
// doubles. Thread-safe: pure functions.

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace retraind::settings {

// Throws std::logic_error for a number that is not finite.
std::string canonical_text(const boost::json::value& value);

// Reads JSON with every number rounded correctly, so that canonical_text gives back the text it wrote.
// (Boost.JSON 1.81's own parse is off by one in the last place for one random double of 17 digits in five.) Nesting
// deeper than 16 and anything that is not JSON throw DataError.
boost::json::value parse_json(std::string_view text);

}  // namespace retraind::settings
