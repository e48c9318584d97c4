// The decoder alone, on streams no server sends.
#include "core/source/copy_decoder.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/random.h"

namespace retraind::source {
namespace {

std::string number(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string field(const std::string& bytes) {
  return number(bytes.size(), 4) + bytes;
}

const std::string kNull = number(0xFFFFFFFF, 4);
const std::string kTrailer = number(0xFFFF, 2);

std::string header(std::uint32_t flags = 0, const std::string& extension = "") {
  return std::string("PGCOPY\n\xff\r\n\0", 11) + number(flags, 4) + field(extension);
}

std::vector<CopyColumn> every_type() {
  return {{"a", "smallint", WireType::int2},       {"b", "numeric", WireType::numeric},
          {"c", "text", WireType::text},           {"d", "uuid", WireType::uuid},
          {"e", "date", WireType::date},           {"f", "boolean", WireType::boolean},
          {"g", "timestamp", WireType::timestamp}, {"h", "real", WireType::float4}};
}

std::string row_of_every_type() {
  const std::string numeric = number(3, 2) + number(1, 2) + number(0x4000, 2) + number(2, 2) + number(12, 2) +
                              number(3456, 2) + number(7800, 2);
  return number(8, 2) + field(number(0xFFFE, 2)) + field(numeric) + field("héllo") + field(std::string(16, '\x12')) +
         field(number(1, 4)) + field(std::string(1, '\1')) + kNull + field(number(0x3F800000, 4));
}

// Feeds a stream in one message, as a hostile server might.
void feed(CopyDecoder& decoder, const std::string& stream) {
  std::span<const std::byte> rest = std::as_bytes(std::span(stream));
  while (!rest.empty()) {
    rest = rest.subspan(decoder.take(rest).bytes);
    if (decoder.full()) decoder.clear();
  }
  decoder.finish();
}

TEST(CopyDecoder, ReadsARowOfEveryKind) {
  CopyDecoder decoder(every_type());
  feed(decoder, header() + row_of_every_type() + kTrailer);
  const data::Batch& batch = decoder.batch();
  ASSERT_EQ(batch.rows, 1u);
  EXPECT_EQ(batch.columns[0].numbers.at(0), -2);
  EXPECT_EQ(batch.columns[1].numbers.at(0), -123456.78);
  EXPECT_EQ(batch.columns[2].texts.at(0), "héllo");
  EXPECT_EQ(batch.columns[3].texts.at(0), "12121212-1212-1212-1212-121212121212");
  EXPECT_EQ(batch.columns[4].numbers.at(0), 10958 * 86400e6);
  EXPECT_EQ(batch.columns[5].numbers.at(0), 1);
  EXPECT_EQ(batch.columns[6].nulls.at(0), 1);
  EXPECT_EQ(batch.columns[7].numbers.at(0), 1);
}

// A field as the format's description has it, with nothing done for speed: what it holds, spelled.
std::string plainly(WireType type, const std::optional<std::string>& bytes) {
  if (!bytes) return "null";
  std::uint64_t bits = 0;
  for (const char byte : *bytes) bits = (bits << 8) | static_cast<unsigned char>(byte);
  const auto spelled = [](double value) { return std::to_string(std::bit_cast<std::uint64_t>(value)); };
  switch (type) {
    case WireType::int2:
      return spelled(static_cast<std::int16_t>(bits));
    case WireType::int4:
      return spelled(static_cast<std::int32_t>(bits));
    case WireType::int8:
      return spelled(static_cast<double>(static_cast<std::int64_t>(bits)));
    case WireType::float4:
      return spelled(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits))));
    case WireType::float8:
      return std::to_string(bits);
    case WireType::boolean:
      return spelled(bits != 0 ? 1 : 0);
    case WireType::date:
      return spelled((static_cast<double>(static_cast<std::int32_t>(bits)) + 10957) * 86400e6);
    case WireType::timestamp:
    case WireType::timestamptz:
      return spelled(static_cast<double>(static_cast<std::int64_t>(bits) + 10957 * std::int64_t{86'400'000'000}));
    case WireType::text:
      return "text " + *bytes;
    case WireType::padded_text:
      return "text " + bytes->substr(0, bytes->find_last_not_of(' ') + 1);
    case WireType::uuid: {
      std::string text;
      for (std::size_t i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>((*bytes)[i])));
        text += digits;
      }
      return "text " + text;
    }
    case WireType::numeric:
      break;  // tested by itself, against the server
  }
  throw std::logic_error("no plain way to read this type");
}

std::size_t size_of(WireType type, Random& random) {
  switch (type) {
    case WireType::boolean:
      return 1;
    case WireType::int2:
      return 2;
    case WireType::int4:
    case WireType::float4:
    case WireType::date:
      return 4;
    case WireType::uuid:
      return 16;
    case WireType::text:
    case WireType::padded_text:
      return random.below(8) == 0 ? random.below(70000) : random.below(40);
    default:
      return 8;
  }
}

std::string random_bytes(WireType type, Random& random) {
  std::string bytes;
  const std::size_t size = size_of(type, random);
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(random.below(256));
  if (type == WireType::boolean) bytes[0] = static_cast<char>(random.below(2));
  if (type == WireType::padded_text) bytes += std::string(random.below(20), ' ');
  // No infinity, and nothing that overflows when it is counted from another year.
  if (type == WireType::timestamp || type == WireType::timestamptz || type == WireType::date) bytes[0] = '\0';
  return bytes;
}

TEST(CopyDecoder, ReadsRandomRowsAsAPlainReadingDoes) {
  constexpr WireType kTypes[] = {WireType::int2,   WireType::int4,    WireType::int8,      WireType::float4,
                                 WireType::float8, WireType::boolean, WireType::text,      WireType::padded_text,
                                 WireType::uuid,   WireType::date,    WireType::timestamp, WireType::timestamptz,
                                 WireType::text};
  Random random(11);
  for (int table = 0; table < 20; ++table) {
    std::vector<CopyColumn> columns;
    for (std::uint64_t i = 1 + random.below(12); i > 0; --i) {
      columns.push_back({"x", "some type", kTypes[random.below(std::size(kTypes))]});
    }
    CopyDecoder decoder(columns);
    const std::string head = header();
    ASSERT_EQ(decoder.take(std::as_bytes(std::span(head))).bytes, head.size());
    std::vector<std::vector<std::string>> expected;
    const auto compare = [&] {
      const data::Batch& batch = decoder.batch();
      ASSERT_EQ(batch.rows, expected.size());
      for (std::size_t row = 0; row < batch.rows; ++row) {
        for (std::size_t i = 0; i < columns.size(); ++i) {
          const data::BatchColumn& column = batch.columns[i];
          const std::string found = column.nulls.at(row) != 0 ? "null"
                                    : column.type == data::ValueType::category
                                        ? "text " + std::string(column.texts.at(row))
                                        : std::to_string(std::bit_cast<std::uint64_t>(column.numbers.at(row)));
          ASSERT_EQ(found, expected[row][i]) << "table " << table << ", row " << row << ", column " << i;
        }
      }
      expected.clear();
      decoder.clear();
    };
    for (int row = 0; row < 300; ++row) {
      std::string message = number(columns.size(), 2);
      std::vector<std::string>& plain = expected.emplace_back();
      for (const CopyColumn& column : columns) {
        std::optional<std::string> bytes;
        if (random.below(5) != 0) bytes = random_bytes(column.type, random);
        message += bytes ? field(*bytes) : kNull;
        plain.push_back(plainly(column.type, bytes));
      }
      // Exactly as long as the row, so that AddressSanitizer sees a byte read too far.
      const std::vector<char> exact(message.begin(), message.end());
      ASSERT_EQ(decoder.take(std::as_bytes(std::span(exact))).bytes, exact.size());
      if (decoder.full() || random.below(100) == 0) compare();
    }
    compare();
  }
}

TEST(CopyDecoder, SkipsWhatAnExtendedHeaderAdds) {
  CopyDecoder decoder({{"f", "boolean", WireType::boolean}});
  feed(decoder, header(0x1, "more") + number(1, 2) + field(std::string(1, '\0')) + kTrailer);
  EXPECT_EQ(decoder.batch().columns[0].numbers.at(0), 0);
}

TEST(CopyDecoder, RefusesAStreamCutAnywhere) {
  const std::string stream = header() + row_of_every_type() + kTrailer;
  for (std::size_t length = 0; length < stream.size(); ++length) {
    CopyDecoder decoder(every_type());
    // An exact copy on the heap, so that AddressSanitizer sees a byte read too far.
    const std::string cut(stream, 0, length);
    EXPECT_THROW(feed(decoder, std::string(cut)), DataError) << length << " bytes";
  }
}

TEST(CopyDecoder, RefusesWhatNoServerWrites) {
  const auto refused = [](const std::string& stream) {
    CopyDecoder decoder({{"x", "integer", WireType::int4}});
    try {
      feed(decoder, stream);
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("taken");
  };
  const std::string good = number(1, 2) + field(number(7, 4));
  const auto expect = [&](const std::string& stream, const std::string& part) {
    EXPECT_NE(refused(stream).find(part), std::string::npos) << refused(stream);
  };
  expect("PGCOPY\r\n" + std::string(30, 'x'), "does not begin with the header");
  expect(header(0x10000), "unknown flags 0x10000");
  expect(header() + number(2, 2) + field(number(7, 4)), "a row has 2 columns, 1 were asked for");
  expect(header() + number(1, 2) + field(number(7, 3)), "column \"x\" (integer) has 3 bytes, 4 were expected");
  expect(header() + number(1, 2) + number(0x7FFFFFFF, 4) + "abcd", "claims 2147483647 bytes, 4 are left");
  expect(header() + number(1, 2) + number(0xFFFFFFFE, 4) + "abcd", "claims 4294967294 bytes");
  expect(header() + good + kTrailer + "x", "after 1 rows: bytes follow the trailer");
  expect(header() + good, "ends without a trailer");
}

TEST(CopyDecoder, RefusesNumericsThatAreNone) {
  const auto refuse = [](const std::string& bytes) {
    CopyDecoder decoder({{"x", "numeric", WireType::numeric}});
    EXPECT_THROW(feed(decoder, header() + number(1, 2) + field(bytes) + kTrailer), DataError);
  };
  refuse("");
  refuse(number(1, 2) + number(0, 2) + number(0, 2) + number(0, 2));                      // a digit is missing
  refuse(number(0, 2) + number(0, 2) + number(0, 2) + number(0, 2) + number(1, 2));       // one too many
  refuse(number(1, 2) + number(0, 2) + number(0x1234, 2) + number(0, 2) + number(1, 2));  // no such sign
  refuse(number(1, 2) + number(0, 2) + number(0, 2) + number(0, 2) + number(10000, 2));   // no such digit
}

TEST(CopyDecoder, SurvivesTenThousandDamagedStreams) {
  const std::string stream = header() + row_of_every_type() + row_of_every_type() + kTrailer;
  Random random(7);
  int refused = 0;
  for (int i = 0; i < 10000; ++i) {
    std::string damaged = stream;
    for (std::uint64_t flips = 1 + random.below(4); flips > 0; --flips) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    }
    damaged.resize(random.below(2) == 0 ? damaged.size() : random.below(damaged.size() + 1));
    CopyDecoder decoder(every_type());
    try {
      feed(decoder, damaged);
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 5000);
  EXPECT_LT(refused, 10000) << "damage inside a value is a value";
}

}  // namespace
}  // namespace retraind::source
