#include "tests/unit/trigger/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <stdexcept>

namespace retraind::trigger {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> scenario_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(RETRAIND_SOURCE_DIR) / "tests/scenarios")) {
    if (entry.path().extension() == ".test") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class TriggerScenario : public testing::TestWithParam<fs::path> {};

TEST_P(TriggerScenario, ComesOutAsItIsWritten) {
  EXPECT_EQ(Scenario::run(GetParam()), "") << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Files, TriggerScenario, testing::ValuesIn(scenario_files()), [](const auto& file) {
  std::string name = file.param.stem().string();
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
});

// The runner itself must be able to fail.
class ScenarioRunner : public testing::Test {
 protected:
  std::string run(const std::string& text) {
    const fs::path file = fs::path(testing::TempDir()) / "retraind_scenario.test";
    std::ofstream(file) << text;
    const std::string complaints = Scenario::run(file);
    fs::remove(file);
    return complaints;
  }
};

TEST_F(ScenarioRunner, ComplainsOfAnyDifference) {
  const std::string head = "trigger new_rows rows=10 every=1min\nstart 2026-01-01T00:00:00Z\nload 0s 1min 5 10\n";
  EXPECT_EQ(run(head + "eval 1min\n  fired\n  due 2min\n  phase inactive\n"), "");
  EXPECT_NE(run(head + "eval 1min\n"), "");
  EXPECT_NE(run(head + "eval 0s\n  fired\n"), "");
  EXPECT_NE(run(head + "eval 1min\n  suppressed:cooldown\n"), "");
  EXPECT_NE(run(head + "eval 1min\n  fired\n  due 3min\n"), "");
  EXPECT_NE(run(head + "eval 1min\n  fired\n  phase firing\n"), "");
  EXPECT_NE(run(head + "follow 1min\n  0s fired\n"), "");
}

TEST_F(ScenarioRunner, RefusesWhatItDoesNotUnderstand) {
  EXPECT_THROW(run("trigger new_rows colour=red\n"), std::runtime_error);
  EXPECT_THROW(run("trigger moon rows=1\n"), std::runtime_error);
  EXPECT_THROW(run("jump\n"), std::runtime_error);
  EXPECT_THROW(run("  fired\n"), std::runtime_error);
  EXPECT_THROW(run("trigger new_rows rows=1\neval 1min\n"), std::runtime_error);
  EXPECT_THROW(run("trigger signal above=high\n"), std::runtime_error);
  EXPECT_THROW(run("trigger drift for=\"2 out of 3\"\n"), std::runtime_error);
  EXPECT_THROW(run("trigger manual\n"), std::runtime_error);
  const std::string drift = "trigger drift\nstart 2026-01-01T00:00:00Z\ncolumns price=.5\n";
  EXPECT_THROW(run(drift + "load 0s 1min hour=drift\neval 0s\n"), std::runtime_error);
  EXPECT_THROW(run(drift + "load 0s 1min price=gone\neval 0s\n"), std::runtime_error);
  EXPECT_THROW(run("trigger performance below=.7\nstart 2026-01-01T00:00:00Z\nlevel .8[.7\n"), std::runtime_error);
  EXPECT_THROW(run("trigger new_rows rows=1\nstart 2026-01-01T00:00:00Z\neval 1min\n"), std::runtime_error);
}

}  // namespace
}  // namespace retraind::trigger
