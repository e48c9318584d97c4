// Many models with every kind of trigger that needs no trained model, all due much more often than anybody would have
// them, and random faults, for minutes or hours: what the daemon holds (descriptors, connections, threads, memory) does
// not grow, its transactions stay short, and its tables do not fill with dead rows.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "tests/faults/trials/trials.h"

namespace retraind::testing {
namespace {

struct Held {
  long descriptors = 0;
  long threads = 0;
  long memory_kib = 0;
  long connections = 0;
};

long field_of(pid_t pid, const std::string& name) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::atol(line.c_str() + name.size() + 1);
  }
  return 0;
}

Held held_by(World& world, pid_t pid) {
  Held out;
  std::error_code error;
  out.descriptors = std::distance(std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid), error),
                                  std::filesystem::directory_iterator());
  out.threads = field_of(pid, "Threads");
  out.memory_kib = field_of(pid, "VmRSS");
  out.connections =
      std::stol(world.registry.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                                    "application_name LIKE 'retraind %'"));
  return out;
}

std::string models(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += World::events_model(fmt::format("m{}", i), "timeout = \"60s\"",
                               fmt::format(R"toml(
shadow = "0s"
bake = "0s"
[[model.m{0}.trigger]]
on = "schedule"
cron = "* * * * *"
max_runs_per_day = 2
[[model.m{0}.trigger]]
on = "new_rows"
rows = 1000000
every = "2s"
[[model.m{0}.trigger]]
on = "signal"
signal = "pulse"
above = 1000
every = "2s"
[[model.m{0}.trigger]]
on = "query"
query = "SELECT count(*) FROM events"
above = 100000000
every = "2s"
[[model.m{0}.trigger]]
on = "freshness"
no_rows_for = "36500d"
every = "2s"
)toml",
                                           i));
  }
  return out;
}

TEST(Soak, NothingGrowsWhileManyModelsAreWatchedAndThingsGoWrong) {
  World world;
  world.make_events();
  world.add_events(0, 600, 0);
  world.source.exec("CREATE INDEX ON events (ts)");
  const int count = long_form() ? 200 : 20;
  const auto length = std::chrono::seconds(long_form() ? 4 * 3600 : 75);
  const auto config = world.configure(models(count), "lease_time = \"5s\"\nmax_parallel_runs = 2\n");
  DaemonProcess& daemon = world.start(config);
  ASSERT_TRUE(world.comes_true(
      fmt::format("SELECT count(*) >= {} FROM retraind.run WHERE finished_at IS NOT NULL", std::min(count, 10)),
      std::chrono::seconds(300)))
      << daemon.log();
  Random random = random_of("soak");
  const auto begun = Clock::now();
  std::vector<Held> seen;
  double oldest = 0;
  int faults = 0;
  auto next_fault = begun;
  while (Clock::now() - begun < length) {
    const auto pause = Clock::now() + std::chrono::seconds(1);
    (void)time_until([&] { return Clock::now() >= pause; }, std::chrono::seconds(5));
    ASSERT_FALSE(daemon.ended()) << daemon.log();
    if (Clock::now() >= next_fault) {
      next_fault = Clock::now() + std::chrono::seconds(3 + random.below(8));
      ++faults;
      switch (random.below(4)) {
        case 0:
          world.registry.terminate_others();
          break;
        case 1:
          world.source.terminate_others();
          break;
        case 2:
          daemon.signal(SIGHUP);
          break;
        default: {
          const std::string worker =
              world.registry.text("SELECT coalesce(max(worker_pid), 0) FROM retraind.run WHERE state = 'running'");
          if (worker != "0") ::kill(std::stoi(worker), SIGKILL);
        }
      }
    }
    world.registry.exec("SELECT retraind.record_signal('pulse', random())");
    oldest = std::max(oldest, std::stod(world.registry.text(
                                  "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) FROM "
                                  "pg_stat_activity WHERE application_name LIKE 'retraind %'")));
    seen.push_back(held_by(world, daemon.pid()));
  }
  ASSERT_GT(seen.size(), 20U);
  const auto most = [](auto first, auto last, long Held::*what) {
    long out = 0;
    for (auto each = first; each != last; ++each) out = std::max(out, (*each).*what);
    return out;
  };
  const auto third = static_cast<std::ptrdiff_t>(seen.size() / 3);
  const auto report = [&](const char* name, long Held::*what) {
    const long early = most(seen.begin(), seen.begin() + third, what);
    const long late = most(seen.end() - third, seen.end(), what);
    std::cout << fmt::format("figure: soak, most {} in the first and the last third: n={} failures=0 {} {}", name,
                             seen.size(), early, late)
              << std::endl;
    return std::pair(early, late);
  };
  const auto descriptors = report("descriptors", &Held::descriptors);
  EXPECT_LE(descriptors.second, descriptors.first + 8);
  const auto threads = report("threads", &Held::threads);
  EXPECT_LE(threads.second, threads.first + 1);
  const auto connections = report("connections", &Held::connections);
  EXPECT_LE(connections.second, connections.first + 4);
  (void)report("KiB of memory", &Held::memory_kib);
  std::cout << fmt::format("figure: soak, own oldest transaction n={} failures=0 max={:.2f}s", seen.size(), oldest)
            << std::endl;
  EXPECT_LT(oldest, 60);
  const std::string dead = world.registry.text(
      "SELECT coalesce(string_agg(format('%s: %s dead of %s live', relname, n_dead_tup, n_live_tup), '; '), '') FROM "
      "pg_stat_user_tables WHERE schemaname = 'retraind' AND n_dead_tup > 2 * n_live_tup + 5000");
  EXPECT_EQ(dead, "");
  std::cout << fmt::format("figure: soak, faults among {} models n={} failures=0", count, faults) << std::endl;
  EXPECT_EQ(what_is_broken(world, {daemon.pid()}), "");
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
  EXPECT_EQ(in_lines(orphan_processes(world.state_dir(), {})), "");
}

}  // namespace
}  // namespace retraind::testing
