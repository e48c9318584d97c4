// What the keys of trainers, samples, searches, data rules and scoring become.

#include <gtest/gtest.h>

#include "core/settings/load.h"

namespace retraind::settings {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const std::filesystem::path kConfigs = std::filesystem::path(RETRAIND_SOURCE_DIR) / "tests" / "config";

Model good_model(const std::string& name) {
  return load(kConfigs / "training.good.toml", "test-host").settings.models.at(name);
}

TEST(LoadTraining, ReadsACommand) {
  const Training training = good_model("script").training;
  EXPECT_EQ(training.trainer, "command");
  EXPECT_EQ(training.command.train, (std::vector<std::string>{"/opt/x/train.py", "", "--deep"}));
  EXPECT_EQ(training.command.predict, std::vector<std::string>{"/opt/x/predict.py"});
  const std::map<std::string, std::string> environment = {
      {"LANG", "C.UTF-8"}, {"_Empty1", ""}, {"PATH", "/opt/bin:/usr/bin"}};
  EXPECT_EQ(training.command.environment, environment);
  EXPECT_EQ(training.command.pass_environment, (std::vector<std::string>{"HOME", "http_proxy"}));
  EXPECT_EQ(training.command.files, std::vector<std::filesystem::path>{"/opt/x/features.py"});
  EXPECT_EQ(training.command.log_limit_bytes, 4096u);
  EXPECT_EQ(training.command.disk_limit_bytes, std::uint64_t{64} << 30);
  EXPECT_EQ(training.command.max_processes, 1);
  EXPECT_EQ(training.params.at("seed"), Parameter(std::int64_t{5}));
}

TEST(LoadTraining, ReadsWhichRowsAreTrainedOnAndHowMuchTheyCount) {
  const Training script = good_model("script").training;
  ASSERT_TRUE(script.since.has_value());
  EXPECT_EQ(script.since->axis, TimeAxis::number);
  EXPECT_EQ(script.since->from, 1200.5);
  EXPECT_EQ(script.embargo, hours(24));
  EXPECT_EQ(script.sample_rows, 100000u);
  EXPECT_TRUE(script.keep_data);
  EXPECT_TRUE(script.warm_start);
  EXPECT_EQ(script.keep_majority, 0.05);
  const std::map<std::string, double> weights = {{"1", 5}, {"other", 0.5}};
  EXPECT_EQ((std::get<std::map<std::string, double>>(script.class_weights)), weights);
  const Training boosted = good_model("boosted").training;
  ASSERT_TRUE(boosted.since.has_value());
  EXPECT_EQ(boosted.since->axis, TimeAxis::instant);
  EXPECT_EQ(format_event_time(TimeAxis::instant, boosted.since->from), "2024-01-01T05:30:00Z");
  EXPECT_TRUE(std::holds_alternative<ClassWeightsBalanced>(boosted.class_weights));
}

TEST(LoadTraining, ReadsASearchWithItsValuesInOrder) {
  const Training script = good_model("script").training;
  ASSERT_TRUE(script.search.has_value());
  const std::map<std::string, std::vector<Parameter>> params = {
      {"n_estimators", {std::int64_t{10}, std::int64_t{20}}},
      {"kernel", {std::string("linear"), std::string("rbf"), true, 0.5}}};
  EXPECT_EQ(script.search->params, params);
  EXPECT_EQ(script.search->trials, 3);
  EXPECT_EQ(script.search->share, 0.125);
  const Training boosted = good_model("boosted").training;
  ASSERT_TRUE(boosted.search.has_value());
  EXPECT_EQ(boosted.search->trials, 10);
  EXPECT_EQ(boosted.search->share, 0.2);
  EXPECT_EQ(boosted.search->params.at("rounds").size(), 2u);
}

TEST(LoadTraining, ReadsTheRulesForData) {
  const DataRules rules = good_model("script").data;
  EXPECT_EQ(rules.schema, ExpectedSchema::any);
  EXPECT_EQ(rules.on_break, ValueBreak::warn);
  EXPECT_EQ(rules.min_rows, 1000u);
  EXPECT_EQ(rules.max_age, hours(48));
  EXPECT_EQ(rules.max_row_change, 1.5);
  EXPECT_EQ(rules.null_tolerance, 1);
  EXPECT_EQ(rules.unique, (std::vector<std::string>{"ts", "region"}));
  EXPECT_EQ(rules.max_duplicates, 0.0);
  EXPECT_FALSE(rules.leakage.has_value());
  ASSERT_EQ(rules.columns.size(), 3u);
  EXPECT_EQ(rules.columns.at("price").type, "numeric(10,2)");
  EXPECT_EQ(rules.columns.at("price").max_null_share, 0.0);
  EXPECT_EQ(rules.columns.at("price").min, -5.0);
  EXPECT_EQ(rules.columns.at("price").max, 5e9);
  EXPECT_EQ(rules.columns.at("odd name").allowed, (std::vector<std::string>{"", "a", "1", "1.5", "true"}));
  EXPECT_FALSE(rules.columns.at("there").type.has_value());
  EXPECT_FALSE(good_model("boosted").data.leakage.has_value());
  EXPECT_EQ(good_model("entities").data.leakage, 1.0);
}

TEST(LoadTraining, ReadsWhereScoresGo) {
  const Scoring scoring = good_model("script").scoring;
  EXPECT_EQ(scoring.into, "\"Public\".predictions");
  EXPECT_EQ(scoring.key, (std::vector<std::string>{"ts", "region"}));
  EXPECT_EQ(scoring.source, "forecasts");
  EXPECT_EQ(scoring.query, "SELECT 2");
  EXPECT_EQ(scoring.every, minutes(5));
  EXPECT_EQ(scoring.batch_rows, 500u);
  EXPECT_EQ(scoring.late_rows, hours(2));
}

}  // namespace
}  // namespace retraind::settings
