#pragma once
// A PostgreSQL server as one connection sees it, the registry's or a source's: what is true of it, and what that means
// for retraind. Reading works inside the caller's transaction; judging is pure.

#include <optional>
#include <string>

#include "core/base/time.h"
#include "core/doctor/finding.h"

namespace retraind::store {
class Transaction;
}
namespace retraind::source {
class Session;
}

namespace retraind::doctor {

struct ServerFacts {
  int version_number = 0;  // 150020
  std::string version;     // "15.20 (Debian 15.20-1)"
  bool standby = false;
  bool read_only = false;  // default_transaction_read_only
  std::string login;
  bool superuser = false;
  std::string synchronous_commit = "on";
  bool fsync = true;
  int standbys = 0;                   // that follow this server
  bool synchronous_standbys = false;  // some are waited for
  bool encrypted = false;
  bool local = true;    // a Unix socket or a loopback address
  std::string sslmode;  // as the connection string says; "" when it does not
  TimePoint now{};
  int connections = 0;                         // that clients have
  int connection_limit = 0;                    // for those who are no superusers
  std::optional<Duration> oldest_transaction;  // of those that this login can see, its own left out
  std::string oldest_by;                       // who has it open: "pid 4711 (psql)"
  bool sees_others = false;                    // whether it can see those of other logins
  std::optional<Duration> oldest_prepared;
  long long wraparound_age = 0;
  long long freeze_max_age = 200000000;
  bool autovacuum = true;
  int writable_tables = 0;  // outside of the schema retraind: where this login may insert, update or delete
};

ServerFacts read_server(store::Transaction& transaction, const std::string& conninfo);
ServerFacts read_server(source::Session& session, const std::string& conninfo);

// The checks registry.version to registry.autovacuum, but for registry.clock.
Findings judge_registry_server(const ServerFacts& server);
// source.login and source.encryption. `writes_scores`: the configuration has scores written there.
Findings judge_source_server(const std::string& source, const ServerFacts& server, bool writes_scores);

// Of two clocks that were read within `uncertainty` of each other. `first` is whose is meant: "this host".
Finding judge_clocks(std::string_view check, const std::string& first, TimePoint first_now, const std::string& second,
                     TimePoint second_now, Duration uncertainty);

}  // namespace retraind::doctor
