#pragma once
// Looks through a libpq connection string, both "key=value" and "postgresql://" forms, without connecting. The
// configuration file is no place for a secret, so a password in it is found here; and a string that libpq could not
// read is found at start rather than at the first run. Messages never repeat the string. Thread-safe: a pure function.

#include <optional>
#include <string>
#include <string_view>

namespace retraind::settings {

// What is wrong with `conninfo`; std::nullopt when nothing is. Values themselves are libpq's to judge.
std::optional<std::string> find_conninfo_fault(std::string_view conninfo);

}  // namespace retraind::settings
