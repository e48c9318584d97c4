// Versions made again from a real source: which rows and which model they come out with, and what is said of changes.
#include "core/pipeline/reproduce.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <fstream>

#include "core/base/error.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/kept_data.h"
#include "tests/pg/pipeline/execute_scene.h"

namespace retraind::pipeline {
namespace {

class ReproduceTest : public ExecuteTest {
 protected:
  ReproduceTest() {
    job.model.data.leakage = std::nullopt;
    wishes.retraind = "test";
    before = std::filesystem::current_path();
    std::filesystem::current_path(folder);
  }
  ~ReproduceTest() override { std::filesystem::current_path(before); }

  // What the registry would hand out of the version that is measured now.
  VersionToReproduce make_version() {
    const Measured made = measured();
    VersionToReproduce out;
    out.version = 2;
    out.model = job.model;
    out.lineage = lineage_from_json(made.lineage);
    out.data_sha256 = made.data_sha256;
    out.artifact_sha256 = made.artifact_sha256;
    out.artifact = read_whole_file(folder / kArtifactFile, kMaxArtifactBytes);
    if (made.kept) {
      out.kept_data = folder / "kept";
      std::filesystem::rename(folder / kKeptDataFile, *out.kept_data);
    }
    return out;
  }
  Reproduction again(const VersionToReproduce& version) const { return reproduce(version, &source, folder, wishes); }
  void expect_reproduced(const VersionToReproduce& version) const {
    for (const int threads : {1, 2}) {
      ReproduceWishes with_threads = wishes;
      with_threads.threads = threads;
      const Reproduction found = reproduce(version, &source, folder, with_threads);
      EXPECT_TRUE(found.reproduced()) << to_report(found);
      EXPECT_EQ(found.artifact_now, found.artifact_then) << "the whole of it, byte for byte";
    }
  }

