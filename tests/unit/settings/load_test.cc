#include "core/settings/load.h"

#include <gtest/gtest.h>

#include <map>

#include "core/settings/snapshot.h"

namespace retraind::settings {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const std::filesystem::path kConfigs = std::filesystem::path(RETRAIND_SOURCE_DIR) / "tests" / "config";

TEST(Load, ReadsWhatAServiceIsSaid) {
  const Loaded loaded = load_text(R"(
    registry = { conninfo = "service=retraind" }
    http = { listen = "[::1]:9100", allowed_hosts = ["metrics.example.com", "[fe80::1]"] }
    security = { require_tls = true, root_owned_commands = "always" }
    retention = { drift_checks = "7d", run_logs = "0s" }
  )",
                                  "service.toml", "host");
  for (const Complaint& complaint : loaded.complaints) ADD_FAILURE() << complaint.text();
  const Settings& settings = loaded.settings;
  EXPECT_EQ(settings.log.format, LogFormat::automatic);
  EXPECT_EQ(settings.http.listen, "[::1]:9100");
  EXPECT_EQ(settings.http.allowed_hosts, (std::vector<std::string>{"metrics.example.com", "[fe80::1]"}));
  EXPECT_TRUE(settings.security.require_tls);
  EXPECT_EQ(settings.security.root_owned_commands, RootOwnedCommands::always);
  EXPECT_EQ(settings.retention.drift_checks, hours(24 * 7));
  EXPECT_EQ(settings.retention.run_logs, Duration::zero());
  EXPECT_EQ(settings.retention.signals, hours(24 * 90));
}

TEST(Load, TurnsTheHttpServerOffByAnEmptyAddress) {
  const Loaded loaded =
      load_text("registry = { conninfo = \"service=r\" }\nhttp = { listen = \"\" }", "service.toml", "host");
  EXPECT_TRUE(loaded.complaints.empty());
  EXPECT_EQ(loaded.settings.http.listen, "");
}

