// What a look reads from a real source, block by block. Looks that score need a trained model and are tested end to
// end.
#include "core/pipeline/look.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/pipeline/column_values.h"
#include "core/pipeline/reference.h"
#include "core/pipeline/scorer.h"
#include "tests/support/test_database.h"

namespace retraind::pipeline {
namespace {

constexpr double kHour = 3600e6;

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

class LookTest : public ::testing::Test {
 protected:
  LookTest() {
    database.exec("CREATE TABLE events (ts timestamptz, x float8, colour text, y int)");
    source = {.name = "data", .conninfo = database.conninfo(), .statement_timeout = std::chrono::minutes(1)};
    job.model.name = "m";
    job.model.query = "SELECT ts, x, colour, y FROM events";
    job.model.time_column = "ts";
    job.model.label = "y";
    job.now = *parse_instant("2026-01-02T00:00:00Z");
    job.version = 1;
    job.trained_to = to_event_time(*parse_instant("2026-01-01T00:00:00Z"));
    job.grid.length = kHour;
    job.window = settings::WindowDuration{std::chrono::hours(24)};
    job.features = true;
    ColumnValues numbers{.is_text = false, .numbers = {1, 2, 3, 4}, .texts = {}, .nulls = {0, 0, 0, 0}};
    ColumnValues texts{.is_text = true, .numbers = {}, .texts = {"red", "blue", "red", "blue"}, .nulls = {0, 0, 0, 0}};
    ColumnValues labels{.is_text = false, .numbers = {0, 1, 0, 1}, .texts = {}, .nulls = {0, 0, 0, 0}};
    job.columns = {{profiles_of("x", numbers)[0], ColumnRole::feature, 0.5},
                   {profiles_of("colour", texts)[0], ColumnRole::feature, 0.5},
                   {profiles_of(kLabelColumn, labels)[0], ColumnRole::label, std::nullopt}};
    for (stats::ColumnProfile& profile : stats::profile_instants("ts", {}, {})) {
      job.columns.push_back({std::move(profile), ColumnRole::time, std::nullopt});
    }
    job.columns.push_back(
        {stats::empty_like(stats::BlockGaps(0, 1).profile("ts", 0, 0)), ColumnRole::time, std::nullopt});
  }

  LookResult run() { return look(job, source, "."); }
  // A row every ten minutes of the day, from `from` to before `to` (hours).
  void add_rows(double from, double to, const std::string& x = "2.5", const std::string& y = "1") {
    database.exec("INSERT INTO events SELECT timestamptz '2026-01-01 00:00+00' + n * interval '10 minutes', " + x +
                  ", 'red', " + y + " FROM generate_series(" + std::to_string(std::lround(from * 6)) + ", " +
                  std::to_string(std::lround(to * 6) - 1) + ") n");
  }
  std::int64_t hour(int of_the_day) const { return job.grid.index_of(job.trained_to) + of_the_day; }
  // "block:rows" of all blocks, in hours of the day.
  std::string rows_of(const std::vector<registry::Block>& blocks) const {
    std::string out;
    for (const registry::Block& block : blocks) {
      out += (out.empty() ? "" : " ") + std::to_string(block.index - hour(0)) + ":" + std::to_string(block.rows);
    }
    return out;
  }
  std::vector<stats::ColumnProfile> sum(const LookResult& result) const {
    const auto cells = cells_of(job.columns, false);
    std::vector<stats::ProfileBlock> blocks;
    for (const auto& block : result.features) {
      blocks.push_back({block.index, stats::unpack_counts(block.packed, cells)});
    }
    return stats::sum_of(blocks, cells);
  }
  std::string complaint() {
    try {
      (void)run();
    } catch (const DataError& error) {
      return error.message_with_hint();
    }
    return "nothing was thrown";
  }

