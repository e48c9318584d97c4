#include "core/settings/changes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/settings/known_keys.h"
#include "core/settings/load.h"
#include "tests/unit/settings/full_model.h"

namespace retraind::settings {
namespace {

using Keys = std::vector<std::string>;

TEST(ChangedKeys, AreNoneOfTheSameModel) {
  EXPECT_EQ(changed_keys(full_model(), full_model()), Keys());
}

TEST(ChangedKeys, AreNamedAsTheyStandInTheFile) {
  const Model before = full_model();
  Model after = before;
  after.query += " WHERE x > 0";
  after.training.memory_limit_bytes += 1;
  after.training.command.log_limit_bytes += 1;
  after.training.params["eta"] = 0.9;
  after.validation.max_artifact_bytes = 12345;
  after.data.columns["brand_new"].min = 3;
  ASSERT_FALSE(after.triggers.empty());
  after.triggers.front().enabled = !after.triggers.front().enabled;
  EXPECT_EQ(changed_keys(before, after),
            (Keys{"data.column.brand_new", "query", "training.log_limit", "training.memory_limit", "training.params",
                  "validation.max_artifact_size", "trigger " + after.triggers.front().name}));
}

TEST(ChangedKeys, NameTriggersAndGatesThatCameOrWent) {
  const Model before = full_model();
  Model after = before;
  after.triggers.erase(after.triggers.begin());
  ASSERT_FALSE(before.validation.gates.empty());
  after.validation.gates.front().name = "another";
  EXPECT_EQ(changed_keys(before, after), (Keys{"trigger " + before.triggers.front().name, "gate another",
                                               "gate " + before.validation.gates.front().name}));
}

TEST(ChangedKeys, AreKeysThatTheParserKnowsWhateverDiffers) {
  std::set<std::string> known;
  for (const KnownKey& key : known_keys()) {
    constexpr std::string_view kModel = "model.NAME";
    if (!key.section.starts_with(kModel)) continue;
    const std::string section = key.section.substr(kModel.size());
    known.insert((section.empty() ? "" : section.substr(1) + ".") + key.key);
  }
  std::size_t checked = 0;
  for (const std::string& key : changed_keys(Model{}, full_model())) {
    if (key.find(' ') != std::string::npos || key == "name") continue;  // "trigger nightly"
    const bool of_a_column = key.starts_with("data.column.");
    EXPECT_TRUE(of_a_column || known.contains(key) ||
                std::any_of(known.begin(), known.end(), [&](const auto& one) { return one.starts_with(key + "."); }))
        << key;
    ++checked;
  }
  EXPECT_GT(checked, 50u);
}

// One value of each key outside of models that is not its default.
const std::map<std::string, std::string>& other_values() {
  static const std::map<std::string, std::string> kValues = {
      {"daemon.instance", "\"another\""},
      {"daemon.state_dir", "\"/srv/retraind\""},
      {"daemon.max_parallel_runs", "7"},
      {"daemon.drain_timeout", "\"7s\""},
      {"daemon.poll_interval", "\"7s\""},
      {"daemon.lease_time", "\"77s\""},
      {"registry.conninfo", "\"service=b\""},
      {"log.level", "\"debug\""},
      {"log.format", "\"json\""},
      {"http.listen", "\"\""},
      {"http.allowed_hosts", "[\"h.example\"]"},
      {"security.require_tls", "true"},
      {"security.root_owned_commands", "\"never\""},
      {"retention.drift_checks", "\"10d\""},
      {"retention.performance_checks", "\"10d\""},
      {"retention.trigger_decisions", "\"10d\""},
      {"retention.run_logs", "\"10d\""},
      {"retention.signals", "\"10d\""},
      {"retention.unused_artifacts", "\"10d\""},
      {"source.s.conninfo", "\"service=t host=/run\""},
      {"source.s.statement_timeout", "\"7s\""},
      {"source.s.streams", "2"},
  };
  return kValues;
}

Settings load_with(const std::string& changed) {
  std::map<std::string, std::map<std::string, std::string>> sections;
  sections["registry"]["conninfo"] = "\"service=a\"";
  sections["source.s"]["conninfo"] = "\"service=s host=/run\"";
  if (!changed.empty()) {
    const auto dot = changed.rfind('.');
    sections[changed.substr(0, dot)][changed.substr(dot + 1)] = other_values().at(changed);
  }
  std::string toml;
  for (const auto& [section, keys] : sections) {
    toml += "[" + section + "]\n";
    for (const auto& [key, value] : keys) toml += key + " = " + value + "\n";
  }
  const Loaded loaded = load_text(toml, "t.toml", "host");
  for (const Complaint& complaint : loaded.complaints) ADD_FAILURE() << complaint.text();
  return loaded.settings;
}

TEST(ChangedKeys, FindEachKeyOutsideOfModelsAndNoOther) {
  const Settings before = load_with("");
  EXPECT_EQ(changed_keys(before, before), Keys());
  std::size_t checked = 0;
  for (const KnownKey& known : known_keys()) {
    if (known.section.empty() || known.section.starts_with("model.")) continue;
    const std::string section = known.section == "source.NAME" ? "source.s" : known.section;
    const std::string key = section + "." + known.key;
    ASSERT_TRUE(other_values().contains(key)) << key << " is new: give it a value here, and a line in changes.cc";
    EXPECT_EQ(changed_keys(before, load_with(key)), Keys{key});
    ++checked;
  }
  EXPECT_EQ(checked, other_values().size());
}

TEST(ChangedKeys, NameSourcesThatCameOrWent) {
  const Settings before = load_with("");
  Settings after = before;
  after.sources["t"] = after.sources.at("s");
  after.sources.erase("s");
  EXPECT_EQ(changed_keys(before, after), (Keys{"source.t", "source.s"}));
}

TEST(ChangedKeys, TellWhatWaitsForTheNextStart) {
  EXPECT_TRUE(takes_effect_at_start("registry.conninfo"));
  EXPECT_TRUE(takes_effect_at_start("daemon.state_dir"));
  EXPECT_FALSE(takes_effect_at_start("daemon.poll_interval"));
  EXPECT_FALSE(takes_effect_at_start("source.s.conninfo"));
}

}  // namespace
}  // namespace retraind::settings
