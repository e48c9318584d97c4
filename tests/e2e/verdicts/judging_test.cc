// What is judged, by whom, and what is never promoted: with the real binary on inputs that make judging hard.

#include <gtest/gtest.h>

#include <functional>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

constexpr const char* kNewRows = R"(
[[model.m.trigger]]
on = "new_rows"
rows = 1000
every = "200ms"
backoff = "0s"
)";

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto place = text.find(from);
  ASSERT_NE(place, std::string::npos) << from;
  text.replace(place, from.size(), to);
}

// The model of the world with more keys in [validation] (or tables after it) and, after those, a trigger on new rows.
std::string model_with(const std::string& validation, const std::string& training = "") {
  return World::events_model("m", training, validation + kNewRows);
}

std::string last_reason(World& world) {
  return world.registry.text("SELECT reason FROM retraind.run_history ORDER BY run_id DESC LIMIT 1");
}

struct HardCase {
  const char* name;
  std::function<void(World&)> prepare;       // the source, which holds 2,000 rows
  std::function<void(std::string&)> change;  // the model
  const char* state;
  const char* gate;      // that did not pass
  const char* sentence;  // part of its sentence
};

class HardCases : public ::testing::TestWithParam<HardCase> {};

TEST_P(HardCases, AreNeverPromotedAndSayWhy) {
  const HardCase& hard = GetParam();
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  world.source.exec("ALTER TABLE events ADD weight float8 DEFAULT 1");
  if (hard.prepare) hard.prepare(world);
  std::string model = World::events_model("m");
  replace(model, "SELECT ts,", "SELECT ts, weight,");
  replace(model, "label = \"y\"", "label = \"y\"\nfeatures = [\"x1\", \"x2\", \"colour\"]");
  if (hard.change) hard.change(model);
  world.start(world.configure(model));
  ASSERT_TRUE(world.comes_true(
      "SELECT state IN ('rejected', 'inconclusive', 'promoted') FROM retraind.run_history ORDER BY run_id LIMIT 1"));
  EXPECT_EQ(world.registry.text("SELECT state FROM retraind.run_history"), hard.state) << last_reason(world);
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.production"), "0");
  const std::string sentence = world.registry.text(
      std::string("SELECT sentence FROM retraind.gate_result WHERE outcome <> 'passed' AND gate = '") + hard.gate +
      "' ORDER BY slice DESC LIMIT 1");
  EXPECT_NE(sentence.find(hard.sentence), std::string::npos) << sentence;
}

const std::string kHoldoutFrom = "timestamptz '2026-01-02 02:40+00'";  // the last 400 of 2,000 minutes

INSTANTIATE_TEST_SUITE_P(
    Each, HardCases,
    ::testing::Values(
        HardCase{"AHoldoutWithOneClass",
                 [](World& w) { w.source.exec("UPDATE events SET y = 1 WHERE ts >= " + kHoldoutFrom); },
                 [](std::string& m) { replace(m, "metric = \"accuracy\"", "metric = \"auc\""); }, "inconclusive",
                 "difference", "one class"},
        HardCase{"PredictionsThatAreAllEqual", nullptr,
                 [](std::string& m) { replace(m, "rounds = 20", "rounds = 1\nparams = { min_child_weight = 1e9 }"); },
                 "rejected", "predictions", "same"},
        HardCase{
            "TenRows", nullptr,
            [](std::string& m) { replace(m, "window = \"2000 rows\"", "window = \"2000 rows\"\nholdout = \"10min\""); },
            "inconclusive", "holdout_rows", "10 fresh labelled rows, too few"},
        HardCase{"WeightsOfZeroInTheHoldout",
                 [](World& w) { w.source.exec("UPDATE events SET weight = 0 WHERE ts >= " + kHoldoutFrom); },
                 [](std::string& m) { replace(m, "label = \"y\"", "label = \"y\"\nweight = \"weight\""); },
                 "inconclusive", "difference", ""},
        HardCase{"ASliceColumnThatVanished", nullptr,
                 [](std::string& m) {
                   m += "[[model.m.validation.gate]]\nmetric = \"accuracy\"\nmax_drop = 0.1\nslice = \"region\"\n";
                 },
                 "inconclusive", "accuracy_by_region", "region"},
        HardCase{"AMetricBelowItsBound", nullptr,
                 [](std::string& m) {
                   m += "[[model.m.validation.gate]]\nname = \"floor\"\nmetric = \"auc\"\nabove = 0.99\n";
                 },
                 "rejected", "floor", ""},
        HardCase{
            "AnArtifactThatIsTooLarge", nullptr,
            [](std::string& m) { replace(m, "cluster = \"1h\"", "cluster = \"1h\"\nmax_artifact_size = \"1KiB\""); },
            "rejected", "artifact_size", ""}),
    [](const auto& hard) { return std::string(hard.param.name); });

