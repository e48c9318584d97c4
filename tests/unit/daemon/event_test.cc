// Holds docs/messages.md, and the catalogue of the journal that is made from it, against the table of events.

#include "daemon/event.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace retraind::daemon {
namespace {

const std::filesystem::path kTree = RETRAIND_SOURCE_DIR;

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

// What stands between two headings, by what is in the heading's quotes.
std::vector<std::pair<std::string, std::string>> sections_of(const std::string& page) {
  std::vector<std::pair<std::string, std::string>> out;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## `")) {
      out.emplace_back(line.substr(4, line.size() - 5), "");
    } else if (!out.empty()) {
      out.back().second += line + "\n";
    }
  }
  return out;
}

TEST(Events, HaveNamesAndIdsOfTheirOwn) {
  std::set<std::string_view> names;
  std::set<std::string_view> ids;
  for (const EventEntry& entry : event_entries()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_TRUE(ids.insert(entry.message_id).second) << entry.name;
    EXPECT_EQ(entry.message_id.size(), 32u) << entry.name;
    EXPECT_EQ(entry.message_id.find_first_not_of("0123456789abcdef"), std::string_view::npos) << entry.name;
    EXPECT_EQ(entry.message_id[12], '4') << entry.name << ": no random uuid";
    EXPECT_EQ(entry.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << entry.name;
    EXPECT_FALSE(entry.subject.ends_with('.')) << entry.name;
  }
  EXPECT_EQ(entry_of(Event::registry_unavailable).name, "registry_unavailable");
}

TEST(MessagesPage, HasEachEventInOrderWithItsIdAndWhatToDo) {
  const auto sections = sections_of(contents(kTree / "docs" / "messages.md"));
  ASSERT_EQ(sections.size(), event_entries().size());
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const EventEntry& entry = event_entries()[i];
    const auto& [name, text] = sections[i];
    EXPECT_EQ(name, entry.name);
    const std::string begin =
        fmt::format("\n{}. Level {}, `{}`.\n\n", entry.subject, retraind::to_text(entry.level), entry.message_id);
    EXPECT_TRUE(text.starts_with(begin)) << name << " does not begin with " << begin;
    for (const char* part : {"\n\n*retraind:* ", "\n\n*You:* "}) {
      const auto at = text.find(part);
      ASSERT_NE(at, std::string::npos) << name << " lacks " << part;
      EXPECT_GT(text.find('\n', at + std::string_view(part).size()) - at, 15u) << name << part;
    }
  }
}

TEST(MessagesPage, NamesNoOtherMessageThatIsNotThere) {
  std::set<std::string> names;
  for (const EventEntry& entry : event_entries()) names.emplace(entry.name);
  for (const auto& [name, text] : sections_of(contents(kTree / "docs" / "messages.md"))) {
    for (const std::string words : {"see `", "See `", "lines `", "a line `"}) {
      for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
        const auto begin = at + words.size();
        const std::string other = text.substr(begin, text.find('`', begin) - begin);
        const bool of_another_kind = other.find('.') != std::string::npos || other.find(' ') != std::string::npos;
        EXPECT_TRUE(of_another_kind || names.contains(other)) << name << " names " << other;
      }
    }
  }
}

TEST(JournalCatalogue, IsWhatThePageSays) {
  const std::string check = (kTree / "scripts" / "message_catalog").string() + " --check";
  EXPECT_EQ(std::system(check.c_str()), 0);
  const std::string catalogue = contents(kTree / "systemd" / "retraind.catalog");
  for (const EventEntry& entry : event_entries()) {
    EXPECT_NE(catalogue.find(fmt::format("\n-- {}\nSubject: {}\n", entry.message_id, entry.subject)), std::string::npos)
        << entry.name;
  }
}

TEST(LogCalls, NameAnEventWhereverTheySayMoreThanInformation) {
  // log.h offers nothing else; this keeps others from going around it.
  for (const auto& file : std::filesystem::recursive_directory_iterator(kTree / "daemon")) {
    if (file.path().filename() == "log.cc" || file.path().extension() != ".cc") continue;
    const std::string text = contents(file.path());
    EXPECT_EQ(text.find("spdlog::"), std::string::npos) << file.path();
    EXPECT_EQ(text.find("sd_journal_"), std::string::npos) << file.path();
  }
}

}  // namespace
}  // namespace retraind::daemon
