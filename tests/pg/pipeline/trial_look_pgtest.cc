// What a look of a trial reads from a real source and how two trained models fare on it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/scorer.h"
#include "core/pipeline/trial.h"
#include "core/source/source.h"
#include "core/train/artifact.h"
#include "tests/support/test_database.h"

namespace retraind::pipeline {
namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

// Rows of 2026, one every ten minutes; versions are trained on rows of 2025.
class TrialLookTest : public ::testing::Test {
 protected:
  TrialLookTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "retraind-trial-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder = pattern;
    database.exec(
        "CREATE TABLE past (ts timestamptz, n bigint, x float8, w float8, y text); "
        "INSERT INTO past SELECT timestamptz '2025-01-01 00:00+00' + n * interval '10 minutes', n, (n * 37 % 101) / "
        "101.0, 1 FROM generate_series(1, 600) n; "
        "CREATE TABLE events (LIKE past)");
    source = {.name = "data", .conninfo = database.conninfo(), .statement_timeout = std::chrono::minutes(1)};
    job.model.name = "m";
    job.model.query = "SELECT ts, x, w, y FROM events";
    job.model.time_column = "ts";
    job.model.label = "y";
    job.model.features = {"x"};
    job.model.validation.metric = Metric::accuracy;
    job.model.training.rounds = 5;
    job.model.late_labels = Duration::zero();
    job.now = *parse_instant("2026-06-01T00:00:00Z");
    job.metric = Metric::accuracy;
    job.after = day(0) - 1;
  }
  ~TrialLookTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  static EventTime day(double number) {
    return to_event_time(*parse_instant("2026-01-01T00:00:00Z")) + number * 86400e6;
  }

  // Trained on what the expression makes of the past's labels.
  JobVersion train(int number, const std::string& label, const std::string& time = "ts") {
    settings::Model model = job.model;
    model.weight.reset();
    model.query = fmt::format("SELECT {} AS ts, x, {} AS y FROM past", time, label);
    source::SourceReader reader(source, "the test");
    const auto columns = reader.describe(model.query);
    const data::Roles roles = data::assign_roles(columns, model);
    data::TableBuilder builder(columns, roles, model.task);
    (void)reader.extract(model, columns, data::read_order(roles), columns[roles.time], {}, nullptr, {&builder});
    const data::Table table = builder.finish();
    std::vector<std::string> warnings;
    const auto preparation = data::Preparation::fit(table, 0, table.rows, model, warnings);
    train::TrainingSet set;
    set.features = preparation.apply(table, 0, table.rows);
    for (const double value : preparation.labels(table, 0, table.rows)) {
      set.labels.push_back(static_cast<float>(value));
    }
    const auto trained = train::make_trainer("xgboost")->train(set, training_job(model, preparation));
    const std::string bytes = train::pack({R"({"trainer":"xgboost"})", preparation, trained->files()});
    const std::string file = fmt::format("v{}.tar", number);
    write_durable_file(folder / file, bytes);
    return {.version = number,
            .artifact_file = file,
            .artifact_sha256 = to_hex(sha256(bytes)),
            .axis = table.axis,
            .trained_from = table.event_times.front(),
            .trained_to = table.event_times.back(),
            .entity = {},
            .fault = {}};
  }
  // Version 2 says what is true of the events, version 1 the contrary.
  void train_both() {
    job.version = train(2, "(x > 0.5)::text");
    job.against = train(1, "(x <= 0.5)::text");
  }
  void add_rows(double from_day, double to_day, const std::string& label = "(x > 0.5)::text",
                const std::string& weight = "1") {
    database.exec(fmt::format(
        "INSERT INTO events SELECT timestamptz '2026-01-01 00:00+00' + n * interval '10 minutes', n, x, {}, {} FROM "
        "(SELECT n, (n * 37 % 101) / 101.0::float8 AS x FROM generate_series({}::bigint, {}) n) r",
        weight, label, std::lround(from_day * 144), std::lround(to_day * 144) - 1));
  }

  TrialResult run() const { return run_trial(job, source, folder); }
  // "rows:weight:difference" of each cluster.
  std::string found() const {
    std::string out;
    for (const runs::TrialCluster& cluster : run().clusters) {
      out += fmt::format("{}{}:{}:{}", out.empty() ? "" : " ", cluster.rows, cluster.weight, cluster.difference_sum);
    }
    return out;
  }
  std::string complaint() const {
    try {
      (void)run();
    } catch (const DataError& error) {
      return error.message_with_hint();
    }
    return "nothing was thrown";
  }

  testing::TestDatabase database;
  settings::Source source;
  std::filesystem::path folder;
  TrialJob job;
};

TEST_F(TrialLookTest, ScoresBothVersionsOnTheDaysThatAreComplete) {
  train_both();
  add_rows(0, 2.5);
  const TrialResult result = run();
  EXPECT_EQ(result.seen_to, day(2.5) - 600e6);
  ASSERT_EQ(result.clusters.size(), 2u);
  EXPECT_EQ(result.clusters[0].from, day(0));
  EXPECT_EQ(result.clusters[0].to, day(1) - 600e6);
  EXPECT_EQ(result.clusters[0].version_value, 1);
  EXPECT_EQ(result.clusters[0].against_value, 0);
  EXPECT_EQ(result.clusters[1].index, result.clusters[0].index + 1);
  EXPECT_EQ(found(), "144:144:144 144:144:144");
  std::swap(job.version, job.against);
  EXPECT_EQ(found(), "144:144:-144 144:144:-144");
}

