// Tables as they go into a pipe, letter by letter, and as a terminal of some width shows them.
#include "daemon/table.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "daemon/display_text.h"
#include "daemon/terminal.h"

namespace retraind::daemon {
namespace {

using runs::ColumnKind;

// The zone of the process, put back at the end.
class InZone {
 public:
  explicit InZone(const char* zone) {
    if (const char* old = std::getenv("TZ")) before_ = old;
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  ~InZone() {
    before_ ? ::setenv("TZ", before_->c_str(), 1) : ::unsetenv("TZ");
    ::tzset();
  }

 private:
  std::optional<std::string> before_;
};

runs::Page runs_page() {
  return {.columns = {"run", "model", "state", "queued_at", "took", "candidate", "reason"},
          .kinds = {ColumnKind::number, ColumnKind::text, ColumnKind::text, ColumnKind::time, ColumnKind::interval,
                    ColumnKind::number, ColumnKind::text},
          .rows = {{"12", "power", "promoted", "2026-07-01 12:00:00+00", "00:01:20.5", "0.4722",
                    "candidate is better than production by 0.9 log_loss"},
                   {"7", "électricité", "failed", "2026-01-01 12:00:00.25+00", std::nullopt, std::nullopt,
                    "the query is wrong"}},
          .json = "[]"};
}

TEST(Table, GoesIntoAPipeAsItIsWithoutColourAndWithoutACut) {
  const InZone zone("Europe/Berlin");
  EXPECT_EQ(render_table(runs_page()),
            "run  model        state     queued_at                  took        candidate  reason\n"
            "---  -----------  --------  -------------------------  ----------  ---------  "
            "----------------------------------------\n"
            " 12  power        promoted  2026-07-01 14:00:00 +0200  1 min 20 s     0.4722  "
            "candidate is better than production by 0.9 log_loss\n"
            "  7  électricité  failed    2026-01-01 13:00:00 +0100           -          -  the query is wrong\n");
}

TEST(Table, HasTimesInUtcWhereThatIsAskedFor) {
  const InZone zone("Europe/Berlin");
  EXPECT_NE(render_table(runs_page(), {.utc = true}).find("2026-07-01 12:00:00 +0000"), std::string::npos);
}

TEST(Table, WithoutRowsSaysSo) {
  EXPECT_EQ(render_table({.columns = {"a"}, .kinds = {}, .rows = {}, .json = ""}), "(none)\n");
}

TEST(Table, IsAlignedByWhatATerminalShows) {
  const runs::Page page{
      .columns = {"name", "x"}, .kinds = {}, .rows = {{"模型", "a"}, {"e\xCC\x81t", "b"}, {"😀", "c"}}, .json = ""};
  EXPECT_EQ(render_table(page),
            "name  x\n"
            "----  -\n"
            "模型  a\n"
            "e\xCC\x81t    b\n"
            "😀    c\n");
}

TEST(Table, PutsADashWithTheTextsOfItsColumn) {
  const runs::Page page{
      .columns = {"detail", "n"}, .kinds = {}, .rows = {{std::nullopt, "1"}, {"text", "22"}}, .json = ""};
  EXPECT_EQ(render_table(page),
            "detail  n\n"
            "------  --\n"
            "-        1\n"
            "text    22\n");
}

TEST(Table, FitsATerminalByCuttingTheWidestTextFirst) {
  const InZone zone("UTC");
  const std::string out = render_table(runs_page(), {.width = 100});
  EXPECT_EQ(out,
            "run  model        state     queued_at                  took        candidate  reason\n"
            "---  -----------  --------  -------------------------  ----------  ---------  ----------------------\n"
            " 12  power        promoted  2026-07-01 12:00:00 +0000  1 min 20 s     0.4722  candidate is better t…\n"
            "  7  électricité  failed    2026-01-01 12:00:00 +0000           -          -  the query is wrong\n");
}

TEST(Table, NeverIsWiderThanItsTerminal) {
  for (std::size_t width = 1; width < 130; ++width) {
    const std::string out = render_table(runs_page(), {.colour = false, .width = width});
    for (std::size_t begin = 0; begin < out.size(); begin = out.find('\n', begin) + 1) {
      EXPECT_LE(display_width(out.substr(begin, out.find('\n', begin) - begin)), width) << out;
    }
  }
}

TEST(Table, ColoursHeadersAndFewStatesOnly) {
  const std::string out = render_table(runs_page(), {.colour = true});
  EXPECT_NE(out.find("\033[1mrun\033[0m"), std::string::npos);
  EXPECT_NE(out.find("\033[32mpromoted\033[0m"), std::string::npos);
  EXPECT_NE(out.find("\033[31mfailed\033[0m"), std::string::npos);
  EXPECT_EQ(out.find("\033[31mthe query"), std::string::npos);
  EXPECT_EQ(out.find("\033[32mpower"), std::string::npos);
}

TEST(Table, ObeysNothingThatStandsInACell) {
  const runs::Page page{.columns = {"reason"},
                        .kinds = {},
                        .rows = {{"a\x1b[2Jb\r\nc\td\x7f\x01 \xC2\x9B"
                                  "31m \xE2\x80\xAE"
                                  "evil \xFF"}},
                        .json = ""};
  const std::string out = render_table(page, {.colour = true, .width = 80});
  const std::string cells = out.substr(out.rfind('\n', out.size() - 2) + 1);
  EXPECT_EQ(cells, "a\uFFFD[2Jb  c d\uFFFD\uFFFD \uFFFD31m \uFFFDevil \uFFFD\n");
}

TEST(Table, SpellsIntervalsWithUnits) {
  EXPECT_EQ(spelled_interval("00:00:00.25"), "250 ms");
  EXPECT_EQ(spelled_interval("00:00:00"), "0 ms");
  EXPECT_EQ(spelled_interval("00:00:12.345678"), "12.3 s");
  EXPECT_EQ(spelled_interval("00:03:20"), "3 min 20 s");
  EXPECT_EQ(spelled_interval("05:07:00"), "5 h 7 min");
  EXPECT_EQ(spelled_interval("1 day 02:00:00"), "1 d 2 h");
  EXPECT_EQ(spelled_interval("12 days"), "12 d 0 h");
  for (const char* other : {"-00:00:01", "1 mon", "soon"}) EXPECT_EQ(spelled_interval(other), other);
}

TEST(Record, NamesEachFieldThatIsThere) {
  const runs::Page page{
      .columns = {"model", "state", "alerts"}, .kinds = {}, .rows = {{"power", "paused", std::nullopt}}, .json = ""};
  EXPECT_EQ(render_record(page, 0, {}), "model   power\nstate   paused\n");
}

TEST(Terminal, IsColouredOnlyWhereSomebodySeesIt) {
  constexpr auto automatic = ColourWish::automatic;
  EXPECT_TRUE(wants_colour(automatic, true, nullptr, "xterm"));
  EXPECT_TRUE(wants_colour(automatic, true, "", "xterm")) << "an empty NO_COLOR says nothing";
  EXPECT_FALSE(wants_colour(automatic, true, "1", "xterm"));
  EXPECT_FALSE(wants_colour(automatic, true, nullptr, "dumb"));
  EXPECT_FALSE(wants_colour(automatic, true, nullptr, nullptr));
  EXPECT_FALSE(wants_colour(automatic, false, nullptr, "xterm"));
  EXPECT_TRUE(wants_colour(ColourWish::always, false, "1", "dumb"));
  EXPECT_FALSE(wants_colour(ColourWish::never, true, nullptr, "xterm"));
}

TEST(DisplayText, IsCutBetweenCharacters) {
  EXPECT_EQ(cut_to_width("abc", 3), "abc");
  EXPECT_EQ(cut_to_width("abcd", 3), "ab…");
  EXPECT_EQ(cut_to_width("模型模型", 5), "模型…");
  EXPECT_EQ(cut_to_width("模型模型", 4), "模…");
  EXPECT_EQ(cut_to_width("abc", 1), "…");
  EXPECT_EQ(cut_to_width("abc", 0), "");
}

}  // namespace
}  // namespace retraind::daemon