TEST(Load, ReadsEveryValueOfAFile) {
  const Settings settings = load(kConfigs / "electricity.good.toml", "test-host").settings;
  EXPECT_EQ(settings.daemon.instance, "host-a");
  EXPECT_EQ(settings.daemon.state_dir, "/srv/retraind");
  EXPECT_EQ(settings.daemon.max_parallel_runs, 2);
  EXPECT_EQ(settings.daemon.drain_timeout, minutes(1));
  EXPECT_EQ(settings.daemon.poll_interval, milliseconds(250));
  EXPECT_EQ(settings.daemon.lease_time, minutes(1));
  EXPECT_EQ(settings.registry.conninfo, "postgresql://retraind@registry/retraind?sslmode=verify-full");
  EXPECT_EQ(settings.log.level, LogLevel::debug);
  EXPECT_EQ(settings.log.format, LogFormat::json);
  EXPECT_EQ(settings.sources.at("market").name, "market");
  EXPECT_EQ(settings.sources.at("market").conninfo, "host=db dbname=market user=retraind_reader");
  EXPECT_EQ(settings.sources.at("market").statement_timeout, minutes(10));
  EXPECT_EQ(
      to_json(settings.models.at("power")),
      R"({"anchor":"wall","data":{"columns":{},"leakage":0.99,"max_age":"0s","max_duplicates":null,)"
      R"("max_row_change":null,"min_rows":null,"null_tolerance":0.1,"on_break":"stop","schema":"learned","unique":[]},)"
      R"("features":["day","period"],"label":"up","label_delay":"1h","late_labels":"1d",)"
      R"("late_rows":"1h","name":"power","positive":"1","query":"SELECT ts, day, period, nswprice, nswdemand,)"
      R"( vicprice, vicdemand, transfer, up\nFROM electricity  -- né en Australie\n",)"
      R"("release":{"directory":"","on_promote":[],"timeout":"1min","webhook":"","webhook_secret_file":""},)"
      R"("scoring":{"batch_rows":10000,"every":"1min","into":"","key":[],"late_rows":"1h","query":"","source":""},)"
      R"("source":"market","task":"binary","time_column":"ts","training":{"class_weights":null,)"
      R"("command":{"disk_limit_bytes":10737418240,"environment":{},"files":[],"log_limit_bytes":1048576,)"
      R"("max_processes":256,"pass_environment":[],"predict":[],"train":[]},"embargo":"0s","entity":null,)"
      R"("holdout":0.125,"keep_data":false,"keep_majority":1.0,)"
      R"("max_attempts":5,"memory_limit_bytes":536870912,"min_rows":400,"params":{"booster":"gbtree","eta":0.1,)"
      R"("max_depth":6,"validate_parameters":true},"refit":false,"rounds":50,"sample_rows":null,"search":null,)"
      R"("seed":7,"since":null,"threads":2,"timeout":"1h","trainer":"xgboost","warm_start":false,)"
      R"("window":"28d"},"triggers":[{"backoff":"0s","backoff_max":"1d","catch_up":"none","cooldown":"0s",)"
      R"("cron":"0 3 * * *","enabled":true,"max_runs_per_day":0,"name":"nightly","on":"schedule",)"
      R"("timezone":"Europe/Berlin"},{"backoff":"10min","backoff_max":"1d","cooldown":"6h","enabled":true,)"
      R"("every":"30s","max_runs_per_day":2,"name":"new_rows","on":"new_rows","rows":5000},{"alpha":0.05,)"
      R"("backoff":"1min","backoff_max":"1d","checks":2,"clear_for":3,"cooldown":"0s","enabled":true,)"
      R"("every":"5min","false_alarms":null,"hold":"0s","important":0.1,"max_runs_per_day":0,)"
      R"("method":"jensen_shannon","min_effect":0.1,"min_rows":1000,"name":"drift","of":2,"on":"drift",)"
      R"("score":true,"season":"auto","share":0.3,"window":"5000 rows"},{"alpha":0.01,"backoff":"10min",)"
      R"("backoff_max":"1d","checks":1,"clear_for":3,"cooldown":"0s","enabled":false,"every":"15min",)"
      R"("false_alarms":null,"hold":"1h","important":0.1,"max_runs_per_day":0,"method":"jensen_shannon",)"
      R"("min_effect":0.05,"min_rows":200,"name":"drift_slow","of":1,"on":"drift","score":true,"season":"auto",)"
      R"("share":0.3,"window":"1d"},{"backoff":"10min","backoff_max":"1d","cooldown":"0s","enabled":false,)"
      R"("max_runs_per_day":0,"name":"pipeline_change","on":"pipeline_change"}],"validation":{)"
      R"("anchor_margin":null,"bake":"28d","bake_confidence":0.99,"bake_tolerance":0.0,"broken_production":"wait",)"
      R"("cluster":"1d","confidence":0.9,"costs":{},"detect":null,"gates":[],"margin":0.01,)"
      R"("max_artifact_bytes":null,"max_holdout_reuse":null,"max_scoring_time":"0s","metric":"accuracy",)"
      R"("min_holdout_rows":100,"promotion":"manual","quantile":0.5,"rule":"non_inferior","schema":"any",)"
      R"("shadow":"28d","spend_alpha":true,"threshold":0.5,"trial_every":"1h"},"weight":null})");
}

template <class Rule>
const Rule& rule_of(const Model& model, std::string_view name) {
  for (const Trigger& trigger : model.triggers) {
    if (trigger.name == name) return std::get<Rule>(trigger.rule);
  }
  throw std::logic_error("no such trigger");
}

