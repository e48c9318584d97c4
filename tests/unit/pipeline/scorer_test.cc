#include "core/pipeline/scorer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <fstream>

#include "core/base/error.h"
#include "core/train/artifact.h"
#include "core/train/command_trainer.h"

namespace retraind::pipeline {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// A model made by a command whose programs stand in its manifest.
class CommandScorerTest : public ::testing::Test {
 protected:
  CommandScorerTest() {
    std::string name = (fs::temp_directory_path() / "retraind-scorer-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the test");
    folder = name;
    fs::create_directory(folder / "work");
    command.train = {write("train.sh", "exit 1")};
    command.predict = {
        write("predict.sh", "{ echo prediction; tail -n +2 features.csv | sed 's/.*/7/'; } > predictions.csv")};

    table.rows = 3;
    table.event_times = {1, 2, 3};
    table.label = {"y", {1, 2, 3}, {}};
    table.features.push_back({"x", "real", data::ValueType::number, data::NumberColumn{{1, 2, 3}}});
    model.task = Task::regression;
    std::vector<std::string> warnings;
    preparation = data::Preparation::fit(table, 0, 3, model, warnings);
  }
  ~CommandScorerTest() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  std::string write(const std::string& name, const std::string& body) const {
    std::ofstream(folder / name) << "#!/bin/sh\n" << body << "\n";
    fs::permissions(folder / name, fs::perms::owner_all);
    return (folder / name).string();
  }
  std::string artifact(bool with_files) const {
    const train::CommandTrainer trainer(command);
    json::object manifest{{"trainer", "command"}, {"trainer_version", trainer.version()}};
    manifest["command"] = json::parse(train::to_json(command));
    if (with_files) {
      json::object files;
      for (const auto& [path, digest] : trainer.program_files()) files[path] = digest;
      manifest["program_files"] = files;
    }
    return train::pack({json::serialize(manifest), preparation, {{"m", "model"}}});
  }
  static std::string train_digest(const std::string& bytes) {
    const json::value manifest = json::parse(train::unpack(bytes).manifest);
    for (const auto& [path, digest] : manifest.at("program_files").as_object()) {
      if (path.ends_with("train.sh")) return std::string(digest.as_string());
    }
    return "";
  }
  Scorer open(const std::string& bytes) const { return open_artifact(model, bytes, folder / "work"); }

  fs::path folder;
  settings::Command command;
  settings::Model model;
  data::Table table;
  data::Preparation preparation;
};

TEST_F(CommandScorerTest, PredictsByTheProgramsOfTheManifestWhateverIsConfigured) {
  const std::string bytes = artifact(true);
  model.training.trainer = "xgboost";
  model.training.command.train = {"/not/there"};
  model.training.command.predict = {"/not/there"};
  const Scorer scorer = open(bytes);
  EXPECT_EQ(scorer.trainer, "command");
  EXPECT_TRUE(scorer.warnings.empty());
  EXPECT_EQ(scorer.predict(table, 0, 3), (std::vector<double>{7, 7, 7}));
  EXPECT_TRUE(fs::is_empty(folder / "work"));
}

TEST_F(CommandScorerTest, IsHeldToTheLimitsOfToday) {
  const std::string bytes = artifact(true);
  model.training.command = command;
  model.training.command.disk_limit_bytes = 10;
  EXPECT_THROW(open(bytes).predict(table, 0, 3), DataError);
}

TEST_F(CommandScorerTest, WarnsOfProgramsThatHaveChanged) {
  const std::string bytes = artifact(true);
  const std::string digest = train::CommandTrainer(command).program_files().at(command.predict[0]);
  write("predict.sh", "{ echo prediction; tail -n +2 features.csv | sed 's/.*/8/'; } > predictions.csv");
  const std::string now = train::CommandTrainer(command).program_files().at(command.predict[0]);
  fs::remove(command.train[0]);
  const Scorer scorer = open(bytes);
  EXPECT_EQ(scorer.warnings,
            (std::vector<std::string>{
                fmt::format("{} has changed since the version was made (sha256 {:.12} then, {:.12} now): what it "
                            "predicts may differ",
                            command.predict[0], digest, now),
                fmt::format("{} is not there any more, with which the version was made (sha256 {:.12})",
                            command.train[0], train_digest(bytes))}));
  EXPECT_EQ(scorer.predict(table, 0, 3), (std::vector<double>{8, 8, 8}));
}

TEST_F(CommandScorerTest, WarnsAlsoWhereTheManifestNamesNoFiles) {
  const std::string bytes = artifact(false);
  EXPECT_TRUE(open(bytes).warnings.empty());
  write("train.sh", "exit 2");
  ASSERT_EQ(open(bytes).warnings.size(), 1u);
  EXPECT_NE(open(bytes).warnings[0].find("the programs have changed since the version was made (command "),
            std::string::npos);
}

TEST_F(CommandScorerTest, RefusesAManifestWithoutPrograms) {
  for (const char* manifest :
       {R"({"trainer":"command"})", R"({"trainer":"command","command":{}})", R"({})", "[]", R"({"trainer":"another"})",
        R"({"trainer":"command","command":{"train":["a"],"predict":["b"]}})"}) {
    EXPECT_THROW(open(train::pack({manifest, preparation, {{"m", "model"}}})), DataError) << manifest;
  }
}

}  // namespace
}  // namespace retraind::pipeline
