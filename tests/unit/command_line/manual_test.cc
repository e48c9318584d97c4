#include "daemon/manual.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "daemon/command_line.h"
#include "tests/unit/command_line/shell.h"

namespace retraind::daemon {
namespace {

const ManualEdition kEdition{.version = "1.2.3", .date = "2026-11-30"};

std::string configuration() {
  return read(std::filesystem::path(RETRAIND_SOURCE_DIR) / "config" / "retraind.toml");
}

// A page as it is read: without requests and escapes.
std::string plain(const std::string& page) {
  static const std::map<std::string, std::string> kSigns = {
      {"\\-", "-"},   {"\\fB", ""},   {"\\fI", ""},   {"\\fR", ""},   {"\\&", ""},
      {"\\(aq", "'"}, {"\\(ga", "`"}, {"\\(ha", "^"}, {"\\(ti", "~"}, {"\\e", "\\"}};
  std::string out;
  for (std::size_t i = 0; i < page.size();) {
    bool replaced = false;
    for (const auto& [escape, sign] : kSigns) {
      if (page.compare(i, escape.size(), escape) == 0) {
        out += sign;
        i += escape.size();
        replaced = true;
        break;
      }
    }
    if (!replaced) out += page[i++];
  }
  return out;
}

std::set<std::string> names_of(const CLI::Option& option) {
  std::set<std::string> out;
  for (const std::string& name : option.get_snames()) out.insert("-" + name);
  for (const std::string& name : option.get_lnames()) out.insert("--" + name);
  return out;
}

TEST(Manual, SaysOfEachCommandWhatItsHelpSays) {
  const CommandLine line;
  const std::string page = plain(command_page(line.tree(), kEdition));
  ASSERT_GT(public_commands(line.tree()).size(), 15U);
  EXPECT_EQ(page.find("VALUE"), std::string::npos) << "a flag that seems to take a value, or a value without a name";
  for (const CLI::App* command : public_commands(line.tree())) {
    const std::size_t begin = page.find("\n.SS " + command->get_name() + "\n");
    ASSERT_NE(begin, std::string::npos) << command->get_name();
    const std::string section = page.substr(begin, page.find("\n.S", begin + 1) - begin);
    const std::string help = command->help();
    EXPECT_NE(section.find(command->get_description()), std::string::npos) << command->get_name();
    EXPECT_NE(help.find(command->get_description()), std::string::npos) << command->get_name();
    for (const CLI::Option* option : public_options(*command)) {
      EXPECT_NE(section.find("\n" + option->get_description()), std::string::npos) << option->get_name() << section;
      EXPECT_FALSE(option->get_description().empty()) << command->get_name() << " " << option->get_name();
      const std::set<std::string> names =
          option->get_positional() ? std::set<std::string>{option->get_name()} : names_of(*option);
      for (const std::string& name : names) {
        EXPECT_NE(section.find(name), std::string::npos) << command->get_name() << " " << name;
        EXPECT_NE(help.find(name), std::string::npos) << command->get_name() << " " << name;
      }
    }
  }
}

TEST(Manual, ShowsTheExamplesOfHelpAndTheExitCodesOnce) {
  const CommandLine line;
  const std::string page = plain(command_page(line.tree(), kEdition));
  std::size_t examples = 0;
  for (const CLI::App* command : public_commands(line.tree())) {
    std::istringstream footer(command->get_footer());
    std::string text;
    while (std::getline(footer, text)) {
      if (!text.starts_with("  ")) continue;
      ++examples;
      EXPECT_NE(page.find("\n" + text.substr(2) + "\n"), std::string::npos) << text;
    }
  }
  EXPECT_GT(examples, 10U);
  const std::size_t codes = page.find("0 done; 1 the operation failed");
  EXPECT_NE(codes, std::string::npos);
  EXPECT_EQ(page.find("0 done; 1 the operation failed", codes + 1), std::string::npos);
}

TEST(Manual, DoesNotTellOfInternalCommands) {
  const CommandLine line;
  const std::string page = command_page(line.tree(), kEdition);
  const std::string completion = bash_completion(line.tree());
  std::size_t internal = 0;
  for (const CLI::App* command : line.tree().get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) continue;
    ++internal;
    EXPECT_EQ(page.find("\n.SS " + command->get_name() + "\n"), std::string::npos);
    EXPECT_EQ(completion.find("\n    " + command->get_name() + ")"), std::string::npos);
  }
  EXPECT_GE(internal, 4U);
}

TEST(Manual, HasEveryTableAndKeyOfTheConfigurationOnce) {
  const std::string page = plain(settings_page(configuration(), kEdition));
  std::istringstream lines(configuration());
  std::string line;
  std::map<std::string, std::size_t> expected;
  std::size_t keys = 0;
  while (std::getline(lines, line)) {
    if (line.empty() || line == "#" || line.starts_with("# ")) continue;
    const std::string setting = line.starts_with('#') ? line.substr(1) : line;
    if (setting.starts_with('[')) {
      ++expected["\n.SS " + setting + "\n"];
    } else {
      ++keys;
      ++expected["\n" + setting + "\n"];
    }
  }
  EXPECT_GT(keys, 100U);
  for (const auto& [text, count] : expected) {
    std::size_t found = 0;
    for (std::size_t at = page.find(text); at != std::string::npos; at = page.find(text, at + 1)) ++found;
    EXPECT_EQ(found, count) << text;
  }
}

TEST(Manual, RefusesALineOfTheConfigurationItCannotRead) {
  EXPECT_EQ(plain(settings_page("# So long.\n#wait = 1\n", kEdition)).find("\n.TP\nwait = 1\nSo long.\n") !=
                std::string::npos,
            true);
  EXPECT_THROW(settings_page("[daemon]\nnothing of the kind\n", kEdition), std::invalid_argument);
}

TEST(Manual, IsReadByGroffWithoutAWarning) {
  if (!is_there("groff")) GTEST_SKIP() << "groff is not installed";
  const CommandLine line;
  const Folder folder;
  const auto first = folder.write("retraind.1", command_page(line.tree(), kEdition));
  const auto second = folder.write("retraind.toml.5", settings_page(configuration(), kEdition));
  for (const auto& page : {first, second, std::filesystem::path(RETRAIND_SOURCE_DIR) / "docs" / "man" / "retraind.8"}) {
    const Output groff = run("groff -man -ww -z -K utf8 -T utf8 " + page.string());
    EXPECT_EQ(groff.code, 0);
    EXPECT_EQ(groff.text, "") << page;
  }
  // Someone who reads it sees the options, with hyphens that can be copied.
  const Output read = run("groff -man -K utf8 -T ascii " + first.string() + " | col -b");
  EXPECT_NE(read.text.find("--keep-columns"), std::string::npos) << read.text;
}

// What bash offers behind these words; the last one may be empty.
std::set<std::string> completed(const std::filesystem::path& script, const std::string& words,
                                const std::string& before) {
  const Output out = run("bash -c '. " + script.string() + "; " + before + " COMP_WORDS=(retraind " + words +
                         "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _retraind; printf \"%s\\n\" \"${COMPREPLY[@]}\"'");
  EXPECT_EQ(out.code, 0) << out.text;
  std::set<std::string> found;
  std::istringstream lines(out.text);
  std::string line;
  while (std::getline(lines, line)) {
    if (!line.empty()) found.insert(line);
  }
  return found;
}

TEST(Completion, OffersWhatTheCommandLineTakes) {
  if (!is_there("bash")) GTEST_SKIP() << "bash is not installed";
  const CommandLine line;
  const Folder folder;
  const auto script = folder.write("retraind.bash", bash_completion(line.tree()));
  std::set<std::string> commands;
  for (const CLI::App* command : public_commands(line.tree())) commands.insert(command->get_name());
  EXPECT_EQ(completed(script, "\"\"", ""), commands);
  std::set<std::string> global;
  for (const CLI::Option* option : public_options(line.tree())) global.merge(names_of(*option));
  for (const CLI::App* command : public_commands(line.tree())) {
    std::set<std::string> options = global;
    options.insert("--help");
    for (const CLI::Option* option : public_options(*command)) options.merge(names_of(*option));
    EXPECT_EQ(completed(script, command->get_name() + " -", ""), options) << command->get_name();
  }
}

TEST(Completion, OffersTheModelsOfTheConfigurationAndFiles) {
  if (!is_there("bash")) GTEST_SKIP() << "bash is not installed";
  const CommandLine line;
  const Folder folder;
  const auto script = folder.write("retraind.bash", bash_completion(line.tree()));
  const auto config =
      folder.write("a.toml", "[model.power]\nlabel = \"up\"\n[model.power.training]\n[model.pump]\n[model.x]\n");
  const std::string before = "RETRAIND_CONFIG=" + config.string() + "; cd " + folder.path().string() + ";";
  EXPECT_EQ(completed(script, "pause p", before), (std::set<std::string>{"power", "pump"}));
  EXPECT_EQ(completed(script, "runs --model x", before), (std::set<std::string>{"x"}));
  EXPECT_EQ(completed(script, "--config a.toml trigger pu", "cd " + folder.path().string() + ";"),
            (std::set<std::string>{"pump"}));
  EXPECT_EQ(completed(script, "check --config a", before), (std::set<std::string>{"a.toml"}));
  EXPECT_EQ(completed(script, "runs --limit \"\"", before), (std::set<std::string>{}));
}

}  // namespace
}  // namespace retraind::daemon
