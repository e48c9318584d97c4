// Holds config/retraind.toml and docs/configuration.md against what the parser knows: both name every key, in its
// section, with the default and the range that the parser uses.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "core/settings/known_keys.h"
#include "core/settings/load.h"
#include "core/settings/snapshot.h"

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

// "model.power.trigger" -> "model.NAME.trigger"
std::string generic(const std::string& section) {
  for (const std::string kind : {"source.", "model."}) {
    if (!section.starts_with(kind)) continue;
    const auto dot = section.find('.', kind.size());
    return kind + "NAME" + (dot == std::string::npos ? "" : section.substr(dot));
  }
  return section;
}

struct Setting {
  std::string section;
  std::string key;
  std::string value;
};

std::vector<Setting> settings_in(const std::string& toml) {
  std::vector<Setting> out;
  std::string section;
  for (const std::string& line : lines_of(toml)) {
    if (line.starts_with('[')) {
      const auto begin = line.find_first_not_of('[');
      section = generic(line.substr(begin, line.find(']') - begin));
    } else if (const auto equals = line.find(" = "); equals != std::string::npos && !line.starts_with('#')) {
      out.push_back({section, line.substr(0, equals), line.substr(equals + 3)});
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
  EXPECT_EQ(loaded.settings.models.at("power").triggers.size(), 4u);
}

TEST(InstalledFile, HoldsEveryKeyWithItsDefault) {
  const auto settings = settings_in(with_everything_turned_on(contents(kTree / "config" / "retraind.toml")));
  ASSERT_GT(known_keys().size(), 50u);
  for (const KnownKey& known : known_keys()) {
    const bool found = std::any_of(settings.begin(), settings.end(), [&known](const Setting& setting) {
      return setting.section == known.section && setting.key == known.key &&
             (known.fallback.empty() || setting.value == known.fallback);
    });
    EXPECT_TRUE(found) << "[" << known.section << "] " << known.key << " = " << known.fallback;
  }
}

TEST(InstalledFile, SaysTheRangeOfEveryKeyRightAboveIt) {
  // "daemon.max_parallel_runs" -> the comments above each of its settings.
  std::map<std::string, std::string> comments;
  std::string comment;
  std::string section;
  for (const std::string& line : lines_of(contents(kTree / "config" / "retraind.toml"))) {
    if (line.starts_with("# ")) {
      comment += line.substr(1);
      continue;
    }
    const std::string setting = line.starts_with('#') ? line.substr(1) : line;
    if (setting.starts_with('[')) {
      const auto begin = setting.find_first_not_of('[');
      section = generic(setting.substr(begin, setting.find(']') - begin));
    } else if (const auto equals = setting.find(" = "); equals != std::string::npos) {
      comments[section + "." + setting.substr(0, equals)] += comment;
    }
    comment.clear();
  }
  const std::regex bounds(R"((?:from|to|above|below|at least) ([0-9][0-9a-zA-Z.]*))");
  std::size_t checked = 0;
  for (const KnownKey& known : known_keys()) {
    const std::string& above = comments[known.section + "." + known.key];
    for (std::sregex_iterator it(known.expected.begin(), known.expected.end(), bounds), end; it != end; ++it) {
      const std::regex word("(^|[^0-9a-zA-Z.])" + (*it)[1].str() + "($|[^0-9a-zA-Z])");
      EXPECT_TRUE(std::regex_search(above, word)) << known.key << ": " << known.expected << "\nis not in:" << above;
      ++checked;
    }
  }
  EXPECT_GT(checked, 40u);
}

TEST(ConfigurationPage, HoldsEveryKeyWithItsRangeAndDefault) {
  struct Row {
    std::string section;
    std::string line;
  };
  std::vector<Row> rows;
  std::string section;
  for (const std::string& line : lines_of(contents(kTree / "docs" / "configuration.md"))) {
    if (line.starts_with("### ")) {
      const auto begin = line.find_first_not_of("`[", 4);
      section = line.find('[') == std::string::npos ? "" : line.substr(begin, line.find(']') - begin);
    }
    if (line.starts_with("| `")) rows.push_back({section, line});
  }
  for (const KnownKey& known : known_keys()) {
    const std::string begin = "| `" + known.key + "` | " + known.expected + " | ";
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& candidate) {
      return candidate.section == known.section && candidate.line.starts_with(begin);
    });
    if (row == rows.end()) {
      ADD_FAILURE() << "[" << known.section << "] lacks a row that begins with: " << begin;
    } else if (!known.fallback.empty()) {
      EXPECT_NE(row->line.find("`" + known.fallback + "`"), std::string::npos) << row->line;
    }
  }
  // And no row for a key that is gone.
  for (const Row& row : rows) {
    const std::vector<KnownKey> known = known_keys();
    const std::string key = row.line.substr(3, row.line.find('`', 3) - 3);
    EXPECT_TRUE(std::any_of(known.begin(), known.end(), [&](const KnownKey& one) {
      return one.section == row.section && one.key == key;
    })) << row.line;
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
  EXPECT_EQ(loaded.settings.models.at("power").triggers.size(), 3u);
}

}  // namespace
}  // namespace retraind::settings
