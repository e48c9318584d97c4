#include "core/data/digest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "core/base/random.h"
#include "core/base/sha256.h"
#include "core/data/row_order.h"
#include "tests/unit/data/rows.h"

namespace retraind::data {
namespace {

using Sentences = std::vector<std::string>;

constexpr double kDay = 86400e6;
constexpr double kNoon = kDay / 2;

EventTime day(const char* text) {
  return to_event_time(*parse_instant(text));
}

// Four rows a day from 2026-03-01 on, each with a price, a place and an amount to predict, hashed as a source would.
struct Market {
  std::vector<Row> rows;
  TimeAxis axis = TimeAxis::instant;

  explicit Market(std::size_t days, std::size_t step = 1) {
    for (std::size_t i = 0; i < days * 4; ++i) {
      const double time =
          day("2026-03-01") + kDay * static_cast<double>(i / 4 * step) + 3600e6 * static_cast<double>(i % 4);
      rows.push_back(
          {time, static_cast<double>(i % 7), static_cast<double>(i) / 8, std::string(i % 3 == 0 ? "north" : "south")});
    }
  }

  static std::uint64_t key_of(const Row& row) {
    std::string bytes;
    for (const Value& value : row) {
      if (const auto* number = std::get_if<double>(&value)) bytes += std::to_string(*number);
      if (const auto* text = std::get_if<std::string>(&value)) bytes += *text;
      bytes += ';';
    }
    return RowSetHash().add(std::as_bytes(std::span(bytes)));
  }

