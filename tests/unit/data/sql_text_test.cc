#include "core/data/sql_text.h"

#include <gtest/gtest.h>

#include <string>

namespace retraind::data {
namespace {

constexpr EventTime kMarch = 1709251200e6;  // 2024-03-01

settings::Model model_of(const std::string& query) {
  settings::Model model;
  model.query = query;
  model.time_column = "ts";
  return model;
}

TEST(SqlText, QuotesNamesAndTextsByDoublingTheirQuotes) {
  EXPECT_EQ(quoted_name("it\"s"), "\"it\"\"s\"");
  EXPECT_EQ(quoted_text("it's \\ \"so\""), "'it''s \\ \"so\"'");
}

TEST(SqlText, CutsAQueryBehindItsLastTokenOfCode) {
  EXPECT_EQ(without_end("SELECT 1 ; \n-- the end;\n /* really; /* it */ is */ ;"), "SELECT 1");
  EXPECT_EQ(without_end("SELECT ';' -- no;\n AS \";\""), "SELECT ';' -- no;\n AS \";\"");
  EXPECT_EQ(without_end("SELECT E'\\';' ;"), "SELECT E'\\';'");
  EXPECT_EQ(without_end("SELECT 'c:\\';"), "SELECT 'c:\\'");
  EXPECT_EQ(without_end("SELECT $x$;--$x$;"), "SELECT $x$;--$x$");
  EXPECT_EQ(without_end("SELECT $1; -- $2"), "SELECT $1");
  EXPECT_EQ(without_end(""), "");
  EXPECT_EQ(without_end(" ; "), "");
}

TEST(SqlText, LeavesAQueryAloneWhoseQuoteOrCommentDoesNotEnd) {
  for (const std::string query : {"SELECT 'a;", "SELECT 1; /* ", "SELECT \"a ;", "SELECT $a$ ;"}) {
    EXPECT_EQ(without_end(query), query);
  }
}

TEST(SqlText, ShowsRowsOfARangeByEventTime) {
  const settings::Model model = model_of("SELECT * FROM t; -- all");
  const EventRange range{kMarch, kMarch + 1.5e6, 1};
  EXPECT_EQ(RowQuery(model, TimeAxis::instant, range).rows("\"x\" IS NULL"),
            "SELECT * FROM (\nSELECT * FROM t\n) AS q WHERE \"ts\" > '2024-03-01T00:00:00Z' AND "
            "\"ts\" <= '2024-03-01T00:00:01.500000Z' AND \"x\" IS NULL ORDER BY \"ts\" LIMIT 100");
  const EventRange numbers{std::nullopt, 1200.5, 1};
  EXPECT_EQ(RowQuery(model, TimeAxis::number, numbers).rows("", true),
            "SELECT * FROM (\nSELECT * FROM t\n) AS q WHERE \"ts\" <= 1200.5 ORDER BY \"ts\" DESC LIMIT 100");
}

TEST(SqlText, ShowsRepeatedRowsSideBySide) {
  const settings::Model model = model_of("TABLE t");
  EXPECT_EQ(RowQuery(model, TimeAxis::number, {3, {}, 1}).repeated({"a", "b"}),
            "SELECT * FROM (\nSELECT q.*, count(*) OVER (PARTITION BY \"a\", \"b\") AS rows_alike FROM (\nTABLE t\n) "
            "AS q WHERE \"ts\" > 3\n) AS r WHERE rows_alike > 1 ORDER BY \"a\", \"b\", \"ts\" LIMIT 100");
}

TEST(SqlText, WritesInstantsBeyondTheCommonYearsAsJulianDays) {
  const settings::Model model = model_of("TABLE t");
  EXPECT_EQ(range_conditions(model, TimeAxis::instant, {-62135596801e6, 253402300800e6, 1}),
            (std::vector<std::string>{"\"ts\" > 'J1721425 23:59:59+00'", "\"ts\" <= 'J5373485 00:00:00+00'"}));
}

}  // namespace
}  // namespace retraind::data
