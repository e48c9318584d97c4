// What users get wrong: each must end in one clear sentence, at the command line or with the run, and nothing else
// changes.

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

struct BadInput {
  const char* name;
  std::function<void(World&)> prepare;       // the source
  std::function<void(std::string&)> change;  // the model
  const char* sentence;                      // part of the failed run's reason
};

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto place = text.find(from);
  ASSERT_NE(place, std::string::npos) << from;
  text.replace(place, from.size(), to);
}

class BadInputs : public ::testing::TestWithParam<BadInput> {};

TEST_P(BadInputs, FailTheRunWithASentence) {
  const BadInput& bad = GetParam();
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  if (bad.prepare) bad.prepare(world);
  std::string model = World::events_model("m");
  if (bad.change) bad.change(model);
  world.start(world.configure(model));
  ASSERT_TRUE(world.comes_true("SELECT state = 'failed' FROM retraind.run_history ORDER BY run_id LIMIT 1"));
  const std::string reason = world.registry.text("SELECT reason FROM retraind.run_history ORDER BY run_id LIMIT 1");
  EXPECT_NE(reason.find(bad.sentence), std::string::npos) << reason;
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.production"), "0");
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.artifact"), "0");
  // The failed run makes its trigger wait instead of trying for ever.
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.run_history"), "1");
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadInputs,
    ::testing::Values(
        BadInput{"AQueryThatDoesNotParse", nullptr, [](std::string& m) { replace(m, "SELECT ts,", "SELEC ts,"); },
                 "syntax error"},
        BadInput{"AMissingTable", [](World& w) { w.source.exec("DROP TABLE events"); }, nullptr,
                 "\"events\" does not exist"},
        BadInput{"AMissingLabel", nullptr, [](std::string& m) { replace(m, "label = \"y\"", "label = \"z\""); },
                 "\"z\""},
        BadInput{"AMissingTimeColumn", nullptr,
                 [](std::string& m) { replace(m, "time_column = \"ts\"", "time_column = \"when\""); }, "\"when\""},
        BadInput{"AnEmptyTable", [](World& w) { w.source.exec("TRUNCATE events"); }, nullptr, "no row"},
        BadInput{"NoLabelledRow", [](World& w) { w.source.exec("UPDATE events SET y = NULL"); }, nullptr,
                 "no labelled row"},
        BadInput{"TooFewRows", [](World& w) { w.source.exec("DELETE FROM events WHERE ts > '2026-01-01 01:00+00'"); },
                 nullptr, "fewer than min_rows = 200"},
        BadInput{"AConstantLabel", [](World& w) { w.source.exec("UPDATE events SET y = 1"); }, nullptr,
                 "nothing to learn"},
        BadInput{"ThreeClassesForABinaryTask", [](World& w) { w.source.exec("UPDATE events SET y = 2 WHERE x2 > 1"); },
                 nullptr, "exactly 2"},
        BadInput{"OnlyNullFeatures",
                 [](World& w) { w.source.exec("UPDATE events SET x1 = NULL, x2 = NULL, colour = NULL"); }, nullptr,
                 "every feature is NULL"},
        BadInput{"AnUnreadableType", [](World& w) { w.source.exec("ALTER TABLE events ADD payload jsonb"); },
                 [](std::string& m) { replace(m, "SELECT ts,", "SELECT payload, ts,"); }, "jsonb"},
        BadInput{"ATimestampAsAFeature", [](World& w) { w.source.exec("ALTER TABLE events ADD seen timestamptz"); },
                 [](std::string& m) { replace(m, "SELECT ts,", "SELECT seen, ts,"); }, "\"seen\""}),
    [](const auto& bad) { return std::string(bad.param.name); });

TEST(BadInput, AWrongConninfoOfTheSourceIsTriedAgainAndThenSaid) {
  World world;
  world.make_events();
  const auto config = world.configure(World::events_model("m", "max_attempts = 1"));
  // The registry is right, the source is not.
  const auto wrong = world.folder() / "wrong.toml";
  std::filesystem::copy_file(config, wrong);
  {
    std::ifstream in(config);
    std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    replace(text, "[source.data]\nconninfo = \"", "[source.data]\nconninfo = \"application_name=x host=/nowhere ");
    const auto host = text.find("host=", text.find("host=/nowhere") + 5);
    text.erase(host, text.find(' ', host) - host);
    std::ofstream(wrong) << text;
  }
  world.start(wrong);
  ASSERT_TRUE(world.comes_true("SELECT state = 'failed' FROM retraind.run_history"));
  const std::string reason = world.registry.text("SELECT reason FROM retraind.run_history");
  EXPECT_NE(reason.find("/nowhere"), std::string::npos) << reason;
}

TEST(BadInput, AnAllNullColumnAmongGoodOnesIsAWarningOnly) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  world.source.exec("UPDATE events SET x2 = NULL");
  world.start(world.configure(World::events_model("m")));
  ASSERT_TRUE(world.comes_true("SELECT state = 'promoted' FROM retraind.run_history"));
  EXPECT_NE(world.registry.text("SELECT detail ->> 'warnings' FROM retraind.step_history WHERE step = 'validate_data'")
                .find("x2"),
            std::string::npos);
}

}  // namespace
}  // namespace retraind::testing
