#include "core/settings/snapshot.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/settings/load.h"
#include "tests/unit/settings/full_model.h"

namespace retraind::settings {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Snapshot, SpellsEveryFieldInOneCanonicalText) {
  EXPECT_EQ(
      to_json(full_model()),
      R"({"anchor":"wall","data":{"columns":{"né":{"allowed":null,"max":null,"max_null_share":null,"min":null,)"
      R"("type":null},"price":{"allowed":["","a"],"max":1000000000.0,"max_null_share":0.05,"min":-1.5,)"
      R"("type":"real"}},"leakage":false,"max_age":"2d","max_duplicates":0.0,"max_row_change":0.5,"min_rows":1000,)"
      R"("null_tolerance":0.2,"on_break":"warn","schema":"any","unique":["ts","region"]},"features":["period","day"],"label":"up","label_delay":"1h","late_labels":"2d",)"
      R"("late_rows":"1h30min","name":"power","positive":"yes","query":"SELECT \"ts\",)"
      R"( up\nFROM electricity -- né",)"
      R"("release":{"directory":"/srv/models/power","on_promote":["/bin/reload","","power"],"timeout":"1min30s",)"
      R"("webhook":"https://hooks.example/retraind","webhook_secret_file":"/etc/retraind/webhook.key"},)"
      R"("scoring":{"batch_rows":500,"every":"2min","into":"predictions","key":["ts","region"],"late_rows":"3h",)"
      R"("query":"SELECT 2","source":"writer"},)"
      R"("source":"market","task":"multiclass","time_column":"ts",)"
      R"("training":{"class_weights":{"né":0.30000000000000004,"yes":5.0},)"
      R"("command":{"disk_limit_bytes":1073741824,"environment":{"A":"","LANG":"né"},"files":["/opt/a"],)"
      R"("log_limit_bytes":8192,"max_processes":9,"pass_environment":["HOME"],"predict":["/bin/predict"],)"
      R"("train":["/bin/train","","x"]},"embargo":"1d12h",)"
      R"("entity":"customer","holdout":0.30000000000000004,"keep_data":true,"keep_majority":0.25,"max_attempts":4,)"
      R"("memory_limit_bytes":5368709120,)"
      R"("min_rows":501,"params":{"booster":"gbtree","eta":0.07,"flag":true,"max_depth":6,"whole":6.0},)"
      R"("refit":true,"rounds":7,"sample_rows":100000,)"
      R"("search":{"params":{"eta":[0.05,0.30000000000000004],"kind":["a",true,6,6.5]},"share":0.25,"trials":8},)"
      R"("seed":42,"since":"2024-01-01T00:00:00.500000Z","threads":3,"timeout":"31min","trainer":"other",)"
      R"("warm_start":true,"window":"28d"},"triggers":[{"backoff":"11min",)"
      R"("backoff_max":"1d1h","catch_up":"all","cooldown":"6h","cron":"0 3 * * *","enabled":false,)"
      R"("max_runs_per_day":2,"name":"nightly","on":"schedule","timezone":"Europe/Berlin"},{"backoff":"11min",)"
      R"("backoff_max":"1d1h","cooldown":"6h","enabled":false,"every":"30s","max_runs_per_day":2,"name":"rows",)"
      R"("on":"new_rows","rows":5000},{"alpha":0.02,"backoff":"11min","backoff_max":"1d1h","checks":2,)"
      R"("clear_for":4,"cooldown":"6h","enabled":false,"every":"5min","false_alarms":"2 per 90d","hold":"20min",)"
      R"("important":1.0,"max_runs_per_day":2,"method":"psi","min_effect":0.25,"min_rows":250,"name":"drifted",)"
      R"("of":5,"on":"drift","score":false,"season":"week","share":0.4,"window":"300 rows"},{"backoff":"11min",)"
      R"("backoff_max":"1d1h","below":0.7,"checks":2,"clear_for":4,"confidence":0.99,"cooldown":"6h",)"
      R"("enabled":false,"every":"20min","hold":"20min","max_runs_per_day":2,"metric":"accuracy","min_rows":150,)"
      R"("name":"bad","of":5,"on":"performance","window":"all"},{"above":0.3,"backoff":"11min",)"
      R"("backoff_max":"1d1h","checks":2,"clear_for":4,"confidence":0.99,"cooldown":"6h","enabled":false,)"
      R"("every":"20min","hold":"20min","max_runs_per_day":2,"metric":"accuracy","min_rows":150,"name":"lossy",)"
      R"("of":5,"on":"performance","window":"all"},{"backoff":"11min","backoff_max":"1d1h","checks":2,)"
      R"("clear_for":4,"confidence":0.99,"cooldown":"6h","drop":0.05,"enabled":false,"every":"20min",)"
      R"("hold":"20min","max_runs_per_day":2,"metric":"accuracy","min_rows":150,"name":"dropped","of":5,)"
      R"("on":"performance","window":"all"},{"backoff":"11min","backoff_max":"1d1h","checks":2,"clear_for":4,)"
      R"("confidence":0.99,"cooldown":"6h","delta":0.001,"detect":"risk","enabled":false,"every":"20min",)"
      R"("false_alarm_rows":5000,"hold":"20min","max_runs_per_day":2,"metric":"accuracy","min_rows":150,)"
      R"("name":"risky","of":5,"on":"performance","tolerance":0.02,"window":"all"},{"above":0.30000000000000004,)"
      R"("backoff":"11min","backoff_max":"1d1h","below":-1.5,"checks":2,"clear":0.0,"clear_for":4,"cooldown":"6h",)"
      R"("enabled":false,"every":"2min","hold":"20min","max_runs_per_day":2,"name":"errors","no_data_after":"3h",)"
      R"("of":5,"on":"signal","on_no_data":"fire","outside":[-2.0,1000000000.0],"signal":"checkout errors"},)"
      R"({"above":0.30000000000000004,"backoff":"11min","backoff_max":"1d1h","below":-1.5,"checks":2,"clear":0.0,)"
      R"("clear_for":4,"cooldown":"6h","enabled":false,"every":"3min","hold":"20min","max_runs_per_day":2,)"
      R"("name":"asked","of":5,"on":"query","on_no_data":"alert","outside":null,"query":"SELECT 1",)"
      R"("source":"shop"},{"above":0.30000000000000004,"backoff":"11min","backoff_max":"1d1h","below":null,)"
      R"("checks":2,"clear":0.0,"clear_for":4,"cooldown":"6h","enabled":false,"every":"4min","hold":"20min",)"
      R"("max_runs_per_day":2,"name":"lagging","of":5,"on":"prometheus","on_no_data":"fire","outside":null,)"
      R"("query":"lag_seconds","timeout":"11s","url":"http://p:9090"},{"backoff":"11min","backoff_max":"1d1h",)"
      R"("cooldown":"6h","enabled":false,"every":"6min","max_runs_per_day":2,"name":"stale","no_rows_for":"6h",)"
      R"("on":"freshness"},{"backoff":"11min","backoff_max":"1d1h","cooldown":"6h","enabled":false,)"
      R"("max_runs_per_day":2,"name":"changed","on":"pipeline_change"}],"validation":{"anchor_margin":0.02,)"
      R"("bake":"1d12h","bake_confidence":0.999,"bake_tolerance":0.01,"broken_production":"stand_in",)"
      R"("cluster":{"column":"1d"},"confidence":0.9,"costs":{"né":{"yes":0.0},"yes":{"":0.5,"no":5.0}},"detect":0.015,)"
      R"("gates":[{"above":0.5,"below":0.99,"class":"rare","confidence":0.9,"max_drop":0.0,"max_gain":0.25,)"
      R"("metric":"recall","name":"recall_of_rare","slices":null},{"above":null,"below":null,"class":"",)"
      R"("confidence":0.99,"max_drop":0.05,"max_gain":null,"metric":"macro_auc","name":"by_region",)"
      R"("slices":{"column":"Region","levels":5,"min_rows":50}}],"margin":0.01,"max_artifact_bytes":52428800,)"
      R"("max_holdout_reuse":0,"max_scoring_time":"20ms","metric":"macro_f1","min_holdout_rows":201,)"
      R"("promotion":"manual","quantile":0.9,"rule":"non_inferior","schema":"same","shadow":"0s",)"
      R"("spend_alpha":false,"threshold":0.30000000000000004,"trial_every":"5min"},"weight":"worth"})");
}

