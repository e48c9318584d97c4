#pragma once
// The password file that systemd hands to the service: `LoadCredential=pgpass:/etc/retraind/pgpass` in the unit puts a
// copy of it where this unit alone may read it. libpq is told of it by PGPASSFILE, the last place it looks at: a
// passfile in a connection string or a service file, and a PGPASSFILE that is set already, win. Workers inherit the
// variable, trainers nothing. Called once, before the first thread starts.

#include <filesystem>
#include <optional>
#include <string>

namespace retraind::daemon {

inline constexpr const char* kPasswordCredential = "pgpass";

// What there is, as the environment says it.
struct CredentialPlaces {
  std::optional<std::filesystem::path> credentials = {};  // CREDENTIALS_DIRECTORY
  std::optional<std::filesystem::path> runtime = {};      // RUNTIME_DIRECTORY: in memory, of this unit alone
  bool has_passfile = false;                              // PGPASSFILE
};

// The file for PGPASSFILE; std::nullopt where there is none, or libpq has one. libpq refuses a file that its group may
// read by its mode, which is how access control lists look where systemd grants access by them: then the file is copied
// to the runtime directory. Throws ConfigError when it cannot be read or has to be copied and cannot be.
std::optional<std::filesystem::path> find_password_file(const CredentialPlaces& places);

// The same for this process, and sets PGPASSFILE.
void adopt_credentials();

}  // namespace retraind::daemon