  Table table() const {
    std::vector<std::uint64_t> keys;
    for (const Row& row : rows) keys.push_back(key_of(row));
    const SourceColumn time = axis == TimeAxis::instant ? instant("ts") : number("n");
    return build_table({time, number("amount"), number("price"), category("place")}, rows,
                       {.task = Task::regression, .keys = keys});
  }
  TableDigest digest() const { return digest_of(table()); }
};

TEST(TableDigest, DoesNotDependOnTheOrderOfTheRows) {
  Table table = Market(30).table();
  table.weights.assign(table.rows, 2.0);
  table.entities.assign(table.rows, 17);
  const std::string straight = to_json(digest_of(table));
  std::vector<std::uint32_t> order(table.rows);
  std::iota(order.begin(), order.end(), 0U);
  Random random(8);
  for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
  reorder_rows(table, order);
  EXPECT_EQ(to_json(digest_of(table)), straight);
}

TEST(TableDigest, HasDaysOfTheRowsAndEveryColumn) {
  const TableDigest digest = Market(3).digest();
  ASSERT_EQ(digest.blocks.size(), 3U);
  EXPECT_EQ(digest.blocks[1].from, day("2026-03-02"));
  EXPECT_EQ(digest.blocks[1].to, day("2026-03-03"));
  EXPECT_EQ(digest.blocks[1].rows, 4U);
  ASSERT_EQ(digest.columns.size(), 4U);
  EXPECT_EQ(digest.columns[0].name, "(event time)");
  EXPECT_EQ(digest.columns[1].name, "amount");
  EXPECT_EQ(digest.columns[2].name, "price");
  EXPECT_EQ(digest.columns[3].name, "place");
  EXPECT_TRUE(differences(digest, Market(3).digest(), TimeAxis::instant).empty());
}

TEST(TableDigest, TakesLongerBlocksOfALongWindowAndNoneOfDaysWithoutRows) {
  EXPECT_EQ(Market(128).digest().blocks.size(), 128U);
  const TableDigest longer = Market(129).digest();
  EXPECT_EQ(longer.blocks.front().to - longer.blocks.front().from, 2 * kDay);
  EXPECT_LE(longer.blocks.size(), 65U);
  EXPECT_EQ(Market(5, 10).digest().blocks.size(), 5U) << "five days, ten days apart";
  const TableDigest decades = Market(40, 365).digest();
  EXPECT_LE(decades.blocks.size(), 40U);
  for (const BlockDigest& block : decades.blocks) {
    EXPECT_EQ(std::fmod(block.from, block.to - block.from), 0) << "cut at multiples of their length";
  }
}

TEST(TableDigest, CutsTheNumberAxisIntoEqualPartsOfAPowerOfTwo) {
  for (const double scale : {1.0, 1000.0, 1e-6, 1e17, 1e300}) {
    Market market(50);
    market.axis = TimeAxis::number;
    for (std::size_t i = 0; i < market.rows.size(); ++i)
      market.rows[i][0] = scale * static_cast<double>(i) - scale * 60;
    const TableDigest digest = market.digest();
    EXPECT_LE(digest.blocks.size(), 128U) << scale;
    EXPECT_GE(digest.blocks.size(), 50U) << scale;
    const double width = digest.blocks.front().to - digest.blocks.front().from;
    int exponent = 0;
    EXPECT_EQ(std::frexp(width, &exponent), 0.5) << scale;
    std::uint64_t rows = 0;
    for (const BlockDigest& block : digest.blocks) {
      EXPECT_EQ(block.to - block.from, width) << scale;
      rows += block.rows;
    }
    EXPECT_EQ(rows, 200U) << scale;
  }
}

TEST(TableDigest, TakesRowsOfOneNumberAndTheEndsOfTheNumbers) {
  Market market(1);
  market.axis = TimeAxis::number;
  for (Row& row : market.rows) row[0] = 12345.678;
  EXPECT_EQ(market.digest().blocks.size(), 1U);
  market.rows[0][0] = std::numeric_limits<double>::max();
  market.rows[1][0] = -std::numeric_limits<double>::max();
  const TableDigest ends = market.digest();
  EXPECT_EQ(ends.blocks.size(), 3U);
  EXPECT_EQ(to_json(table_digest_from_json(to_json(ends))), to_json(ends));
}

TEST(TableDigest, OfNoRowsIsEmptyAndOneOfRowsWithoutKeysABug) {
  EXPECT_TRUE(digest_of({}).columns.empty());
  EXPECT_TRUE(digest_of({}).blocks.empty());
  Table table = Market(1).table();
  table.row_keys.clear();
  EXPECT_THROW(digest_of(table), std::logic_error);
}

TEST(Differences, SayWhichDaysLostOrGainedRows) {
  const TableDigest then = Market(10).digest();
  Market now(10);
  now.rows.erase(now.rows.begin() + 12, now.rows.begin() + 15);  // of the fourth day
  now.rows.erase(now.rows.begin());
  EXPECT_EQ(differences(then, now.digest(), TimeAxis::instant),
            (Sentences{"3 rows of 2026-03-04 are gone", "1 row of 2026-03-01 is gone"}));
  EXPECT_EQ(differences(now.digest(), then, TimeAxis::instant),
            (Sentences{"3 rows of 2026-03-04 have come", "1 row of 2026-03-01 has come"}));
}

TEST(Differences, JoinNeighbouringDays) {
  const TableDigest then = Market(10).digest();
  Market now(10);
  std::erase_if(now.rows, [](const Row& row) {
    const double time = std::get<double>(row[0]);
    return time >= day("2026-03-03") && time < day("2026-03-06");
  });
  now.rows.push_back({day("2026-03-08") + kNoon, 1.0, 2.0, "north"});
  EXPECT_EQ(differences(then, now.digest(), TimeAxis::instant),
            (Sentences{"12 rows from 2026-03-03 to 2026-03-05 are gone", "1 row of 2026-03-08 has come"}));
}

TEST(Differences, NameTheColumnsWhoseValuesChangedAndTheDays) {
  const TableDigest then = Market(10).digest();
  Market now(10);
  for (std::size_t i = 20; i < 25; ++i) now.rows[i][2] = Null{};
  now.rows[21][3] = "east";
  EXPECT_EQ(differences(then, now.digest(), TimeAxis::instant),
            (Sentences{"2 columns changed: price (5 more missing), place",
                       "as many rows from 2026-03-06 to 2026-03-07 as then, 8, but not the same ones"}));
  EXPECT_EQ(differences(now.digest(), then, TimeAxis::instant).front(),
            "2 columns changed: price (5 fewer missing), place");
}

TEST(Differences, DoNotBlameColumnsWhereRowsCameOrWent) {
  const TableDigest then = Market(10).digest();
  Market now(10);
  now.rows.pop_back();
  now.rows[0][2] = 99.0;
  EXPECT_EQ(differences(then, now.digest(), TimeAxis::instant),
            (Sentences{"1 row of 2026-03-10 is gone", "as many rows of 2026-03-01 as then, 4, but not the same ones"}));
}

TEST(Differences, NameColumnsThatCameOrWentAndNoRowsBecauseOfThem) {
  const TableDigest then = Market(4).digest();
  Table without = Market(4).table();
  without.features.pop_back();
  for (std::uint64_t& key : without.row_keys) ++key;
  EXPECT_EQ(differences(then, digest_of(without), TimeAxis::instant), (Sentences{"1 column is gone: place"}));
  EXPECT_EQ(differences(digest_of(without), then, TimeAxis::instant), (Sentences{"1 column has come: place"}));
}

TEST(Differences, SayThatValuesMovedBetweenRows) {
  const TableDigest then = Market(4).digest();
  Market now(4);
  std::swap(now.rows[0][2], now.rows[1][2]);
  const Sentences said = differences(then, now.digest(), TimeAxis::instant);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0],
            "each column holds the same values as then, but in other rows, or those of the cluster column are others");
  EXPECT_EQ(said[1], "as many rows of 2026-03-01 as then, 4, but not the same ones");
}

