// The table that scores are written to: what fits, what is said where it does not, and that no row is scored twice.
#include "core/source/score_table.h"

#include <fmt/format.h>

#include <thread>

#include "tests/pg/source/reading.h"

namespace retraind::source {
namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

class ScoreTableTest : public SourceTest {
 protected:
  ScoreTableTest() {
    database.exec(
        "CREATE TABLE events (ts timestamptz, id bigint, \"Shop's\" text, tag uuid, x float8); "
        "INSERT INTO events VALUES "
        "('2026-01-01 00:00+00', 9007199254740993, E'O''Brien \"&\" {a,b}\\\\\\n,NULL', "
        "'11111111-2222-3333-4444-555555555555', 1), "
        "('2026-01-02 00:00+00', 9007199254740992, '', '11111111-2222-3333-4444-555555555556', 2), "
        "('infinity', 1, 'never', NULL, 3)");
    model_ = model("SELECT ts, id, \"Shop's\", tag, x FROM events", "ts", "");
    model_.scoring.into = "predictions";
    model_.scoring.key = {"id"};
  }

  ScoreTable open(Task task = Task::binary, const std::string& user = "") {
    settings::Source source{
        .name = "market", .conninfo = database.conninfo() + user, .statement_timeout = std::chrono::minutes(1)};
    return ScoreTable(source, "the test", model_, task, model_.query, reader().describe(model_.query));
  }
  std::string fault(Task task = Task::binary, const std::string& user = "") {
    return complaint<DataError>([&] { open(task, user).require_fit(); });
  }
  // Makes the table by the very statement that the complaint shows.
  void make_table(Task task = Task::binary) {
    const std::string said = fault(task);
    const std::size_t begin = said.find("CREATE TABLE");
    ASSERT_NE(begin, std::string::npos) << said;
    database.exec(said.substr(begin, said.find(";", begin) - begin + 1));
  }
  std::vector<std::vector<Value>> unscored(ScoreTable& table, EventTime after = 0, std::uint64_t limit = 100) {
    settings::Model rows = model_;
    rows.query = table.unscored({.features = {"x"}, .after = after, .limit = limit});
    return read(rows).rows;
  }
  // As the query of unscored rows gives them.
  static ScoreRows to_scores(const std::vector<std::vector<Value>>& rows, std::size_t keys, double prediction = 0.5) {
    ScoreRows out;
    out.keys.resize(keys);
    for (const std::vector<Value>& row : rows) {
      for (std::size_t i = 0; i < keys; ++i) out.keys[i].push_back(std::get<std::string>(row.at(3 + i)));
      out.event_times.push_back(std::get<std::string>(row.at(3 + keys)));
      out.predictions.push_back(prediction);
    }
    return out;
  }

