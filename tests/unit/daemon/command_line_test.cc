// The tree of commands: what it refuses, in words that help, and what it promises in its help.
#include "daemon/command_line.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "daemon/usage_error.h"

namespace retraind::daemon {
namespace {

// What is said of these words; empty where they parse.
std::string said(const std::vector<std::string>& words) {
  CommandLine line;
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    line.tree().parse(reversed);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? "help" : explain_usage(line.tree(), words, error);
  }
  return "";
}

TEST(CommandLine, NamesTheNearestCommand) {
  EXPECT_EQ(
      said({"histroy"}),
      "retraind: unknown command 'histroy'; did you mean 'history'?\nhint: `retraind --help` says what there is\n");
  EXPECT_EQ(said({"--json", "--config", "x.toml", "statsu"}),
            "retraind: unknown command 'statsu'; did you mean 'status'?\nhint: `retraind --help` says what there is\n");
  EXPECT_EQ(said({"frobnicate"}),
            "retraind: unknown command 'frobnicate'\nhint: `retraind --help` says what there is\n");
  EXPECT_EQ(said({"wrker"}).find("did you mean"), std::string::npos) << "what is internal is nobody's business";
}

TEST(CommandLine, NamesTheNearestOption) {
  EXPECT_EQ(said({"history", "--modle", "power"}),
            "retraind: unknown option '--modle'; did you mean '--model'?\n"
            "hint: `retraind history --help` says what there is\n");
  EXPECT_EQ(said({"status", "--limit=3"}),
            "retraind: unknown option '--limit'\nhint: `retraind status --help` says what there is\n");
}

TEST(CommandLine, SaysWhatIsMissingWithAnExample) {
  EXPECT_EQ(
      said({"history", "--limit"}),
      "retraind: --limit needs a value, such as --limit 50\nhint: `retraind history --help` says what there is\n");
  EXPECT_EQ(
      said({"rollback"}),
      "retraind: `retraind rollback` needs MODEL; for example: retraind rollback power --reason \"complaints since "
      "Monday\"\nhint: `retraind rollback --help` says what there is\n");
  EXPECT_EQ(said({"approve", "17"}),
            "retraind: `retraind approve` needs --reason; for example: retraind approve 17 --reason \"looked at the "
            "slices\"\nhint: `retraind approve --help` says what there is\n");
  EXPECT_NE(said({"--json"}).find("a command is missing"), std::string::npos) << said({"--json"});
}

TEST(CommandLine, SaysWhatAValueShouldBe) {
  EXPECT_EQ(
      said({"runs", "--limit", "0"}).find("retraind: --limit: Value 0 not in range 1 to 100000, such as --limit 50"),
      0u)
      << said({"runs", "--limit", "0"});
  EXPECT_NE(said({"runs", "--since", "tuesday"}).find("expected a duration before now (2h, 7d), a date"),
            std::string::npos)
      << said({"runs", "--since", "tuesday"});
  EXPECT_NE(said({"runs", "--color", "blue"}).find("expected auto, always or never, found \"blue\""), std::string::npos)
      << said({"runs", "--color", "blue"});
  EXPECT_NE(said({"approve", "seventeen", "--reason", "x"}).find("RUN"), std::string::npos)
      << said({"approve", "seventeen", "--reason", "x"});
  EXPECT_NE(said({"status", "--watch", "0"}).find("expected seconds from 0.1 to 86400"), std::string::npos)
      << said({"status", "--watch", "0"});
  EXPECT_NE(said({"resume", "power", "gas"}).find("`retraind resume` takes no more words: gas"), std::string::npos)
      << said({"resume", "power", "gas"});
}

TEST(CommandLine, TakesWhatItsHelpPromises) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"status", "power"},
                                             {"status", "--watch"},
                                             {"status", "--watch", "0.5"},
                                             {"status", "power", "--watch"},
                                             {"history", "--since", "2h", "--until", "2026-05-03 12:00+02"},
                                             {"runs", "-m", "power", "-n", "3", "--utc", "--color", "never"},
                                             {"scorings", "--limit", "3", "--since", "7d"},
                                             {"worker", "--parent", "1", "--root-owned-commands"}}) {
    EXPECT_EQ(said(words), "");
  }
  EXPECT_EQ(said({"history", "--help"}), "help");
}

TEST(CommandLine, DoesNotRepeatWhatATerminalWouldObey) {
  EXPECT_EQ(said({"\x1b[2Jstatus"}).find('\x1b'), std::string::npos);
  EXPECT_EQ(said({"status", "--\x1b[2J"}).find('\x1b'), std::string::npos);
}

TEST(CommandLine, GivesEveryCommandAGroupAndExamplesThatParse) {
  CommandLine line;
  int commands = 0;
  for (const CLI::App* command : line.tree().get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;
    ++commands;
    const std::string footer = command->get_footer();
    EXPECT_TRUE(footer.starts_with("Example")) << command->get_name();
    EXPECT_NE(footer.find("\n  retraind " + command->get_name()), std::string::npos) << command->get_name();
    EXPECT_NE(footer.find("Exit codes:"), std::string::npos) << command->get_name();
  }
  EXPECT_GE(commands, 22);
}

TEST(CommandLine, ListsTheCommandsByWhatTheyAreFor) {
  const CommandLine line;
  const std::string help = short_help(line.tree());
  std::size_t at = 0;
  for (const char* group :
       {"\nLook\n  status ", "\nSteer\n  trigger ", "\nData science\n  drift ", "\nOperate\n  run "}) {
    const std::size_t found = help.find(group);
    EXPECT_NE(found, std::string::npos) << group << help;
    EXPECT_GE(found, at);
    at = found;
  }
  EXPECT_EQ(help.find("worker"), std::string::npos);
}

}  // namespace
}  // namespace retraind::daemon
