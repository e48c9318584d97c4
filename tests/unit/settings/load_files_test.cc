#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "core/settings/load.h"

namespace retraind::settings {
namespace {

class LoadFiles : public testing::Test {
 protected:
  LoadFiles() {
    std::string pattern = (std::filesystem::temp_directory_path() / "retraind-load-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  ~LoadFiles() override { std::filesystem::remove_all(folder_); }

  void write(const std::filesystem::path& name, std::string_view text) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  std::vector<std::string> complaints(const std::filesystem::path& name = "main.toml") {
    std::vector<std::string> out;
    for (const Complaint& complaint : load(folder_ / name, "host").complaints) {
      out.push_back(complaint.text().substr(folder_.string().size() + 1));
    }
    return out;
  }

  std::filesystem::path folder_;
};

using Lines = std::vector<std::string>;

TEST_F(LoadFiles, SaysThatTheFileIsMissing) {
  EXPECT_EQ(complaints(), Lines{"main.toml: the configuration file cannot be opened: No such file or directory"});
}

TEST_F(LoadFiles, RefusesAFolderAPipeAndADevice) {
  std::filesystem::create_directory(folder_ / "folder.toml");
  ASSERT_EQ(::mkfifo((folder_ / "pipe.toml").c_str(), 0600), 0);
  std::filesystem::create_symlink("/dev/zero", folder_ / "zero.toml");
  for (const char* name : {"folder.toml", "pipe.toml", "zero.toml"}) {
    EXPECT_EQ(complaints(name), Lines{std::string(name) + ": the configuration file is not a regular file"});
  }
}

TEST_F(LoadFiles, ReadsIncludedFilesInNameOrderEachOnce) {
  write("main.toml", "include = ['d/*.toml', 'main.toml', 'd/../d/b.toml']\n[registry]\nconninfo = 'service=r'\n");
  write("d/b.toml", "");
  write("d/a.toml", "");
  write("d/B.toml", "");
  write("d/.hidden.toml", "nonsense");
  write("d/c.toml.bak", "nonsense");
  const Loaded loaded = load(folder_ / "main.toml", "host");
  EXPECT_TRUE(loaded.complaints.empty());
  EXPECT_EQ(loaded.settings.files, (std::vector<std::filesystem::path>{folder_ / "main.toml", folder_ / "d/B.toml",
                                                                       folder_ / "d/a.toml", folder_ / "d/b.toml"}));
}

TEST_F(LoadFiles, OfTheServiceAloneAreReadWithoutSourcesModelsAndWhatIsIncluded) {
  write("main.toml",
        "include = ['d/*.toml']\n[registry]\nconninfo = 'service=r'\n[daemon]\ninstance = 'a'\n[model.m]\nquery = 7\n");
  write("d/broken.toml", "[model.");
  const Loaded loaded = load_service(folder_ / "main.toml", "host");
  EXPECT_TRUE(loaded.complaints.empty());
  EXPECT_EQ(loaded.settings.registry.conninfo, "service=r");
  EXPECT_EQ(loaded.settings.daemon.instance, "a");
  EXPECT_TRUE(loaded.settings.models.empty());
  EXPECT_EQ(loaded.settings.files, std::vector<std::filesystem::path>{folder_ / "main.toml"});
  EXPECT_FALSE(complaints().empty());
}

TEST_F(LoadFiles, OfTheServiceAloneAreComplainedOfLikeAll) {
  write("main.toml", "[daemon]\npoll_interval = 'often'\n");
  const Loaded loaded = load_service(folder_ / "main.toml", "host");
  ASSERT_EQ(loaded.complaints.size(), 2U);
  EXPECT_NE(loaded.complaints[0].message.find("registry"), std::string::npos) << loaded.complaints[0].message;
  EXPECT_NE(loaded.complaints[1].message.find("poll_interval"), std::string::npos) << loaded.complaints[1].message;
  EXPECT_EQ(load_service(folder_ / "none.toml", "host").complaints.size(), 1U);
}

TEST_F(LoadFiles, TakesTheFolderOfTheMainFileLiterally) {
  write("[x]*/main.toml", "include = ['m.*']\n[registry]\nconninfo = 'service=r'\n");
  write("[x]*/m.toml", "[source.s]\nconninfo = 'service=s'\n");
  const Loaded loaded = load(folder_ / "[x]*/main.toml", "host");
  EXPECT_TRUE(loaded.complaints.empty());
  EXPECT_TRUE(loaded.settings.sources.contains("s"));
}

TEST_F(LoadFiles, ReadsAnIncludedFolderAsAComplaintAndGoesOn) {
  write("main.toml", "include = ['d*', 'none.toml']\n[registry]\nconninfo = 'service=r'\n");
  std::filesystem::create_directory(folder_ / "d1");
  write("d2", "[source.s]\n");
  const std::string folder = folder_.string();
  EXPECT_EQ(complaints(),
            (Lines{"main.toml:1:12: include: " + folder + "/d1 is not a regular file",
                   "main.toml:1:18: include: " + folder + "/none.toml cannot be opened: No such file or directory",
                   "d2:1:1: [source.s] needs the key 'conninfo'"}));
}

TEST_F(LoadFiles, OrdersComplaintsByFileAndPlace) {
  write("main.toml", "include = ['b.toml', 'a.toml']\nx = 1\n[registry]\ny = 1\nconninfo = 1\n");
  write("a.toml", "x = 1\n");
  write("b.toml", "[model.m]\nx = 1\nsource = 'nowhere'\nquery = 'q'\ntime_column = 't'\nlabel = 'l'\n");
  const auto found = complaints();
  ASSERT_EQ(found.size(), 6u);
  const Lines places = {"main.toml:2:1", "main.toml:4:1", "main.toml:5:12", "b.toml:2:1", "b.toml:3:10", "a.toml:1:1"};
  for (std::size_t i = 0; i < places.size(); ++i) EXPECT_EQ(found[i].substr(0, places[i].size()), places[i]);
}

TEST_F(LoadFiles, WorksFromTheCurrentFolder) {
  write("main.toml", "include = ['a.*']\n[registry]\nconninfo = 'service=r'\n");
  write("a.toml", "[source.s]\nconninfo = 'service=s'\n");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  const Loaded loaded = load("main.toml", "host");
  std::filesystem::current_path(before);
  EXPECT_TRUE(loaded.complaints.empty());
  EXPECT_TRUE(loaded.settings.sources.contains("s"));
}

}  // namespace
}  // namespace retraind::settings
