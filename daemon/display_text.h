#pragma once
// Text as a terminal shows it: how many columns it takes, and nothing in it that a terminal would obey. What people
// read comes from databases, programs and files; an escape sequence in it must not clear the screen, colour the rest or
// pretend to be another line. Thread-safe: pure functions.

#include <cstddef>
#include <string>
#include <string_view>

namespace retraind::daemon {

// Columns on a terminal: letters of East Asian scripts take two, combining marks none. Of text that printable() made.
std::size_t display_width(std::string_view text);

// UTF-8 in one line: line breaks and tabs become spaces; control characters, marks that turn the direction of writing,
// and what is no UTF-8 become U+FFFD.
std::string printable_text(std::string_view text);

// At most `columns` wide; where something was cut, the last column is an ellipsis. `columns` 0: empty.
std::string cut_to_width(std::string_view text, std::size_t columns);

}  // namespace retraind::daemon
