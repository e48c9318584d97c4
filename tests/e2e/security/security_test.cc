// What the daemon and the commands refuse for safety's sake: programs that others could change, as a service and right
// before they are run; and names that are no names.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

constexpr uid_t kBob = 1000;

// As systemd starts it, until the object goes.
class AsService {
 public:
  AsService() {
    ::setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef", 1);
    ::unsetenv("SYSTEMD_EXEC_PID");
  }
  ~AsService() { ::unsetenv("INVOCATION_ID"); }
};

class Security : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root makes files of two users";
    ::unsetenv("INVOCATION_ID");
    ::unsetenv("NOTIFY_SOCKET");
  }
  std::filesystem::path script(const std::string& name, const std::string& text) {
    const std::filesystem::path path = world.folder() / name;
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    ::chmod(path.c_str(), 0755);
    return path;
  }
  std::filesystem::path configure(const std::string& security = "") {
    const auto train = script("train", "mkdir model && echo m > model/m");
    const auto predict =
        script("predict", "{ echo prediction; tail -n +2 features.csv | sed 's/.*/0.5/'; } > predictions.csv");
    return world.configure(World::events_model("m", fmt::format("trainer = \"command\"\ntrain = [\"{}\"]\npredict = "
                                                                "[\"{}\"]\n",
                                                                train.string(), predict.string())) +
                           security);
  }

  World world;
};

TEST_F(Security, AServiceRefusesATrainerThatOthersCouldChange) {
  const auto config = configure();
  EXPECT_EQ(::chown((world.folder() / "train").c_str(), kBob, kBob), 0);
  const CommandResult by_hand = world.run({"check", "--config", config.string()});
  EXPECT_EQ(by_hand.exit_code, 0) << by_hand.errors;
  EXPECT_NE(by_hand.errors.find("warning: model.m.training.train: others than root could change what the daemon, which "
                                "as a service refuses it, runs: "),
            std::string::npos)
      << by_hand.errors;
  const AsService service;
  for (const char* command : {"check", "run"}) {
    const CommandResult refused = world.run({command, "--config", config.string()});
    EXPECT_EQ(refused.exit_code, 3) << command << refused.errors;
    EXPECT_NE(refused.errors.find("train belongs to user 1000"), std::string::npos) << refused.errors;
    EXPECT_NE(refused.errors.find("retraind.toml:"), std::string::npos) << refused.errors;
  }
}

TEST_F(Security, ATrainerThatHasChangedHandsSinceTheStartIsNotRun) {
  world.make_events();
  world.add_events(0, 2000, 0);
  const auto config = configure("[security]\nroot_owned_commands = \"always\"\n");
  world.registry.exec("SELECT 1");
  DaemonProcess& daemon = world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE finished_at IS NOT NULL"))
      << daemon.log();
  EXPECT_NE(world.registry.text("SELECT state FROM retraind.run_history"), "failed")
      << world.registry.text("SELECT reason FROM retraind.run_history");
  EXPECT_EQ(::chmod((world.folder() / "train").c_str(), 0777), 0);
  EXPECT_EQ(world.run({"check", "--config", config.string()}).exit_code, 3) << "the configuration is refused by now";
  // Who asks for a run only writes to the registry; who would run the program refuses.
  const CommandResult asked = world.run({"trigger", "m", "--reason", "again", "--config", config.string()});
  EXPECT_EQ(asked.exit_code, 0) << asked.errors;
  ASSERT_TRUE(world.comes_true("SELECT state = 'failed' FROM retraind.run_history ORDER BY run_id DESC LIMIT 1"));
  const std::string reason =
      world.registry.text("SELECT reason FROM retraind.run_history ORDER BY run_id DESC LIMIT 1");
  EXPECT_NE(reason.find("train is not run, since others than root could change what it does: "), std::string::npos)
      << reason;
  EXPECT_NE(reason.find("may be written by others (its mode is 0777)"), std::string::npos) << reason;
}

TEST_F(Security, AConfigurationThatOthersCouldChangeIsRefusedAsAService) {
  const auto config = world.configure("");
  ::chmod(config.c_str(), 0666);
  EXPECT_EQ(world.run({"check", "--config", config.string()}).exit_code, 0);
  const AsService service;
  const CommandResult refused = world.run({"run", "--config", config.string()});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_NE(refused.errors.find("may be written by others (its mode is 0666)"), std::string::npos) << refused.errors;
}

TEST_F(Security, TakesHostileWordsForWhatTheyAre) {
  const auto config = world.configure("");
  const std::string before = world.registry.text("SELECT count(*) FROM retraind.model");
  for (const std::string name : {"'; DROP SCHEMA retraind CASCADE; --", "$(touch /tmp/retraind-was-here)", "`id`",
                                 "%s%n%s", "../../etc/passwd", "{}", "{0}", "\\", "\x1b[2J", "名前", "\xff\xfe", "a b",
                                 "-", "NULL", "this_name_has_exactly_sixty_four_letters_which_is_one_too_many__"}) {
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"history", "--model", name},
                                               {"pause", name, "--reason", name},
                                               {"export", name, "--out", (world.folder() / "out").string()}}) {
      std::vector<std::string> whole = words;
      whole.insert(whole.end(), {"--config", config.string()});
      const CommandResult result = world.run(whole);
      EXPECT_TRUE(result.exit_code == 1 || result.exit_code == 2) << words[0] << " " << name << result.errors;
      EXPECT_EQ(result.errors.find('\x1b'), std::string::npos) << words[0];
      EXPECT_NE(result.errors, "") << words[0] << " " << name;
    }
  }
  EXPECT_FALSE(std::filesystem::exists("/tmp/retraind-was-here"));
  EXPECT_FALSE(std::filesystem::exists(world.folder() / "out"));
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.model"), before);
  // A reason is kept as it is, whatever stands in it.
  world.registry.exec("INSERT INTO retraind.model (name, source, created_at) VALUES ('m', 'data', now())");
  const std::string reason = "'; DROP TABLE x; -- %s $(id) {} \" \\ \x1b[2J 名前";
  EXPECT_EQ(world.run({"pause", "m", "--reason", reason, "--config", config.string()}).exit_code, 0);
  EXPECT_EQ(world.registry.text("SELECT pause_reason FROM retraind.model"), reason);
  const std::string shown = world.run({"status", "m", "--config", config.string()}).output;
  EXPECT_NE(shown.find("DROP TABLE x; -- %s $(id) {} \" \\ \uFFFD[2J 名前"), std::string::npos) << shown;
}

}  // namespace
}  // namespace retraind::testing
