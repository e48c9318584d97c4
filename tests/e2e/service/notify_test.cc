// The daemon as a unit of Type=notify: what its service manager hears from the start to the end, and when the watchdog
// goes hungry.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <time.h>

#include <fstream>

#include "tests/e2e/service/service_manager.h"
#include "tests/e2e/world/world.h"
#include "tests/support/pg_sandbox.h"

namespace retraind::testing {
namespace {

using std::chrono::seconds;

std::int64_t monotonic_microseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

std::vector<std::string> notifying(const DatagramSocket& manager, const char* watchdog_usec = "2000000") {
  return {"NOTIFY_SOCKET=" + manager.path().string(), fmt::format("WATCHDOG_USEC={}", watchdog_usec)};
}

// Where a message is among those that came; their number when it is not there.
std::size_t place_of(const std::vector<std::string>& messages, const std::string& line, std::size_t from = 0) {
  while (from < messages.size() && !DatagramSocket::has_line(messages[from], line)) ++from;
  return from;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ServiceManager, HearsOfTheStartOfReloadsAndOfTheEnd) {
  World world;
  world.make_events();
  DatagramSocket manager(world.folder() / "notify");
  const auto config = world.configure(World::events_model("m"));
  DaemonProcess& daemon = world.start(config, notifying(manager));
  ASSERT_TRUE(world.comes_true([&] { return manager.count("READY=1") == 1; }, "READY"));
  EXPECT_TRUE(world.comes_to_say(daemon, " ready: instance retraind, 1 models"));
  EXPECT_TRUE(world.comes_true([&] { return contains(manager.newest("STATUS"), "; 1 model"); }, "a status"));
  EXPECT_TRUE(world.comes_true([&] { return manager.count("WATCHDOG=1") >= 3; }, "the watchdog is fed"));

  // A good file.
  world.configure(World::events_model("m", "max_attempts = 2\n") + World::events_model("n"),
                  "drain_timeout = \"7s\"\n");
  const std::int64_t before = monotonic_microseconds();
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_true([&] { return manager.count("READY=1") == 2; }, "READY after a reload"));
  auto messages = manager.messages();
  const std::size_t reloading = place_of(messages, "RELOADING=1");
  ASSERT_LT(reloading, place_of(messages, "READY=1", place_of(messages, "READY=1") + 1));
  const std::string since = DatagramSocket::value_of(messages[reloading], "MONOTONIC_USEC");
  ASSERT_FALSE(since.empty());
  EXPECT_GE(std::stoll(since), before);
  EXPECT_LE(std::stoll(since), monotonic_microseconds());
  EXPECT_TRUE(world.comes_to_say(daemon,
                                 "configuration reloaded: added n; changed m (training.max_attempts); 0 models "
                                 "unchanged; changed daemon.drain_timeout"));
  EXPECT_TRUE(world.comes_to_say(daemon, "[model=m] model changed: training.max_attempts"));
  EXPECT_TRUE(world.comes_true([&] { return contains(manager.newest("STATUS"), "; 2 models"); }, "the new status"));

  // A bad one.
  std::ofstream(config, std::ios::app) << "\n[daemon]\nwindw = 3\n";
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_true([&] { return manager.count("READY=1") == 3; }, "READY after a reload that failed"));
  EXPECT_EQ(manager.count("RELOADING=1"), 2u);
  EXPECT_TRUE(world.comes_true(
      [&] {
        const std::string status = manager.newest("STATUS");
        return status.starts_with("last reload failed at ") && contains(status, "first: ") &&
               contains(status, "retraind.toml:") && contains(status, "; the settings before are in force; ");
      },
      "the status says that the reload failed"));
  EXPECT_TRUE(world.comes_to_say(daemon, "[event=reload_failed] "));

  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
  messages = manager.messages();
  const std::size_t stopping = place_of(messages, "STOPPING=1");
  ASSERT_LT(stopping, messages.size());
  EXPECT_TRUE(DatagramSocket::value_of(messages[stopping], "STATUS").starts_with("stopping"));
  EXPECT_EQ(DatagramSocket::value_of(messages[stopping], "EXTEND_TIMEOUT_USEC"), "67000000");
  EXPECT_EQ(place_of(messages, "READY=1", stopping), messages.size());
}

