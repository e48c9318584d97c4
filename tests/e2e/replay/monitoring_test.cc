// Years of real data past the running daemon: does monitoring say what is known to have happened, and only that?

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "tests/e2e/world/world.h"
#include "tests/support/real_data.h"

namespace retraind::testing {
namespace {

// Rows of one file that arrive piece by piece; after each piece every trigger of the model is evaluated at least once,
// from its first row to its last.
class Arrival {
 public:
  Arrival(World& world, const char* file, const std::string& columns)
      : world_(world), csv_(read_csv(*real_data(file))) {
    world.source.exec("CREATE TABLE history (" + columns + ")");
  }

  std::size_t rows() const { return csv_.rows.size(); }
  std::size_t arrived() const { return arrived_; }
  const std::string& field(std::size_t row, std::size_t column) const { return csv_.rows[row][column].value(); }

  void let_in(std::size_t count) {
    const std::size_t end = std::min(arrived_ + count, csv_.rows.size());
    world_.source.copy("history", {csv_.rows.begin() + static_cast<std::ptrdiff_t>(arrived_),
                                   csv_.rows.begin() + static_cast<std::ptrdiff_t>(end)});
    arrived_ = end;
  }

  // An evaluation that was under way while the rows came is followed by one that began later; and no run is open.
  bool is_settled() {
    for (int i = 0; i < 2; ++i) {
      const std::string now = world_.registry.text("SELECT clock_timestamp()");
      if (!world_.comes_true("SELECT bool_and(last_evaluated_at > '" + now +
                             "') FROM retraind.monitor WHERE kind <> "
                             "'pipeline_change'")) {
        return false;
      }
    }
    return world_.comes_true("SELECT count(*) = 0 FROM retraind.run_history WHERE finished_at IS NULL");
  }

