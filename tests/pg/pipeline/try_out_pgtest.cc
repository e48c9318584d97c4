// A run in small: what it says of configurations that would make a model, and of those that would not.
#include "core/pipeline/try_out.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "tests/pg/pipeline/execute_scene.h"

namespace retraind::pipeline {
namespace {

class TryOutTest : public ExecuteTest {
 protected:
  TryOut tried(std::uint64_t rows = kTryOutRows) {
    return try_out(job.model, source, rows,
                   {.folder = folder,
                    .now = job.now,
                    .clock = [] { return Duration::zero(); },
                    .on_step = [this](const TriedStep& step) { told.push_back(step.name); },
                    .on_output = {}});
  }
  // An executable file beside the work folder.
  std::string script(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = programs.path / name;
    std::ofstream(path) << "#!/bin/sh\nset -eu\n" << text;
    ::chmod(path.c_str(), 0755);
    return path.string();
  }
  void use_command(const std::string& train, const std::string& predict) {
    job.model.training.trainer = "command";
    job.model.training.command.train = {script("train.sh", train)};
    job.model.training.command.predict = {script("predict.sh", predict)};
  }

  // Whoever runs a command ends all children it has, and the database server is one of this process's.
  template <class Body>
  static void in_a_process_of_its_own(const Body& body) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        body();
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
      std::fflush(nullptr);
      ::_exit(HasFailure() ? 1 : 0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "see above";
  }

