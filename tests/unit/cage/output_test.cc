// Programs and what they print.

#include "core/cage/log.h"
#include "tests/unit/cage/zoo.h"

namespace retraind::cage {
namespace {

class CageOutput : public Zoo {};
INSTANTIATE_TEST_SUITE_P(Means, CageOutput, testing::ValuesIn(kAllMeans), name_of);

TEST_P(CageOutput, OfManyGigabytesNeverBlocksAndIsCutInTheMiddle) {
  const std::uint64_t mebibytes = kSanitized || GetParam().cgroups ? 64 : 768;
  CageSpec given = shell("echo first; dd if=/dev/zero bs=1M count=$1 2>/dev/null | tr '\\000' x; echo; echo last",
                         {std::to_string(mebibytes)});
  given.log_bytes = 1000;
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.code, 0);
  EXPECT_TRUE(end.log.starts_with("first\nxxxx"));
  EXPECT_TRUE(end.log.ends_with("xxxx\nlast\n"));
  const std::uint64_t total = 6 + (mebibytes << 20) + 1 + 5;
  EXPECT_EQ(end.log_dropped, total - given.log_bytes);
  const std::string note = "\n[" + std::to_string(end.log_dropped) + " bytes left out]\n";
  EXPECT_NE(end.log.find(note), std::string::npos);
  EXPECT_EQ(end.log.size(), given.log_bytes + note.size());
}

TEST_P(CageOutput, ThatIsClosedIsNoEnd) {
  const CageEnd end = run_caged(shell("echo before; exec >&- 2>&-; sleep 0.3; exit 6"));
  EXPECT_EQ(end.code, 6);
  EXPECT_EQ(end.log, "before\n");
}

TEST_P(CageOutput, ThatIsBinaryBecomesText) {
  const CageEnd end = run_caged(shell("head -c 100000 /dev/urandom; printf '\\000\\033[31m\\377 end\\n'"));
  EXPECT_EQ(end.log.find('\0'), std::string::npos);
  EXPECT_EQ(harmless(end.log), end.log);
  EXPECT_TRUE(end.log.ends_with("[31m\xEF\xBF\xBD end\n"));
}

TEST_P(CageOutput, IsToldLineByLine) {
  std::vector<std::string> lines;
  CageSpec given = shell(
      "printf 'one\\n\\ntwo\\r'; printf 'error\\n' >&2; printf 'three\\r\\n'; "
      "head -c 10000 /dev/zero | tr '\\000' y; printf '\\nno end'");
  given.on_line = [&](std::string_view line) { lines.emplace_back(line); };
  const CageEnd end = run_caged(given);
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[0], "one");
  EXPECT_EQ(lines[1], "two");
  EXPECT_EQ(lines[2], "error");
  EXPECT_EQ(lines[3], "three");
  EXPECT_EQ(lines[4], std::string(4096, 'y'));
  EXPECT_EQ(lines[5], "no end");
  EXPECT_TRUE(end.log.starts_with("one\n\ntwo\nerror\nthree\ny"));
}

TEST_P(CageOutput, WithoutEndIsReadUntilTheTimeIsOver) {
  CageSpec given = spec({"/usr/bin/yes"});
  given.timeout = std::chrono::milliseconds(500);
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.stop, CageStop::timeout);
  EXPECT_EQ(end.signal, SIGTERM);
  EXPECT_GT(end.log_dropped, 0U);
}

TEST(Log, KeepsTheFirstHalfAndTheLast) {
  Log log(10, {});
  EXPECT_EQ(log.text(), "");
  log.append("abc");
  log.append("defghij");
  EXPECT_EQ(log.text(), "abcdefghij");
  EXPECT_EQ(log.dropped(), 0U);
  for (const char* part : {"k", "lmn", "", "opqrstuvwxyz"}) log.append(part);
  EXPECT_EQ(log.text(), "abcde\n[16 bytes left out]\nvwxyz");
  EXPECT_EQ(log.dropped(), 16U);
}

TEST(Log, IsBoundedInWhatItSaysAndNotOnlyInWhatItKeeps) {
  Log log(100, {});
  log.append(std::string(100, '\0'));
  EXPECT_EQ(log.dropped(), 0U);
  EXPECT_LE(log.text().size(), 100U + 20U);
  EXPECT_EQ(harmless(log.text()), log.text());
}

TEST(Log, DoesNotBreakACharacterThatStandsInTheMiddle) {
  Log log(8, {});
  log.append(
      "abc\xE2\x82\xAC"
      "de");  // the Euro sign on both sides of the middle
  EXPECT_EQ(log.text(),
            "abc\xE2\x82\xAC"
            "de");
}

TEST(Log, OfNothingKeepsNothing) {
  Log log(0, {});
  log.append("abc");
  EXPECT_EQ(log.text(), "\n[3 bytes left out]\n");
}

TEST(Harmless, ReplacesWhatIsNotText) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(harmless("tab\tand\nnewline"), "tab\tand\nnewline");
  EXPECT_EQ(harmless("10%\r20%\r\n"), "10%\n20%\n");
  EXPECT_EQ(harmless(std::string_view("a\0b\x7F", 4)), "a" + mark + "b" + mark);
  EXPECT_EQ(harmless("\xC2\x9B"), mark);  // a control character of two bytes
  EXPECT_EQ(harmless("\xC3\xA4\xF0\x9F\x98\x80"), "\xC3\xA4\xF0\x9F\x98\x80");
  EXPECT_EQ(harmless("\xC0\xAF"), mark + mark);                        // overlong
  EXPECT_EQ(harmless("\xED\xA0\x80"), mark + mark + mark);             // a surrogate
  EXPECT_EQ(harmless("\xF4\x90\x80\x80"), mark + mark + mark + mark);  // beyond U+10FFFF
  EXPECT_EQ(harmless("\xE2\x82"), mark + mark);                        // cut off
}

}  // namespace
}  // namespace retraind::cage
