// Three months in the life of many models, in compressed time: the registry's clock goes forward by a quarter of a day
// whenever everything has come to rest, rows come, values are recorded, and things go wrong at random. What the daemon
// holds (descriptors, connections, threads, memory) does not grow, its transactions stay short, its tables do not fill
// with dead rows, and every slot of every schedule is on record at the end.

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "tests/faults/trials/trials.h"
#include "tests/support/pg_sandbox.h"

namespace retraind::testing {
namespace {

constexpr auto kStep = std::chrono::hours(6);
constexpr int kRowsADay = 120;  // one each twelve minutes
constexpr auto kRest = std::chrono::minutes(10);

// The clock that the server of this process's cluster sees (tests/faults/moved_clock).
class MovedClock {
 public:
  MovedClock() {
    char name[] = "/tmp/retraind-clock-XXXXXX";
    const int file = ::mkstemp(name);
    path_ = name;
    if (file < 0 || ::ftruncate(file, sizeof(std::int64_t)) != 0 || ::fchmod(file, 0644) != 0) {
      throw std::runtime_error("cannot make the file of the moved clock");
    }
    void* page = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    if (page == MAP_FAILED) throw std::runtime_error("cannot map the file of the moved clock");
    offset_ = static_cast<std::atomic<std::int64_t>*>(page);
    PgSandbox::set_shared_environment(
        {std::string("LD_PRELOAD=") + RETRAIND_MOVED_CLOCK_LIBRARY, "RETRAIND_MOVED_CLOCK=" + path_});
  }
  ~MovedClock() {
    ::munmap(offset_, sizeof(std::int64_t));
    std::filesystem::remove(path_);
  }
  MovedClock(const MovedClock&) = delete;
  MovedClock& operator=(const MovedClock&) = delete;

  void move(std::chrono::microseconds by) { offset_->fetch_add(by.count(), std::memory_order_relaxed); }

 private:
  std::string path_;
  std::atomic<std::int64_t>* offset_ = nullptr;
};

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

// How long each transaction of the daemon has been seen for, by a clock that nobody moves.
class Transactions {
 public:
  void look(World& world) {
    std::map<std::string, Clock::time_point> now;
    for (const TextRow& row :
         world.registry.rows("SELECT pid || ' ' || xact_start FROM pg_stat_activity WHERE xact_start IS NOT NULL AND "
                             "application_name LIKE 'retraind %' AND backend_type = 'client backend'")) {
      const auto seen = seen_.find(*row.at(0));
      now[*row.at(0)] = seen == seen_.end() ? Clock::now() : seen->second;
    }
    for (const auto& [key, since] : now) oldest_ = std::max(oldest_, Seconds(Clock::now() - since));
    seen_ = std::move(now);
  }
  Seconds oldest() const { return oldest_; }

 private:
  std::map<std::string, Clock::time_point> seen_;
  Seconds oldest_{0};
};

// Every kind of trigger. Schedules are spread over the month, and what looks at rows over the week. A file for each,
// since a file may not be large.
void write_models(const std::filesystem::path& folder, int count) {
  std::filesystem::create_directory(folder);
  for (int i = 0; i < count; ++i) {
    std::string triggers = fmt::format(R"toml(
shadow = "0s"
bake = "1d"
[[model.m{0}.trigger]]
on = "schedule"
cron = "{1} {2} {3} * *"
timezone = "Europe/Berlin"
[[model.m{0}.trigger]]
on = "signal"
signal = "pulse"
above = 0.999
every = "6h"
max_runs_per_day = 1
[[model.m{0}.trigger]]
on = "query"
query = "SELECT count(*) FROM events"
above = 100000000
every = "1d"
[[model.m{0}.trigger]]
on = "freshness"
no_rows_for = "5d"
every = "1d"
)toml",
                                       i, i % 60, i % 24, 1 + i % 28);
    if (i % 4 == 0) {
      triggers += fmt::format("[[model.m{0}.trigger]]\non = \"drift\"\nevery = \"7d\"\nwindow = \"500 rows\"\n", i);
    }
    if (i % 4 == 1) {
      triggers += fmt::format(
          "[[model.m{0}.trigger]]\non = \"performance\"\nmetric = \"accuracy\"\nbelow = 0.7\nwindow = \"7d\"\n"
          "every = \"7d\"\n",
          i);
    }
    if (i % 4 == 2) {
      triggers += fmt::format("[[model.m{0}.trigger]]\non = \"new_rows\"\nrows = 5000\nevery = \"1d\"\n", i);
    }
    const std::string name = fmt::format("m{}", i);
    std::ofstream(folder / (name + ".toml")) << World::events_model(name, "", triggers);
  }
}

class Soak : public ::testing::Test {
 protected:
  // Rows whose event times are the registry's own; the concept turns over each month.
  void add_rows_until_now() {
    world.source.exec(fmt::format(
        "INSERT INTO events SELECT at, x1, x2, (ARRAY['red', 'green', 'blue'])[1 + floor(random() * 3)::integer], "
        "CASE WHEN ((x1 > 0) = (extract(month FROM at)::integer % 2 = 0)) <> (random() < 0.1) THEN 1 ELSE 0 END FROM "
        "(SELECT at, random() * 2 - 1 AS x1, random() * 2 - 1 AS x2 FROM generate_series("
        "(SELECT coalesce(max(ts), clock_timestamp() - interval '20 days') FROM events) + interval '{0} minutes', "
        "clock_timestamp(), interval '{0} minutes') AS at) AS drawn",
        24 * 60 / kRowsADay));
  }
  bool rests() {
    transactions.look(world);
    return at_rest(world);
  }
  // Something goes wrong, now. Returns what.
  std::string break_something(Random& random) {
    switch (random.below(6)) {
      case 0:
        world.registry.terminate_others();
        return "connections to the registry";
      case 1:
        world.source.terminate_others();
        return "connections to the source";
      case 2:
        daemon->signal(SIGHUP);
        return "reload";
      case 3: {
        const std::string worker =
            world.registry.text("SELECT coalesce(max(worker_pid), 0) FROM retraind.run WHERE state = 'running'");
        if (worker != "0") ::kill(std::stoi(worker), SIGKILL);
        return worker == "0" ? "no worker to kill" : "worker";
      }
      case 4:
        clock.move(-std::chrono::minutes(random.below(120)));
        return "clock back";
      default:
        clock.move(std::chrono::minutes(random.below(120)));
        return "clock forward in the middle of work";
    }
  }

