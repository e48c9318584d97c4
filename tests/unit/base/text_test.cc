#include "core/base/text.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"

namespace retraind {
namespace {

using Known = std::vector<std::string>;

std::string nearest_or_none(std::string_view word, const Known& known) {
  return nearest(word, known).value_or("none");
}

TEST(Nearest, FindsAWordOneEditAway) {
  const Known keys = {"query", "label", "features", "time_column"};
  EXPECT_EQ(nearest_or_none("querry", keys), "query");       // a letter too many
  EXPECT_EQ(nearest_or_none("lable", keys), "label");        // two neighbours swapped
  EXPECT_EQ(nearest_or_none("feetures", keys), "features");  // a letter replaced
  EXPECT_EQ(nearest_or_none("time_colum", keys), "time_column");
}

TEST(Nearest, CountsASwapOfNeighboursAsOneEdit) {
  // Six letters allow two edits: two swaps are near enough, but would be four replacements.
  EXPECT_EQ(nearest_or_none("badcef", {"abcdef"}), "abcdef");
}

TEST(Nearest, AllowsAThirdOfTheLengthAndNoMore) {
  EXPECT_EQ(nearest_or_none("abcdef", {"abcdXY"}), "abcdXY");
  EXPECT_EQ(nearest_or_none("abcdef", {"abcXYZ"}), "none");
}

TEST(Nearest, AllowsOneEditOfAShortWord) {
  EXPECT_EQ(nearest_or_none("fr", {"for"}), "for");
  EXPECT_EQ(nearest_or_none("x", {"xyz"}), "none");
}

TEST(Nearest, PrefersTheNearestThenTheSameCaseThenTheFirst) {
  EXPECT_EQ(nearest_or_none("reject", {"rejects", "reject"}), "reject");
  EXPECT_EQ(nearest_or_none("Reject", {"reject", "Reject"}), "Reject");
  EXPECT_EQ(nearest_or_none("cat", {"bat", "hat"}), "bat");
}

TEST(Nearest, ComparesWithoutCase) {
  EXPECT_EQ(nearest_or_none("ACCURACY", {"accuracy"}), "accuracy");
  EXPECT_EQ(nearest_or_none("europe/berlin", {"Europe/Dublin", "Europe/Berlin"}), "Europe/Berlin");
}

TEST(Nearest, FindsNothingForAnEmptyWordOrNoKnownWords) {
  EXPECT_EQ(nearest_or_none("", {"a", ""}), "none");
  EXPECT_EQ(nearest_or_none("a", {}), "none");
}

TEST(FormatBytes, UsesTheLargestUnitThatGivesAtLeastOne) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1 KiB");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(std::uint64_t{4} << 30), "4 GiB");
  EXPECT_EQ(format_bytes(std::uint64_t{1} << 40), "1 TiB");
}

TEST(FormatBytes, RoundsToOneDecimalAndMovesUpWhereThatMakes1024) {
  EXPECT_EQ(format_bytes(1024 + 51), "1 KiB");
  EXPECT_EQ(format_bytes(1024 + 52), "1.1 KiB");
  EXPECT_EQ(format_bytes((1 << 20) - 1), "1 MiB");
  EXPECT_EQ(format_bytes(std::numeric_limits<std::uint64_t>::max()), "16 EiB");
}

TEST(ParseBytes, ReadsWholeNumbersWithBinaryUnits) {
  EXPECT_EQ(parse_bytes("4GiB"), std::uint64_t{4} << 30);
  EXPECT_EQ(parse_bytes("512MiB"), std::uint64_t{512} << 20);
  EXPECT_EQ(parse_bytes("10KiB"), 10'240u);
  EXPECT_EQ(parse_bytes("2TiB"), std::uint64_t{2} << 40);
  EXPECT_EQ(parse_bytes("1024"), 1024u);
  EXPECT_EQ(parse_bytes("1024B"), 1024u);
  EXPECT_EQ(parse_bytes("4 GiB"), std::uint64_t{4} << 30);
  EXPECT_EQ(parse_bytes("0"), 0u);
  EXPECT_EQ(parse_bytes("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
}

TEST(ParseBytes, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"", " ", "GiB", "-1", "+1", "1.5GiB", "4GB", "4G", "4gib", "4  GiB", "4GiB ", " 4GiB", "4 ",
                           "1PiB", "0x10", "1e3", "4GiB4"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(ParseBytes, RefusesAnOverflow) {
  EXPECT_EQ(parse_bytes("18446744073709551616"), std::nullopt);
  EXPECT_EQ(parse_bytes("16777216TiB"), std::nullopt);  // 2^24 * 2^40
  EXPECT_EQ(parse_bytes("16777215TiB"), std::uint64_t{16777215} << 40);
}

TEST(FormatNumber, WritesTheFewestDigits) {
  EXPECT_EQ(format_number(0.1), "0.1");
  EXPECT_EQ(format_number(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(format_number(100000), "100000");
  EXPECT_EQ(format_number(-2.5), "-2.5");
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(0.00001), "0.00001");
  EXPECT_EQ(format_number(9007199254740993.0), "9007199254740992");
}

TEST(FormatNumber, TurnsToScientificNotationFarFromOne) {
  EXPECT_EQ(format_number(1e16), "1e+16");
  EXPECT_EQ(format_number(1e22), "1e+22");
  EXPECT_EQ(format_number(0.000001), "1e-06");
  EXPECT_EQ(format_number(std::numeric_limits<double>::denorm_min()), "5e-324");
  EXPECT_EQ(format_number(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
}

TEST(FormatNumber, NamesWhatIsNotFinite) {
  EXPECT_EQ(format_number(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(format_number(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(format_number(std::numeric_limits<double>::quiet_NaN()), "nan");
}

TEST(FormatNumber, ReadsBackToTheSameBits) {
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    // Half of the values have any bits at all, half are of the sizes people meet.
    const double value = i % 2 == 0 ? std::bit_cast<double>(random.next())
                                    : std::ldexp(random.uniform() - 0.5, static_cast<int>(random.below(60)) - 20);
    if (!std::isfinite(value)) continue;
    const std::string text = format_number(value);
    double read = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), read);
    ASSERT_EQ(result.ptr, text.data() + text.size()) << text;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(read), std::bit_cast<std::uint64_t>(value)) << text;
  }
}

}  // namespace
}  // namespace retraind
