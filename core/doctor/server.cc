#include "core/doctor/server.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "core/source/session.h"
#include "core/store/sql.h"

namespace retraind::doctor {
namespace {

using std::chrono::duration_cast;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr int kOldestTested = 150000;
constexpr int kNewestTested = 160000;  // exclusive

// One row of text, from the registry and from sources alike. Rows of other logins are NULL for those who may not see
// them.
constexpr const char* kServer = R"sql(/* retraind:doctor.server */
SELECT current_setting('server_version_num'), current_setting('server_version'), pg_catalog.pg_is_in_recovery()::text,
       (current_setting('default_transaction_read_only') = 'on')::text, session_user::text,
       (SELECT r.rolsuper::text FROM pg_catalog.pg_roles r WHERE r.rolname = session_user),
       current_setting('synchronous_commit'), (current_setting('fsync') = 'on')::text,
       (SELECT count(*)::text FROM pg_catalog.pg_stat_replication), (current_setting('synchronous_standby_names') <> '')::text,
       coalesce((SELECT s.ssl FROM pg_catalog.pg_stat_ssl s WHERE s.pid = pg_catalog.pg_backend_pid()), false)::text,
       (pg_catalog.inet_client_addr() IS NULL OR pg_catalog.inet_client_addr() <<= '127.0.0.0/8'::inet OR pg_catalog.inet_client_addr() = '::1'::inet)::text,
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text,
       (SELECT count(*)::text FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'client backend' OR a.backend_type IS NULL),
       (current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer)::text,
       o.microseconds, o.who, pg_catalog.pg_has_role(session_user, 'pg_read_all_stats', 'USAGE')::text,
       (SELECT (extract(epoch FROM clock_timestamp() - min(p.prepared)) * 1000000)::bigint::text FROM pg_catalog.pg_prepared_xacts p
         WHERE p.database = current_database()),
       (SELECT age(d.datfrozenxid)::text FROM pg_catalog.pg_database d WHERE d.datname = current_database()),
       current_setting('autovacuum_freeze_max_age'), (current_setting('autovacuum') = 'on' AND current_setting('track_counts') = 'on')::text,
       (SELECT count(*)::text FROM pg_catalog.pg_class c
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace NOT IN (SELECT n.oid FROM pg_catalog.pg_namespace n
                 WHERE n.nspname IN ('pg_catalog', 'information_schema', 'retraind') OR n.nspname LIKE 'pg\_t%')
           AND pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))
  FROM (SELECT 1) AS one
  LEFT JOIN LATERAL (
    SELECT (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000000)::bigint::text AS microseconds,
           format('pid %s (%s%s)', a.pid, coalesce(nullif(a.application_name, ''), a.usename::text),
                  CASE WHEN a.state = 'idle in transaction' THEN ', idle in transaction' ELSE '' END) AS who
      FROM pg_catalog.pg_stat_activity a
     WHERE a.xact_start IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid() AND a.backend_type = 'client backend'
     ORDER BY a.xact_start LIMIT 1) o ON true)sql";

std::string sslmode_of(const std::string& conninfo) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfoParse(conninfo.c_str(), nullptr),
                                                                             &PQconninfoFree);
  if (!options) return "";
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (std::string_view(option->keyword) == "sslmode" && option->val != nullptr) return option->val;
  }
  return "";
}

using Row = std::vector<std::optional<std::string>>;

ServerFacts to_facts(const Row& row, const std::string& conninfo) {
  const auto text = [&](std::size_t i) { return row.at(i).value_or(""); };
  const auto yes = [&](std::size_t i) { return text(i) == "true"; };
  const auto whole = [&](std::size_t i) { return std::atoll(text(i).c_str()); };
  const auto duration = [&](std::size_t i) {
    return row.at(i) ? std::optional<Duration>(Duration(whole(i))) : std::nullopt;
  };
  return {.version_number = static_cast<int>(whole(0)),
          .version = text(1),
          .standby = yes(2),
          .read_only = yes(3),
          .login = text(4),
          .superuser = yes(5),
          .synchronous_commit = text(6),
          .fsync = yes(7),
          .standbys = static_cast<int>(whole(8)),
          .synchronous_standbys = yes(9),
          .encrypted = yes(10),
          .local = yes(11),
          .sslmode = sslmode_of(conninfo),
          .now = TimePoint(Duration(whole(12))),
          .connections = static_cast<int>(whole(13)),
          .connection_limit = static_cast<int>(whole(14)),
          .oldest_transaction = duration(15),
          .oldest_by = text(16),
          .sees_others = yes(17),
          .oldest_prepared = duration(18),
          .wraparound_age = whole(19),
          .freeze_max_age = whole(20),
          .autovacuum = yes(21),
          .writable_tables = static_cast<int>(whole(22))};
}

