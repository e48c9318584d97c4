// Holds config/retraind.toml and docs/configuration.md against what the parser knows: both name every key, in its
// section, with the default and the range that the parser uses.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>

#include "core/base/text.h"
#include "core/settings/known_keys.h"
#include "core/settings/load.h"
#include "core/settings/metric_rules.h"
#include "core/settings/snapshot.h"
#include "core/settings/trigger_defaults.h"

namespace retraind::settings {
namespace {

const std::filesystem::path kTree = RETRAIND_SOURCE_DIR;

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// The installed file with every setting that is turned off turned on.
std::string with_everything_turned_on(const std::string& text) {
  std::string out;
  for (const std::string& line : lines_of(text)) {
    const bool is_setting = line.size() > 1 && line[0] == '#' && line[1] != ' ' && line[1] != '#';
    out += (is_setting ? line.substr(1) : line) + "\n";
  }
  return out;
}

// "model.power.trigger" -> "model.NAME.trigger", "model.power.data.column.day" -> "model.NAME.data.column.NAME"
std::string generic(std::string section) {
  for (const std::string kind : {"source.", "model.", ".column."}) {
    const auto begin = section.find(kind);
    if (begin == std::string::npos || (begin > 0 && kind.front() != '.')) continue;
    const auto name = begin + kind.size();
    section.replace(name, std::min(section.find('.', name), section.size()) - name, "NAME");
  }
  return section;
}

struct Setting {
  std::string section;
  std::string kind;  // of a trigger: the word in `on`, which stands first
  std::string key;
  std::string value;
};

std::string without_quotes(const std::string& value) {
  return value.size() >= 2 && value.front() == '"' ? value.substr(1, value.size() - 2) : value;
}

// A key of one kind of trigger must stand in a table of that kind; a key of all kinds in any.
bool is_place_of(const KnownKey& known, const std::string& section, const std::string& kind) {
  return known.section == section && (known.kind.empty() || known.kind == kind);
}

std::vector<Setting> settings_in(const std::string& toml) {
  std::vector<Setting> out;
  std::string section;
  std::string kind;
  for (const std::string& line : lines_of(toml)) {
    if (line.starts_with('[')) {
      const auto begin = line.find_first_not_of('[');
      section = generic(line.substr(begin, line.find(']') - begin));
      kind.clear();
    } else if (const auto equals = line.find(" = "); equals != std::string::npos && !line.starts_with('#')) {
      const std::string key = line.substr(0, equals);
      const std::string value = line.substr(equals + 3);
      if (key == "on") kind = without_quotes(value);
      out.push_back({section, kind, key, value});
    }
  }
  return out;
}

TEST(InstalledFile, LoadsAsItIsWithNothingButDefaults) {
  const Loaded loaded = load(kTree / "config" / "retraind.toml", "host");
  for (const Complaint& complaint : loaded.complaints) ADD_FAILURE() << complaint.text();
  EXPECT_EQ(loaded.settings.registry.conninfo, "service=retraind");
  EXPECT_EQ(loaded.settings.daemon.instance, "host");
  EXPECT_TRUE(loaded.settings.models.empty());
}

TEST(InstalledFile, LoadsWithEverythingInItTurnedOn) {
  const std::string text = with_everything_turned_on(contents(kTree / "config" / "retraind.toml"));
  const Loaded loaded = load_text(text, "retraind.toml", "host");
  for (const Complaint& complaint : loaded.complaints) ADD_FAILURE() << complaint.text();
  EXPECT_EQ(loaded.settings.models.at("power").triggers.size(), 21u);
}

TEST(InstalledFile, HoldsEveryKeyWithItsDefault) {
  const auto settings = settings_in(with_everything_turned_on(contents(kTree / "config" / "retraind.toml")));
  ASSERT_GT(known_keys().size(), 50u);
  for (const KnownKey& known : known_keys()) {
    const bool found = std::any_of(settings.begin(), settings.end(), [&known](const Setting& setting) {
      return is_place_of(known, setting.section, setting.kind) && setting.key == known.key &&
             (known.fallback.empty() || setting.value == known.fallback);
    });
    EXPECT_TRUE(found) << "[" << known.section << "] " << known.kind << " " << known.key << " = " << known.fallback;
  }
}

TEST(InstalledFile, SaysTheRangeOfEveryKeyRightAboveIt) {
  struct Commented {
    std::string section;
    std::string kind;
    std::string key;
    std::string comment;
  };
  std::vector<Commented> settings;
  std::string comment;
  std::string section;
  std::string kind;
  for (const std::string& line : lines_of(contents(kTree / "config" / "retraind.toml"))) {
    if (line.starts_with("# ")) {
      comment += line.substr(1);
      continue;
    }
    const std::string setting = line.starts_with('#') ? line.substr(1) : line;
    if (setting.starts_with('[')) {
      const auto begin = setting.find_first_not_of('[');
      section = generic(setting.substr(begin, setting.find(']') - begin));
      kind.clear();
    } else if (const auto equals = setting.find(" = "); equals != std::string::npos) {
      const std::string key = setting.substr(0, equals);
      if (key == "on") kind = without_quotes(setting.substr(equals + 3));
      settings.push_back({section, kind, key, comment});
    }
    comment.clear();
  }
  const std::regex bounds(R"((?:from|to|above|below|at least|at most) ([0-9][0-9a-zA-Z.]*))");
  std::size_t checked = 0;
  for (const KnownKey& known : known_keys()) {
    std::string above;
    for (const Commented& one : settings) {
      if (is_place_of(known, one.section, one.kind) && one.key == known.key) above += one.comment;
    }
    for (std::sregex_iterator it(known.expected.begin(), known.expected.end(), bounds), end; it != end; ++it) {
      const std::regex word("(^|[^0-9a-zA-Z.])" + (*it)[1].str() + "($|[^0-9a-zA-Z])");
      EXPECT_TRUE(std::regex_search(above, word))
          << known.kind << " " << known.key << ": " << known.expected << "\nis not in:" << above;
      ++checked;
    }
  }
  EXPECT_GT(checked, 80u);
}

TEST(ConfigurationPage, HoldsEveryKeyWithItsRangeAndDefault) {
  struct Row {
    std::string section;
    std::string kind;
    std::string line;
  };
  std::vector<Row> rows;
  std::string section;
  std::string kind;
  for (const std::string& line : lines_of(contents(kTree / "docs" / "configuration.md"))) {
    if (line.starts_with("### ")) {
      const auto begin = line.find_first_not_of("`[", 4);
      section = line.find('[') == std::string::npos ? "" : line.substr(begin, line.find(']') - begin);
      kind.clear();
    } else if (line.starts_with("#### `")) {
      kind = line.substr(6, line.find('`', 6) - 6);
    }
    if (line.starts_with("| `")) rows.push_back({section, kind, line});
  }
  for (const KnownKey& known : known_keys()) {
    const std::string begin = "| `" + known.key + "` | " + known.expected + " | ";
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& candidate) {
      return candidate.section == known.section && candidate.kind == known.kind && candidate.line.starts_with(begin);
    });
    if (row == rows.end()) {
      ADD_FAILURE() << "[" << known.section << "] " << known.kind << " lacks a row that begins with: " << begin;
    } else if (!known.fallback.empty()) {
      EXPECT_NE(row->line.find("`" + known.fallback + "`"), std::string::npos) << row->line;
    }
  }
  // And no row for a key that is gone.
  const std::vector<KnownKey> all = known_keys();
  for (const Row& row : rows) {
    const std::string key = row.line.substr(3, row.line.find('`', 3) - 3);
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const KnownKey& one) {
      return one.section == row.section && one.kind == row.kind && one.key == key;
    })) << row.line;
  }
}

