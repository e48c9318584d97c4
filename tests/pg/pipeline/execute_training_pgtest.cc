// What a worker does to rows before and while it trains: it validates, samples, searches, goes on from production,
// keeps.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "core/base/sha256.h"
#include "core/pipeline/extraction.h"
#include "core/pipeline/kept_data.h"
#include "core/pipeline/lineage.h"
#include "tests/pg/pipeline/execute_scene.h"

namespace retraind::pipeline {
namespace {

const data::Finding* find(const Result& result, const std::string& check, const std::string& column = "") {
  for (const data::Finding& finding : result.findings) {
    if (finding.check == check && (column.empty() || finding.column == column)) return &finding;
  }
  return nullptr;
}

TEST_F(ExecuteTest, StopsBeforeTrainingWhenValuesAreNotAsTheyMustBe) {
  add_rows(0, 1000, "a");
  job.model.data.leakage.reset();
  database.exec("UPDATE events SET x = 7 WHERE ts < '2026-01-01 01:00+00'");
  job.model.data.columns["x"].max = 1;
  const Result result = run();
  const auto* failure = std::get_if<Failure>(&result.outcome);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->step, Step::validate_data);
  EXPECT_FALSE(failure->transient);
  EXPECT_FALSE(std::filesystem::exists(folder / kArtifactFile)) << "nothing was trained";
  ASSERT_EQ(result.findings.size(), 1u);
  const data::Finding& finding = result.findings.front();
  EXPECT_TRUE(finding.stops);
  EXPECT_EQ(finding.rows, 6u);
  EXPECT_EQ(database.text("SELECT count(*) FROM (" + finding.query + ") shown"), "6") << finding.query;
  EXPECT_CONTAINS(failure->message, finding.sentence);
}

TEST_F(ExecuteTest, GoesOnAndSaysSoWhenABreakIsOnlyToBeWarnedOf) {
  add_rows(0, 1000, "a");
  job.model.data.leakage.reset();
  database.exec("UPDATE events SET x = 7 WHERE ts < '2026-01-01 01:00+00'");
  job.model.data.columns["x"].max = 1;
  job.model.data.on_break = ValueBreak::warn;
  const Result result = run();
  ASSERT_TRUE(std::holds_alternative<Measured>(result.outcome));
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_FALSE(result.findings.front().stops);
  const Measured& measured = std::get<Measured>(result.outcome);
  EXPECT_EQ(measured.warnings.front(), result.findings.front().sentence);
}

TEST_F(ExecuteTest, HoldsColumnsAgainstThoseItWasFirstPromotedWith) {
  add_rows(0, 1000, "a");
  job.model.data.leakage.reset();
  job.model.features.clear();
  const Measured first = measured();
  ASSERT_TRUE(first.learned);
  job.expectation = first.learned;
  EXPECT_TRUE(run().findings.empty());
  database.exec("ALTER TABLE events ALTER COLUMN x TYPE text");
  const Result changed = run();
  ASSERT_NE(find(changed, "type", "x"), nullptr) << boost::json::serialize(boost::json::value(changed.findings.size()));
  EXPECT_TRUE(find(changed, "type", "x")->stops);
  EXPECT_EQ(std::get<Failure>(changed.outcome).step, Step::validate_data);
  job.model.data.schema = ExpectedSchema::any;
  EXPECT_EQ(find(run(), "type", "x"), nullptr);
}

TEST_F(ExecuteTest, WarnsOfAFeatureThatGivesTheLabelAway) {
  add_rows(0, 1000, "a");
  const Result result = run();  // y is x > 0.5
  const data::Finding* leak = find(result, "leakage", "x");
  ASSERT_NE(leak, nullptr);
  EXPECT_EQ(leak->kind, FindingKind::warning);
  EXPECT_FALSE(leak->stops);
}

TEST_F(ExecuteTest, LeavesTheEmbargoOutOfTrainingAndJudging) {
  add_rows(0, 1000, "a");
  const Measured without = measured();
  job.model.training.embargo = std::chrono::hours(10);
  const Measured with = measured();
  EXPECT_EQ(with.holdout_from, without.holdout_from);
  EXPECT_EQ(with.comparison.rows, without.comparison.rows);
  EXPECT_EQ(without.train_rows - with.train_rows, 59u) << "a row every ten minutes";
  EXPECT_EQ(*with.holdout_from - with.trained_to, 10 * 3600e6);
}

TEST_F(ExecuteTest, GivesProductionAnEmbargoToo) {
  add_rows(0, 1000, "a");
  job.model.training.embargo = std::chrono::hours(10);
  job.production = keep(1, measured());
  add_rows(10000, 300, "a");
  const Measured after = measured();
  ASSERT_TRUE(after.holdout_from);
  EXPECT_GE(*after.holdout_from - job.production->trained_to, 10 * 3600e6);
  job.model.training.holdout = settings::HoldoutShare{0.8};
  job.model.training.embargo = std::chrono::hours(40);
  EXPECT_EQ(*measured().holdout_from - job.production->trained_to, 40 * 3600e6)
      << "its holdout began earlier, in rows that are not fresh for production";
}

TEST_F(ExecuteTest, SearchesOnTrainingRowsAndTrainsWithWhatItHasChosen) {
  add_rows(0, 1000, "a", "(x > 0.5 AND x < 0.8)::text");
  job.model.data.leakage = std::nullopt;
  job.model.training.search = settings::Search{};
  job.model.training.search->params["max_depth"] = {std::int64_t{1}, std::int64_t{3}};
  job.model.training.search->params["rounds"] = {std::int64_t{1}, std::int64_t{8}};
  const Result result = run();
  ASSERT_TRUE(std::holds_alternative<Measured>(result.outcome));
  ASSERT_EQ(result.searched.size(), 4u);
  const auto chosen =
      std::find_if(result.searched.begin(), result.searched.end(), [](const SearchTrial& one) { return one.chosen; });
  ASSERT_NE(chosen, result.searched.end());
  for (const SearchTrial& trial : result.searched) {
    ASSERT_TRUE(trial.value) << trial.fault;
    EXPECT_LE(*trial.value, *chosen->value) << "accuracy: the larger the better";
    EXPECT_LT(trial.rows + trial.train_rows, 801u) << "the holdout is not touched";
  }
  const Lineage lineage = lineage_from_json(std::get<Measured>(result.outcome).lineage);
  EXPECT_EQ(lineage.params.at("max_depth"), chosen->params.at("max_depth"));
  EXPECT_EQ(std::int64_t{lineage.rounds}, std::get<std::int64_t>(chosen->params.at("rounds")));
}

TEST_F(ExecuteTest, GoesOnFromProductionAndSaysFromWhich) {
  add_rows(0, 1000, "a");
  job.production = keep(1, measured());
  add_rows(10000, 500, "a");
  job.model.training.warm_start = true;
  const Measured warm = measured();
  const Lineage lineage = lineage_from_json(warm.lineage);
  ASSERT_TRUE(lineage.parent);
  EXPECT_EQ(lineage.parent->version, 1);
  EXPECT_EQ(lineage.parent->artifact_sha256, job.production->artifact_sha256);
  const std::uint64_t warm_bytes = warm.artifact_bytes;
  job.model.training.warm_start = false;
  EXPECT_GT(warm_bytes, measured().artifact_bytes) << "production's trees are in it";
}

TEST_F(ExecuteTest, TrainsFromNothingWhereItCannotGoOnAndSaysWhy) {
  add_rows(0, 1000, "a");
  job.model.training.warm_start = true;
  const Measured first = measured();
  EXPECT_FALSE(lineage_from_json(first.lineage).parent);
  EXPECT_TRUE(std::any_of(first.warnings.begin(), first.warnings.end(), [](const std::string& warning) {
    return warning.find("there is no production model yet") != std::string::npos;
  }));
  job.production = keep(1, first);
  job.model.features = {"x", "w"};
  const Measured other = measured();
  EXPECT_FALSE(lineage_from_json(other.lineage).parent);
  EXPECT_TRUE(std::any_of(other.warnings.begin(), other.warnings.end(), [](const std::string& warning) {
    return warning.find("its features are other ones") != std::string::npos;
  }));
}

TEST_F(ExecuteTest, CountsWhatItsParentHasSeenAsSeen) {
  add_rows(0, 1000, "a");
  job.production = keep(1, measured());
  job.production->trained_to = minute(9500);  // as a refit's, younger than what is trained on now
  job.model.training.warm_start = true;
  const Measured warm = measured();
  ASSERT_TRUE(lineage_from_json(warm.lineage).parent);
  EXPECT_EQ(warm.trained_to, minute(9500));
  EXPECT_GT(*warm.holdout_from, minute(9500));
}

TEST_F(ExecuteTest, DoesNotGoOnFromAModelThatHasSeenEntitiesHeldOutNow) {
  for (int i = 0; i < 10; ++i) {
    add_rows(i, 100, entity(false, i));
    add_rows(5000 + i, 100, entity(true, i));
  }
  job.production = keep(1, measured());
  add_rows(20000, 200, entity(false, 0));
  add_rows(30000, 200, entity(true, 0));
  job.model.training.entity = "who";
  job.model.training.warm_start = true;
  const Measured other = measured();
  EXPECT_FALSE(lineage_from_json(other.lineage).parent);
  EXPECT_TRUE(std::any_of(other.warnings.begin(), other.warnings.end(), [](const std::string& warning) {
    return warning.find("entities that are held out") != std::string::npos;
  }));
}

TEST_F(ExecuteTest, TrainsFromNothingWhereAClassIsNew) {
  job.model.task = Task::multiclass;
  add_rows(0, 1000, "a", "(floor(x * 3))::text");
  job.production = keep(1, measured());
  add_rows(10000, 1000, "a", "(floor(x * 4))::text");
  job.model.training.warm_start = true;
  const Measured other = measured();
  EXPECT_FALSE(lineage_from_json(other.lineage).parent);
  EXPECT_TRUE(std::any_of(other.warnings.begin(), other.warnings.end(), [](const std::string& warning) {
    return warning.find("does not know the class \"3\"") != std::string::npos;
  }));
}

TEST_F(ExecuteTest, KeepsTheRowsItWasMadeFrom) {
  add_rows(0, 1000, "a");
  job.model.training.keep_data = true;
  const Measured kept = measured();
  ASSERT_TRUE(kept.kept);
  const std::filesystem::path file = folder / kKeptDataFile;
  EXPECT_EQ(kept.kept->sha256, to_hex(sha256_of_file(file)));
  const Lineage lineage = lineage_from_json(kept.lineage);
  EXPECT_EQ(lineage.kept_data_sha256, kept.kept->sha256);
  EXPECT_EQ(extract_kept(file, job.model, lineage.extent, lineage.schema).data_sha256, kept.data_sha256);
}

TEST_F(ExecuteTest, SaysWhatAVersionWasMadeFrom) {
  add_rows(0, 1000, "a");
  job.model.training.seed = 5;
  job.model.training.sample_rows = 600;
  const Measured sampled = measured();
  const Lineage lineage = lineage_from_json(sampled.lineage);
  EXPECT_EQ(lineage.rows, 1000u);
  EXPECT_EQ(lineage.seed, 5u);
  EXPECT_EQ(lineage.extent.sample_share, 0.6);
  EXPECT_EQ(lineage.train_end - lineage.train_begin, sampled.train_rows);
  ASSERT_TRUE(lineage.digest);
  EXPECT_FALSE(lineage.digest->columns.empty());
}

TEST_F(ExecuteTest, TellsHowFarItHasCome) {
  add_rows(0, 1000, "a");
  std::vector<train::Progress> rounds;
  const Surroundings surroundings{.listener =
                                      [&](const StepEvent& event) {
                                        if (event.step == Step::train && event.progress)
                                          rounds.push_back(*event.progress);
                                      },
                                  .clock = [] { return Duration::zero(); }};
  execute(job, source, folder, "test", surroundings);
  ASSERT_EQ(rounds.size(), 5u);
  EXPECT_EQ(rounds.back().done, 5u);
  EXPECT_EQ(rounds.back().total, 5u);
  EXPECT_EQ(rounds.back().unit, ProgressUnit::rounds);
}

}  // namespace
}  // namespace retraind::pipeline
