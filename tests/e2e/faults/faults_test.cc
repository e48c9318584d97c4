// What goes wrong around a daemon, with the real binary: crashes, lost connections, other daemons, full disks. After
// each of them nothing is lost, nothing is doubled, and the registry says what happened.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

// A model whose extraction takes some seconds: every row waits a little at the source.
std::string slow_model(const std::string& name) {
  std::string text = World::events_model(name);
  const std::string query = "SELECT ts, x1, x2, colour, y FROM events";
  text.replace(text.find(query), query.size(), "SELECT ts, slow(x1) AS x1, x2, colour, y FROM events");
  return text;
}

void make_slow_events(World& world) {
  world.make_events();
  world.add_events(0, 2000, 0);
  world.source.exec(
      "CREATE FUNCTION slow(x double precision) RETURNS double precision LANGUAGE plpgsql AS "
      "$$ BEGIN IF random() < 0.4 THEN PERFORM pg_sleep(0.001); END IF; RETURN x; END $$");
}

constexpr const char* kShortLease = "lease_time = \"3s\"\n";
constexpr const char* kExtracting =
    "SELECT state = 'running' AND step = 'extract' AND worker_pid IS NOT NULL FROM retraind.run";

pid_t worker_of(World& world) {
  return std::stoi(world.registry.text("SELECT worker_pid FROM retraind.run WHERE state = 'running'"));
}

bool is_alive(pid_t pid) {
  // A zombie is dead: it only waits for init to look.
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string id;
  std::string name;
  std::string state;
  status >> id >> name >> state;
  return !state.empty() && state != "Z" && state != "X";
}

TEST(Faults, AKilledDaemonLeavesNoWorkerAndItsRunIsTakenBackByTheNext) {
  World world;
  make_slow_events(world);
  const auto config = world.configure(slow_model("m"), kShortLease);
  DaemonProcess& first = world.start(config);
  ASSERT_TRUE(world.comes_true(kExtracting));
  const pid_t worker = worker_of(world);
  first.signal(SIGKILL);
  EXPECT_EQ(first.wait(), 128 + SIGKILL);
  EXPECT_TRUE(world.comes_true([&] { return !is_alive(worker); }, "the worker dies with its daemon"));

  world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT state = 'promoted' AND attempt = 2 FROM retraind.run_history"));
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.promotion_history"), "1");
  EXPECT_EQ(world.registry.text("SELECT string_agg(to_state, ' ' ORDER BY event_id) FROM retraind.run_event"),
            "queued running queued running promoted");
  // The folder that the killed daemon left is gone too.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(world.state_dir() / "work"),
                          std::filesystem::directory_iterator()),
            1);
}

TEST(Faults, ACrashedWorkerIsTriedAgainAndGivenUpAfterTheLastAttempt) {
  World world;
  make_slow_events(world);
  std::string model = slow_model("m");
  model.replace(model.find("rounds = 20"), 11, "rounds = 20\nmax_attempts = 1");
  world.start(world.configure(model, kShortLease));
  ASSERT_TRUE(world.comes_true(kExtracting));
  // A signal that the sanitizers leave alone.
  ::kill(worker_of(world), SIGABRT);
  ASSERT_TRUE(world.comes_true("SELECT state = 'failed' FROM retraind.run_history"));
  const std::string reason = world.registry.text("SELECT reason FROM retraind.run_history");
  EXPECT_NE(reason.find("gave up after 1 attempts: the worker ended by signal 6 (Aborted)"), std::string::npos)
      << reason;
  // What the worker had said is kept with the attempt.
  EXPECT_NE(world.registry.text("SELECT text FROM retraind.run_log").find("extract begins"), std::string::npos);
}

TEST(Faults, ASourceThatGoesAwayInMidCopyIsTriedAgain) {
  World world;
  make_slow_events(world);
  world.start(world.configure(slow_model("m"), kShortLease));
  ASSERT_TRUE(world.comes_true(kExtracting));
  ASSERT_TRUE(world.comes_true(
      [&] {
        return world.source.text(
                   "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE "
                   "'retraind run%' AND query LIKE '%COPY%'") == "1";
      },
      "the COPY is under way"));
  ASSERT_TRUE(world.comes_true("SELECT state = 'queued' AND attempt = 2 FROM retraind.run_history"));
  const std::string reason = world.registry.text("SELECT reason FROM retraind.run_history");
  EXPECT_NE(reason.find("step extract"), std::string::npos) << reason;
  ASSERT_TRUE(world.comes_true("SELECT state = 'promoted' FROM retraind.run_history"));
}