TEST(Load, ReadsEveryKeyOfEveryKindOfTrigger) {
  const Model model = load(kConfigs / "monitoring.good.toml", "test-host").settings.models.at("power");
  EXPECT_EQ(model.late_rows, minutes(10));
  EXPECT_EQ(model.late_labels, hours(72));

  const auto& drift = rule_of<DriftTrigger>(model, "drift");
  EXPECT_EQ(drift.every, hours(1));
  EXPECT_EQ(std::get<WindowDuration>(drift.window).length, hours(168));
  EXPECT_EQ(drift.patience.checks, 2);
  EXPECT_EQ(drift.patience.of, 3);
  EXPECT_EQ(drift.patience.hold, Duration::zero());
  EXPECT_EQ(drift.patience.clear, 5);
  EXPECT_EQ(drift.method, DriftMethod::wasserstein);
  EXPECT_EQ(drift.min_effect, 1.5);
  EXPECT_EQ(drift.false_alarms.value().alarms, 2);
  EXPECT_EQ(drift.false_alarms.value().per, hours(24 * 90));
  EXPECT_EQ(drift.min_rows, 500u);
  EXPECT_EQ(std::get<SeasonPeriod>(drift.season).length, hours(168));
  EXPECT_EQ(drift.share, 1);
  EXPECT_EQ(drift.important, 1);
  EXPECT_FALSE(drift.score);

  const auto& performance = rule_of<PerformanceTrigger>(model, "performance");
  EXPECT_EQ(performance.metric, Metric::accuracy);
  EXPECT_EQ(performance.every, hours(1));
  EXPECT_EQ(std::get<WindowRows>(performance.window).rows, 1000u);
  EXPECT_EQ(std::get<PerformanceBelow>(performance.rule).value, 0.7);
  EXPECT_EQ(performance.confidence, 0.99);
  EXPECT_EQ(performance.min_rows, 1000u);
  EXPECT_EQ(performance.patience.checks, 3);
  EXPECT_EQ(performance.patience.of, 3);
  EXPECT_EQ(performance.patience.clear, 2);
  EXPECT_EQ(std::get<PerformanceAbove>(rule_of<PerformanceTrigger>(model, "loss").rule).value, 0);
  EXPECT_EQ(std::get<PerformanceDrop>(rule_of<PerformanceTrigger>(model, "drop").rule).value, 0);
  EXPECT_EQ(rule_of<PerformanceTrigger>(model, "drop").patience.hold, hours(2));
  EXPECT_EQ(rule_of<PerformanceTrigger>(model, "drop").patience.checks, 1);
  const auto detector = [&model](std::string_view name) {
    return std::get<PerformanceDetector>(rule_of<PerformanceTrigger>(model, name).rule);
  };
  EXPECT_EQ(detector("adwin").detector, Detector::adwin);
  EXPECT_EQ(detector("adwin").delta, 0.01);
  EXPECT_EQ(detector("page_hinkley").detector, Detector::page_hinkley);
  EXPECT_EQ(detector("page_hinkley").false_alarm_rows, 5000u);
  EXPECT_EQ(detector("risk").detector, Detector::risk);
  EXPECT_EQ(detector("risk").delta, 0.05);
  EXPECT_EQ(detector("risk").tolerance, 0.02);

  const auto& signal = rule_of<SignalTrigger>(model, "signal");
  EXPECT_EQ(signal.signal, "checkout errors");
  EXPECT_EQ(signal.bounds.above, 0.02);
  EXPECT_EQ(signal.bounds.clear, 0.01);
  EXPECT_EQ(signal.bounds.below, std::nullopt);
  EXPECT_EQ(signal.bounds.outside, std::nullopt);
  EXPECT_EQ(signal.patience.hold, minutes(10));
  EXPECT_EQ(signal.patience.clear, 3);
  EXPECT_EQ(signal.every, seconds(30));
  EXPECT_EQ(signal.on_no_data, NoData::alert);
  EXPECT_EQ(signal.no_data_after, hours(1));
  EXPECT_EQ(rule_of<SignalTrigger>(model, "band").bounds.outside, std::pair(-5.0, 30.5));
  EXPECT_EQ(rule_of<SignalTrigger>(model, "band").bounds.below, -10);

  const auto& query = rule_of<QueryTrigger>(model, "query");
  EXPECT_EQ(query.query, "SELECT count(*) FROM orders");
  EXPECT_EQ(query.source, "shop");
  EXPECT_EQ(query.bounds.below, 10);
  EXPECT_EQ(query.patience.of, 3);
  EXPECT_EQ(query.every, minutes(5));
  EXPECT_EQ(query.on_no_data, NoData::fire);
  EXPECT_EQ(rule_of<QueryTrigger>(model, "at_home").source, "market");

  const auto& prometheus = rule_of<PrometheusTrigger>(model, "prometheus");
  EXPECT_EQ(prometheus.url, "https://metrics_1.example:9090/prometheus");
  EXPECT_EQ(prometheus.query, "max(queue_length{job='shop'})");
  EXPECT_EQ(prometheus.timeout, minutes(5));
  EXPECT_EQ(prometheus.bounds.above, -1e9);

  EXPECT_EQ(rule_of<FreshnessTrigger>(model, "freshness").no_rows_for, hours(6));
  EXPECT_EQ(rule_of<FreshnessTrigger>(model, "freshness").every, minutes(10));
}

