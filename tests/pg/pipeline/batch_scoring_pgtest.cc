// A look of batch scoring: a trained model, rows that come, and what stands in the user's table afterwards.
#include "core/pipeline/batch_scoring.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/scorer.h"
#include "core/source/source.h"
#include "core/train/artifact.h"
#include "tests/support/test_database.h"

namespace retraind::pipeline {
namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

// Rows of 2026, one every ten minutes; versions are trained on rows of 2025.
class BatchScoringTest : public ::testing::Test {
 protected:
  BatchScoringTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "retraind-score-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder = pattern;
    database.exec(
        "CREATE TABLE past (ts timestamptz, n bigint, x float8, colour text, y text); "
        "INSERT INTO past SELECT timestamptz '2025-01-01 00:00+00' + n * interval '10 minutes', n, "
        "(n * 37 % 101) / 101.0, (ARRAY['red','green'])[1 + n % 2], NULL FROM generate_series(1, 600) n; "
        "CREATE TABLE events (LIKE past)");
    source = {.name = "data", .conninfo = database.conninfo(), .statement_timeout = std::chrono::minutes(1)};
    job.model.name = "m";
    job.model.source = "data";
    job.model.query = "SELECT ts, n, x, colour, y FROM events";
    job.model.time_column = "ts";
    job.model.label = "y";
    job.model.features = {"x", "colour"};
    job.model.training.rounds = 5;
    job.model.scoring.into = "predictions";
    job.model.scoring.key = {"n"};
    job.model.scoring.late_rows = std::chrono::hours(6);
    job.now = *parse_instant("2026-06-01T00:00:00Z");
    job.begins_after = day(0) - 1;
  }
  ~BatchScoringTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  static EventTime day(double number) {
    return to_event_time(*parse_instant("2026-01-01T00:00:00Z")) + number * 86400e6;
  }

