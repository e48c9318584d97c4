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
