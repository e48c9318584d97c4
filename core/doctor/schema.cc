#include "core/doctor/schema.h"

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/store/sql.h"

namespace retraind::doctor {
namespace {

using store::execute;

// What another major version of PostgreSQL wrote down is compared by name only: it spells definitions in its own way.
constexpr const char* kObjects = R"sql(/* retraind:doctor.objects */
SELECT d.what, d.object FROM (
  SELECT CASE WHEN n.name IS NULL THEN 'missing' WHEN w.name IS NULL THEN 'foreign'
              WHEN split_part(w.definition, ' ', 1) = split_part(n.definition, ' ', 1) AND w.definition <> n.definition THEN 'changed' END AS what,
         coalesce(w.kind, n.kind) || ' ' || coalesce(w.name, n.name) AS object
    FROM retraind.schema_object w FULL JOIN retraind.list_objects() n ON n.kind = w.kind AND n.name = w.name) d
 WHERE d.what IS NOT NULL ORDER BY d.object)sql";

constexpr const char* kRecorded = R"sql(/* retraind:doctor.objects_recorded */
SELECT EXISTS (SELECT FROM retraind.schema_object))sql";

constexpr const char* kBroken = R"sql(/* retraind:doctor.broken_objects */
SELECT 'index', c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE c.relnamespace = 'retraind'::regnamespace AND NOT (i.indisvalid AND i.indisready AND i.indislive)
UNION ALL
SELECT 'constraint', format('%s.%s', t.relname, c.conname) FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
 WHERE c.connamespace = 'retraind'::regnamespace AND NOT c.convalidated
UNION ALL
SELECT DISTINCT 'trigger', format('%s.%s', t.relname, CASE WHEN g.tgisinternal THEN 'foreign keys' ELSE g.tgname END)
  FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
 WHERE t.relnamespace = 'retraind'::regnamespace AND g.tgenabled NOT IN ('O', 'A')
 ORDER BY 1, 2)sql";

constexpr const char* kLogin = R"sql(/* retraind:doctor.login */
SELECT session_user, r.rolsuper, pg_has_role(session_user, n.nspowner, 'USAGE') FROM pg_roles r, pg_namespace n
 WHERE r.rolname = session_user AND n.nspname = 'retraind')sql";

constexpr const char* kRights = R"sql(/* retraind:doctor.rights */
SELECT r.needed, r.what FROM (
  SELECT has_table_privilege('retraind_daemon', c.oid, p.right) AS needed, has_table_privilege(session_user, c.oid, p.right) AS there,
         format('%s on %s', p.right, c.relname) AS what
    FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p ("right")
   WHERE c.relnamespace = 'retraind'::regnamespace AND c.relkind IN ('r', 'v')
  UNION ALL
  SELECT has_function_privilege('retraind_daemon', f.oid, 'EXECUTE'), has_function_privilege(session_user, f.oid, 'EXECUTE'),
         format('EXECUTE on %s', f.proname)
    FROM pg_proc f WHERE f.pronamespace = 'retraind'::regnamespace
  UNION ALL
  SELECT true, has_sequence_privilege(session_user, 'retraind.lease_term', 'USAGE'), 'USAGE on lease_term') r
 WHERE r.needed <> r.there ORDER BY r.what)sql";

constexpr const char* kTables = R"sql(/* retraind:doctor.tables */
SELECT c.relname, pg_total_relation_size(c.oid), coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0),
       NOT coalesce(c.reloptions @> ARRAY['autovacuum_enabled=false'] OR c.reloptions @> ARRAY['autovacuum_enabled=off'], false)
  FROM pg_class c LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
 WHERE c.relnamespace = 'retraind'::regnamespace AND c.relkind = 'r' ORDER BY 2 DESC, 1)sql";

Finding judge_objects(const SchemaFacts& schema) {
  if (!schema.recorded) {
    return warning("schema.objects", "the registry has no record of what the migrations made",
                   "the next migration writes it; a schema that was made by hand has none");
  }
  if (schema.missing.empty() && schema.changed.empty() && schema.foreign.empty()) {
    return ok("schema.objects", "everything is as the migrations made it");
  }
  std::string said;
  const auto add = [&](const char* what, const std::vector<std::string>& objects) {
    if (!objects.empty()) said += (said.empty() ? "" : "; ") + std::string(what) + ": " + listed(objects);
  };
  add("missing", schema.missing);
  add("changed", schema.changed);
  add("made by somebody else", schema.foreign);
  if (schema.missing.empty() && schema.changed.empty()) {
    return warning("schema.objects", said,
                   "keep objects of your own in a schema of your own: an upgrade knows nothing of them");
  }
  return problem("schema.objects", said,
                 "make them again as the files of migrations/ do, or restore the registry from a backup");
}

