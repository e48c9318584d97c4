// `retraind doctor` on a registry that works, on one that somebody has broken, and where there is none.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <fstream>
#include <map>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

// The worst judgement of each check, with its sentence.
std::map<std::string, std::pair<std::string, std::string>> by_check(const CommandResult& result) {
  std::map<std::string, std::pair<std::string, std::string>> out;
  const boost::json::value findings = boost::json::parse(result.output);
  for (const auto& each : findings.as_array()) {
    const auto text = [&](const char* key) { return std::string(each.as_object().at(key).as_string()); };
    auto& there = out[text("check")];
    // ok, problem and warning: the worst is not the last in the alphabet.
    const auto rank = [](const std::string& judgement) {
      return judgement == "problem" ? 2 : judgement == "warning" ? 1 : 0;
    };
    if (there.first.empty() || rank(text("judgement")) > rank(there.first))
      there = {text("judgement"), text("sentence")};
  }
  return out;
}

TEST(DoctorCommand, FindsAWorkingRegistryWellAndABrokenOneNot) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  const auto config = world.configure(World::events_model("m"));
  ::chmod(config.c_str(), 0644);
  world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT true FROM retraind.production WHERE model = 'm'"));
  const CommandResult well = world.run({"doctor", "--json", "--config", config.string()});
  const auto found = by_check(well);
  EXPECT_EQ(found.size(), 44U) << well.output << well.errors;
  for (const auto& [check, finding] : found) {
    // The tests' cluster runs without fsync, as a superuser, and the machine is whatever it is.
    if (check == "registry.durability" || check.starts_with("host.")) continue;
    EXPECT_NE(finding.first, "problem") << check << ": " << finding.second;
  }
  EXPECT_EQ(found.at("daemons.alive").first, "ok");
  EXPECT_EQ(found.at("artifacts.bytes").second.substr(0, 11), "1 artifacts");
  EXPECT_EQ(found.at("host.trainer").second.substr(0, 7), "xgboost");
  EXPECT_EQ(found.at("host.state_dir").first, "ok") << found.at("host.state_dir").second;

  world.registry.exec("ALTER TABLE retraind.firing DISABLE TRIGGER kept");
  const CommandResult broken = world.run({"doctor", "--quick", "--model", "m", "--config", config.string()});
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_NE(broken.output.find("problem  schema.triggers"), std::string::npos) << broken.output;
  EXPECT_NE(broken.output.find("firing.kept"), std::string::npos);
  EXPECT_NE(broken.output.find("what to do: ALTER TABLE retraind.TABLE ENABLE TRIGGER"), std::string::npos);
  EXPECT_EQ(world.run({"doctor", "--model", "other", "--config", config.string()}).exit_code, 1);
}

TEST(DoctorCommand, LooksAtTheRestWhereADatabaseOrTheConfigurationFails) {
  World world;
  const std::filesystem::path away = world.folder() / "away.toml";
  std::ofstream(away) << "[daemon]\nstate_dir = \"" << world.state_dir().string()
                      << "\"\n[registry]\nconninfo = \"host=/nowhere dbname=x user=y\"\n";
  const CommandResult unreachable = world.run({"doctor", "--json", "--config", away.string()});
  EXPECT_EQ(unreachable.exit_code, 4) << unreachable.output << unreachable.errors;
  const auto found = by_check(unreachable);
  EXPECT_EQ(found.at("registry.reachable").first, "problem");
  EXPECT_TRUE(found.contains("host.cage"));
  const auto bad = world.configure("[model.m]\nsource = \"none\"\n", "", "bad");
  const CommandResult invalid = world.run({"doctor", "--json", "--config", bad.string()});
  EXPECT_EQ(invalid.exit_code, 3);
  EXPECT_EQ(by_check(invalid).at("configuration.valid").first, "problem");
}

}  // namespace
}  // namespace retraind::testing
