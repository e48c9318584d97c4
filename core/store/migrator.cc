#include "core/store/migrator.h"

#include <fmt/format.h>

#include <pqxx/pqxx>

#include "core/base/error.h"
#include "core/base/failpoint.h"
#include "core/base/sha256.h"
#include "core/store/limits.h"

namespace retraind::store {
namespace {

// Any constant will do, as long as it stays; this one spells "retraind" in ASCII.
constexpr std::int64_t kLockKey = 0x72657472'61696e64;

constexpr const char* kLock = "/* retraind:store.migrate_lock */ SELECT pg_advisory_xact_lock($1)";

constexpr const char* kHasVersionTable =
    "/* retraind:store.has_version_table */ SELECT to_regclass('retraind.schema_version') IS NOT NULL";

constexpr const char* kListApplied =
    "/* retraind:store.list_applied */ SELECT version, name, sha256 FROM retraind.schema_version ORDER BY version";

constexpr const char* kCreateVersionTable = R"sql(/* retraind:store.create_version_table */
CREATE SCHEMA IF NOT EXISTS retraind;
COMMENT ON SCHEMA retraind IS
  'Model registry, runs and history of retraind. Readers use the views, operators the functions; the tables are retraind''s own.';
CREATE TABLE IF NOT EXISTS retraind.schema_version (
  version    integer PRIMARY KEY CHECK (version > 0),
  name       text NOT NULL,
  sha256     text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  applied_at timestamptz NOT NULL DEFAULT now(),
  applied_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE retraind.schema_version IS 'One row for each migration applied to this schema, by `retraind migrate`.';
COMMENT ON COLUMN retraind.schema_version.version IS 'Number of the migration; they are applied in this order, without a gap.';
COMMENT ON COLUMN retraind.schema_version.name IS 'Its name, from the file in migrations/.';
COMMENT ON COLUMN retraind.schema_version.sha256 IS 'SHA-256 of the script that was applied; a binary with another script of this number refuses to run.';
COMMENT ON COLUMN retraind.schema_version.applied_at IS 'When it was applied.';
COMMENT ON COLUMN retraind.schema_version.applied_by IS 'The database user who applied it.';
)sql";

constexpr const char* kRecord =
    "/* retraind:store.record_migration */ INSERT INTO retraind.schema_version (version, name, sha256) VALUES ($1, $2, "
    "$3)";

constexpr const char* kForget =
    "/* retraind:store.forget_migration */ DELETE FROM retraind.schema_version WHERE version = $1";

// From version 10 on the schema keeps a record of itself. Only what migrations made enters it: a run that had nothing
// to do must not vouch for what somebody else has changed.
constexpr const char* kRecordObjects = R"sql(/* retraind:store.record_objects */
DELETE FROM retraind.schema_object;
INSERT INTO retraind.schema_object (kind, name, definition) SELECT kind, name, definition FROM retraind.list_objects())sql";

constexpr const char* kKeepsRecord =
    "/* retraind:store.keeps_record */ SELECT to_regclass('retraind.schema_object') IS NOT NULL";

constexpr const char* kDropSchema =
    "/* retraind:store.drop_schema */ DROP TABLE retraind.schema_version; DROP SCHEMA retraind";

// A migration of a registry with years of history takes its time, and so does waiting for another who migrates.
constexpr Limits kMigrationLimits{.statement = std::chrono::minutes(5), .lock = std::chrono::minutes(1)};

struct Applied {
  int version;
  std::string name;
  std::string sha256;
};

std::vector<Applied> list_applied(pqxx::transaction_base& work) {
  std::vector<Applied> out;
  if (!work.exec1(kHasVersionTable)[0].as<bool>()) return out;
  for (const auto& row : work.exec(kListApplied)) {
    out.push_back({row[0].as<int>(), row[1].as<std::string>(), row[2].as<std::string>()});
  }
  return out;
}

SchemaReport inspect(const std::vector<Applied>& applied) {
  const auto known = migrations();
  SchemaReport report;
  report.expected = known.empty() ? 0 : known.back().version;
  report.version = applied.empty() ? 0 : applied.back().version;
  for (const Applied& one : applied) {
    if (one.version > report.expected) {
      report.status = SchemaStatus::newer;
      report.sentence = fmt::format(
          "the registry's schema has version {} ({}), newer than version {} which this binary knows; upgrade retraind "
          "on this machine",
          report.version, applied.back().name, report.expected);
      return report;
    }
    const Migration& ours = known[static_cast<std::size_t>(one.version - 1)];
    if (to_hex(retraind::sha256(ours.up)) != one.sha256) {
      report.status = SchemaStatus::altered;
      report.sentence = fmt::format(
          "migration {} ({}) was applied from another script than the one in this binary; it belongs to another build "
          "of "
          "retraind, install the one that made this registry",
          one.version, one.name);
      return report;
    }
  }
  if (applied.empty()) {
    report.status = SchemaStatus::missing;
    report.sentence = "the database has no schema retraind yet; run `retraind migrate`";
  } else if (report.version < report.expected) {
    report.status = SchemaStatus::older;
    report.sentence = fmt::format("the registry's schema has version {}, this binary needs {}; run `retraind migrate`",
                                  report.version, report.expected);
  } else {
    report.status = SchemaStatus::current;
    report.sentence = fmt::format("the registry's schema has version {}, as it should", report.version);
  }
  return report;
}

}  // namespace

