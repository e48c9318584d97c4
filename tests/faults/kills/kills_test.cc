// kill -9 of daemons and workers, at each named point and at random times: nothing is lost, nothing doubled, nothing
// left behind, and the next daemon is at work within seconds.

#include <fmt/format.h>
#include <signal.h>

#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "tests/faults/trials/loop_scene.h"

namespace retraind::testing {
namespace {

struct Point {
  const char* name;
  const char* of;
  bool in_worker = false;
};

// Each is passed on the way from a start to a promotion that everybody was told of.
constexpr Point kPoints[] = {
    {"before_commit", "register daemon"},
    {"after_commit", "register daemon"},
    {"before_commit", "claim triggers"},
    {"after_commit", "claim triggers"},
    {"before_commit", "record trigger outcome"},
    {"after_commit", "record trigger outcome"},
    {"before_commit", "claim run"},
    {"after_commit", "claim run"},
    {"after_commit", "prepare job"},
    {"before_fsync", "job.json"},
    {"before_rename", "job.json"},
    {"after_rename", "job.json"},
    {"before_spawn", "worker"},
    {"after_spawn", "worker"},
    {"before_commit", "renew lease"},
    {"after_commit", "renew lease"},
    {"before_commit", "record step"},
    {"after_commit", "record step"},
    {"before_fsync", "candidate.tar", true},
    {"before_rename", "result.json", true},
    {"after_rename", "result.json", true},
    {"before_commit", "conclude run"},
    {"after_commit", "conclude run"},
    {"before_commit", "claim release"},
    {"after_commit", "claim release"},
    {"before_delivery", "directory"},
    {"before_fsync", "manifest.json"},
    {"before_rename", "current"},
    {"after_rename", "current"},
    {"after_delivery", "directory"},
    {"before_spawn", "announce"},
    {"after_spawn", "announce"},
    {"after_delivery", "command"},
    {"before_commit", "record delivery"},
    {"after_commit", "record delivery"},
    {"after_notification", "run"},
    {"after_notification", "release"},
    {"before_commit", "upkeep"},
    {"after_commit", "upkeep"},
};

class Kills : public LoopScene {
 protected:
  // After the fault: a daemon of the next start, which must find its way, and what it finds.
  void recover(const std::string& what, Figure& restart, Figure& stop) {
    DaemonProcess& next = world.start(config);
    const auto at_work = until_at_work();
    ASSERT_TRUE(at_work) << what << ": the next daemon did not begin to work\n" << next.log();
    restart.add(*at_work);
    ASSERT_TRUE(comes_to_rest()) << what;
    const std::string broken = what_is_broken(world, {next.pid()}, {.settled = true});
    if (!broken.empty()) restart.fail();
    EXPECT_EQ(broken, "") << what;
    EXPECT_EQ(what_was_not_told(), "") << what;
    const auto asked = Clock::now();
    next.signal(SIGTERM);
    EXPECT_EQ(next.wait(), 0) << what;
    stop.add(Clock::now() - asked);
    EXPECT_EQ(in_lines(orphan_processes(world.state_dir(), {})), "") << what;
    world.forget_daemons();
  }
};

TEST_F(Kills, AtEachFailpointNothingIsLostDoubledOrLeftBehind) {
  Figure restart("restart to working after kill -9 at a failpoint");
  Figure stop("clean stop of an idle daemon");
  // The short form takes some of them, others with each seed.
  constexpr int kCount = std::size(kPoints);
  std::vector<Point> points(std::begin(kPoints), std::end(kPoints));
  Random random = random_of("kills at failpoints");
  for (std::size_t i = points.size() - 1; i > 0; --i) std::swap(points[i], points[random.below(i + 1)]);
  const int count = trials(6, 5 * kCount);
  for (int i = 0; i < count; ++i) {
    const Point& point = points[static_cast<std::size_t>(i % kCount)];
    const std::string what = fmt::format("{}={}", point.name, point.of);
    SCOPED_TRACE(what);
    ask_for_a_promotion();
    const std::filesystem::path token = world.folder() / "token";
    std::ofstream(token) << "";
    // A value for a trigger to be evaluated by; the first start loads the model, and there is nothing yet to record
    // for.
    if (world.registry.text("SELECT count(*) FROM retraind.monitor WHERE trigger = 'signal'") != "0") {
      world.registry.exec("SELECT retraind.record_signal('pulse', 0)");
    }
    DaemonProcess& armed = world.start(config, {fmt::format("RETRAIND_FAILPOINT={}|kill|1|{}", what, token.string())});
    const auto hit = time_until(
        [&] {
          // Those of the run itself may be sent before the daemon listens.
          if (std::string_view(point.name) == "after_notification") {
            world.registry.exec(fmt::format("SELECT pg_notify('retraind_wake', '{}')", point.of));
          }
          return !std::filesystem::exists(token);
        },
        std::chrono::seconds(90));
    ASSERT_TRUE(hit) << "never came to " << what << "\n" << armed.log();
    if (point.in_worker) armed.signal(SIGTERM);
    EXPECT_EQ(armed.wait(), point.in_worker ? 0 : 128 + SIGKILL);
    recover(what, restart, stop);
    if (HasFatalFailure()) return;
  }
  EXPECT_LT(restart.quantile(0.99).count(), 5);
}

TEST_F(Kills, AtRandomTimesNothingIsLostDoubledOrLeftBehind) {
  Figure restart("restart to working after kill -9 at a random time");
  Figure stop("clean stop of an idle daemon");
  Random random = random_of("kills at random times");
  const int count = trials(4, 200);
  for (int i = 0; i < count; ++i) {
    ask_for_a_promotion();
    DaemonProcess& victim = world.start(config);
    const auto after = std::chrono::microseconds(random.below(4'000'000));
    const bool worker_only = random.below(4) == 0;
    const std::string what =
        fmt::format("trial {}: {} after {} ms", i, worker_only ? "the worker" : "the daemon", after.count() / 1000);
    SCOPED_TRACE(what);
    const auto begun = Clock::now();
    (void)time_until([&] { return Clock::now() - begun >= after; }, std::chrono::seconds(10));
    if (worker_only) {
      const std::string pid =
          world.registry.text("SELECT coalesce(max(worker_pid), 0) FROM retraind.run WHERE state = 'running'");
      if (pid != "0") ::kill(std::stoi(pid), SIGKILL);
      victim.signal(SIGTERM);
      // One that has not come as far as asking for signals ends by the signal, having done nothing yet.
      const int code = victim.wait();
      EXPECT_TRUE(code == 0 || code == 128 + SIGTERM) << code;
    } else {
      victim.signal(SIGKILL);
      EXPECT_EQ(victim.wait(), 128 + SIGKILL);
    }
    recover(what, restart, stop);
    if (HasFatalFailure()) return;
  }
  EXPECT_LT(restart.quantile(0.99).count(), 5);
}

}  // namespace
}  // namespace retraind::testing