  struct Programs {
    Programs() {
      std::string pattern = (std::filesystem::temp_directory_path() / "retraind-programs-XXXXXX").string();
      if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
      path = pattern;
    }
    ~Programs() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
    std::filesystem::path path;
  };
  Programs programs;
  std::vector<std::string> told;
};

// x in the first column says what y is.
constexpr const char* kPredict = R"(awk -F, 'NR == 1 { print "prediction"; next } { print ($1 > 0.5) ? 0.9 : 0.1 }' \
  features.csv > predictions.csv
)";

TEST_F(TryOutTest, MakesAModelOfTheNewestRowsAndMeasuresIt) {
  add_rows(0, 3000, "a");
  job.model.training.rounds = 100;
  const TryOut out = tried(1000);
  ASSERT_TRUE(out.passed()) << out.steps.back().sentence;
  EXPECT_EQ(told,
            (std::vector<std::string>{"columns", "rows", "data", "split", "train", "package", "score", "measure"}));
  EXPECT_EQ(out.rows, 1000u);
  EXPECT_EQ(out.train_rows, 800u);
  EXPECT_EQ(out.holdout_rows, 200u);
  EXPECT_EQ(out.features, 1u);
  EXPECT_GT(out.artifact_bytes, 0u);
  EXPECT_GT(out.value.value(), 0.95);
  EXPECT_LT(out.baseline.value(), 0.6);
  ASSERT_EQ(out.findings.size(), 1u);
  EXPECT_EQ(out.findings[0].check, "leakage") << "x says what y is, which is told, and no more";
  EXPECT_CONTAINS(out.steps[1].sentence, "the newest 1000 labelled rows, from 2026-01-14");
  EXPECT_CONTAINS(out.steps[4].sentence, "10 of 100 rounds");
}

TEST_F(TryOutTest, TakesAllRowsWhereThereAreFewerAndNoneOlderThanTheWindow) {
  add_rows(0, 1000, "a");
  EXPECT_EQ(tried().rows, 1000u);
  job.model.training.window = settings::WindowRows{600};
  EXPECT_EQ(tried().rows, 600u);
  job.model.training.window = settings::WindowDuration{std::chrono::minutes(3000)};
  EXPECT_EQ(tried(2000).rows, 300u);
  job.model.training.window = settings::WindowAll{};
  job.model.training.since = settings::Since{.axis = TimeAxis::instant, .from = minute(9000)};
  EXPECT_EQ(tried().rows, 100u);
}

TEST_F(TryOutTest, DrawsRowsWhereManyHaveOneEventTime) {
  add_rows(0, 3000, "a");
  database.exec("UPDATE events SET ts = date_trunc('day', ts) + interval '1 day'");
  const TryOut many = tried(200);
  EXPECT_TRUE(many.passed());
  EXPECT_CONTAINS(many.steps[1].sentence, "the newest 2") << "two days of at most 144 rows";
  const TryOut few = tried(20);
  EXPECT_CONTAINS(few.steps[1].sentence, "drawn from 3000");
  EXPECT_GT(few.rows, 5u);
  EXPECT_LT(few.rows, 60u);
}

TEST_F(TryOutTest, RunsTheCommandsAndShowsWhatTheyPrint) {
  add_rows(0, 1000, "a");
  in_a_process_of_its_own([&] {
    use_command("seq 1 30\nmkdir model\necho here > model/file\n", kPredict);
    const TryOut out = tried();
    ASSERT_TRUE(out.passed()) << out.steps.back().sentence;
    EXPECT_EQ(out.value, 1.0);
    ASSERT_EQ(out.output.size(), kTryOutLines);
    EXPECT_EQ(out.output.back(), "30");
    EXPECT_CONTAINS(out.trainer, "command ");
  });
}

TEST_F(TryOutTest, SaysWhatIsWrongWithACommand) {
  add_rows(0, 1000, "a");
  in_a_process_of_its_own([&] {
    use_command("echo the column z is missing >&2\nexit 3\n", kPredict);
    const TryOut failed = tried();
    EXPECT_FALSE(failed.passed());
    EXPECT_EQ(failed.steps.back().name, "train");
    EXPECT_CONTAINS(failed.steps.back().sentence, "the column z is missing");
    EXPECT_CONTAINS(failed.steps.back().sentence, "exit code 3");
    EXPECT_FALSE(failed.steps.back().hint.empty());

    use_command("echo nothing\n", kPredict);
    const TryOut without_model = tried();
    EXPECT_FALSE(without_model.passed());
    EXPECT_CONTAINS(without_model.steps.back().sentence, "model");

    use_command("mkdir model\necho 1 > model/file\n", "echo prediction > predictions.csv\n");
    const TryOut without_rows = tried();
    EXPECT_FALSE(without_rows.passed());
    EXPECT_CONTAINS(without_rows.steps.back().sentence, "predict.sh");
  });
}

TEST_F(TryOutTest, SaysThatTheSameRowsWerePredictedOtherwise) {
  add_rows(0, 1000, "a");
  in_a_process_of_its_own([&] {
    const std::filesystem::path counter = programs.path / "counter";
    use_command("mkdir model\necho 1 > model/file\n",
                fmt::format("echo x >> {0}\nN=$(wc -l < {0})\nexport N\n", counter.string()) +
                    R"(awk -F, 'NR == 1 { print "prediction"; next } { print 1 / (ENVIRON["N"] + 1) }' features.csv \
  > predictions.csv
)");
    const TryOut out = tried();
    EXPECT_FALSE(out.passed());
    ASSERT_EQ(out.steps.size(), 8u) << "the rest is tried all the same";
    EXPECT_FALSE(out.steps[5].passed);
    EXPECT_CONTAINS(out.steps[5].sentence, "200 of 200 rows otherwise");
    EXPECT_TRUE(out.steps[7].passed);
  });
}

TEST_F(TryOutTest, SaysWhatARunWouldStopAtAndTrainsAllTheSame) {
  add_rows(0, 1000, "a");
  database.exec("UPDATE events SET x = 7 WHERE ts < '2026-01-01 01:00+00'");
  job.model.data.columns["x"].max = 1;
  job.model.data.leakage.reset();
  job.model.data.min_rows = 5000;  // of the whole window, which this is not
  const TryOut out = tried();
  EXPECT_FALSE(out.passed());
  ASSERT_EQ(out.steps.size(), 8u);
  EXPECT_FALSE(out.steps[2].passed);
  ASSERT_EQ(out.findings.size(), 1u);
  EXPECT_CONTAINS(out.steps[2].sentence, out.findings[0].sentence);
  EXPECT_EQ(database.text("SELECT count(*) FROM (" + out.findings[0].query + ") shown"), "6");
  EXPECT_TRUE(out.value.has_value());

  job.model.data.columns["z"] = {};
  const TryOut without_column = tried();
  ASSERT_EQ(without_column.steps.size(), 1u);
  EXPECT_CONTAINS(without_column.steps[0].sentence, "z");
}

TEST_F(TryOutTest, SaysAtWhichStepItEnded) {
  const TryOut without_rows = tried();
  EXPECT_EQ(without_rows.steps.back().name, "rows");
  EXPECT_CONTAINS(without_rows.steps.back().sentence, "no row");

  add_rows(0, 1000, "a", "'same'");
  const TryOut constant = tried();
  EXPECT_EQ(constant.steps.back().name, "split");
  EXPECT_CONTAINS(constant.steps.back().hint, "--rows");

  database.exec("UPDATE events SET y = (x > 0.5)::text");
  job.model.training.params["max_dept"] = std::int64_t{6};
  const TryOut misspelled = tried();
  EXPECT_EQ(misspelled.steps.back().name, "train");
  EXPECT_CONTAINS(misspelled.steps.back().sentence, "max_dept");

  job.model.query = "SELECT ts, x, y FROM event";
  const TryOut unplanned = tried();
  EXPECT_EQ(unplanned.steps.back().name, "columns");
  EXPECT_CONTAINS(unplanned.steps.back().sentence, "event");
  EXPECT_FALSE(unplanned.unreachable);

  source.conninfo = "host=/nonexistent";
  const TryOut away = tried();
  EXPECT_EQ(away.steps.size(), 1u);
  EXPECT_TRUE(away.unreachable);
}

TEST_F(TryOutTest, LeavesOutWhatASampleCannotBear) {
  add_rows(0, 1000, "a");
  job.model.training.holdout = settings::WindowDuration{std::chrono::hours(24 * 30)};
  job.model.training.embargo = std::chrono::hours(24 * 30);
  job.model.training.warm_start = true;
  job.model.training.keep_data = true;
  job.model.training.min_rows = 1000000;
  job.model.training.search =
      settings::Search{.params = {{"max_depth", {std::int64_t{2}, std::int64_t{4}}}}, .trials = 2, .share = 0.2};
  const TryOut out = tried();
  EXPECT_TRUE(out.passed()) << out.steps.back().sentence;
  EXPECT_EQ(out.train_rows, 800u);
  ASSERT_EQ(out.warnings.size(), 2u);
  EXPECT_EQ(out.warnings[0], "training.search is not tried on a sample: only a run tells");
  EXPECT_EQ(out.warnings[1], "training.warm_start is not tried on a sample, which is trained from nothing");
}

}  // namespace
}  // namespace retraind::pipeline