TEST(Faults, ATableDroppedInMidRunFailsTheNextRunAndSaysSo) {
  World world;
  make_slow_events(world);
  world.start(world.configure(slow_model("m")));
  ASSERT_TRUE(world.comes_true(kExtracting));
  ASSERT_TRUE(world.comes_true(
      [&] {
        return world.source.text(
                   "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'retraind run%' AND query LIKE "
                   "'%COPY%'") == "1";
      },
      "the COPY is under way"));
  world.source.exec("DROP TABLE events");  // waits for the snapshot that is being read
  ASSERT_TRUE(world.comes_true("SELECT state = 'promoted' FROM retraind.run_history"));
  world.registry.exec("SELECT retraind.request_run('m', 'once more')");
  ASSERT_TRUE(world.comes_true("SELECT state = 'failed' FROM retraind.run_history WHERE trigger = 'manual'"));
  const std::string reason = world.registry.text("SELECT reason FROM retraind.run_history WHERE trigger = 'manual'");
  EXPECT_NE(reason.find("\"events\" does not exist"), std::string::npos) << reason;
  EXPECT_EQ(world.registry.text("SELECT version FROM retraind.production"), "1");
}

TEST(Faults, StoppingHandsARunBackAndTheNextDaemonFinishesIt) {
  World world;
  make_slow_events(world);
  const auto config = world.configure(slow_model("m"), "drain_timeout = \"0s\"\n");
  DaemonProcess& first = world.start(config);
  ASSERT_TRUE(world.comes_true(kExtracting));
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(world.registry.text("SELECT state FROM retraind.run_history"), "queued");
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.daemon WHERE stopped_at IS NOT NULL"), "1");
  world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT state = 'promoted' FROM retraind.run_history"));
}

TEST(Faults, TwoDaemonsShareARegistryWithoutDoublingAnything) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  std::string models;
  for (int i = 0; i < 6; ++i) models += World::events_model("m" + std::to_string(i));
  world.start(world.configure(models, "", "alpha"));
  world.start(world.configure(models, "", "beta"));
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 6 FROM retraind.production"));
  ASSERT_TRUE(world.comes_true("SELECT NOT EXISTS (SELECT FROM retraind.run_history WHERE finished_at IS NULL)"));
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.run_history"), "6");
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.promotion_history"), "6");
  EXPECT_EQ(world.registry.text("SELECT max(attempt) FROM retraind.run_history"), "1");
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.trigger_history WHERE decision = 'fired'"), "6");
}

TEST(Faults, APausedDaemonWritesNothingUnderItsOldLease) {
  World world;
  make_slow_events(world);
  const auto config = world.configure(slow_model("m"), kShortLease, "alpha");
  DaemonProcess& first = world.start(config);
  ASSERT_TRUE(world.comes_true(kExtracting));
  const pid_t worker = worker_of(world);
  first.signal(SIGSTOP);
  ::kill(worker, SIGSTOP);
  world.start(world.configure(slow_model("m"), kShortLease, "beta"));
  ASSERT_TRUE(
      world.comes_true("SELECT state = 'promoted' AND attempt = 2 AND instance = 'beta' FROM retraind.run_history"));
  ::kill(worker, SIGCONT);
  first.signal(SIGCONT);
  ASSERT_TRUE(world.comes_true([&] { return first.log().find("lease was lost") != std::string::npos; },
                               "the paused daemon notices"));
  EXPECT_TRUE(world.comes_true([&] { return !is_alive(worker); }, "its worker is killed"));
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.promotion_history"), "1");
  EXPECT_EQ(world.registry.text("SELECT instance || attempt FROM retraind.run_history"), "beta2");
}

TEST(Faults, CancellingStopsTheWorkerAtTheNextHeartbeat) {
  World world;
  make_slow_events(world);
  const auto config = world.configure(slow_model("m"), kShortLease);
  world.start(config);
  ASSERT_TRUE(world.comes_true(kExtracting));
  const pid_t worker = worker_of(world);
  EXPECT_EQ(world.run({"cancel", "1", "--reason", "wrong day", "--config", config.string()}).exit_code, 0);
  ASSERT_TRUE(world.comes_true("SELECT state = 'cancelled' FROM retraind.run_history WHERE run_id = 1"));
  EXPECT_FALSE(is_alive(worker));
}

