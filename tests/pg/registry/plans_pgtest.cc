// How PostgreSQL goes about what daemons and people ask of a registry with thousands of models and much history: by
// indexes. The history is the one for measuring (tests/bench), at a scale that is filled in some seconds.
#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <set>

#include "tests/pg/registry/registry_scene.h"
#include "tests/pg/registry/statements.h"

namespace retraind::registry {
namespace {

namespace json = boost::json;

constexpr const char* kModels = "2500";
constexpr const char* kHistory = "150000";

// A table of at least so many rows is large: to read all of it is what must not be.
constexpr double kLarge = 1000;

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

class PlansTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    registry_ = std::make_unique<testing::TestDatabase>(testing::TestDatabase::create_registry());
    std::string fill = testing::read_file(std::filesystem::path(RETRAIND_SOURCE_DIR) / "tests/bench/registry_fill.sql");
    replace_all(fill, ":models", kModels);
    replace_all(fill, ":history", kHistory);
    registry_->exec(fill);
    for (const auto& row : registry_->rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                                           "'retraind'::regnamespace AND reltuples >= " +
                                           std::to_string(kLarge))) {
      large_.insert(row[0].value());
    }
    statements_ = testing::statements_by_name();
  }
  static void TearDownTestSuite() { registry_.reset(); }

  // The large tables that are read as a whole, of a plan's node and those below it.
  static void collect_scans(const json::value& node, std::set<std::string>& out) {
    const json::object& object = node.as_object();
    if (object.at("Node Type").as_string() == "Seq Scan") {
      const std::string table(object.at("Relation Name").as_string());
      if (large_.contains(table)) out.insert(table);
    }
    if (const json::value* below = object.if_contains("Plans")) {
      for (const json::value& child : below->as_array()) collect_scans(child, out);
    }
  }

  // As it is planned for these very values, which is how they are sent.
  static std::string plan_of(const std::string& statement, const std::string& values) {
    registry_->exec("DEALLOCATE ALL; SET search_path = pg_catalog; SET plan_cache_mode = force_custom_plan");
    registry_->exec("PREPARE asked AS " + statement);
    return registry_->text("EXPLAIN (FORMAT JSON) EXECUTE asked" + (values.empty() ? "" : "(" + values + ")"));
  }

  static std::set<std::string> large_scans(const std::string& statement, const std::string& values = "") {
    std::set<std::string> out;
    const json::value plans = json::parse(plan_of(statement, values));
    for (const json::value& plan : plans.as_array()) {
      collect_scans(plan.as_object().at("Plan"), out);
    }
    return out;
  }

  static void expect_indexes(const std::string& what, const std::string& statement, const std::string& values = "",
                             const std::set<std::string>& whole = {}) {
    for (const std::string& table : large_scans(statement, values)) {
      EXPECT_TRUE(whole.contains(table)) << what << " reads all of " << table << ":\n" << plan_of(statement, values);
    }
  }

  // A statement of the code, by its name.
  static void expect_indexes_named(const std::string& name, const std::string& values,
                                   const std::set<std::string>& whole = {}) {
    const auto found = statements_.find(name);
    ASSERT_NE(found, statements_.end()) << name;
    expect_indexes(name, found->second, values, whole);
  }

  static inline std::unique_ptr<testing::TestDatabase> registry_;
  static inline std::set<std::string> large_;
  static inline std::map<std::string, std::string> statements_;
};

constexpr const char* kDaemon = "'00000000-0000-4000-8000-000000000001'";
constexpr const char* kSources = "'{data}'";

TEST_F(PlansTest, TheTablesThatGrowAreLarge) {
  for (const char* table :
       {"model", "monitor", "run", "run_event", "step", "gate", "metric_result", "firing", "promotion", "model_version",
        "release", "drift_check", "drift_result", "signal", "fresh_block", "artifact", "configuration"}) {
    EXPECT_TRUE(large_.contains(table)) << table;
  }
}

TEST_F(PlansTest, AWholeTableIsSeen) {
  EXPECT_EQ(large_scans("SELECT max(reason) FROM retraind.run"), std::set<std::string>{"run"});
}

