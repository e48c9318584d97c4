// The tests' own ground: if these fail, no other result of this tier means anything.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "tests/support/pg_sandbox.h"
#include "tests/support/real_data.h"
#include "tests/support/test_database.h"

namespace retraind::testing {
namespace {

TEST(TestDatabase, IsEmptyAndApartFromTheOthers) {
  TestDatabase one;
  TestDatabase other;
  one.exec("CREATE TABLE t AS SELECT 7 AS x, NULL::text AS y");
  EXPECT_EQ(one.text("SELECT x FROM t"), "7");
  EXPECT_EQ(one.rows("SELECT y FROM t"), (std::vector<TextRow>{{std::nullopt}}));
  EXPECT_THROW(other.text("SELECT x FROM t"), std::runtime_error);
}

TEST(TestDatabase, IsDroppedUnderItsUsers) {
  std::string name;
  std::optional<TestConnection> stranger;
  {
    TestDatabase database;
    name = database.name();
    stranger = database.connect();
    stranger->exec("SELECT 1");
  }
  TestDatabase other;
  EXPECT_EQ(other.text("SELECT count(*) FROM pg_database WHERE datname = '" + name + "'"), "0");
}

TEST(TestDatabase, CopiesTextsThatNeedEscaping) {
  TestDatabase database;
  database.exec("CREATE TABLE t (a text, b text)");
  const TextRow row = {"tab\there, line\nthere, \\N and \\", std::nullopt};
  database.copy("t", {row});
  EXPECT_EQ(database.rows("SELECT a, b FROM t"), std::vector<TextRow>{row});
}

TEST(TestDatabase, NoOneElseIsLeftAfterTerminateOthers) {
  TestDatabase database;
  TestConnection other = database.connect();
  other.exec("SELECT 1");
  database.terminate_others();
  EXPECT_EQ(database.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"), "1");
}

TEST(PgSandbox, KeepsItsDataOverACrash) {
  PgSandbox sandbox;
  TestConnection connection(sandbox.conninfo());
  connection.exec("CREATE TABLE t AS SELECT 1 AS x");
  sandbox.crash();
  EXPECT_THROW(connection.exec("SELECT 1"), std::runtime_error);
  sandbox.start();
  EXPECT_EQ(connection.text("SELECT x FROM t"), "1");
  sandbox.stop();
  EXPECT_THROW(connection.exec("SELECT 1"), std::runtime_error);
}

TEST(PgSandbox, SaysWhatTheServerSaidWhenItDoesNotStart) {
  try {
    PgSandbox sandbox({"shared_buffers = 'nonsense'"});
    FAIL() << "the server came up";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("nonsense"), std::string::npos) << error.what();
  }
}

TEST(PgSandbox, EndsWithAProcessThatIsKilled) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const PgSandbox sandbox;
    const std::string folder = sandbox.folder().string() + "\n";
    if (write(pipe_ends[1], folder.data(), folder.size()) < 0) _exit(1);
    pause();
  }
  close(pipe_ends[1]);
  std::string folder;
  char c = 0;
  while (read(pipe_ends[0], &c, 1) == 1 && c != '\n') folder += c;
  ASSERT_TRUE(std::filesystem::exists(folder)) << folder;
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  // The keeper holds the pipe's other end until it has removed the folder and ended: that is the event to wait for.
  EXPECT_EQ(read(pipe_ends[0], &c, 1), 0);
  EXPECT_FALSE(std::filesystem::exists(folder));
  close(pipe_ends[0]);
}

TEST(RealData, IsReadIntoATable) {
  if (!real_data("elec2.csv.gz")) GTEST_SKIP() << missing_data("elec2.csv.gz");
  TestDatabase database;
  const std::size_t rows = load_csv(database, "electricity",
                                    "ts timestamp, date text, day text, period double precision, nswprice double "
                                    "precision, nswdemand double precision, vicprice double precision, vicdemand "
                                    "double precision, transfer double precision, up integer",
                                    "elec2.csv.gz", {10, 1010});
  EXPECT_EQ(rows, 1000u);
  EXPECT_EQ(database.text("SELECT count(*) FROM electricity"), "1000");
}

}  // namespace
}  // namespace retraind::testing