TEST(Snapshot, ReadsBackWhatItWrote) {
  const std::string text = to_json(full_model());
  const Model back = model_from_json(text);
  EXPECT_EQ(to_json(back), text);
  // The text alone could hide a type.
  EXPECT_TRUE(std::holds_alternative<double>(back.training.params.at("whole")));
  EXPECT_TRUE(std::holds_alternative<std::int64_t>(back.training.params.at("max_depth")));
  EXPECT_TRUE(std::holds_alternative<ClusterColumn>(back.validation.cluster));
  EXPECT_EQ(std::get<HoldoutShare>(back.training.holdout).share, 0.1 + 0.2);
  EXPECT_EQ(std::get<ScheduleTrigger>(back.triggers.at(0).rule).cron.expression(), "0 3 * * *");
  EXPECT_EQ(back.triggers.at(2).kind(), TriggerKind::drift);
}

TEST(Snapshot, ReadsBackEveryFormOfWindowHoldoutAndCluster) {
  Model model = full_model();
  for (const Window& window : {Window{WindowAll{}}, Window{WindowRows{5}}, Window{WindowDuration{seconds(90)}}}) {
    model.training.window = window;
    EXPECT_EQ(to_json(model_from_json(to_json(model))), to_json(model));
    EXPECT_EQ(model_from_json(to_json(model)).training.window.index(), window.index());
  }
  model.training.holdout = WindowDuration{hours(24)};
  EXPECT_EQ(std::get<WindowDuration>(model_from_json(to_json(model)).training.holdout).length, hours(24));
  for (const Cluster& cluster : {Cluster{ClusterAuto{}}, Cluster{ClusterNone{}}, Cluster{WindowRows{200}},
                                 Cluster{WindowDuration{hours(24)}}, Cluster{ClusterColumn{"auto"}}}) {
    model.validation.cluster = cluster;
    EXPECT_EQ(to_json(model_from_json(to_json(model))), to_json(model));
    EXPECT_EQ(model_from_json(to_json(model)).validation.cluster.index(), cluster.index());
  }
}

