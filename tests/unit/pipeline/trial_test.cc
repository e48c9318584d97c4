// A trial's job and what a look found, on their way between the daemon and the worker.
#include "core/pipeline/trial.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <functional>

#include "core/base/error.h"
#include "core/settings/snapshot.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

TrialJob make_job() {
  TrialJob job;
  job.model.name = "power";
  job.model.query = "SELECT 1";
  job.model.weight = "w";
  job.now = *parse_instant("2026-03-04T05:06:07.000008Z");
  job.version = {.version = 8,
                 .artifact_file = "version.tar",
                 .artifact_sha256 = std::string(64, 'a'),
                 .axis = TimeAxis::instant,
                 .trained_from = 1.25,
                 .trained_to = 0.1 + 0.2,
                 .entity = {},
                 .fault = {}};
  job.against = job.version;
  job.against.version = 7;
  job.against.entity = "20% of customer";
  job.metric = Metric::pinball;
  job.after = 1.7e15 + 0.5;
  job.until = 1.0 / 3;
  job.next_index = -5;
  return job;
}

TrialResult make_result() {
  TrialResult out;
  out.seen_to = 100;
  out.clusters = {{.index = -1,
                   .from = 1,
                   .to = 2,
                   .rows = 3,
                   .weight = 0.1 + 0.2,
                   .difference_sum = -1.0 / 3,
                   .version_value = 0.4,
                   .against_value = 0.5},
                  {.index = 4,
                   .from = 2.5,
                   .to = 2.5,
                   .rows = 1,
                   .weight = 1,
                   .difference_sum = 0,
                   .version_value = 1e-300,
                   .against_value = 1e300}};
  return out;
}

// The complaint about a result one of whose clusters (the second), or which itself, was changed.
std::string complaint(const std::function<void(json::object&, json::object&)>& change) {
  json::value value = json::parse(to_json(TrialLook(make_result())));
  change(value.as_object(), value.at("clusters").as_array().at(1).as_object());
  try {
    (void)trial_look_from_json(json::serialize(value));
  } catch (const DataError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(TrialJson, GivesTheJobBackToTheLastBit) {
  const TrialJob job = make_job();
  const TrialJob read = trial_job_from_json(to_json(job));
  EXPECT_EQ(settings::to_json(read.model), settings::to_json(job.model));
  EXPECT_EQ(read.now, job.now);
  EXPECT_EQ(read.version.version, 8);
  EXPECT_EQ(read.version.artifact_sha256, job.version.artifact_sha256);
  EXPECT_EQ(read.version.trained_to, job.version.trained_to);
  EXPECT_EQ(read.against.version, 7);
  EXPECT_EQ(read.against.entity, job.against.entity);
  EXPECT_EQ(read.metric, Metric::pinball);
  EXPECT_EQ(read.after, job.after);
  EXPECT_EQ(read.until, job.until);
  EXPECT_EQ(read.next_index, -5);
  TrialJob endless = job;
  endless.until.reset();
  EXPECT_EQ(trial_job_from_json(to_json(endless)).until, std::nullopt);
}

TEST(TrialJson, RefusesAJobOfAnotherVersionAndOneWithAMemberMissing) {
  for (const char* name : {"format", "model", "now", "version", "against", "metric", "after", "until", "next_index"}) {
    json::value value = json::parse(to_json(make_job()));
    value.as_object().erase(name);
    EXPECT_THROW((void)trial_job_from_json(json::serialize(value)), DataError) << name;
  }
  json::value value = json::parse(to_json(make_job()));
  value.at("format") = 2;
  EXPECT_THROW((void)trial_job_from_json(json::serialize(value)), DataError);
  EXPECT_THROW((void)trial_job_from_json("[]"), DataError);
  EXPECT_THROW((void)trial_job_from_json("{"), DataError);
}

TEST(TrialJson, GivesClustersBackToTheLastBit) {
  const TrialResult result = make_result();
  const auto read = std::get<TrialResult>(trial_look_from_json(to_json(TrialLook(result))));
  EXPECT_EQ(read.seen_to, 100);
  ASSERT_EQ(read.clusters.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read.clusters[i].index, result.clusters[i].index);
    EXPECT_EQ(read.clusters[i].from, result.clusters[i].from);
    EXPECT_EQ(read.clusters[i].to, result.clusters[i].to);
    EXPECT_EQ(read.clusters[i].rows, result.clusters[i].rows);
    EXPECT_EQ(read.clusters[i].weight, result.clusters[i].weight);
    EXPECT_EQ(read.clusters[i].difference_sum, result.clusters[i].difference_sum);
    EXPECT_EQ(read.clusters[i].version_value, result.clusters[i].version_value);
    EXPECT_EQ(read.clusters[i].against_value, result.clusters[i].against_value);
  }
  const auto nothing = std::get<TrialResult>(trial_look_from_json(to_json(TrialLook(TrialResult{}))));
  EXPECT_TRUE(nothing.clusters.empty());
  EXPECT_EQ(nothing.seen_to, std::nullopt);
}

TEST(TrialJson, GivesAFailureBack) {
  const LookFailure failure{.transient = true, .message = "gone", .hint = "wait"};
  const auto read = std::get<LookFailure>(trial_look_from_json(to_json(TrialLook(failure))));
  EXPECT_TRUE(read.transient);
  EXPECT_EQ(read.message, "gone");
  EXPECT_EQ(read.hint, "wait");
}

TEST(TrialJson, RefusesClustersThatMakeNoSense) {
  const auto set = [](const char* name, json::value to) {
    return complaint([&](json::object&, json::object& cluster) { cluster[name] = to; });
  };
  EXPECT_CONTAINS(set("index", -1), "cluster -1 comes after cluster -1");
  EXPECT_CONTAINS(set("index", -2), "cluster -2 comes after cluster -1");
  EXPECT_CONTAINS(set("index", 1.5), "\"index\" is not a whole number");
  EXPECT_CONTAINS(set("from", "2"), "overlap");
  EXPECT_CONTAINS(set("from", "2.75"), "ends before it begins");
  EXPECT_CONTAINS(set("to", "100.5"), "beyond the rows that are complete");
  EXPECT_CONTAINS(set("rows", 0), "has no row");
  EXPECT_CONTAINS(set("rows", -1), "\"rows\" is not a whole number");
  EXPECT_CONTAINS(set("weight", "0"), "weighs 0");
  EXPECT_CONTAINS(set("weight", "-1"), "weighs -1");
  for (const char* name : {"from", "to", "weight", "difference_sum", "version_value", "against_value"}) {
    EXPECT_CONTAINS(set(name, "inf"), "is not a number") << name;
    EXPECT_CONTAINS(set(name, "nan"), "is not a number") << name;
    EXPECT_CONTAINS(set(name, 1), "is not a text") << name;
    EXPECT_CONTAINS(complaint([&](json::object&, json::object& cluster) { cluster.erase(name); }), "lacks") << name;
  }
}

TEST(TrialJson, RefusesResultsThatLackWhatTheyMustSay) {
  const auto without = [](const char* name) {
    return complaint([&](json::object& result, json::object&) { result.erase(name); });
  };
  for (const char* name : {"format", "failure", "seen_to", "clusters"}) EXPECT_CONTAINS(without(name), "lacks");
  EXPECT_CONTAINS(complaint([](json::object& result, json::object&) { result["seen_to"] = nullptr; }),
                  "beyond the rows that are complete");
  EXPECT_CONTAINS(complaint([](json::object& result, json::object&) { result["format"] = 2; }), "another version");
}

}  // namespace
}  // namespace retraind::pipeline