  MovedClock clock;  // before the world, whose cluster sees it
  World world;
  DaemonProcess* daemon = nullptr;
  Transactions transactions;
};

TEST_F(Soak, ThreeMonthsOfManyModelsInCompressedTimeLeaveNothingBehind) {
  const int count = long_form() ? 200 : 12;
  const int days = trials(8, 92);
  world.make_events();
  world.source.exec("CREATE INDEX ON events (ts)");
  add_rows_until_now();
  write_models(world.folder() / "models", count);
  const auto config = world.configure("", "lease_time = \"10s\"\nmax_parallel_runs = 2\npoll_interval = \"500ms\"\n");
  std::ifstream in(config);
  const std::string main_file{std::istreambuf_iterator<char>(in), {}};
  std::ofstream(config) << "include = [\"models/*.toml\"]\n" << main_file;
  daemon = &world.start(config);
  ASSERT_TRUE(time_until(
      [&] {
        return daemon->ended().has_value() ||
               (world.registry.text("SELECT count(*) FROM retraind.production") == std::to_string(count) && rests());
      },
      std::chrono::seconds(60 + 20 * count)))
      << daemon->log();
  ASSERT_FALSE(daemon->ended()) << daemon->log();
  Random random = random_of("soak");
  std::vector<Held> seen;
  std::map<std::string, int> faults;
  for (int step = 0; step < days * 4; ++step) {
    clock.move(kStep);
    add_rows_until_now();
    world.registry.exec("SELECT retraind.record_signal('pulse', random())");
    // In the middle of what has become due, or when nothing is.
    if (random.below(3) == 0) {
      const auto after = Clock::now() + std::chrono::milliseconds(random.below(1500));
      (void)time_until([&] { return Clock::now() >= after; }, std::chrono::seconds(5));
      ++faults[break_something(random)];
    }
    ASSERT_TRUE(time_until([&] { return rests(); }, std::chrono::duration_cast<std::chrono::seconds>(kRest)))
        << "day " << step / 4 << "\n"
        << daemon->log();
    ASSERT_FALSE(daemon->ended()) << daemon->log();
    seen.push_back(held_by(world, daemon->pid()));
  }
  const auto most = [](auto first, auto last, long Held::*what) {
    long out = 0;
    for (auto each = first; each != last; ++each) out = std::max(out, (*each).*what);
    return out;
  };
  const auto third = static_cast<std::ptrdiff_t>(seen.size() / 3);
  const auto report = [&](const char* name, long Held::*what) {
    const long early = most(seen.begin(), seen.begin() + third, what);
    const long late = most(seen.end() - third, seen.end(), what);
    std::cout << fmt::format("figure: soak, most {} in the first and in the last third n={} failures=0 {} {}", name,
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
  const auto memory = report("KiB of memory", &Held::memory_kib);
  // A sanitizer keeps freed memory for a while, up to a bound of its own.
  EXPECT_LE(memory.second, memory.first + memory.first / 2 + 300'000);
  std::cout << fmt::format("figure: soak, own oldest transaction n={} failures=0 max={:.2f}s", seen.size(),
                           transactions.oldest().count())
            << std::endl;
  EXPECT_LT(transactions.oldest().count(), 60);
  const std::string dead = world.registry.text(
      "SELECT coalesce(string_agg(format('%s: %s dead of %s live', relname, n_dead_tup, n_live_tup), '; '), '') FROM "
      "pg_stat_user_tables WHERE schemaname = 'retraind' AND n_dead_tup > 2 * n_live_tup + 5000");
  EXPECT_EQ(dead, "");
  int broken = 0;
  for (const auto& [what, times] : faults) {
    broken += times;
    std::cout << fmt::format("figure: soak, fault \"{}\" n={} failures=0", what, times) << std::endl;
  }
  const auto number = [&](const std::string& sql) { return world.registry.text("SELECT count(*) FROM " + sql); };
  std::cout
      << fmt::format(
             "figure: soak of {} models and {} days n={} failures=0 {} runs, {} promotions, {} firings, {} faults",
             count, days, seen.size(), number("retraind.run"), number("retraind.promotion"), number("retraind.firing"),
             broken)
      << std::endl;
  // Each model's schedule has one slot a month; what is decided about each is on record, missed ones too.
  EXPECT_EQ(what_is_broken(world, {daemon->pid()}, {.settled = true}), "");
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(), 0);
  EXPECT_EQ(in_lines(orphan_processes(world.state_dir(), {})), "");
}

}  // namespace
}  // namespace retraind::testing
