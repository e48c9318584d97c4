#include "daemon/credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "core/base/error.h"

namespace retraind::daemon {
namespace {

namespace fs = std::filesystem;

class Credentials : public ::testing::Test {
 protected:
  Credentials() {
    std::string pattern = (fs::temp_directory_path() / "retraind-credentials-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder_ = pattern;
    fs::create_directory(folder_ / "credentials");
    fs::create_directory(folder_ / "runtime");
  }
  ~Credentials() override { fs::remove_all(folder_); }

  fs::path put(mode_t mode) const {
    const fs::path file = folder_ / "credentials" / "pgpass";
    std::ofstream(file) << "db:5432:*:reader:hunter2\n";
    ::chmod(file.c_str(), mode);
    return file;
  }

  fs::path folder_;
};

TEST_F(Credentials, OfThePasswordFileAreUsedWhereLibpqHasNoOther) {
  EXPECT_FALSE(find_password_file({}));
  EXPECT_FALSE(find_password_file({.credentials = folder_ / "credentials"}));
  const fs::path file = put(0400);
  EXPECT_EQ(find_password_file({.credentials = folder_ / "credentials"}), file);
  EXPECT_FALSE(find_password_file({.credentials = folder_ / "credentials", .has_passfile = true}));
}

TEST_F(Credentials, ThatLibpqWouldRefuseByTheirModeAreCopiedToTheRuntimeDirectory) {
  put(0440);
  const auto copy = find_password_file({.credentials = folder_ / "credentials", .runtime = folder_ / "runtime"});
  ASSERT_TRUE(copy);
  EXPECT_EQ(*copy, folder_ / "runtime" / "pgpass");
  struct stat about {};
  ASSERT_EQ(::stat(copy->c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
  std::ifstream in(*copy);
  std::string line;
  std::getline(in, line);
  EXPECT_EQ(line, "db:5432:*:reader:hunter2");
  // The next start, with another password.
  std::ofstream(folder_ / "credentials" / "pgpass") << "new\n";
  EXPECT_EQ(find_password_file({.credentials = folder_ / "credentials", .runtime = folder_ / "runtime"}), *copy);
  std::ifstream again(*copy);
  std::getline(again, line);
  EXPECT_EQ(line, "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "runtime"), fs::directory_iterator()), 1);
}

TEST_F(Credentials, ThatCannotBeUsedAreAnErrorThatSaysWhatIsMissing) {
  put(0440);
  try {
    find_password_file({.credentials = folder_ / "credentials"});
    FAIL() << "nothing was thrown";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("has mode 0440"), std::string::npos) << error.what();
    EXPECT_NE(error.hint().find("RuntimeDirectory="), std::string::npos) << error.hint();
  }
  fs::remove(folder_ / "credentials" / "pgpass");
  fs::create_directory(folder_ / "credentials" / "pgpass");
  EXPECT_THROW(find_password_file({.credentials = folder_ / "credentials"}), ConfigError);
}

}  // namespace
}  // namespace retraind::daemon