SchemaReport inspect_schema(Database& database) {
  return database.transact("inspect schema",
                           [](Transaction& transaction) { return inspect(list_applied(transaction.work())); });
}

void require_current_schema(Database& database) {
  const SchemaReport report = inspect_schema(database);
  if (report.status != SchemaStatus::current) throw ConfigError(report.sentence);
}

std::vector<std::string> migrate(Database& database, std::optional<int> target) {
  const auto known = migrations();
  const int last = known.empty() ? 0 : known.back().version;
  const int goal = target.value_or(last);
  if (goal < 0 || goal > last) {
    throw ConfigError(fmt::format("there is no schema version {}: this binary knows 0 to {}", goal, last));
  }
  return database.transact("migrate", [&](Transaction& transaction) {
    pqxx::transaction_base& work = transaction.work();
    // Twenty daemons that start at once wait here for the first; the lock is gone with the transaction, whatever
    // happens.
    limit(transaction, kMigrationLimits);
    work.exec_params(kLock, kLockKey);
    const std::vector<Applied> applied = list_applied(work);
    const SchemaReport report = inspect(applied);
    if (report.status == SchemaStatus::newer || report.status == SchemaStatus::altered) {
      throw ConfigError(report.sentence);
    }
    std::vector<std::string> done;
    if (goal > report.version && applied.empty()) work.exec(kCreateVersionTable);
    for (int version = report.version + 1; version <= goal; ++version) {
      const Migration& migration = known[static_cast<std::size_t>(version - 1)];
      work.exec(std::string(migration.up));
      work.exec_params0(kRecord, version, std::string(migration.name), to_hex(retraind::sha256(migration.up)));
      failpoint("between_migrations", migration.name);
      done.push_back(fmt::format("{:03}_{} up", version, migration.name));
    }
    for (int version = report.version; version > goal; --version) {
      const Migration& migration = known[static_cast<std::size_t>(version - 1)];
      work.exec(std::string(migration.down));
      work.exec_params0(kForget, version);
      done.push_back(fmt::format("{:03}_{} down", version, migration.name));
    }
    if (goal == 0 && !applied.empty()) work.exec(kDropSchema);
    if (!done.empty() && work.exec1(kKeepsRecord)[0].as<bool>()) work.exec(kRecordObjects);
    return done;
  });
}

}  // namespace retraind::store
