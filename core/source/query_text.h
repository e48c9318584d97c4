#pragma once
// The user's query as text: checked to be one statement, and wrapped into the statements that retraind sends. Pure; the
// server remains the judge of everything but the few lexical matters below. Thread-safe.

#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/source/wire_type.h"

namespace retraind::source {

// The one statement in `query`, without a closing semicolon and what blanks and comments follow it, so that it can
// stand in parentheses. Knows PostgreSQL's quotes, dollar quotes and comments (standard_conforming_strings is on).
// Throws DataError when there is no statement, more than one, a parenthesis that opens or closes nothing, or a quote or
// comment without an end.
std::string one_statement(std::string_view query);

// "line 2, column 8:" and the line of `query` with a caret below the character at `position` (1-based, in characters,
// as PostgreSQL counts); long lines are cut around it. Empty when the position is outside the query.
std::string point_at(std::string_view query, std::size_t position);

// SQL conditions for `after < t` and `t <= until`, where `column` is an SQL expression of `type`. Exact for instants;
// on the number axis, whole-number columns are compared with whole numbers, so that an index can be used. Throws
// std::logic_error for a NaN and for a type that is no time axis.
std::string later_than(std::string_view column, WireType type, EventTime after);
std::string not_later_than(std::string_view column, WireType type, EventTime until);

}  // namespace retraind::source
