#pragma once
// A throw-away PostgreSQL cluster: made by initdb in a private folder under /tmp, reached over a Unix socket there,
// without fsync. PostgreSQL refuses to run as root, so the server runs as user postgres when the tests are root's. A
// small shell stands between the tests and the server: when the test process ends, in whatever way, the shell stops the
// server and removes the folder. Thread-safe except for stop, crash and start, which belong to one thread.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace retraind::testing {

class PgSandbox {
 public:
  // Makes a cluster and starts its server. `settings` are lines for postgresql.conf ("max_connections = 5"). Throws
  // std::runtime_error, with the server's log, when it does not come up.
  // With a `primary`, whose settings allow for it (wal_level = replica, max_wal_senders), the new one is its streaming
  // standby. `environment` is for the server, "NAME=VALUE".
  explicit PgSandbox(const std::vector<std::string>& settings = {}, const PgSandbox* primary = nullptr,
                     const std::vector<std::string>& environment = {});
  ~PgSandbox();
  PgSandbox(const PgSandbox&) = delete;
  PgSandbox& operator=(const PgSandbox&) = delete;

  // The cluster that all databases of this process live in; started when first asked for. A test that stops servers
  // makes a PgSandbox of its own instead.
  static PgSandbox& shared();
  // "NAME=VALUE" for the environment of that cluster's server, before anybody has asked for it.
  static void set_shared_environment(std::vector<std::string> environment);

  // "host=/tmp/retraind-pg-x port=5432 user=postgres dbname=NAME": good for every process of the same user.
  std::string conninfo(std::string_view database = "postgres") const;
  const std::filesystem::path& folder() const { return folder_; }
  // What the server has written so far.
  std::string log() const;

  void stop();   // as `pg_ctl stop -m fast`; returns when the server is gone
  void crash();  // as `pg_ctl stop -m immediate`: the next start recovers
  void start();  // returns when connections are accepted

 private:
  bool tell(std::string_view command);  // whether the shell's command succeeded
  void end();

  std::filesystem::path folder_;
  pid_t owner_ = -1;   // who made it: a forked child must not take it down
  pid_t keeper_ = -1;  // the shell
  int commands_ = -1;  // to the shell; its end of file means the end of the cluster
  int replies_ = -1;   // one line from the shell for each command
};

// Where Debian keeps initdb, postgres and pg_dump of the newest installed version, at least 15.
std::filesystem::path postgres_programs();

}  // namespace retraind::testing
