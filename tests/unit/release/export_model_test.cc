#include "core/release/export_model.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/train/artifact.h"

namespace retraind::release {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

data::Preparation small_preparation() {
  data::Table table;
  table.rows = 4;
  table.event_times = {1, 2, 3, 4};
  table.label = {"y", {0, 1, 0, 1}, {"no", "yes"}};
  table.features.push_back({"price", "real", data::ValueType::number, data::NumberColumn{{1, 2, 3, 4}}});
  std::vector<std::string> warnings;
  return data::Preparation::fit(table, 0, 4, settings::Model{}, warnings);
}

std::string artifact_of(const std::string& manifest, std::map<std::string, std::string> model_files) {
  return train::pack({manifest, small_preparation(), std::move(model_files)});
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Everything below a folder, by name.
std::set<std::string> listing(const fs::path& folder) {
  std::set<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    out.insert(entry.path().lexically_relative(folder).string());
  }
  return out;
}

class Export : public ::testing::Test {
 protected:
  Export() {
    std::string pattern = (fs::temp_directory_path() / "retraind-export-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    wanted.model = "power";
    wanted.version = 3;
    wanted.lineage = R"({"rows":4})";
    take(artifact_of(R"({"task":"binary","trainer":"xgboost","trainer_version":"xgboost 1.7.4"})",
                     {{"model.ubj", std::string("bytes\0of it", 11)}}));
  }
  ~Export() override { fs::remove_all(folder); }

  void take(std::string artifact) {
    bytes = std::move(artifact);
    wanted.artifact = bytes;
    wanted.artifact_sha256 = to_hex(sha256(bytes));
  }
  // What went wrong, with its hint; empty when nothing did.
  std::string failure(const fs::path& directory, std::stop_token stop = {}) {
    try {
      export_model(directory, wanted, std::move(stop));
    } catch (const Error& error) {
      return error.message_with_hint();
    }
    return {};
  }

  fs::path folder;
  std::string bytes;
  ModelToExport wanted;
};

TEST_F(Export, WritesTheModelItsPreparationItsLineageAndANote) {
  const std::string said = export_model(folder / "out", wanted);
  EXPECT_EQ(listing(folder), (std::set<std::string>{"out", "out/README.txt", "out/lineage.json", "out/manifest.json",
                                                    "out/model", "out/model/model.ubj", "out/preparation.json"}));
  EXPECT_CONTAINS(said, "5 files");
  EXPECT_EQ(read(folder / "out/model/model.ubj"), std::string("bytes\0of it", 11));
  EXPECT_EQ(read(folder / "out/preparation.json"), small_preparation().to_json());
  EXPECT_EQ(read(folder / "out/lineage.json"), "{\"rows\":4}\n");
  struct stat about {};
  ASSERT_EQ(::stat((folder / "out").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0755U) << "others may read it";
}

TEST_F(Export, NamesEveryFileWithItsSha256InTheManifest) {
  export_model(folder / "out", wanted);
  const json::object manifest = json::parse(read(folder / "out/manifest.json")).as_object();
  EXPECT_EQ(manifest.at("model").as_string(), "power");
  EXPECT_EQ(manifest.at("version").as_int64(), 3);
  EXPECT_EQ(manifest.at("artifact_sha256").as_string(), wanted.artifact_sha256);
  EXPECT_EQ(manifest.at("trainer_version").as_string(), "xgboost 1.7.4") << "what the artifact said stays";
  std::set<std::string> named;
  for (const auto& [name, sha256] : manifest.at("files").as_object()) {
    named.insert(std::string(name));
    EXPECT_EQ(sha256.as_string(), to_hex(retraind::sha256(read(folder / "out" / std::string(name))))) << name;
  }
  EXPECT_EQ(named, (std::set<std::string>{"README.txt", "lineage.json", "model/model.ubj", "preparation.json"}));
}

TEST_F(Export, TellsHowToLoadTheModelInPython) {
  export_model(folder / "out", wanted);
  const std::string note = read(folder / "out/README.txt");
  EXPECT_CONTAINS(note, "power version 3, made by xgboost 1.7.4");
  EXPECT_CONTAINS(note, "xgboost.Booster(model_file=\"model/model.ubj\")");
  EXPECT_CONTAINS(note, "probability of the second of preparation[\"classes\"]");
}

TEST_F(Export, TellsThatACommandsModelIsForTheCommand) {
  take(artifact_of(R"({"task":"binary","trainer":"command","trainer_version":"command 1f0c99d2a4b7"})",
                   {{"weights.txt", "1"}, {"trees/0.txt", "2"}}));
  export_model(folder / "out", wanted);
  EXPECT_EQ(read(folder / "out/model/trees/0.txt"), "2");
  const std::string note = read(folder / "out/README.txt");
  EXPECT_CONTAINS(note, "features.csv");
  EXPECT_EQ(note.find("xgboost"), std::string::npos) << note;
}

TEST_F(Export, FillsAFolderThatIsThereAndEmpty) {
  fs::create_directory(folder / "out");
  export_model((folder / "out/").string(), wanted);
  EXPECT_TRUE(fs::exists(folder / "out/manifest.json"));
}

TEST_F(Export, TakesAPathFromWhereOneStands) {
  const fs::path before = fs::current_path();
  fs::current_path(folder);
  const std::string said = failure("out");
  fs::current_path(before);
  EXPECT_EQ(said, "");
  EXPECT_TRUE(fs::exists(folder / "out/manifest.json"));
}

TEST_F(Export, LeavesAFolderThatHoldsSomethingAsItWas) {
  fs::create_directory(folder / "out");
  std::ofstream(folder / "out/notes.txt") << "mine";
  const std::string said = failure(folder / "out");
  EXPECT_CONTAINS(said, "is not empty: it holds notes.txt");
  EXPECT_EQ(listing(folder), (std::set<std::string>{"out", "out/notes.txt"}));
  EXPECT_EQ(read(folder / "out/notes.txt"), "mine");
}

TEST_F(Export, ExportsNothingTwice) {
  export_model(folder / "out", wanted);
  EXPECT_CONTAINS(failure(folder / "out"), "is not empty: it holds README.txt and 4 more");
}

TEST_F(Export, FollowsNoLinkAndReplacesNoFile) {
  fs::create_directory(folder / "elsewhere");
  fs::create_directory_symlink(folder / "elsewhere", folder / "out");
  EXPECT_CONTAINS(failure(folder / "out"), "is in the way: it is a link or a file");
  EXPECT_TRUE(fs::is_empty(folder / "elsewhere"));
  std::ofstream(folder / "file") << "mine";
  EXPECT_CONTAINS(failure(folder / "file"), "is in the way");
  EXPECT_EQ(read(folder / "file"), "mine");
}

TEST_F(Export, SaysThatThereIsNoFolderToPutItInto) {
  EXPECT_CONTAINS(failure(folder / "not/there"), "the folder that should hold");
  EXPECT_CONTAINS(failure("/"), "is no folder to export to");
  EXPECT_TRUE(fs::is_empty(folder));
}

TEST_F(Export, WritesNothingOfAnArtifactWithOtherBytes) {
  wanted.artifact_sha256 = to_hex(sha256("another"));
  EXPECT_CONTAINS(failure(folder / "out"), "has the sha256");
  EXPECT_TRUE(fs::is_empty(folder));
}

TEST_F(Export, LeavesNothingWhenItIsStopped) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_CONTAINS(failure(folder / "out", stop.get_token()), "was not written");
  EXPECT_TRUE(fs::is_empty(folder));
}

TEST_F(Export, LeavesNothingOnADiskThatIsFull) {
  const fs::path disk = folder / "disk";
  fs::create_directory(disk);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=64k") != 0) GTEST_SKIP() << "a small disk needs root";
  take(artifact_of(R"({"task":"binary","trainer":"xgboost"})", {{"model.ubj", std::string(200000, 'x')}}));
  const std::string said = failure(disk / "out");
  const bool empty = fs::is_empty(disk);
  ::umount(disk.c_str());
  EXPECT_CONTAINS(said, "No space left on device");
  EXPECT_CONTAINS(said, "its disk has room");
  EXPECT_TRUE(empty);
}

}  // namespace
}  // namespace retraind::release
