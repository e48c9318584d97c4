// A season that goes on as it was is no drift, and a slow drift on top of it is, in a check of the real binary.

#include <gtest/gtest.h>

#include <signal.h>

#include <cmath>
#include <cstdio>

#include "core/base/random.h"
#include "core/base/time.h"
#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

constexpr int kRowsADay = 240;
constexpr int kReferenceDays = 56;

class SeasonTest : public ::testing::Test {
 protected:
  SeasonTest() { world.source.exec("CREATE TABLE wave (ts timestamptz, x float8, z float8, y int)"); }

  // x swings with a period of two weeks; `rise` is what it gains a day from the end of the reference on.
  void add_days(int first, int count, double rise) {
    std::vector<TextRow> rows;
    for (int i = first * kRowsADay; i < (first + count) * kRowsADay; ++i) {
      Random random(mix_seed(7, static_cast<std::uint64_t>(i)));
      const double day = static_cast<double>(i) / kRowsADay;
      const double x = std::sin(2 * M_PI * day / 14) + random.normal() + rise * std::max(0.0, day - kReferenceDays);
      const double z = random.normal();
      const TimePoint at{std::chrono::sys_days{std::chrono::year{2025} / 1 / 1} + std::chrono::minutes(i * 6)};
      rows.push_back(
          {format_instant(at), std::to_string(x), std::to_string(z), z + 0.3 * random.normal() > 0 ? "1" : "0"});
    }
    world.source.copy("wave", rows);
  }

  void train() {
    add_days(0, kReferenceDays, 0);
    std::string triggers;
    for (const char* season : {"auto", "none", "14d"}) {
      triggers += std::string("[[model.m.trigger]]\nname = \"season_") + season +
                  "\"\non = \"drift\"\nevery = \"1d\"\nwindow = \"1d\"\nseason = \"" + season + "\"\n";
    }
    config = world.configure(R"toml(
[model.m]
source = "data"
query = "SELECT ts, x, z, y FROM wave"
time_column = "ts"
label = "y"
task = "binary"
[model.m.training]
window = "all"
holdout = "1d"
rounds = 10
[model.m.validation]
metric = "accuracy"
cluster = "1h"
)toml" + triggers);
    DaemonProcess& daemon = world.start(config);
    ASSERT_TRUE(world.comes_true("SELECT true FROM retraind.production WHERE model = 'm'"));
    daemon.signal(SIGTERM);
    ASSERT_EQ(daemon.wait(), 0);
  }

  // What drifted in the newest day, by the rule of one trigger.
  std::string drifted(const std::string& season) {
    const CommandResult result =
        world.run({"drift", "m", "--trigger", "season_" + season, "--config", config.string()});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return world.registry.text(
        "SELECT string_agg(\"column\", ', ' ORDER BY \"column\") FROM retraind.drift_history WHERE drifted AND role <> "
        "'time' AND check_id = (SELECT max(check_id) FROM retraind.drift_history)");
  }

  World world;
  std::filesystem::path config;
};

TEST_F(SeasonTest, OfTwoWeeksThatGoesOnIsNoDrift) {
  train();
  for (int day = kReferenceDays; day < kReferenceDays + 14; ++day) {
    add_days(day, 1, 0);
    for (const char* season : {"auto", "none", "14d"}) EXPECT_EQ(drifted(season), "") << season << ", day " << day;
  }
}

TEST_F(SeasonTest, HidesASlowDriftForSomeWeeksAndNotForEver) {
  train();
  int found = 0;
  for (int day = kReferenceDays; day < kReferenceDays + 84 && found == 0; ++day) {
    add_days(day, 1, 0.05);
    if (drifted("auto") == "x") found = day - kReferenceDays + 1;
  }
  std::printf("a rise of 0.05 standard deviations a day is found after %d days\n", found);
  EXPECT_GT(found, 0);
  EXPECT_LE(found, 30);
}

}  // namespace
}  // namespace retraind::testing
