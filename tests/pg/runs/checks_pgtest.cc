// What drift and performance checks leave behind, and how people read it.
#include <cmath>
#include <limits>

#include "core/base/text.h"
#include "core/runs/history.h"
#include "core/runs/monitors.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::runs {
namespace {

using testing::TextRow;

class ChecksTest : public testing::RegistryTest {
 protected:
  ModelId put_promoted() {
    const ModelId model = put();
    run_to(RunState::promoted, model);
    return model;
  }
  static DriftCheck make_check(ModelId model) {
    return {.model = model,
            .version = 1,
            .trigger = "drift",
            .axis = TimeAxis::number,
            .window_from = 0.1,
            .window_to = 7.5,
            .rows = 300,
            .calibration = "from 26 windows of a week",
            .columns = {}};
  }
  static stats::ColumnDrift make_column(const std::string& name, stats::ColumnVerdict verdict, double log_p) {
    stats::ColumnDrift column;
    column.column = name;
    column.importance = 0.25;
    column.effect = 0.1 + 0.2;
    column.effect_low = 0.25;
    column.effect_high = 0.35;
    column.statistic = 12.5;
    column.degrees = 7;
    column.log_p = log_p;
    column.p_value = std::exp(log_p);
    column.threshold = 0.05;
    column.calibration = Calibration::blocks;
    column.verdict = verdict;
    column.sentence = name + " moved";
    return column;
  }
  std::int64_t record(const DriftCheck& check) {
    return transact([&](store::Transaction& t) { return record_drift_check(t, check, start); });
  }
  Page read_check(std::int64_t id) {
    return transact([&](store::Transaction& t) { return read_drift_check(t, id); });
  }
};

TEST_F(ChecksTest, OfDriftKeepEachColumnExactly) {
  DriftCheck check = make_check(put_promoted());
  check.columns = {make_column("x0", stats::ColumnVerdict::ok, std::log(5e-324)),
                   make_column("x1", stats::ColumnVerdict::drifted, -2000),
                   make_column("x2", stats::ColumnVerdict::insufficient_data, 0)};
  check.columns[1].role = ColumnRole::score;
  check.columns[1].method = DriftMethod::psi;
  check.columns[1].calibration = Calibration::design_effect;
  check.columns[2].role = ColumnRole::label;
  check.columns[2].calibration = Calibration::uncalibrated;
  const std::int64_t id = record(check);
  EXPECT_EQ(
      ground.rows("SELECT \"column\", method, verdict, drifted, effect = 0.1::float8 + 0.2::float8, p_value, log_p, "
                  "role, importance, calibration FROM retraind.drift_history ORDER BY 1"),
      (std::vector<TextRow>{{"x0", "jensen_shannon", "ok", "f", "t", "5e-324", format_number(std::log(5e-324)),
                             "feature", "0.25", "blocks"},
                            {"x1", "psi", "drifted", "t", "t", "0", "-2000", "score", std::nullopt, "design_effect"},
                            {"x2", "jensen_shannon", "insufficient_data", std::nullopt, "t", "1", "0", "label",
                             std::nullopt, "uncalibrated"}}));
  EXPECT_EQ(ground.rows("SELECT DISTINCT check_id, window_from_number, window_to_number, window_to, effect_low, "
                        "effect_high, degrees, calibration_sentence FROM retraind.drift_history"),
            (std::vector<TextRow>{
                {std::to_string(id), "0.1", "7.5", std::nullopt, "0.25", "0.35", "7", "from 26 windows of a week"}}));
}

TEST_F(ChecksTest, OfDriftKnowAnImportanceOfFeaturesAlone) {
  DriftCheck check = make_check(put_promoted());
  for (const ColumnRole role : {ColumnRole::feature, ColumnRole::score, ColumnRole::label, ColumnRole::time}) {
    check.columns.push_back(make_column(std::string(to_text(role)), stats::ColumnVerdict::ok, -1));
    check.columns.back().role = role;
  }
  check.columns.push_back(make_column("unused", stats::ColumnVerdict::ok, -1));
  check.columns.back().importance = 0;
  record(check);
  EXPECT_EQ(ground.rows("SELECT \"column\", importance FROM retraind.drift_history ORDER BY 1"),
            (std::vector<TextRow>{{"feature", "0.25"},
                                  {"label", std::nullopt},
                                  {"score", std::nullopt},
                                  {"time", std::nullopt},
                                  {"unused", "0"}}));
}

TEST_F(ChecksTest, OfDriftAreReadWorstFirstWithPValuesThatAreNeverLost) {
  DriftCheck check = make_check(put_promoted());
  check.columns = {make_column("calm", stats::ColumnVerdict::ok, std::log(0.25)),
                   make_column("short", stats::ColumnVerdict::insufficient_data, 0),
                   make_column("slight", stats::ColumnVerdict::drifted, std::log(3.2e-17)),
                   make_column("much", stats::ColumnVerdict::drifted, -2302.585092994046),
                   make_column("certain", stats::ColumnVerdict::drifted, -std::numeric_limits<double>::infinity())};
  check.columns[3].effect = 0.5;
  check.columns[4].effect = 0.4;
  const Page page = read_check(record(check));
  EXPECT_EQ(page.columns, (std::vector<std::string>{"column", "role", "effect", "interval", "p", "threshold", "verdict",
                                                    "sentence"}));
  std::vector<std::string> told;
  for (const auto& row : page.rows) told.push_back(fmt::format("{} {} {}", *row[0], *row[4], *row[6]));
  EXPECT_EQ(told, (std::vector<std::string>{"much 1e-1000 drifted", "certain 0 drifted", "slight 3.2e-17 drifted",
                                            "calm 0.2500 ok", "short 1.0000 insufficient_data"}));
  EXPECT_EQ(page.rows[2][3], "0.2500 to 0.3500");
  EXPECT_CONTAINS(page.json, R"("log_p":-2302.585092994046)");
  EXPECT_LT(page.json.find("\"much\""), page.json.find("\"calm\""));
  EXPECT_CONTAINS(page.json, R"("calibration_sentence":"from 26 windows of a week")");
}

TEST_F(ChecksTest, OfOlderVersionsAreReadAsWell) {
  const ModelId model = put_promoted();
  ground.exec(fmt::format(
      "INSERT INTO retraind.drift_check (model_id, version, trigger, checked_at, rows) VALUES ({}, 1, 'drift', now(), "
      "9);"
      "INSERT INTO retraind.drift_result (check_id, \"column\", method, threshold, verdict, sentence) "
      "SELECT check_id, 'x', 'jensen_shannon', 0.05, 'insufficient_data', 'too few' FROM retraind.drift_check",
      number(model)));
  const Page page = read_check(std::stoll(ground.text("SELECT check_id FROM retraind.drift_check")));
  ASSERT_EQ(page.rows.size(), 1u);
  EXPECT_EQ(page.rows[0][1], std::nullopt);
  EXPECT_EQ(page.rows[0][3], std::nullopt);
}

TEST_F(ChecksTest, ThatDoNotExistHaveNoRows) {
  const Page page = read_check(4711);
  EXPECT_TRUE(page.rows.empty());
  EXPECT_EQ(page.columns.size(), 8u);
  EXPECT_EQ(page.json, "[]");
}

TEST_F(ChecksTest, OfDriftRefuseWordsThatTheyDoNotKnow) {
  record(make_check(put_promoted()));
  const std::string insert =
      "INSERT INTO retraind.drift_result (check_id, \"column\", method, threshold, verdict, sentence, role, "
      "calibration) "
      "SELECT check_id, 'x', 'psi', 1, 'ok', 'still', {} FROM retraind.drift_check";
  EXPECT_CONTAINS(refusal(fmt::format(fmt::runtime(insert), "'target', NULL")), "drift_result_role_check");
  EXPECT_CONTAINS(refusal(fmt::format(fmt::runtime(insert), "NULL, 'guessed'")), "drift_result_calibration_check");
}

TEST_F(ChecksTest, OfPerformanceKeepTheIntervalAndWhatItWasHeldAgainst) {
  PerformanceCheck check{.model = put_promoted(),
                         .version = 1,
                         .trigger = "accuracy_drop",
                         .axis = TimeAxis::instant,
                         .window_from = to_event_time(start - testing::hours(24)),
                         .window_to = to_event_time(start),
                         .rows = 480,
                         .metric = Metric::accuracy,
                         .value = stats::Interval{.estimate = 0.1 + 0.2,
                                                  .low = 0.25,
                                                  .high = 0.35,
                                                  .standard_error = 0.02,
                                                  .inflation = 1.5,
                                                  .clusters = 24,
                                                  .method = "cluster_jackknife"},
                         .level = 0.75,
                         .threshold = 0.7,
                         .sentence = "accuracy is 0.3"};
  const auto record_it = [&] { transact([&](store::Transaction& t) { record_performance_check(t, check, start); }); };
  record_it();
  check.value = std::nullopt;
  check.level = std::nullopt;
  check.threshold = std::nullopt;
  check.axis = TimeAxis::number;
  check.window_from = 0.1;
  check.window_to = std::nullopt;
  check.rows = 0;
  check.sentence = "no labels yet";
  record_it();
  EXPECT_EQ(
      ground.rows("SELECT model, version, trigger, rows, metric, value = 0.1::float8 + 0.2::float8, ci_low, ci_high, "
                  "level, threshold, inflation, parts, sentence, window_to - window_from, window_from_number "
                  "FROM retraind.performance_history ORDER BY check_id"),
      (std::vector<TextRow>{
          {"power", "1", "accuracy_drop", "480", "accuracy", "t", "0.25", "0.35", "0.75", "0.7", "1.5", "24",
           "accuracy is 0.3", "1 day", std::nullopt},
          {"power", "1", "accuracy_drop", "0", "accuracy", std::nullopt, std::nullopt, std::nullopt, std::nullopt,
           std::nullopt, std::nullopt, std::nullopt, "no labels yet", std::nullopt, "0.1"}}));
  EXPECT_EQ(ground.text(fmt::format("SELECT count(*) FROM retraind.performance_history WHERE checked_at = '{}'",
                                    format_instant(start))),
            "2");
}

}  // namespace
}  // namespace retraind::runs
