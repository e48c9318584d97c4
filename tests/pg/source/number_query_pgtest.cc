#include "core/source/number_query.h"

#include "tests/pg/source/reading.h"

namespace retraind::source {
namespace {

class NumberQueryTest : public SourceTest {
 protected:
  std::optional<double> number(const std::string& query) {
    return source::read_number({.name = "market", .conninfo = database.conninfo(), .statement_timeout = timeout}, query,
                               "retraind");
  }
  std::string refusal(const std::string& query) {
    return complaint<DataError>([&] { number(query); });
  }

  Duration timeout = std::chrono::minutes(1);
};

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << text

TEST_F(NumberQueryTest, ReadsANumberOfEveryNumericType) {
  EXPECT_EQ(number("SELECT 7"), 7.0);
  EXPECT_EQ(number("SELECT 0.1"), 0.1);
  EXPECT_EQ(number("SELECT 1.5::real;"), 1.5);
  EXPECT_EQ(number("SELECT -3::smallint AS v -- a comment"), -3.0);
  EXPECT_EQ(number("SELECT 123456789012345678901234567890::numeric"), 123456789012345678901234567890.0);
  EXPECT_EQ(number("SELECT 2 > 1"), 1.0);
  EXPECT_EQ(number("SELECT false"), 0.0);
  database.exec("CREATE TABLE sale AS SELECT i AS price FROM generate_series(1, 4) AS i");
  EXPECT_EQ(number("SELECT avg(price) FROM sale"), 2.5);
  EXPECT_EQ(number("WITH s AS (SELECT price FROM sale ORDER BY price DESC LIMIT 1) SELECT price FROM s"), 4.0);
}

TEST_F(NumberQueryTest, HasNothingToSayWithoutANumber) {
  database.exec("CREATE TABLE sale (price double precision)");
  EXPECT_EQ(number("SELECT price FROM sale"), std::nullopt) << "no row";
  EXPECT_EQ(number("SELECT avg(price) FROM sale"), std::nullopt) << "NULL";
  EXPECT_EQ(number("SELECT 'NaN'::double precision"), std::nullopt);
  EXPECT_EQ(number("SELECT 'NaN'::numeric"), std::nullopt);
}

TEST_F(NumberQueryTest, RefusesWhatIsNotOneNumber) {
  EXPECT_CONTAINS(refusal("SELECT 1 AS a, 2 AS b"), "returns 2 columns, and one is expected");
  EXPECT_CONTAINS(refusal("SELECT FROM (VALUES (1)) AS t"), "returns 0 columns");
  EXPECT_CONTAINS(refusal("VALUES (1), (2)"), "returns more than one row");
  EXPECT_CONTAINS(refusal("SELECT NULL::integer FROM generate_series(1, 2)"), "returns more than one row");
  EXPECT_CONTAINS(refusal("SELECT '7' AS seven"), "column \"seven\" of a trigger's query has type text");
  EXPECT_CONTAINS(refusal("SELECT now() AS t"), "no number or boolean (for a point in time, extract(epoch FROM");
  EXPECT_CONTAINS(refusal("SELECT '{}'::jsonb AS j"), "jsonb");
  EXPECT_CONTAINS(refusal("SELECT 'infinity'::double precision"), "returned infinity");
  EXPECT_CONTAINS(refusal("SELECT '-infinity'::numeric"), "returned -infinity");
}

TEST_F(NumberQueryTest, ReadsOnlyAsMuchAsItNeeds) {
  // Read to its end, this would take days.
  EXPECT_CONTAINS(refusal("SELECT 1 FROM generate_series(1, 1000000) AS i CROSS JOIN generate_series(1, 1000000) AS j"),
                  "returns more than one row");
}

TEST_F(NumberQueryTest, RefusesWhatIsNoQueryAndPointsIntoIt) {
  EXPECT_CONTAINS(refusal("SELECT 1\nFORM t"), "line 2, column 6");
  EXPECT_CONTAINS(refusal("SELECT 1; SELECT 2"), "more than one statement");
  EXPECT_CONTAINS(refusal(""), "the query is empty");
  EXPECT_CONTAINS(refusal("SELECT 1 / (SELECT 0)"), "division by zero");
}

TEST_F(NumberQueryTest, NeverWrites) {
  database.exec(
      "CREATE TABLE t (a integer); CREATE SEQUENCE s;"
      "CREATE FUNCTION sneaky() RETURNS integer LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING a'");
  EXPECT_CONTAINS(refusal("SELECT sneaky()"), "wants to write");
  EXPECT_CONTAINS(refusal("SELECT nextval('s')"), "wants to write");
  EXPECT_CONTAINS(refusal("DELETE FROM t RETURNING a"), "one SELECT that only reads");
  EXPECT_EQ(database.text("SELECT count(*) FROM t"), "0");
}

TEST_F(NumberQueryTest, TellsAServerThatIsAwayFromAQueryThatIsWrong) {
  EXPECT_THROW(source::read_number({.name = "market", .conninfo = "host=/nonexistent", .statement_timeout = timeout},
                                   "SELECT 1", "retraind"),
               UnreachableError);
  timeout = std::chrono::milliseconds(50);
  EXPECT_CONTAINS(complaint<TransientError>([&] { number("SELECT 1 FROM pg_sleep(100)"); }), "statement_timeout");
}

}  // namespace
}  // namespace retraind::source
