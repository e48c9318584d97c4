// Drift as the running daemon sees it: columns, scores and labels of fresh rows against what production was trained on.

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

constexpr const char* kDrift = R"(
[[model.m.trigger]]
on = "drift"
every = "200ms"
window = "500 rows"
for = 2
max_runs_per_day = 1
)";

class DriftTest : public ::testing::Test {
 protected:
  // Production, version 1, trained on the first 1,600 of 2,000 rows.
  void start(const std::string& triggers = kDrift) {
    world.make_events();
    world.add_events(0, 2000, 0);
    config = world.configure(World::events_model("m", "", triggers));
    world.start(config);
    ASSERT_TRUE(world.comes_true("SELECT true FROM retraind.production WHERE model = 'm'"));
  }
  // One check of everything that is there now.
  CommandResult check_now(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"drift", "m", "--config", config.string()};
    words.insert(words.end(), more.begin(), more.end());
    return world.run(words);
  }
  std::string drifted_now() {
    const CommandResult result = check_now();
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return world.registry.text(
        "SELECT string_agg(\"column\", ', ' ORDER BY \"column\") FROM retraind.drift_history WHERE drifted AND role <> "
        "'time' AND check_id = (SELECT max(check_id) FROM retraind.drift_history)");
  }

  World world;
  std::filesystem::path config;
};

TEST_F(DriftTest, FiresAfterTheChecksItWasAskedForAndSaysWhatMoved) {
  start();
  ASSERT_TRUE(world.comes_true("SELECT count(DISTINCT check_id) >= 2 FROM retraind.drift_history"));
  EXPECT_EQ(world.registry.text("SELECT bool_or(drifted) FROM retraind.drift_history WHERE role <> 'time'"), "f");
  world.source.exec(
      "INSERT INTO events SELECT ts + interval '3 days', x1 + 3, x2, colour, y FROM events ORDER BY ts LIMIT 600");
  ASSERT_TRUE(world.comes_true("SELECT count(*) >= 1 FROM retraind.run_history WHERE trigger = 'drift'"));
  EXPECT_EQ(world.registry.text("SELECT string_agg(DISTINCT \"column\", ',') FROM retraind.drift_history "
                                "WHERE drifted AND role = 'feature'"),
            "x1");
  // What the model says of rows it has never seen the like of has moved as well.
  EXPECT_EQ(world.registry.text("SELECT bool_or(drifted) FROM retraind.drift_history WHERE role = 'score'"), "t");
  EXPECT_EQ(world.registry.text("SELECT decision FROM retraind.trigger_history WHERE trigger = 'drift' AND decision IN "
                                "('pending', 'fired') ORDER BY firing_id LIMIT 1"),
            "pending");
  EXPECT_EQ(world.registry.text("SELECT importance > 0.5 FROM retraind.drift_history WHERE \"column\" = 'x1' LIMIT 1"),
            "t");
  const std::string evidence = world.registry.text(
      "SELECT evidence FROM retraind.trigger_history WHERE trigger = 'drift' AND decision = 'fired' LIMIT 1");
  EXPECT_CONTAINS(evidence, "\"x1\"");
  EXPECT_CONTAINS(evidence, "importance");
}

TEST_F(DriftTest, ReadsOnlyRowsThatAreNewOrMayStillComeLate) {
  start();
  ASSERT_TRUE(world.comes_true("SELECT count(DISTINCT check_id) >= 3 FROM retraind.drift_history"));
  // Blocks before the mark are settled: rows that come there now are too late, and change nothing.
  const std::string before = world.registry.text(
      "SELECT sum(f.rows) FROM retraind.fresh_block f JOIN retraind.watch w USING (model_id, version, stream) "
      "WHERE stream = 'features' AND f.index < w.open");
  EXPECT_NE(before, "");
  world.source.exec(
      "INSERT INTO events SELECT ts, x1 + 50, x2, colour, y FROM events WHERE ts > (SELECT min(ts) + "
      "interval '27 hours' FROM events) AND ts < (SELECT max(ts) - interval '2 hours' FROM events)");
  const std::string checks = world.registry.text("SELECT count(DISTINCT check_id) FROM retraind.drift_history");
  ASSERT_TRUE(world.comes_true("SELECT count(DISTINCT check_id) >= " + checks + " + 3 FROM retraind.drift_history"));
  EXPECT_EQ(world.registry.text(
                "SELECT sum(f.rows) FROM retraind.fresh_block f JOIN retraind.watch w USING (model_id, version, "
                "stream) WHERE stream = 'features' AND f.index < w.open"),
            before);
}

TEST_F(DriftTest, AtTheCommandLineShowsTheNumbersOfTheHistory) {
  start("");
  world.source.exec(
      "INSERT INTO events SELECT ts + interval '3 days', x1 + 3, x2, colour, y FROM events ORDER BY ts LIMIT 600");
  const CommandResult table = check_now();
  EXPECT_EQ(table.exit_code, 0) << table.errors;
  for (const char* part : {"x1", "(score)", "drifted", "production version 1", "window 2026-01-"}) {
    EXPECT_CONTAINS(table.output, part);
  }
  const CommandResult json = check_now({"--json"});
  const auto columns = boost::json::parse(json.output).as_array();
  ASSERT_GE(columns.size(), 6u);
  for (const auto& column : columns) {
    const std::string name(column.at("column").as_string());
    const std::string effect =
        world.registry.text("SELECT effect FROM retraind.drift_history WHERE \"column\" = '" + name +
                            "' AND check_id = (SELECT max(check_id) FROM retraind.drift_history)");
    EXPECT_NEAR(column.at("effect").to_number<double>(), std::stod(effect), 1e-9) << name;
  }
  EXPECT_EQ(world.registry.text("SELECT string_agg(DISTINCT trigger, ',') FROM retraind.drift_history"), "manual");
  EXPECT_EQ(world.run({"drift", "nobody", "--config", config.string()}).exit_code, 1);
}