TEST_F(TrialLookTest, WaitsForLateLabels) {
  train_both();
  add_rows(0, 4);
  EXPECT_EQ(run().clusters.size(), 3u);  // the last day may still get a row
  job.model.label_delay = std::chrono::hours(20);
  job.model.late_labels = std::chrono::hours(10);
  const TrialResult result = run();
  EXPECT_EQ(result.seen_to, day(4) - 600e6 - 30 * 3600e6);
  EXPECT_EQ(result.clusters.size(), 2u);
}

TEST_F(TrialLookTest, LeavesOutUnknownLabelsAndRowsAModelWasTrainedOn) {
  train_both();
  add_rows(0, 1);
  add_rows(1, 2, "CASE WHEN n % 2 = 0 THEN (x > 0.5)::text END");
  add_rows(2, 3.1);
  EXPECT_EQ(found(), "144:144:144 72:72:72 144:144:144");
  // Whatever the job says of `after`, and whichever of the two was trained on them.
  job.against.trained_to = day(1.5) - 1;
  EXPECT_EQ(found(), "36:36:36 144:144:144");
  job.until = day(2.5) - 1;
  EXPECT_EQ(found(), "36:36:36 72:72:72");
}

TEST_F(TrialLookTest, WeighsRows) {
  train_both();
  add_rows(0, 1.1, "(x > 0.5)::text", "CASE WHEN n % 4 = 0 THEN 0 ELSE 0.5 END");
  job.model.weight = "w";
  EXPECT_EQ(found(), "144:54:54");
  job.model.weight = "y";
  EXPECT_CONTAINS(complaint(), "the weight column \"y\" is text");
  job.model.weight = "z";
  EXPECT_CONTAINS(complaint(), "does not return the weight column \"z\"");
}

TEST_F(TrialLookTest, JudgesModelsThatKnowDifferentClassesOnTheSameLabels) {
  job.model.task = Task::multiclass;
  job.version = train(2, "CASE WHEN x > 0.75 THEN 'c' WHEN x > 0.4 THEN 'b' ELSE 'a' END");
  job.against = train(1, "CASE WHEN x > 0.4 THEN 'b' ELSE 'a' END");
  add_rows(0, 1.1, "CASE WHEN x > 0.75 THEN 'c' WHEN x > 0.4 THEN 'b' ELSE 'a' END");
  const std::string of_c = database.text("SELECT count(*) FROM events WHERE y = 'c' AND ts < '2026-01-02 00:00+00'");
  EXPECT_EQ(found(), "144:144:" + of_c);
  // A class that neither knows is wrong for both.
  database.exec("UPDATE events SET y = 'd' WHERE y = 'c'");
  EXPECT_EQ(found(), "144:144:0");
}

TEST_F(TrialLookTest, CountsNeighbouringRowsOnTheNumberAxisButTheNewest) {
  job.version = train(2, "(x > 0.5)::text", "n - 1000");
  job.against = train(1, "(x <= 0.5)::text", "n - 1000");
  job.model.query = "SELECT n AS ts, x, w, y FROM events";
  job.after = -1;
  add_rows(0, 1);  // 0 … 143
  database.exec("INSERT INTO events SELECT ts, n + 144, x, w, NULL FROM events");
  TrialResult result = run();
  EXPECT_EQ(result.seen_to, 143);  // of the newest label, not of the newest row
  ASSERT_EQ(result.clusters.size(), 1u);
  EXPECT_EQ(result.clusters[0].index, 0);
  EXPECT_EQ(result.clusters[0].to, 99);
  job.model.validation.cluster = settings::WindowRows{36};
  EXPECT_EQ(run().clusters.size(), 3u);
  job.model.validation.cluster = settings::WindowRows{35};
  EXPECT_EQ(run().clusters.size(), 4u);
}

TEST_F(TrialLookTest, FindsNothingWhereThereIsNoRow) {
  train_both();
  EXPECT_EQ(run().seen_to, std::nullopt);
  add_rows(0, 0.5);
  EXPECT_TRUE(run().clusters.empty());
  job.after = day(7);
  EXPECT_TRUE(run().clusters.empty());
}

TEST_F(TrialLookTest, SaysWhatKeepsItFromScoring) {
  train_both();
  add_rows(0, 2);
  const TrialJob good = job;
  job.model.query = "SELECT ts, w, y FROM events";
  EXPECT_CONTAINS(complaint(), "version 2 needs the column \"x\"");
  job = good;
  job.model.query = "SELECT n AS ts, x, y FROM events";
  EXPECT_CONTAINS(complaint(), "the time column \"ts\" is now bigint");
  job = good;
  job.model.query = "SELECT ts, x::text, y FROM events";
  EXPECT_CONTAINS(complaint(), "\"x\"");
  job = good;
  job.against.artifact_sha256 = std::string(64, '0');
  EXPECT_CONTAINS(complaint(), "the artifact of version 1 has sha256");
  job = good;
  job.against = train(1, "(CASE WHEN x > 0.5 THEN 'yes' ELSE 'no' END)");
  EXPECT_CONTAINS(complaint(), "know different classes");
  job = good;
  job.model.task = Task::multiclass;
  EXPECT_CONTAINS(complaint(), "version 2 answers a binary question");
}

}  // namespace
}  // namespace retraind::pipeline