TEST(Snapshot, ReadsBackEveryFormOfSinceAndOfClassWeights) {
  Model model = full_model();
  for (const std::optional<Since>& since :
       {std::optional<Since>(), std::optional(Since{TimeAxis::number, 0.1 + 0.2}),
        std::optional(Since{TimeAxis::number, 1200}), std::optional(Since{TimeAxis::instant, 1704067200000001}),
        std::optional(Since{TimeAxis::instant, -62135596800000000})}) {
    model.training.since = since;
    const auto back = model_from_json(to_json(model)).training.since;
    ASSERT_EQ(back.has_value(), since.has_value());
    if (!since) continue;
    EXPECT_EQ(back->axis, since->axis);
    EXPECT_EQ(back->from, since->from);
  }
  const std::map<std::string, double> by_label = {{"", 1e-300}, {"balanced", 2}};
  for (const ClassWeights& weights : {ClassWeights{}, ClassWeights{ClassWeightsBalanced{}}, ClassWeights{by_label}}) {
    model.training.class_weights = weights;
    const ClassWeights back = model_from_json(to_json(model)).training.class_weights;
    ASSERT_EQ(back.index(), weights.index());
  }
  const ClassWeights back = model_from_json(to_json(model)).training.class_weights;
  EXPECT_EQ((std::get<std::map<std::string, double>>(back)), by_label);
}