TEST_F(DriftTest, SeesAColumnThatBecameAllNullOrConstantAndLabelsThatChanged) {
  start("");
  world.source.exec(
      "INSERT INTO events SELECT ts + interval '3 days', NULL, 0.5, colour, y FROM events "
      "ORDER BY ts LIMIT 1600");
  const std::string moved = drifted_now();
  EXPECT_CONTAINS(moved, "x1");
  EXPECT_CONTAINS(moved, "x2");
  EXPECT_EQ(moved.find("(label)"), std::string::npos) << moved;
  EXPECT_EQ(moved.find("colour"), std::string::npos) << moved;
  world.source.exec(
      "DELETE FROM events WHERE x1 IS NULL;"
      "INSERT INTO events SELECT ts + interval '6 days', x1, x2, 'purple', 1 FROM events "
      "ORDER BY ts LIMIT 1600");
  const std::string later = drifted_now();
  EXPECT_CONTAINS(later, "(label)");
  EXPECT_CONTAINS(later, "colour");
  EXPECT_EQ(later.find("x2"), std::string::npos) << later;
}

TEST_F(DriftTest, DoesNotMixRowsOfOneQueryWithThoseOfAnother) {
  start("");
  world.add_events(2000, 1000, 0);
  const auto rows_by = [&](const std::filesystem::path& file) {
    const CommandResult result = world.run({"drift", "m", "--config", file.string()});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return world.registry.text("SELECT rows FROM retraind.drift_history ORDER BY check_id DESC LIMIT 1");
  };
  std::string other = World::events_model("m");
  other.replace(other.find("FROM events"), 11, "FROM events WHERE colour = 'red'");
  const auto other_config = world.configure(other, "", "other");
  const std::string all = rows_by(config);
  const std::string red = rows_by(other_config);
  EXPECT_LT(std::stoi(red), std::stoi(all) / 2);
  EXPECT_EQ(rows_by(config), all);
  EXPECT_EQ(rows_by(config), all);
}

TEST_F(DriftTest, CannotJudgeAWindowOfThreeRows) {
  start("");
  world.source.exec(
      "DELETE FROM events WHERE ts > (SELECT max(ts) - interval '400 minutes' FROM events);"
      "INSERT INTO events SELECT ts + interval '9 days', x1 + 9, x2, colour, y FROM events "
      "ORDER BY ts LIMIT 3");
  const CommandResult result = check_now();
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_CONTAINS(result.output, "insufficient_data");
  EXPECT_EQ(world.registry.text("SELECT string_agg(DISTINCT verdict, ',') FROM retraind.drift_history"),
            "insufficient_data");
}

TEST_F(DriftTest, SaysThatAColumnVanishedInsteadOfCallingItDrift) {
  start();
  world.source.exec("ALTER TABLE events RENAME COLUMN x2 TO x3");
  ASSERT_TRUE(world.comes_true(
      "SELECT reason LIKE '%x2%does not exist%' FROM retraind.trigger_history WHERE decision = 'error' "
      "ORDER BY firing_id DESC LIMIT 1"));
  world.source.exec("ALTER TABLE events RENAME COLUMN x3 TO x2; ALTER TABLE events ALTER COLUMN x2 TYPE text");
  const CommandResult result = check_now();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_CONTAINS(result.errors, "the column \"x2\" is now text, but production was trained on numbers");
  EXPECT_CONTAINS(result.errors, "cast it back in the query, or retrain");
}

TEST_F(DriftTest, LeavesRowsOfTheFutureAlone) {
  start("");
  world.source.exec("INSERT INTO events SELECT ts + interval '100 years', x1 + 9, x2, colour, y FROM events");
  EXPECT_EQ(drifted_now(), "");
}

TEST_F(DriftTest, ComparesByTheMethodThatWasNamed) {
  const std::vector<std::string> methods = {"psi", "ks", "wasserstein", "hellinger", "chi_square", "out_of_range"};
  std::string triggers;
  for (const std::string& method : methods) {
    triggers += "[[model.m.trigger]]\nname = \"by_" + method +
                "\"\non = \"drift\"\nevery = \"1h\"\nwindow = \"500 rows\"\nmethod = \"" + method + "\"\n";
  }
  start(triggers);
  world.source.exec(
      "INSERT INTO events SELECT ts + interval '3 days', x1 + 3, x2, colour, y FROM events ORDER BY ts LIMIT 600");
  for (const std::string& method : methods) {
    SCOPED_TRACE(method);
    const CommandResult result = check_now({"--trigger", "by_" + method});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    const auto verdict_on = [&](const std::string& column) {
      return world.registry.text("SELECT method || ' ' || drifted FROM retraind.drift_history WHERE \"column\" = '" +
                                 column + "' ORDER BY check_id DESC LIMIT 1");
    };
    EXPECT_EQ(verdict_on("x1"), method + " true");
    EXPECT_EQ(verdict_on("x2"), method + " false");
  }
}

}  // namespace
}  // namespace retraind::testing
