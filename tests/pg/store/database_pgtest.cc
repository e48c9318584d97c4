// What goes wrong between retraind and its registry, which class of error says so, and that the pool gets over it.
#include <gtest/gtest.h>
#include <poll.h>

#include <pqxx/pqxx>

#include <atomic>
#include <thread>

#include "core/base/error.h"
#include "core/store/conninfo.h"
#include "core/store/database.h"
#include "core/store/limits.h"
#include "core/store/listener.h"
#include "tests/support/pg_sandbox.h"
#include "tests/support/tcp_proxy.h"
#include "tests/support/test_database.h"

namespace retraind::store {
namespace {

using testing::TestConnection;
using testing::TestDatabase;

class DatabaseTest : public ::testing::Test {
 protected:
  static std::string one(Database& registry, const std::string& sql) {
    return registry.transact(
        "read one", [&](Transaction& transaction) { return transaction.work().exec1(sql)[0].as<std::string>(); });
  }

  // The message of the error of class E that `sql` ends in.
  template <class E>
  std::string complaint(const std::string& sql) {
    try {
      database.transact("the step", [&](Transaction& transaction) { transaction.work().exec(sql); });
    } catch (const E& error) {
      return error.what();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "another exception: " << error.what();
      return "";
    }
    ADD_FAILURE() << "nothing was thrown by " << sql;
    return "";
  }

