#include "core/release/directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/file.h>
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

data::Preparation small_preparation() {
  data::Table table;
  table.rows = 4;
  table.event_times = {1, 2, 3, 4};
  table.label = {"y", {0, 1, 0, 1}, {"no", "yes"}};
  table.features.push_back({"price", "real", data::ValueType::number, data::NumberColumn{{1, 2, 3, 4}}});
  std::vector<std::string> warnings;
  return data::Preparation::fit(table, 0, 4, settings::Model{}, warnings);
}

std::string artifact_of(std::map<std::string, std::string> model_files) {
  return train::pack({R"({"task": "binary"})", small_preparation(), std::move(model_files)});
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Everything below a folder, by name.
std::set<std::string> listing(const fs::path& folder) {
  std::set<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    out.insert(entry.path().lexically_relative(folder).string());
  }
  return out;
}

class Directory : public ::testing::Test {
 protected:
  Directory() {
    std::string pattern = (fs::temp_directory_path() / "retraind-export-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    directory = folder / "power";
  }
  ~Directory() override { fs::remove_all(folder); }

  static Announcement announcement(int version, const std::string& artifact) {
    Announcement out;
    out.id = ReleaseId{version + 100};
    out.model = "power";
    out.version = version;
    out.run = RunId{7};
    out.promoted_at = TimePoint{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}};
    out.artifact_sha256 = to_hex(sha256(artifact));
    return out;
  }
  std::string put(const Announcement& what, const std::string& artifact) {
    return export_version(directory, what, artifact, {}, [] {});
  }
  std::string put(int version, const std::string& artifact) { return put(announcement(version, artifact), artifact); }
  // What went wrong, with its hint; empty when nothing did.
  std::string failure(
      const Announcement& what, const std::string& artifact, std::stop_token stop = {},
      const std::function<void()>& before_switch = [] {}) {
    try {
      export_version(directory, what, artifact, std::move(stop), before_switch);
    } catch (const Error& error) {
      return error.message_with_hint();
    }
    return {};
  }
  std::string failure(int version, const std::string& artifact) {
    return failure(announcement(version, artifact), artifact);
  }
  std::string current() { return fs::read_symlink(directory / "current").string(); }

  fs::path folder;
  fs::path directory;
  const std::string one = artifact_of({{"model.ubj", "first"}, {"notes/a.txt", ""}});
  const std::string two = artifact_of({{"model.ubj", "second"}});
};

TEST_F(Directory, HoldsAVersionWithItsReleaseFileAndTheLink) {
  EXPECT_EQ(put(1, one).rfind("v1 written (5 files, ", 0), 0U);
  EXPECT_EQ(current(), "v1");
  const fs::path at = directory / "current";
  EXPECT_EQ(read(at / "manifest.json"), R"({"task": "binary"})");
  EXPECT_EQ(read(at / "preparation.json"), small_preparation().to_json());
  EXPECT_EQ(read(at / "model/model.ubj"), "first");
  EXPECT_EQ(read(at / "model/notes/a.txt"), "");
  const auto release = boost::json::parse(read(at / "release.json"));
  EXPECT_EQ(release.at("model").as_string(), "power");
  EXPECT_EQ(release.at("version").as_int64(), 1);
  EXPECT_EQ(release.at("kind").as_string(), "promotion");
  EXPECT_EQ(release.at("promoted_at").as_string(), "2026-11-23T00:00:00Z");
  EXPECT_EQ(release.at("run_id").as_int64(), 7);
  EXPECT_EQ(release.at("artifact_sha256").as_string(), to_hex(sha256(one)));
  const auto& files = release.at("files").as_object();
  EXPECT_EQ(files.size(), 4U);
  for (const auto& file : files) {
    EXPECT_EQ(std::string(file.value().as_string()), to_hex(sha256_of_file(at / std::string(file.key()))))
        << file.key();
  }
  EXPECT_EQ(listing(directory).size(), 10U);  // lock, link, v1 and seven below
}

