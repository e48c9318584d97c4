#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/train/artifact.h"
#include "core/train/command_trainer.h"
#include "core/train/left_files.h"
#include "tests/unit/train/scratch.h"
#include "tests/unit/train/synthetic.h"

namespace retraind::train {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr const char* kGoodTrain = "mkdir model && cp job.json train.csv model/";
constexpr const char* kGoodPredict =
    "{ echo prediction; tail -n +2 features.csv | sed 's/.*/0.5/'; } > predictions.csv";

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    problem.job.class_labels = {"no", "yes"};
    problem.job.folder = scratch.work();
    problem.job.timeout = std::chrono::seconds(60);
    use(kGoodTrain, kGoodPredict);
  }

  void use(const std::string& train, const std::string& predict) {
    command.train = {scratch.script("train.sh", train)};
    command.predict = {scratch.script("predict.sh", predict)};
  }
  std::map<std::string, std::string> train() const {
    return CommandTrainer(command).train(problem.set, problem.job)->files();
  }
  std::vector<double> predict() const {
    return CommandTrainer(command).load({{"m", "model"}}, problem.job)->predict(problem.set.features);
  }
  // What is said of programs that do such things, without the folder of the test. Nothing of them may be left.
  template <class Step>
  std::string complaint(Step step) const {
    std::string said = "nothing";
    try {
      step();
    } catch (const DataError& error) {
      said = error.what();
    }
    for (auto at = said.find(scratch.path()); at != std::string::npos; at = said.find(scratch.path())) {
      said.erase(at, scratch.path().string().size() + 1);
    }
    EXPECT_TRUE(scratch.nothing_is_left());
    return said;
  }
  std::string train_complaint(const std::string& body) {
    use(body, kGoodPredict);
    return complaint([this] { train(); });
  }
  std::string predict_complaint(const std::string& body) {
    use(kGoodTrain, body);
    return complaint([this] { predict(); });
  }

  Scratch scratch;
  Problem problem = make_problem(Task::binary, 20);
  settings::Command command;
};

TEST_F(CommandTest, HandsOverTheJobAndTheRows) {
  problem.job.params = {{"depth", std::int64_t{3}}, {"eta", 0.1}, {"fast", true}, {"kind", std::string("a\"b")}};
  problem.job.rounds = 7;
  problem.job.seed = 42;
  problem.job.label = "up";
  problem.set.weights.assign(20, 1.5F);
  const auto files = train();
  const json::value job = json::parse(files.at("job.json"));
  json::value wanted = json::parse(R"({"format": 1, "step": "train", "task": "binary", "label": "up",
      "classes": ["no", "yes"], "weight": "weight", "params": {"depth": 3, "fast": true, "kind": "a\"b", "eta": 0.1},
      "rounds": 7, "seed": 42, "threads": 1, "rows": 20, "previous_model": null,
      "paths": {"rows": "train.csv", "model": "model"},
      "columns": [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}, {"name": "c", "type": "number"},
                  {"name": "shop", "type": "category"}]})");
  json::array levels;
  for (const std::string& level : problem.job.features[3].levels) levels.emplace_back(level);
  wanted.at("columns").at(3).as_object()["levels"] = levels;
  EXPECT_EQ(job, wanted);
  EXPECT_NE(files.at("job.json").find("\"eta\":0.1,"), std::string::npos);
  const std::string& rows = files.at("train.csv");
  EXPECT_EQ(rows.find("a,b,c,shop,up,weight\n"), 0u);
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 21);
}

TEST_F(CommandTest, HandsOverFeaturesAndTheModelAndNoLabel) {
  use(kGoodTrain, std::string("test \"$(cat model/deep/er/m)\" = bytes || exit 9\n"
                              "head -n 1 features.csv; tr , '\\n' < job.json | grep -e step -e seed -e label\n") +
                      kGoodPredict + "; exit 3");
  const auto model = CommandTrainer(command).load({{"deep/er/m", "bytes"}}, problem.job);
  const std::string said = complaint([&] { model->predict(problem.set.features); });
  EXPECT_EQ(said,
            "the command predict.sh ended with exit code 3; it printed last: a,b,c,shop | \"label\":\"label\" | "
            "\"step\":\"predict\"");
}