TEST(ConfigurationPage, HoldsTheMinimumEffectOfEveryMethod) {
  const std::vector<std::string> lines = lines_of(contents(kTree / "docs" / "configuration.md"));
  for (const std::string_view method : words_of<DriftMethod>()) {
    const double effect = default_min_effect(*parse<DriftMethod>(method));
    const std::string begin = "| " + std::string(method) + " | ";
    const std::string end = "| `" + format_number(effect) + "` |";
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.starts_with(begin) && line.ends_with(end);
    })) << method;
  }
}

TEST(ConfigurationPage, SaysWhichMetricsCanDecideInEachTask) {
  const std::vector<std::string> lines = lines_of(contents(kTree / "docs" / "configuration.md"));
  const std::string installed = contents(kTree / "config" / "retraind.toml");
  for (const std::string_view word : words_of<Task>()) {
    const Task task = *parse<Task>(word);
    const std::string deciding = list_metrics(task, can_decide);
    const std::string begin = "| " + std::string(word) + " | " + deciding + " | ";
    const auto row =
        std::find_if(lines.begin(), lines.end(), [&](const std::string& l) { return l.starts_with(begin); });
    ASSERT_NE(row, lines.end()) << begin;
    const std::string others = list_metrics(task, [](Metric metric, Task of) { return !can_decide(metric, of); });
    EXPECT_NE(row->find(others, begin.size()), std::string::npos) << others;
    EXPECT_NE(installed.find(std::string(word) + ": " + deciding), std::string::npos) << deciding;
  }
}

TEST(ConfigurationPage, SaysWhatEveryKindOfTriggerIsFor) {
  const std::vector<std::string> lines = lines_of(contents(kTree / "docs" / "configuration.md"));
  for (const std::string_view kind : words_of<TriggerKind>()) {
    if (kind == to_text(TriggerKind::manual)) continue;
    const auto heading = std::find(lines.begin(), lines.end(), "#### `" + std::string(kind) + "`");
    ASSERT_TRUE(lines.end() - heading > 2) << kind;
    EXPECT_GT(heading[2].size(), 80u) << kind;
  }
}

TEST(ConfigurationPage, ShowsAnExampleThatLoads) {
  const std::string page = contents(kTree / "docs" / "configuration.md");
  std::string toml;
  for (auto at = page.find("```toml\n"); at != std::string::npos; at = page.find("```toml\n", at)) {
    at += 8;
    toml += page.substr(at, page.find("```", at) - at);
  }
  // The example's include stands in the way of loading its two files as one text.
  const std::string include = "include = [\"models.d/*.toml\"]\n";
  ASSERT_EQ(toml.find(include), 0u);
  const Loaded loaded = load_text(toml.substr(include.size()), "configuration.md", "host");
  for (const Complaint& complaint : loaded.complaints) ADD_FAILURE() << complaint.text();
  EXPECT_EQ(loaded.settings.models.at("power").triggers.size(), 5u);
}

}  // namespace
}  // namespace retraind::settings