// Also in an hour, when much is due.
TEST_F(PlansTest, ClaimsGoByWhatIsDue) {
  for (const char* now : {"now()", "now() + interval '1 hour'"}) {
    const std::string claim = fmt::format("{}, {}, {}, '1 minute'", kDaemon, now, kSources);
    expect_indexes_named("runs.claim_due_monitors",
                         fmt::format("{}, {}, {}, 2, '1 minute', true", kDaemon, now, kSources));
    expect_indexes_named("runs.claim_run", fmt::format("{}, 'here', {}, '1 minute', {}", kDaemon, now, kSources));
    expect_indexes_named("runs.claim_trial", claim);
    expect_indexes_named("runs.claim_scoring", claim);
    expect_indexes_named("runs.claim_release", claim);
    expect_indexes_named("runs.skip_unconfigured_releases", fmt::format("{}, 'here', {}", now, kSources));
    expect_indexes_named("runs.take_back_expired_runs", now);
  }
}

// When thousands of models are new, or were away, all their triggers are due at once, and the planner has no
// statistics.
TEST_F(PlansTest, ClaimsOfTriggersReadTheFrontOfTheQueueThoughNothingIsKnownOfIt) {
  const std::string values = fmt::format("{}, now() + interval '400 days', {}, 2, '1 minute', true", kDaemon, kSources);
  for (const bool helped : {false, true}) {
    registry_->exec("BEGIN; DELETE FROM pg_catalog.pg_statistic WHERE starelid = 'retraind.monitor'::regclass");
    if (helped) registry_->exec(statements_.at("runs.read_queue_by_index"));
    const std::string plan = plan_of(statements_.at("runs.claim_due_monitors"), values);
    registry_->exec("ROLLBACK");
    EXPECT_EQ(plan.find("\"Sort\"") == std::string::npos, helped) << plan;
    EXPECT_EQ(plan.find("\"Node Type\": \"Bitmap Index Scan\"") == std::string::npos, helped) << plan;
    EXPECT_NE(plan.find("\"Index Name\": \"monitor_due\""), std::string::npos) << plan;
  }
}

TEST_F(PlansTest, WhatIsDueNextIsFoundWithoutLookingAtAllThatIsDueLater) {
  for (const char* name : {"runs.next_monitor_due", "runs.next_run_due", "runs.next_trial_due", "runs.next_scoring_due",
                           "runs.next_release_due"}) {
    expect_indexes_named(name, kSources);
  }
}

TEST_F(PlansTest, AnEvaluationLooksAtItsOwnModelAlone) {
  expect_indexes_named("runs.lock_model", "7");
  expect_indexes_named("runs.trigger_runs", "7, 'told', now()");
  expect_indexes_named("runs.find_judged_pipeline", "7");
  expect_indexes_named("runs.find_judged_window_end", "7");
  expect_indexes_named("runs.hold_monitor_lease", "7, 1");
  expect_indexes_named("runs.renew_monitor_lease", "7, 1, now(), '1 minute'");
  expect_indexes_named("runs.finish_monitor", "7, 1, '{}', 'inactive', now(), now(), 'quiet'");
  expect_indexes_named("runs.fresh_signal_values", "'load_7', now() - interval '1 day', now(), 100");
  expect_indexes_named("runs.latest_signal_value", "'load_7', now()");
  expect_indexes("record_signal",
                 "UPDATE retraind.monitor m SET woken = true WHERE m.kind = 'signal' AND m.rule ->> 'signal' = "
                 "'load_7' AND m.enabled");
}

TEST_F(PlansTest, ARunLooksAtItselfAndItsModel) {
  expect_indexes_named("runs.renew_lease", "7, 1, now(), '1 minute'");
  expect_indexes_named("runs.lock_model_of_run", "7");
  expect_indexes_named("runs.end_run", "7, 1, 'failed', 'why', now()");
  expect_indexes_named("runs.hold_run", "7, 1");
  expect_indexes_named("registry.find_production", "7");
  expect_indexes_named("registry.find_version", "7, 1");
  expect_indexes_named("registry.list_former_production", "7, 5");
  expect_indexes_named("registry.count_judged_against", "7, 1");
  expect_indexes_named("registry.count_holdout_reuse", "7, 1, 0");
  expect_indexes_named("registry.find_expectation", "7, 'key'");
  expect_indexes_named("registry.last_window_rows", "7");
}