TEST(Snapshot, ReadsBackCommandsSearchesRulesAndScorings) {
  const Model model = full_model();
  const Model back = model_from_json(to_json(model));
  EXPECT_EQ(back.training.command.train, model.training.command.train);
  EXPECT_EQ(back.training.command.environment, model.training.command.environment);
  EXPECT_EQ(back.training.command.files, model.training.command.files);
  EXPECT_EQ(back.training.command.log_limit_bytes, 8192u);
  ASSERT_TRUE(back.training.search.has_value());
  EXPECT_EQ(back.training.search->params, model.training.search->params);
  EXPECT_EQ(back.training.search->trials, 8);
  EXPECT_EQ(back.training.embargo, hours(36));
  EXPECT_FALSE(back.data.leakage.has_value());
  EXPECT_EQ(back.data.max_duplicates, 0.0);
  EXPECT_EQ(back.data.unique, model.data.unique);
  ASSERT_EQ(back.data.columns.size(), 2u);
  EXPECT_FALSE(back.data.columns.at("né").allowed.has_value());
  EXPECT_EQ(back.data.columns.at("price").allowed, model.data.columns.at("price").allowed);
  EXPECT_EQ(back.scoring.key, model.scoring.key);
  EXPECT_EQ(back.scoring.late_rows, hours(3));
}

TEST(Snapshot, ReadsWhatTheFirstVersionWroteWithoutTheNewerKeys) {
  // As it stood in the registry before there were commands, searches, data rules and scoring.
  std::string text(kOldestSnapshot);
  text.insert(1, R"("training":{"entity":null,"holdout":0.2,"max_attempts":3,"memory_limit_bytes":4294967296,)"
                 R"("min_rows":500,"params":{},"refit":false,"rounds":7,"seed":1,"threads":1,"timeout":"30min",)"
                 R"("trainer":"xgboost","window":"all"},)");
  const Model model = model_from_json(text);
  EXPECT_EQ(model.training.rounds, 7);
  EXPECT_TRUE(model.training.command.train.empty());
  EXPECT_EQ(model.training.command.max_processes, 256);
  EXPECT_FALSE(model.training.since || model.training.sample_rows || model.training.search);
  EXPECT_EQ(model.training.keep_majority, 1);
  EXPECT_EQ(model.data.leakage, 0.99);
  EXPECT_EQ(model.data.schema, ExpectedSchema::learned);
  EXPECT_TRUE(model.scoring.into.empty());
}

TEST(Snapshot, GivesAnOlderTextTheDefaultsOfMissingKeys) {
  Model expected;
  expected.name = "power";
  expected.source = "market";
  expected.query = "SELECT 1";
  expected.time_column = "ts";
  expected.label = "up";
  EXPECT_EQ(to_json(model_from_json(kOldestSnapshot)), to_json(expected));
}

TEST(Snapshot, GivesAnOlderRegressionItsOwnDefaultMetric) {
  std::string text(kOldestSnapshot);
  text.insert(1, R"("task":"regression",)");
  EXPECT_EQ(model_from_json(text).validation.metric, Metric::rmse);
}

TEST(Snapshot, GivesAnOlderTriggerTheDefaultsOfItsKind) {
  EXPECT_EQ(trigger_from_json(R"({"on":"schedule","cron":"@daily"})").backoff, Duration::zero());
  const Trigger rows = trigger_from_json(R"({"on":"new_rows","rows":5})");
  EXPECT_EQ(rows.name, "new_rows");
  EXPECT_EQ(rows.backoff, minutes(10));
  EXPECT_EQ(std::get<NewRowsTrigger>(rows.rule).every, minutes(1));
}