TEST_F(Directory, KeepsOldVersionsAndGoesBackToThem) {
  put(1, one);
  put(2, two);
  EXPECT_EQ(current(), "v2");
  Announcement back = announcement(1, one);
  back.id = ReleaseId{103};
  back.kind = PromotionKind::rollback;
  back.previous_version = 2;
  struct stat before {};
  ASSERT_EQ(::stat((directory / "v1/model/model.ubj").c_str(), &before), 0);
  EXPECT_EQ(put(back, one).rfind("v1 was there, its bytes were checked", 0), 0U);
  EXPECT_EQ(current(), "v1");
  EXPECT_EQ(boost::json::parse(read(directory / "v1/release.json")).at("kind").as_string(), "rollback");
  EXPECT_EQ(read(directory / "v2/model/model.ubj"), "second");
  struct stat after {};
  ASSERT_EQ(::stat((directory / "v1/model/model.ubj").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);  // not written again
}

TEST_F(Directory, IsTheSameAfterASecondDelivery) {
  put(1, one);
  const auto before = listing(directory);
  const std::string release_file = read(directory / "v1/release.json");
  EXPECT_EQ(put(1, one).rfind("v1 was there", 0), 0U);
  EXPECT_EQ(listing(directory), before);
  EXPECT_EQ(read(directory / "v1/release.json"), release_file);
}

TEST_F(Directory, WritesAVersionAnewWhateverIsWrongWithIt) {
  const auto spoil = [&](const std::function<void(const fs::path&)>& how, const std::string& complaint) {
    how(directory / "v1");
    const std::string said = put(1, one);
    EXPECT_NE(said.find("v1 differed (" + complaint), std::string::npos) << said;
    EXPECT_EQ(put(1, one).rfind("v1 was there", 0), 0U);
    EXPECT_EQ(read(directory / "v1/model/model.ubj"), "first");
    EXPECT_EQ(listing(directory).size(), 10U);
  };
  put(1, one);
  spoil([](const fs::path& v1) { write(v1 / "model/model.ubj", "fjrst"); }, "model/model.ubj holds other bytes");
  spoil([](const fs::path& v1) { write(v1 / "model/model.ubj", "firstly"); }, "model/model.ubj has 7 bytes");
  spoil([](const fs::path& v1) { fs::remove(v1 / "manifest.json"); }, "manifest.json is missing");
  spoil([](const fs::path& v1) { write(v1 / "model/more", ""); }, "model/more does not belong to it");
  spoil([](const fs::path& v1) { fs::create_directory(v1 / "cache"); }, "it holds a folder");
  spoil([](const fs::path& v1) { fs::create_symlink("/etc/passwd", v1 / "model/link"); }, "model/link is neither");
  spoil([](const fs::path& v1) { ::chmod((v1 / "model/model.ubj").c_str(), 0666); }, "model/model.ubj may be written");
  spoil([](const fs::path& v1) { ::chmod(v1.c_str(), 0777); }, "it may be written by others");
  spoil(
      [this](const fs::path& v1) {
        fs::remove_all(v1 / "model");
        fs::create_directory(folder / "elsewhere");
        write(folder / "elsewhere/model.ubj", "first");
        fs::create_directory_symlink(folder / "elsewhere", v1 / "model");
      },
      "model is neither a file nor a folder");
  EXPECT_EQ(read(folder / "elsewhere/model.ubj"), "first");  // what the link pointed to was left alone
  spoil(
      [](const fs::path& v1) {
        fs::remove_all(v1);
        fs::create_directory(v1);
      },
      "manifest.json is missing");
}

TEST_F(Directory, RestoresALostReleaseFileAlone) {
  put(1, one);
  const std::string release_file = read(directory / "v1/release.json");
  for (const char* damage : {"", "{\"model\": ", "{\"model\": 5}"}) {
    write(directory / "v1/release.json", damage);
    EXPECT_EQ(put(1, one).rfind("v1 was there", 0), 0U);
    EXPECT_EQ(read(directory / "v1/release.json"), release_file);
  }
}

TEST_F(Directory, GoesOnWhereAnInterruptedExportStopped) {
  put(1, one);
  fs::create_directories(directory / ".v2.new/model/deep");
  write(directory / ".v2.new/model/model.ubj", "sec");
  fs::create_symlink("v2", directory / ".current.new");
  EXPECT_EQ(put(2, two).rfind("v2 written", 0), 0U);
  EXPECT_EQ(current(), "v2");
  EXPECT_FALSE(fs::exists(directory / ".v2.new"));
  EXPECT_FALSE(fs::is_symlink(directory / ".current.new"));
  // A folder that stands under its name, but whose files never came.
  put(1, one);
  write(directory / "v2/model/model.ubj", "");
  EXPECT_NE(put(2, two).find("v2 differed"), std::string::npos);
  EXPECT_EQ(read(directory / "current/model/model.ubj"), "second");
}

TEST_F(Directory, LeavesCurrentWhenTheLastWordIsNo) {
  put(1, one);
  const std::string said =
      failure(announcement(2, two), two, {}, [] { throw TransientError("another daemon delivers it"); });
  EXPECT_EQ(said, "another daemon delivers it");
  EXPECT_EQ(current(), "v1");
  EXPECT_EQ(read(directory / "v2/model/model.ubj"), "second");
}

TEST_F(Directory, AbandonsAnExportWhenAskedTo) {
  put(1, one);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(failure(announcement(2, two), two, stop.get_token()), "the export was abandoned");
  EXPECT_EQ(current(), "v1");
  EXPECT_FALSE(fs::exists(directory / "v2"));
  EXPECT_FALSE(fs::exists(directory / ".v2.new"));
}

TEST_F(Directory, RefusesAnArtifactThatIsNotTheOnePromoted) {
  EXPECT_NE(failure(announcement(1, one), two).find("was promoted"), std::string::npos);
  EXPECT_FALSE(fs::exists(directory));
}

TEST_F(Directory, RefusesFileNamesThatAreUnsafe) {
  for (const char* name : {"model.ubj", "a/b/c", "\xc3\xa9", "a b", ".hidden", "a..b", "..."}) {
    EXPECT_TRUE(is_safe_name(name)) << name;
  }
  for (const std::string& name : std::vector<std::string>{
           "", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", ".", "./a", "a/./b", "a//b", "a/", "a\nb", "a\tb",
           "a\x1b[2Jb", "a\x7f", "a\\b", std::string("a\0b", 3), std::string(256, 'a')}) {
    EXPECT_FALSE(is_safe_name(name)) << name;
  }
  // An artifact may hold a tab in a name; a disk does not get it.
  const std::string hostile = artifact_of({{"model\tubj", "x"}});
  EXPECT_NE(failure(1, hostile).find("not written to a disk: \"model/model ubj\""), std::string::npos);
  EXPECT_FALSE(fs::exists(directory));
  // And a file that is a folder as well cannot be written at all.
  EXPECT_NE(failure(1, artifact_of({{"a", "x"}, {"a/b", "y"}})), "");
  EXPECT_FALSE(fs::exists(directory / "v1"));
  EXPECT_FALSE(fs::exists(directory / ".v1.new"));
}

TEST_F(Directory, RefusesLinksInTheWay) {
  fs::create_directory(folder / "elsewhere");
  fs::create_directory_symlink(folder / "elsewhere", directory);
  EXPECT_NE(failure(1, one).find("is no folder but a link"), std::string::npos);
  directory = (folder / "power/").string();  // with a slash, too
  EXPECT_NE(failure(1, one).find("is no folder but a link"), std::string::npos);
  directory = folder / "power/.";
  EXPECT_NE(failure(1, one).find("is no folder but a link"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(folder / "elsewhere"));
  directory = folder / "power";
  fs::remove(directory);

  put(1, one);
  fs::create_directory_symlink(folder / "elsewhere", directory / "v2");
  EXPECT_NE(failure(2, two).find("v2 is in the way: it is a link or a file"), std::string::npos);
  fs::remove(directory / "v2");
  fs::create_directory_symlink(folder / "elsewhere", directory / ".v2.new");
  EXPECT_EQ(failure(2, two), "");  // a leftover is removed, not followed
  EXPECT_TRUE(fs::is_empty(folder / "elsewhere"));
  EXPECT_EQ(current(), "v2");

  fs::remove(directory / ".retraind.lock");
  fs::create_symlink(folder / "elsewhere/lock", directory / ".retraind.lock");
  EXPECT_NE(failure(1, one), "");
  EXPECT_TRUE(fs::is_empty(folder / "elsewhere"));
}

TEST_F(Directory, RefusesToReplaceACurrentThatIsNoLink) {
  put(1, one);
  fs::remove(directory / "current");
  fs::create_directory(directory / "current");
  EXPECT_NE(failure(2, two).find("current is in the way: it is no link"), std::string::npos);
  EXPECT_FALSE(fs::exists(directory / "v2"));
}

TEST_F(Directory, RefusesAFolderThatOthersMayWrite) {
  fs::create_directory(directory);
  ASSERT_EQ(::chmod(directory.c_str(), 0775), 0);
  EXPECT_NE(failure(1, one).find("may be written by others: its mode is 0775"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(directory));
  ASSERT_EQ(::chmod(directory.c_str(), 01777), 0);
  EXPECT_EQ(failure(1, one), "");
}

TEST_F(Directory, RefusesToMixTwoModels) {
  put(1, one);
  Announcement other = announcement(2, two);
  other.model = "demand";
  EXPECT_NE(failure(other, two).find("holds versions of the model \"power\" already"), std::string::npos);
  EXPECT_EQ(current(), "v1");
}

TEST_F(Directory, SaysThatTheFolderAboveIsMissing) {
  directory = folder / "a/b";
  EXPECT_NE(failure(1, one).find("is not there"), std::string::npos);
}

TEST_F(Directory, WaitsForAnotherExport) {
  put(1, one);
  const int lock = ::open((directory / ".retraind.lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  EXPECT_NE(failure(2, two).find("another process exports"), std::string::npos);
  ::close(lock);
  EXPECT_EQ(failure(2, two), "");
}

TEST_F(Directory, LeavesEverythingAsItWasWhenTheDiskIsFull) {
  fs::create_directory(directory);
  if (::mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=128k,mode=755") != 0) {
    GTEST_SKIP() << "only root may mount a small disk";
  }
  put(1, one);
  const auto before = listing(directory);
  const std::string large = artifact_of({{"model.ubj", std::string(200000, 'x')}});
  const std::string said = failure(2, large);
  EXPECT_NE(said.find("No space left on device (make room"), std::string::npos) << said;
  EXPECT_EQ(listing(directory), before);  // what was half written is gone again
  EXPECT_EQ(current(), "v1");
  EXPECT_EQ(read(directory / "current/model/model.ubj"), "first");
  // A version that is damaged and cannot be written anew stays as it is.
  put(2, two);
  put(1, one);
  write(directory / "v2/model/model.ubj", "sec0nd");
  write(directory / "filler", std::string(60000, 'x'));
  write(directory / "filler2", std::string(60000, 'x'));
  EXPECT_NE(failure(2, two), "");
  EXPECT_EQ(current(), "v1");
  fs::remove(directory / "filler");
  EXPECT_EQ(failure(2, two), "");
  EXPECT_EQ(read(directory / "current/model/model.ubj"), "second");
  ::umount(directory.c_str());
}

}  // namespace
}  // namespace retraind::release
