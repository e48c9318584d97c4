// Values of every type, as the server sends them.
#include <limits>

#include "tests/pg/source/reading.h"

namespace retraind::source {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kSecond = 1e6;  // event times are microseconds
constexpr double kDay = 86400e6;

TEST_F(SourceTest, DescribesEveryTypeItReads) {
  database.exec(
      "CREATE TYPE mood AS ENUM ('sad', 'ok');"
      "CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE > 0);"
      "CREATE DOMAIN spot AS price;"
      "CREATE TABLE t (a smallint, b integer, c bigint, d real, e double precision, f numeric, g numeric(12,3),"
      " h boolean, i text, j varchar(7), k char(5), l name, m mood, n uuid, o date, p timestamp, q timestamptz(3),"
      " r spot)");
  SourceReader source = reader();
  std::vector<std::string> described;
  for (const data::SourceColumn& column : source.describe("SELECT * FROM t")) {
    described.push_back(column.name + " " + column.sql_type + " " + std::string(data::to_text(column.type)));
  }
  EXPECT_EQ(described,
            (std::vector<std::string>{"a smallint number", "b integer number", "c bigint number", "d real number",
                                      "e double precision number", "f numeric number", "g numeric(12,3) number",
                                      "h boolean boolean", "i text category", "j character varying(7) category",
                                      "k character(5) category", "l name category", "m mood category",
                                      "n uuid category", "o date instant", "p timestamp without time zone instant",
                                      "q timestamp(3) with time zone instant", "r numeric(10,2) number"}));
}

TEST_F(SourceTest, ReadsEveryTypeAndItsNull) {
  database.exec(
      "CREATE TYPE mood AS ENUM ('sad', 'ok');"
      "CREATE DOMAIN price AS numeric(10,2);"
      "CREATE TABLE t (t integer, a smallint, c bigint, d real, e double precision, f numeric, h boolean, i text,"
      " j varchar(7), k char(5), l name, m mood, n uuid, o date, p timestamp, q timestamptz, r price);"
      "INSERT INTO t VALUES (1, -32768, 9007199254740992, 0.1, 1e-300, 12.5, true, 'grüße', '', 'ab', 'n', 'ok',"
      " 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '1970-01-02', '1970-01-01 00:00:01', '1970-01-01 02:00:00+01', 9.99);"
      "INSERT INTO t (t) VALUES (2)");
  const Reading reading = read(model("SELECT * FROM t ORDER BY t"));
  ASSERT_EQ(reading.rows.size(), 2u);
  const std::vector<Value> expected = {1.0,
                                       -32768.0,
                                       9007199254740992.0,
                                       static_cast<double>(0.1f),
                                       1e-300,
                                       12.5,
                                       1.0,
                                       std::string("grüße"),
                                       std::string(),
                                       std::string("ab"),
                                       std::string("n"),
                                       std::string("ok"),
                                       std::string("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
                                       kDay,
                                       kSecond,
                                       3600 * kSecond,
                                       9.99};
  EXPECT_EQ(reading.rows[0], expected);
  EXPECT_EQ(reading.rows[1][0], Value(2.0));
  for (std::size_t i = 1; i < expected.size(); ++i) EXPECT_EQ(reading.rows[1][i], Value()) << "column " << i;
}

TEST_F(SourceTest, RoundsNumericsToTheNearestDouble) {
  EXPECT_EQ(read_number("0.1::numeric"), 0.1);
  EXPECT_EQ(read_number("-123456789.000000001::numeric"), -123456789.000000001);
  EXPECT_EQ(read_number("1e-300::numeric"), 1e-300);
  EXPECT_EQ(read_number("1234567890123456789012345678901234567890::numeric"),
            1234567890123456789012345678901234567890.0);
  EXPECT_EQ(read_number("9007199254740993::numeric"), 9007199254740992.0) << "a tie goes to even";
  EXPECT_EQ(read_number("9007199254740993.00000000000000000000001::numeric"), 9007199254740994.0);
  EXPECT_EQ(read_number("1e400::numeric"), kInfinity);
  EXPECT_EQ(read_number("-1e400::numeric"), -kInfinity);
  EXPECT_EQ(read_number("1e-400::numeric"), 0.0);
  EXPECT_EQ(read_number("5e-324::numeric"), 5e-324);
  EXPECT_EQ(read_number("0.000::numeric"), 0.0);
  EXPECT_TRUE(std::isnan(read_number("'NaN'::numeric")));
  EXPECT_EQ(read_number("'-Infinity'::numeric"), -kInfinity);
}

// The server's own conversion, which goes through strtod, is the reference for many numbers of all sizes.
TEST_F(SourceTest, AgreesWithTheServerOnTenThousandNumerics) {
  database.exec(
      "SELECT setseed(0.5);"
      "CREATE TABLE n AS SELECT i AS t, (CASE WHEN random() < 0.5 THEN -1 ELSE 1 END * (random() * 1e15)::numeric +"
      " random()::numeric) * (10::numeric ^ (random() * 80 - 40)::integer) AS v FROM generate_series(1, 10000) AS i");
  const Reading reading = read(model("SELECT t, v, v::double precision AS w FROM n"));
  ASSERT_EQ(reading.rows.size(), 10000u);
  for (const auto& row : reading.rows) ASSERT_EQ(row[1], row[2]) << "row " << std::get<double>(row[0]);
}

TEST_F(SourceTest, KeepsNaNAndInfinitiesOfFloats) {
  EXPECT_TRUE(std::isnan(read_number("'NaN'::double precision")));
  EXPECT_TRUE(std::isnan(read_number("'NaN'::real")));
  EXPECT_EQ(read_number("'Infinity'::real"), kInfinity);
  EXPECT_EQ(read_number("'-Infinity'::double precision"), -kInfinity);
  EXPECT_TRUE(std::signbit(read_number("'-0'::double precision")));
}

TEST_F(SourceTest, CountsInstantsFrom1970) {
  EXPECT_EQ(read_number("date '1970-01-01'"), 0);
  EXPECT_EQ(read_number("date '2000-02-29'"), 11016 * kDay);
  EXPECT_EQ(read_number("date '0044-03-15 BC'"), -735160 * kDay);
  EXPECT_EQ(read_number("timestamp '1969-12-31 23:59:59.999999'"), -1);
  EXPECT_EQ(read_number("timestamptz '2026-11-23 16:05:00.5+05:45'"), 1795429200.5 * kSecond);
  EXPECT_EQ(read_number("timestamptz 'infinity'"), kInfinity);
  EXPECT_EQ(read_number("timestamp '-infinity'"), -kInfinity);
  EXPECT_EQ(read_number("date 'infinity'"), kInfinity);
  EXPECT_EQ(read_number("date '-infinity'"), -kInfinity);
  EXPECT_EQ(read_number("date '5874897-12-31'"), 2145042905.0 * kDay);
  EXPECT_NEAR(read_number("timestamp '294276-12-31'"), 9.224318015999e18, 1e15);
}

TEST_F(SourceTest, ReadsATimestampWithoutZoneAsUtcWhateverTheServersZone) {
  database.exec("ALTER DATABASE " + database.name() + " SET timezone = 'Asia/Kathmandu'");
  EXPECT_EQ(read_number("timestamp '1970-01-01 00:00:01'"), kSecond);
}

TEST_F(SourceTest, StripsThePaddingOfCharAndNothingElse) {
  EXPECT_EQ(read_value("'a b  '::char(8)"), Value(std::string("a b")));
  EXPECT_EQ(read_value("'   '::char(3)"), Value(std::string()));
  EXPECT_EQ(read_value("'a b  '::text"), Value(std::string("a b  ")));
}

TEST_F(SourceTest, ReadsTextsLargerThanABatchsMemory) {
  const Reading reading =
      read(model("SELECT i AS t, repeat(chr(96 + i), 3000000) AS v FROM generate_series(1, 7) AS i"));
  ASSERT_EQ(reading.rows.size(), 7u);
  EXPECT_GT(reading.batch_sizes.size(), 1u);
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(reading.rows[i][1], Value(std::string(3000000, static_cast<char>('a' + i))));
  }
}

TEST_F(SourceTest, HandsOverBatchesOf4096Rows) {
  const Reading reading = read(model("SELECT i AS t FROM generate_series(1, 10000) AS i"));
  EXPECT_EQ(reading.batch_sizes, (std::vector<std::size_t>{4096, 4096, 1808}));
  EXPECT_EQ(reading.rows.at(9999).at(0), Value(10000.0));
  EXPECT_EQ(reading.stats.rows, 10000u);
  // Header 19, trailer 2, and 10 bytes a row.
  EXPECT_EQ(reading.stats.bytes, 100021u);
}

TEST_F(SourceTest, ReadsAnEmptyResult) {
  const Reading reading = read(model("SELECT 1 AS t WHERE false"), {}, true);
  EXPECT_EQ(reading.stats.rows, 0u);
  EXPECT_TRUE(reading.batch_sizes.empty());
  EXPECT_EQ(reading.data_sha256.size(), 64u);
}

TEST_F(SourceTest, RefusesTextThatIsNotUtf8) {
  testing::TestConnection(database.conninfo()).exec("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0");
  const std::string conninfo = database.conninfo() + " dbname=ascii";
  {
    SourceReader source({.name = "old", .conninfo = conninfo}, "retraind");
    const settings::Model m = model("SELECT 1 AS t, convert_from('\\xe4'::bytea, 'SQL_ASCII') AS v");
    const auto columns = source.describe(m.query);
    KeepingSink sink;
    EXPECT_NE(complaint<DataError>([&] {
                source.extract(m, columns, {0, 1}, columns[0], {}, nullptr, {&sink});
              }).find("invalid byte sequence for encoding \"UTF8\": 0xe4"),
              std::string::npos);
  }
  testing::TestConnection(database.conninfo()).exec("DROP DATABASE ascii WITH (FORCE)");
}

TEST_F(SourceTest, NamesEveryColumnItCannotReadAndTheCastToWrite) {
  SourceReader source = reader();
  const std::string query =
      "SELECT 1 AS t, '{}'::jsonb AS payload, interval '1 day' AS \"How long\", ARRAY[1] AS list, '\\x00'::bytea AS b,"
      " point '(1,2)' AS p";
  EXPECT_EQ(complaint<DataError>([&] { source.describe(query); }),
            "column \"payload\" has type jsonb, which retraind cannot read; write payload->>'x' or CAST(payload AS "
            "text) in the query; column \"How long\" has type interval, which retraind cannot read; write "
            "EXTRACT(epoch FROM \"How long\") in the query; column \"list\" has type integer[], which retraind cannot "
            "read; write list[1] or cardinality(list) in the query; column \"b\" has type bytea, which retraind cannot "
            "read; write encode(b, 'hex') in the query; column \"p\" has type point, which retraind cannot read; write "
            "CAST(p AS text) in the query");
  const auto columns = source.describe(query, {"t"});
  EXPECT_EQ(columns.size(), 6u);
  KeepingSink sink;
  EXPECT_EQ(source.extract(model(query), columns, {0}, columns[0], {}, nullptr, {&sink}).rows, 1u);
  EXPECT_THROW(source.extract(model(query), columns, {1}, columns[0], {}, nullptr, {&sink}), DataError);
}

}  // namespace
}  // namespace retraind::source