TEST(Load, GivesWhatItReadToTheSnapshotAndBack) {
  for (const char* name : {"monitoring.good.toml", "electricity.good.toml", "verdicts.good.toml"}) {
    for (const auto& [key, model] : load(kConfigs / name, "test-host").settings.models) {
      EXPECT_EQ(to_json(model_from_json(to_json(model))), to_json(model)) << name << " " << key;
    }
  }
}

constexpr std::string_view kSmallFile =
    "[registry]\nconninfo = 'service=r'\n[source.s]\nconninfo = 'service=s'\n"
    "[model.m]\nsource = 's'\nquery = 'SELECT 1'\ntime_column = 'ts'\nlabel = 'up'\n";

// The [model.m] of a small file, with more lines in it.
Model model_with(std::string_view lines) {
  const Loaded loaded = load_text(std::string(kSmallFile) + std::string(lines), "test.toml", "host");
  for (const Complaint& complaint : loaded.complaints) ADD_FAILURE() << complaint.text();
  return loaded.settings.models.at("m");
}

TEST(Load, GivesAModelTheDefaultsOfItsHeaderAndAPipelineChangeTrigger) {
  Model expected;
  expected.name = "m";
  expected.source = "s";
  expected.query = "SELECT 1";
  expected.time_column = "ts";
  expected.label = "up";
  expected.triggers.emplace_back();
  expected.triggers.back().name = "pipeline_change";
  expected.triggers.back().rule = PipelineChangeTrigger{};
  EXPECT_EQ(to_json(model_with("")), to_json(expected));
}

TEST(Load, ChoosesTheMetricByTheTaskUnlessOneIsNamed) {
  EXPECT_EQ(model_with("task = 'binary'").validation.metric, Metric::log_loss);
  EXPECT_EQ(model_with("task = 'multiclass'").validation.metric, Metric::log_loss);
  EXPECT_EQ(model_with("task = 'regression'").validation.metric, Metric::rmse);
  EXPECT_EQ(model_with("task = 'regression'\nvalidation.metric = 'r2'").validation.metric, Metric::r2);
}

TEST(Load, TurnsAPositiveLabelOfAnyTypeIntoText) {
  EXPECT_EQ(model_with("positive = 'yes'").positive, "yes");
  EXPECT_EQ(model_with("positive = ''").positive, "");
  EXPECT_EQ(model_with("positive = 1").positive, "1");
  EXPECT_EQ(model_with("positive = -1.5").positive, "-1.5");
  EXPECT_EQ(model_with("positive = 2.0").positive, "2");
  EXPECT_EQ(model_with("positive = true").positive, "true");
  EXPECT_EQ(model_with("").positive, std::nullopt);
}

TEST(Load, ReadsAnIntegerWhereANumberIsAsked) {
  EXPECT_EQ(model_with("validation.margin = 0\nvalidation.metric = 'log_loss'").validation.margin, 0.0);
  EXPECT_EQ(model_with("validation.margin = 3").validation.margin, 3.0);
}

TEST(Load, ReadsEveryFormOfWindowHoldoutAndCluster) {
  EXPECT_TRUE(std::holds_alternative<WindowAll>(model_with("training.window = 'all'").training.window));
  EXPECT_EQ(std::get<WindowRows>(model_with("training.window = '5000 rows'").training.window).rows, 5000u);
  EXPECT_EQ(std::get<WindowDuration>(model_with("training.window = '1w'").training.window).length, hours(168));
  EXPECT_EQ(std::get<HoldoutShare>(model_with("training.holdout = '7%'").training.holdout).share, 0.07);
  EXPECT_EQ(std::get<WindowDuration>(model_with("training.holdout = '7d'").training.holdout).length, hours(168));
  const auto cluster = [](const std::string& text) {
    return model_with("validation.cluster = '" + text + "'").validation.cluster;
  };
  EXPECT_TRUE(std::holds_alternative<ClusterAuto>(cluster("auto")));
  EXPECT_TRUE(std::holds_alternative<ClusterNone>(cluster("row")));
  EXPECT_EQ(std::get<WindowRows>(cluster("200 rows")).rows, 200u);
  EXPECT_EQ(std::get<WindowDuration>(cluster("1d")).length, hours(24));
  EXPECT_EQ(std::get<ClusterColumn>(cluster("customer id")).column, "customer id");
}

