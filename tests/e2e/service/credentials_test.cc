// The password file that systemd hands over: the daemon and its workers log in by it, and trainers do not see it.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/e2e/world/world.h"
#include "tests/support/pg_sandbox.h"

namespace retraind::testing {
namespace {

TEST(Credentials, LetTheDaemonAndItsWorkersLogInAndAreSaidNowhere) {
  World world;
  const auto hba = world.folder() / "pg_hba.conf";
  std::ofstream(hba) << "local all postgres trust\nlocal all all scram-sha-256\n";
  std::filesystem::permissions(world.folder(), std::filesystem::perms(0755));
  std::filesystem::permissions(hba, std::filesystem::perms(0644));
  PgSandbox cluster({fmt::format("hba_file = '{}'", hba.string())});
  TestConnection owner(cluster.conninfo());
  owner.exec("CREATE ROLE app LOGIN PASSWORD 'hunter2'; GRANT pg_read_all_data TO app");
  owner.exec(
      "CREATE TABLE events AS SELECT '2026-01-01 00:00+00'::timestamptz + i * interval '1 minute' AS ts,"
      " sin(i * 1.7) AS x1, cos(i * 0.3) AS x2, (sin(i * 1.7) > 0)::int AS y FROM generate_series(1, 2000) i");

  const auto write = [&](const std::string& name, const std::string& user) {
    const auto file = world.folder() / (name + ".toml");
    std::string conninfo = cluster.conninfo();
    conninfo.replace(conninfo.find("user=postgres"), 13, "user=" + user);
    std::ofstream(file)
        << "[daemon]\nstate_dir = \"" << world.state_dir().string() << "\"\npoll_interval = \"200ms\"\n"
        << "[registry]\nconninfo = \"" << conninfo << "\"\n[source.data]\nconninfo = \"" << conninfo
        << "\"\n[model.m]\nsource = \"data\"\nquery = \"SELECT ts, x1, x2, y FROM events\"\n"
        << "time_column = \"ts\"\nlabel = \"y\"\ntask = \"binary\"\n[model.m.training]\nmin_rows = 200\n"
        << "rounds = 5\n[model.m.validation]\ncluster = \"1h\"\n";
    return file;
  };
  ASSERT_EQ(world.run({"migrate", "--config", write("owner", "postgres").string()}).exit_code, 0);
  owner.exec("GRANT retraind_daemon TO app");

  const auto credentials = world.folder() / "credentials";
  std::filesystem::create_directory(credentials);
  std::ofstream(credentials / "pgpass") << "*:*:*:app:hunter2\n";
  ::chmod((credentials / "pgpass").c_str(), 0400);
  const auto config = write("app", "app");
  DaemonProcess& daemon = world.start(config, {"CREDENTIALS_DIRECTORY=" + credentials.string(), "PGPASSFILE="});
  ASSERT_TRUE(world.comes_true([&] { return owner.text("SELECT count(*) FROM retraind.production") == "1"; },
                               "a version in production"));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
  EXPECT_EQ(daemon.log().find("hunter2"), std::string::npos) << daemon.log();

  // Without them nobody gets in, so that they were what did it.
  EXPECT_EQ(world.run({"status", "--config", config.string()}).exit_code, 4);
}

}  // namespace
}  // namespace retraind::testing
