#pragma once
// What strangers wrote (a command's output, a server's answer), made fit for the registry, a log and a terminal. Pure.

#include <cstddef>
#include <string>
#include <string_view>

namespace retraind::release {

// Valid UTF-8 stays, line breaks and tabs too; every other control character and every byte that is no UTF-8 becomes
// '?'. White space at both ends goes.
std::string printable(std::string_view text);
// The same in one line, and no longer than `most` bytes, with "…" where something was cut off.
std::string printable_line(std::string_view text, std::size_t most);

}  // namespace retraind::release
