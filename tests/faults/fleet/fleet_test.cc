// Several daemons on one registry: whatever happens to the busiest, its work is taken over within the lease time plus
// six seconds, and nothing that it still believes is written.
//
// Incidents of other systems that this answers: a past leader that goes on believing that it leads (River, PRs 199 and
// 217); a worker given up for dead that finishes all the same, so that its job was finished and failed (solid_queue,
// 589 and 761); a heartbeat that fails while the process runs on (solid_queue 778, Airflow 6284); a scheduler that was
// killed while its task survived, so that a second one started (Airflow 23520).

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <iostream>
#include <map>

#include "tests/faults/trials/trials.h"
#include "tests/support/pg_sandbox.h"
#include "tests/support/tcp_proxy.h"

namespace retraind::testing {
namespace {

constexpr auto kLease = std::chrono::seconds(3);
constexpr double kMostTakeover = 3 + 6;

enum class Fault { kill, stop, cut };

const char* name_of(Fault fault) {
  switch (fault) {
    case Fault::kill:
      return "kill -9";
    case Fault::stop:
      return "SIGSTOP for three lease times";
    case Fault::cut:
      return "cut off from the registry";
  }
  return "";
}

class Fleet : public ::testing::Test {
 protected:
  struct Member {
    std::filesystem::path config;
    std::unique_ptr<TcpProxy> proxy;
    DaemonProcess* daemon = nullptr;
  };

  void SetUp() override {
    world.make_events();
    world.add_events(0, 1500, 0);
    TestConnection source = world.source.connect();
    make_slow_function(source);
  }

  static std::string model(const std::string& name, bool slow) {
    const std::string text = World::events_model(name, "max_attempts = 50", "shadow = \"0s\"\nbake = \"0s\"\n");
    return slow ? reading_slowly(text) : text;
  }

  void add_member(const std::string& name, const std::string& models) {
    Member& member = members[name];
    member.proxy = std::make_unique<TcpProxy>(PgSandbox::shared().folder());
    world.set_conninfo(member.proxy->conninfo(world.registry.name()), "");
    member.config =
        world.configure(models, fmt::format("lease_time = \"{}s\"\ndrain_timeout = \"0s\"\n", kLease.count()), name);
    member.daemon = &world.start(member.config);
  }

  std::set<pid_t> living() const {
    std::set<pid_t> out;
    for (const auto& [name, member] : members) out.insert(member.daemon->pid());
    return out;
  }

  // The instance that has model m's run in hand, in the middle of reading its rows.
  std::string busiest() {
    std::string out;
    (void)time_until(
        [&] {
          out = world.registry.text(
              "SELECT coalesce(max(instance), '') FROM retraind.run WHERE state = 'running' AND step = 'extract' AND "
              "worker_pid IS NOT NULL");
          return !out.empty();
        },
        std::chrono::seconds(60));
    return out;
  }

  void takeovers(Fault fault, int count) {
    Figure takeover(fmt::format("takeover of a run after: {}", name_of(fault)));
    Random random = random_of(name_of(fault));
    const int size = 2 + static_cast<int>(random.below(long_form() ? 4 : 2));
    for (int i = 0; i < size; ++i) add_member(std::string(1, static_cast<char>('a' + i)), model("m", true));
    ASSERT_TRUE(world.comes_true("SELECT count(*) = " + std::to_string(size) + " FROM retraind.daemon"));
    ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.production"));
    for (int i = 0; i < count; ++i) {
      SCOPED_TRACE(fmt::format("{} daemons, trial {}", size, i));
      ASSERT_TRUE(world.comes_true("SELECT NOT EXISTS (SELECT FROM retraind.run WHERE finished_at IS NULL)"));
      world.registry.exec("SELECT retraind.request_run('m', 'once more')");
      const std::string victim = busiest();
      ASSERT_NE(victim, "");
      Member& member = members.at(victim);
      const std::string run = world.registry.text("SELECT max(run_id) FROM retraind.run");
      const pid_t worker =
          std::stoi(world.registry.text("SELECT coalesce(worker_pid, 0) FROM retraind.run WHERE run_id = " + run));
      const auto begun = Clock::now();
      if (fault == Fault::kill) member.daemon->signal(SIGKILL);
      if (fault == Fault::stop) {
        member.daemon->signal(SIGSTOP);
        if (worker > 0) ::kill(worker, SIGSTOP);
      }
      if (fault == Fault::cut) member.proxy->set(ProxyMode::refuse);
      const auto taken = time_until(
          [&] {
            return world.holds(
                fmt::format("SELECT instance <> '{}' AND started_at IS NOT NULL AND state <> 'queued' FROM "
                            "retraind.run WHERE run_id = {}",
                            victim, run));
          },
          std::chrono::seconds(60));
      ASSERT_TRUE(taken) << "nobody took over";
      takeover.add(*taken);
      if (fault == Fault::kill) {
        EXPECT_EQ(member.daemon->wait(), 128 + SIGKILL);
        member.daemon = &world.start(member.config);
      }
      if (fault == Fault::stop) {
        (void)time_until([&] { return Clock::now() - begun >= 3 * kLease; }, std::chrono::seconds(30));
        if (worker > 0) ::kill(worker, SIGCONT);
        member.daemon->signal(SIGCONT);
        EXPECT_TRUE(time_until([&] { return !is_alive(worker); }, std::chrono::seconds(20)))
            << "the worker of a lease that was lost must go";
      }
      if (fault == Fault::cut) {
        EXPECT_TRUE(time_until([&] { return !is_alive(worker); }, std::chrono::seconds(20)))
            << "a daemon that is cut off ends its worker before its lease does";
        member.proxy->set(ProxyMode::pass);
      }
      ASSERT_TRUE(world.comes_true("SELECT finished_at IS NOT NULL FROM retraind.run WHERE run_id = " + run));
      EXPECT_EQ(what_is_broken(world, living()), "");
    }
    EXPECT_LT(takeover.quantile(0.99).count(), kMostTakeover);
  }