TEST_F(CommandTest, HandsOverAPreviousModel) {
  use("mkdir model; tr , '\\n' < job.json | grep previous > model/said; cp -r previous_model/. model/", kGoodPredict);
  problem.job.previous = {{"a/b", "one"}, {"c", "two"}};
  const auto files = train();
  EXPECT_EQ(files.at("a/b"), "one");
  EXPECT_EQ(files.at("c"), "two");
  EXPECT_NE(files.at("said").find("\"previous_model\":\"previous_model\""), std::string::npos);
}

TEST_F(CommandTest, KeepsWhatIsInTheModelFolderByName) {
  use("mkdir -p model/a/b model/empty; printf x > model/a/b/c; : > model/nothing; printf é > 'model/modèle 1.rds'; "
      "ln model/a/b/c model/hard",
      kGoodPredict);
  const std::map<std::string, std::string> wanted{
      {"a/b/c", "x"}, {"nothing", ""}, {"modèle 1.rds", "é"}, {"hard", "x"}};
  EXPECT_EQ(train(), wanted);
  EXPECT_TRUE(scratch.nothing_is_left());
}

TEST_F(CommandTest, RunsInAFolderThatNobodyElseCanRead) {
  use("mkdir model; stat -c %a . job.json train.csv > model/modes; pwd > model/folder", kGoodPredict);
  const auto files = train();
  EXPECT_EQ(files.at("modes"), "700\n600\n600\n");
  EXPECT_EQ(fs::path(files.at("folder").substr(0, files.at("folder").size() - 1)).parent_path(),
            fs::canonical(scratch.work()));
  EXPECT_TRUE(scratch.nothing_is_left());
}

TEST_F(CommandTest, HasTheEnvironmentThatIsDocumentedAndNoOther) {
  ::setenv("RT_TEST_PASSED", "passed on", 1);
  ::setenv("RT_TEST_SECRET", "not passed on", 1);
  command.environment = {{"MODE", "full"}, {"LANG", "C"}};
  command.pass_environment = {"RT_TEST_PASSED"};
  const auto keep = command;
  use("mkdir model; test \"$HOME\" = \"$TMPDIR\" && test \"$HOME\" = \"$(pwd)\" || exit 5\n"
      "/usr/bin/env | grep -v -e ^HOME= -e ^TMPDIR= -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | LC_ALL=C sort > model/env",
      kGoodPredict);
  EXPECT_EQ(train().at("env"), "LANG=C\nMODE=full\nPATH=/usr/bin:/bin\nRT_TEST_PASSED=passed on\n");
  ::unsetenv("RT_TEST_SECRET");
  ::unsetenv("RT_TEST_PASSED");
  EXPECT_EQ(complaint([this] { train(); }),
            "the environment variable RT_TEST_PASSED of training.pass_environment is not set");
}

TEST_F(CommandTest, PassesOnWhatItPrints) {
  use(std::string("echo progress 1/3; echo a line >&2; echo 'warning: odd rows'; echo progress 4/3; echo progress 3; "
                  "echo 'progress 3/3'; echo progress -1/3; echo warnings; ") +
          kGoodTrain,
      kGoodPredict);
  std::vector<std::string> progress;
  std::vector<std::string> warnings;
  std::size_t lines = 0;
  problem.job.on_progress = [&](const Progress& p) {
    progress.push_back(std::to_string(p.done) + "/" + std::to_string(p.total));
  };
  problem.job.on_warning = [&](std::string_view line) { warnings.emplace_back(line); };
  problem.job.on_output = [&](std::string_view) { ++lines; };
  train();
  EXPECT_EQ(progress, (std::vector<std::string>{"1/3", "3/3"}));
  EXPECT_EQ(warnings, (std::vector<std::string>{"odd rows"}));
  EXPECT_EQ(lines, 8u);
}

