// Outside numbers and the age of the data, as the running daemon sees them: recorded in SQL, asked of a source, asked
// of a real Prometheus.

#include <gtest/gtest.h>

#include "tests/e2e/world/world.h"
#include "tests/support/prometheus_server.h"

namespace retraind::testing {
namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

class SignalTest : public ::testing::Test {
 protected:
  void start(const std::string& triggers) {
    world.make_events();
    world.add_events(0, 1000, 0);
    world.start(world.configure(World::events_model("m", "", triggers)));
    // The first model of a pipeline is trained by itself; what is tested comes after it.
    ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE finished_at IS NOT NULL"));
  }
  std::string runs_of(const std::string& trigger) {
    return world.registry.text("SELECT count(*) FROM retraind.run_history WHERE trigger = '" + trigger + "'");
  }
  std::string decisions_of(const std::string& trigger) {
    return world.registry.text(
        "SELECT string_agg(decision, ' ' ORDER BY firing_id) FROM retraind.trigger_history "
        "WHERE trigger = '" +
        trigger + "'");
  }

  World world;
};

TEST_F(SignalTest, OneThatIsTooHighStartsARunAtOnce) {
  start(R"toml(
[[model.m.trigger]]
on = "signal"
signal = "checkout_errors"
above = 0.02
clear = 0.01
every = "1h"
backoff = "0s"
)toml");
  world.registry.exec("SELECT retraind.record_signal('checkout_errors', 0.02)");
  world.registry.exec("SELECT retraind.record_signal('something_else', 5)");
  ASSERT_TRUE(world.comes_true("SELECT last_sentence LIKE '%0.02%' FROM retraind.monitor WHERE trigger = 'signal'"));
  EXPECT_EQ(runs_of("signal"), "0");
  // The trigger would look again in an hour: what wakes it is the value itself.
  world.registry.exec("SELECT retraind.record_signal('checkout_errors', 0.05)");
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE trigger = 'signal'"));
  EXPECT_CONTAINS(world.registry.text("SELECT evidence FROM retraind.trigger_history WHERE trigger = 'signal' AND "
                                      "decision = 'fired'"),
                  "0.05");
  EXPECT_THROW(world.registry.exec("SELECT retraind.record_signal('checkout_errors', 'NaN')"), std::exception);
}

TEST_F(SignalTest, OneThatMustLastWaitsForItsTime) {
  start(R"toml(
[[model.m.trigger]]
on = "signal"
signal = "queue"
above = 100
for = "2s"
every = "200ms"
backoff = "0s"
max_runs_per_day = 1
)toml");
  world.registry.exec("SELECT retraind.record_signal('queue', 500)");
  ASSERT_TRUE(
      world.comes_true("SELECT count(*) = 1 FROM retraind.trigger_history WHERE trigger = 'signal' AND "
                       "decision = 'pending'"));
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE trigger = 'signal'"));
  EXPECT_EQ(world.registry.text(
                "SELECT max(evaluated_at) FILTER (WHERE decision = 'fired') - min(evaluated_at) FILTER (WHERE decision "
                "= 'pending') >= interval '1.9 seconds' FROM retraind.trigger_history WHERE trigger = 'signal'"),
            "t");
}

TEST_F(SignalTest, AQueryAtTheSourceIsOneAsWell) {
  world.source.exec("CREATE TABLE complaints AS SELECT generate_series(1, 3) AS n");
  start(R"toml(
[[model.m.trigger]]
on = "query"
query = "SELECT count(*) FROM complaints"
above = 3
every = "200ms"
backoff = "0s"
max_runs_per_day = 1
)toml");
  ASSERT_TRUE(world.comes_true("SELECT last_sentence LIKE '% 3' FROM retraind.monitor WHERE trigger = 'query'"));
  EXPECT_EQ(runs_of("query"), "0");
  world.source.exec("INSERT INTO complaints VALUES (4)");
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE trigger = 'query'"));
  world.source.exec("DROP TABLE complaints");
  ASSERT_TRUE(
      world.comes_true("SELECT reason LIKE '%complaints%does not exist%' FROM retraind.trigger_history WHERE "
                       "trigger = 'query' AND decision = 'error'"));
}

TEST_F(SignalTest, PrometheusIsAskedAndItsSilenceIsNoReasonToRetrain) {
  if (!PrometheusServer::available()) GTEST_SKIP() << "/usr/bin/prometheus is not there";
  PrometheusServer prometheus;
  ASSERT_TRUE(world.comes_true([&] { return prometheus.answers(); }, "prometheus is ready"));
  const std::string address = "url = \"" + prometheus.url() + "\"\n";
  start(R"toml(
[[model.m.trigger]]
name = "up"
on = "prometheus"
query = "max(up)"
above = 0.5
every = "200ms"
backoff = "0s"
max_runs_per_day = 1
)toml" + address +
        R"toml(
[[model.m.trigger]]
name = "silent"
on = "prometheus"
query = "no_such_series"
above = 0.5
every = "200ms"
on_no_data = "alert"
)toml" + address);
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE trigger = 'up'"));
  ASSERT_TRUE(world.comes_true("SELECT decision = 'alert' FROM retraind.trigger_history WHERE trigger = 'silent'"));
  EXPECT_EQ(world.registry.text("SELECT alerts[1] LIKE 'silent: %' FROM retraind.status"), "t");
  EXPECT_EQ(runs_of("silent"), "0");
  prometheus.stop();
  ASSERT_TRUE(world.comes_true(
      "SELECT count(*) = 1 FROM retraind.trigger_history WHERE trigger = 'up' AND decision = 'error'"));
  // A server that is away is told once, and asked again ever more seldom.
  EXPECT_EQ(runs_of("up"), "1");
  EXPECT_CONTAINS(world.registry.text("SELECT last_sentence FROM retraind.monitor WHERE trigger = 'up'"), "127.0.0.1");
}

TEST_F(SignalTest, NoRowsForTooLongIsAnAlertAndNoRetraining) {
  start(R"toml(
[[model.m.trigger]]
on = "freshness"
no_rows_for = "6h"
every = "200ms"
)toml");
  ASSERT_TRUE(world.comes_true("SELECT decision = 'alert' FROM retraind.trigger_history WHERE trigger = 'freshness'"));
  EXPECT_EQ(world.registry.text("SELECT cardinality(alerts) FROM retraind.status"), "1");
  world.source.exec("INSERT INTO events SELECT now() - interval '1 minute', x1, x2, colour, y FROM events LIMIT 1");
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 2 FROM retraind.trigger_history WHERE trigger = 'freshness'"));
  EXPECT_EQ(decisions_of("freshness"), "alert resolved");
  EXPECT_EQ(world.registry.text("SELECT cardinality(alerts) FROM retraind.status"), "0");
  EXPECT_EQ(runs_of("freshness"), "0");
}

}  // namespace
}  // namespace retraind::testing