TEST(Snapshot, GivesAnOlderDriftTriggerTheDefaultsOfNewKeys) {
  // As the first version wrote it: "checks" were consecutive ones.
  const Trigger old = trigger_from_json(
      R"({"alpha":0.02,"backoff":"10min","backoff_max":"1d","checks":3,"cooldown":"0s","enabled":true,"every":"5min",)"
      R"("hold":"1h","max_runs_per_day":0,"min_effect":0.1,"min_rows":250,"name":"drift","on":"drift","window":"1d"})");
  DriftTrigger expected;
  expected.every = minutes(5);
  expected.patience = {.checks = 3, .of = 3, .hold = hours(1), .clear = 3};
  expected.min_effect = 0.1;
  expected.alpha = 0.02;
  expected.min_rows = 250;
  Trigger trigger;
  trigger.name = "drift";
  trigger.rule = expected;
  EXPECT_EQ(to_json(old), to_json(trigger));
}

TEST(Snapshot, GivesAMissingMinimumEffectTheDefaultOfItsMethod) {
  const auto effect = [](const std::string& json) {
    return std::get<DriftTrigger>(trigger_from_json(json).rule).min_effect;
  };
  EXPECT_EQ(effect(R"({"on":"drift"})"), 0.05);
  EXPECT_EQ(effect(R"({"on":"drift","method":"psi"})"), 0.1);
  EXPECT_EQ(effect(R"({"on":"drift","method":"unseen"})"), 0.01);
}