std::string rounded(Duration duration) {
  return format_duration(duration < seconds(10) ? duration_cast<std::chrono::milliseconds>(duration)
                                                : duration_cast<seconds>(duration));
}

Finding judge_encryption(std::string_view check, const std::string& whose, const ServerFacts& server) {
  const std::string remedy =
      "sslmode=verify-full and sslrootcert in its connection string: libpq verifies nothing by itself";
  if (server.local) return ok(check, whose + " is reached without a network");
  if (!server.encrypted) return warning(check, "the connection to " + whose + " is not encrypted", remedy);
  if (server.sslmode != "verify-full") {
    return warning(
        check,
        fmt::format("the connection to {} is encrypted, but not verified (sslmode={}): anybody in between can "
                    "pretend to be it",
                    whose, server.sslmode.empty() ? "prefer, the default" : server.sslmode),
        remedy);
  }
  return ok(check, "the connection to " + whose + " is encrypted and verified");
}

Finding judge_version(const ServerFacts& server) {
  const std::string named = "PostgreSQL " + server.version;
  if (server.version_number < kOldestTested) {
    return problem("registry.version", named + " is older than 15, which retraind needs", "upgrade the server");
  }
  if (server.version_number >= kNewestTested) {
    return warning("registry.version", named + " is newer than what retraind is tested with (15)",
                   "try it beside the old one first; nothing is known to fail");
  }
  return ok("registry.version", named);
}

Finding judge_writable(const ServerFacts& server) {
  if (server.standby) {
    return problem(
        "registry.writable", "the server is a standby: nothing can be written",
        "name the primary in registry.conninfo, or several hosts; target_session_attrs=read-write picks the one");
  }
  if (server.read_only) {
    return problem("registry.writable", "default_transaction_read_only is on: nothing can be written",
                   "turn it off for this login or database");
  }
  return ok("registry.writable", "the server is no standby");
}

Finding judge_durability(const ServerFacts& server) {
  if (!server.fsync) {
    return problem("registry.durability", "fsync is off: a crash of the machine can destroy the registry",
                   "fsync = on in postgresql.conf, and a restart");
  }
  if (server.synchronous_commit == "off") {
    return warning("registry.durability", "synchronous_commit is off: a crash can lose promotions that were announced",
                   "synchronous_commit = on for this login or database");
  }
  if (server.standbys > 0 && !server.synchronous_standbys) {
    return warning(
        "registry.durability",
        fmt::format("{} standbys follow, and none is waited for: a failover can lose promotions that were announced",
                    server.standbys),
        "synchronous_standby_names, if that matters; after a failover look at retraind.production again");
  }
  return ok("registry.durability",
            "commits are durable" + std::string(server.standbys > 0 ? ", on a standby too" : ""));
}

Finding judge_connections(const ServerFacts& server) {
  const int left = server.connection_limit - server.connections;
  const std::string said = fmt::format("{} of {} connections are in use", server.connections, server.connection_limit);
  const std::string remedy = "raise max_connections, end what is idle, or put PgBouncer in between";
  if (left < 5) return problem("registry.connections", said, remedy);
  if (left < 25) return warning("registry.connections", said + "; a busy daemon may want 25", remedy);
  return ok("registry.connections", said);
}

Finding judge_transactions(const ServerFacts& server) {
  if (server.oldest_prepared && *server.oldest_prepared > hours(1)) {
    return problem("registry.transactions",
                   fmt::format("a prepared transaction is {} old: nothing younger can be vacuumed",
                               rounded(*server.oldest_prepared)),
                   "COMMIT PREPARED or ROLLBACK PREPARED it: pg_prepared_xacts has its gid");
  }
  if (server.oldest_transaction && *server.oldest_transaction > hours(1)) {
    const std::string said = fmt::format("a transaction has been open for {}, by {}: nothing younger can be vacuumed",
                                         rounded(*server.oldest_transaction), server.oldest_by);
    const std::string remedy =
        "end it: SELECT pg_terminate_backend(pid); idle_in_transaction_session_timeout keeps it from coming back";
    return *server.oldest_transaction > hours(24) ? problem("registry.transactions", said, remedy)
                                                  : warning("registry.transactions", said, remedy);
  }
  return ok(
      "registry.transactions",
      server.sees_others
          ? "no transaction is older than an hour"
          : "no transaction of this login is older than an hour; those of others it cannot see (pg_read_all_stats)");
}