TEST(Faults, ARunInTheMiddleOfItsTrainingSaysHowFarItIsAndCanBeCancelledInSql) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  std::string model = World::events_model("m");
  model.replace(model.find("rounds = 20"), 11, "rounds = 100000");
  const auto config = world.configure(model, kShortLease);
  world.start(config);
  // Two notes at least, one after the other.
  ASSERT_TRUE(world.comes_true("SELECT progress_done > 0 FROM retraind.run WHERE step = 'train'"));
  const std::string done = world.registry.text("SELECT progress_done FROM retraind.run");
  ASSERT_TRUE(world.comes_true("SELECT progress_done > " + done + " FROM retraind.run"));
  EXPECT_EQ(world.registry.text("SELECT concat_ws(' ', step, total, unit, done < total, started_at < noted_at) FROM "
                                "retraind.step_history WHERE finished_at IS NULL"),
            "train 100000 rounds t t");
  const std::string status = world.run({"status", "--config", config.string()}).output;
  EXPECT_NE(status.find("/100000 rounds"), std::string::npos) << status;
  const pid_t worker = worker_of(world);
  EXPECT_EQ(world.registry.text("SELECT retraind.cancel(1, 'wrong day')").substr(0, 9), "requested");
  ASSERT_TRUE(world.comes_true("SELECT state = 'cancelled' FROM retraind.run_history WHERE run_id = 1"));
  EXPECT_FALSE(is_alive(worker));
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.step_history WHERE finished_at IS NULL"), "0");
  EXPECT_EQ(world.registry.text("SELECT num_nonnulls(open_run_id, open_run_done) FROM retraind.status"), "0");
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.model_version"), "0");
}

TEST(Faults, ARunThatIsStillQueuedIsCancelledAtOnceAndNeedsNoDaemonForIt) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  const auto config = world.configure(World::events_model("m"));
  DaemonProcess& daemon = world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.production"));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
  EXPECT_EQ(world.run({"trigger", "m", "--config", config.string()}).output, "run 2\n");
  EXPECT_EQ(world.run({"cancel", "2", "--config", config.string()}).exit_code, 2) << "without a reason";
  const CommandResult cancelled = world.run({"cancel", "2", "--reason", "not now", "--config", config.string()});
  EXPECT_EQ(cancelled.exit_code, 0);
  EXPECT_EQ(cancelled.output, "cancelled\n");
  EXPECT_EQ(
      world.registry.text("SELECT state || ' ' || (started_at IS NULL) FROM retraind.run_history WHERE run_id = 2"),
      "cancelled true");
  EXPECT_NE(world.registry.text("SELECT reason FROM retraind.run_history WHERE run_id = 2").find(": not now"),
            std::string::npos);
}

TEST(Faults, ARunThatTakesTooLongFails) {
  World world;
  make_slow_events(world);
  std::string model = slow_model("m");
  model.replace(model.find("rounds = 20"), 11, "rounds = 20\ntimeout = \"1s\"");
  world.start(world.configure(model));
  ASSERT_TRUE(world.comes_true("SELECT state = 'failed' FROM retraind.run_history"));
  EXPECT_EQ(world.registry.text("SELECT reason FROM retraind.run_history"), "took longer than training.timeout = 1s");
}

TEST(Faults, AFullDiskFailsTheAttemptAndLeavesNothingBehind) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  const std::filesystem::path small = world.folder() / "small";
  std::filesystem::create_directory(small);
  if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=16k") != 0)
    GTEST_SKIP() << "a small disk cannot be mounted here (needs root)";
  world.set_state_dir(small);
  std::string model = World::events_model("m");
  model.replace(model.find("rounds = 20"), 11, "rounds = 20\nmax_attempts = 1");
  DaemonProcess& daemon = world.start(world.configure(model));
  const bool failed = world.comes_true("SELECT state = 'failed' FROM retraind.run_history");
  const std::string reason = world.registry.text("SELECT coalesce(max(reason), '') FROM retraind.run_history");
  const std::string artifacts = world.registry.text("SELECT count(*) FROM retraind.artifact");
  daemon.signal(SIGTERM);
  daemon.wait();
  ::umount2(small.c_str(), MNT_DETACH);
  EXPECT_TRUE(failed);
  EXPECT_NE(reason.find("No space left on device"), std::string::npos) << reason;
  EXPECT_EQ(artifacts, "0");
}

TEST(Faults, ARegistryThatGoesAwayIsWaitedForAndNothingIsLost) {
  World world;
  make_slow_events(world);
  DaemonProcess& daemon = world.start(world.configure(slow_model("m"), kShortLease));
  ASSERT_TRUE(world.comes_true(kExtracting));
  for (int i = 0; i < 5; ++i) world.registry.terminate_others();
  ASSERT_TRUE(world.comes_true("SELECT state = 'promoted' FROM retraind.run_history"));
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.promotion_history"), "1");
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
}

}  // namespace
}  // namespace retraind::testing
