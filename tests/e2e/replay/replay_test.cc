// Years of real data through the real daemon, week after week of event time: does the loop keep a model better than one
// that is never retrained? Both are models of the same daemon. Each run judges the production model on the newest week,
// which it has never seen, so the holdout values in run_history, weighted by rows, are the prequential figure of
// production.

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>

#include "tests/e2e/world/world.h"
#include "tests/support/real_data.h"

namespace retraind::testing {
namespace {

struct Replay {
  const char* file;
  const char* columns;  // of the table, as DDL
  const char* query;
  const char* label;
  const char* task;
  const char* metric;
  std::size_t rows_a_week;
  const char* window;
  const char* settings;    // further validation settings of the model that may be replaced
  const char* impossible;  // a margin no candidate can reach: production stays the first model for ever
};

std::string model_of(const Replay& replay, const std::string& name, const std::string& validation) {
  std::string text = R"(
[model.NAME]
source = "data"
query = "QUERY"
time_column = "ts"
label = "LABEL"
task = "TASK"
[model.NAME.training]
window = "WINDOW"
holdout = "7d"
min_rows = 500
rounds = 100
params = { max_depth = 6, eta = 0.1 }
[model.NAME.validation]
metric = "METRIC"
min_holdout_rows = 100
VALIDATION
[[model.NAME.trigger]]
on = "new_rows"
rows = WEEK
every = "100ms"
backoff = "0s"
)";
  const auto put = [&](const std::string& word, const std::string& value) {
    for (auto place = text.find(word); place != std::string::npos; place = text.find(word, place + value.size()))
      text.replace(place, word.size(), value);
  };
  put("NAME", name);
  put("QUERY", replay.query);
  put("LABEL", replay.label);
  put("TASK", replay.task);
  put("WINDOW", replay.window);
  put("METRIC", replay.metric);
  put("WEEK", std::to_string(replay.rows_a_week * 9 / 10));
  put("VALIDATION", validation);
  return text;
}

struct Figures {
  double prequential = 0;  // of the production model, over all weeks it was judged in
  int promotions = 0;
  int weeks = 0;
};

Figures figures_of(World& world, const std::string& model) {
  const auto rows = world.registry.rows(
      "SELECT sum(production_value * holdout_rows) / sum(holdout_rows), count(*) FROM retraind.run_history "
      "WHERE model = '" +
      model + "' AND opponent = 'production'");
  Figures out;
  out.prequential = std::stod(rows.at(0).at(0).value());
  out.weeks = std::stoi(rows.at(0).at(1).value());
  out.promotions =
      std::stoi(world.registry.text("SELECT count(*) FROM retraind.promotion_history WHERE model = '" + model + "'"));
  return out;
}

// Inserts week after week, each when all runs over the one before have ended.
void replay_weeks(World& world, const Replay& replay, const std::filesystem::path& config) {
  const Csv csv = read_csv(*real_data(replay.file));
  DaemonProcess* daemon = nullptr;
  for (std::size_t begin = 0; begin < csv.rows.size(); begin += replay.rows_a_week) {
    const std::size_t end = std::min(begin + replay.rows_a_week, csv.rows.size());
    world.source.copy("history", {csv.rows.begin() + static_cast<std::ptrdiff_t>(begin),
                                  csv.rows.begin() + static_cast<std::ptrdiff_t>(end)});
    // The first weeks are there before the daemon is, so that both models begin from the same rows.
    if (begin < replay.rows_a_week * 4) continue;
    if (daemon == nullptr) daemon = &world.start(config);
    const std::string newest = world.source.text("SELECT max(ts) FROM history");
    if (end - begin < replay.rows_a_week) break;
    // Both models have a run that has read up to the newest row and has come to an end.
    ASSERT_TRUE(
        world.comes_true("SELECT count(DISTINCT model) = 2 FROM retraind.run_history WHERE window_to >= timestamp '" +
                         newest + "' AT TIME ZONE 'UTC' AND finished_at IS NOT NULL"))
        << newest;
  }
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(), 0);
  EXPECT_EQ(
      world.registry.text(
          "SELECT count(*) FROM retraind.run_history WHERE state NOT IN ('promoted', 'rejected', 'inconclusive')"),
      "0");
}

std::pair<Figures, Figures> run_replay(const Replay& replay) {
  World world;
  world.source.exec(std::string("CREATE TABLE history (") + replay.columns + ")");
  const auto config =
      world.configure(model_of(replay, "retrained", replay.settings) + model_of(replay, "fixed", replay.impossible),
                      "max_parallel_runs = 2\n");
  replay_weeks(world, replay, config);
  const Figures retrained = figures_of(world, "retrained");
  const Figures fixed = figures_of(world, "fixed");
  std::printf(
      "%s, %s: retrained %.4f over %d weeks with %d promotions; never retrained %.4f over %d weeks with %d promotion\n",
      replay.file, replay.metric, retrained.prequential, retrained.weeks, retrained.promotions, fixed.prequential,
      fixed.weeks, fixed.promotions);
  return {retrained, fixed};
}

TEST(Replay, OfTheElectricityMarketKeepsTheModelBetterThanOneThatIsNeverRetrained) {
  if (!real_data("elec2.csv.gz")) GTEST_SKIP() << missing_data("elec2.csv.gz");
  const auto [retrained, fixed] = run_replay({
      .file = "elec2.csv.gz",
      .columns = "ts timestamp, date_norm float8, day int, period float8, nswprice float8, nswdemand float8, vicprice "
                 "float8, vicdemand float8, transfer float8, up int",
      .query = "SELECT ts, day, period, nswprice, nswdemand, vicprice, vicdemand, transfer, up FROM history",
      .label = "up",
      .task = "binary",
      .metric = "accuracy",
      .rows_a_week = 336,
      .window = "28d",
      .settings = "rule = \"non_inferior\"\nmargin = 0.1\nconfidence = 0.6",
      .impossible = "margin = 0.99",
  });
  EXPECT_EQ(fixed.promotions, 1);
  EXPECT_GT(retrained.promotions, 10);
  EXPECT_GT(retrained.prequential, fixed.prequential + 0.03);
}

TEST(Replay, OfBicycleHiresKeepsTheModelBetterThanOneThatIsNeverRetrained) {
  if (!real_data("bike_sharing_hour.csv.gz")) GTEST_SKIP() << missing_data("bike_sharing_hour.csv.gz");
  const auto [retrained, fixed] = run_replay({
      .file = "bike_sharing_hour.csv.gz",
      .columns =
          "ts timestamp, season int, yr int, mnth int, hr int, holiday int, weekday int, workingday int, weathersit "
          "int, temp float8, atemp float8, hum float8, windspeed float8, casual int, registered int, cnt int",
      .query = "SELECT ts, season, yr, mnth, hr, holiday, weekday, workingday, weathersit, temp, atemp, hum, "
               "windspeed, cnt FROM history",
      .label = "cnt",
      .task = "regression",
      .metric = "mae",
      .rows_a_week = 168,
      .window = "84d",
      .settings = "rule = \"non_inferior\"\nmargin = 5",
      .impossible = "margin = 100000",
  });
  EXPECT_EQ(fixed.promotions, 1);
  EXPECT_GT(retrained.promotions, 10);
  EXPECT_LT(retrained.prequential, fixed.prequential * 0.6);
}

}  // namespace
}  // namespace retraind::testing