  World world;
  std::map<std::string, Member> members;
};

TEST_F(Fleet, TakesOverFromADaemonThatWasKilled) {
  takeovers(Fault::kill, trials(2, 100));
}

TEST_F(Fleet, TakesOverFromADaemonThatWasPausedAndBelievesNothingOfItAfterwards) {
  takeovers(Fault::stop, trials(2, 100));
}

TEST_F(Fleet, TakesOverFromADaemonThatWasCutOff) {
  takeovers(Fault::cut, trials(2, 100));
}

TEST_F(Fleet, HandsOverWithinASecondWhenADaemonIsTold) {
  Figure handover("hand-over of a run on SIGTERM");
  add_member("a", model("m", true));
  add_member("b", model("m", true));
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 2 FROM retraind.daemon"));
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.production"));
  const int count = trials(2, 100);
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(world.comes_true("SELECT NOT EXISTS (SELECT FROM retraind.run WHERE finished_at IS NULL)"));
    world.registry.exec("SELECT retraind.request_run('m', 'once more')");
    const std::string victim = busiest();
    ASSERT_NE(victim, "");
    const auto begun = Clock::now();
    members.at(victim).daemon->signal(SIGTERM);
    const auto taken = time_until(
        [&] {
          return world.holds(
              fmt::format("SELECT instance <> '{}' AND state = 'running' FROM retraind.run WHERE "
                          "run_id = (SELECT max(run_id) FROM retraind.run)",
                          victim));
        },
        std::chrono::seconds(30));
    ASSERT_TRUE(taken);
    handover.add(*taken);
    EXPECT_EQ(members.at(victim).daemon->wait(), 0);
    EXPECT_LT(Seconds(Clock::now() - begun).count(), 10);
    members.at(victim).daemon = &world.start(members.at(victim).config);
  }
  ASSERT_TRUE(world.comes_true("SELECT NOT EXISTS (SELECT FROM retraind.run WHERE finished_at IS NULL)"));
  EXPECT_EQ(what_is_broken(world, living()), "");
  EXPECT_LT(handover.quantile(0.5).count(), 1);
}

TEST_F(Fleet, SharesTheWorkFairly) {
  constexpr int kModels = 12;
  std::string models;
  for (int i = 0; i < kModels; ++i) models += model("m" + std::to_string(i), false);
  for (const char* name : {"a", "b", "c"}) add_member(name, models);
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 3 FROM retraind.daemon"));
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 12 FROM retraind.run WHERE finished_at IS NOT NULL",
                               std::chrono::seconds(180)));
  // The first daemon may have had a head start; from here on all three are there.
  for (int i = 0; i < kModels; ++i) {
    world.registry.exec(fmt::format("SELECT retraind.request_run('m{}', 'once more')", i));
  }
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 24 FROM retraind.run WHERE finished_at IS NOT NULL",
                               std::chrono::seconds(180)));
  for (const char* name : {"a", "b", "c"}) {
    const std::string share = world.registry.text(
        fmt::format("SELECT count(*) FROM retraind.run WHERE run_id > 12 AND instance = '{}'", name));
    std::cout << "figure: runs of daemon " << name << " among three, of 12: n=" << share << " failures=0" << std::endl;
    EXPECT_GE(std::stoi(share), 2) << name;
  }
  EXPECT_EQ(what_is_broken(world, living(), {.settled = true}), "");
}

}  // namespace
}  // namespace retraind::testing
