#include "core/settings/canonical_json.h"

#include <gtest/gtest.h>

#include <bit>
#include <boost/json.hpp>
#include <cmath>
#include <random>

namespace retraind::settings {
namespace {

TEST(CanonicalJson, ReadsBackEveryDoubleToTheLastBit) {
  std::mt19937_64 bits(1);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(bits());
    if (!std::isfinite(value)) continue;
    const std::string text = canonical_text(boost::json::array{value});
    EXPECT_EQ(std::bit_cast<std::uint64_t>(parse_json(text).as_array().at(0).as_double()),
              std::bit_cast<std::uint64_t>(value))
        << text;
  }
}

TEST(CanonicalJson, SortsKeysByTheirBytesAtEveryDepth) {
  const boost::json::value value = boost::json::parse(R"({"b":{"z":1,"a":[{"y":null,"x":"\u0001\"é"}]},"B":2,"ab":3})");
  EXPECT_EQ(canonical_text(value), R"({"B":2,"ab":3,"b":{"a":[{"x":"\u0001\"é","y":null}],"z":1}})");
}

TEST(CanonicalJson, KeepsNumbersOfEachTypeApart) {
  const std::string text = R"([-9223372036854775808,18446744073709551615,0,-0.0,1e+22,1e-07,6.0])";
  EXPECT_EQ(canonical_text(parse_json(text)), text);
  EXPECT_THROW(canonical_text(boost::json::value(std::nan(""))), std::logic_error);
}

}  // namespace
}  // namespace retraind::settings
