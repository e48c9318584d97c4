// Years of real data through the real daemon, week after week of event time: does the loop keep a model better than one
// that is never retrained, and what do the rules of promotion make of it? All are models of the same daemon over the
// same rows. Each run judges the production model on the newest week, which it has never seen, so the holdout values in
// run_history, weighted by rows, are the prequential figure of production.

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "tests/e2e/world/world.h"
#include "tests/support/real_data.h"

namespace retraind::testing {
namespace {

// One way to decide, as keys of [validation].
struct Way {
  const char* name;
  const char* validation;
};

struct Replay {
  const char* file;
  const char* columns;  // of the table, as DDL
  const char* query;
  const char* label;
  const char* task;
  const char* metric;
  std::size_t rows_a_week;
  const char* window;
  std::vector<Way> ways;  // the last one has a margin that no candidate can reach: it is never retrained
  const char* trials = "shadow = \"0s\"\nbake = \"0s\"";
};

// What peers do: the candidate with the better point estimate wins, rows are taken for independent, and nobody counts
// how often it was tried.
constexpr const char* kPointEstimate =
    "rule = \"superior\"\nmargin = 0\nconfidence = 0.500001\ncluster = \"row\"\nspend_alpha = false";

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
TRIALS
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
  put("TRIALS", replay.trials);
  put("VALIDATION", validation);
  return text;
}

struct Figures {
  double prequential = 0;  // of the production model, over all weeks it was judged in
  int promotions = 0;
  int weeks = 0;
  double inflation = 0;  // median of the clustered standard error over that of independent rows
};

Figures figures_of(World& world, const std::string& model) {
  const auto rows = world.registry.rows(
      "SELECT sum(production_value * holdout_rows) / sum(holdout_rows), count(*), "
      "percentile_cont(0.5) WITHIN GROUP (ORDER BY inflation) FROM retraind.run_history "
      "WHERE model = '" +
      model + "' AND opponent = 'production'");
  Figures out;
  out.prequential = std::stod(rows.at(0).at(0).value());
  out.weeks = std::stoi(rows.at(0).at(1).value());
  out.inflation = std::stod(rows.at(0).at(2).value());
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
    const std::string inserted_at = world.registry.text("SELECT clock_timestamp()");
    // The first weeks are there before the daemon is, so that all models begin from the same rows.
    if (begin < replay.rows_a_week * 4) continue;
    if (daemon == nullptr) daemon = &world.start(config);
    const std::string newest = world.source.text("SELECT max(ts) FROM history");
    if (end - begin < replay.rows_a_week) break;
    // Each model has a run that has read up to the newest row and has come to an end, or whose candidate waits.
    ASSERT_TRUE(world.comes_true("SELECT count(DISTINCT model) = " + std::to_string(replay.ways.size()) +
                                 " FROM retraind.run_history WHERE window_to >= timestamp '" + newest +
                                 "' AT TIME ZONE 'UTC' AND (finished_at IS NOT NULL OR state = 'shadowing')"))
        << newest;
    // And what is on trial has been scored on it.
    ASSERT_TRUE(world.comes_true("SELECT bool_and(coalesce(looked_at >= '" + inserted_at + "', opened_at >= '" +
                                 inserted_at +
                                 "')) IS NOT false FROM retraind.trial_history "
                                 "WHERE outcome IS NULL"))
        << newest;
  }
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(), 0);
  EXPECT_EQ(world.registry.text(
                "SELECT count(*) FROM retraind.run_history WHERE state NOT IN ('promoted', 'rejected', 'inconclusive', "
                "'shadowing')"),
            "0");
}

// By the name of each way.
std::map<std::string, Figures> run_replay(const Replay& replay) {
  World world;
  world.source.exec(std::string("CREATE TABLE history (") + replay.columns + ")");
  std::string models;
  for (const Way& way : replay.ways) models += model_of(replay, way.name, way.validation);
  replay_weeks(world, replay, world.configure(models, "max_parallel_runs = 2\n"));
  std::map<std::string, Figures> out;
  for (const Way& way : replay.ways) {
    const Figures figures = out[way.name] = figures_of(world, way.name);
    std::printf("%s, %s, %s: %.4f over %d weeks with %d promotions; clustered / independent standard error %.2f\n",
                replay.file, replay.metric, way.name, figures.prequential, figures.weeks, figures.promotions,
                figures.inflation);
  }
  return out;
}

