#include "core/settings/snapshot.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <functional>
#include <random>

#include "core/base/error.h"
#include "core/settings/canonical_json.h"
#include "core/settings/load.h"

namespace retraind::settings {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Every field of the first version differs from its default.
Model first_model() {
  Model model;
  model.name = "power";
  model.source = "market";
  model.query = "SELECT \"ts\", up\nFROM electricity -- né";
  model.time_column = "ts";
  model.label = "up";
  model.task = Task::multiclass;
  model.positive = "yes";
  model.features = {"period", "day"};
  model.anchor = Anchor::wall;
  model.label_delay = hours(1);
  model.late_rows = minutes(90);
  model.late_labels = hours(48);
  model.training.trainer = "other";
  model.training.window = WindowDuration{hours(24 * 28)};
  model.training.holdout = HoldoutShare{0.1 + 0.2};
  model.training.min_rows = 501;
  model.training.rounds = 7;
  model.training.params = {{"max_depth", std::int64_t{6}},
                           {"eta", 0.07},
                           {"whole", 6.0},
                           {"flag", true},
                           {"booster", std::string("gbtree")}};
  model.training.seed = 42;
  model.training.timeout = minutes(31);
  model.training.memory_limit_bytes = std::uint64_t{5} << 30;
  model.training.threads = 3;
  model.training.max_attempts = 4;
  model.validation.metric = Metric::macro_f1;
  model.validation.rule = Rule::non_inferior;
  model.validation.margin = 0.01;
  model.validation.confidence = 0.9;
  model.validation.min_holdout_rows = 201;
  model.validation.cluster = ClusterColumn{"1d"};
  model.validation.promotion = PromotionMode::manual;
  const Trigger base{.name = "",
                     .rule = PipelineChangeTrigger{},
                     .enabled = false,
                     .cooldown = hours(6),
                     .max_runs_per_day = 2,
                     .backoff = minutes(11),
                     .backoff_max = hours(25)};
  const auto add = [&](std::string name, TriggerRule rule) {
    model.triggers.push_back(base);
    model.triggers.back().name = std::move(name);
    model.triggers.back().rule = std::move(rule);
  };
  add("nightly", ScheduleTrigger{schedule::Cron::parse("0 3 * * *"), "Europe/Berlin", CatchUp::all});
  add("rows", NewRowsTrigger{5000, seconds(30)});
  const Patience patience{.checks = 2, .of = 5, .hold = minutes(20), .clear = 4};
  DriftTrigger drift;
  drift.every = minutes(5);
  drift.window = WindowRows{300};
  drift.patience = patience;
  drift.method = DriftMethod::psi;
  drift.min_effect = 0.25;
  drift.alpha = 0.02;
  drift.false_alarms = AlarmBudget{.alarms = 2, .per = hours(24 * 90)};
  drift.min_rows = 250;
  drift.season = SeasonPeriod{hours(24 * 7)};
  drift.share = 0.4;
  drift.important = 1;
  drift.score = false;
  add("drifted", drift);
  PerformanceTrigger performance;
  performance.metric = Metric::accuracy;
  performance.every = minutes(20);
  performance.window = WindowAll{};
  performance.confidence = 0.99;
  performance.min_rows = 150;
  performance.patience = patience;
  performance.rule = PerformanceBelow{0.7};
  add("bad", performance);
  performance.rule = PerformanceAbove{0.3};
  add("lossy", performance);
  performance.rule = PerformanceDrop{0.05};
  add("dropped", performance);
  performance.rule = PerformanceDetector{Detector::risk, 0.001, 0.02, 5000};
  add("risky", performance);
  Bounds bounds{.above = 0.1 + 0.2, .below = -1.5, .outside = std::pair(-2.0, 1e9), .clear = 0.0};
  add("errors", SignalTrigger{"checkout errors", bounds, patience, minutes(2), NoData::fire, hours(3)});
  bounds.outside.reset();
  add("asked", QueryTrigger{"SELECT 1", "shop", bounds, patience, minutes(3), NoData::alert});
  bounds.below.reset();
  add("lagging",
      PrometheusTrigger{"http://p:9090", "lag_seconds", bounds, patience, minutes(4), seconds(11), NoData::fire});
  add("stale", FreshnessTrigger{hours(6), minutes(6)});
  add("changed", PipelineChangeTrigger{});
  return model;
}

// Every field differs from its default.
Model full_model() {
  Model model = first_model();
  model.weight = "worth";
  model.training.entity = "customer";
  model.training.refit = true;
  Validation& v = model.validation;
  v.threshold = 0.1 + 0.2;
  v.quantile = 0.9;
  v.costs = {{"yes", {{"no", 5.0}, {"", 0.5}}}, {"né", {{"yes", 0.0}}}};
  v.spend_alpha = false;
  v.anchor_margin = 0.02;
  v.detect = 0.015;
  v.gates = {Gate{.name = "recall_of_rare",
                  .metric = Metric::recall,
                  .of_class = "rare",
                  .above = 0.5,
                  .below = 0.99,
                  .max_drop = 0.0,
                  .max_gain = 0.25,
                  .slices = std::nullopt,
                  .confidence = 0.9},
             Gate{.name = "by_region",
                  .metric = Metric::macro_auc,
                  .of_class = "",
                  .above = std::nullopt,
                  .below = std::nullopt,
                  .max_drop = 0.05,
                  .max_gain = std::nullopt,
                  .slices = Slices{.column = "Region", .levels = 5, .min_rows = 50},
                  .confidence = 0.99}};
  v.max_holdout_reuse = 0;
  v.max_artifact_bytes = std::uint64_t{50} << 20;
  v.max_scoring_time = std::chrono::milliseconds(20);
  v.schema = SchemaRule::same;
  v.broken_production = BrokenProduction::stand_in;
  v.shadow = Duration::zero();
  v.bake = hours(36);
  v.bake_tolerance = 0.01;
  v.bake_confidence = 0.999;
  v.trial_every = minutes(5);
  model.release.directory = "/srv/models/power";
  model.release.on_promote = {"/bin/reload", "", "power"};
  model.release.webhook = "https://hooks.example/retraind";
  model.release.webhook_secret_file = "/etc/retraind/webhook.key";
  model.release.timeout = seconds(90);
  return model;
}

// The least that was ever written.
constexpr std::string_view kOldest =
    R"({"name":"power","source":"market","query":"SELECT 1","time_column":"ts","label":"up"})";

TEST(Snapshot, SpellsEveryFieldInOneCanonicalText) {
  EXPECT_EQ(
      to_json(full_model()),
      R"({"anchor":"wall","features":["period","day"],"label":"up","label_delay":"1h","late_labels":"2d",)"
      R"("late_rows":"1h30min","name":"power","positive":"yes","query":"SELECT \"ts\",)"
      R"( up\nFROM electricity -- né",)"
      R"("release":{"directory":"/srv/models/power","on_promote":["/bin/reload","","power"],"timeout":"1min30s",)"
      R"("webhook":"https://hooks.example/retraind","webhook_secret_file":"/etc/retraind/webhook.key"},)"
      R"("source":"market","task":"multiclass","time_column":"ts",)"
      R"("training":{"entity":"customer","holdout":0.30000000000000004,"max_attempts":4,"memory_limit_bytes":5368709120,)"
      R"("min_rows":501,"params":{"booster":"gbtree","eta":0.07,"flag":true,"max_depth":6,"whole":6.0},)"
      R"("refit":true,"rounds":7,)"
      R"("seed":42,"threads":3,"timeout":"31min","trainer":"other","window":"28d"},"triggers":[{"backoff":"11min",)"
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

TEST(Snapshot, GivesAnOlderTextTheDefaultsOfMissingKeys) {
  Model expected;
  expected.name = "power";
  expected.source = "market";
  expected.query = "SELECT 1";
  expected.time_column = "ts";
  expected.label = "up";
  EXPECT_EQ(to_json(model_from_json(kOldest)), to_json(expected));
}

TEST(Snapshot, GivesAnOlderRegressionItsOwnDefaultMetric) {
  std::string text(kOldest);
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
    return std::string(kOldest.substr(0, kOldest.size() - 1)) + "," + std::string(more) + "}";
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

TEST(Snapshot, HashesWhatDecidesTrainingAndJudgingApartFromTheRest) {
  using Change = std::function<void(Model&)>;
  const std::vector<std::pair<const char*, Change>> of_the_pipeline = {
      {"source", [](Model& m) { m.source = "shop"; }},
      {"query", [](Model& m) { m.query += " "; }},
      {"time_column", [](Model& m) { m.time_column = "at"; }},
      {"label", [](Model& m) { m.label = "down"; }},
      {"task", [](Model& m) { m.task = Task::binary; }},
      {"positive", [](Model& m) { m.positive.reset(); }},
      {"features", [](Model& m) { m.features.pop_back(); }},
      {"anchor", [](Model& m) { m.anchor = Anchor::data; }},
      {"label_delay", [](Model& m) { m.label_delay = hours(2); }},
      {"trainer", [](Model& m) { m.training.trainer = "xgboost"; }},
      {"window", [](Model& m) { m.training.window = WindowAll{}; }},
      {"holdout", [](Model& m) { m.training.holdout = HoldoutShare{0.3}; }},
      {"min_rows", [](Model& m) { m.training.min_rows = 1; }},
      {"rounds", [](Model& m) { m.training.rounds = 8; }},
      {"params", [](Model& m) { m.training.params["max_depth"] = 6.0; }},
      {"seed", [](Model& m) { m.training.seed = 43; }},
      {"metric", [](Model& m) { m.validation.metric = Metric::accuracy; }},
      {"rule", [](Model& m) { m.validation.rule = Rule::superior; }},
      {"margin", [](Model& m) { m.validation.margin = std::nextafter(m.validation.margin, 1); }},
      {"confidence", [](Model& m) { m.validation.confidence = 0.95; }},
      {"min_holdout_rows", [](Model& m) { m.validation.min_holdout_rows = 1; }},
      {"cluster", [](Model& m) { m.validation.cluster = WindowDuration{hours(24)}; }},
      {"weight", [](Model& m) { m.weight.reset(); }},
      {"entity", [](Model& m) { m.training.entity.reset(); }},
      {"refit", [](Model& m) { m.training.refit = false; }},
      {"threshold", [](Model& m) { m.validation.threshold = 0.5; }},
      {"quantile", [](Model& m) { m.validation.quantile = 0.5; }},
      {"costs", [](Model& m) { m.validation.costs.clear(); }},
      {"a cost", [](Model& m) { m.validation.costs["yes"]["no"] = 6; }},
      {"spend_alpha", [](Model& m) { m.validation.spend_alpha = true; }},
      {"anchor_margin", [](Model& m) { m.validation.anchor_margin.reset(); }},
      {"gates", [](Model& m) { m.validation.gates.clear(); }},
      {"a gate's bound", [](Model& m) { m.validation.gates[0].above = 0.6; }},
      {"a gate's slices", [](Model& m) { m.validation.gates[1].slices->levels = 6; }},
      {"max_holdout_reuse", [](Model& m) { m.validation.max_holdout_reuse.reset(); }},
      {"max_artifact_size", [](Model& m) { m.validation.max_artifact_bytes.reset(); }},
      {"max_scoring_time", [](Model& m) { m.validation.max_scoring_time = Duration::zero(); }},
      {"schema", [](Model& m) { m.validation.schema = SchemaRule::any; }},
  };
  const std::vector<std::pair<const char*, Change>> of_the_rest = {
      {"name", [](Model& m) { m.name = "other"; }},
      {"timeout", [](Model& m) { m.training.timeout = hours(1); }},
      {"memory_limit", [](Model& m) { m.training.memory_limit_bytes += 1; }},
      {"threads", [](Model& m) { m.training.threads = 4; }},
      {"max_attempts", [](Model& m) { m.training.max_attempts = 5; }},
      {"late_rows", [](Model& m) { m.late_rows = hours(1); }},
      {"late_labels", [](Model& m) { m.late_labels = hours(1); }},
      {"promotion", [](Model& m) { m.validation.promotion = PromotionMode::automatic; }},
      {"detect", [](Model& m) { m.validation.detect.reset(); }},
      {"broken_production", [](Model& m) { m.validation.broken_production = BrokenProduction::wait; }},
      {"shadow", [](Model& m) { m.validation.shadow = hours(1); }},
      {"bake", [](Model& m) { m.validation.bake = Duration::zero(); }},
      {"bake_tolerance", [](Model& m) { m.validation.bake_tolerance = 0; }},
      {"bake_confidence", [](Model& m) { m.validation.bake_confidence = 0.99; }},
      {"trial_every", [](Model& m) { m.validation.trial_every = hours(1); }},
      {"release", [](Model& m) { m.release = Release{}; }},
      {"webhook", [](Model& m) { m.release.webhook = "http://h"; }},
      {"triggers", [](Model& m) { m.triggers.pop_back(); }},
      {"a trigger", [](Model& m) { m.triggers[2].enabled = true; }},
  };
  const Model model = full_model();
  EXPECT_EQ(configuration_sha256(model), configuration_sha256(full_model()));
  EXPECT_EQ(pipeline_sha256(model).size(), 64u);
  const auto check = [&model](const auto& changes, bool changes_pipeline) {
    for (const auto& [what, change] : changes) {
      Model changed = model;
      change(changed);
      EXPECT_NE(configuration_sha256(changed), configuration_sha256(model)) << what;
      EXPECT_EQ(pipeline_sha256(changed) != pipeline_sha256(model), changes_pipeline) << what;
    }
  };
  check(of_the_pipeline, true);
  check(of_the_rest, false);
}

TEST(Snapshot, KeepsTheHashOfAPipelineFromVersionToVersion) {
  // As the first version computed it: another one would make every upgraded daemon train everything anew.
  EXPECT_EQ(pipeline_sha256(first_model()), "d3850b8926b8de101e42847dcea2b450296719419964528bf943da9995f1c250");
}

TEST(Snapshot, HashesAPipelineAsIfWhatIsAtItsDefaultHadNotBeenWritten) {
  // What the first version wrote, and the same with every newer key spelled out.
  const Model old = model_from_json(kOldest);
  EXPECT_EQ(pipeline_sha256(model_from_json(to_json(old))), pipeline_sha256(old));
  Model afterwards = old;
  afterwards.validation.shadow = Duration::zero();
  afterwards.validation.trial_every = seconds(1);
  afterwards.release.directory = "/srv/models/power";
  EXPECT_EQ(pipeline_sha256(afterwards), pipeline_sha256(old));
  Model gated = old;
  gated.validation.max_holdout_reuse = 0;
  EXPECT_NE(pipeline_sha256(gated), pipeline_sha256(old));
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
  std::string text(kOldest);
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

TEST(CanonicalJson, ReadsBackEveryDoubleToTheLastBit) {
  std::mt19937_64 bits(1);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(bits());
    if (!std::isfinite(value)) continue;
    const std::string text = canonical_text(boost::json::array{value});
    EXPECT_EQ(std::bit_cast<std::uint64_t>(parse_json(text).as_array().at(0).as_double()),
              std::bit_cast<std::uint64_t>(value))
        << text;
  }
}

TEST(CanonicalJson, SortsKeysByTheirBytesAtEveryDepth) {
  const boost::json::value value = boost::json::parse(R"({"b":{"z":1,"a":[{"y":null,"x":"\u0001\"é"}]},"B":2,"ab":3})");
  EXPECT_EQ(canonical_text(value), R"({"B":2,"ab":3,"b":{"a":[{"x":"\u0001\"é","y":null}],"z":1}})");
}

TEST(CanonicalJson, KeepsNumbersOfEachTypeApart) {
  const std::string text = R"([-9223372036854775808,18446744073709551615,0,-0.0,1e+22,1e-07,6.0])";
  EXPECT_EQ(canonical_text(parse_json(text)), text);
  EXPECT_THROW(canonical_text(boost::json::value(std::nan(""))), std::logic_error);
}

}  // namespace
}  // namespace retraind::settings