  // Trained on what the expression makes of the past's labels.
  JobVersion train(int number, const std::string& label, const std::string& time = "ts") {
    settings::Model model = job.model;
    model.query = fmt::format("SELECT {} AS ts, x, colour, {} AS y FROM past", time, label);
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
    for (const double value : preparation.labels(table, 0, table.rows)) set.labels.push_back(static_cast<float>(value));
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
  void train_one() { job.version = train(1, "(x > 0.5)::text"); }
  void add_rows(int from, int to) {
    database.exec(
        fmt::format("INSERT INTO events SELECT timestamptz '2026-01-01 00:00+00' + n * interval '10 minutes',"
                    " n, (n * 37 % 101) / 101.0::float8, 'green', NULL FROM generate_series({}::bigint, {}) n",
                    from, to - 1));
  }
  std::string complaint() {
    try {
      (void)score_new_rows(job, source, folder);
    } catch (const DataError& error) {
      return error.message_with_hint();
    }
    return "nothing was thrown";
  }
  void make_table() {
    const std::string said = complaint();
    const std::size_t begin = said.find("CREATE TABLE");
    ASSERT_NE(begin, std::string::npos) << said;
    database.exec(said.substr(begin, said.find(';', begin) - begin));
  }
  // One look, and what the queue would keep of it.
  ScoringResult look() {
    const ScoringResult result = score_new_rows(job, source, folder);
    job.covered_to = result.covered_to;
    return result;
  }
  std::string scores(const std::string& expression, const std::string& condition = "true") {
    return database.text("SELECT " + expression + " FROM predictions WHERE " + condition);
  }

  testing::TestDatabase database;
  settings::Source source;
  std::filesystem::path folder;
  ScoringJob job;
};

TEST_F(BatchScoringTest, SaysWhatTheModelSaysOfEachNewRow) {
  train_one();
  make_table();
  EXPECT_EQ(look().rows, 0u);
  EXPECT_FALSE(job.covered_to);
  add_rows(-10, 300);  // those of 2025 are not later than what scoring begins after
  job.now = *parse_instant("2026-01-02T00:00:00Z");
  const ScoringResult result = look();
  EXPECT_EQ(result.rows, 300u);
  EXPECT_FALSE(result.more);
  // Rows of the future have their scores, and do not move what is covered.
  EXPECT_EQ(result.covered_to, day(1));
  EXPECT_EQ(scores("count(*) || ' ' || count(DISTINCT n) || ' ' || min(n) || ' ' || max(version)"), "300 300 0 1");
  EXPECT_EQ(scores("count(*)",
                   "event_time = timestamptz '2026-01-01 00:00+00' + n * interval '10 minutes' AND "
                   "model = 'm' AND (prediction > 0.5) = ((n * 37 % 101) / 101.0 > 0.5)"),
            "300");
  // Row by row what the model itself says.
  const Scorer scorer =
      open_artifact_file(job.model, folder / job.version.artifact_file, job.version.artifact_sha256, "");
  source::SourceReader reader(source, "the test");
  const auto columns = reader.describe(job.model.query);
  const data::Roles roles = data::assign_roles(columns, job.model);
  data::TableBuilder builder(columns, roles, job.model.task);
  (void)reader.extract(job.model, columns, data::read_order(roles), columns[roles.time],
                       {.after = job.begins_after, .until = {}, .newest_rows = {}}, nullptr, {&builder});
  const data::Table table = builder.finish();
  const std::vector<double> expected = scorer.predict(table, 0, table.rows);
  const auto rows = database.rows("SELECT prediction FROM predictions ORDER BY event_time");
  ASSERT_EQ(rows.size(), expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(std::stod(rows[i][0].value()), expected[i]);
}

TEST_F(BatchScoringTest, ScoresEachRowOnceWhateverWasForgotten) {
  train_one();
  make_table();
  add_rows(0, 50);
  EXPECT_EQ(look().rows, 50u);
  EXPECT_EQ(look().rows, 0u);
  // The look was committed at the source and its result never came to the registry.
  job.covered_to = std::nullopt;
  add_rows(50, 60);
  EXPECT_EQ(look().rows, 10u);
  EXPECT_EQ(scores("count(*) || ' ' || count(DISTINCT n)"), "60 60");
}

TEST_F(BatchScoringTest, ScoresLateRowsAndNotThoseThatAreTooLate) {
  train_one();
  make_table();
  add_rows(100, 200);
  EXPECT_EQ(look().rows, 100u);
  EXPECT_EQ(job.covered_to, day(199 / 144.0));
  add_rows(50, 100);  // 36 rows are the last six hours before row 199: none of these
  EXPECT_EQ(look().rows, 0u);
  database.exec("UPDATE events SET n = n + 10000 WHERE n = 163");  // exactly six hours before
  database.exec("UPDATE events SET n = n + 10000 WHERE n = 162");
  EXPECT_EQ(look().rows, 1u);
  EXPECT_EQ(scores("max(n)"), "10163");
}

TEST_F(BatchScoringTest, LeavesWhatAnEarlierVersionScored) {
  train_one();
  make_table();
  add_rows(0, 50);
  EXPECT_EQ(look().rows, 50u);
  add_rows(50, 80);
  job.version = train(2, "(x <= 0.5)::text");
  EXPECT_EQ(look().rows, 30u);
  EXPECT_EQ(database.text("SELECT string_agg(v, ' ' ORDER BY v) FROM (SELECT version || ':' || count(*) AS v FROM "
                          "predictions GROUP BY version) s"),
            "1:50 2:30");
  // The same question answered the other way round.
  EXPECT_EQ(scores("count(*)", "version = 2 AND (prediction > 0.5) = ((n * 37 % 101) / 101.0 <= 0.5)"), "30");
}

TEST_F(BatchScoringTest, TakesALongBacklogInPieces) {
  train_one();
  make_table();
  job.model.scoring.batch_rows = 2;  // two hundred rows a look
  add_rows(0, 450);
  ScoringResult result = look();
  EXPECT_EQ(result.rows, 200u);
  EXPECT_TRUE(result.more);
  EXPECT_EQ(result.covered_to, day(198 / 144.0));  // another row of the last one's time might still wait
  EXPECT_EQ(scores("max(n)"), "199");
  EXPECT_TRUE(look().more);
  result = look();
  EXPECT_EQ(result.rows, 50u);
  EXPECT_FALSE(result.more);
  EXPECT_EQ(scores("count(*) || ' ' || count(DISTINCT n) || ' ' || count(DISTINCT scored_at)"), "450 450 225");
}

TEST_F(BatchScoringTest, ScoresMoreRowsOfOneTimeThanALookTakes) {
  train_one();
  make_table();
  job.model.scoring.batch_rows = 1;
  database.exec(
      "INSERT INTO events SELECT timestamptz '2026-02-01 00:00+00', n, 0.5, 'red', NULL FROM "
      "generate_series(1, 250) n");
  for (const std::uint64_t rows : {100u, 100u, 50u, 0u}) EXPECT_EQ(look().rows, rows);
  EXPECT_EQ(scores("count(*) || ' ' || count(DISTINCT n)"), "250 250");
}

TEST_F(BatchScoringTest, KnowsTheMostProbableOfSeveralClasses) {
  job.model.task = Task::multiclass;
  job.version = train(1, "CASE WHEN x < 0.33 THEN 'it''s low' WHEN x < 0.66 THEN 'NULL' ELSE 'high' END");
  make_table();
  add_rows(0, 101);
  EXPECT_EQ(look().rows, 101u);
  // Away from where one class becomes the other.
  EXPECT_EQ(
      scores("count(*)",
             "class = CASE WHEN n * 37 % 101 < 30 THEN 'it''s low' WHEN n * 37 % 101 BETWEEN 38 AND 60 THEN 'NULL' "
             "WHEN n * 37 % 101 > 72 THEN 'high' ELSE class END AND probability BETWEEN 0.34 AND 1"),
      "101");
}

TEST_F(BatchScoringTest, PredictsValuesOfARegression) {
  job.model.task = Task::regression;
  job.model.training.rounds = 40;
  job.version = train(1, "1000 * x");
  make_table();
  add_rows(0, 100);
  EXPECT_EQ(look().rows, 100u);
  EXPECT_EQ(scores("count(*)", "abs(prediction - 1000 * (n * 37 % 101) / 101.0) < 30"), "100");
}

TEST_F(BatchScoringTest, LooksAgainAtTheNewestRowsWhereTimeIsANumber) {
  job.version = train(1, "(x > 0.5)::text", "n");
  job.model.query = "SELECT n AS ts, n, x, colour FROM events";
  job.begins_after = 0;
  job.model.scoring.batch_rows = 10;
  make_table();
  add_rows(1, 51);
  EXPECT_EQ(look().rows, 50u);
  EXPECT_EQ(job.covered_to, 50);
  // Numbers are drawn from a sequence before their transactions commit.
  database.exec("DELETE FROM predictions WHERE n IN (10, 40, 41, 50)");
  EXPECT_EQ(look().rows, 2u);
  EXPECT_EQ(scores("count(*)", "n IN (41, 50)"), "2");
}

TEST_F(BatchScoringTest, TakesRowsOfTodayWhereTimesAreDates) {
  train_one();
  job.model.query = "SELECT ts::date AS ts, n, x, colour FROM events";
  job.model.scoring.late_rows = Duration::zero();
  job.now = *parse_instant("2026-01-01T12:00:00Z");
  make_table();
  add_rows(0, 30);
  EXPECT_EQ(look().rows, 30u);
  EXPECT_EQ(job.covered_to, day(0));
  add_rows(30, 60);
  EXPECT_EQ(look().rows, 30u);
}

TEST_F(BatchScoringTest, KnowsRowsByTwoColumns) {
  job.model.query =
      "SELECT ts, 'shop ' || chr(39) || chr(34) || (n % 2) AS shop, (n / 2)::int AS n, x, colour FROM events";
  job.model.scoring.key = {"shop", "n"};
  train_one();
  make_table();
  add_rows(0, 40);
  EXPECT_EQ(look().rows, 40u);
  EXPECT_EQ(look().rows, 0u);
  EXPECT_EQ(scores("count(DISTINCT (shop, n))"), "40");
  job.model.scoring.key = {"n"};
  database.exec("DROP TABLE predictions");
  make_table();
  EXPECT_CONTAINS(complaint(), "scoring.key = (n) does not identify a row: (");
  EXPECT_CONTAINS(complaint(), ") stands in two rows of the query");
  EXPECT_EQ(scores("count(*)"), "0");
}

TEST_F(BatchScoringTest, RefusesRowsThatNothingTellsApart) {
  train_one();
  make_table();
  add_rows(0, 40);
  database.exec("UPDATE events SET n = NULL WHERE n > 37");
  EXPECT_CONTAINS(complaint(), "2 rows have NULL in \"n\", which is part of scoring.key");
  EXPECT_EQ(scores("count(*)"), "0");
}

TEST_F(BatchScoringTest, ReadsAQueryOfItsOwn) {
  train_one();
  job.model.query = "SELECT ts, x, colour, y FROM events WHERE y IS NOT NULL";
  job.model.scoring.query = "SELECT ts, n, x, colour FROM events WHERE n % 2 = 0";
  make_table();
  add_rows(0, 40);
  EXPECT_EQ(look().rows, 20u);
  job.model.scoring.query = "SELECT ts, n, x FROM events";
  EXPECT_CONTAINS(complaint(),
                  "version 1 needs the column \"colour\", which the query of rows to score does not return");
  job.model.scoring.query = "SELECT n::int AS ts, n, x, colour FROM events";
  EXPECT_CONTAINS(complaint(), "version 1 was trained on another kind of time");
}

TEST_F(BatchScoringTest, IsCheckedWithoutAModel) {
  const auto check = [&] {
    try {
      return check_scoring(job.model, source);
    } catch (const DataError& error) {
      return error.message_with_hint();
    }
  };
  EXPECT_CONTAINS(check(), "create it: CREATE TABLE predictions (model text NOT NULL, n bigint NOT NULL");
  train_one();
  make_table();
  EXPECT_EQ(check(), "scores of new rows go to predictions (source data), which is there and fits");
}

TEST_F(BatchScoringTest, TravelsBetweenDaemonAndWorker) {
  job.version = {.version = 3,
                 .artifact_file = "v",
                 .artifact_sha256 = "s",
                 .axis = TimeAxis::number,
                 .trained_from = 1,
                 .trained_to = 2,
                 .entity = {},
                 .fault = {}};
  job.begins_after = 0.1 + 0.2;
  job.covered_to = 1e15 + 0.5;
  const ScoringJob read = scoring_job_from_json(to_json(job));
  EXPECT_EQ(read.begins_after, job.begins_after);
  EXPECT_EQ(read.covered_to, job.covered_to);
  EXPECT_EQ(read.now, job.now);
  EXPECT_EQ(read.version.version, 3);
  EXPECT_EQ(read.model.scoring.key, job.model.scoring.key);
  const auto result = std::get<ScoringResult>(
      scoring_look_from_json(to_json(ScoringLook(ScoringResult{.rows = 5, .more = true, .covered_to = 0.3}))));
  EXPECT_EQ(result.rows, 5u);
  EXPECT_TRUE(result.more);
  EXPECT_EQ(result.covered_to, 0.3);
  const auto failure = std::get<LookFailure>(
      scoring_look_from_json(to_json(ScoringLook(LookFailure{.transient = true, .message = "m", .hint = "h"}))));
  EXPECT_TRUE(failure.transient);
  EXPECT_EQ(failure.message + failure.hint, "mh");
  EXPECT_THROW(scoring_look_from_json("{}"), DataError);
  EXPECT_THROW(scoring_look_from_json(R"({"format":1,"failure":null,"rows":-1,"more":false,"covered_to":null})"),
               DataError);
}

}  // namespace
}  // namespace retraind::pipeline