TEST(ServiceManager, IsToldWhatRunsAndWhatAStopWaitsFor) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  world.source.exec(
      "CREATE FUNCTION slow(x double precision) RETURNS double precision LANGUAGE plpgsql AS "
      "$$ BEGIN IF random() < 0.4 THEN PERFORM pg_sleep(0.002); END IF; RETURN x; END $$");
  std::string model = World::events_model("m");
  const std::string query = "SELECT ts, x1, x2";
  model.replace(model.find(query), query.size(), "SELECT ts, slow(x1) AS x1, x2");
  DatagramSocket manager(world.folder() / "notify");
  DaemonProcess& daemon = world.start(world.configure(model, "drain_timeout = \"50s\"\n"), notifying(manager));
  ASSERT_TRUE(world.comes_true([&] { return manager.newest("STATUS").starts_with("1 run; 1 model"); }, "1 run"));

  // A worker inherits nothing by which it could speak for the service. Only root may look into it.
  ASSERT_TRUE(world.comes_true("SELECT worker_pid IS NOT NULL FROM retraind.run"));
  std::ifstream in("/proc/" + world.registry.text("SELECT worker_pid FROM retraind.run") + "/environ");
  const std::string environment{std::istreambuf_iterator<char>(in), {}};
  if (!environment.empty()) {
    EXPECT_TRUE(contains(environment, "PATH="));
    EXPECT_FALSE(contains(environment, "NOTIFY_SOCKET"));
    EXPECT_FALSE(contains(environment, "WATCHDOG"));
  }

  daemon.signal(SIGTERM);
  ASSERT_TRUE(world.comes_true([&] { return manager.count("STOPPING=1") == 1; }, "STOPPING"));
  EXPECT_EQ(manager.newest("STATUS"), "stopping: 1 run has 50s to end");
  const std::size_t fed = manager.count("WATCHDOG=1");
  EXPECT_TRUE(world.comes_true([&] { return manager.count("WATCHDOG=1") > fed; }, "the watchdog is fed to the end"));
  EXPECT_EQ(daemon.wait(), 0);
  EXPECT_EQ(world.registry.text("SELECT state FROM retraind.run_history"), "promoted");
}

TEST(ServiceManager, DoesNotWaitForARegistryThatIsNotThere) {
  PgSandbox cluster;
  World world;
  const auto config = world.folder() / "later.toml";
  const auto write = [&](const std::string& more) {
    std::ofstream(config) << "[daemon]\nstate_dir = \"" << world.state_dir().string() << "\"\n[registry]\nconninfo = \""
                          << cluster.conninfo() << "\"\n"
                          << more;
  };
  write("");
  ASSERT_EQ(world.run({"migrate", "--config", config.string()}).exit_code, 0);
  cluster.stop();
  DatagramSocket manager(world.folder() / "notify");
  DaemonProcess& daemon = world.start(config, notifying(manager));
  ASSERT_TRUE(world.comes_true([&] { return manager.count("READY=1") > 0; }, "READY without a registry"));
  EXPECT_TRUE(manager.newest("STATUS").starts_with("the registry cannot be used since ")) << manager.newest("STATUS");
  EXPECT_TRUE(contains(manager.newest("STATUS"), "; waiting for the registry"));
  EXPECT_TRUE(world.comes_true([&] { return manager.count("WATCHDOG=1") >= 2; }, "the watchdog is fed meanwhile"));

  // A reload now, the bad and the good: neither ends the daemon.
  write("[nonsense]\n");
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_true([&] { return contains(daemon.log(), "event=reload_failed"); }, "the reload fails"));
  write("[log]\nlevel = \"debug\"\n");
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_true([&] { return contains(daemon.log(), "was read again, for when the registry"); },
                               "the reload is kept for later"));

  cluster.start();
  ASSERT_TRUE(world.comes_true([&] { return contains(daemon.log(), " ready: instance "); }, "the loops run"));
  EXPECT_TRUE(world.comes_true([&] { return manager.newest("STATUS") == "idle; 0 models"; }, "the status is good"));
  EXPECT_TRUE(contains(daemon.log(), "the registry does what it is asked again, after ")) << daemon.log();

  // And away again, which is said once.
  cluster.stop();
  ASSERT_TRUE(world.comes_true(
      [&] { return manager.newest("STATUS").starts_with("the registry cannot be used since "); }, "the status is bad"));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
  const std::string log = daemon.log();
  std::size_t told = 0;
  for (auto at = log.find("event=registry_unavailable"); at != std::string::npos;
       at = log.find("event=registry_unavailable", at + 1)) {
    ++told;
  }
  EXPECT_EQ(told, 2u) << log;
}