 private:
  World& world_;
  Csv csv_;
  std::size_t arrived_ = 0;
};

constexpr const char* kElectricity =
    "ts timestamp, date_norm float8, day int, period float8, nswprice float8, nswdemand float8, vicprice float8, "
    "vicdemand float8, transfer float8, up int";

TEST(MonitoringReplay, FindsTheDayOnWhichTheElectricityMarketChanged) {
  if (!real_data("elec2.csv.gz")) GTEST_SKIP() << missing_data("elec2.csv.gz");
  World world;
  Arrival arrival(world, "elec2.csv.gz", kElectricity);
  constexpr std::size_t kDay = 48;
  arrival.let_in(84 * kDay);
  world.start(world.configure(R"toml(
[model.m]
source = "data"
query = "SELECT ts, day, period, nswprice, nswdemand, vicprice, vicdemand, transfer, up FROM history"
time_column = "ts"
label = "up"
task = "binary"
[model.m.training]
window = "all"
holdout = "7d"
min_rows = 500
rounds = 30
params = { max_depth = 4, eta = 0.1 }
[model.m.validation]
shadow = "0s"  # years pass in minutes here, and nothing waits for the clock
bake = "0s"
metric = "accuracy"
min_holdout_rows = 100
[[model.m.trigger]]
on = "drift"
every = "100ms"
window = "7d"
)toml"));
  ASSERT_TRUE(world.comes_true("SELECT true FROM retraind.production WHERE model = 'm'"));
  // What is to be counted are alarms against one and the same reference.
  world.registry.exec("SELECT retraind.pause('m', 'only looking')");
  constexpr std::size_t kChange = 17424;  // 1997-05-05
  while (arrival.arrived() < kChange + 8 * kDay) {
    // Every second day, and every day around the change.
    arrival.let_in(arrival.arrived() + 2 * kDay < kChange ? 2 * kDay : kDay);
    ASSERT_TRUE(arrival.is_settled()) << arrival.arrived();
  }
  const auto count = [&](const std::string& what, const std::string& where) {
    return std::stoi(
        world.registry.text("SELECT count(DISTINCT " + what + ") FROM retraind.drift_history WHERE " + where));
  };
  const std::string before = "window_to < '1997-05-05 00:00+00' AND window_to >= '1996-07-30 00:00+00'";
  const std::string flat = "\"column\" IN ('vicprice', 'vicdemand', 'transfer')";
  const int looks = count("window_to", before);
  std::printf(
      "elec2: %d windows of a week in the year before the change; drift of the three flat columns in %d of them, "
      "of nswprice in %d, of nswdemand in %d, of day or period in %d, of the score in %d, of the label in %d\n",
      looks, count("window_to", before + " AND drifted AND " + flat),
      count("window_to", before + " AND drifted AND \"column\" = 'nswprice'"),
      count("window_to", before + " AND drifted AND \"column\" = 'nswdemand'"),
      count("window_to", before + " AND drifted AND \"column\" IN ('day', 'period')"),
      count("window_to", before + " AND drifted AND role = 'score'"),
      count("window_to", before + " AND drifted AND role = 'label'"));
  EXPECT_GT(looks, 100);
  EXPECT_EQ(count("window_to", before + " AND drifted AND " + flat), 0);
  EXPECT_EQ(count("window_to", before + " AND drifted AND \"column\" IN ('day', 'period')"), 0);
  for (const char* column : {"vicprice", "vicdemand", "transfer"}) {
    const std::string first = world.registry.text(
        std::string("SELECT min(window_to) FROM retraind.drift_history WHERE drifted AND \"column\" = '") + column +
        "'");
    std::printf("elec2: drift of %s first seen in the window up to %s\n", column, first.c_str());
    EXPECT_EQ(world.registry.text("SELECT '" + first +
                                  "' BETWEEN timestamptz '1997-05-05 00:00+00' AND '1997-05-12 00:00+00'"),
              "t")
        << column;
  }
}

TEST(MonitoringReplay, FiresAfterEachChangeOfConceptAndNotBefore) {
  if (!real_data("sea_concepts.csv.gz")) GTEST_SKIP() << missing_data("sea_concepts.csv.gz");
  World world;
  Arrival arrival(world, "sea_concepts.csv.gz", "seq int, att1 float8, att2 float8, att3 float8, label int");
  arrival.let_in(4000);
  world.start(world.configure(R"toml(
[model.m]
source = "data"
query = "SELECT seq, att1, att2, att3, label FROM history"
time_column = "seq"
label = "label"
task = "binary"
[model.m.training]
window = "2000 rows"
holdout = "25%"
min_rows = 500
rounds = 40
params = { max_depth = 4, eta = 0.1 }
[model.m.validation]
shadow = "0s"  # years pass in minutes here, and nothing waits for the clock
bake = "0s"
metric = "accuracy"
rule = "non_inferior"
margin = 0.02
cluster = "20 rows"
[[model.m.trigger]]
name = "adwin"
on = "performance"
metric = "accuracy"
detect = "adwin"
every = "100ms"
backoff = "1s"
[[model.m.trigger]]
name = "floor"
on = "performance"
metric = "accuracy"
below = 0.84
window = "1000 rows"
every = "100ms"
backoff = "0s"
[[model.m.trigger]]
name = "drop"
on = "performance"
metric = "accuracy"
drop = 0.01
window = "1000 rows"
every = "100ms"
backoff = "0s"
[[model.m.trigger]]
on = "drift"
window = "1000 rows"
every = "100ms"
score = false
)toml"));
  ASSERT_TRUE(world.comes_true("SELECT true FROM retraind.production WHERE model = 'm'"));
  // Firings by the row at which they came.
  std::vector<std::pair<std::size_t, std::string>> firings;
  std::size_t known = 0;
  while (arrival.arrived() < arrival.rows()) {
    arrival.let_in(250);
    ASSERT_TRUE(arrival.is_settled()) << arrival.arrived();
    const auto rows = world.registry.rows(
        "SELECT trigger, kind = 'performance' FROM retraind.trigger_history WHERE decision = 'fired' "
        "ORDER BY firing_id OFFSET " +
        std::to_string(known));
    for (const auto& row : rows) {
      std::printf("sea: %s fired at row %zu\n", row[0].value().c_str(), arrival.arrived());
      if (row[1] == "t") firings.emplace_back(arrival.arrived(), row[0].value());
    }
    known += rows.size();
  }
  EXPECT_EQ(std::count_if(firings.begin(), firings.end(), [](const auto& f) { return f.first <= 12500; }), 0);
  for (const std::size_t change : {12500u, 25000u, 37500u}) {
    const auto first = std::find_if(firings.begin(), firings.end(), [&](const auto& f) { return f.first > change; });
    ASSERT_NE(first, firings.end()) << change;
    EXPECT_LE(first->first, change + 1500) << change;
  }
  const std::string drifted =
      world.registry.text("SELECT count(*) FROM retraind.drift_history WHERE drifted AND role = 'feature'");
  std::printf("sea: %zu firings, %s promotions, %s of %s checks of features found drift\n", firings.size(),
              world.registry.text("SELECT count(*) FROM retraind.promotion_history").c_str(), drifted.c_str(),
              world.registry.text("SELECT count(*) FROM retraind.drift_history WHERE role = 'feature'").c_str());
  EXPECT_EQ(drifted, "0");
}

// Weeks of the second year against the first, with the season taken into account and without.
TEST(MonitoringReplay, TellsASeasonOfBicycleHiresFromDrift) {
  if (!real_data("bike_sharing_hour.csv.gz")) GTEST_SKIP() << missing_data("bike_sharing_hour.csv.gz");
  World world;
  Arrival arrival(
      world, "bike_sharing_hour.csv.gz",
      "ts timestamp, season int, yr int, mnth int, hr int, holiday int, weekday int, workingday int, "
      "weathersit int, temp float8, atemp float8, hum float8, windspeed float8, casual int, registered int, "
      "cnt int");
  std::size_t first_year = 0;
  while (arrival.field(first_year, 0) < "2012-01-08") ++first_year;
  arrival.let_in(first_year);
  std::string triggers;
  for (const char* season : {"year", "none", "auto"}) {
    triggers += std::string("[[model.m.trigger]]\nname = \"") + season +
                "\"\non = \"drift\"\nevery = \"1h\"\nwindow = \"7d\"\nmin_rows = 100\nscore = false\nseason = \"" +
                season + "\"\n";
  }
  const auto config = world.configure(R"toml(
[model.m]
source = "data"
query = "SELECT ts, hr, weekday, temp, hum, windspeed, cnt FROM history"
time_column = "ts"
label = "cnt"
task = "regression"
[model.m.training]
window = "all"
holdout = "7d"
min_rows = 500
rounds = 30
[model.m.validation]
shadow = "0s"
bake = "0s"
metric = "mae"
min_holdout_rows = 100
)toml" + triggers);
  DaemonProcess& daemon = world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT true FROM retraind.production WHERE model = 'm'"));
  daemon.signal(SIGTERM);
  ASSERT_EQ(daemon.wait(), 0);
  // A week at a time, checked at the command line, which is the same check.
  int weeks = 0;
  std::map<std::string, int> weather;
  std::map<std::string, int> hires;
  while (arrival.arrived() + 168 <= arrival.rows()) {
    arrival.let_in(168);
    ++weeks;
    for (const std::string season : {"year", "none", "auto"}) {
      const CommandResult result = world.run({"drift", "m", "--trigger", season, "--config", config.string()});
      ASSERT_EQ(result.exit_code, 0) << result.errors;
      const auto drifted = [&](const std::string& role) {
        return world.registry.text("SELECT bool_or(drifted)::integer FROM retraind.drift_history WHERE role = '" +
                                   role + "' AND check_id = (SELECT max(check_id) FROM retraind.drift_history)") == "1";
      };
      weather[season] += drifted("feature");
      hires[season] += drifted("label");
    }
  }
  for (const char* season : {"year", "none", "auto"}) {
    std::printf(
        "bike: season \"%s\": of %d weeks of 2012 against 2011, drift of the weather or the calendar in %d, of the "
        "number of hires in %d\n",
        season, weeks, weather[season], hires[season]);
  }
  EXPECT_LT(weather["year"], weeks / 4);
  // There were many more hires in the second year, and only who compares a week with its season can see it.
  EXPECT_GE(hires["year"], weeks / 10);
  EXPECT_GT(hires["year"], hires["none"]);
}

}  // namespace
}  // namespace retraind::testing
