// How a worker's result travels, and everything that is refused on the way. The daemon believes nothing in it.
#include "core/pipeline/result.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <functional>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/sha256.h"
#include "core/pipeline/kept_data.h"
#include "tests/unit/pipeline/measured.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

// As much as a result can say: gates, an anchor, a stand-in, a refit.
Measured make_rich() {
  Measured out = make_measured(0.01, 0.03, 3);
  out.stand_in = 2;
  out.production_fault = "version 3 cannot be loaded: \"x\"";
  out.anchor = 1;
  out.anchor_fault = "";
  evaluate::Comparison& comparison = out.comparison;
  comparison.anchor_difference = comparison.difference;
  comparison.anchor_value = 0.61;
  comparison.rows_needed = 1960;
  comparison.candidate_metrics.push_back({Metric::recall, "spam", 0.5});
  comparison.gates = {{.gate = 0,
                       .slice = "",
                       .rows = 400,
                       .candidate = comparison.difference,
                       .difference = comparison.difference,
                       .log_p_harm = std::nullopt,
                       .why_not = ""},
                      {.gate = 1,
                       .slice = "region=north",
                       .rows = 120,
                       .candidate = std::nullopt,
                       .difference = comparison.difference,
                       .log_p_harm = -0.5,
                       .why_not = ""}};
  out.refit = Refit{.facts = {.candidate = out.facts, .disagreement = 0.25},
                    .judged_sha256 = to_hex(sha256("judged")),
                    .judged_rows = 1600,
                    .judged_to = out.trained_to};
  out.train_rows = 2000;
  return out;
}

class ResultTest : public ::testing::Test {
 protected:
  ResultTest() {
    char name[] = "/tmp/retraind-result-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~ResultTest() override { std::filesystem::remove_all(folder_); }

  void put(const char* name, std::string_view bytes) {
    std::ofstream(folder_ / name, std::ios::binary | std::ios::trunc) << bytes;
  }
  // A good result with its artifact.
  void put_good() {
    put(kArtifactFile, kCandidateBytes);
    write_result(folder_, result_);
  }
  std::string complaint() {
    try {
      (void)read_result(folder_, RunId{7}, 2);
    } catch (const DataError& error) {
      return error.what();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "another exception: " << error.what();
      return "";
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
  }

  std::filesystem::path folder_;
  Result result_{.run = RunId{7}, .attempt = 2, .outcome = make_measured(0.01, 0.03)};
};

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

TEST_F(ResultTest, ComesBackWithEveryNumberToTheLastBit) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    const auto any = [&] { return (random.uniform() - 0.5) * std::pow(10.0, 20 * random.uniform() - 10); };
    Measured sent = make_measured(0.01, 0.03, round % 2 == 0 ? std::optional(3) : std::nullopt);
    sent.axis = round % 3 == 0 ? TimeAxis::number : TimeAxis::instant;
    sent.trained_from = sent.window_from = -1e9 + any() / 1e4;
    sent.trained_to = sent.window_to = 1e9 + any() / 1e4;
    sent.confidence = sent.comparison.confidence = 0.95 + 0.05 * random.uniform();
    sent.comparison.candidate_value = any();
    sent.comparison.candidate_metrics[0].value = any();
    sent.comparison.difference->standard_error = random.uniform();
    sent.comparison.difference->inflation = random.uniform();
    const std::string text = to_json({RunId{7}, 2, sent});
    const Result got = result_from_json(text);
    EXPECT_EQ(got.run, RunId{7});
    EXPECT_EQ(got.attempt, 2);
    const auto& back = std::get<Measured>(got.outcome);
    EXPECT_EQ(back.axis, sent.axis);
    EXPECT_EQ(back.trained_from, sent.trained_from);
    EXPECT_EQ(back.window_to, sent.window_to);
    EXPECT_EQ(back.judged_against, sent.judged_against);
    EXPECT_EQ(back.confidence, sent.confidence);
    EXPECT_EQ(back.comparison.candidate_value, sent.comparison.candidate_value);
    EXPECT_EQ(back.comparison.candidate_metrics[0].value, sent.comparison.candidate_metrics[0].value);
    EXPECT_EQ(back.comparison.difference->standard_error, sent.comparison.difference->standard_error);
    EXPECT_EQ(back.comparison.difference->inflation, sent.comparison.difference->inflation);
    EXPECT_EQ(back.comparison.confidence, sent.comparison.confidence);
    ASSERT_EQ(to_json(got), text) << "and so does all the rest";
  }
}

