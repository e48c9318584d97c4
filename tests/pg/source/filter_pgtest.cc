// Which rows are read: bounds on every kind of time column, the newest rows, labelled rows, the digest of what was
// read.
#include <algorithm>
#include <limits>

#include "tests/pg/source/reading.h"

namespace retraind::source {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kHour = 3600e6;
constexpr double kDay = 86400e6;

class SourceFilterTest : public SourceTest {
 protected:
  // The numbers `v` of the rows read, in ascending order.
  std::vector<double> selected(const settings::Model& m, const RowFilter& filter) {
    settings::Model ordered = m;
    const Reading reading = read(ordered, filter);
    std::vector<double> out;
    for (const auto& row : reading.rows) out.push_back(std::get<double>(row.at(1)));
    std::ranges::sort(out);
    SourceReader source = reader();
    const auto columns = source.describe(m.query);
    EXPECT_EQ(source.count_rows(m, find(columns, m.time_column), filter), out.size()) << "count and rows differ";
    return out;
  }

  static RowFilter between(std::optional<double> after, std::optional<double> until) {
    RowFilter filter;
    filter.after = after;
    filter.until = until;
    return filter;
  }

  static RowFilter newest(std::uint64_t rows) {
    RowFilter filter;
    filter.newest_rows = rows;
    return filter;
  }
};

using Numbers = std::vector<double>;

TEST_F(SourceFilterTest, BoundsTimestamps) {
  for (const std::string type : {"timestamp", "timestamptz"}) {
    const settings::Model m = model("SELECT (timestamptz 'epoch' + v * interval '1 hour')::" + type +
                                    " AS t, v FROM generate_series(-2, 3) AS v");
    EXPECT_EQ(selected(m, between(-kHour, kHour)), (Numbers{0, 1})) << type;
    EXPECT_EQ(selected(m, between(-kHour - 1, kHour - 1)), (Numbers{-1, 0})) << type;
    EXPECT_EQ(selected(m, between(2 * kHour, std::nullopt)), (Numbers{3})) << type;
    EXPECT_EQ(selected(m, between(std::nullopt, -2 * kHour)), (Numbers{-2})) << type;
    EXPECT_EQ(selected(m, between(std::nullopt, kInfinity)), (Numbers{-2, -1, 0, 1, 2, 3})) << type;
    EXPECT_EQ(selected(m, between(-kInfinity, kHour)), (Numbers{-2, -1, 0, 1})) << type;
    EXPECT_EQ(selected(m, between(kHour, kHour)), Numbers{}) << type;
  }
}

TEST_F(SourceFilterTest, BoundsDatesByTheirMidnight) {
  const settings::Model m = model("SELECT date '1970-01-01' + v AS t, v FROM generate_series(-2, 3) AS v");
  EXPECT_EQ(selected(m, between(-kDay, kDay)), (Numbers{0, 1}));
  EXPECT_EQ(selected(m, between(-kDay + kHour, kDay + kHour)), (Numbers{0, 1}));
  EXPECT_EQ(selected(m, between(-kDay - kHour, kDay - kHour)), (Numbers{-1, 0}));
}

TEST_F(SourceFilterTest, BoundsInstantsFarFromToday) {
  const settings::Model m = model(
      "SELECT t, v FROM (VALUES (timestamp '4713-11-24 00:00:00 BC', 1), (timestamp '0044-03-15 12:00:00 BC', 2),"
      " (timestamp '2026-11-23 00:00:00', 3), (timestamp '20000-01-01 00:00:00', 4),"
      " (timestamp '294276-12-31 23:59:59', 5), (timestamp 'infinity', 6)) AS rows (t, v)");
  const double caesar = -735160 * kDay + 12 * kHour;
  EXPECT_EQ(selected(m, between(caesar, std::nullopt)), (Numbers{3, 4, 5, 6}));
  EXPECT_EQ(selected(m, between(std::nullopt, caesar)), (Numbers{1, 2}));
  EXPECT_EQ(selected(m, between(std::nullopt, 6585395.0 * kDay)), (Numbers{1, 2, 3, 4})) << "20000-01-01";
  EXPECT_EQ(selected(m, between(-1e30, std::nullopt)), (Numbers{1, 2, 3, 4, 5, 6}));
}

TEST_F(SourceFilterTest, BoundsNumbersOfEveryType) {
  for (const std::string type : {"smallint", "integer", "bigint", "real", "double precision", "numeric"}) {
    const settings::Model m = model("SELECT v::" + type + " AS t, v FROM generate_series(-2, 3) AS v");
    EXPECT_EQ(selected(m, between(-1, 1)), (Numbers{0, 1})) << type;
    EXPECT_EQ(selected(m, between(-1.5, 1.5)), (Numbers{-1, 0, 1})) << type;
    EXPECT_EQ(selected(m, between(-1e300, 1e300)), (Numbers{-2, -1, 0, 1, 2, 3})) << type;
    EXPECT_EQ(selected(m, between(-kInfinity, kInfinity)), (Numbers{-2, -1, 0, 1, 2, 3})) << type;
    EXPECT_EQ(selected(m, between(kInfinity, std::nullopt)), Numbers{}) << type;
  }
}

TEST_F(SourceFilterTest, ComparesFractionsWithAllTheirDigits) {
  for (const std::string type : {"double precision", "numeric"}) {
    const settings::Model m =
        model("SELECT v::" + type + " AS t, v FROM (VALUES (0.1), (0.30000000000000004), (1e-20)) AS rows (v)");
    EXPECT_EQ(selected(m, between(0.1, 0.30000000000000004)), (Numbers{0.30000000000000004})) << type;
    EXPECT_EQ(selected(m, between(std::nullopt, 0.3)), (Numbers{1e-20, 0.1})) << type;
  }
}

TEST_F(SourceFilterTest, BoundsADomainByItsBaseType) {
  database.exec("CREATE DOMAIN moment AS timestamptz");
  const settings::Model m = model("SELECT to_timestamp(v)::moment AS t, v FROM generate_series(0, 3) AS v");
  EXPECT_EQ(selected(m, between(1e6, 2e6)), (Numbers{2}));
  EXPECT_EQ(selected(m, newest(1)), (Numbers{3}));
}

TEST_F(SourceFilterTest, UsesAnIndexOnTheTimeColumn) {
  database.exec(
      "CREATE TABLE e AS SELECT to_timestamp(i) AS t, i AS v FROM generate_series(1, 100000) AS i;"
      "CREATE INDEX ON e (t); ANALYZE e");
  EXPECT_EQ(selected(model("SELECT t, v FROM e"), between(99999e6, std::nullopt)), (Numbers{100000}));
  database.exec("SELECT pg_stat_clear_snapshot()");
  // Statistics arrive when the reader's session has ended; both reads above ran in sessions that are closed by now.
  database.terminate_others();
  EXPECT_GE(std::stoi(database.text("SELECT idx_scan FROM pg_stat_user_tables WHERE relname = 'e'")), 1);
}

TEST_F(SourceFilterTest, KeepsWholeEventTimesAmongTheNewestRows) {
  const settings::Model m =
      model("SELECT t, v FROM (VALUES (1, 1), (2, 2), (2, 3), (2, 4), (3, 5), (NULL, 6)) AS rows (t, v)");
  EXPECT_EQ(selected(m, newest(0)), Numbers{});
  EXPECT_EQ(selected(m, newest(1)), (Numbers{5}));
  EXPECT_EQ(selected(m, newest(2)), (Numbers{2, 3, 4, 5})) << "all three rows of time 2 or none";
  EXPECT_EQ(selected(m, newest(4)), (Numbers{2, 3, 4, 5}));
  EXPECT_EQ(selected(m, newest(5)), (Numbers{1, 2, 3, 4, 5}));
  EXPECT_EQ(selected(m, newest(100)), (Numbers{1, 2, 3, 4, 5}));
}

TEST_F(SourceFilterTest, TakesTheNewestRowsWithinTheBounds) {
  RowFilter filter = between(2, 8);
  filter.newest_rows = 3;
  EXPECT_EQ(selected(model("SELECT v AS t, v FROM generate_series(1, 10) AS v"), filter), (Numbers{6, 7, 8}));
}

TEST_F(SourceFilterTest, TakesTheNewestRowsOfTimesThatNoDoubleHolds) {
  const settings::Model m = model("SELECT 9007199254740992 + v AS t, v FROM generate_series(1, 5) AS v");
  EXPECT_EQ(selected(m, newest(2)), (Numbers{4, 5}));
}

TEST_F(SourceFilterTest, LeavesUnlabelledRowsOutWhenAsked) {
  const settings::Model m = model("SELECT v AS t, v, CASE WHEN v < 3 THEN v END AS y FROM generate_series(1, 4) AS v");
  RowFilter filter;
  EXPECT_EQ(selected(m, filter).size(), 4u);
  filter.labelled_only = true;
  EXPECT_EQ(selected(m, filter), (Numbers{1, 2}));
  filter.newest_rows = 1;
  EXPECT_EQ(selected(m, filter), (Numbers{2}));
}

TEST_F(SourceFilterTest, FindsTheNewestEvent) {
  SourceReader source = reader();
  const settings::Model m = model(
      "SELECT timestamptz '2026-11-23 16:05:00.123456+00' + v * interval '1 hour' AS t, CASE WHEN v < 1 THEN v END AS y"
      " FROM generate_series(0, 2) AS v UNION ALL SELECT NULL, 7");
  const auto columns = source.describe(m.query);
  const double base = 1795449900.123456 * 1e6;
  EXPECT_EQ(source.newest_event(m, columns[0], std::nullopt, false), base + 2 * kHour);
  EXPECT_EQ(source.newest_event(m, columns[0], base + kHour, false), base + kHour);
  EXPECT_EQ(source.newest_event(m, columns[0], std::nullopt, true), base);
  EXPECT_EQ(source.newest_event(m, columns[0], base - 1, false), std::nullopt);
}

TEST_F(SourceFilterTest, FindsTheNewestNumberAndDate) {
  SourceReader source = reader();
  const settings::Model numbers = model("SELECT v::numeric / 8 AS t FROM generate_series(1, 3) AS v");
  EXPECT_EQ(source.newest_event(numbers, source.describe(numbers.query)[0], std::nullopt, false), 0.375);
  const settings::Model dates = model("SELECT date '1970-01-01' + v AS t FROM generate_series(1, 3) AS v");
  EXPECT_EQ(source.newest_event(dates, source.describe(dates.query)[0], std::nullopt, false), 3 * kDay);
}

TEST_F(SourceFilterTest, RefusesANewestEventThatIsNoPointInTime) {
  SourceReader source = reader();
  for (const std::string value : {"timestamp 'infinity'", "double precision 'NaN'"}) {
    const settings::Model m = model("SELECT " + value + " AS t");
    EXPECT_THROW(source.newest_event(m, source.describe(m.query)[0], std::nullopt, false), DataError) << value;
  }
}

TEST_F(SourceFilterTest, HashesTheSetOfRowsAndNotTheirOrder) {
  database.exec(
      "CREATE TABLE h AS SELECT i AS t, i % 7 AS v, 'text ' || i AS s FROM generate_series(1, 5000) AS i;"
      "CREATE TABLE shuffled AS SELECT * FROM h ORDER BY md5(t::text);"
      "CREATE TABLE changed AS SELECT t, CASE WHEN t = 4321 THEN v + 1 ELSE v END AS v, s FROM h;"
      "CREATE TABLE doubled AS SELECT * FROM h UNION ALL SELECT * FROM h WHERE t = 1");
  const auto digest = [&](const std::string& table) {
    const Reading reading = read(model("SELECT t, v, s FROM " + table), {}, true);
    EXPECT_EQ(reading.keys.size(), reading.rows.size());
    return reading.data_sha256;
  };
  const std::string original = digest("h");
  EXPECT_EQ(digest("shuffled"), original);
  EXPECT_NE(digest("changed"), original);
  EXPECT_NE(digest("doubled"), original);
  EXPECT_EQ(read(model("SELECT t, v, s FROM h")).data_sha256, "") << "not asked for";
}

TEST_F(SourceFilterTest, TellsNullFromEmptyInTheHash) {
  const auto digest = [&](const std::string& query) { return read(model(query), {}, true).data_sha256; };
  EXPECT_NE(digest("SELECT 1 AS t, ''::text AS a"), digest("SELECT 1 AS t, NULL::text AS a"));
  EXPECT_NE(digest("SELECT 1 AS t, 'ab'::text AS a, 'c'::text AS b"),
            digest("SELECT 1 AS t, 'a'::text AS a, 'bc'::text AS b"));
}

TEST_F(SourceFilterTest, ReadsTheColumnsAskedForInTheirOrder) {
  const settings::Model m = model("SELECT 1 AS t, 'a'::text AS a, 2.5 AS b, jsonb '{}' AS c");
  SourceReader source = reader();
  const auto columns = source.describe(m.query, {"t", "a", "b"});
  KeepingSink one;
  KeepingSink two;
  source.extract(m, columns, {2, 0, 1}, columns[0], {}, nullptr, {&one, &two});
  EXPECT_EQ(one.rows, (std::vector<std::vector<Value>>{{2.5, 1.0, std::string("a")}}));
  EXPECT_EQ(two.rows, one.rows) << "every sink sees every batch";
}

}  // namespace
}  // namespace retraind::source