TEST(Load, RefusesFormsThatAreNearlyRight) {
  const auto complaints = [](const std::string& line) {
    return load_text(std::string(kSmallFile) + line, "test.toml", "host").complaints.size();
  };
  for (const char* window : {"", "0 rows", "0d", "-1d", "5000", "5000rows", "5000  rows", "1000000000001 rows", "ALL",
                             "99999999999999999999 rows", "36501d"}) {
    EXPECT_EQ(complaints(std::string("training.window = '") + window + "'"), 1u) << window;
  }
  for (const char* holdout : {"", "%", "0%", "100%", "-5%", "20 %", "1e1%", "nan%", "0d", "200 rows", "all"}) {
    EXPECT_EQ(complaints(std::string("training.holdout = '") + holdout + "'"), 1u) << holdout;
  }
  for (const char* cluster : {"", "0d", "0 rows", "1 day", "200rows"}) {
    EXPECT_EQ(complaints(std::string("validation.cluster = '") + cluster + "'"), 1u) << cluster;
  }
}

TEST(Load, GivesTriggersTheDefaultsOfTheirHeader) {
  const Model model = model_with(
      "validation.metric = 'brier'\n"
      "[[model.m.trigger]]\non = 'drift'\n"
      "[[model.m.trigger]]\non = 'performance'\ndetect = 'adwin'\n"
      "[[model.m.trigger]]\non = 'signal'\nsignal = 's'\nabove = 1\n"
      "[[model.m.trigger]]\non = 'query'\nquery = 'SELECT 1'\nabove = 1\n"
      "[[model.m.trigger]]\non = 'prometheus'\nurl = 'http://p'\nquery = 'up'\nabove = 1\n"
      "[[model.m.trigger]]\non = 'freshness'\nno_rows_for = '1h'\n");
  PerformanceTrigger performance;
  performance.metric = Metric::brier;
  performance.rule = PerformanceDetector{};
  SignalTrigger signal;
  signal.signal = "s";
  QueryTrigger query;
  query.query = "SELECT 1";
  query.source = "s";
  PrometheusTrigger prometheus;
  prometheus.url = "http://p";
  prometheus.query = "up";
  signal.bounds.above = query.bounds.above = prometheus.bounds.above = 1;
  const std::vector<TriggerRule> rules = {DriftTrigger{}, performance, signal,
                                          query,          prometheus,  FreshnessTrigger{.no_rows_for = hours(1)}};
  ASSERT_EQ(model.triggers.size(), rules.size() + 1);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    Trigger expected;
    expected.rule = rules[i];
    expected.name = to_text(expected.kind());
    EXPECT_EQ(to_json(model.triggers[i]), to_json(expected));
  }
}

// With one drift trigger that has this line in it.
DriftTrigger drift_with(const std::string& line) {
  return std::get<DriftTrigger>(model_with("[[model.m.trigger]]\non = 'drift'\n" + line).triggers.at(0).rule);
}

TEST(Load, TakesTheMinimumEffectFromTheMethodUnlessOneIsNamed) {
  const std::map<std::string, double> expected = {
      {"jensen_shannon", 0.05}, {"chi_square", 0.1}, {"ks", 0.1},      {"psi", 0.1},          {"wasserstein", 0.1},
      {"hellinger", 0.05},      {"null_rate", 0.05}, {"unseen", 0.01}, {"out_of_range", 0.01}};
  EXPECT_EQ(expected.size(), words_of<DriftMethod>().size());
  for (const auto& [method, value] : expected) {
    EXPECT_EQ(drift_with("method = '" + method + "'").min_effect, value) << method;
    EXPECT_EQ(drift_with("min_effect = 0.3\nmethod = '" + method + "'").min_effect, 0.3) << method;
  }
}

TEST(Load, ReadsEveryFormOfFor) {
  EXPECT_EQ(drift_with("for = 64").patience.checks, 64);
  EXPECT_EQ(drift_with("for = 64").patience.of, 64);
  EXPECT_EQ(drift_with("for = '1 of 64'").patience.checks, 1);
  EXPECT_EQ(drift_with("for = '1 of 64'").patience.of, 64);
  EXPECT_EQ(drift_with("for = '90s'").patience.hold, seconds(90));
  EXPECT_EQ(drift_with("for = '90s'").patience.of, 1);
}

