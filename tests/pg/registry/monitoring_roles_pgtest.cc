// Who may do what with blocks, marks, performance checks and signals.
#include "core/registry/blocks.h"
#include "core/runs/history.h"
#include "core/runs/monitors.h"
#include "core/runs/signals.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

using testing::hours;
using testing::make_model;

class MonitoringRolesTest : public testing::RegistryTest {
 protected:
  std::string login_in(const std::string& group) {
    const std::string login = "login_" + ground.name() + "_" + group;
    ground.exec(fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN; GRANT {1} TO {0}", login, group));
    return ground.conninfo() + " user=" + login;
  }
};

TEST_F(MonitoringRolesTest, AReaderReadsTheViewsOnly) {
  run_to(RunState::promoted, put());
  testing::TestConnection reader(login_in("retraind_reader"));
  for (const char* view : {"performance_history", "signal_history", "drift_history", "status"}) {
    EXPECT_NO_THROW(reader.exec(fmt::format("SELECT * FROM retraind.{}", view))) << view;
  }
  EXPECT_EQ(reader.text("SELECT alerts = '{}' FROM retraind.status"), "t");
  for (const char* table : {"reference_block", "fresh_block", "watch", "performance_check", "signal"}) {
    EXPECT_CONTAINS(refusal(reader, fmt::format("SELECT * FROM retraind.{}", table)), "permission denied for table");
  }
  EXPECT_CONTAINS(refusal(reader, "SELECT retraind.record_signal('errors', 1)"), "permission denied for function");
}

TEST_F(MonitoringRolesTest, AnOperatorRecordsSignalsThatWakeTriggersButTouchesNoTable) {
  settings::Model model = make_model();
  settings::SignalTrigger rule;
  rule.signal = "errors";
  rule.bounds.above = 0.5;
  model.triggers.push_back(testing::make_trigger("errors", rule));
  const ModelId id = put(model);
  transact([&](store::Transaction& t) { runs::put_monitors(t, id, model, start + hours(6)); });
  testing::TestConnection person(login_in("retraind_operator"));
  person.exec("SELECT retraind.record_signal('errors', 0.75)");
  EXPECT_EQ(person.text("SELECT name || ' ' || value FROM retraind.signal_history"), "errors 0.75");
  EXPECT_EQ(ground.text("SELECT next_due_at <= clock_timestamp() FROM retraind.monitor WHERE kind = 'signal'"), "t");
  for (const char* sql : {"UPDATE retraind.monitor SET next_due_at = now()", "DELETE FROM retraind.signal",
                          "INSERT INTO retraind.watch VALUES (1, 1, 'features', 0, 0, now(), 'query')"}) {
    EXPECT_CONTAINS(refusal(person, sql), "permission denied for table");
  }
}

TEST_F(MonitoringRolesTest, ADaemonDoesItsMonitoringAndRewritesNoHistory) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  const std::string conninfo = login_in("retraind_daemon");
  store::Database registry(conninfo, "retraind-test");
  const auto step = [&](const char* name, auto body) {
    try {
      registry.transact(name, body);
    } catch (const std::exception& error) {
      ADD_FAILURE() << name << ": " << error.what();
    }
  };
  const std::vector<Block> blocks = {{.index = 1, .rows = 2, .packed = "x"}};
  step("blocks", [&](store::Transaction& t) {
    add_reference_blocks(t, model, 1, BlockStream::features, blocks);
    EXPECT_EQ(list_reference_blocks(t, model, 1, BlockStream::features).size(), 1u);
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(put_fresh_blocks(t, model, 1, BlockStream::features, 0, blocks,
                                   {.first = 0, .open = 1, .read_at = start + hours(i), .basis = "query"}));
    }
    EXPECT_TRUE(find_mark(t, model, 1, BlockStream::features));
    EXPECT_EQ(list_fresh_blocks(t, model, 1, BlockStream::features, 0, 9).size(), 1u);
    EXPECT_EQ(list_newest_blocks(t, model, 1, BlockStream::features, 1).size(), 1u);
    EXPECT_EQ(remove_old_blocks(t, start), 0u);
  });
  step("checks", [&](store::Transaction& t) {
    stats::ColumnDrift column;
    column.column = "price";
    const std::int64_t id = runs::record_drift_check(t,
                                                     {.model = model,
                                                      .version = 1,
                                                      .trigger = "drift",
                                                      .axis = TimeAxis::number,
                                                      .window_from = {},
                                                      .window_to = {},
                                                      .rows = 9,
                                                      .calibration = "from 26 windows of a week",
                                                      .columns = {column}},
                                                     start);
    EXPECT_EQ(runs::read_drift_check(t, id).rows.size(), 1u);
    runs::record_performance_check(t,
                                   {.model = model,
                                    .version = 1,
                                    .trigger = "performance",
                                    .axis = TimeAxis::number,
                                    .window_from = {},
                                    .window_to = {},
                                    .rows = 0,
                                    .metric = Metric::accuracy,
                                    .value = {},
                                    .level = {},
                                    .threshold = {},
                                    .sentence = "no labels yet"},
                                   start);
  });
  step("signals", [&](store::Transaction& t) { runs::read_signal(t, "errors", start, 10, start); });
  settings::Model changed = make_model();
  step("triggers", [&](store::Transaction& t) { runs::put_monitors(t, model, changed, start); });
  ground.exec("UPDATE retraind.monitor SET state = '{\"alerting\":true}' WHERE trigger IN ('nightly', 'enough_rows')");
  changed.triggers[1].cooldown = hours(1);
  changed.triggers.erase(changed.triggers.begin());
  step("other triggers", [&](store::Transaction& t) { runs::put_monitors(t, model, changed, start); });
  EXPECT_EQ(count("firing WHERE decision = 'resolved'"), "2");
  testing::TestConnection daemon(conninfo);
  for (const char* sql : {"UPDATE retraind.reference_block SET rows = 1", "DELETE FROM retraind.reference_block",
                          "UPDATE retraind.performance_check SET rows = 1", "DELETE FROM retraind.performance_check",
                          "DELETE FROM retraind.drift_result", "UPDATE retraind.fresh_block SET rows = 1",
                          "TRUNCATE retraind.fresh_block"}) {
    EXPECT_CONTAINS(refusal(daemon, sql), "permission denied for table");
  }
}

}  // namespace
}  // namespace retraind::registry