TEST_F(ResultTest, ComesBackWithGatesAnchorStandInAndRefit) {
  const Measured sent = make_rich();
  const std::string text = to_json(Result{RunId{7}, 2, sent});
  const auto back = std::get<Measured>(result_from_json(text).outcome);
  EXPECT_EQ(to_json(Result{RunId{7}, 2, back}), text);
  EXPECT_EQ(back.stand_in, 2);
  EXPECT_EQ(back.production_fault, sent.production_fault);
  EXPECT_EQ(back.anchor, 1);
  EXPECT_EQ(back.comparison.anchor_difference->low, 0.01);
  EXPECT_EQ(back.comparison.rows_needed, 1960u);
  ASSERT_EQ(back.comparison.gates.size(), 2u);
  EXPECT_EQ(back.comparison.gates[1].slice, "region=north");
  EXPECT_EQ(back.comparison.gates[1].log_p_harm, -0.5);
  EXPECT_EQ(back.facts.schema_changes, sent.facts.schema_changes);
  ASSERT_TRUE(back.refit);
  EXPECT_EQ(back.refit->facts.disagreement, 0.25);
  EXPECT_EQ(back.refit->judged_sha256, sent.refit->judged_sha256);
}

TEST_F(ResultTest, ComesBackFromItsFileWithItsArtifact) {
  put_good();
  const Result got = read_result(folder_, RunId{7}, 2);
  EXPECT_EQ(to_json(got), to_json(result_));
  EXPECT_EQ(read_artifact(folder_, std::get<Measured>(got.outcome)), kCandidateBytes);
}

TEST_F(ResultTest, SaysWhyNothingWasMeasured) {
  result_.outcome = Failure{.transient = true, .step = Step::train, .message = "no \"space\"\n", .hint = "make room"};
  write_result(folder_, result_);  // no artifact beside it
  const auto failure = std::get<Failure>(read_result(folder_, RunId{7}, 2).outcome);
  EXPECT_TRUE(failure.transient);
  EXPECT_EQ(failure.step, Step::train);
  EXPECT_EQ(failure.message, "no \"space\"\n");
  EXPECT_EQ(failure.hint, "make room");
}

TEST_F(ResultTest, LeavesOutWhatIsNotFinite) {
  Measured measured = make_measured(0.01, 0.03);
  measured.comparison.difference.reset();
  measured.comparison.why_no_interval = "one class only";
  measured.comparison.candidate_value = NAN;
  measured.comparison.candidate_metrics[0].value = INFINITY;
  result_.outcome = measured;
  const auto got = std::get<Measured>(result_from_json(to_json(result_)).outcome);
  EXPECT_EQ(got.comparison.candidate_value, std::nullopt);
  EXPECT_EQ(got.comparison.difference, std::nullopt);
  EXPECT_EQ(got.comparison.why_no_interval, "one class only");
  EXPECT_EQ(got.comparison.candidate_metrics.size(), 1u);
}

TEST_F(ResultTest, IsRefusedWhenCutAnywhere) {
  put_good();
  const std::string whole = to_json(result_);
  ASSERT_GT(whole.size(), 1000u);
  for (std::size_t length = 0; length < whole.size(); length += 10) {
    put(kResultFile, whole.substr(0, length));
    EXPECT_NE(complaint(), "") << length;
  }
}

std::vector<data::Finding> some_findings() {
  return {{.kind = FindingKind::value,
           .check = "range",
           .column = "price \"x\"",
           .rows = 6,
           .observed = 0.1 + 0.2,
           .threshold = 0.25,
           .stops = true,
           .sentence = "6 of 1000 rows …",
           .query = "SELECT 1"},
          {.kind = FindingKind::warning,
           .check = "leakage",
           .column = "",
           .rows = {},
           .observed = {},
           .threshold = {},
           .stops = false,
           .sentence = "s",
           .query = ""}};
}