TEST(Snapshot, GivesMissingKeysOfEveryKindTheirDefaults) {
  const auto filled = [](const std::string& json) { return to_json(trigger_from_json(json)); };
  const auto expected = [](const std::string& name, TriggerRule rule) {
    Trigger trigger;
    trigger.name = name;
    trigger.rule = std::move(rule);
    return to_json(trigger);
  };
  PerformanceTrigger performance;
  performance.metric = Metric::mae;
  performance.rule = PerformanceDetector{};
  EXPECT_EQ(filled(R"({"on":"performance","metric":"mae","detect":"adwin"})"), expected("performance", performance));
  SignalTrigger signal;
  signal.signal = "s";
  EXPECT_EQ(filled(R"({"on":"signal","signal":"s"})"), expected("signal", signal));
  QueryTrigger query;
  query.query = "SELECT 1";
  EXPECT_EQ(filled(R"({"on":"query","query":"SELECT 1"})"), expected("query", query));
  PrometheusTrigger prometheus;
  prometheus.url = "http://p";
  prometheus.query = "up";
  EXPECT_EQ(filled(R"({"on":"prometheus","url":"http://p","query":"up"})"), expected("prometheus", prometheus));
  EXPECT_EQ(filled(R"({"on":"freshness","no_rows_for":"6h"})"),
            expected("freshness", FreshnessTrigger{.no_rows_for = hours(6)}));
}

TEST(Snapshot, ReadsBackEveryFormOfSeason) {
  for (const Season& season :
       {Season{SeasonAuto{}}, Season{SeasonNone{}}, Season{SeasonPeriod{hours(24)}}, Season{SeasonPeriod{hours(168)}},
        Season{SeasonPeriod{seconds(31'556'952)}}, Season{SeasonPeriod{hours(12)}}}) {
    DriftTrigger drift;
    drift.season = season;
    const Trigger trigger{.name = "drift", .rule = drift};
    const Season back = std::get<DriftTrigger>(trigger_from_json(to_json(trigger)).rule).season;
    ASSERT_EQ(back.index(), season.index());
    if (const auto* period = std::get_if<SeasonPeriod>(&season)) {
      EXPECT_EQ(std::get<SeasonPeriod>(back).length, period->length);
    }
  }
}

TEST(Snapshot, WritesOneTriggerAsTheModelDoes) {
  for (const Trigger& trigger : full_model().triggers) {
    const std::string text = to_json(trigger);
    EXPECT_NE(to_json(full_model()).find(text), std::string::npos) << text;
    EXPECT_EQ(to_json(trigger_from_json(text)), text);
  }
}

std::string complaint_about(std::string_view json) {
  try {
    model_from_json(json);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(Snapshot, NamesTheKeyThatCannotBeRead) {
  const auto with = [](std::string_view more) {
    return std::string(kOldestSnapshot.substr(0, kOldestSnapshot.size() - 1)) + "," + std::string(more) + "}";
  };
  EXPECT_EQ(complaint_about(with(R"("training":{"rounds":"ten"})")),
            R"(model snapshot: 'training.rounds' should be an integer of 32 bits, found "ten")");
  EXPECT_EQ(complaint_about(with(R"("training":{"rounds":4294967297})")),
            "model snapshot: 'training.rounds' should be an integer of 32 bits, found 4294967297");
  EXPECT_EQ(complaint_about(with(R"("training":{"seed":-1})")),
            "model snapshot: 'training.seed' should be an integer that is not negative, found -1");
  EXPECT_EQ(complaint_about(with(R"("training":[])")), "model snapshot: 'training' should be an object, found []");
  EXPECT_EQ(
      complaint_about(with(R"("training":{"params":{"a":[1]}})")),
      R"(model snapshot: 'training.params' should be an object of strings, numbers and booleans, found {"a":[1]})");
  EXPECT_EQ(complaint_about(with(R"("training":{"since":"soon"})")),
            "model snapshot: 'training.since' should be an instant or a number, found \"soon\"");
  for (const char* weights : {"5", "\"even\"", R"({"a":0})", R"({"a":"1"})"}) {
    EXPECT_EQ(
        complaint_about(with(R"("training":{"class_weights":)" + std::string(weights) + "}")),
        "model snapshot: 'training.class_weights' should be \"balanced\" or an object of numbers above 0, found " +
            std::string(weights));
  }
  EXPECT_EQ(complaint_about(with(R"("training":{"search":{"trials":5}})")),
            "model snapshot: the key 'training.search.params' is missing");
  for (const char* params : {"[]", R"({"a":[]})", R"({"a":[[]]})"}) {
    EXPECT_EQ(complaint_about(with(R"("training":{"search":{"params":)" + std::string(params) + "}}")),
              "model snapshot: 'training.search.params' should be an object of arrays of strings, numbers and "
              "booleans, found " +
                  std::string(params));
  }
  EXPECT_EQ(complaint_about(with(R"("training":{"command":{"environment":{"A":5}}})")),
            R"(model snapshot: 'training.command.environment' should be an object of strings, found {"A":5})");
  EXPECT_EQ(complaint_about(with(R"("training":{"command":{"shell":true}})")),
            "model snapshot: unknown key 'training.command.shell'");
  EXPECT_EQ(complaint_about(with(R"("data":{"columns":{"a":{"maximum":5}}})")),
            "model snapshot: unknown key 'data.columns.a.maximum'");
  EXPECT_EQ(complaint_about(with(R"("data":{"columns":{"a":null}})")),
            "model snapshot: 'data.columns.a' should be an object, found null");
  EXPECT_EQ(complaint_about(with(R"("data":{"leakage":true})")),
            "model snapshot: 'data.leakage' should be a number, found true");
  EXPECT_EQ(complaint_about(with(R"("scoring":{"key":"ts"})")),
            "model snapshot: 'scoring.key' should be an array of strings, found \"ts\"");
  EXPECT_EQ(complaint_about(with(R"("validation":{"metric":"profit"})")),
            "model snapshot: 'validation.metric' should be " + list_words<Metric>() + ", found \"profit\"");
  EXPECT_EQ(complaint_about(with(R"("validation":{"schema":"some"})")),
            "model snapshot: 'validation.schema' should be any or same, found \"some\"");
  EXPECT_EQ(complaint_about(with(R"("validation":{"max_holdout_reuse":-1})")),
            "model snapshot: 'validation.max_holdout_reuse' should be an integer that is not negative, found -1");
  for (const char* costs : {"[]", R"({"a":1})", R"({"a":{"b":"1"}})", R"({"a":{"b":-1}})"}) {
    EXPECT_EQ(complaint_about(with(R"("validation":{"costs":)" + std::string(costs) + "}")),
              "model snapshot: 'validation.costs' should be an object of objects of numbers that are not negative, "
              "found " +
                  std::string(costs));
  }
  EXPECT_EQ(complaint_about(with(R"("validation":{"gates":{}})")),
            "model snapshot: 'validation.gates' should be an array, found {}");
  EXPECT_EQ(complaint_about(with(R"("validation":{"gates":[1]})")),
            "model snapshot: 'validation.gates' should be an array of objects, found [1]");
  EXPECT_EQ(complaint_about(with(R"("validation":{"gates":[{"metric":"auc","above":0.5}]})")),
            "model snapshot: the key 'validation.gates[0].name' is missing");
  EXPECT_EQ(complaint_about(with(R"("validation":{"gates":[{"name":"auc","above":0.5}]})")),
            "model snapshot: the key 'validation.gates[0].metric' is missing");
  EXPECT_EQ(complaint_about(with(R"("validation":{"gates":[{"name":"auc","metric":"auc"}]})")),
            "model snapshot: 'validation.gates[0].above' should be there, or one of below, max_drop and max_gain");
  EXPECT_EQ(
      complaint_about(with(R"("validation":{"gates":[{"name":"a","metric":"auc","max_drop":0,"slices":{"by":"x"}}]})")),
      "model snapshot: the key 'validation.gates[0].slices.column' is missing");
  EXPECT_EQ(complaint_about(with(R"("release":{"on_promote":"/bin/true"})")),
            "model snapshot: 'release.on_promote' should be an array of strings, found \"/bin/true\"");
  EXPECT_EQ(complaint_about(with(R"("release":{"directory":5})")),
            "model snapshot: 'release.directory' should be a string, found 5");
  EXPECT_EQ(complaint_about(with(R"("validation":{"cluster":{"column":5}})")),
            "model snapshot: 'validation.cluster.column' should be a string, found 5");
  EXPECT_EQ(complaint_about(with(R"("features":["a",1])")),
            R"(model snapshot: 'features' should be an array of strings, found ["a",1])");
  EXPECT_EQ(complaint_about(with(R"("triggers":[{"on":"new_rows"}])")),
            "model snapshot: the key 'triggers[0].rows' is missing");
  EXPECT_EQ(complaint_about(with(R"("triggers":[{"on":"manual"}])")),
            "model snapshot: 'triggers[0].on' should be a kind of trigger that this version knows, found \"manual\"");
  EXPECT_EQ(complaint_about(with(R"("triggers":[{"on":"drift","checks":3,"of":2}])")),
            "model snapshot: 'triggers[0].checks' should be from 1 to the value of 'of', which is at most 64, found 3");
  EXPECT_EQ(complaint_about(with(R"("triggers":[{"on":"drift","season":"moon"}])")),
            "model snapshot: 'triggers[0].season' should be a text of another form, found \"moon\"");
  EXPECT_EQ(complaint_about(with(R"("triggers":[{"on":"performance","metric":"auc","below":0.7,"drop":0.1}])")),
            "model snapshot: 'triggers[0].below' should be there, or one of above, drop and detect, and only one");
  EXPECT_EQ(complaint_about(with(R"("triggers":[{"on":"performance","metric":"auc"}])")),
            "model snapshot: 'triggers[0].below' should be there, or one of above, drop and detect, and only one");
  EXPECT_EQ(complaint_about(with(R"("triggers":[{"on":"signal","signal":"s","outside":[1]}])")),
            "model snapshot: 'triggers[0].outside' should be an array of two numbers, found [1]");
  EXPECT_EQ(complaint_about(with(R"("triggers":[{"on":"signal","signal":"s","above":"much"}])")),
            "model snapshot: 'triggers[0].above' should be a number, found \"much\"");
  EXPECT_EQ(complaint_about(with(R"("triggers":[{"on":"schedule","cron":"x"}])")).substr(0, 42),
            "model snapshot: 'triggers[0].cron': cron \"");
  EXPECT_EQ(complaint_about(with(R"("label_delay":"soon")")),
            "model snapshot: 'label_delay' should be a duration, found \"soon\"");
  EXPECT_EQ(complaint_about(with(R"("validation":{"doors":[]})")), "model snapshot: unknown key 'validation.doors'");
  EXPECT_EQ(complaint_about(R"({"name":"power"})"), "model snapshot: the key 'source' is missing");
  EXPECT_EQ(complaint_about("[]"), "model snapshot: not a JSON object");
}

TEST(Snapshot, RefusesTextThatIsNotJson) {
  for (const char* text : {"", "{", "{}{}", "{\"a\":1e999}", "nul"})
    EXPECT_THROW(model_from_json(text), DataError) << text;
  EXPECT_THROW(model_from_json(std::string(100000, '[')), DataError);
}

TEST(Snapshot, ReadsBackGatesCostsAndReleases) {
  const Model back = model_from_json(to_json(full_model()));
  EXPECT_EQ(back.validation.costs, full_model().validation.costs);
  ASSERT_EQ(back.validation.gates.size(), 2u);
  EXPECT_EQ(back.validation.gates[0].of_class, "rare");
  EXPECT_EQ(back.validation.gates[0].max_drop, 0.0);
  EXPECT_FALSE(back.validation.gates[0].slices.has_value());
  EXPECT_EQ(back.validation.gates[1].above, std::nullopt);
  EXPECT_EQ(back.validation.gates[1].slices.value().column, "Region");
  EXPECT_EQ(back.validation.gates[1].slices.value().min_rows, 50u);
  EXPECT_EQ(back.validation.max_holdout_reuse, 0u);
  EXPECT_EQ(back.weight, "worth");
  EXPECT_EQ(back.training.entity, "customer");
  EXPECT_EQ(back.release.on_promote, full_model().release.on_promote);
  EXPECT_EQ(back.release.webhook_secret_file, "/etc/retraind/webhook.key");
}

TEST(Snapshot, GivesAnOlderGateTheDefaultsOfMissingKeys) {
  std::string text(kOldestSnapshot);
  text.insert(1, R"("validation":{"gates":[{"name":"a","metric":"auc","max_drop":0,"slices":{"column":"x"}}]},)");
  const Gate gate = model_from_json(text).validation.gates.at(0);
  EXPECT_EQ(gate.confidence, 0.95);
  EXPECT_EQ(gate.slices.value().levels, 10u);
  EXPECT_EQ(gate.slices.value().min_rows, 100u);
}

TEST(Snapshot, DoesNotDependOnTheOrderOrSpellingInTheFile) {
  const auto load_model = [](std::string_view training) {
    const std::string toml = std::string(R"(
      [registry]
      conninfo = "service=r"
      [source.s]
      conninfo = "service=s"
      [model.m]
      source = "s"
      query = "SELECT 1"
      time_column = "ts"
      label = "up"
      [model.m.training]
      )") + std::string(training);
    const Loaded loaded = load_text(toml, "test.toml", "host");
    EXPECT_TRUE(loaded.complaints.empty());
    return loaded.settings.models.at("m");
  };
  const Model one = load_model("window = \"1w\"\nparams = { a = 1, b = 2 }\nseed = 1");
  const Model two = load_model("params = { b = 2, a = 1 }\nholdout = \"20%\"\nwindow = \"7d\"");
  EXPECT_EQ(to_json(one), to_json(two));
}

}  // namespace
}  // namespace retraind::settings