Replay electricity(std::vector<Way> ways) {
  return {
      .file = "elec2.csv.gz",
      .columns =
          "ts timestamp, date_norm float8, day int, period float8, nswprice float8, nswdemand float8, vicprice "
          "float8, vicdemand float8, transfer float8, up int",
      .query = "SELECT ts, day, period, nswprice, nswdemand, vicprice, vicdemand, transfer, up FROM history",
      .label = "up",
      .task = "binary",
      .metric = "accuracy",
      .rows_a_week = 336,
      .window = "28d",
      .ways = std::move(ways),
  };
}

TEST(Replay, OfTheElectricityMarketKeepsTheModelBetterThanOneThatIsNeverRetrained) {
  if (!real_data("elec2.csv.gz")) GTEST_SKIP() << missing_data("elec2.csv.gz");
  const auto figures = run_replay(electricity({{"retrained", "rule = \"non_inferior\"\nmargin = 0.1\nconfidence = 0.6"},
                                               {"superior", "rule = \"superior\"\nmargin = 0"},
                                               {"point_estimate", kPointEstimate},
                                               {"fixed", "margin = 0.99"}}));
  const Figures& retrained = figures.at("retrained");
  const Figures& fixed = figures.at("fixed");
  EXPECT_EQ(fixed.promotions, 1);
  EXPECT_GT(retrained.promotions, 10);
  EXPECT_GT(retrained.prequential, fixed.prequential + 0.03);
  // Half-hours of one day go together: an interval that takes them for independent is less than half as wide as it must
  // be, and the point estimate takes what such noise says for a reason to promote.
  EXPECT_GT(fixed.inflation, 1.5);
  EXPECT_LT(figures.at("superior").promotions, figures.at("point_estimate").promotions);
}

// Each week waits for looks at the trials, which are a second apart: minutes more, for whoever asks for them.
TEST(Replay, OfTheElectricityMarketLetsShadowsWinWhatNoHoldoutCanShow) {
  if (!real_data("elec2.csv.gz")) GTEST_SKIP() << missing_data("elec2.csv.gz");
  if (std::getenv("RETRAIND_LONG") == nullptr) GTEST_SKIP() << "a test of many minutes: scripts/test --long";
  Replay replay = electricity({{"spent", "rule = \"superior\"\nmargin = 0"},
                               {"spent_80", "rule = \"superior\"\nmargin = 0\nconfidence = 0.8"},
                               {"each_by_itself", "rule = \"superior\"\nmargin = 0\nspend_alpha = false"},
                               {"fixed", "margin = 0.99"}});
  replay.trials = "shadow = \"28d\"\nbake = \"28d\"\ntrial_every = \"1s\"";
  const auto figures = run_replay(replay);
  EXPECT_GT(figures.at("each_by_itself").promotions, 1);
  EXPECT_GT(figures.at("each_by_itself").prequential, figures.at("fixed").prequential);
}

TEST(Replay, OfBicycleHiresKeepsTheModelBetterThanOneThatIsNeverRetrained) {
  if (!real_data("bike_sharing_hour.csv.gz")) GTEST_SKIP() << missing_data("bike_sharing_hour.csv.gz");
  const auto figures = run_replay({
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
      .ways = {{"retrained", "rule = \"non_inferior\"\nmargin = 5"}, {"fixed", "margin = 100000"}},
  });
  const Figures& retrained = figures.at("retrained");
  const Figures& fixed = figures.at("fixed");
  EXPECT_EQ(fixed.promotions, 1);
  EXPECT_GT(retrained.promotions, 10);
  EXPECT_LT(retrained.prequential, fixed.prequential * 0.6);
}

}  // namespace
}  // namespace retraind::testing