  ReproduceWishes wishes;
  std::filesystem::path before;
};

std::string all(const std::vector<std::string>& sentences) {
  std::string out;
  for (const std::string& sentence : sentences) out += sentence + "\n";
  return out;
}

TEST_F(ReproduceTest, MakesTheSameBytesFromTheSameRowsWhateverOrderTheyAreStoredIn) {
  add_rows(0, 1000, "a");
  const VersionToReproduce version = make_version();
  expect_reproduced(version);
  database.exec("CREATE TABLE turned AS SELECT * FROM events ORDER BY random()");
  database.exec("DROP TABLE events");
  database.exec("ALTER TABLE turned RENAME TO events");
  expect_reproduced(version);
}

TEST_F(ReproduceTest, LeavesRowsOutThatCameLater) {
  add_rows(0, 1000, "a");
  const VersionToReproduce version = make_version();
  add_rows(20000, 500, "a");
  expect_reproduced(version);
}

TEST_F(ReproduceTest, TrainsAsTheRunDidAfterASearchARefitAndHeldOutEntities) {
  for (int i = 0; i < 20; ++i) {
    add_rows(i, 60, entity(true, i), "(x > 0.5 AND x < 0.8)::text");
    add_rows(100 + i, 60, entity(false, i), "(x > 0.5 AND x < 0.8)::text");
  }
  job.model.training.entity = "who";
  job.model.training.refit = true;
  job.model.training.search = settings::Search{};
  job.model.training.search->params["max_depth"] = {std::int64_t{1}, std::int64_t{3}};
  job.model.training.search->params["rounds"] = {std::int64_t{1}, std::int64_t{8}};
  const VersionToReproduce version = make_version();
  ASSERT_TRUE(version.lineage.refit);
  ASSERT_NE(version.lineage.rounds, job.model.training.rounds) << "the search has chosen";
  expect_reproduced(version);
}

TEST_F(ReproduceTest, TakesTheSameSampleAndTheSameRowsOfTheLargerClass) {
  add_rows(0, 3000, "a", "(x > 0.7)::text");
  job.model.training.sample_rows = 1000;
  job.model.training.keep_majority = 0.5;
  job.model.training.embargo = std::chrono::hours(5);
  job.model.training.seed = 77;
  const VersionToReproduce version = make_version();
  ASSERT_LT(version.lineage.extent.sample_share, 1);
  expect_reproduced(version);
  VersionToReproduce another = version;
  another.lineage.seed = 78;
  const Reproduction found = again(another);
  EXPECT_FALSE(found.reproduced()) << "the rows are the same, and another sample of them is not";
  EXPECT_TRUE(found.same_data());
}

TEST_F(ReproduceTest, GoesOnFromTheVersionThatItsRunWentOnFrom) {
  add_rows(0, 1000, "a");
  job.production = keep(1, measured());
  const std::string parent = read_whole_file(folder / job.production->artifact_file, kMaxArtifactBytes);
  add_rows(10000, 500, "a");
  job.model.training.warm_start = true;
  VersionToReproduce version = make_version();
  ASSERT_TRUE(version.lineage.parent);
  version.parent_artifact = parent;
  expect_reproduced(version);
  version.parent_artifact.clear();
  version.parent_fault = "it went on from version 1, which cannot be had: gone";
  const Reproduction found = again(version);
  EXPECT_FALSE(found.reproduced());
  EXPECT_CONTAINS(to_report(found), "was not reproduced: it went on from version 1, which cannot be had");
}

TEST_F(ReproduceTest, ReadsTheColumnsThatTheRunReadForAnotherVersionToo) {
  add_rows(0, 1000, "a");
  job.model.features = {"x", "w"};
  job.production = keep(1, measured());
  job.model.features = {"x"};
  job.model.training.keep_data = true;
  VersionToReproduce version = make_version();
  EXPECT_CONTAINS(version.lineage.schema, "w number(double precision)");
  expect_reproduced(version);
  wishes.kept = true;
  expect_reproduced(version);
}

TEST_F(ReproduceTest, SaysWhenARowIsGone) {
  add_rows(0, 1000, "a");
  const VersionToReproduce version = make_version();
  database.exec("DELETE FROM events WHERE ts = '2026-01-03 12:00+00'");
  const Reproduction found = again(version);
  EXPECT_FALSE(found.reproduced());
  EXPECT_EQ(found.used, RowsUsed::none) << "nothing is trained on other rows unasked";
  EXPECT_NE(found.data_now, found.data_then);
  EXPECT_EQ(all(found.changes), "1 row of 2026-01-03 is gone\n");
  EXPECT_CONTAINS(to_report(found), "--anyway");
}

TEST_F(ReproduceTest, SaysInWhichColumnAndWhenAValueChanged) {
  add_rows(0, 1000, "a");
  job.model.features = {"x", "w"};
  const VersionToReproduce version = make_version();
  database.exec("UPDATE events SET w = 1.5 WHERE ts = '2026-01-03 12:00+00'");
  const Reproduction found = again(version);
  EXPECT_FALSE(found.reproduced());
  const std::string changes = all(found.changes);
  EXPECT_CONTAINS(changes, ": w");
  EXPECT_CONTAINS(changes, "2026-01-03");
  EXPECT_EQ(changes.find("2026-01-04"), std::string::npos) << changes;
}

TEST_F(ReproduceTest, SaysWhatChangedAboutTheColumns) {
  add_rows(0, 1000, "a");
  const VersionToReproduce version = make_version();
  database.exec("ALTER TABLE events ALTER COLUMN x TYPE real");
  const Reproduction found = again(version);
  EXPECT_CONTAINS(all(found.changes), "x number(double precision)");
  EXPECT_CONTAINS(all(found.changes), "x number(real)");
  database.exec("ALTER TABLE events DROP COLUMN x");
  const Reproduction gone = again(version);
  EXPECT_EQ(gone.data_now, "");
  EXPECT_CONTAINS(all(gone.changes), "the rows cannot be read");
  EXPECT_CONTAINS(to_report(gone), "unknown");
  database.exec("TRUNCATE events");
  database.exec("ALTER TABLE events ADD COLUMN x float8");
  EXPECT_CONTAINS(all(again(version).changes), "holds no labelled row");
}

TEST_F(ReproduceTest, SaysThatItsDigestsWereNotKept) {
  add_rows(0, 1000, "a");
  VersionToReproduce version = make_version();
  version.lineage.digest.reset();
  version.lineage.rounds = 0;  // as an earlier release wrote it
  version.lineage.params.clear();
  version.lineage.train_begin = version.lineage.train_end = 0;
  expect_reproduced(version);
  database.exec("DELETE FROM events WHERE ts = '2026-01-03 12:00+00'");
  EXPECT_CONTAINS(all(again(version).changes), "1000 rows were read then, 999 now");
}

TEST_F(ReproduceTest, GoesOnWithTheKeptRowsWhereTheSourceHasOthers) {
  add_rows(0, 1000, "a");
  job.model.training.keep_data = true;
  const VersionToReproduce version = make_version();
  expect_reproduced(version);
  EXPECT_EQ(again(version).used, RowsUsed::source);
  database.exec("DELETE FROM events WHERE ts = '2026-01-03 12:00+00'");
  const Reproduction found = again(version);
  EXPECT_TRUE(found.reproduced()) << to_report(found);
  EXPECT_EQ(found.used, RowsUsed::kept);
  EXPECT_CONTAINS(to_report(found), "1 row of 2026-01-03 is gone");
  EXPECT_CONTAINS(to_report(found), "was reproduced from the rows kept with it");
}

TEST_F(ReproduceTest, NeedsNoSourceWithTheKeptRows) {
  add_rows(0, 1000, "a");
  job.model.training.keep_data = true;
  const VersionToReproduce version = make_version();
  const Reproduction found = reproduce(version, nullptr, folder, wishes);
  EXPECT_TRUE(found.reproduced()) << to_report(found);
  EXPECT_CONTAINS(to_report(found), "the source \"\" is not configured here");
  wishes.kept = true;
  const Reproduction unasked = reproduce(version, nullptr, folder, wishes);
  EXPECT_TRUE(unasked.reproduced()) << to_report(unasked);
  EXPECT_FALSE(unasked.asked_source);
  // A source that cannot be reached is no reason either.
  wishes.kept = false;
  source.conninfo = "host=/nowhere dbname=none";
  EXPECT_TRUE(again(version).reproduced());
  VersionToReproduce without = version;
  without.kept_data.reset();
  EXPECT_THROW(again(without), UnreachableError);
}

TEST_F(ReproduceTest, SaysThatNoRowsWereKeptOrThatTheyAreDamaged) {
  add_rows(0, 1000, "a");
  job.model.training.keep_data = true;
  VersionToReproduce version = make_version();
  wishes.kept = true;
  std::filesystem::resize_file(*version.kept_data, std::filesystem::file_size(*version.kept_data) - 10);
  const Reproduction damaged = again(version);
  EXPECT_FALSE(damaged.reproduced());
  EXPECT_CONTAINS(to_report(damaged), "the rows kept with it cannot be read");
  version.kept_data.reset();
  EXPECT_CONTAINS(to_report(again(version)), "no rows were kept with it");
}

TEST_F(ReproduceTest, TrainsOnOtherRowsOnlyWhenToldTo) {
  add_rows(0, 1000, "a", "(x > 0.3)::text");
  const VersionToReproduce version = make_version();
  database.exec("UPDATE events SET y = (x > 0.6)::text");
  EXPECT_EQ(again(version).artifact_now, "");
  wishes.anyway = true;
  const Reproduction found = again(version);
  EXPECT_EQ(found.used, RowsUsed::source);
  EXPECT_FALSE(found.same_model());
  EXPECT_FALSE(found.reproduced());
  ASSERT_TRUE(found.predictions) << "how far apart they are, in what they say";
  EXPECT_EQ(found.predictions->rows, 1000u);
  EXPECT_GT(found.predictions->differ, 200u);
  EXPECT_GT(found.predictions->largest, 0.1);
  EXPECT_CONTAINS(to_report(found), "it was trained on other rows");
}

TEST_F(ReproduceTest, SaysWhichProgramsAreOthersNow) {
  add_rows(0, 1000, "a");
  VersionToReproduce version = make_version();
  version.lineage.retraind = "0.0.9";
  version.lineage.trainer = "xgboost 1.0.0";
  version.lineage.rounds += 1;  // and so another model
  const Reproduction found = again(version);
  EXPECT_FALSE(found.reproduced());
  EXPECT_CONTAINS(all(found.programs), "retraind was 0.0.9 and is test");
  EXPECT_CONTAINS(all(found.programs), "the trainer was xgboost 1.0.0 and is xgboost ");
  EXPECT_CONTAINS(to_report(found), "the programs are not those it was made with");
}

// A trainer of awk: p is learned as the mean of y where x > 0.5 and elsewhere.
class CommandReproduceTest : public ReproduceTest {
 protected:
  CommandReproduceTest() {
    write("train.sh", "mkdir -p model\nawk -F, -f " + (folder / "learn.awk").string() + " train.csv > model/means\n");
    write("learn.awk",
          "NR == 1 { for (i = 1; i <= NF; ++i) at[$i] = i; next }\n"
          "{ side = $at[\"x\"] > 0.5; n[side]++; sum[side] += ($at[\"y\"] == \"true\") }\n"
          "END { print (sum[0] + 1) / (n[0] + 2), (sum[1] + 1) / (n[1] + 2) }\n");
    write("predict.sh",
          "awk -F, 'FILENAME == \"model/means\" { split($0, p, \" \"); next }\n"
          "FNR == 1 { for (i = 1; i <= NF; ++i) at[$i] = i; print \"prediction\"; next }\n"
          "{ print p[($at[\"x\"] > 0.5) + 1] }' model/means features.csv > predictions.csv\n");
    settings::Training& training = job.model.training;
    training.trainer = "command";
    training.command.train = {"/bin/sh", (folder / "train.sh").string()};
    training.command.predict = {"/bin/sh", (folder / "predict.sh").string()};
    training.command.files = {folder / "learn.awk"};
    training.command.environment = {{"PATH", "/usr/bin:/bin"}};
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder / name) << text; }

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
};

TEST_F(CommandReproduceTest, ComparesThePredictionsOfACommandOnAllRows) {
  add_rows(0, 500, "a");
  in_a_process_of_its_own([&] {
    const VersionToReproduce version = make_version();
    const Reproduction found = again(version);
    EXPECT_TRUE(found.reproduced()) << to_report(found);
    EXPECT_TRUE(found.by_predictions);
    ASSERT_TRUE(found.predictions);
    EXPECT_EQ(found.predictions->rows, 500u);
    EXPECT_TRUE(found.programs.empty()) << all(found.programs);
  });
}

TEST_F(CommandReproduceTest, TakesFilesThatDifferForTheSameModelWhereThePredictionsDoNot) {
  write("train.sh", "mkdir -p model\nawk -F, -f " + (folder / "learn.awk").string() +
                        " train.csv > model/means\ncat /proc/sys/kernel/random/uuid > model/stamp\n");
  add_rows(0, 500, "a");
  in_a_process_of_its_own([&] {
    const Reproduction found = again(make_version());
    EXPECT_FALSE(found.same_files());
    EXPECT_TRUE(found.reproduced()) << to_report(found);
    EXPECT_CONTAINS(to_report(found), "its files differ, its predictions do not");
  });
}

TEST_F(CommandReproduceTest, SaysWhichFileOfTheTrainerHasChangedAndByHowMuchItsPredictions) {
  add_rows(0, 500, "a");
  in_a_process_of_its_own([&] {
    const VersionToReproduce version = make_version();
    write("learn.awk", "END { print 0.25, 0.75 }\n");
    const Reproduction found = again(version);
    EXPECT_FALSE(found.reproduced());
    ASSERT_TRUE(found.predictions);
    EXPECT_EQ(found.predictions->differ, 500u);
    EXPECT_NEAR(found.predictions->largest, 0.25, 0.02);
    EXPECT_CONTAINS(all(found.programs), "learn.awk has changed: its sha256 was ");
    EXPECT_CONTAINS(to_report(found), "the programs are not those it was made with");
  });
}

TEST_F(CommandReproduceTest, SaysThatTheTrainerIsGoneOrFails) {
  add_rows(0, 500, "a");
  in_a_process_of_its_own([&] {
    const VersionToReproduce version = make_version();
    write("train.sh", "echo no licence; exit 3\n");
    const Reproduction failed = again(version);
    EXPECT_FALSE(failed.reproduced());
    EXPECT_CONTAINS(to_report(failed), "it could not be made again");
    EXPECT_CONTAINS(to_report(failed), "no licence");
    std::filesystem::remove(folder / "train.sh");
    EXPECT_FALSE(again(version).reproduced());
  });
}

TEST_F(ReproduceTest, TellsProgramsTheSameAsPeople) {
  add_rows(0, 1000, "a");
  const VersionToReproduce version = make_version();
  const boost::json::object same = boost::json::parse(to_json(again(version))).as_object();
  EXPECT_TRUE(same.at("reproduced").as_bool());
  EXPECT_TRUE(same.at("data").as_object().at("same_at_source").as_bool());
  EXPECT_EQ(same.at("data").as_object().at("used").as_string(), "source");
  EXPECT_EQ(same.at("files").as_array().size(), 2u);
  EXPECT_EQ(same.at("compared_by").as_string(), "bytes");
  EXPECT_TRUE(same.at("fault").is_null());
  database.exec("DELETE FROM events WHERE ts = '2026-01-03 12:00+00'");
  const boost::json::object other = boost::json::parse(to_json(again(version))).as_object();
  EXPECT_FALSE(other.at("reproduced").as_bool());
  EXPECT_FALSE(other.at("data").as_object().at("same_at_source").as_bool());
  EXPECT_EQ(other.at("data").as_object().at("used").as_string(), "none");
  EXPECT_EQ(other.at("data").as_object().at("changes").as_array().size(), 1u);
  EXPECT_TRUE(other.at("artifact").as_object().at("now_sha256").is_null());
}

}  // namespace
}  // namespace retraind::pipeline
