#pragma once
// The schema retraind as it is, against what the migrations made; the login's rights there; how large it has grown.
// Reading works inside the caller's transaction; judging is pure.

#include <cstdint>
#include <string>
#include <vector>

#include "core/doctor/finding.h"
#include "core/store/migrator.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::doctor {

struct TableFacts {
  std::string name;
  std::uint64_t bytes = 0;  // with indexes and TOAST
  std::uint64_t live_rows = 0;
  std::uint64_t dead_rows = 0;
  bool autovacuum = true;
};

struct SchemaFacts {
  bool recorded = true;              // what the migrations made is known
  std::vector<std::string> missing;  // "trigger firing.kept"
  std::vector<std::string> changed;
  std::vector<std::string> foreign;  // there, and no migration made them
  std::vector<std::string> invalid_indexes;
  std::vector<std::string> unvalidated_constraints;
  std::vector<std::string> disabled_triggers;  // "table.trigger"
  std::string login;
  bool superuser = false;
  bool owner = false;                         // of the schema, itself or by membership
  std::vector<std::string> lacking;           // what the daemons' group may and the login may not: "INSERT on firing"
  std::vector<std::string> more_than_needed;  // and the other way round
  std::vector<TableFacts> tables;             // the largest first
};

// Only where the schema is current: an older one has no record of itself.
SchemaFacts read_schema(store::Transaction& transaction);

Finding judge_schema_version(const store::SchemaReport& report);
// schema.objects to schema.triggers, registry.login, registry.size, registry.bloat, and tables without autovacuum.
Findings judge_schema(const SchemaFacts& schema);

}  // namespace retraind::doctor