TEST_F(PlansTest, UpkeepIsNoMoreThanWhatThereIsToDo) {
  // Once an hour, and only among the marks.
  expect_indexes_named("registry.remove_old_marks", "now()", {"promotion", "watch"});
  expect_indexes_named("registry.remove_blocks", "'{7}', '{1}'");
  expect_indexes_named("runs.list_unbaked_approvals", kSources, {"promotion"});
}

// The page for Prometheus has lines of each model, so all models are read, and nothing else is.
TEST_F(PlansTest, FiguresFollowWhatIsNew) {
  expect_indexes_named("runs.count_open_runs", "now()");
  expect_indexes_named("runs.count_open_trials", "");
  expect_indexes_named("runs.find_longest_overdue_monitor", "now()");
  expect_indexes_named("runs.count_waiting_releases", "");
  expect_indexes_named("runs.find_newest_event", "");
  expect_indexes_named("runs.list_model_states", "", {"model", "promotion"});
  const std::string newest = registry_->text("SELECT max(event_id) - 100 FROM retraind.run_event");
  expect_indexes_named("runs.find_last_runs", newest);
  expect_indexes_named("runs.count_promotions",
                       registry_->text("SELECT max(promotion_id) - 100 FROM retraind.promotion"));
  const std::string check = registry_->text("SELECT max(check_id) - 100 FROM retraind.drift_check");
  expect_indexes_named("runs.find_last_drift_checks", check);
  expect_indexes_named("runs.find_last_performance_checks", check);
}

TEST_F(PlansTest, TheStatusOfAllModelsReadsNoHistory) {
  const std::set<std::string> whole = {"model", "promotion", "model_version"};
  expect_indexes_named("runs.status", "NULL", whole);
  expect_indexes_named("runs.status_json", "NULL", whole);
  expect_indexes_named("runs.status", "'model_00042'");
}

TEST_F(PlansTest, ListsOfTheCommandsReadWhatTheyShow) {
  for (const char* name : {"runs.promotions", "runs.runs", "runs.triggers", "runs.trials", "runs.scorings",
                           "runs.releases", "runs.promotions_json", "runs.runs_json", "runs.triggers_json",
                           "runs.trials_json", "runs.scorings_json", "runs.releases_json"}) {
    for (const char* model : {"NULL", "'model_00001'", "'model_00042'", "'model_02400'"}) {
      expect_indexes_named(name, fmt::format("{}, 20, NULL, NULL", model));
    }
  }
  for (const char* name : {"runs.runs", "runs.triggers", "runs.promotions"}) {
    expect_indexes_named(name, "NULL, 20, now() - interval '1 hour', NULL");
  }
  expect_indexes_named("runs.drift_check", "7");
}

// Each view in the forms in which people ask it: about one model, and the newest of all.
TEST_F(PlansTest, EachViewIsReadByIndexes) {
  const auto views = registry_->rows(
      "SELECT c.relname, (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN "
      "('promotion_id', 'run_id', 'trial_id', 'quarantine_id', 'release_id', 'finding_id', 'firing_id', 'check_id', "
      "'pass_id') ORDER BY a.attnum LIMIT 1), EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND "
      "a.attname = 'model') FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace = 'retraind'::regnamespace ORDER "
      "BY 1");
  EXPECT_GE(views.size(), 20u);
  // One line a model, or a version: their newest is not what people ask for.
  const std::set<std::string> of_models = {"production", "status", "version_history"};
  for (const auto& view : views) {
    const std::string name = view[0].value();
    if (view[2] == "t") {
      for (const char* model : {"model_00001", "model_00042", "model_02400"}) {
        std::string query = fmt::format("SELECT * FROM retraind.{} WHERE model = '{}'", name, model);
        expect_indexes(query, query);
        if (!view[1]) continue;
        query += fmt::format(" ORDER BY {} DESC LIMIT 20", *view[1]);
        expect_indexes(query, query);
      }
    }
    if (!view[1] || of_models.contains(name)) continue;
    std::string query = fmt::format("SELECT * FROM retraind.{} ORDER BY {} DESC LIMIT 20", name, *view[1]);
    expect_indexes(query, query);
    query = fmt::format("SELECT * FROM retraind.{} WHERE {} = 1700", name, *view[1]);
    expect_indexes(query, query);
  }
  expect_indexes("signals", "SELECT * FROM retraind.signal_history WHERE name = 'load_7' ORDER BY at DESC LIMIT 20");
}

}  // namespace
}  // namespace retraind::registry
