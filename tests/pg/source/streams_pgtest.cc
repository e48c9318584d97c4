#include "core/source/streams.h"

#include "tests/pg/source/reading.h"

namespace retraind::source {
namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

class FailingSink : public data::BatchSink {
 public:
  void consume(const data::Batch&) override { throw DataError("enough of this"); }
};

class StreamsTest : public SourceTest {
 protected:
  StreamsTest() {
    database.exec("CREATE TABLE t AS SELECT n AS t, n % 7 AS y FROM generate_series(1, 30000) n");
    market = {.name = "market", .conninfo = database.conninfo(), .statement_timeout = Duration::zero()};
  }

  static RowFilter between(double after, double until) {
    RowFilter filter;
    filter.after = after;
    filter.until = until;
    return filter;
  }

  ExtractStats read_parts(SourceReader& reader, const settings::Model& model, const std::vector<StreamPart>& parts) {
    const auto columns = reader.describe(model.query);
    return extract_parts(reader, market, "retraind streams", model, columns, {0, 1}, columns[0], parts);
  }

  settings::Source market;
};

TEST_F(StreamsTest, ReadsEachRowOnceInWhateverPartItIs) {
  SourceReader reader(market, "retraind");
  std::vector<KeepingSink> sinks(3);
  const ExtractStats stats = read_parts(
      reader, model("SELECT t, y FROM t"),
      {{between(0, 10000), {&sinks[0]}}, {between(10000, 10001), {&sinks[1]}}, {between(10001, 30000), {&sinks[2]}}});
  EXPECT_EQ(stats.rows, 30000u);
  EXPECT_EQ(sinks[0].rows.size(), 10000u);
  ASSERT_EQ(sinks[1].rows.size(), 1u);
  EXPECT_EQ(std::get<double>(sinks[1].rows[0].at(0)), 10001);
  EXPECT_EQ(sinks[2].rows.size(), 19999u);
}

TEST_F(StreamsTest, SeesOneSnapshotOnAllConnections) {
  SourceReader reader(market, "retraind");
  const settings::Model m = model("SELECT t, y FROM t");
  const auto columns = reader.describe(m.query);
  EXPECT_EQ(reader.count_rows(m, columns[0], {}), 30000u);
  database.exec("INSERT INTO t VALUES (5, 5), (20000, 5); UPDATE t SET y = 100 WHERE t = 29999");
  std::vector<KeepingSink> sinks(2);
  EXPECT_EQ(read_parts(reader, m, {{between(0, 15000), {&sinks[0]}}, {between(15000, 40000), {&sinks[1]}}}).rows,
            30000u);
  for (const auto& row : sinks[1].rows) EXPECT_LT(std::get<double>(row.at(1)), 7);
  // And again: the first reader goes on in its transaction.
  EXPECT_EQ(read_parts(reader, m, {{between(0, 15000), {&sinks[0]}}, {between(15000, 40000), {&sinks[1]}}}).rows,
            30000u);
}

TEST_F(StreamsTest, StopsAllOthersWhenOneFailsAndSaysSoOnce) {
  // One part fails at once; the others would sleep for an hour, before their first row or in between.
  const settings::Model m =
      model("SELECT t, CASE WHEN t IN (10001, 25000) THEN length(pg_sleep(3600)::text) ELSE y END AS y FROM t");
  SourceReader reader(market, "retraind");
  KeepingSink kept;
  FailingSink failing;
  EXPECT_EQ(
      complaint<DataError>([&] {
        read_parts(
            reader, m,
            {{between(20000, 30000), {&kept}}, {between(0, 10000), {&failing}}, {between(10000, 20000), {&kept}}});
      }),
      "enough of this");
  EXPECT_EQ(database.text("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep%'"
                          " AND pid <> pg_backend_pid()"),
            "0");
  // The reader is as good as before.
  const settings::Model plain = model("SELECT t, y FROM t");
  const auto columns = reader.describe(plain.query);
  EXPECT_EQ(reader.count_rows(plain, columns[0], {}), 30000u);
}

TEST_F(StreamsTest, SaysWhatTheServerSaidOfTheStreamThatFailed) {
  SourceReader reader(market, "retraind");
  std::vector<KeepingSink> sinks(2);
  const std::string words = complaint<DataError>([&] {
    read_parts(reader, model("SELECT t, 1 / (t - 20000) AS y FROM t"),
               {{between(0, 15000), {&sinks[0]}}, {between(15000, 30000), {&sinks[1]}}});
  });
  EXPECT_CONTAINS(words, "division by zero");
}

TEST_F(StreamsTest, RefusesASnapshotThatNobodyHolds) {
  EXPECT_CONTAINS(complaint<DataError>([&] { SourceReader(market, "retraind", "00000003-00000002-1"); }), "snapshot");
}

TEST_F(StreamsTest, EstimatesRowsFromWhatThePlannerKnows) {
  database.exec("ANALYZE t");
  SourceReader reader(market, "retraind");
  const settings::Model m = model("SELECT t, y FROM t");
  const auto columns = reader.describe(m.query);
  EXPECT_NEAR(static_cast<double>(reader.estimate_rows(m, columns[0], between(0, 10000))), 10000, 1500);
  EXPECT_NEAR(static_cast<double>(reader.estimate_rows(m, columns[0], {})), 30000, 1500);
}

}  // namespace
}  // namespace retraind::source