Finding judge_wraparound(const ServerFacts& server) {
  constexpr long long kLimit = 2000000000;
  const std::string said = fmt::format("the oldest transaction id is {} million old", server.wraparound_age / 1000000);
  const std::string remedy = "VACUUM (FREEZE) the database, and look for old transactions and replication slots";
  if (server.wraparound_age > kLimit / 2)
    return problem("registry.wraparound", said + "; the server stops at 2,000", remedy);
  if (server.wraparound_age > server.freeze_max_age + server.freeze_max_age / 5) {
    return warning("registry.wraparound",
                   fmt::format("{}, more than autovacuum_freeze_max_age ({} million): autovacuum does not keep up",
                               said, server.freeze_max_age / 1000000),
                   remedy);
  }
  return ok("registry.wraparound", said);
}

}  // namespace

ServerFacts read_server(store::Transaction& transaction, const std::string& conninfo) {
  const pqxx::result found = store::execute(transaction, kServer);
  Row row;
  for (const auto& field : found.at(0)) row.push_back(store::read<std::optional<std::string>>(field));
  return to_facts(row, conninfo);
}

ServerFacts read_server(source::Session& session, const std::string& conninfo) {
  const source::Result found = session.run(kServer);
  Row row;
  for (int i = 0; i < PQnfields(found.get()); ++i) {
    row.push_back(PQgetisnull(found.get(), 0, i) == 1 ? std::nullopt
                                                      : std::optional<std::string>(PQgetvalue(found.get(), 0, i)));
  }
  return to_facts(row, conninfo);
}

Findings judge_registry_server(const ServerFacts& server) {
  Findings out = {judge_version(server),     judge_writable(server),
                  judge_durability(server),  judge_encryption("registry.encryption", "the registry", server),
                  judge_connections(server), judge_transactions(server),
                  judge_wraparound(server)};
  if (!server.autovacuum) {
    out.push_back(problem("registry.autovacuum",
                          "autovacuum or track_counts is off: dead rows stay, and everything becomes slow",
                          "autovacuum = on and track_counts = on in postgresql.conf"));
  }
  return out;
}

Findings judge_source_server(const std::string& source, const ServerFacts& server, bool writes_scores) {
  const std::string whose = fmt::format("source \"{}\"", source);
  Findings out;
  const std::string remedy = "a login of its own with SELECT on what the query reads, and no more";
  if (server.superuser) {
    out.push_back(warning("source.login", fmt::format("{}: login {} is a superuser", whose, server.login), remedy));
  } else if (server.writable_tables > 0 && !writes_scores) {
    out.push_back(warning("source.login",
                          fmt::format("{}: login {} may write to {} tables; retraind only reads them", whose,
                                      server.login, server.writable_tables),
                          remedy));
  } else if (server.writable_tables > 1) {
    out.push_back(warning("source.login",
                          fmt::format("{}: login {} may write to {} tables; one for scores is enough", whose,
                                      server.login, server.writable_tables),
                          remedy + ", but for the table of scores"));
  } else {
    out.push_back(ok("source.login", fmt::format("{}: login {} may write to {}", whose, server.login,
                                                 writes_scores ? "the table of scores alone" : "nothing")));
  }
  out.push_back(judge_encryption("source.encryption", whose, server));
  return out;
}

Finding judge_clocks(std::string_view check, const std::string& first, TimePoint first_now, const std::string& second,
                     TimePoint second_now, Duration uncertainty) {
  const Duration apart = first_now > second_now ? first_now - second_now : second_now - first_now;
  if (apart <= seconds(2) + uncertainty) {
    return ok(check, fmt::format("{} and {} agree", first, second));
  }
  const std::string said =
      fmt::format("{} is {} {} {}", first, rounded(apart), first_now > second_now ? "ahead of" : "behind", second);
  const std::string remedy =
      "run chrony or systemd-timesyncd on both; due times and leases follow the registry's clock alone";
  return apart > minutes(5) ? problem(check, said, remedy) : warning(check, said, remedy);
}

}  // namespace retraind::doctor