  settings::Model model_;
};

TEST_F(ScoreTableTest, SaysWhichTableToCreateAndThenFits) {
  EXPECT_EQ(open().create_statement(),
            "CREATE TABLE predictions (model text NOT NULL, id bigint NOT NULL, event_time timestamp with time zone "
            "NOT NULL, version integer NOT NULL, scored_at timestamp with time zone NOT NULL, prediction double "
            "precision NOT NULL, UNIQUE (model, id, version));");
  EXPECT_CONTAINS(fault(), "there is no table predictions at source \"market\"");
  make_table();
  EXPECT_NO_THROW(open().require_fit());
}

TEST_F(ScoreTableTest, HoldsTheClassOfAMulticlassModel) {
  make_table(Task::multiclass);
  EXPECT_NO_THROW(open(Task::multiclass).require_fit());
  EXPECT_CONTAINS(fault(Task::regression), "it lacks the column prediction double precision");
  ScoreTable table = open(Task::multiclass);
  table.require_fit();
  ScoreRows rows = to_scores(unscored(table), 1, 0.75);
  rows.classes = {"NULL", "it's \"red\""};
  EXPECT_EQ(table.write(3, rows), 2u);
  EXPECT_EQ(database.text("SELECT string_agg(class || probability || version, ';' ORDER BY id DESC) FROM predictions"),
            "NULL0.753;it's \"red\"0.753");
}

TEST_F(ScoreTableTest, GivesKeysBackExactlyWhateverTheyHold) {
  model_.scoring.key = {"id", "Shop's", "tag"};
  make_table();
  ScoreTable table = open();
  table.require_fit();
  // What has an infinite event time is no row of any time.
  EXPECT_EQ(table.write(1, to_scores(unscored(table), 3)), 2u);
  EXPECT_EQ(database.text("SELECT count(*) FROM predictions p JOIN events e USING (id, \"Shop's\", tag) "
                          "WHERE e.ts = p.event_time AND p.model = 'power' AND p.version = 1 AND p.prediction = 0.5 "
                          "AND p.scored_at > now() - interval '1 hour'"),
            "2");
  EXPECT_TRUE(unscored(table).empty());
}

TEST_F(ScoreTableTest, ReadsTheOldestRowsFirstAndOnlyLaterOnes) {
  make_table();
  ScoreTable table = open();
  table.require_fit();
  const double day = to_event_time(*parse_instant("2026-01-01T00:00:00Z"));
  ASSERT_EQ(unscored(table, 0, 1).size(), 1u);
  EXPECT_EQ(std::get<double>(unscored(table, 0, 1)[0][0]), day);
  EXPECT_EQ(unscored(table, day - 1).size(), 2u);
  EXPECT_EQ(unscored(table, day).size(), 1u);
}

TEST_F(ScoreTableTest, ScoresARowOnceHoweverOftenItIsWritten) {
  make_table();
  ScoreTable table = open();
  table.require_fit();
  const ScoreRows rows = to_scores(unscored(table), 1, 0.25);
  EXPECT_EQ(table.write(1, rows), 2u);
  EXPECT_EQ(table.write(1, rows), 0u);
  ScoreTable another = open();
  another.require_fit();
  EXPECT_EQ(another.write(2, to_scores({}, 1)), 0u);
  EXPECT_EQ(another.write(2, rows), 0u);  // the rows have their scores, of version 1
  EXPECT_EQ(database.text("SELECT count(*) FROM predictions WHERE version = 1 AND prediction = 0.25"), "2");
}

TEST_F(ScoreTableTest, ScoresARowOnceWhenTwoWriteItAtATime) {
  database.exec(
      "INSERT INTO events SELECT timestamptz '2026-02-01 00:00+00' + n * interval '1 s', n, '', NULL, n "
      "FROM generate_series(10, 2009) n");
  make_table();
  ScoreTable first = open();
  ScoreTable second = open();
  first.require_fit();
  second.require_fit();
  const ScoreRows rows = to_scores(unscored(first, 0, 10000), 1);
  // Another transaction has written a row and not committed: both wait for it, and then find it there.
  testing::TestConnection slow = database.connect();
  slow.exec("BEGIN; INSERT INTO predictions VALUES ('power', 1000, now(), 1, now(), 0.125)");
  std::uint64_t written[2] = {0, 0};
  std::thread one([&] { written[0] = first.write(1, rows); });
  std::thread two([&] { written[1] = second.write(1, rows); });
  testing::TestConnection watcher = database.connect();
  while (watcher.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = "
                      "'Lock'") != "2") {
  }
  slow.exec("COMMIT");
  one.join();
  two.join();
  EXPECT_EQ(written[0] + written[1], 2001u);
  EXPECT_EQ(database.text("SELECT count(*) || ' ' || count(DISTINCT id) FROM predictions"), "2002 2002");
  EXPECT_EQ(database.text("SELECT prediction FROM predictions WHERE id = 1000"), "0.125");
}

TEST_F(ScoreTableTest, RefusesATableThatWouldNotKeepRowsApart) {
  database.exec(
      "CREATE TABLE predictions (model text, id integer, event_time date, version smallint, scored_at "
      "timestamptz, prediction float8, note text NOT NULL, made int NOT NULL DEFAULT 1, UNIQUE (model, id))");
  const std::string said = fault();
  EXPECT_CONTAINS(said, "its column id is integer, and should be bigint");
  EXPECT_CONTAINS(said, "its column event_time is date, and should be timestamp with time zone");
  EXPECT_CONTAINS(said, "its column version is smallint, and should be integer");
  EXPECT_CONTAINS(said, "its column note is NOT NULL without a default");
  EXPECT_CONTAINS(said, "it lacks UNIQUE (model, id, version)");
  EXPECT_EQ(said.find("made"), std::string::npos) << said;
  EXPECT_CONTAINS(said, "CREATE TABLE predictions (model text NOT NULL, id bigint");
}