Finding judge_login(const SchemaFacts& schema) {
  const std::string remedy =
      "CREATE ROLE retraind_app LOGIN; GRANT retraind_daemon TO retraind_app; and name it in registry.conninfo";
  if (schema.superuser) {
    return warning("registry.login",
                   fmt::format("login {} is a superuser: nothing it does can be held back", schema.login), remedy);
  }
  if (schema.owner) {
    return warning("registry.login",
                   fmt::format("login {} owns the schema: it can disable what keeps history", schema.login), remedy);
  }
  if (!schema.lacking.empty()) {
    return problem("registry.login", fmt::format("login {} lacks {}", schema.login, listed(schema.lacking)),
                   fmt::format("GRANT retraind_daemon TO {}", schema.login));
  }
  if (!schema.more_than_needed.empty()) {
    return warning(
        "registry.login",
        fmt::format("login {} may more than a daemon needs: {}", schema.login, listed(schema.more_than_needed)),
        "revoke it; retraind_daemon alone is enough");
  }
  return ok("registry.login", fmt::format("login {} has the rights of retraind_daemon", schema.login));
}

Finding judge_names(std::string_view check, const std::vector<std::string>& wrong, const std::string& fine,
                    const std::string& said, const std::string& remedy) {
  if (wrong.empty()) return ok(check, fine);
  return problem(check, said + ": " + listed(wrong), remedy);
}

}  // namespace

SchemaFacts read_schema(store::Transaction& transaction) {
  SchemaFacts out;
  out.recorded = execute(transaction, kRecorded).at(0)[0].as<bool>();
  if (out.recorded) {
    for (const auto& row : execute(transaction, kObjects)) {
      const auto what = row[0].as<std::string>();
      (what == "missing"   ? out.missing
       : what == "changed" ? out.changed
                           : out.foreign)
          .push_back(row[1].as<std::string>());
    }
  }
  for (const auto& row : execute(transaction, kBroken)) {
    const auto what = row[0].as<std::string>();
    (what == "index"        ? out.invalid_indexes
     : what == "constraint" ? out.unvalidated_constraints
                            : out.disabled_triggers)
        .push_back(row[1].as<std::string>());
  }
  const pqxx::result login = execute(transaction, kLogin);
  out.login = login.at(0)[0].as<std::string>();
  out.superuser = login[0][1].as<bool>();
  out.owner = login[0][2].as<bool>();
  for (const auto& row : execute(transaction, kRights)) {
    (row[0].as<bool>() ? out.lacking : out.more_than_needed).push_back(row[1].as<std::string>());
  }
  for (const auto& row : execute(transaction, kTables)) {
    out.tables.push_back({.name = row[0].as<std::string>(),
                          .bytes = row[1].as<std::uint64_t>(),
                          .live_rows = row[2].as<std::uint64_t>(),
                          .dead_rows = row[3].as<std::uint64_t>(),
                          .autovacuum = row[4].as<bool>()});
  }
  return out;
}

Finding judge_schema_version(const store::SchemaReport& report) {
  if (report.status == store::SchemaStatus::current) return ok("schema.version", report.sentence);
  return problem("schema.version", report.sentence,
                 report.status == store::SchemaStatus::missing || report.status == store::SchemaStatus::older
                     ? "retraind migrate, with the owner's login"
                     : "use the binary that this registry belongs to");
}

Findings judge_schema(const SchemaFacts& schema) {
  Findings out;
  out.push_back(judge_objects(schema));
  out.push_back(judge_names("schema.indexes", schema.invalid_indexes, "every index is valid",
                            "these indexes are not used, and hold nothing apart", "REINDEX INDEX retraind.NAME"));
  out.push_back(judge_names("schema.constraints", schema.unvalidated_constraints, "every constraint is validated",
                            "nobody knows whether all rows satisfy",
                            "ALTER TABLE retraind.TABLE VALIDATE CONSTRAINT NAME"));
  out.push_back(judge_names(
      "schema.triggers", schema.disabled_triggers, "every trigger is enabled",
      "disabled, so that history can be changed and states can be skipped",
      "ALTER TABLE retraind.TABLE ENABLE TRIGGER NAME (ALL, where it says foreign keys), and find out who did that"));
  out.push_back(judge_login(schema));

  std::uint64_t bytes = 0;
  std::vector<std::string> largest;
  std::vector<std::string> bloated;
  std::vector<std::string> unattended;
  for (const TableFacts& table : schema.tables) {
    bytes += table.bytes;
    if (largest.size() < 3) largest.push_back(fmt::format("{} {}", table.name, format_bytes(table.bytes)));
    if (table.dead_rows > 100000 && table.dead_rows > 2 * table.live_rows) {
      bloated.push_back(fmt::format("{} ({} dead rows, {} live ones)", table.name, table.dead_rows, table.live_rows));
    }
    if (!table.autovacuum) unattended.push_back(table.name);
  }
  out.push_back(
      ok("registry.size", fmt::format("{} in all; the largest tables: {}", format_bytes(bytes), listed(largest))));
  out.push_back(
      bloated.empty()
          ? ok("registry.bloat", "no table has more dead rows than it should")
          : warning("registry.bloat", listed(bloated),
                    "VACUUM them, and look for what holds vacuum back: registry.transactions, replication slots"));
  out.push_back(unattended.empty() ? ok("registry.autovacuum", "no table is left out of autovacuum")
                                   : problem("registry.autovacuum", "left out of autovacuum: " + listed(unattended),
                                             "ALTER TABLE retraind.NAME RESET (autovacuum_enabled)"));
  return out;
}

}  // namespace retraind::doctor
