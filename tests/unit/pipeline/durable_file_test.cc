// Files that are there whole or not at all.
#include "core/pipeline/durable_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <system_error>

#include "core/base/error.h"

namespace retraind::pipeline {
namespace {

class DurableFileTest : public ::testing::Test {
 protected:
  DurableFileTest() {
    char name[] = "/tmp/retraind-durable-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~DurableFileTest() override { std::filesystem::remove_all(folder_); }

  std::string read(const char* name) { return read_whole_file(folder_ / name, 1 << 20); }
  std::size_t files() {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

  std::filesystem::path folder_;
};

TEST_F(DurableFileTest, HoldsTheBytesAndReplacesAnOlderOne) {
  const std::string bytes("a\0b\n", 4);
  write_durable_file(folder_ / "file", bytes);
  EXPECT_EQ(read("file"), bytes);
  write_durable_file(folder_ / "file", "");
  EXPECT_EQ(read("file"), "");
  EXPECT_EQ(files(), 1u);
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u) << "nobody else's business";
}

TEST_F(DurableFileTest, LeavesTheOldOneWhenThereIsNoRoomForTheNew) {
  write_durable_file(folder_ / "file", "old");
  // As a full disk would: a write that stops half-way.
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 1000, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(write_durable_file(folder_ / "file", std::string(5000, 'x')), std::system_error);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(read("file"), "old");
  EXPECT_EQ(files(), 1u) << "nothing half-written stays";
}

TEST_F(DurableFileTest, LeavesWhatCannotBeReplaced) {
  std::filesystem::create_directory(folder_ / "file");
  EXPECT_THROW(write_durable_file(folder_ / "file", "new"), std::system_error);
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "file"));
  EXPECT_EQ(files(), 1u);
  EXPECT_THROW(write_durable_file(folder_ / "missing" / "file", "new"), std::system_error);
}

TEST_F(DurableFileTest, IsNeverWrittenThroughALink) {
  write_durable_file(folder_ / "victim", "old");
  std::filesystem::create_symlink("victim", folder_ / "file.part");
  EXPECT_THROW(write_durable_file(folder_ / "file", "new"), std::system_error);
  EXPECT_EQ(read("victim"), "old");
  std::filesystem::create_symlink("victim", folder_ / "file");
  write_durable_file(folder_ / "file", "new");
  EXPECT_EQ(read("victim"), "old") << "the link itself is replaced";
  EXPECT_EQ(read("file"), "new");
}

TEST_F(DurableFileTest, MayHaveANameWithoutAFolder) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  EXPECT_NO_THROW(write_durable_file("file", "new"));
  std::filesystem::current_path(before);
  EXPECT_EQ(read("file"), "new");
}

TEST_F(DurableFileTest, IsReadUpToItsBoundAndNotBeyond) {
  write_durable_file(folder_ / "file", "12345");
  EXPECT_EQ(read_whole_file(folder_ / "file", 5), "12345");
  EXPECT_THROW((void)read_whole_file(folder_ / "file", 4), DataError);
  EXPECT_THROW((void)read_whole_file("/dev/zero", 5), DataError);
}

}  // namespace
}  // namespace retraind::pipeline
