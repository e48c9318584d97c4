// The pages against the tree of commands and against each other: each command that a page shows parses, with its
// options, and each link between pages leads somewhere.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "daemon/command_line.h"
#include "daemon/usage_error.h"

namespace retraind::daemon {
namespace {

const std::filesystem::path kTree = RETRAIND_SOURCE_DIR;

std::vector<std::filesystem::path> pages() {
  std::vector<std::filesystem::path> out = {kTree / "README.md", kTree / "core" / "README.md"};
  for (const auto& entry : std::filesystem::directory_iterator(kTree / "docs")) {
    if (entry.path().extension() == ".md") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// As a shell would split it: quotes keep words together, and what stands behind a redirection is no word. Two spaces
// begin a column in which the page says what the command is for.
std::vector<std::string> words_of(const std::string& whole) {
  const std::string line = whole.substr(0, whole.find("  "));
  std::vector<std::string> out;
  std::string word;
  bool inside = false;
  char quote = 0;
  for (const char c : line + " ") {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      inside = true;
    } else if (c == ' ') {
      if (inside) out.push_back(word);
      word.clear();
      inside = false;
    } else {
      word += c;
      inside = true;
    }
  }
  const auto end = std::find_if(out.begin(), out.end(), [](const std::string& one) {
    return one == "#" || one == "|" || one == "<" || one == ">" || one == "&&" || one == ";" || one == "\\";
  });
  out.erase(end, out.end());
  return out;
}

// A page writes MODEL, RUN, N and so on where a person puts a value, and "[--option VALUE]" for what may be left out.
std::vector<std::string> with_values(std::vector<std::string> words) {
  std::vector<std::string> out;
  for (std::string word : words) {
    for (const char bracket : {'[', ']', '(', ')'})
      word.erase(std::remove(word.begin(), word.end(), bracket), word.end());
    if (word == "|") continue;
    if (word == "N" || word == "VERSION" || word == "RUN" || word == "SECONDS") word = "30";
    if (word == "TIME") word = "2h";
    if (word == "COMMAND") word = "status";
    if (!word.empty()) out.push_back(word);
  }
  return out;
}

struct Shown {
  std::string place;
  std::string line;
};

// Every line of a code block that begins with the program's name, and every `retraind …` with more than one word that
// stands in a sentence.
std::vector<Shown> shown_commands() {
  std::vector<Shown> out;
  const std::regex inline_code("`(retraind [^`]+)`");
  for (const auto& page : pages()) {
    bool fenced = false;
    int number = 0;
    for (const std::string& line : lines_of(page)) {
      ++number;
      const std::string place = page.filename().string() + ":" + std::to_string(number);
      if (line.starts_with("```")) {
        fenced = !fenced;
        continue;
      }
      const bool indented = line.starts_with("    ");
      std::string code = indented ? line.substr(4) : line;
      if (code.starts_with("$ ")) code.erase(0, 2);
      if (fenced || indented) {
        if (code.starts_with("retraind ")) out.push_back({place, code});
        continue;
      }
      for (std::sregex_iterator found(line.begin(), line.end(), inline_code), end; found != end; ++found) {
        out.push_back({place, (*found)[1].str()});
      }
    }
  }
  return out;
}

// Words for alternatives in brackets, "A | B", are tried one after the other.
std::vector<std::string> alternatives(const std::string& line) {
  const auto open = line.find('[');
  const auto bar = line.find(" | ");
  const auto close = line.find(']', bar == std::string::npos ? 0 : bar);
  if (bar == std::string::npos || open == std::string::npos || close == std::string::npos) return {line};
  const auto begin = line.rfind('[', bar);
  if (begin == std::string::npos) return {line};
  return {line.substr(0, bar) + line.substr(close), line.substr(0, begin + 1) + line.substr(bar + 3)};
}

TEST(Documentation, ShowsCommandsThatParse) {
  int commands = 0;
  for (const Shown& shown : shown_commands()) {
    for (const std::string& line : alternatives(shown.line)) {
      std::vector<std::string> words = with_values(words_of(line));
      ASSERT_EQ(words.at(0), "retraind") << shown.place;
      words.erase(words.begin());
      if (words.empty()) continue;
      // A sentence names a command, "`retraind drift`", without what it needs; its options are looked at all the same.
      CommandLine command_line;
      std::vector<std::string> reversed(words.rbegin(), words.rend());
      ++commands;
      try {
        command_line.tree().parse(reversed);
      } catch (const CLI::RequiredError&) {
        const auto known = command_line.tree().get_subcommands([](const CLI::App*) { return true; });
        EXPECT_TRUE(std::any_of(
            known.begin(), known.end(),
            [&](const CLI::App* one) { return std::find(words.begin(), words.end(), one->get_name()) != words.end(); }))
            << shown.place << ": " << shown.line;
      } catch (const CLI::ParseError& error) {
        EXPECT_EQ(error.get_exit_code(), 0) << shown.place << ": " << shown.line << "\n"
                                            << explain_usage(command_line.tree(), words, error);
      }
    }
  }
  EXPECT_GE(commands, 50);
}

TEST(Documentation, ShowsInHelpExamplesThatParse) {
  const CommandLine whole;
  int examples = 0;
  for (const CLI::App* command : whole.tree().get_subcommands([](const CLI::App*) { return true; })) {
    std::istringstream lines(command->get_footer());
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("  retraind ")) continue;
      std::vector<std::string> words = words_of(line.substr(2));
      words.erase(words.begin());
      std::reverse(words.begin(), words.end());
      CommandLine command_line;
      ++examples;
      EXPECT_NO_THROW(command_line.tree().parse(words)) << line;
    }
  }
  EXPECT_GE(examples, 30);
}

// "Roles and the schema" is linked to as #roles-and-the-schema, as GitHub makes it.
std::string anchor_of(const std::string& heading) {
  std::string out;
  for (const char c : heading) {
    if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else if (c == ' ') {
      out += '-';
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               (static_cast<unsigned char>(c) & 0x80) != 0) {
      out += c;
    }
  }
  return out;
}

std::set<std::string> anchors_in(const std::filesystem::path& page) {
  std::set<std::string> out;
  bool fenced = false;
  for (const std::string& line : lines_of(page)) {
    if (line.starts_with("```")) fenced = !fenced;
    if (fenced || !line.starts_with("#")) continue;
    const std::string anchor = anchor_of(line.substr(line.find_first_not_of("# ")));
    std::string numbered = anchor;
    for (int i = 1; out.contains(numbered); ++i) numbered = anchor + "-" + std::to_string(i);
    out.insert(numbered);
  }
  return out;
}

TEST(Documentation, LinksToPagesAndHeadingsThatAreThere) {
  int links = 0;
  const std::regex link(R"(\]\(([^)\s]+)\))");
  for (const auto& page : pages()) {
    int number = 0;
    bool fenced = false;
    for (const std::string& line : lines_of(page)) {
      ++number;
      if (line.starts_with("```")) fenced = !fenced;
      if (fenced) continue;
      for (std::sregex_iterator found(line.begin(), line.end(), link), end; found != end; ++found) {
        const std::string target = (*found)[1].str();
        if (target.starts_with("http://") || target.starts_with("https://")) continue;
        ++links;
        const std::string file = target.substr(0, target.find('#'));
        const std::filesystem::path path = file.empty() ? page : page.parent_path() / file;
        const std::string place = page.filename().string() + ":" + std::to_string(number);
        ASSERT_TRUE(std::filesystem::exists(path)) << place << ": " << target;
        if (target.find('#') == std::string::npos) continue;
        EXPECT_TRUE(anchors_in(path).contains(target.substr(target.find('#') + 1))) << place << ": " << target;
      }
    }
  }
  EXPECT_GE(links, 45);
}

TEST(Documentation, IsReachedFromTheReadme) {
  const std::vector<std::string> lines = lines_of(kTree / "README.md");
  for (const auto& entry : std::filesystem::directory_iterator(kTree / "docs")) {
    if (entry.path().extension() != ".md") continue;
    const std::string link = "(docs/" + entry.path().filename().string();
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(link) != std::string::npos;
    })) << link;
  }
}

}  // namespace
}  // namespace retraind::daemon