TEST_F(CommandTest, WarnsOfProcessesThatItLeavesBehind) {
  use(std::string("sleep 1000 & ") + kGoodTrain, kGoodPredict);
  std::vector<std::string> warnings;
  problem.job.on_warning = [&](std::string_view line) { warnings.emplace_back(line); };
  train();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("ended and left 1 process running, killed since"), std::string::npos) << warnings[0];
}

TEST_F(CommandTest, SaysHowATrainingEnded) {
  EXPECT_EQ(train_complaint("echo first; echo second >&2; exit 3"),
            "the command train.sh ended with exit code 3; it printed last: first | second");
  EXPECT_EQ(train_complaint("exit 1"), "the command train.sh ended with exit code 1; it printed nothing");
  EXPECT_EQ(train_complaint("for i in 1 2 3 4 5 6 7; do echo line $i; echo; done; exit 1"),
            "the command train.sh ended with exit code 1; it printed last: line 3 | line 4 | line 5 | line 6 | line 7");
  EXPECT_EQ(train_complaint("echo \"${NEEDED?is not set}\"")
                .find("the command train.sh ended with exit code 2; it "
                      "printed last: "),
            0u);
  EXPECT_EQ(train_complaint("kill -SEGV $$").find("the command train.sh was ended by signal"), 0u)
      << train_complaint("kill -SEGV $$");
}

TEST_F(CommandTest, StopsATrainingThatTakesTooLong) {
  problem.job.timeout = std::chrono::milliseconds(200);
  const std::string said = train_complaint("sleep 1000");
  EXPECT_EQ(said.find("the command train.sh was stopped: it ran longer than 200ms"), 0u) << said;
}

TEST_F(CommandTest, RefusesAModelThatIsNotThere) {
  EXPECT_EQ(train_complaint("echo done"), "the command train.sh left no folder model/; it printed last: done");
  EXPECT_EQ(train_complaint("mkdir -p model/deep"),
            "the command train.sh left an empty folder model/; it printed nothing");
  EXPECT_EQ(train_complaint("echo x > model"),
            "the command train.sh left model, which is a plain file and not a folder; it printed nothing");
  EXPECT_EQ(train_complaint("mkdir other; echo x > other/m; ln -s other model"),
            "the command train.sh left model, which is a symbolic link and not a folder; it printed nothing");
}

TEST_F(CommandTest, RefusesWhatNoArtifactHolds) {
  EXPECT_EQ(train_complaint("mkdir model; ln -s /etc model/etc"),
            "the command train.sh left model/etc, which is a symbolic link; it printed nothing");
  EXPECT_EQ(train_complaint("mkdir model; ln -s /etc/passwd model/m"),
            "the command train.sh left model/m, which is a symbolic link; it printed nothing");
  EXPECT_EQ(train_complaint("mkdir -p model/a; mkfifo model/a/pipe"),
            "the command train.sh left model/a/pipe, which is a named pipe; it printed nothing");
  EXPECT_EQ(train_complaint("mkdir model; echo x > \"model/a\nb\""),
            "the command train.sh left model/a?b, whose name cannot be kept; it printed nothing");
  EXPECT_EQ(train_complaint("mkdir model; echo x > \"model/a..b\""),
            "the command train.sh left model/a..b, whose name cannot be kept; it printed nothing");
  EXPECT_EQ(train_complaint("mkdir model; echo x > \"model/$(printf '\\377')\""),
            "the command train.sh left model/?, whose name cannot be kept; it printed nothing");
  EXPECT_EQ(train_complaint("mkdir model; echo x > model/$(printf '%091d' 1)"),
            "the command train.sh left model/" + std::string(90, '0') +
                "1, whose name cannot be kept; it printed "
                "nothing");
  EXPECT_EQ(train_complaint("mkdir model; truncate -s 2G model/big"),
            "the command train.sh left more than 1 GiB in model/; it printed nothing");
  EXPECT_EQ(train_complaint("mkdir model; cd model; seq 10001 | xargs touch"),
            "the command train.sh left more than 10000 files and folders in model/; it printed nothing");
}

