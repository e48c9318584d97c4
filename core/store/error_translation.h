#pragma once
// The one place where libpqxx's errors become ours. Thread-safe: pure functions.

#include <string>
#include <string_view>

namespace pqxx {
class sql_error;
}

namespace retraind::store {

// Throws the class of core/base/error.h that fits the SQLSTATE, with the server's first line; what the schema's
// functions refuse also with their hint.
[[noreturn]] void throw_translated(const pqxx::sql_error& error, std::string_view name, std::string_view description);

// True for a SQLSTATE that time may mend: lost connections, deadlocks and serialisation, timeouts, shutdown, read-only
// servers, exhausted resources (including a full disk).
bool is_transient(std::string_view sqlstate);

// The text up to its first line break, without "ERROR:" and the blanks behind it.
std::string first_line(std::string_view text);

}  // namespace retraind::store
