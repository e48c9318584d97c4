// The units of systemd/, as systemd itself judges them.

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/unit/command_line/shell.h"

namespace retraind::daemon {
namespace {

namespace fs = std::filesystem;

const fs::path kUnits = fs::path(RETRAIND_SOURCE_DIR) / "systemd";

class Units : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!is_there("systemd-analyze")) GTEST_SKIP() << "systemd-analyze is not installed";
    // Programs and pages that are not installed here: any that is there stands for them.
    std::string text = std::regex_replace(read(kUnits / GetParam()), std::regex("/usr/bin/retraind"), "/bin/true");
    text = std::regex_replace(text, std::regex("Documentation=.*"), "");
    unit_ = folder_.write(GetParam(), text).string();
  }

  const Folder folder_;
  std::string unit_;
};

TEST_P(Units, HaveNothingWrongWithThem) {
  const Output out = run("systemd-analyze verify --man=no --recursive-errors=no '" + unit_ + "'");
  EXPECT_EQ(out.code, 0) << out.text;
  EXPECT_EQ(out.text, "");
}

TEST_P(Units, ExposeNoMoreThanTwoPoints) {
  const Output out = run("systemd-analyze security --no-pager --offline=true --threshold=20 '" + unit_ + "'");
  EXPECT_EQ(out.code, 0) << out.text;
  EXPECT_NE(out.text.find("Overall exposure level"), std::string::npos) << out.text;
  // The threshold is one that fails: the same unit without its protections.
  folder_.write(GetParam(), "[Service]\nExecStart=/bin/true\n");
  EXPECT_NE(run("systemd-analyze security --no-pager --offline=true --threshold=20 '" + unit_ + "'").code, 0);
}

INSTANTIATE_TEST_SUITE_P(All, Units, ::testing::Values("retraind.service", "retraind@.service"),
                         [](const auto& tested) {
                           return std::string(tested.param).find('@') == std::string::npos ? "Service" : "Template";
                         });

// Settings of a unit but for those that name the instance.
std::vector<std::string> settings_of(const char* unit) {
  std::istringstream lines(read(kUnits / unit));
  std::vector<std::string> out;
  std::string line;
  while (std::getline(lines, line)) {
    if (line.empty() || line.starts_with('#') || line.starts_with("Environment=RETRAIND_INSTANCE=")) continue;
    line = std::regex_replace(line, std::regex(" --config /etc/retraind/%i\\.toml"), "");
    line = std::regex_replace(line, std::regex("/etc/retraind/%i\\.pgpass"), "/etc/retraind/pgpass");
    line = std::regex_replace(line, std::regex("/%i| instance %i"), "");
    out.push_back(line);
  }
  return out;
}

TEST(UnitOfAnInstance, IsTheServiceUnderItsOwnName) {
  EXPECT_GT(settings_of("retraind.service").size(), 50U);
  EXPECT_EQ(settings_of("retraind@.service"), settings_of("retraind.service"));
}

}  // namespace
}  // namespace retraind::daemon
