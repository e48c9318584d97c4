#pragma once
// Whether what travels over a connection can be read or answered by somebody in between, told from the connection
// string alone: nothing is connected to, no name is resolved. libpq encrypts where the server offers it and verifies
// nothing unless it is told to, so silence in a connection string is the dangerous case.
// Thread-safe: pure functions of their arguments.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace retraind::settings {

// By the names that libpq gives them: "host", "sslmode", "gssencmode".
using ConnectionParameters = std::map<std::string, std::string>;

// What libpq goes by besides the string.
struct LibpqSurroundings {
  std::function<std::optional<std::string>(const std::string& variable)> environment;
  std::function<std::optional<std::string>(const std::string& path)> read_file;
  int version = 0;  // of libpq, as PQlibVersion() counts: 150010
};

// This process's own environment, files and libpq. Setting variables meanwhile is a race, as with getenv().
LibpqSurroundings libpq_surroundings();

// All that libpq would connect with: what the string says; then its service's section in the service files; then the
// environment (PGHOST, PGSSLMODE …); then libpq's own defaults. Where a parameter is in none of them it is left out.
// std::nullopt for a string that libpq cannot read.
std::optional<ConnectionParameters> effective_parameters(std::string_view conninfo,
                                                         const LibpqSurroundings& surroundings);

// What is wrong with a connection by these parameters, in a sentence that names the first host it leaves this machine
// for. std::nullopt where it does not leave it (Unix sockets, loopback addresses, "localhost"), where the server is
// verified (sslmode=verify-full, or what implies it), and where Kerberos encrypts (gssencmode=require), which verifies
// the server too.
std::optional<std::string> find_transport_fault(const ConnectionParameters& parameters, int libpq_version);

// "localhost", 127.0.0.0/8, ::1.
bool is_loopback(std::string_view host);

}  // namespace retraind::settings