std::vector<SearchTrial> some_trials() {
  return {{.number = 1,
           .params = {{"eta", 0.1}, {"lambda", 1.0}, {"max_depth", std::int64_t{6}}, {"method", std::string("x")}},
           .value = 1.0 / 3,
           .fault = "",
           .train_rows = 800,
           .rows = 200,
           .seconds = 0.5,
           .chosen = true},
          {.number = 2,
           .params = {{"refresh", true}},
           .value = {},
           .fault = "unknown parameter",
           .train_rows = 800,
           .rows = 0,
           .seconds = 0,
           .chosen = false}};
}

TEST_F(ResultTest, BringsWhatWasFoundAndSearchedWhateverTheOutcome) {
  const Result result{.run = RunId{7},
                      .attempt = 2,
                      .outcome = Failure{.transient = false, .step = Step::validate_data, .message = "m", .hint = "h"},
                      .findings = some_findings(),
                      .searched = some_trials()};
  const Result read = result_from_json(to_json(result));
  EXPECT_EQ(to_json(read), to_json(result));
  ASSERT_EQ(read.findings.size(), 2u);
  EXPECT_EQ(read.findings[0].observed, 0.1 + 0.2);
  EXPECT_TRUE(read.findings[0].stops);
  EXPECT_FALSE(read.findings[1].rows);
  ASSERT_EQ(read.searched.size(), 2u);
  EXPECT_EQ(read.searched[0].params, result.searched[0].params);
  EXPECT_EQ(read.searched[0].value, 1.0 / 3);
  EXPECT_FALSE(read.searched[1].value);
}

TEST_F(ResultTest, IsRefusedWhenASearchHasChosenNoneOrTwo) {
  Result result{.run = RunId{7}, .attempt = 2, .outcome = make_rich(), .findings = {}, .searched = some_trials()};
  result.searched[0].chosen = false;
  EXPECT_THROW((void)result_from_json(to_json(result)), DataError);
  result.searched[0].chosen = result.searched[1].chosen = true;
  EXPECT_THROW((void)result_from_json(to_json(result)), DataError);

  // All of them failed: there is none to choose.
  result.outcome = Failure{.transient = false, .step = Step::train, .message = "all 2 trials failed", .hint = ""};
  result.searched[0].value = std::nullopt;
  EXPECT_THROW((void)result_from_json(to_json(result)), DataError);
  result.searched[0].chosen = result.searched[1].chosen = false;
  EXPECT_EQ(result_from_json(to_json(result)).searched.size(), 2u);
}

TEST_F(ResultTest, IsRefusedWhenKeptDataAreNotThereOrOthers) {
  Measured measured = make_rich();
  std::ofstream(folder_ / kArtifactFile) << kCandidateBytes;
  const std::string bytes = "the rows";
  measured.kept = KeptData{.sha256 = to_hex(sha256(bytes)), .bytes = bytes.size()};
  write_result(folder_, {.run = RunId{7}, .attempt = 2, .outcome = measured, .findings = {}, .searched = {}});
  EXPECT_THROW((void)read_result(folder_, RunId{7}, 2), DataError) << "there are none";
  std::ofstream(folder_ / kKeptDataFile) << "the rowz";
  EXPECT_THROW((void)read_result(folder_, RunId{7}, 2), DataError);
  std::ofstream(folder_ / kKeptDataFile) << bytes;
  EXPECT_EQ(std::get<Measured>(read_result(folder_, RunId{7}, 2).outcome).kept->bytes, bytes.size());
  std::filesystem::rename(folder_ / kKeptDataFile, folder_ / "elsewhere");
  std::filesystem::create_symlink(folder_ / "elsewhere", folder_ / kKeptDataFile);
  EXPECT_THROW((void)read_result(folder_, RunId{7}, 2), DataError) << "a link";
}