TEST(ServiceManager, StopsADaemonThatWaitsForItsRegistry) {
  World world;
  const auto config = world.folder() / "nowhere.toml";
  std::ofstream(config) << "[daemon]\nstate_dir = \"" << world.state_dir().string()
                        << "\"\n[registry]\nconninfo = \"host=/nonexistent dbname=d\"\n";
  DatagramSocket manager(world.folder() / "notify");
  DaemonProcess& daemon = world.start(config, notifying(manager));
  ASSERT_TRUE(world.comes_true([&] { return manager.count("READY=1") > 0; }, "READY without a registry"));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
  EXPECT_EQ(manager.count("STOPPING=1"), 1u);
}

TEST(ServiceManager, IsNotToldThatADaemonIsReadyWhoseSchemaDoesNotFit) {
  World world;
  TestDatabase empty;
  const auto config = world.folder() / "empty.toml";
  std::ofstream(config) << "[daemon]\nstate_dir = \"" << world.state_dir().string() << "\"\n[registry]\nconninfo = \""
                        << empty.conninfo() << "\"\n";
  DatagramSocket manager(world.folder() / "notify");
  DaemonProcess& daemon = world.start(config, notifying(manager));
  EXPECT_EQ(daemon.wait(), 3);
  EXPECT_EQ(manager.count("READY=1"), 0u);
  EXPECT_TRUE(contains(daemon.log(), "run `retraind migrate`")) << daemon.log();
}

TEST(Watchdog, GoesHungryWhenALoopStandsStillAndIsFedAgainWhenItGoesOn) {
  World world;
  world.make_events();
  DatagramSocket manager(world.folder() / "notify");
  DaemonProcess& daemon = world.start(world.configure(World::events_model("m")), notifying(manager));
  ASSERT_TRUE(world.comes_true([&] { return manager.count("WATCHDOG=1") > 0; }, "the watchdog is fed"));

  // Servers that take no part any more and close nothing: no time-out of libpq's or of the server's ends this.
  const auto backends = world.registry.rows(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'retraind %'");
  ASSERT_FALSE(backends.empty());
  const auto tell_backends = [&](int number) {
    for (const TextRow& row : backends) ::kill(std::stoi(*row.at(0)), number);
  };
  tell_backends(SIGSTOP);
  const auto stopped_at = std::chrono::steady_clock::now();
  // Nobody is blamed before 90 s have passed.
  const bool told =
      world.comes_true([&] { return contains(daemon.log(), "event=loop_stuck"); }, "a loop is stuck", seconds(240));
  const auto after = std::chrono::steady_clock::now() - stopped_at;
  const std::size_t fed = manager.count("WATCHDOG=1");
  const std::string status = manager.newest("STATUS");
  EXPECT_TRUE(told);
  EXPECT_GE(after, seconds(85));
  EXPECT_GT(fed, 40u);
  EXPECT_TRUE(contains(daemon.log(), "stands still: ")) << daemon.log();
  EXPECT_TRUE(contains(daemon.log(), "the watchdog is not fed, and the service manager will end the daemon"));
  // Three times of what it should be fed in.
  const auto hungry_until = std::chrono::steady_clock::now() + seconds(6);
  EXPECT_TRUE(world.comes_true([&] { return std::chrono::steady_clock::now() > hungry_until; }, "time passes"));
  EXPECT_EQ(manager.count("WATCHDOG=1"), fed);
  EXPECT_TRUE(contains(manager.newest("STATUS"), "stands still since ")) << status;

  tell_backends(SIGCONT);
  EXPECT_TRUE(world.comes_true([&] { return contains(daemon.log(), "goes on again, after "); }, "the loop goes on"));
  EXPECT_TRUE(world.comes_true([&] { return manager.count("WATCHDOG=1") > fed; }, "the watchdog is fed again"));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
}

}  // namespace
}  // namespace retraind::testing