TEST(Differences, CompareBlocksOfTwoLengths) {
  const TableDigest then = Market(100).digest();
  const TableDigest now = Market(200).digest();
  EXPECT_EQ(differences(then, now, TimeAxis::instant), (Sentences{"400 rows from 2026-06-08 to 2026-09-17 have come"}))
      << "blocks of two days since 1970: the 101st day shares one with the 100th";
}

TEST(Differences, TellOfNumbers) {
  Market then(8);
  then.axis = TimeAxis::number;
  for (std::size_t i = 0; i < then.rows.size(); ++i) then.rows[i][0] = static_cast<double>(100 * i);
  Market now = then;
  now.rows.erase(now.rows.begin() + 4);
  EXPECT_EQ(differences(then.digest(), now.digest(), TimeAxis::number),
            (Sentences{"1 row from 384 to below 416 is gone"}));
}

TEST(Differences, CutLongListsAndSayByHowMuch) {
  const TableDigest then = Market(40).digest();
  Market now(40);
  std::size_t place = 0;
  std::erase_if(now.rows, [&](const Row&) { return place++ % 8 == 0; });  // one of every other day
  const Sentences said = differences(then, now.digest(), TimeAxis::instant);
  ASSERT_EQ(said.size(), 6U);
  EXPECT_EQ(said.back(), "15 rows of 15 further stretches are gone");
}

TEST(Differences, TellOfAWindowThatIsEmptyNow) {
  EXPECT_EQ(differences(Market(2).digest(), {}, TimeAxis::instant),
            (Sentences{"8 rows from 2026-03-01 to 2026-03-02 are gone"}));
  EXPECT_TRUE(differences({}, {}, TimeAxis::instant).empty());
}

TEST(TableDigest, TellsNullFromAStoredNanAndZeroFromNoSign) {
  const auto digest_with = [](Value value) {
    Market market(1);
    market.rows[0][2] = std::move(value);
    return market.digest().columns[2];
  };
  EXPECT_EQ(digest_with(Null{}).nulls, 1U);
  EXPECT_EQ(digest_with(kNan).nulls, 0U);
  EXPECT_NE(digest_with(Null{}).sum, digest_with(kNan).sum);
  EXPECT_EQ(digest_with(0.0).sum, digest_with(-0.0).sum);
}

TEST(TableDigest, ReadsBackWhatItWrote) {
  const TableDigest digest = Market(200).digest();
  const TableDigest again = table_digest_from_json(to_json(digest));
  EXPECT_EQ(to_json(again), to_json(digest));
  EXPECT_TRUE(differences(digest, again, TimeAxis::instant).empty());
}

TEST(TableDigest, RefusesWhatItDidNotWrite) {
  const std::string block = R"({"from": "0", "to": "1", "rows": 1, "sum": "00000000000000ff"})";
  EXPECT_NO_THROW(table_digest_from_json(R"({"columns": [], "blocks": [)" + block + "]}"));
  for (const std::string& bad :
       {std::string("{"), std::string("[]"), std::string(R"({"columns": []})"), std::string(R"({"blocks": []})"),
        std::string(R"({"columns": [{"name": "a", "sum": "ff", "nulls": 0}], "blocks": []})"),
        std::string(R"({"columns": [{"name": "a", "sum": "00000000000000fg", "nulls": 0}], "blocks": []})"),
        std::string(R"({"columns": [{"name": "a", "sum": "00000000000000ff", "nulls": -1}], "blocks": []})"),
        std::string(R"({"columns": [{"name": 1, "sum": "00000000000000ff", "nulls": 0}], "blocks": []})"),
        std::string(R"({"columns": [], "blocks": [{"from": "1", "to": "0", "rows": 1, "sum": "00000000000000ff"}]})"),
        std::string(R"({"columns": [], "blocks": [{"from": "x", "to": "0", "rows": 1, "sum": "00000000000000ff"}]})"),
        std::string(R"({"columns": [], "blocks": [{"from": 0, "to": 1, "rows": 1, "sum": "00000000000000ff"}]})")}) {
    EXPECT_THROW(table_digest_from_json(bad), DataError) << bad;
  }
}

}  // namespace
}  // namespace retraind::data
