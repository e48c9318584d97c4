// The command line: exit codes, JSON, and words that help.

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

TEST(CommandLine, ReturnsTheDocumentedExitCodes) {
  World world;
  const auto good = world.configure("");
  EXPECT_EQ(world.run({"check", "--config", good.string()}).exit_code, 0);
  EXPECT_EQ(world.run({"--help"}).exit_code, 0);
  EXPECT_EQ(world.run({}).exit_code, 2);
  EXPECT_EQ(world.run({"sttus"}).exit_code, 2);
  EXPECT_EQ(world.run({"status", "--limit", "x", "--config", good.string()}).exit_code, 2);
  EXPECT_EQ(world.run({"check", "--config", "/nowhere/retraind.toml"}).exit_code, 3);
  const auto bad = world.configure("[model.m]\nsource = \"none\"\n", "", "bad");
  const CommandResult complained = world.run({"check", "--config", bad.string()});
  EXPECT_EQ(complained.exit_code, 3);
  // Everything that is wrong, not only the first thing.
  EXPECT_NE(complained.errors.find("bad.toml:"), std::string::npos);
  EXPECT_NE(complained.errors.find("query"), std::string::npos);
  EXPECT_NE(complained.errors.find("label"), std::string::npos);
}

TEST(CommandLine, AnswersWhatIsAskedOfTheRegistryWhileAModelsFileIsBroken) {
  World world;
  const std::string bad = world.configure("[model.m]\nsource = \"none\"\n", "", "bad").string();
  EXPECT_EQ(world.run({"check", "--config", bad}).exit_code, 3);
  for (const char* command : {"status", "history", "runs"}) {
    const CommandResult asked = world.run({command, "--config", bad});
    EXPECT_EQ(asked.exit_code, 0) << command << ": " << asked.errors;
  }
}

TEST(CommandLine, SaysThatADatabaseCannotBeReached) {
  World world;
  auto text = world.configure("");
  const CommandResult status = world.run({"status", "--config", text.string()});
  EXPECT_EQ(status.exit_code, 0) << status.errors;
  std::filesystem::path wrong = world.folder() / "wrong.toml";
  std::ofstream(wrong) << "[registry]\nconninfo = \"host=/nowhere dbname=x user=y\"\n";
  const CommandResult away = world.run({"status", "--config", wrong.string()});
  EXPECT_EQ(away.exit_code, 4);
  EXPECT_NE(away.errors.find("host=/nowhere"), std::string::npos) << away.errors;
}

TEST(CommandLine, PrintsTablesForPeopleAndJsonForMachines) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  const auto config = world.configure(World::events_model("m"));
  world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT true FROM retraind.production WHERE model = 'm'"));
  for (const char* command : {"status", "history", "runs", "triggers"}) {
    const CommandResult table = world.run({command, "--config", config.string()});
    EXPECT_EQ(table.exit_code, 0) << table.errors;
    EXPECT_EQ(table.output.substr(0, table.output.find('\n')).find("model") != std::string::npos, true) << table.output;
    const CommandResult machine = world.run({command, "--json", "--config", config.string()});
    const auto value = boost::json::parse(machine.output);
    ASSERT_EQ(value.as_array().size(), 1U) << command;
    EXPECT_EQ(value.as_array()[0].as_object().at("model").as_string(), "m");
  }
  EXPECT_EQ(world.run({"trials", "--model", "m", "--config", config.string()}).output, "(none)\n");
  for (const char* command : {"status", "history", "runs", "triggers", "trials", "releases"}) {
    const CommandResult unknown = world.run({command, "--model", "other", "--config", config.string()});
    EXPECT_EQ(unknown.exit_code, 1) << command;
    EXPECT_NE(unknown.errors.find("there is no model \"other\""), std::string::npos) << unknown.errors;
  }
  const CommandResult refused =
      world.run({"lift-quarantine", "m", "1", "--reason", "none", "--config", config.string()});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.errors.find("hint: No version of it is."), std::string::npos) << refused.errors;
}

TEST(CommandLine, ShowsWhatEachColumnIsForWhenItChecksOnline) {
  World world;
  world.make_events();
  const auto config = world.configure(World::events_model("m"));
  const CommandResult checked = world.run({"check", "--online", "--config", config.string()});
  EXPECT_EQ(checked.exit_code, 0) << checked.errors;
  EXPECT_NE(checked.output.find("timestamp with time zone"), std::string::npos);
  EXPECT_NE(checked.output.find("colour"), std::string::npos);
  EXPECT_NE(checked.output.find("label"), std::string::npos);
}

TEST(CommandLine, MigratesAnEmptyDatabaseOnceAndRefusesToRunWithout) {
  World world;
  TestDatabase empty;
  const std::filesystem::path config = world.folder() / "empty.toml";
  std::ofstream(config) << "[daemon]\nstate_dir = \"" << world.state_dir().string() << "\"\n[registry]\nconninfo = \""
                        << empty.conninfo() << "\"\n";
  const CommandResult refused = world.run({"run", "--config", config.string()});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_NE(refused.errors.find("retraind migrate"), std::string::npos) << refused.errors;
  EXPECT_EQ(world.run({"migrate", "--config", config.string()}).exit_code, 0);
  EXPECT_NE(world.run({"migrate", "--config", config.string()}).output.find("nothing to do"), std::string::npos);
}

}  // namespace
}  // namespace retraind::testing
