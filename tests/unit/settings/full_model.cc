#include "tests/unit/settings/full_model.h"

namespace retraind::settings {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

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

Model full_model() {
  Model model = first_model();
  model.weight = "worth";
  model.training.entity = "customer";
  model.training.refit = true;
  Training& t = model.training;
  t.command = {.train = {"/bin/train", "", "x"},
               .predict = {"/bin/predict"},
               .environment = {{"LANG", "né"}, {"A", ""}},
               .pass_environment = {"HOME"},
               .files = {"/opt/a"},
               .log_limit_bytes = 8192,
               .disk_limit_bytes = std::uint64_t{1} << 30,
               .max_processes = 9};
  t.since = Since{.axis = TimeAxis::instant, .from = 1704067200500000};  // 2024-01-01 00:00:00.5
  t.sample_rows = 100000;
  t.embargo = hours(36);
  t.class_weights = std::map<std::string, double>{{"né", 0.1 + 0.2}, {"yes", 5.0}};
  t.keep_majority = 0.25;
  t.warm_start = true;
  t.search = Search{.params = {{"eta", {0.05, 0.1 + 0.2}}, {"kind", {std::string("a"), true, std::int64_t{6}, 6.5}}},
                    .trials = 8,
                    .share = 0.25};
  t.keep_data = true;
  DataRules& d = model.data;
  d.schema = ExpectedSchema::any;
  d.on_break = ValueBreak::warn;
  d.columns["né"] = ColumnRule{};
  d.columns["price"] = ColumnRule{
      .type = "real", .max_null_share = 0.05, .min = -1.5, .max = 1e9, .allowed = std::vector<std::string>{"", "a"}};
  d.min_rows = 1000;
  d.max_age = hours(48);
  d.max_row_change = 0.5;
  d.null_tolerance = 0.2;
  d.unique = {"ts", "region"};
  d.max_duplicates = 0.0;
  d.leakage = std::nullopt;
  model.scoring = {.into = "predictions",
                   .key = {"ts", "region"},
                   .source = "writer",
                   .query = "SELECT 2",
                   .every = minutes(2),
                   .batch_rows = 500,
                   .late_rows = hours(3)};
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

}  // namespace retraind::settings
