// How a job travels to its worker.
#include "core/pipeline/job.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "core/base/error.h"
#include "core/settings/snapshot.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

Job make_job() {
  Job job;
  job.run = RunId{7};
  job.attempt = 2;
  job.model.name = "power";
  job.model.source = "market";
  job.model.query = "SELECT ts, 'ä \"q\" \\', up FROM electricity";
  job.model.time_column = "ts";
  job.model.label = "up";
  job.model.validation.margin = 0.1 + 0.2;
  job.now = TimePoint(std::chrono::microseconds(1'763'918'700'123'456));
  job.judged_before = 3;
  job.production = JobVersion{.version = 4,
                              .artifact_file = "production.tar",
                              .artifact_sha256 = std::string(64, 'a'),
                              .axis = TimeAxis::number,
                              .trained_from = -0.1,
                              .trained_to = 0.30000000000000004,
                              .entity = "0.2 of customer",
                              .fault = ""};
  job.stand_ins = {*job.production, *job.production};
  job.stand_ins[0].version = 3;
  job.stand_ins[1].version = 2;
  job.stand_ins[1].fault = "damaged";
  job.anchor = job.stand_ins[0];
  job.anchor->entity.reset();
  return job;
}

TEST(Job, ComesBackAsItWas) {
  for (const bool with_production : {true, false}) {
    Job job = make_job();
    if (!with_production) {
      job.candidate = job.production;
      job.production.reset();
      job.anchor.reset();
      job.stand_ins.clear();
    }
    const Job got = job_from_json(to_json(job));
    EXPECT_EQ(got.run, job.run);
    EXPECT_EQ(got.attempt, job.attempt);
    EXPECT_EQ(got.now, job.now);
    EXPECT_EQ(got.judged_before, job.judged_before);
    EXPECT_EQ(settings::to_json(got.model), settings::to_json(job.model));
    ASSERT_EQ(got.production.has_value(), with_production);
    EXPECT_EQ(to_json(got), to_json(job));
  }
  EXPECT_EQ(job_from_json(to_json(make_job())).production->trained_to, 0.30000000000000004);
}

TEST(Job, KeepsTheEventTimeProductionKnowsToTheLastBit) {
  for (const double time : {1.7e15 + 1, 9007199254740991.0, -0.1, 1.0 / 3, 123456.78901234567, 2.2250738585072014e-308,
                            5.0237421283493095e-05, 8.4121376e17 / 7}) {
    Job job = make_job();
    job.production->trained_to = time;
    EXPECT_EQ(job_from_json(to_json(job)).production->trained_to, time);
  }
}

TEST(Job, IsRefusedWhenCutAnywhere) {
  const std::string whole = to_json(make_job());
  for (std::size_t length = 0; length < whole.size(); length += 10) {
    EXPECT_THROW((void)job_from_json(whole.substr(0, length)), DataError) << length;
  }
}

TEST(Job, IsRefusedWithAMemberThatCannotBe) {
  const json::value whole = json::parse(to_json(make_job()));
  const std::vector<std::pair<std::string, json::value>> changes = {
      {"/format", 2},
      {"/run_id", "seven"},
      {"/attempt", nullptr},
      {"/now", "yesterday"},
      {"/judged_before", -1},
      {"/production", json::array()},
      {"/production/version", "4"},
      {"/production/axis", "sideways"},
      {"/production/trained_to", nullptr},
      {"/production/entity", 7},
      {"/production/fault", nullptr},
      {"/stand_ins", nullptr},
      {"/stand_ins/1/version", "two"},
      {"/anchor", "3"},
      {"/candidate", 5},
      {"/model", "{}"},
      {"/model", json::object()},
  };
  for (const auto& [path, value] : changes) {
    json::value other = whole;
    other.at_pointer(path) = value;
    EXPECT_THROW((void)job_from_json(json::serialize(other)), DataError) << path;
  }
}

TEST(HeldOutEntities, AreTheSameOnlyForTheSameColumnAndShare) {
  settings::Training training;
  EXPECT_EQ(held_out_entities(training), std::nullopt) << "the newest rows are held out";
  training.entity = "customer";
  EXPECT_EQ(held_out_entities(training), "0.2 of customer");
  training.holdout = settings::HoldoutShare{0.25};
  EXPECT_EQ(held_out_entities(training), "0.25 of customer");
}

}  // namespace
}  // namespace retraind::pipeline
