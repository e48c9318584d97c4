#include "core/release/announcement.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "core/release/printable.h"

namespace retraind::release {
namespace {

std::string bytes(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

Announcement example() {
  return {.id = ReleaseId{17},
          .model = "power",
          .version = 3,
          .previous_version = 2,
          .kind = PromotionKind::promotion,
          .run = RunId{41},
          .promotion = PromotionId{5},
          .promoted_at = TimePoint{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}},
          .actor = "retraind host-a",
          .reason = "said \"better\"\n",
          .artifact_sha256 = std::string(64, 'a')};
}

// RFC 4231, sections 4.2 to 4.8.
TEST(Signature, AgreesWithTheVectorsOfRfc4231) {
  EXPECT_EQ(hmac_sha256(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256(std::string(20, '\xaa'), std::string(50, '\xdd')),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(hmac_sha256(bytes("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd')),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  // Section 4.6 gives the first 128 bits only.
  EXPECT_EQ(hmac_sha256(std::string(20, '\x0c'), "Test With Truncation").substr(0, 32),
            "a3b6167473100ee06e0c796c2955552b");
  EXPECT_EQ(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hmac_sha256(std::string(131, '\xaa'),
                        "This is a test using a larger than block-size key and a larger than block-size data. The key "
                        "needs to be hashed before being used by the HMAC algorithm."),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST(Signature, CoversTheTimeAndTheBody) {
  EXPECT_EQ(sign("secret", 1795392000, "{}"), "sha256=" + hmac_sha256("secret", "1795392000.{}"));
  EXPECT_NE(sign("secret", 1795392001, "{}"), sign("secret", 1795392000, "{}"));
  EXPECT_NE(sign("secret", 1795392000, "{ }"), sign("secret", 1795392000, "{}"));
}

TEST(Payload, HoldsEveryMemberInOrder) {
  EXPECT_EQ(to_json(example()),
            R"({"release_id":17,"model":"power","version":3,"previous_version":2,"kind":"promotion","run_id":41,)"
            R"("promotion_id":5,"promoted_at":"2026-11-23T00:00:00Z","actor":"retraind host-a",)"
            R"("reason":"said \"better\"\n","artifact_sha256":")" +
                std::string(64, 'a') + R"("})");
}

TEST(Payload, SaysNullWhereThereIsNoRunAndNoVersionBefore) {
  Announcement announcement = example();
  announcement.previous_version.reset();
  announcement.run.reset();
  announcement.kind = PromotionKind::rollback;
  const auto value = boost::json::parse(to_json(announcement));
  EXPECT_TRUE(value.at("previous_version").is_null());
  EXPECT_TRUE(value.at("run_id").is_null());
  EXPECT_EQ(value.at("kind").as_string(), "rollback");
}

TEST(Payload, OfAReleaseFileNamesTheHashesOfTheFiles) {
  const auto value = boost::json::parse(to_release_file(example(), {{"manifest.json", "ab"}, {"model/m", "cd"}}));
  EXPECT_EQ(value.at("release_id").as_int64(), 17);
  EXPECT_EQ(value.at("files").at("model/m").as_string(), "cd");
  EXPECT_EQ(value.at("files").as_object().size(), 2U);
}

TEST(Printable, KeepsLettersAndReplacesWhatATerminalOrADatabaseWouldChokeOn) {
  EXPECT_EQ(printable(" caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n"), "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a?b");
  EXPECT_EQ(printable("\x1b[31mred\r\nblue"), "?[31mred?\nblue");
  EXPECT_EQ(printable("\xff\xc3"), "??");
  EXPECT_EQ(printable("\xc0\xaf"), "??");            // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");       // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????");  // beyond U+10FFFF
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "??31m");  // a control character of Latin-1
}

TEST(Printable, CutsALineBetweenCharacters) {
  EXPECT_EQ(printable_line("one\ntwo", 20), "one two");
  EXPECT_EQ(printable_line("caf\xc3\xa9s", 4), "caf…");
  EXPECT_EQ(printable_line("caf\xc3\xa9s", 5), "caf\xc3\xa9…");
}

}  // namespace
}  // namespace retraind::release
