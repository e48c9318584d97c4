// Which commands only root can change: real files, as root.
#include "core/custody/command.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/custody/tree.h"

namespace retraind::custody {
namespace {

using testing::Tree;

constexpr uid_t kBob = 1000;

class Command : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root makes files of two users";
  }
  static std::optional<std::string> fault(const std::vector<std::string>& argv) { return find_command_fault(argv); }

  Tree tree;
};

TEST_F(Command, OfRootAlonePasses) {
  const std::string program = tree.file("bin/train", 0755);
  EXPECT_EQ(fault({program, "--fast", "not/absolute", "/no/such/thing", "--x=3"}), std::nullopt);
  EXPECT_EQ(fault({"/bin/sh", "-c", "true"}), std::nullopt);
}

TEST_F(Command, OfSomebodyElseIsFound) {
  const std::string program = tree.file("bin/train", 0755, kBob);
  EXPECT_EQ(fault({program}), program + " belongs to user 1000");
  tree.set("bin/train", 0775);
  EXPECT_EQ(fault({program}), program + " may be written by others (its mode is 0775)");
  tree.set("bin/train", 0755);
  tree.set("bin", 0777);
  EXPECT_EQ(fault({program}), tree.path("bin").string() + " may be written by others (its mode is 0777)");
  tree.set("bin", 0755, kBob);
  EXPECT_EQ(fault({program}), tree.path("bin").string() + " belongs to user 1000");
}

TEST_F(Command, TheScriptAnInterpreterIsGivenMattersAsMuch) {
  const std::string script = tree.file("train.py", 0644, kBob);
  EXPECT_EQ(fault({"/bin/sh", script}), script + " belongs to user 1000");
  EXPECT_EQ(fault({"/bin/sh", "--file=" + script}), script + " belongs to user 1000");
  tree.set("train.py", 0644);
  EXPECT_EQ(fault({"/bin/sh", script}), std::nullopt);
}

TEST_F(Command, TheInterpreterThatAScriptNamesMattersAsMuch) {
  const std::string python = tree.file("venv/bin/python", 0755, kBob);
  const std::string script = tree.file("train.py", 0755, 0, "#! " + python + " -u\nprint()\n");
  EXPECT_EQ(fault({script}), "its interpreter: " + python + " belongs to user 1000");
  tree.set("venv/bin/python", 0755);
  EXPECT_EQ(fault({script}), std::nullopt);
  // A script that names itself comes to an end.
  const std::string loop = tree.file("loop", 0755, 0, "#!" + tree.path("loop").string() + "\n");
  EXPECT_EQ(fault({loop}), std::nullopt);
}

TEST_F(Command, ThatSomebodyElseCouldMakeIsFound) {
  std::filesystem::create_directories(tree.path("open"));
  EXPECT_EQ(fault({tree.path("open/train").string()}), std::nullopt);
  tree.set("open", 01777);
  EXPECT_EQ(fault({tree.path("open/train").string()}),
            tree.path("open").string() + " may be written by others (its mode is 1777)");
}

TEST_F(Command, DevicesAreNoPrograms) {
  EXPECT_EQ(fault({"/bin/sh", "/dev/null"}), std::nullopt);
}

}  // namespace
}  // namespace retraind::custody
