#include "core/data/entity.h"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <string>

namespace retraind::data {
namespace {

// "abc" from FIPS 180-2, appendix B.1; the empty text and one zero byte as coreutils' sha256sum gives them.
TEST(EntityHash, IsTheBeginningOfTheSha256OfTheText) {
  EntityHash hash;
  EXPECT_EQ(hash.of_text("abc"), 0xba7816bf8f01cfeaU);
  EXPECT_EQ(hash.of_text(""), 0xe3b0c44298fc1c14U);
  EXPECT_EQ(hash.of_text("abc"), 0xba7816bf8f01cfeaU) << "whatever was hashed before";
  EXPECT_EQ(hash.of_text(std::string_view("\0", 1)), kNullEntity);
}

TEST(EntityHash, SpellsNumbersAndBooleansAsACastToTextWould) {
  EntityHash hash;
  EXPECT_EQ(hash.of_number(7), hash.of_text("7"));
  EXPECT_EQ(hash.of_number(-0.0), hash.of_text("0"));
  EXPECT_EQ(hash.of_number(-12345678901), hash.of_text("-12345678901"));
  EXPECT_EQ(hash.of_number(0.1), hash.of_text("0.1"));
  EXPECT_EQ(hash.of_boolean(true), hash.of_text("true"));
  EXPECT_EQ(hash.of_boolean(false), hash.of_text("false"));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(hash.of_number(nan), hash.of_number(-nan)) << "one entity, whatever its bits";
}

TEST(IsHeldOut, TakesTheLowestNumbersAndNeverGivesOneBackAsTheShareGrows) {
  EXPECT_TRUE(is_held_out(0, 1e-9));
  EXPECT_FALSE(is_held_out(std::numeric_limits<std::uint64_t>::max(), 0.999));
  EXPECT_FALSE(is_held_out(std::uint64_t{1} << 62, 0.25)) << "the bound itself is outside";
  EXPECT_TRUE(is_held_out((std::uint64_t{1} << 62) - 1, 0.25));
  EntityHash hash;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t entity = hash.of_number(i);
    if (is_held_out(entity, 0.2)) {
      EXPECT_TRUE(is_held_out(entity, 0.3)) << i;
    }
  }
}

TEST(IsHeldOut, TreatsAShareOfNothingOrAllAsABug) {
  for (const double share : {0.0, 1.0, -0.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(is_held_out(1, share), std::logic_error) << share;
  }
}

}  // namespace
}  // namespace retraind::data
