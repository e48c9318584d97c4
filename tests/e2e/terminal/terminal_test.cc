// Commands at a terminal and in a pipe: widths, colours, times, and a status that is drawn again and again.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "tests/e2e/terminal/pseudo_terminal.h"
#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

// A registry in which a model has a name, a history and nothing to do; made by hand, so that no daemon is in the way.
class Terminal : public ::testing::Test {
 protected:
  void SetUp() override {
    config = world.configure("").string();
    world.registry.exec(R"sql(
INSERT INTO retraind.model (name, source, created_at) VALUES ('power', 'data', now()), ('gas', 'data', now());
INSERT INTO retraind.firing (model_id, trigger, kind, decision, reason, actor, evaluated_at)
SELECT m.model_id, 'nightly', 'schedule', 'suppressed',
       'a reason that is so long that no terminal of eighty columns could ever hold it in a single line of its own', 'x',
       '2026-05-03 12:00+00'::timestamptz + n * interval '1 hour'
  FROM retraind.model m CROSS JOIN generate_series(0, 3) n WHERE m.name = 'power';
)sql");
  }
  CommandResult run(std::vector<std::string> words) {
    words.insert(words.end(), {"--config", config});
    return world.run(words);
  }
  std::string at_terminal(std::vector<std::string> words, unsigned short columns) {
    words.insert(words.end(), {"--config", config});
    PseudoTerminal terminal(words, columns);
    EXPECT_EQ(terminal.wait(), 0) << terminal.drawn();
    return terminal.drawn();
  }
  static std::size_t lines_of(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  World world;
  std::string config;
};

TEST_F(Terminal, CutsAndColoursTablesAtATerminalOnly) {
  const Variable term("TERM", "xterm-256color");
  const Variable no_color("NO_COLOR", nullptr);
  const std::string drawn = at_terminal({"triggers"}, 80);
  EXPECT_NE(drawn.find("\x1b[1m"), std::string::npos) << drawn;
  EXPECT_NE(drawn.find("\x1b[33msuppressed\x1b[0m"), std::string::npos) << drawn;
  EXPECT_NE(drawn.find("…"), std::string::npos) << drawn;
  std::istringstream lines(without_codes(drawn));
  for (std::string line; std::getline(lines, line);) {
    const auto bytes_of_ellipsis = line.find("…") == std::string::npos ? 0U : 2U * (lines_of(line) + 1);
    EXPECT_LE(line.size() - bytes_of_ellipsis, 80U) << line;
  }
  const std::string piped = run({"triggers"}).output;
  EXPECT_EQ(piped.find('\x1b'), std::string::npos);
  EXPECT_EQ(piped.find("…"), std::string::npos);
  EXPECT_NE(piped.find("in a single line of its own\n"), std::string::npos) << piped;
}

TEST_F(Terminal, HeedsEveryWayToDoWithoutColour) {
  const Variable term("TERM", "xterm");
  const Variable no_color("NO_COLOR", nullptr);
  EXPECT_EQ(at_terminal({"triggers", "--color", "never"}, 80).find("\x1b["), std::string::npos);
  EXPECT_NE(run({"triggers", "--color", "always"}).output.find("\x1b["), std::string::npos);
  {
    const Variable set("NO_COLOR", "1");
    EXPECT_EQ(at_terminal({"triggers"}, 80).find("\x1b["), std::string::npos);
    EXPECT_NE(at_terminal({"triggers", "--color=always"}, 80).find("\x1b["), std::string::npos);
  }
  const Variable dumb("TERM", "dumb");
  EXPECT_EQ(at_terminal({"triggers"}, 80).find("\x1b["), std::string::npos);
}

TEST_F(Terminal, ShowsTimesOfTheLocalZoneAndJsonInUtc) {
  world.registry.exec("ALTER DATABASE " + world.registry.name() + " SET TimeZone = 'Asia/Tokyo'");
  const Variable zone("TZ", "Europe/Berlin");
  EXPECT_NE(run({"triggers"}).output.find("2026-05-03 14:00:00 +0200"), std::string::npos);
  EXPECT_NE(run({"triggers", "--utc"}).output.find("2026-05-03 12:00:00 +0000"), std::string::npos);
  const std::string json = run({"triggers", "--json"}).output;
  EXPECT_NE(json.find("2026-05-03T12:00:00+00:00"), std::string::npos) << json;
}

TEST_F(Terminal, ListsOnlyWhatIsAskedFor) {
  const Variable zone("TZ", "Europe/Berlin");
  const auto rows = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "triggers");
    words.emplace_back("--json");
    const CommandResult result = run(words);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return boost::json::parse(result.output).as_array().size();
  };
  EXPECT_EQ(rows({}), 4U);
  EXPECT_EQ(rows({"--limit", "3"}), 3U);
  EXPECT_EQ(rows({"--since", "2026-05-03 14:00+00"}), 2U);
  EXPECT_EQ(rows({"--since", "2026-05-03 16:00"}), 2U) << "in Berlin";
  EXPECT_EQ(rows({"--since", "2026-05-03 16:00", "--utc"}), 0U);
  EXPECT_EQ(rows({"--until", "2026-05-03 13:00Z"}), 1U);
  EXPECT_EQ(rows({"--since", "2026-05-03 13:00Z", "--until", "2026-05-03 15:00Z"}), 2U);
  EXPECT_EQ(rows({"--since", "2h"}), 0U);
  EXPECT_EQ(rows({"--model", "gas"}), 0U);
  for (const char* list : {"history", "runs", "trials", "releases", "scorings"}) {
    const CommandResult result =
        run({list, "--since", "7d", "--until", "2030-01-01", "--limit", "3", "--model", "gas"});
    EXPECT_EQ(result.exit_code, 0) << list << result.errors;
    EXPECT_EQ(result.output, "(none)\n");
  }
}

