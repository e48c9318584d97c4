#pragma once
// Connection strings: the defaults that keep a daemon from hanging on a dead network, and a form that may be shown.
// Thread-safe: pure functions.

#include <string>
#include <string_view>

namespace retraind::store {

// Adds, where the user did not say otherwise: application_name, client_encoding = UTF8, connect_timeout = 10, TCP
// keepalives and a tcp_user_timeout of 20 s, so that a half-open connection is noticed, and, with `read_write`,
// target_session_attrs = read-write, so that a demoted primary is left. Throws ConfigError for a string libpq cannot
// parse, in libpq's words.
std::string with_defaults(std::string_view conninfo, std::string_view application_name, bool read_write);

// "host=db port=5433 dbname=market user=reader": where a connection goes, for messages; never a password.
std::string describe(std::string_view conninfo);

}  // namespace retraind::store