TEST(Judging, FailsARunWhoseWeightsAreAllZeroOrMakeNoSense) {
  for (const auto& [weight, sentence] : {std::pair("0", "weight"), std::pair("-1", "weight")}) {
    World world;
    world.make_events();
    world.add_events(0, 2000, 0);
    std::string model = World::events_model("m");
    replace(model, "SELECT ts,", std::string("SELECT ts, ") + weight + "::float8 AS weight,");
    replace(model, "label = \"y\"", "label = \"y\"\nweight = \"weight\"");
    world.start(world.configure(model));
    ASSERT_TRUE(world.comes_true("SELECT state = 'failed' FROM retraind.run_history"));
    EXPECT_NE(last_reason(world).find(sentence), std::string::npos) << last_reason(world);
  }
}

TEST(Judging, HoldsEntitiesOutAsAWhole) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  world.source.exec("ALTER TABLE events ADD customer int");
  world.source.exec("UPDATE events SET customer = (extract(epoch FROM ts) / 60)::int % 100");
  std::string model = model_with("", "entity = \"customer\"");
  replace(model, "SELECT ts,", "SELECT ts, customer,");
  replace(model, "cluster = \"1h\"\n", "");  // then entities are the clusters
  world.start(world.configure(model));
  ASSERT_TRUE(world.comes_true("SELECT version = 1 FROM retraind.production"));
  TestDatabase& registry = world.registry;
  EXPECT_EQ(registry.text("SELECT train_rows + holdout_rows FROM retraind.run_history"), "2000");
  // About a fifth of a hundred customers with twenty rows each, and every customer is a cluster.
  EXPECT_EQ(
      registry.text("SELECT holdout_rows = 20 * clusters AND clusters BETWEEN 8 AND 35 FROM retraind.run_history"),
      "t");
  EXPECT_EQ(registry.text("SELECT entity FROM retraind.model_version"), "0.2 of customer");
  // The same customers are held out again, and production, which never saw them, is judged on all of their rows.
  world.source.exec("INSERT INTO events SELECT ts + interval '2000 min', x1, x2, colour, y, customer FROM events");
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 2 FROM retraind.run_history WHERE opponent IS NOT NULL"));
  EXPECT_EQ(registry.text("SELECT train_rows + holdout_rows FROM retraind.run_history ORDER BY run_id DESC LIMIT 1"),
            "2000");
}

TEST(Judging, RefitsAWinnerOnAllRowsAndSaysWhatItWasMadeFrom) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  world.start(world.configure(model_with("", "refit = true")));
  ASSERT_TRUE(world.comes_true("SELECT version = 1 FROM retraind.production"));
  TestDatabase& registry = world.registry;
  EXPECT_EQ(registry.text("SELECT train_rows FROM retraind.model_version"), "2000");
  EXPECT_EQ(
      registry.text("SELECT string_agg(gate, ' ' ORDER BY gate) FROM retraind.gate_result WHERE gate LIKE 'refit%' "
                    "AND passed"),
      "refit_agreement refit_package refit_predictions");
  EXPECT_EQ(registry.text("SELECT lineage -> 'refit' ->> 'judged_train_rows' FROM retraind.model_version"), "1600");
  EXPECT_EQ(registry.text("SELECT lineage -> 'refit' ->> 'judged_artifact_sha256' <> artifact_sha256 FROM "
                          "retraind.model_version"),
            "t");
  // It has seen every row there is, so none of them judges it.
  world.add_events(2000, 1000, 1);
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 2 FROM retraind.run_history WHERE opponent IS NOT NULL"));
  EXPECT_EQ(registry.text("SELECT holdout_rows FROM retraind.run_history ORDER BY run_id DESC LIMIT 1"), "400");
}

}  // namespace
}  // namespace retraind::testing