TEST(Load, ReadsEveryFormOfSeason) {
  EXPECT_TRUE(std::holds_alternative<SeasonAuto>(drift_with("season = 'auto'").season));
  EXPECT_TRUE(std::holds_alternative<SeasonNone>(drift_with("season = 'none'").season));
  const auto period = [](const std::string& text) {
    return std::get<SeasonPeriod>(drift_with("season = '" + text + "'").season).length;
  };
  EXPECT_EQ(period("day"), hours(24));
  EXPECT_EQ(period("week"), hours(168));
  // 365.2425 days.
  EXPECT_EQ(period("year"), hours(24 * 365) + seconds(20952));
  EXPECT_EQ(period("8h"), hours(8));
}

TEST(Load, NeverRepeatsASecretInTheAddressOfAServer) {
  for (const std::string url :
       {"http://u:hunter2@h", "https://hunter2@h:9090/x", "http://h/?k=hunter2", "h:hunter2@x", "http://h:hunter2",
        "http://hunter2 x", "ftp://u:hunter2@h", "http://h/#hunter2", "http://[hunter2]"}) {
    const std::string trigger = "[[model.m.trigger]]\non = 'prometheus'\nquery = 'up'\nabove = 1\nurl = '" + url + "'";
    const Loaded loaded = load_text(std::string(kSmallFile) + trigger, "test.toml", "host");
    ASSERT_EQ(loaded.complaints.size(), 1u) << url;
    EXPECT_EQ(loaded.complaints[0].text().find("hunter2"), std::string::npos) << loaded.complaints[0].text();
  }
}

TEST(Load, RefusesNearlyRightPatienceSeasonsAndBudgets) {
  const auto complaints = [](const std::string& line) {
    const std::string text = std::string(kSmallFile) + "[[model.m.trigger]]\non = 'drift'\n" + line;
    return load_text(text, "test.toml", "host").complaints.size();
  };
  for (const std::string value :
       {"0", "-1", "65", "2.0", "''", "'2'", "'2 of'", "'of 3'", "'2of3'", "'2  of 3'", "'2 of 3 '", "'-1 of 3'",
        "'2 of 3d'", "'99999999999 of 3'", "'0s'", "'36501d'", "true", "[2, 3]"}) {
    EXPECT_EQ(complaints("for = " + value), 1u) << value;
  }
  for (const std::string value : {"''", "'Auto'", "'month'", "'7'", "7", "'0s'", "'-1d'", "false"}) {
    EXPECT_EQ(complaints("season = " + value), 1u) << value;
  }
  for (const std::string value : {"''", "1", "'1'", "'1 per'", "'1 per 0s'", "'0 per 1d'", "'1001 per 36500d'",
                                  "'1per 90d'", "'1 per day'", "'-1 per 90d'", "'1.5 per 90d'", "'1 per 90d '"}) {
    EXPECT_EQ(complaints("false_alarms = " + value), 1u) << value;
  }
}

TEST(Load, KeepsTriggersInTheOrderOfTheFile) {
  const Model model = model_with(
      "[[model.m.trigger]]\nname = 'z'\non = 'drift'\n[[model.m.trigger]]\nname = 'a'\non = 'drift'\n"
      "[[model.m.trigger]]\non = 'schedule'\ncron = '@daily'\n");
  std::vector<std::string> names;
  for (const Trigger& trigger : model.triggers) names.push_back(trigger.name);
  EXPECT_EQ(names, (std::vector<std::string>{"z", "a", "schedule", "pipeline_change"}));
}

TEST(Load, DoesNotIncludeFromText) {
  const Loaded loaded = load_text("include = ['*.toml']\n[registry]\nconninfo = 'service=r'\n", "x.toml", "host");
  ASSERT_EQ(loaded.complaints.size(), 1u);
  EXPECT_EQ(loaded.complaints[0].text(), "x.toml:1:11: include: nothing can be included here");
}

TEST(Load, WritesAComplaintAsCompilersDo) {
  EXPECT_EQ((Complaint{"a/b.toml", 3, 14, "no"}.text()), "a/b.toml:3:14: no");
  EXPECT_EQ((Complaint{"a/b.toml", 0, 0, "no"}.text()), "a/b.toml: no");
}

}  // namespace
}  // namespace retraind::settings
