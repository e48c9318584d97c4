#include "core/settings/toml_guard.h"

#include <gtest/gtest.h>

#include <random>

#include "core/settings/load.h"

namespace retraind::settings {
namespace {

std::string repeated(std::string_view part, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += part;
  return out;
}

std::string refusal(std::string_view toml) {
  const auto found = find_unsafe_toml(toml);
  return found ? std::to_string(found->line) + ":" + std::to_string(found->column) + ": " + found->message : "";
}

TEST(TomlGuard, LetsOrdinaryTomlPass) {
  for (const std::string& toml :
       {std::string(""), std::string("a = 1"), std::string("\xEF\xBB\xBF\"a\" = 1\n"),
        std::string("a.\"b c\".'d' = \"é [[[ {{{ . . #\" # é\n"),
        std::string("a=\"x\"\nb={c='y',d=[\"z\",{e=1.5}]}\r\n"),
        std::string("a = '''\né ' '' \"\"\" \\'''\nb = \"\"\"é\\\"\" \"\"é\"\"\"\"\"\nc = ''\nd = \"\"\n"),
        std::string("a = [ # é\n  \"b\", # [\n]\n[[c.d]]\n"), std::string("a = \"\"\"x \\\n\n   y\\u00e9\"\"\"\n"),
        "a = [" + repeated("0.5,", 200) + "]\n"}) {
    EXPECT_EQ(refusal(toml), "") << toml;
  }
}

TEST(TomlGuard, RefusesWhatOverflowsTheStackOfTheParser) {
  EXPECT_EQ(refusal("\na" + repeated(".a", 30000) + " = 1"), "2:32: dotted key of more than 16 parts");
  EXPECT_EQ(refusal("[a" + repeated(" . a", 16) + "]"), "1:64: dotted key of more than 16 parts");
  EXPECT_EQ(refusal("a = " + repeated("[", 17)), "1:21: more than 16 brackets open");
  EXPECT_EQ(refusal("a = " + repeated("[\n", 17)), "17:1: more than 16 brackets open");
  EXPECT_EQ(refusal("a = " + repeated("{a=", 17)), "1:53: more than 16 brackets open");
  EXPECT_EQ(refusal("a = " + repeated("[]", 17)), "1:7: '[' inside or right after a value");
  EXPECT_EQ(refusal("##" + repeated("é", 4096)),
            "1:4098: line of more than 8192 bytes; a long string may be broken "
            "between triple quotes");
}

TEST(TomlGuard, RefusesCharactersThatTheParserLooksUpWithUndefinedBehaviour) {
  const std::string outside = "character outside ASCII; only strings and comments may hold one";
  EXPECT_EQ(refusal("\xEF\xBF\xBB:"), "1:1: " + outside);
  EXPECT_EQ(refusal("a = 5\xEF\xBF\xBB"), "1:6: " + outside);
  EXPECT_EQ(refusal("a = \"\"\"x\\\xEF\xB9\xBF\"\"\""), "1:10: character outside ASCII after a backslash");
  EXPECT_EQ(refusal("a = \"\"\"x\\\n  \xEF\xB9\xBF\"\"\""), "2:3: character outside ASCII after a backslash");
  EXPECT_EQ(refusal("a=[95-2.\"\"\"\xEF\xB3\xBF"), "1:9: '\"' inside or right after a value");
  EXPECT_EQ(refusal("insgft = 2[[\"9-\xEF\xBF\xBD"), "1:11: '[' inside or right after a value");
  EXPECT_EQ(refusal("a = 2=\"\xEF\xBF\xBD"), "1:6: '=' inside or right after a value");
}

TEST(TomlGuard, SaysWhereAnUnendedStringBegins) {
  EXPECT_EQ(refusal("ab = \"é\n"), "1:6: string without an end on its line; use triple quotes");
}

TEST(LoadText, RefusesMoreThan64KiBAndTakesExactlyThat) {
  std::string text = "[registry]\nconninfo = \"service=r\"\n";
  while (text.size() + 2 <= kMaxFileBytes) text += "#\n";
  text.append(kMaxFileBytes - text.size(), '\n');
  EXPECT_TRUE(load_text(text, "big.toml", "host").complaints.empty());
  const Loaded loaded = load_text(text + "\n", "big.toml", "host");
  ASSERT_EQ(loaded.complaints.size(), 1u);
  EXPECT_EQ(loaded.complaints[0].text(),
            "big.toml: the file is larger than 64 KiB; spread its models over included files");
}

// The parser and everything behind it live through any damage to a real file. The sanitizers are the judges.
TEST(LoadText, LivesThroughAnyDamageToAFile) {
  const std::string whole = R"([registry]
conninfo = "service=r"
[source.s]
conninfo = 'host=db'
[model.m]
source = "s"
query = '''SELECT é'''
time_column = "ts"
label = "up"
training = { window = "28d", params = { eta = 0.1, max_depth = 0x6 }, seed = 1_0 }
[[model.m.trigger]]
on = "schedule" # nightly
cron = "0 3 * * *"
[[model.m.trigger]]
on = "drift"
for = 2
alpha = 1e-2
cooldown = 1979-05-27 07:32:00Z
)";
  constexpr std::string_view kBytes = "[]{}=.,#\"'\\\n\t _-+0159aeinxZ\x01\xC3\xA9\xEF\xBF\xBD";
  std::mt19937_64 random(7);
  const auto below = [&random](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  std::size_t complaints = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text = whole;
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text.erase(at, 1 + below(8));
          break;
        case 1:
          text.insert(at, 1 + below(3), kBytes[below(kBytes.size())]);
          break;
        case 2:
          text[at] = kBytes[below(kBytes.size())];
          break;
        default:
          text.insert(at, text.substr(below(text.size()), below(40)));
          break;
      }
    }
    for (const Complaint& complaint : load_text(text, "damaged.toml", "host").complaints) {
      ++complaints;
      EXPECT_EQ(complaint.text().find('\n'), std::string::npos) << complaint.text();
    }
  }
  EXPECT_GT(complaints, 3000u);
}

}  // namespace
}  // namespace retraind::settings