TEST_F(CommandTest, RefusesADeviceAndASocket) {
  fs::create_directory(scratch.work() / "model");
  if (::mknod((scratch.work() / "model" / "null").c_str(), S_IFCHR | 0600, 0x103) == 0) {
    EXPECT_THROW(read_model_folder(scratch.work(), "it"), DataError);
  }
  fs::remove_all(scratch.work() / "model");
  fs::create_directory(scratch.work() / "model");
  ASSERT_EQ(::mknod((scratch.work() / "model" / "socket").c_str(), S_IFSOCK | 0600, 0), 0);
  try {
    read_model_folder(scratch.work(), "it");
    ADD_FAILURE();
  } catch (const DataError& error) {
    EXPECT_STREQ(error.what(), "it left model/socket, which is a socket");
  }
}

TEST_F(CommandTest, RemovesAFolderWhateverWasMadeOfIt) {
  EXPECT_EQ(train_complaint("mkdir -p a/b; touch a/b/c; chmod 0 a/b a; chmod 0 .; exit 1").find("the command"), 0u);
  // Deeper than a path or the open files of a process can be.
  EXPECT_EQ(train_complaint("i=0; while [ $i -lt 3000 ]; do mkdir d; touch f; cd -P d; i=$((i+1)); done; exit 1")
                .find("the command"),
            0u);
}

TEST_F(CommandTest, RefusesPredictionsThatCannotBeTrue) {
  EXPECT_EQ(predict_complaint("echo nothing"),
            "the command predict.sh left no predictions.csv; it printed last: nothing");
  EXPECT_EQ(predict_complaint("ln -s /etc/passwd predictions.csv"),
            "the command predict.sh left predictions.csv, which is a symbolic link; it printed nothing");
  EXPECT_EQ(predict_complaint("mkfifo predictions.csv"),
            "the command predict.sh left predictions.csv, which is a named pipe; it printed nothing");
  EXPECT_EQ(predict_complaint("{ echo prediction; echo 0.5; } > predictions.csv"),
            "the command predict.sh: predictions.csv has 1 rows, and there were 20 to predict; it printed nothing");
  EXPECT_EQ(predict_complaint("{ echo prediction; yes nan | head -n 20; } > predictions.csv"),
            "the command predict.sh: row 1 of predictions.csv says \"nan\", which is not finite; it printed nothing");
  EXPECT_EQ(predict_complaint("{ echo prediction; yes 1.2 | head -n 20; } > predictions.csv"),
            "the command predict.sh: row 1 of predictions.csv says \"1.2\", and a probability is between 0 and 1; it "
            "printed nothing");
  EXPECT_EQ(predict_complaint("truncate -s 3M predictions.csv"),
            "the command predict.sh left predictions.csv, which has 3 MiB; more than 1 MiB cannot be needed; it "
            "printed nothing");
  EXPECT_EQ(predict_complaint("exit 4"), "the command predict.sh ended with exit code 4; it printed nothing");
}

TEST_F(CommandTest, RefusesRowsThatDoNotFitItsFolder) {
  command.disk_limit_bytes = 100;
  EXPECT_NE(complaint([this] { train(); }).find("more than training.disk_limit = 100 B"), std::string::npos);
}

TEST_F(CommandTest, RefusesProgramsWithoutAnAbsolutePath) {
  settings::Command none;
  EXPECT_THROW(CommandTrainer{none}, ConfigError);
  command.predict = {"predict.sh"};
  EXPECT_THROW(CommandTrainer{command}, ConfigError);
  EXPECT_THROW(make_trainer("command"), ConfigError);
}

TEST_F(CommandTest, SaysWhenAProgramIsNotThere) {
  command.train = {(scratch.path() / "missing").string()};
  EXPECT_THROW(train(), DataError);
  EXPECT_TRUE(scratch.nothing_is_left());
}