TEST_F(ResultTest, IsRefusedWithAnyMemberLackingOrOfAnotherType) {
  const json::value whole = json::parse(to_json(Result{RunId{7}, 2, make_rich()}));
  // Every member of every object, by its path.
  std::vector<std::string> paths;
  const std::function<void(const json::value&, const std::string&)> walk = [&](const json::value& value,
                                                                               const std::string& path) {
    if (const auto* object = value.if_object()) {
      for (const auto& [key, member] : *object) {
        const std::string own = path + "/" + std::string(key);
        paths.push_back(own);
        walk(member, own);
      }
    }
  };
  walk(whole, "");
  EXPECT_GT(paths.size(), 30u);
  // null stands for "absent" in these, and so may the key be.
  const std::vector<std::string> may_be_absent = {
      "/measured/judged_against", "/measured/comparison/candidate_value", "/measured/comparison/opponent_value",
      "/measured/comparison/difference", "/measured/comparison/difference/inflation",
      // A stand-in that is not named leaves production's fault without an opponent that fits, so it may not be absent.
      "/measured/anchor", "/measured/comparison/anchor_difference", "/measured/comparison/anchor_difference/inflation",
      "/measured/learned", "/measured/kept", "/measured/comparison/anchor_value", "/measured/comparison/detectable",
      "/measured/comparison/rows_needed"};
  for (const std::string& path : paths) {
    json::value other = whole;
    other.at_pointer(path) = json::array{json::object{{"x", 1}}};
    EXPECT_THROW((void)result_from_json(json::serialize(other)), DataError) << path << " of another type";
    if (std::find(may_be_absent.begin(), may_be_absent.end(), path) != may_be_absent.end()) continue;
    other = whole;
    const std::size_t slash = path.rfind('/');
    json::value& parent = slash == 0 ? other : other.at_pointer(path.substr(0, slash));
    parent.as_object().erase(path.substr(slash + 1));
    EXPECT_THROW((void)result_from_json(json::serialize(other)), DataError) << path << " lacking";
  }
}

TEST_F(ResultTest, IsRefusedWithAValueThatCannotBe) {
  const json::value whole = json::parse(to_json(Result{RunId{7}, 2, make_measured(0.01, 0.03, 3)}));
  const std::string huge = "18446744073709551615";
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"/format", "2"},
      {"/measured/axis", "\"sideways\""},
      {"/measured/window_from", "\"1e999\""},
      {"/measured/window_from", "\"1.8e15\""},  // later than window_to
      {"/measured/data_sha256", "\"DEADBEEF\""},
      {"/measured/data_rows", "-1"},
      {"/measured/data_rows", huge},
      {"/measured/train_rows", "0"},
      {"/measured/train_rows", "1.5"},
      {"/measured/train_rows", "2001"},  // more than were read
      {"/measured/train_rows", huge},
      {"/measured/trained_from", "\"1.8e15\""},
      {"/measured/trained_to", "\"1e999\""},
      {"/measured/judged_against", "null"},
      {"/measured/judged_against", "0"},
      {"/measured/judged_against", "1e10"},
      {"/measured/confidence", "\"0\""},
      {"/measured/confidence", "\"1\""},
      {"/measured/confidence", "\"0.5\""},  // not the comparison's
      {"/measured/comparison/opponent", "\"nobody\""},
      {"/measured/comparison/opponent", "\"baseline\""},  // but judged_against is a version
      {"/measured/comparison/metric", "\"charm\""},
      {"/measured/comparison/rows", "2001"},
      {"/measured/comparison/candidate_value", "\"1e999\""},
      {"/measured/comparison/candidate_metrics/0/value", "\"1e999\""},
      {"/measured/comparison/candidate_metrics/1/metric", "\"accuracy\""},  // twice
      {"/measured/comparison/difference/estimate", "null"},
      {"/measured/comparison/difference/low", "null"},
      {"/measured/comparison/difference/high", "null"},
      {"/measured/comparison/difference/high", "\"1e999\""},
      {"/measured/comparison/difference/low", "\"0.025\""},
      {"/measured/comparison/difference/high", "\"0.015\""},
      {"/measured/comparison/difference/low", "\"-1e999\""},
      {"/measured/comparison/difference/clusters", "-1"},
      {"/measured/comparison/difference/clusters", "401"},  // more than rows
      {"/measured/artifact_sha256", "\"../../etc/passwd\""},
      {"/measured/facts/artifact_bytes", "1"},  // a gate is about its size, and it has another
      {"/measured/stand_in", "2"},              // but production has no fault
      {"/measured/production_fault", "\"x\""},  // but production is the opponent
      {"/measured/judged_again", "\"no\""},
      {"/measured/holdout_from", "null"},
      {"/measured/holdout_to", "\"1.6e15\""},  // before holdout_from
      {"/measured/facts/invalid", "401"},      // more than rows
      {"/measured/facts/package_differs", "401"},
      {"/measured/facts/seconds_per_thousand", "\"-1\""},
      {"/measured/facts/schema_changes/0", "7"},
      {"/measured/columns/0/profile", "\"{}\""},
      {"/measured/columns/0", "7"},
      {"/measured/columns/0/role", "\"owner\""},
      {"/measured/columns/0/importance", "\"1.5\""},
      {"/measured/feature_blocks/0/packed", "\"zz\""},
      {"/measured/feature_blocks/0/packed", "\"00\""},
      {"/measured/feature_blocks/0/index", "12"},
      {"/measured/score_blocks/0/rows", "-1"},
      {"/measured/loss_blocks/0/packed", "\"07\""},
      {"/measured/warnings/0", "7"},
      {"/measured/lineage", "\"no JSON\""},
      {"/measured/lineage", "\"[1]\""},
      {"/measured/window_to", "\"inf\""},
      {"/measured/window_to", "1.8e15"},  // a number where exact text stands
      {"/measured/comparison/confidence", "\"0.96\""},
      {"/measured/comparison/difference/low", "\"nan\""},
      {"/measured/comparison/difference/high", "\"-nan\""},
      {"/measured/comparison/candidate_value", "\"nan\""},
  };
  for (const auto& [path, text] : changes) {
    json::value other = whole;
    other.at_pointer(path) = "REPLACE ME";
    std::string broken = json::serialize(other);
    broken.replace(broken.find("\"REPLACE ME\""), 12, text);
    EXPECT_THROW((void)result_from_json(broken), DataError) << path << " = " << text;
  }
}

