// What a worker makes of rows of a real source: which of them it trains and judges on, and what it complains of.
#include "core/pipeline/execute.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "tests/pg/pipeline/execute_scene.h"

namespace retraind::pipeline {
namespace {

TEST_F(ExecuteTest, KnowsTheOldestAndTheNewestRowOfARefitAfterEntitiesWereHeldOut) {
  for (int i = 0; i < 20; ++i) {
    add_rows(i, 20, entity(true, i));
    add_rows(100 + i, 40, entity(false, i));
  }
  job.model.training.entity = "who";
  EXPECT_EQ(measured().trained_from, minute(100));
  job.model.training.refit = true;
  const Measured again = measured();
  ASSERT_TRUE(again.refit);
  EXPECT_EQ(again.train_rows, 1200u);
  EXPECT_EQ(again.trained_from, minute(0));
  EXPECT_EQ(again.trained_to, minute(100 + 19 + 390)) << "the newest rows are not those that were held out";
}

TEST_F(ExecuteTest, CountsTheRowsOfARefitInTheOrderOfTimeWhateverWasHeldOut) {
  for (int i = 0; i < 20; ++i) {
    add_rows(i, 120, entity(true, i));
    add_rows(i, 120, entity(false, i));
  }
  job.model.training.refit = true;
  const Measured by_time = measured();
  job.model.training.entity = "who";
  const Measured by_entity = measured();
  ASSERT_TRUE(by_time.refit);
  ASSERT_TRUE(by_entity.refit);
  const auto& one = by_time.reference.features;
  const auto& other = by_entity.reference.features;
  ASSERT_GT(one.size(), 2u);
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].index, other[i].index);
    EXPECT_EQ(one[i].rows, other[i].rows);
    EXPECT_EQ(one[i].packed, other[i].packed) << "the same rows were trained on: block " << i;
  }
}

TEST_F(ExecuteTest, SaysThatAWeightIsTooLargeForATrainer) {
  add_rows(0, 400, "e", "(x > 0.5)::text", "CASE WHEN n = 100 THEN 1e39 ELSE 1 END");
  job.model.weight = "w";
  EXPECT_CONTAINS(complaint(), "more than a 4-byte float holds");
}

TEST_F(ExecuteTest, JudgesNoVersionOnRowsThatItWasTrainedOnWhateverEntitiesItHeldOut) {
  for (int i = 0; i < 20; ++i) {
    add_rows(i, 20, entity(true, i));
    add_rows(i, 20, entity(false, i));
  }
  job.model.training.entity = "who";
  job.model.training.refit = true;
  job.candidate = keep(1, measured());
  // Production has held entities out too, but has seen newer rows of all others.
  for (int i = 0; i < 20; ++i) {
    add_rows(200 + i, 20, entity(true, i));
    add_rows(200 + i, 20, entity(false, i));
  }
  Job other = job;
  job.candidate.reset();
  job.model.training.refit = false;
  other.production = keep(2, measured());
  for (int i = 0; i < 20; ++i) add_rows(500 + i, 5, entity(false, i));
  job = other;
  const Measured again = measured();
  EXPECT_TRUE(again.judged_again);
  EXPECT_EQ(again.facts.package_compared, 0u) << "there is no trained model to compare it with";
  EXPECT_EQ(again.comparison.rows, 100u);
  EXPECT_EQ(again.holdout_from, minute(500));
}

TEST_F(ExecuteTest, LearnsTheBaselineOfACandidateThatIsJudgedAgainFromTheClassesItKnows) {
  job.model.task = Task::multiclass;
  const std::string labels = "CASE WHEN x > 0.6 THEN 'a' WHEN x > 0.3 THEN 'b' ELSE 'c' END";
  add_rows(0, 300, "e", labels);
  job.candidate = keep(2, measured());
  job.production = *job.candidate;
  job.production->version = 1;
  job.production->fault = "its sha256 is wrong";
  // A label that came late, of a class that was not known before.
  database.exec("UPDATE events SET y = 'd' WHERE ts = timestamptz '2026-01-01 01:40+00'");
  add_rows(3000, 100, "e", labels);
  const Measured again = measured();
  EXPECT_EQ(again.comparison.opponent, evaluate::Opponent::baseline);
  EXPECT_EQ(again.judged_against, 1);
  ASSERT_TRUE(again.comparison.difference);
  EXPECT_GT(again.comparison.difference->estimate, 0.2);
}

TEST_F(ExecuteTest, JudgesNobodyOnATimeThatIsNotTheOneOfItsTraining) {
  add_rows(0, 300, "e");
  const JobVersion version = keep(1, measured());
  job.model.query = "SELECT extract(epoch FROM ts) AS ts, x, y FROM events";
  job.production = version;
  EXPECT_CONTAINS(complaint(), "version 1 was trained on another kind of time");
  job.production.reset();
  job.candidate = version;
  EXPECT_CONTAINS(complaint(), "version 1 was trained on another kind of time");
}

TEST_F(ExecuteTest, SaysThatNothingIsLeftToJudgeACandidateBy) {
  add_rows(0, 300, "e");
  job.candidate = keep(2, measured());
  job.production = *job.candidate;
  job.production->version = 1;
  job.production->fault = "its sha256 is wrong";
  database.exec("DELETE FROM events");
  add_rows(3000, 100, "e");
  EXPECT_EQ(complaint(),
            "version 2 can be judged by nothing: no other version loads, and the window holds no row as old as those "
            "it was trained on, which the trivial baseline is learned from");
}

}  // namespace
}  // namespace retraind::pipeline
