// What networks do between a daemon and its registry, by a proxy of the tests' own; notifications that are silently not
// delivered; and PgBouncer in transaction mode. The daemon is never restarted.
//
// Incidents of other systems that this answers: LISTEN that dies silently and is not subscribed anew, or spins
// (graphile-worker 541 and 449, Oban 1499, good_job 296); a half-open socket that hangs for want of a timeout
// (Hyperswitch 13629, River 1251 and 1255); session state that a pooler leaks or loses (PgBouncer in transaction mode).

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/faults/trials/loop_scene.h"
#include "tests/support/pg_bouncer.h"
#include "tests/support/pg_sandbox.h"
#include "tests/support/tcp_proxy.h"

namespace retraind::testing {
namespace {

class Network : public LoopScene {
 protected:
  void SetUp() override {
    LoopScene::SetUp();
    proxy = std::make_unique<TcpProxy>(PgSandbox::shared().folder());
    world.set_conninfo(proxy->conninfo(world.registry.name()), "");
    config = configure();
  }
  void wait_for(std::chrono::milliseconds length) {
    const auto begun = Clock::now();
    (void)time_until([&] { return Clock::now() - begun >= length; }, std::chrono::seconds(60));
  }

  std::unique_ptr<TcpProxy> proxy;
};

struct NetworkFault {
  ProxyMode mode;
  const char* name;
  std::chrono::milliseconds lasts;  // zero: it acts once
};

constexpr NetworkFault kFaults[] = {
    {ProxyMode::refuse, "connections refused", std::chrono::milliseconds(2000)},
    {ProxyMode::reset, "connections reset", std::chrono::milliseconds(300)},
    {ProxyMode::delay, "every message late by 100 ms", std::chrono::milliseconds(4000)},
    {ProxyMode::trickle, "3200 bytes a second", std::chrono::milliseconds(4000)},
    {ProxyMode::cut_before_commit, "cut before COMMIT", std::chrono::milliseconds(0)},
    {ProxyMode::cut_after_commit, "cut after COMMIT, its reply lost", std::chrono::milliseconds(0)},
    {ProxyMode::corrupt, "a corrupted byte", std::chrono::milliseconds(0)},
};

TEST_F(Network, MayDoWhatItLikesToTheRegistrysConnections) {
  begin();
  Random random = random_of("network faults");
  std::map<std::string, std::unique_ptr<Figure>> work;
  for (const NetworkFault& fault : kFaults) {
    work[fault.name] = std::make_unique<Figure>(std::string("at work again after: ") + fault.name);
  }
  const int count = trials(static_cast<int>(std::size(kFaults)), 50 * static_cast<int>(std::size(kFaults)));
  for (int i = 0; i < count; ++i) {
    const NetworkFault& fault = kFaults[static_cast<std::size_t>(i) % std::size(kFaults)];
    const auto after = std::chrono::milliseconds(random.below(2500));
    const std::string what = fmt::format("trial {}: {} after {} ms", i, fault.name, after.count());
    SCOPED_TRACE(what);
    ask_for_a_promotion();
    wait_for(after);
    const int before = proxy->acted();
    proxy->set(fault.mode);
    if (fault.lasts.count() > 0) {
      wait_for(fault.lasts);
    } else {
      ASSERT_TRUE(time_until([&] { return proxy->acted() > before; }, std::chrono::seconds(60))) << "never acted";
    }
    proxy->set(ProxyMode::pass);
    const auto at_work = until_at_work();
    ASSERT_TRUE(at_work) << daemon->log();
    work[fault.name]->add(*at_work);
    expect_all_well(what);
    if (HasFatalFailure()) return;
  }
}

TEST_F(Network, MayLoseTheReplyToTheCommitOfAVerdict) {
  begin();
  Figure lost("the reply to the COMMIT of a verdict is lost");
  const int count = trials(2, 50);
  for (int i = 0; i < count; ++i) {
    ask_for_a_promotion();
    const std::string run = world.registry.text("SELECT max(run_id) FROM retraind.run");
    // From the end of the worker's last step on, the next COMMITs are of the log and the verdict; which of them is cut
    // changes from trial to trial.
    ASSERT_TRUE(
        time_until([&] { return world.holds("SELECT step = 'evaluate' FROM retraind.run WHERE run_id = " + run); },
                   std::chrono::seconds(60)));
    for (int cut = 0;
         cut < 12 && !world.holds("SELECT finished_at IS NOT NULL FROM retraind.run WHERE run_id = " + run); ++cut) {
      const int before = proxy->acted();
      proxy->set(ProxyMode::cut_after_commit);
      (void)time_until([&] { return proxy->acted() > before; }, std::chrono::seconds(10));
    }
    proxy->set(ProxyMode::pass);
    expect_all_well(fmt::format("trial {}", i));
    if (HasFatalFailure()) return;
    EXPECT_EQ(
        world.registry.text("SELECT count(*) FROM retraind.promotion WHERE run_id = " + run +
                            " AND kind = 'promotion'"),
        world.registry.text("SELECT count(*) FROM retraind.run WHERE run_id = " + run + " AND state = 'promoted'"));
    lost.count();
  }
}

TEST_F(Network, AHalfOpenConnectionIsNoticedWithinTwentySeconds) {
  begin();
  Figure noticed("half-open connections noticed, and another way found");
  const int count = trials(1, 50);
  for (int i = 0; i < count; ++i) {
    const auto begun = Clock::now();
    // Every connection the daemon has stands still from now on; those it makes are let through.
    proxy->set(ProxyMode::half_open);
    // A trigger, and the upkeep that renews the daemon's row: each waits at a connection of its own.
    const std::string since = world.registry.text("SELECT clock_timestamp()");
    ASSERT_TRUE(until_at_work(std::chrono::seconds(60))) << daemon->log();
    ASSERT_TRUE(time_until(
        [&] {
          return world.holds("SELECT max(last_seen_at) > timestamptz '" + since +
                             "' + interval '1 s' FROM retraind.daemon");
        },
        std::chrono::seconds(60)))
        << daemon->log();
    noticed.add(Clock::now() - begun);
    // The listening one has nobody who waits for it; it is asked from time to time.
    EXPECT_TRUE(time_until([&] { return daemon->log().find("notifications are not heard") != std::string::npos; },
                           std::chrono::seconds(30)))
        << daemon->log();
    ask_for_a_promotion();
    expect_all_well(fmt::format("trial {}", i));
    proxy->set(ProxyMode::pass);
  }
  EXPECT_LT(noticed.quantile(0.99).count(), 20);
}

TEST_F(Network, NotificationsThatNeverComeCostThePollIntervalAndNoMore) {
  config = world.configure(model_text(), "lease_time = \"3s\"\npoll_interval = \"2s\"\n");
  begin();
  Figure heard("a signal to its evaluation, notified");
  Figure deaf("a signal to its evaluation, deaf, polling every 2 s");
  const int count = trials(5, 200);
  for (int i = 0; i < count; ++i) {
    const auto at_work = until_at_work();
    ASSERT_TRUE(at_work);
    heard.add(*at_work);
  }
  proxy->set(ProxyMode::deaf);
  for (int i = 0; i < count; ++i) {
    const auto at_work = until_at_work();
    ASSERT_TRUE(at_work);
    deaf.add(*at_work);
  }
  EXPECT_LT(deaf.quantile(0.99).count(), 2 + 1);
  ask_for_a_promotion();
  expect_all_well("deaf");
}

// PgBouncer in transaction mode, before both databases: every transaction may be another session.
class Pooler : public LoopScene {
 protected:
  void SetUp() override {
    if (!PgBouncer::available()) GTEST_SKIP() << "pgbouncer is not installed";
    LoopScene::SetUp();
    const PgBouncer& pooler = PgBouncer::shared();
    world.set_conninfo(pooler.conninfo(world.registry.name()), pooler.conninfo(world.source.name()));
    config = configure("a");
  }
};

TEST_F(Pooler, InTransactionModeServesTheWholeLoop) {
  ask_for_a_promotion();
  DaemonProcess& first = world.start(config);
  DaemonProcess& second = world.start(configure("b"));
  EXPECT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.production"));
  Figure promoted("promotions through PgBouncer in transaction mode");
  const int count = trials(2, 50);
  for (int i = 0; i < count; ++i) {
    ask_for_a_promotion();
    EXPECT_TRUE(comes_to_rest());
    EXPECT_TRUE(until_at_work());
    promoted.count();
  }
  EXPECT_EQ(what_is_broken(world, {first.pid(), second.pid()}, {.settled = true}), "");
  EXPECT_EQ(what_was_not_told(), "");
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0")
      << "no session lock outlives its transaction in the pool";
}

}  // namespace
}  // namespace retraind::testing
