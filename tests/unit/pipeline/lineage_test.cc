// Where a version comes from, written down once and read for as long as the version is there.
#include "core/pipeline/lineage.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace retraind::pipeline {
namespace {

Lineage full() {
  Lineage out;
  out.retraind = "0.2.0";
  out.trainer = "command 0123456789ab";
  out.program_files = {{"/opt/x/predict.py", std::string(64, 'a')}, {"/opt/x/train.py", std::string(64, 'b')}};
  out.query = "SELECT \"ts\", x, y FROM t -- it's all";
  out.schema = "ts instant(date) as time";
  out.extent.axis = TimeAxis::instant;
  out.extent.filter.after = to_event_time(*parse_instant("2026-01-01T00:00:00.000001Z"));
  out.extent.filter.until = to_event_time(*parse_instant("2026-02-01T12:30:00Z"));
  out.extent.filter.newest_rows = 5000;
  out.extent.filter.labelled_only = true;
  out.extent.sample_share = 1.0 / 3;
  out.rows = 4321;
  out.data_sha256 = std::string(64, 'c');
  out.train_begin = 0;
  out.train_end = 3456;
  out.seed = 7;
  out.rounds = 40;
  out.params = {{"booster", std::string("gbtree")}, {"eta", 0.1},       {"lambda", 1.0},
                {"max_depth", std::int64_t{6}},     {"odd", 0.1 + 0.2}, {"refresh", true}};
  out.parent = {.version = 3, .artifact_sha256 = std::string(64, 'd')};
  out.refit = {.judged_artifact_sha256 = std::string(64, 'e'),
               .judged_train_rows = 3000,
               .judged_trained_to = to_event_time(*parse_instant("2026-01-25T00:00:00Z"))};
  out.kept_data_sha256 = std::string(64, 'f');
  out.warnings = {"a \"warning\""};
  return out;
}

void expect_same(const Lineage& one, const Lineage& other) {
  EXPECT_EQ(to_json(one), to_json(other));
  EXPECT_EQ(one.params, other.params);
  EXPECT_EQ(one.extent.filter.after, other.extent.filter.after);
  EXPECT_EQ(one.extent.filter.until, other.extent.filter.until);
  EXPECT_EQ(one.extent.sample_share, other.extent.sample_share);
  EXPECT_EQ(one.program_files, other.program_files);
}

TEST(Lineage, ComesBackAsItWasWritten) {
  const Lineage read = lineage_from_json(to_json(full()));
  expect_same(full(), read);
  ASSERT_TRUE(read.parent && read.refit && read.kept_data_sha256);
  EXPECT_EQ(read.parent->version, 3);
  EXPECT_EQ(read.refit->judged_train_rows, 3000u);
  EXPECT_EQ(read.warnings, full().warnings);
}

TEST(Lineage, KeepsAWholeRealNumberARealNumber) {
  const Lineage read = lineage_from_json(to_json(full()));
  EXPECT_TRUE(std::holds_alternative<double>(read.params.at("lambda")));
  EXPECT_TRUE(std::holds_alternative<std::int64_t>(read.params.at("max_depth")));
}

TEST(Lineage, OfANumberAxisKeepsItsBoundsToTheLastBit) {
  Lineage lineage = full();
  lineage.extent.axis = TimeAxis::number;
  lineage.extent.filter.after = 0.1 + 0.2;
  lineage.extent.filter.until = 1e300;
  lineage.refit->judged_trained_to = 1.0 / 3;
  const Lineage read = lineage_from_json(to_json(lineage));
  expect_same(lineage, read);
  EXPECT_EQ(read.extent.axis, TimeAxis::number);
  EXPECT_EQ(read.refit->judged_trained_to, 1.0 / 3);
}

// As versions have it that were made before there was more to say.
TEST(Lineage, OfAnEarlierReleaseIsReadWithWhatItHas) {
  const Lineage read = lineage_from_json(
      R"({"retraind":"0.1.0","trainer":"xgboost 1.7.4","query":"SELECT 1","schema":"s","bounds":{"until":)"
      R"("2026-02-01T12:30:00Z","newest_rows":10},"rows":10,"data_sha256":"x","seed":1,"warnings":[]})");
  EXPECT_EQ(read.extent.axis, TimeAxis::instant);
  EXPECT_EQ(read.extent.filter.until, to_event_time(*parse_instant("2026-02-01T12:30:00Z")));
  EXPECT_EQ(read.rounds, 0);
  EXPECT_FALSE(read.digest || read.parent || read.refit);
  const Lineage numbers = lineage_from_json(
      R"({"retraind":"0.1.0","trainer":"xgboost 1.7.4","query":"SELECT 1","schema":"s","bounds":{"until":"1200"},)"
      R"("rows":10,"data_sha256":"x","seed":1,"warnings":[]})");
  EXPECT_EQ(numbers.extent.axis, TimeAxis::number);
  EXPECT_EQ(numbers.extent.filter.until, 1200);
}

TEST(Lineage, ThatIsDamagedIsRefused) {
  EXPECT_THROW(lineage_from_json(""), DataError);
  EXPECT_THROW(lineage_from_json("[]"), DataError);
  EXPECT_THROW(lineage_from_json("{}"), DataError);
  std::string broken = to_json(full());
  broken.replace(broken.find("2026-02-01"), 10, "2026-13-01");
  EXPECT_THROW(lineage_from_json(broken), DataError);
}

}  // namespace
}  // namespace retraind::pipeline