TEST_F(CommandTest, KnowsTheFilesThatItsResultsDependOn) {
  const std::string library = scratch.script("library.sh", "# 1");
  command.train = {"/bin/sh", command.train[0], "--fast", "/not/there"};
  command.files = {library};
  const auto files = CommandTrainer(command).program_files();
  std::vector<std::string> names;
  for (const auto& [name, digest] : files) {
    names.push_back(name);
    EXPECT_EQ(digest, to_hex(sha256_of_file(name)));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"/bin/sh", library, command.predict[0], command.train[1]}));

  const std::string version = CommandTrainer(command).version();
  EXPECT_EQ(version.size(), std::string("command ").size() + 12);
  scratch.script("library.sh", "# 2");
  const std::string changed = CommandTrainer(command).version();
  EXPECT_NE(changed, version);
  command.train[2] = "--slow";
  EXPECT_NE(CommandTrainer(command).version(), changed);
  fs::remove(library);
  EXPECT_THROW(CommandTrainer(command).program_files(), DataError);
}

TEST_F(CommandTest, StandsInAManifestAsItWas) {
  command.environment = {{"MODE", "full\n\"é\""}};
  command.pass_environment = {"TOKEN"};
  command.files = {"/opt/x/library.py"};
  command.log_limit_bytes = 5000;
  command.disk_limit_bytes = 6000;
  command.max_processes = 7;
  const settings::Command read = command_from_json(to_json(command));
  EXPECT_EQ(read.train, command.train);
  EXPECT_EQ(read.predict, command.predict);
  EXPECT_EQ(read.environment, command.environment);
  EXPECT_EQ(read.pass_environment, command.pass_environment);
  EXPECT_EQ(read.files, command.files);
  EXPECT_EQ(read.log_limit_bytes, 5000u);
  EXPECT_EQ(read.disk_limit_bytes, 6000u);
  EXPECT_EQ(read.max_processes, 7);
  for (const char* bad : {"", "{}", "[]", "{\"train\":[\"/a\"]}", "{\"train\":[\"/a\"],\"predict\":[\"/b\"],\"x\":1}",
                          "{\"train\":\"/a\",\"predict\":[\"/b\"]}"}) {
    EXPECT_THROW(command_from_json(bad), DataError) << bad;
  }
}

TEST_F(CommandTest, TrainsAndPredictsWithTheExampleInShell) {
  command.train = {(examples() / "trainer_shell" / "train.sh").string()};
  command.predict = {(examples() / "trainer_shell" / "predict.sh").string()};
  problem = make_problem(Task::binary, 2000);
  problem.job.class_labels = {"no", "yes"};
  problem.job.folder = scratch.work();
  problem.job.params = {{"by", std::string("shop")}};
  problem.set.weights.assign(2000, 2.0F);
  const auto model = CommandTrainer(command).train(problem.set, problem.job);
  // Odd levels raise the score, so that they are of the second class more often.
  data::Matrix rows{21, 4, std::vector<float>(84, kMissing)};
  for (std::size_t level = 0; level < 20; ++level) rows.values[4 * level + 3] = static_cast<float>(level);
  const std::vector<double> said = model->predict(rows);
  for (std::size_t level = 0; level < 20; level += 2) EXPECT_LT(said[level], said[20]) << level;
  for (std::size_t level = 1; level < 20; level += 2) EXPECT_GT(said[level], said[20]) << level;
  const double share =
      static_cast<double>(std::count(problem.set.labels.begin(), problem.set.labels.end(), 1.0F)) / 2000;
  EXPECT_NEAR(said[20], share, 1e-12);

  problem.job.params = {};
  EXPECT_NE(complaint([&] {
              CommandTrainer(command).train(problem.set, problem.job);
            }).find("it printed last: set params = { by = \"COLUMN\" }"),
            std::string::npos);
}

}  // namespace
}  // namespace retraind::train
