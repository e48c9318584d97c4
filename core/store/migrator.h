#pragma once
// Brings the schema `retraind` of a registry to the version this binary was built with. The numbered files of
// migrations/ are embedded in the binary; each applied one is recorded with its sha256. Everything happens in one
// transaction under a transaction-scoped advisory lock: all or nothing, however many start at once, also through a
// pooler. Thread-safe: no state of its own.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/database.h"

namespace retraind::store {

struct Migration {
  int version;  // 1, 2, 3… without a gap
  std::string_view name;
  std::string_view up;
  std::string_view down;
};

// Embedded at build time, in order of version.
std::span<const Migration> migrations();

enum class SchemaStatus {
  missing,  // no schema retraind, or none that a migration has been recorded in
  older,    // `migrate` has something to do
  current,
  newer,   // made by a newer retraind: this binary must not touch it
  altered  // a recorded migration differs from the one in this binary
};

struct SchemaReport {
  SchemaStatus status = SchemaStatus::missing;
  int version = 0;       // of the registry; 0 when missing
  int expected = 0;      // of this binary
  std::string sentence;  // what it means and what to do
};

SchemaReport inspect_schema(Database& database);

// Throws ConfigError with the report's sentence unless the schema is current.
void require_current_schema(Database& database);

// Applies what is missing, or, when `target` is below the registry's version, undoes what is above it (0 removes the
// schema and everything in it). Returns the names of the migrations applied or undone, in order; empty when there was
// nothing to do. Throws ConfigError for a newer or altered schema and for an impossible target.
std::vector<std::string> migrate(Database& database, std::optional<int> target = std::nullopt);

}  // namespace retraind::store
