// What goes wrong at a source, and which class of error says so.
#include "core/store/conninfo.h"
#include "tests/pg/source/reading.h"

#include <unistd.h>
#include "tests/support/pg_sandbox.h"

namespace retraind::source {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

#define EXPECT_CONTAINS(text, part) EXPECT_TRUE(contains(text, part)) << text

class SourceFailureTest : public SourceTest {
 protected:
  std::string refusal(const std::string& query) {
    SourceReader source = reader();
    return complaint<DataError>([&] { source.describe(query); });
  }
};

TEST_F(SourceFailureTest, PointsAtWhatDoesNotParse) {
  EXPECT_CONTAINS(refusal("SELECT a\nFORM t"), "syntax error at or near \"t\", line 2, column 6:\n  FORM t\n       ^");
  EXPECT_CONTAINS(refusal("SELECT 'grüße' AS g, nosuch"),
                  "line 1, column 22:\n  SELECT 'grüße' AS g, nosuch\n" + std::string(23, ' ') + "^");
  EXPECT_CONTAINS(refusal("SELECT 1 +"), "line 1, column 11:\n  SELECT 1 +\n            ^");
  EXPECT_CONTAINS(refusal("SELECT 1 FROM nosuch"), "relation \"nosuch\" does not exist");
}

TEST_F(SourceFailureTest, SaysWhichTableThisLoginMayNotReadWhenAQueryIsPlanned) {
  const std::string role = "may_not_read_" + std::to_string(::getpid());
  database.exec("CREATE TABLE hidden (x int); CREATE ROLE " + role + "; GRANT USAGE ON SCHEMA public TO " + role);
  SourceReader able = reader();
  able.plan("SELECT x FROM hidden;");
  settings::Source other = {.name = "data",
                            .conninfo = database.conninfo() + " options='-c role=" + role + "'",
                            .statement_timeout = std::chrono::minutes(1)};
  SourceReader unable(other, "test");
  const std::string said = complaint<DataError>([&] { unable.plan("SELECT x FROM hidden"); });
  EXPECT_NE(said.find("permission denied for table hidden"), std::string::npos) << said;
  database.exec("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_F(SourceFailureTest, PassesTheServersHintOn) {
  database.exec("CREATE TABLE t (price integer)");
  EXPECT_CONTAINS(refusal("SELECT prise FROM t"), "Perhaps you meant to reference the column \"t.price\"");
}

TEST_F(SourceFailureTest, RefusesMoreThanOneStatement) {
  EXPECT_CONTAINS(refusal("SELECT 1;\nSELECT 2"), "more than one statement, line 2, column 1");
  EXPECT_CONTAINS(refusal("SELECT 1; DROP TABLE t"), "more than one statement");
  EXPECT_CONTAINS(refusal("SELECT 1) AS q; DROP TABLE t; --"), "closes a parenthesis it did not open");
  EXPECT_CONTAINS(refusal(" ; -- nothing\n"), "the query is empty");
  EXPECT_CONTAINS(refusal("SELECT 'x"), "quoted text that does not end");
  EXPECT_CONTAINS(refusal("SELECT 1 /* x /* y */"), "comment that does not end");
}

TEST_F(SourceFailureTest, TakesOneStatementHoweverItEnds) {
  for (const std::string query :
       {"SELECT 1 AS t;", "SELECT 1 AS t ; -- done;", "SELECT 1 AS t -- done", "SELECT 1 AS t; /* ; */ ;",
        "SELECT 1 AS t WHERE ';' <> $x$;)$x$ AND E'\\';' <> \"current_schema\"()::text",
        "WITH x AS (SELECT 1 AS t) SELECT t FROM x", "VALUES (1)"}) {
    SourceReader source = reader();
    EXPECT_EQ(source.describe(query).size(), 1u) << query;
    EXPECT_EQ(source.count_rows(model(query, source.describe(query)[0].name), source.describe(query)[0], {}), 1u)
        << query;
  }
}

TEST_F(SourceFailureTest, RefusesWhatIsNoSelect) {
  database.exec("CREATE TABLE t (a integer)");
  for (const std::string query : {"UPDATE t SET a = 1 RETURNING a", "DELETE FROM t RETURNING a", "SHOW work_mem",
                                  "WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x"}) {
    EXPECT_CONTAINS(refusal(query), "the query must be one SELECT that only reads") << query;
  }
  EXPECT_CONTAINS(refusal("SELECT $1::integer AS a"), "holds a parameter");
}

TEST_F(SourceFailureTest, NeverWrites) {
  database.exec(
      "CREATE TABLE t (a integer);"
      "CREATE FUNCTION sneaky() RETURNS integer LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING a'");
  SourceReader source = reader();
  const settings::Model m = model("SELECT sneaky() AS t");
  const auto columns = source.describe(m.query);
  KeepingSink sink;
  EXPECT_CONTAINS(complaint<DataError>([&] { source.extract(m, columns, {0}, columns[0], {}, nullptr, {&sink}); }),
                  "the query wants to write");
  EXPECT_EQ(database.text("SELECT count(*) FROM t"), "0");
}

TEST_F(SourceFailureTest, GoesOnInTheSameSnapshotAfterARefusedQuery) {
  database.exec("CREATE TABLE t AS SELECT 1 AS t");
  SourceReader source = reader();
  const settings::Model m = model("SELECT t FROM t");
  const auto columns = source.describe(m.query);
  EXPECT_EQ(source.count_rows(m, columns[0], {}), 1u);
  EXPECT_THROW(source.describe("SELECT nosuch"), DataError);
  database.exec("INSERT INTO t VALUES (2)");
  EXPECT_EQ(source.count_rows(m, columns[0], {}), 1u) << "a row of another snapshot";
}

TEST_F(SourceFailureTest, SaysWhenReadingIsNotAllowed) {
  database.exec("CREATE TABLE secret (t integer); CREATE ROLE nobody_in_particular LOGIN");
  {
    SourceReader source({.name = "market", .conninfo = database.conninfo() + " user=nobody_in_particular"}, "retraind");
    const settings::Model m = model("SELECT t FROM secret");
    const auto columns = source.describe(m.query);
    const std::string words = complaint<DataError>([&] { source.count_rows(m, columns[0], {}); });
    EXPECT_CONTAINS(words, "permission denied for table secret");
    EXPECT_CONTAINS(words, "grant SELECT");
  }
  database.exec("DROP ROLE nobody_in_particular");
}

TEST_F(SourceFailureTest, SaysWhereItCouldNotConnectAndNeverThePassword) {
  const auto connect = [&](const std::string& conninfo) {
    return complaint<UnreachableError>([&] { SourceReader({.name = "market", .conninfo = conninfo}, "retraind"); });
  };
  const std::string nowhere = connect("host=/nonexistent dbname=market password=tiger");
  EXPECT_CONTAINS(nowhere, "source \"market\" (host=/nonexistent dbname=market) cannot be reached");
  EXPECT_FALSE(contains(nowhere, "tiger")) << nowhere;
  EXPECT_CONTAINS(connect("host=127.0.0.1 port=1 dbname=market"), "refused");
  EXPECT_CONTAINS(connect(testing::PgSandbox::shared().conninfo("nosuch")), "database \"nosuch\" does not exist");
  EXPECT_CONTAINS(connect(database.conninfo() + " user=nosuch"), "role \"nosuch\" does not exist");
}

TEST_F(SourceFailureTest, TellsThatThePasswordIsWrong) {
  testing::PgSandbox sandbox;
  testing::TestConnection administrator(sandbox.conninfo());
  administrator.exec("CREATE ROLE reader LOGIN PASSWORD 'right'");
  administrator.exec("COPY (VALUES ('local all reader scram-sha-256'), ('local all all trust')) TO '" +
                     sandbox.folder().string() + "/data/pg_hba.conf'");
  sandbox.stop();
  sandbox.start();
  const std::string conninfo = sandbox.conninfo() + " user=reader password=";
  const std::string words = complaint<UnreachableError>(
      [&] { SourceReader({.name = "market", .conninfo = conninfo + "tiger"}, "retraind"); });
  EXPECT_CONTAINS(words, "password authentication failed for user \"reader\"");
  EXPECT_FALSE(contains(words, "tiger")) << words;
  SourceReader source({.name = "market", .conninfo = conninfo + "right"}, "retraind");
  EXPECT_EQ(source.describe("SELECT 1 AS t").size(), 1u);
}

class Terminator : public data::BatchSink {
 public:
  explicit Terminator(testing::TestDatabase& database) : database_(&database) {}
  void consume(const data::Batch&) override {
    if (++batches_ == 3) database_->terminate_others();
  }

 private:
  testing::TestDatabase* database_;
  int batches_ = 0;
};

TEST_F(SourceFailureTest, SaysHowFarItGotWhenTheServerGoesAway) {
  SourceReader source = reader();
  // Enough that the server cannot have sent all of it before it is told to stop.
  const settings::Model m = model("SELECT i AS t, repeat('x', 1000) AS x FROM generate_series(1, 1000000) AS i");
  const auto columns = source.describe(m.query);
  Terminator sink(database);
  const std::string words = complaint<TransientError>([&] {
    source.extract(m, columns, {0, 1}, columns[0], {}, nullptr, {&sink});
  });
  // Three batches had been handed over; the rows on their way since then are another number every time.
  const std::size_t number = words.find("went away, after ");
  ASSERT_NE(number, std::string::npos) << words;
  std::string digits;
  for (const char c : words.substr(number + 17, words.find(" rows:") - number - 17)) {
    if (c != ',') digits += c;
  }
  EXPECT_GE(std::stoul(digits), 3 * data::kBatchRows) << words;
  EXPECT_LT(std::stoul(digits), 1000000u) << words;
  EXPECT_THROW(source.describe("SELECT 1"), TransientError) << "the reader is of no more use, and says so";
}

class Refuser : public data::BatchSink {
 public:
  void consume(const data::Batch&) override { throw DataError("enough"); }
};

TEST_F(SourceFailureTest, StopsAtOnceWhenASinkRefuses) {
  SourceReader source = reader();
  // Read to its end, this would take days.
  const settings::Model m = model(
      "SELECT i AS t FROM generate_series(1, 10000) AS i, generate_series(1, 10000) AS j, generate_series(1, 10000) AS "
      "k");
  const auto columns = source.describe(m.query);
  Refuser sink;
  EXPECT_EQ(complaint<DataError>([&] { source.extract(m, columns, {0}, columns[0], {}, nullptr, {&sink}); }), "enough");
  EXPECT_EQ(source.describe("SELECT 1 AS t").size(), 1u) << "the reader goes on";
}

TEST_F(SourceFailureTest, SaysWhichKeyToRaiseAfterATimeout) {
  SourceReader source = reader(std::chrono::milliseconds(50));
  const settings::Model m = model("SELECT 1 AS t FROM pg_sleep(100)");
  const auto columns = source.describe(m.query);
  const std::string words = complaint<TransientError>([&] { source.count_rows(m, columns[0], {}); });
  EXPECT_CONTAINS(words, "canceling statement due to statement timeout");
  EXPECT_CONTAINS(words, "raise source.market.statement_timeout (now 50ms)");
}

TEST_F(SourceFailureTest, SaysWhenATableIsGone) {
  database.exec("CREATE TABLE t AS SELECT 1 AS t");
  const settings::Model m = model("SELECT t FROM t");
  const auto columns = reader().describe(m.query);
  database.exec("DROP TABLE t");
  SourceReader source = reader();
  KeepingSink sink;
  EXPECT_CONTAINS(complaint<DataError>([&] { source.extract(m, columns, {0}, columns[0], {}, nullptr, {&sink}); }),
                  "relation \"t\" does not exist");
}

TEST_F(SourceFailureTest, HoldsADescribedTableUntilItIsDone) {
  database.exec("CREATE TABLE t AS SELECT 1 AS t");
  SourceReader source = reader();
  const settings::Model m = model("SELECT t FROM t");
  const auto columns = source.describe(m.query);
  EXPECT_THROW(database.exec("SET lock_timeout = '10ms'; DROP TABLE t"), std::runtime_error);
  EXPECT_EQ(source.count_rows(m, columns[0], {}), 1u);
}

TEST_F(SourceFailureTest, SaysWhenAValueCannotBeComputed) {
  SourceReader source = reader();
  const settings::Model m = model("SELECT i AS t, 1 / (i - 5000) AS x FROM generate_series(1, 10000) AS i");
  const auto columns = source.describe(m.query);
  KeepingSink sink;
  EXPECT_CONTAINS(complaint<DataError>([&] {
                    source.extract(m, columns, {0, 1}, columns[0], {}, nullptr, {&sink});
                  }),
                  "refused the query, after 4,999 rows: division by zero");
}

TEST_F(SourceFailureTest, QuotesNamesThatAreNasty) {
  const std::string longest(63, 'n');
  for (const std::string name :
       {"two words", "quo\"te", "semi;colon", "größe", "SELECT", "q.t", "'", "$1", "--", longest.c_str()}) {
    std::string quoted;
    for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
    const settings::Model m = model("SELECT 7 AS \"" + quoted + "\"", name, name);
    SourceReader source = reader();
    const auto columns = source.describe(m.query);
    ASSERT_EQ(columns.at(0).name, name);
    KeepingSink sink;
    RowFilter filter;
    filter.after = 1;
    filter.labelled_only = true;
    filter.newest_rows = 1;
    source.extract(m, columns, {0}, columns[0], filter, nullptr, {&sink});
    EXPECT_EQ(sink.rows.size(), 1u) << name;
  }
}

TEST_F(SourceFailureTest, RefusesNamesThatPostgresqlWouldCut) {
  const std::string long_name(64, 'n');
  const settings::Model m = model("SELECT 7 AS t", "t", long_name);
  SourceReader source = reader();
  const auto columns = source.describe(m.query);
  RowFilter filter;
  filter.labelled_only = true;
  EXPECT_CONTAINS(complaint<DataError>([&] { source.count_rows(m, columns[0], filter); }), "has 64 bytes");
}

TEST_F(SourceFailureTest, SaysWhenAColumnChangedItsType) {
  database.exec("CREATE TABLE t AS SELECT 1 AS t, 2 AS x");
  const settings::Model m = model("SELECT t, x FROM t");
  const auto columns = reader().describe(m.query);
  database.exec("ALTER TABLE t ALTER x TYPE text");
  SourceReader source = reader();
  KeepingSink sink;
  EXPECT_CONTAINS(complaint<DataError>([&] {
                    source.extract(m, columns, {0, 1}, columns[0], {}, nullptr, {&sink});
                  }),
                  "column \"x\" had type integer and now has type text");
}

}  // namespace
}  // namespace retraind::source