TEST_F(Terminal, ShowsAllAboutOneModel) {
  world.registry.exec("SELECT retraind.pause('power', 'the feed is broken')");
  const std::string text = run({"status", "power"}).output;
  EXPECT_NE(text.find("state         paused\n"), std::string::npos) << text;
  EXPECT_NE(text.find("paused_for    the feed is broken\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\ndecisions of triggers\n"), std::string::npos) << text;
  EXPECT_NE(text.find("suppressed"), std::string::npos) << text;
  const auto json = boost::json::parse(run({"status", "power", "--json"}).output).as_object();
  EXPECT_EQ(json.at("status").as_object().at("pause_reason").as_string(), "the feed is broken");
  EXPECT_EQ(json.at("triggers").as_array().size(), 4U);
  const CommandResult unknown = run({"status", "wind"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_NE(unknown.errors.find("there is no model \"wind\""), std::string::npos) << unknown.errors;
}

TEST_F(Terminal, DrawsTheStatusAgainUntilItIsInterrupted) {
  const Variable term("TERM", "xterm");
  PseudoTerminal terminal({"status", "--watch", "0.1", "--config", config}, 100);
  ASSERT_TRUE(terminal.shows("power")) << terminal.drawn();
  ASSERT_TRUE(terminal.shows("Ctrl-C ends"));
  EXPECT_EQ(terminal.drawn().find("paused"), std::string::npos);
  world.registry.exec("SELECT retraind.pause('power', 'because')");
  EXPECT_TRUE(terminal.shows("paused")) << terminal.drawn();
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                                "application_name = 'retraind command line'"),
            "1")
      << "one connection for all of it";
  terminal.resize(40, 10);
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait(), 0) << terminal.drawn();
  EXPECT_TRUE(terminal.drawn().ends_with("\x1b[?25h^C") || terminal.drawn().ends_with("\x1b[?25h"))
      << "the cursor is back";
}

TEST_F(Terminal, GoesOnDrawingWhileTheRegistryIsAway) {
  const Variable term("TERM", "xterm");
  PseudoTerminal terminal({"status", "--watch", "0.1", "--config", config}, 160);
  ASSERT_TRUE(terminal.shows("power"));
  world.registry.terminate_others();
  world.registry.exec("SELECT retraind.pause('power', 'because')");
  EXPECT_TRUE(terminal.shows("paused")) << terminal.drawn();
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(Terminal, RefusesToDrawWhereThereIsNoTerminal) {
  const CommandResult piped = run({"status", "--watch"});
  EXPECT_EQ(piped.exit_code, 2);
  EXPECT_EQ(piped.output, "");
  EXPECT_NE(piped.errors.find("--watch draws on a terminal"), std::string::npos) << piped.errors;
}

TEST_F(Terminal, ComplainsOnStandardErrorAndEndsWithTwo) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{}, {"histroy"}, {"history", "--modle", "x"}, {"rollback", "power"}}) {
    const CommandResult result = world.run(words);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.output, "");
    EXPECT_NE(result.errors, "");
  }
  EXPECT_NE(world.run({}).errors.find("\nSteer\n"), std::string::npos);
}

TEST_F(Terminal, SaysWhatToDoWhereTheRegistryIsNotReady) {
  TestDatabase empty;
  const auto with = [&](const std::string& conninfo) {
    std::ofstream(world.folder() / "other.toml") << "[registry]\nconninfo = \"" << conninfo << "\"\n";
    return world.run({"status", "--config", (world.folder() / "other.toml").string()});
  };
  const CommandResult missing = with(empty.conninfo());
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_NE(missing.errors.find("run `retraind migrate`"), std::string::npos) << missing.errors;
  const std::string login = "stranger_" + world.registry.name();
  world.registry.exec("DROP ROLE IF EXISTS " + login + "; CREATE ROLE " + login + " LOGIN");
  const CommandResult refused = with(world.registry.conninfo() + " user=" + login);
  EXPECT_EQ(refused.exit_code, 3) << refused.errors;
  EXPECT_NE(refused.errors.find("GRANT retraind_reader TO "), std::string::npos) << refused.errors;
}

}  // namespace
}  // namespace retraind::testing