TEST_F(ResultTest, IsRefusedWhenItIsAnotherRunsOrAttempts) {
  result_.run = RunId{8};
  put_good();
  EXPECT_EQ(complaint(), "the result is of run 8 attempt 2, not of run 7 attempt 2");
  result_.run = RunId{7};
  result_.attempt = 1;
  put_good();
  EXPECT_EQ(complaint(), "the result is of run 7 attempt 1, not of run 7 attempt 2");
}

TEST_F(ResultTest, IsRefusedWhenItsFileIsNoRegularFile) {
  EXPECT_EQ(complaint(), "result.json is missing");
  put_good();
  std::filesystem::rename(folder_ / kResultFile, folder_ / "elsewhere");
  std::filesystem::create_symlink("elsewhere", folder_ / kResultFile);
  EXPECT_EQ(complaint(), "result.json is a link, not a file");
  std::filesystem::remove(folder_ / kResultFile);
  std::filesystem::create_directory(folder_ / kResultFile);
  EXPECT_EQ(complaint(), "result.json is not a regular file");
  std::filesystem::remove(folder_ / kResultFile);
  ASSERT_EQ(::mkfifo((folder_ / kResultFile).c_str(), 0600), 0);
  EXPECT_EQ(complaint(), "result.json is not a regular file");
}

TEST_F(ResultTest, IsRefusedUnreadWhenItIsTooLarge) {
  put_good();
  std::filesystem::resize_file(folder_ / kResultFile, kMaxResultBytes + 1);  // sparse
  EXPECT_EQ(complaint(), "result.json has 268435457 bytes, more than 268435456");
  put_good();
  std::filesystem::resize_file(folder_ / kArtifactFile, kMaxArtifactBytes + 1);
  EXPECT_CONTAINS(complaint(), "candidate.tar has 1073741825 bytes, more than");
}

TEST_F(ResultTest, IsRefusedWhenTheArtifactHasOtherBytes) {
  put_good();
  put(kArtifactFile, "The bytes of a candidate");
  EXPECT_CONTAINS(complaint(), "the candidate's artifact has 24 bytes and sha256");
  put(kArtifactFile, kCandidateBytes + "!");
  EXPECT_CONTAINS(complaint(), "the candidate's artifact has 25 bytes");
  std::filesystem::remove(folder_ / kArtifactFile);
  EXPECT_EQ(complaint(), "candidate.tar is missing");
  std::filesystem::create_symlink(kResultFile, folder_ / kArtifactFile);
  EXPECT_EQ(complaint(), "candidate.tar is a link, not a file");
}

}  // namespace
}  // namespace retraind::pipeline