  TestDatabase ground;
  Database database{ground.conninfo(), "retraind"};
};

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(DatabaseTest, CommitsWhatTheBodyDidAndReturnsItsValue) {
  const int value = database.transact("make", [](Transaction& transaction) {
    transaction.work().exec("CREATE TABLE public.t AS SELECT 7 AS x");
    return 42;
  });
  EXPECT_EQ(value, 42);
  EXPECT_EQ(ground.text("SELECT x FROM t"), "7");
}

TEST_F(DatabaseTest, RollsBackWhenTheBodyThrows) {
  EXPECT_THROW(database.transact("make",
                                 [](Transaction& transaction) {
                                   transaction.work().exec("CREATE TABLE public.t ()");
                                   throw DataError("no");
                                 }),
               DataError);
  EXPECT_EQ(ground.text("SELECT to_regclass('t') IS NULL"), "t");
  EXPECT_EQ(one(database, "SELECT 1"), "1");
}

TEST_F(DatabaseTest, LeavesNoStateInASession) {
  one(database, "SELECT set_config('work_mem', '77MB', true)");
  EXPECT_NE(one(database, "SELECT current_setting('work_mem')"), "77MB");
  EXPECT_EQ(one(database, "SELECT current_setting('search_path')"), "pg_catalog");
  EXPECT_EQ(one(database, "SELECT current_setting('timezone')"), "UTC");
}

TEST_F(DatabaseTest, TellsAnUnreachableServerApart) {
  Database nowhere("host=/nonexistent dbname=registry password=tiger", "retraind");
  try {
    one(nowhere, "SELECT 1");
    FAIL() << "it connected";
  } catch (const UnreachableError& error) {
    EXPECT_CONTAINS(std::string(error.what()), "host=/nonexistent dbname=registry");
    EXPECT_EQ(std::string(error.what()).find("tiger"), std::string::npos) << error.what();
  }
}

TEST_F(DatabaseTest, RefusesAConnectionStringItCannotRead) {
  EXPECT_THROW(Database("host = 'open", "retraind"), ConfigError);
  EXPECT_THROW(Database("hots=db", "retraind"), ConfigError);
}

TEST_F(DatabaseTest, ReplacesAPooledConnectionThatDied) {
  const std::string first = one(database, "SELECT pg_backend_pid()::text");
  ground.terminate_others();
  const std::string second = one(database, "SELECT pg_backend_pid()::text");
  EXPECT_NE(first, second);
  EXPECT_EQ(one(database, "SELECT pg_backend_pid()::text"), second) << "the new one is kept";
}

TEST_F(DatabaseTest, ReportsABackendThatIsTerminatedUnderItsTransactionAndGoesOnAfterwards) {
  int calls = 0;
  EXPECT_THROW(database.transact("the step",
                                 [&](Transaction& transaction) {
                                   ++calls;
                                   ground.terminate_others();
                                   transaction.work().exec("SELECT 1");
                                 }),
               TransientError);
  EXPECT_EQ(calls, 1) << "a body is never repeated by itself";
  EXPECT_EQ(one(database, "SELECT 1"), "1");
}

TEST_F(DatabaseTest, HandsOnWhatAFunctionOfTheSchemaAdvises) {
  const auto hint = [&](const std::string& raised) {
    try {
      one(database, "DO $$ BEGIN RAISE EXCEPTION 'no such thing' USING ERRCODE = 'RT001'" + raised + "; END $$");
    } catch (const DataError& error) {
      EXPECT_EQ(std::string(error.what()), "no such thing");
      return error.hint();
    }
    return std::string("nothing was thrown");
  };
  EXPECT_EQ(hint(", HINT = 'there are: a, b'"), "there are: a, b");
  EXPECT_EQ(hint(", HINT = ''"), "");
  EXPECT_EQ(hint(""), "");
}

TEST_F(DatabaseTest, LeavesACommitWhoseReplyWasLostInDoubt) {
  // A deferred trigger ends the session in the middle of COMMIT: the reply never comes.
  ground.exec(
      "CREATE TABLE t (x integer);"
      "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
      " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';"
      "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION"
      " die()");
  EXPECT_THROW(
      database.transact("the step",
                        [](Transaction& transaction) { transaction.work().exec("INSERT INTO public.t VALUES (1)"); }),
      InDoubtError);
  EXPECT_EQ(one(database, "SELECT 1"), "1");
}

TEST_F(DatabaseTest, CallsADeadlockTransient) {
  ground.exec("CREATE TABLE t AS SELECT i FROM generate_series(1, 2) AS i");
  TestConnection other = ground.connect();
  other.exec("SET deadlock_timeout = '1h'; BEGIN; UPDATE t SET i = i WHERE i = 2");
  std::jthread thread;
  std::string words;
  try {
    database.transact("the step", [&](Transaction& transaction) {
      transaction.work().exec("SET LOCAL deadlock_timeout = '10ms'");
      transaction.work().exec("UPDATE public.t SET i = i WHERE i = 1");
      thread = std::jthread([&] { other.exec("UPDATE t SET i = i WHERE i = 1; COMMIT"); });
      // The other side must wait for us before we wait for it.
      while (ground.text("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0") std::this_thread::yield();
      transaction.work().exec("UPDATE public.t SET i = i WHERE i = 2");
    });
  } catch (const TransientError& error) {
    words = error.what();
  }
  thread.join();
  EXPECT_CONTAINS(words, "deadlock detected");
}

TEST_F(DatabaseTest, CallsTimeoutsTransient) {
  database.set_timeouts(std::chrono::milliseconds(20), std::chrono::milliseconds(20));
  EXPECT_CONTAINS(complaint<TransientError>("SELECT pg_sleep(100)"), "statement timeout");
  ground.exec("CREATE TABLE t (); ");
  TestConnection other = ground.connect();
  other.exec("BEGIN; LOCK t");
  database.set_timeouts(std::chrono::minutes(1), std::chrono::milliseconds(20));
  EXPECT_CONTAINS(complaint<TransientError>("SELECT * FROM public.t"), "lock timeout");
}

// What hangs between here and the server takes everything and answers nothing; the kernel, which is acknowledged every
// byte, finds nothing wrong with that.
class SilenceTest : public DatabaseTest {
 protected:
  SilenceTest() { behind.set_timeouts(std::chrono::seconds(1), std::chrono::seconds(1)); }
  static void ask(Transaction& transaction) { transaction.work().exec("SELECT 1"); }

  testing::TcpProxy proxy{testing::PgSandbox::shared().folder()};
  Database behind{proxy.conninfo(ground.name()), "retraind-test"};
};

TEST_F(SilenceTest, AnIdleConnectionThatNeverAnswersIsReplaced) {
  behind.transact("first", ask);
  proxy.set(testing::ProxyMode::half_open);
  behind.transact("second", ask);
}

TEST_F(SilenceTest, AnIdleConnectionIsNotWaitedForAsLongAsAStatementMayTake) {
  behind.transact("first", ask);
  proxy.set(testing::ProxyMode::half_open);
  behind.set_timeouts(std::chrono::hours(1), std::chrono::seconds(1));
  behind.transact("second", ask);
}

TEST_F(SilenceTest, AStatementThatIsNeverAnsweredIsALostConnection) {
  EXPECT_THROW(behind.transact("silence",
                               [&](Transaction& transaction) {
                                 proxy.set(testing::ProxyMode::half_open);
                                 ask(transaction);
                               }),
               TransientError);
  behind.transact("afterwards", ask);
}

TEST_F(SilenceTest, ACommitThatIsNeverAnsweredIsInDoubt) {
  EXPECT_THROW(behind.transact("silence",
                               [&](Transaction& transaction) {
                                 ask(transaction);
                                 proxy.set(testing::ProxyMode::half_open);
                               }),
               InDoubtError);
}

TEST_F(SilenceTest, ASlowAnswerWithinItsTimeIsWaitedFor) {
  behind.transact("slow", [](Transaction& transaction) {
    limit(transaction, {.statement = std::chrono::seconds(8), .lock = std::chrono::seconds(1)});
    transaction.work().exec("SELECT pg_sleep(4)");
  });
}

TEST_F(DatabaseTest, CallsAReadOnlyServerTransient) {
  EXPECT_CONTAINS(complaint<TransientError>("SET LOCAL transaction_read_only = on; CREATE TABLE public.t ()"),
                  "read-only");
}

TEST_F(DatabaseTest, RefusesToWorkOnAServerThatIsReadOnlyFromTheStart) {
  ground.exec("ALTER DATABASE " + ground.name() + " SET default_transaction_read_only = on");
  EXPECT_THROW(one(database, "SELECT 1"), UnreachableError);
}

TEST_F(DatabaseTest, PassesOnWhatOurOwnFunctionsRaise) {
  EXPECT_EQ(complaint<DataError>("DO $$ BEGIN RAISE EXCEPTION 'model power is paused'; END $$"),
            "model power is paused");
}

TEST_F(DatabaseTest, CallsABrokenConstraintTheDatasFault) {
  ground.exec("CREATE TABLE t (x integer CONSTRAINT x_is_positive CHECK (x > 0))");
  EXPECT_CONTAINS(complaint<DataError>("INSERT INTO public.t VALUES (-1)"), "x_is_positive");
}

TEST_F(DatabaseTest, CallsAMissingSchemaTheConfigurationsFault) {
  EXPECT_CONTAINS(complaint<ConfigError>("SELECT 1 FROM retraind.production"), "lacks part of schema retraind");
}

TEST_F(DatabaseTest, CallsSqlThatCannotBeRightABug) {
  EXPECT_CONTAINS(complaint<std::logic_error>("SELEKT 1"), "the step: syntax error");
}

TEST_F(DatabaseTest, ServesManyThreadsAtOnce) {
  ground.exec("CREATE TABLE t (x integer)");
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 12; ++i) {
      threads.emplace_back([&] {
        try {
          for (int j = 0; j < 10; ++j) {
            database.transact(
                "insert", [](Transaction& transaction) { transaction.work().exec("INSERT INTO public.t VALUES (1)"); });
          }
        } catch (const std::exception&) {
          ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(ground.text("SELECT count(*) FROM t"), "120");
}

TEST(Conninfo, AddsDefaultsOnlyWhereTheUserIsSilent) {
  const std::string filled = with_defaults("host=db connect_timeout=3 password='a b\\'c'", "retraind", true);
  EXPECT_CONTAINS(filled, "connect_timeout='3'");
  EXPECT_CONTAINS(filled, "target_session_attrs='read-write'");
  EXPECT_CONTAINS(filled, "password='a b\\'c'");
  EXPECT_CONTAINS(filled, "application_name='retraind'");
  EXPECT_EQ(describe("host=db password=tiger"), "host=db");
  EXPECT_EQ(describe("postgresql://reader:tiger@db:5433/market"), "host=db port=5433 dbname=market user=reader");
  EXPECT_EQ(describe(""), "libpq's defaults");
}

class ListenerTest : public ::testing::Test {
 protected:
  // Waits until the listener's socket has something, at most ten seconds.
  static bool wait(const Listener& listener) {
    pollfd entry{.fd = listener.socket(), .events = POLLIN, .revents = 0};
    return poll(&entry, 1, 10000) == 1;
  }

  TestDatabase ground;
};

TEST_F(ListenerTest, HearsItsChannelsAndNoOthers) {
  Listener listener(ground.conninfo(), {"retraind_wake", "Odd \"name\""});
  EXPECT_TRUE(listener.drain().empty());
  ground.exec("NOTIFY other, 'x'; NOTIFY retraind_wake, 'hello'; NOTIFY \"Odd \"\"name\"\"\"");
  std::vector<Notification> heard;
  while (heard.size() < 2) {
    ASSERT_TRUE(wait(listener));
    for (Notification& one : listener.drain()) heard.push_back(std::move(one));
  }
  EXPECT_EQ(heard[0].channel, "retraind_wake");
  EXPECT_EQ(heard[0].payload, "hello");
  EXPECT_EQ(heard[1].channel, "Odd \"name\"");
  EXPECT_EQ(heard[1].payload, "");
  EXPECT_TRUE(listener.drain().empty());
}

TEST_F(ListenerTest, NoticesThatItsConnectionIsGone) {
  Listener listener(ground.conninfo(), {"retraind_wake"});
  listener.probe();
  ground.terminate_others();
  ASSERT_TRUE(wait(listener)) << "the end of the connection makes the socket readable";
  EXPECT_THROW(
      {
        listener.drain();
        listener.probe();
      },
      TransientError);
}

TEST_F(ListenerTest, NoticesThatNobodyAnswersAnyMore) {
  testing::TcpProxy proxy(testing::PgSandbox::shared().folder());
  Listener listener(proxy.conninfo(ground.name()), {"retraind_wake"});
  listener.probe();
  proxy.set(testing::ProxyMode::half_open);
  EXPECT_THROW(listener.probe(), TransientError);
}

TEST_F(ListenerTest, TellsAnUnreachableServerApart) {
  EXPECT_THROW(Listener("host=/nonexistent", {"retraind_wake"}), UnreachableError);
}

}  // namespace
}  // namespace retraind::store