  testing::TestDatabase database;
  settings::Source source;
  LookJob job;
};

TEST_F(LookTest, CountsEachFreshRowInTheBlockOfItsHour) {
  add_rows(0, 3.5);
  const LookResult result = run();
  // The row at midnight is one that production was trained on.
  EXPECT_EQ(rows_of(result.features), "0:5 1:6 2:6 3:3");
  EXPECT_EQ(result.rows, 20u);
  EXPECT_FALSE(result.extended);
  const auto total = sum(result);
  EXPECT_EQ(total[0].rows(), 20u);
  EXPECT_EQ(std::get<stats::CategoryProfile>(total[1].values).counts, (std::vector<std::uint64_t>{0, 20}));
}

TEST_F(LookTest, FindsNothingWhereNoRowCameSinceTraining) {
  add_rows(-5, 0);
  const LookResult result = run();
  EXPECT_FALSE(result.newest);
  EXPECT_TRUE(result.features.empty());
}

TEST_F(LookTest, ReadsAgainOnlyTheBlocksThatAreOpen) {
  add_rows(0, 20);
  const LookResult first = run();
  job.known = LookJob::Known{.first = first.first, .open = hour(18), .rows = 0};
  add_rows(20, 21);
  // Two late rows: one into an open block, one too late.
  database.exec("INSERT INTO events VALUES ('2026-01-01 18:05+00', 1, 'red', 0), ('2026-01-01 03:05+00', 1, 'red', 0)");
  const LookResult second = run();
  EXPECT_TRUE(second.extended);
  EXPECT_EQ(second.read_from, hour(18));
  EXPECT_EQ(rows_of(second.features), "18:7 19:6 20:6");
  EXPECT_EQ(second.rows, 19u);
}

TEST_F(LookTest, ReadsTheWholeWindowWhereItReachesBackBeyondWhatIsKnown) {
  add_rows(0, 20);
  job.known = LookJob::Known{.first = hour(12), .open = hour(18), .rows = 0};
  const LookResult wide = run();
  EXPECT_FALSE(wide.extended);
  EXPECT_EQ(wide.read_from, hour(0));
  EXPECT_EQ(wide.rows, 119u);
}

TEST_F(LookTest, GivesTheSameBlocksWhateverOrderTheRowsComeIn) {
  add_rows(0, 10, "n * 0.01", "n % 2");
  const LookResult ordered = run();
  database.exec(
      "CREATE TABLE shuffled AS SELECT * FROM events ORDER BY md5(ts::text); DROP TABLE events;"
      "ALTER TABLE shuffled RENAME TO events");
  const LookResult shuffled = run();
  ASSERT_EQ(shuffled.features.size(), ordered.features.size());
  for (std::size_t i = 0; i < ordered.features.size(); ++i) {
    EXPECT_EQ(shuffled.features[i].index, ordered.features[i].index);
    EXPECT_EQ(shuffled.features[i].packed, ordered.features[i].packed);
  }
}

TEST_F(LookTest, GivesTheVerySameBlocksByHoweverManyStreamsItReads) {
  // In no order, with late and missing values; more at the end of the day than at its beginning.
  database.exec(
      "INSERT INTO events SELECT timestamptz '2026-01-01 00:00+00' + sqrt(n) * interval '6 minutes',"
      " nullif(n % 11, 0) * 0.5, CASE n % 5 WHEN 0 THEN 'red' WHEN 1 THEN 'blue' WHEN 2 THEN 'green' END,"
      " nullif(n % 3, 2) FROM generate_series(1, 50000) n ORDER BY md5(n::text); ANALYZE events");
  const LookResult one = run();
  ASSERT_EQ(one.rows, 50000u);
  for (const int streams : {2, 3, 8}) {
    source.streams = streams;
    const LookResult many = run();
    EXPECT_EQ(many.rows, one.rows);
    EXPECT_EQ(many.newest, one.newest);
    ASSERT_EQ(many.features.size(), one.features.size());
    for (std::size_t i = 0; i < one.features.size(); ++i) {
      EXPECT_EQ(many.features[i].index, one.features[i].index);
      EXPECT_EQ(many.features[i].rows, one.features[i].rows);
      EXPECT_EQ(many.features[i].packed, one.features[i].packed);
    }
  }
}

TEST_F(LookTest, ReadsByAsManyConnectionsAsTheSourceAllowsWhereThereAreManyRows) {
  // How many connections look while the rows are read, as a column of theirs.
  job.model.query =
      "SELECT ts, (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'retraind monitor m')::float8 AS x,"
      " colour, y FROM events";
  database.exec(
      "INSERT INTO events SELECT timestamptz '2026-01-01 00:00+00' + n * interval '1.7 seconds', 0, 'red', 1"
      " FROM generate_series(1, 45000) n; ANALYZE events");
  const auto connections = [&] {
    const auto total = sum(run());
    const auto& x = std::get<stats::NumericProfile>(total[0].values);
    for (int n = 1; n <= 4; ++n) {
      if (x.counts.at(x.edges->cell_of(n)) == 45000) return n;
    }
    return 0;
  };
  EXPECT_EQ(connections(), 1);
  source.streams = 3;
  EXPECT_EQ(connections(), 3);
  source.streams = 8;
  EXPECT_EQ(connections(), 4) << "of at least ten thousand rows each, as far as the planner knows";
  database.exec("DELETE FROM events WHERE ts > '2026-01-01 02:00+00'; ANALYZE events");
  EXPECT_EQ(run().rows, 4235u);
}

TEST_F(LookTest, CountsRowsOfTheSameEventTimeEachByItself) {
  database.exec("INSERT INTO events SELECT '2026-01-01 05:30+00', 2, 'blue', 1 FROM generate_series(1, 7)");
  EXPECT_EQ(rows_of(run().features), "5:7");
}

TEST_F(LookTest, LeavesRowsOfTheFutureForLater) {
  add_rows(0, 2);
  database.exec("INSERT INTO events VALUES ('2026-06-01', 2, 'red', 1), ('2199-01-01', 2, 'red', 1)");
  const LookResult result = run();
  EXPECT_EQ(rows_of(result.features), "0:5 1:6");
  EXPECT_EQ(format_event_time(TimeAxis::instant, *result.newest), "2026-01-01T01:50:00Z");
}

TEST_F(LookTest, KeepsNullNanInfinityAndUnseenTextsApart) {
  database.exec(
      "INSERT INTO events VALUES ('2026-01-01 01:00+00', NULL, NULL, NULL), "
      "('2026-01-01 01:01+00', 'NaN', 'green', 1), ('2026-01-01 01:02+00', 'Infinity', 'green', 0),"
      "('2026-01-01 01:03+00', '-Infinity', 'red', 0), ('2026-01-01 01:04+00', 100, 'red', 1)");
  const auto total = sum(run());
  const auto& x = std::get<stats::NumericProfile>(total[0].values);
  EXPECT_EQ(x.nulls, 1u);
  EXPECT_EQ(x.nans, 1u);
  EXPECT_EQ(x.positive_infinities, 1u);
  EXPECT_EQ(x.negative_infinities, 1u);
  EXPECT_EQ(x.counts.at(x.edges->overflow_cell()), 1u);
  const auto& colour = std::get<stats::CategoryProfile>(total[1].values);
  EXPECT_EQ(colour.unseen, 2u);
  EXPECT_EQ(colour.nulls, 1u);
  // A label that is not known yet is no missing label.
  EXPECT_EQ(total[2].rows(), 4u);
}

TEST_F(LookTest, CountsHoursAndGapsOfTheEventTimes) {
  add_rows(0, 2);
  add_rows(4, 5);
  const auto total = sum(run());
  EXPECT_EQ(total[3].column, "ts (hour)");
  EXPECT_EQ(std::get<stats::CategoryProfile>(total[3].values).counts.at(4), 6u);
  // A row every ten minutes: one slot of ten holds one, in the hours that hold any.
  const auto& gaps = std::get<stats::CategoryProfile>(total.back().values);
  const auto occupied = gaps.levels->find("occupied");
  const auto empty = gaps.levels->find("empty");
  ASSERT_TRUE(occupied && empty);
  EXPECT_EQ(gaps.counts[*occupied], 17u);
  EXPECT_GT(gaps.counts[*empty], 140u);
}

TEST_F(LookTest, SaysWhichColumnVanishedOrChangedItsKind) {
  add_rows(0, 2);
  job.model.query = "SELECT ts, colour, y FROM events";
  EXPECT_CONTAINS(complaint(), "no longer returns the column \"x\", which production was trained on");
  job.model.query = "SELECT ts, x::text, colour, y FROM events";
  EXPECT_CONTAINS(complaint(), "the column \"x\" is now text, but production was trained on numbers");
  job.model.query = "SELECT ts, x, length(colour) AS colour, y FROM events";
  EXPECT_CONTAINS(complaint(), "the column \"colour\" is now integer, but production was trained on texts");
  job.model.query = "SELECT ts, x, colour FROM events";
  EXPECT_CONTAINS(complaint(), "does not return the label column \"y\"");
  job.model.query = "SELECT extract(epoch FROM ts) AS ts, x, colour, y FROM events";
  EXPECT_CONTAINS(complaint(), "production was trained on another kind of time");
}

TEST_F(LookTest, TakesTheNewestRowsWhereTheWindowIsInRows) {
  add_rows(0, 10);
  job.window = settings::WindowRows{13};
  const LookResult result = run();
  // Whole blocks: the thirteenth newest row lies in the block of seven o'clock.
  EXPECT_EQ(rows_of(result.features), "7:6 8:6 9:6");
  job.window = settings::WindowRows{100000};
  EXPECT_EQ(run().rows, 59u);
}

TEST_F(LookTest, CutsANumberAxisIntoBlocksToo) {
  database.exec(
      "CREATE TABLE numbered AS SELECT n AS seq, n * 0.01 AS x, 'red' AS colour, n % 2 AS y "
      "FROM generate_series(1, 1000) n");
  job.model.query = "SELECT seq, x, colour, y FROM numbered";
  job.model.time_column = "seq";
  job.axis = TimeAxis::number;
  job.trained_to = 800;
  job.grid.length = 50;
  job.window = settings::WindowRows{120};
  job.columns.resize(3);  // event times that are numbers have no hours
  const LookResult result = run();
  ASSERT_EQ(result.features.size(), 4u);
  EXPECT_EQ(result.features[0].index, 17);
  EXPECT_EQ(result.features[3].rows, 1u);  // 1000 itself begins a block
  EXPECT_EQ(result.rows, 151u);
  job.window = settings::WindowDuration{std::chrono::hours(1)};
  EXPECT_CONTAINS(complaint(), "write the window as \"N rows\"");
}

TEST_F(LookTest, ComesBackFromAFileAsItWasSent) {
  add_rows(0, 3, "n * 0.1");
  job.known = LookJob::Known{.first = -5, .open = 7, .rows = 9};
  job.detector = DetectorLook{};
  job.detector->rule.detector = Detector::risk;
  job.detector->rule.level_high = 0.1 + 0.2;
  job.detector->memory = "{\"a\":\"b\"}";
  job.detector->after = 1.7e15 + 1;
  const LookJob back = look_job_from_json(to_json(job));
  EXPECT_EQ(to_json(back), to_json(job));
  EXPECT_EQ(back.detector->rule.level_high, 0.1 + 0.2);
  job.detector.reset();
  job.known.reset();
  const LookResult result = run();
  require_sense(job, result);
  const LookOutcome outcome = look_outcome_from_json(to_json(LookOutcome(result)));
  EXPECT_EQ(to_json(outcome), to_json(LookOutcome(result)));
  EXPECT_EQ(std::get<LookResult>(outcome).features[1].packed, result.features[1].packed);
}

TEST_F(LookTest, IsNotBelievedWhereItsBlocksDoNotFit) {
  add_rows(0, 3);
  const LookResult good = run();
  LookResult bad = good;
  bad.features[0].packed += "x";
  EXPECT_THROW(require_sense(job, bad), DataError);
  bad = good;
  bad.losses = {{5, 3, "nonsense"}};
  EXPECT_THROW(require_sense(job, bad), DataError);
  bad = good;
  bad.extended = true;
  EXPECT_THROW(require_sense(job, bad), DataError);
  const std::string text = to_json(LookOutcome(good));
  for (std::size_t length = 0; length < text.size(); length += 7) {
    EXPECT_THROW((void)look_outcome_from_json(text.substr(0, length)), DataError) << length;
  }
}

}  // namespace
}  // namespace retraind::pipeline