TEST_F(ScoreTableTest, WantsAUniqueKeyThatHoldsForEveryRowAtOnce) {
  const std::string columns =
      "(model text, id bigint, event_time timestamptz, version int, scored_at timestamptz, "
      "prediction float8";
  for (const char* with : {"); CREATE UNIQUE INDEX ON predictions (model, id, version) WHERE version > 3",
                           "); CREATE INDEX ON predictions (model, id, version)",
                           "); CREATE UNIQUE INDEX ON predictions (model, id, version, event_time)",
                           ", UNIQUE (model, id, version) DEFERRABLE)"}) {
    database.exec("DROP TABLE IF EXISTS predictions; CREATE TABLE predictions " + columns + with);
    EXPECT_CONTAINS(fault(), "it lacks UNIQUE (model, id, version)") << with;
  }
  // In any order, and with columns that are only carried along.
  database.exec("DROP TABLE predictions; CREATE TABLE predictions " + columns +
                "); CREATE UNIQUE INDEX ON predictions (version, id, model) INCLUDE (prediction)");
  ScoreTable table = open();
  EXPECT_NO_THROW(table.require_fit());
  EXPECT_EQ(table.write(1, to_scores(unscored(table), 1)), 2u);
}

TEST_F(ScoreTableTest, TakesWiderTypesDomainsAndATableInASchema) {
  database.exec(
      "CREATE SCHEMA \"My scores\"; CREATE DOMAIN name_of_model AS text; "
      "CREATE TABLE \"My scores\".\"Of power\" (model name_of_model, id numeric, event_time timestamp, "
      "version bigint, scored_at timestamptz, prediction float8, at timestamptz DEFAULT now(), "
      "PRIMARY KEY (model, id, version))");
  model_.scoring.into = "\"My scores\".\"Of power\"";
  ScoreTable table = open();
  table.require_fit();
  EXPECT_EQ(table.write(1, to_scores(unscored(table), 1)), 2u);
  EXPECT_TRUE(unscored(table).empty());
  EXPECT_EQ(database.text("SELECT max(event_time) FROM \"My scores\".\"Of power\""), "2026-01-02 00:00:00");
}

TEST_F(ScoreTableTest, SaysWhatToGrant) {
  make_table();
  const std::string login = "scorer_" + database.name();
  database.exec(fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN; GRANT SELECT ON events TO {0}", login));
  const std::string said = fault(Task::binary, " user=" + login);
  EXPECT_CONTAINS(said, "may not read or not write predictions");
  const std::size_t begin = said.find("GRANT");
  ASSERT_NE(begin, std::string::npos) << said;
  database.exec(said.substr(begin, said.find(';', begin) - begin));
  ScoreTable table = open(Task::binary, " user=" + login);
  EXPECT_NO_THROW(table.require_fit());
  EXPECT_EQ(table.write(1, to_scores(unscored(table), 1)), 2u);
  database.exec(fmt::format("DROP OWNED BY {0}; DROP ROLE {0}", login));
}

TEST_F(ScoreTableTest, RefusesNamesThatCannotBe) {
  model_.scoring.key = {"idd"};
  EXPECT_CONTAINS(fault(), "the query does not return the key column \"idd\"; did you mean \"id\"?");
  model_.query = "SELECT ts, id AS version, x FROM events";
  model_.scoring.key = {"version"};
  EXPECT_CONTAINS(fault(), "the key column \"version\" has the name of a column that the table of scores has anyway");
  model_.scoring.into = "a.b.c";
  EXPECT_CONTAINS(fault(), "is no name of a table");
  model_.scoring.into = "\"a\"b";
  EXPECT_CONTAINS(fault(), "is no name of a table");
}

TEST_F(ScoreTableTest, WritesNothingToAViewOrWhereTheServerRefuses) {
  database.exec("CREATE VIEW predictions AS SELECT 1 AS model");
  EXPECT_CONTAINS(fault(), "is no table");
  database.exec("DROP VIEW predictions");
  make_table();
  database.exec("ALTER TABLE predictions ADD CHECK (prediction < 0.5)");
  ScoreTable table = open();
  table.require_fit();
  ScoreRows rows = to_scores(unscored(table), 1, 0.25);
  rows.predictions[1] = 0.75;
  EXPECT_CONTAINS(complaint<DataError>([&] { table.write(1, rows); }), "refused to take scores");
  EXPECT_EQ(database.text("SELECT count(*) FROM predictions"), "0");
}

}  // namespace
}  // namespace retraind::source
