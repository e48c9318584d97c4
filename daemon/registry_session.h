#pragma once
// The registry, as a command opens it: named by the configuration, whose sources and models may be broken, its schema
// known to fit. One connection, kept for as long as the object lives. One thread.

#include <optional>

#include "core/store/database.h"
#include "daemon/commands.h"
#include "daemon/table.h"

namespace retraind::daemon {

class RegistrySession {
 public:
  // Throws ConfigError when the configuration is invalid (its complaints are printed) or the schema does not fit.
  explicit RegistrySession(const Options& options);
  store::Database& database() { return *database_; }

 private:
  std::optional<store::Database> database_;
};

// How to print tables to standard output.
TableStyle table_style(const Options& options);

}  // namespace retraind::daemon
