#pragma once
// What the user configured, as validated values. Plain data: no TOML here, no defaults that differ from the ones
// written down in docs/configuration.md, no secret. Made by core/settings/load.h; immutable afterwards, so any thread
// may read it.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/schedule/cron.h"

namespace retraind::settings {

struct Daemon {
  std::string instance;                                   // how this daemon signs its work; default: the host name
  std::filesystem::path state_dir = "/var/lib/retraind";  // work directories of runs
  int max_parallel_runs = 1;                              // 1..64
  Duration drain_timeout = std::chrono::seconds(30);      // how long a stopping daemon waits for running workers
  Duration poll_interval = std::chrono::seconds(5);       // how late a lost NOTIFY can make anything; 100ms..1h
  Duration lease_time = std::chrono::seconds(30);         // 3s..1h; renewed every third of it
};

struct Registry {
  std::string conninfo;  // libpq connection string or URI
};

struct Source {
  std::string name;
  std::string conninfo;
  Duration statement_timeout = std::chrono::minutes(10);  // of each statement at the source; 0 = none
  int streams = 1;                                        // 1..8: connections that a look at many rows reads by at once
};

enum class LogLevel { trace, debug, info, warning, error, critical };
// automatic ("auto"): journal where standard error is connected to it, else text.
enum class LogFormat { automatic, text, json, journal };

struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::automatic;
};

// Metrics and health, to be read by whoever reaches the address.
struct Http {
  std::string listen = "127.0.0.1:9464";   // "ADDRESS:PORT", "[ADDRESS]:PORT"; empty: no server
  std::vector<std::string> allowed_hosts;  // names that a request may be for, beside the address and localhost
};

// When commands of the configuration must belong to root: while run by systemd, whoever runs the daemon, or never.
enum class RootOwnedCommands { service, always, never };

struct Security {
  bool require_tls = false;  // a remote connection string without sslmode=verify-full is an error, not a warning
  RootOwnedCommands root_owned_commands = RootOwnedCommands::service;
};

// How long what nobody decides by any more is kept; zero: for ever. Promotions, versions, runs, gates and what started
// a run are kept for ever whatever stands here.
struct Retention {
  Duration drift_checks = std::chrono::hours(24 * 90);
  Duration performance_checks = std::chrono::hours(24 * 365);
  Duration trigger_decisions = std::chrono::hours(24 * 365);  // those that started no run
  Duration run_logs = std::chrono::hours(24 * 90);
  Duration signals = std::chrono::hours(24 * 90);
  Duration unused_artifacts = std::chrono::hours(24 * 30);  // bytes of versions that never were in production
};

// How much of the past a training or a check looks at, backwards from its anchor.
struct WindowAll {};
struct WindowRows {
  std::uint64_t rows;
};
struct WindowDuration {
  Duration length;
};
using Window = std::variant<WindowAll, WindowRows, WindowDuration>;

// The first event time that is ever trained on, whatever the window: with the window "all" one that expands.
struct Since {
  TimeAxis axis = TimeAxis::instant;  // "2024-01-01" is an instant, 1200 a number
  EventTime from = 0;                 // inclusive
};

// The newest part of the window, kept from the trainer.
struct HoldoutShare {
  double share;  // (0, 1)
};
using Holdout = std::variant<HoldoutShare, WindowDuration>;

// Which rows of a holdout may depend on one another.
struct ClusterAuto {};  // held-out entities; else days on the instant axis, ceil(sqrt(n)) neighbouring rows otherwise
struct ClusterNone {};  // every row by itself ("row")
struct ClusterColumn {
  std::string column;
};
using Cluster = std::variant<ClusterAuto, ClusterNone, WindowRows, WindowDuration, ClusterColumn>;

// A parameter handed to the trainer as it is.
using Parameter = std::variant<bool, std::int64_t, double, std::string>;

// The programs of the command trainer (docs/trainer.md), and the cage they run in.
struct Command {
  std::vector<std::string> train;                          // argv, the first an absolute path; empty: another trainer
  std::vector<std::string> predict;                        // likewise
  std::map<std::string, std::string> environment;          // all that they get, beside what follows
  std::vector<std::string> pass_environment;               // names passed on from the daemon's own environment
  std::vector<std::filesystem::path> files;                // whose sha256 enters the lineage, beside those in the argvs
  std::uint64_t log_limit_bytes = std::uint64_t{1} << 20;  // of what they print, as far as it is kept; 4 KiB..64 MiB
  std::uint64_t disk_limit_bytes = std::uint64_t{10} << 30;  // of their folder
  int max_processes = 256;                                   // at a time; 1..65536
};

// How much the classes count in training. By itself each row counts 1, or its weight.
struct ClassWeightsBalanced {};  // each class as much as every other: rows / (classes x rows of the class)
using ClassWeights = std::variant<std::monostate, ClassWeightsBalanced, std::map<std::string, double>>;

// A small search over parameters before the candidate is trained: each combination is trained on the older part of the
// training rows and measured on the newer part; the holdout is not touched.
struct Search {
  std::map<std::string, std::vector<Parameter>> params;  // of the trainer; "rounds" is training.rounds
  int trials = 10;                                       // at most so many combinations; 1..1000
  double share = 0.2;                                    // of the training rows to measure on; (0, 0.5]
};

struct Training {
  std::string trainer = "xgboost";  // or "command"
  Command command;
  Window window = WindowAll{};
  std::optional<Since> since;
  std::optional<std::uint64_t> sample_rows;  // of a larger window only about so many rows are read, drawn by the seed
  Holdout holdout = HoldoutShare{0.2};
  Duration embargo = Duration::zero();  // rows so close before the holdout are neither trained nor judged on
  ClassWeights class_weights;
  // Binary: only this share of the rows of the more frequent class is trained on, each counting for as many as it
  // stands for, so that probabilities stay what they are; (0, 1), 1: all of them.
  double keep_majority = 1;
  bool warm_start = false;  // begin from the production model instead of from nothing
  std::optional<Search> search;
  bool keep_data = false;        // the rows a version was trained and judged on are kept with it
  std::uint64_t min_rows = 500;  // of the training part, labelled
  int rounds = 100;              // 1..100000
  std::map<std::string, Parameter> params;
  std::uint64_t seed = 1;  // 0..2^31-1
  Duration timeout = std::chrono::minutes(30);
  std::uint64_t memory_limit_bytes = std::uint64_t{4} << 30;
  int threads = 1;       // 1..256, of one worker; the model does not depend on it
  int max_attempts = 3;  // 1..100, of one run, after crashes and lost connections
  // Entities (customers, machines) are held out as a whole: those whose hash falls into the holdout's share are never
  // trained on, and the holdout is theirs. Absent: the holdout is the newest rows.
  std::optional<std::string> entity;
  bool refit = false;  // a winner is trained again on the whole window, holdout and all, before it is released
};

// The parts of the rows a gate looks at one by one: the levels of a column.
struct Slices {
  std::string column;            // any column of the query, a feature or not
  std::uint64_t levels = 10;     // the most frequent so many in the holdout; 1..100
  std::uint64_t min_rows = 100;  // levels with fewer rows are named, and not judged
};

// One more condition a candidate must meet. At least one of the four bounds.
struct Gate {
  std::string name;  // unique in its model; [a-z][a-z0-9_]{0,62}
  Metric metric = Metric::log_loss;
  std::string of_class;            // recall of a multiclass task: of which class
  std::optional<double> above;     // the candidate's metric is surely at least this
  std::optional<double> below;     // … at most this
  std::optional<double> max_drop;  // the candidate is surely not worse than its opponent by more than this; >= 0
  std::optional<double> max_gain;  // an improvement larger than this is suspected of a leak; > 0
  std::optional<Slices> slices;    // only with max_drop: fails where a slice is surely harmed by more (Holm)
  double confidence = 0.95;        // one-sided; (0.5, 1)
};

// Misclassification costs by the labels' texts: costs[actual][predicted], >= 0. What is not named costs 0 when right
// and 1 when wrong.
using Costs = std::map<std::string, std::map<std::string, double>>;

struct Validation {
  Metric metric = Metric::log_loss;  // default: log_loss for binary and multiclass, rmse for regression
  Rule rule = Rule::superior;
  double margin = 0.0;       // in units of the metric; >= 0
  double confidence = 0.95;  // (0.5, 1): one-sided level of the interval that decides
  std::uint64_t min_holdout_rows = 200;
  Cluster cluster = ClusterAuto{};
  PromotionMode promotion = PromotionMode::automatic;
  // Where metrics leave a choice.
  double threshold = 0.5;  // binary: class 1 is predicted above this probability; (0, 1)
  double quantile = 0.5;   // of pinball; (0, 1)
  Costs costs;             // of cost
  // How the decision is made.
  bool spend_alpha = true;              // over attempts against one production version; false judges each by itself
  std::optional<double> anchor_margin;  // non_inferior: against the best version so far; default: margin
  std::optional<double> detect;         // the smallest difference worth seeing, in units of the metric; > 0
  std::vector<Gate> gates;
  std::optional<std::uint64_t> max_holdout_reuse;  // earlier candidates that were judged on some of the same rows
  std::optional<std::uint64_t> max_artifact_bytes;
  Duration max_scoring_time = Duration::zero();  // for a thousand rows; zero: no bound
  SchemaRule schema = SchemaRule::any;
  BrokenProduction broken_production = BrokenProduction::wait;
  // What happens afterwards. Both windows are of event time, and of the clock once label_delay has passed as well.
  Duration shadow = std::chrono::hours(24 * 28);  // how long an inconclusive candidate waits; zero: not at all
  Duration bake = std::chrono::hours(24 * 28);    // how long the version before is scored too; zero: not at all
  double bake_tolerance = 0;                      // so much worse than the version before is let pass; >= 0
  double bake_confidence = 0.99;                  // of the harm that rolls back; (0.5, 1)
  Duration trial_every = std::chrono::hours(1);   // how often shadows and bakes are looked at
};

// What one column's values must be. What is absent is not looked at.
struct ColumnRule {
  std::optional<std::string> type;                  // as PostgreSQL spells it: "double precision"
  std::optional<double> max_null_share;             // [0, 1)
  std::optional<double> min;                        // numbers, inclusive
  std::optional<double> max;                        // likewise
  std::optional<std::vector<std::string>> allowed;  // texts of the values; NULL is always allowed
};

// What the rows must be before anything is trained on them.
struct DataRules {
  ExpectedSchema schema = ExpectedSchema::learned;
  ValueBreak on_break = ValueBreak::stop;     // of values; a broken schema always stops
  std::map<std::string, ColumnRule> columns;  // each must be there
  std::optional<std::uint64_t> min_rows;      // labelled rows of the window
  Duration max_age = Duration::zero();        // of the newest labelled row, less label_delay; zero: any
  std::optional<double> max_row_change;       // against the window of the last run that was judged, as a share; > 0
  double null_tolerance = 0.1;                // so much more NULL than at the first promotion is let pass; (0, 1]
  std::vector<std::string> unique;            // columns that together occur once; empty: not looked at
  std::optional<double> max_duplicates;       // share of rows that are equal to another in every column read; [0, 1)
  std::optional<double> leakage = 0.99;       // a feature that alone ranks the labels so well is told; (0.5, 1]
};

// Scores of new rows, written to a table of the source.
struct Scoring {
  std::string into;              // the table, with its schema where that is not in the search path; empty: none
  std::vector<std::string> key;  // columns of the query that identify a row
  std::string source;            // whose login may write there; default: the model's
  std::string query;             // rows to score; default: the model's
  Duration every = std::chrono::minutes(1);
  std::uint64_t batch_rows = 10000;            // in one transaction; 1..1000000
  Duration late_rows = std::chrono::hours(1);  // rows that come so long after newer ones are still scored
};

// Who is told of a promotion or a rollback, beside SQL and NOTIFY. Each at least once, in order.
struct Release {
  std::filesystem::path directory;              // holds v1, v2, … and the link `current`; empty: none
  std::vector<std::string> on_promote;          // argv, the first an absolute path; empty: none
  std::string webhook;                          // http:// or https:// URL; empty: none
  std::filesystem::path webhook_secret_file;    // signs the request's body; empty: not signed
  Duration timeout = std::chrono::seconds(60);  // of one delivery; 1s..1h
};

struct ScheduleTrigger {
  schedule::Cron cron;
  std::string timezone = "UTC";  // IANA name
  CatchUp catch_up = CatchUp::latest;
};

struct NewRowsTrigger {
  std::uint64_t rows;                        // labelled rows newer than the last run's window
  Duration every = std::chrono::minutes(1);  // how often they are counted
};

// How long a condition must hold before it fires, and how it ends. All of it must be met.
struct Patience {
  int checks = 1;                    // it held in so many (`for = 2`: consecutive; `for = "2 of 3"`) …
  int of = 1;                        // … of the last so many checks; checks <= of <= 64
  Duration hold = Duration::zero();  // and has held so long (`for = "10min"`)
  int clear = 1;                     // so many clean checks in a row end a condition that was about to fire
};

// A season: windows are compared with reference windows at the same place in it.
struct SeasonAuto {};  // whichever of none, day, week and year leaves enough windows and makes them most alike
struct SeasonNone {};
struct SeasonPeriod {
  Duration length;  // `day`, `week`, `year` (365.2425 d), or any duration
};
using Season = std::variant<SeasonAuto, SeasonNone, SeasonPeriod>;

// `false_alarms = "1 per 90d"`: how many alarms are tolerated where nothing has changed.
struct AlarmBudget {
  int alarms = 1;
  Duration per;
};

struct DriftTrigger {
  Duration every = std::chrono::minutes(15);
  Window window = WindowDuration{std::chrono::hours(24)};
  Patience patience{.checks = 1, .of = 1, .hold = Duration::zero(), .clear = 3};
  DriftMethod method = DriftMethod::jensen_shannon;
  double min_effect = 0.05;  // the effect that does not matter, in the method's unit; (0, 1), wasserstein (0, …)
  double alpha = 0.01;       // level of one check over all columns together; (0, 0.5)
  std::optional<AlarmBudget> false_alarms;  // instead of alpha
  std::uint64_t min_rows = 200;             // fewer are insufficient_data
  Season season = SeasonAuto{};
  double share = 0.3;      // fires when columns with this share of the importance drifted; (0, 1]
  double important = 0.1;  // or any one column with so much of it; (0, 1]
  bool score = true;       // also looks at what production predicts, which takes a worker
};

// What is asked of the production model's quality, once labels are there.
struct PerformanceBelow {
  double value;  // fires when the interval lies below it
};
struct PerformanceAbove {
  double value;  // fires when the interval lies above it (for losses)
};
struct PerformanceDrop {
  double value;  // fires when it is surely worse than its level at promotion by more than this, in units of the metric
};
struct PerformanceDetector {
  Detector detector = Detector::adwin;
  double delta = 0.002;                      // adwin, risk: chance of a false alarm
  double tolerance = 0;                      // risk: so much worse than at promotion is let pass
  std::uint64_t false_alarm_rows = 1000000;  // page_hinkley: rows between two false alarms
};
using PerformanceRule = std::variant<PerformanceBelow, PerformanceAbove, PerformanceDrop, PerformanceDetector>;

struct PerformanceTrigger {
  Metric metric = Metric::log_loss;  // default: the metric of [validation]
  Duration every = std::chrono::minutes(15);
  Window window =
      WindowDuration{std::chrono::hours(24 * 7)};  // not for detectors, which look at every row since promotion
  PerformanceRule rule = PerformanceDrop{0};
  double confidence = 0.95;      // one-sided, of the interval; (0.5, 1)
  std::uint64_t min_rows = 100;  // labelled rows; fewer are insufficient_data
  Patience patience;
};

// When an outside number calls for a run. At least one of the three.
struct Bounds {
  std::optional<double> above;
  std::optional<double> below;
  std::optional<std::pair<double, double>> outside;  // low < high
  std::optional<double> clear;  // a value that fired must come back past this one; default: the bound itself
};

struct SignalTrigger {
  std::string signal;  // name of retraind.signal
  Bounds bounds;
  Patience patience;
  Duration every = std::chrono::minutes(1);  // a new value is looked at at once
  NoData on_no_data = NoData::ignore;
  Duration no_data_after = Duration::zero();  // no value for so long is no data; zero: the last one counts for ever
};

struct QueryTrigger {
  std::string query;   // one row with one number; no row or NULL is no data
  std::string source;  // default: the model's
  Bounds bounds;
  Patience patience;
  Duration every = std::chrono::minutes(1);
  NoData on_no_data = NoData::ignore;
};

struct PrometheusTrigger {
  std::string url;    // "http://127.0.0.1:9090", or https
  std::string query;  // PromQL with one sample as its answer; none is no data
  Bounds bounds;
  Patience patience;
  Duration every = std::chrono::minutes(1);
  Duration timeout = std::chrono::seconds(10);
  NoData on_no_data = NoData::ignore;
};

// A data-quality alert, never a run: no new event time for so long.
struct FreshnessTrigger {
  Duration no_rows_for;
  Duration every = std::chrono::minutes(5);
};

struct PipelineChangeTrigger {};  // always there; evaluated when a configuration is loaded

using TriggerRule = std::variant<ScheduleTrigger, NewRowsTrigger, DriftTrigger, PerformanceTrigger, SignalTrigger,
                                 QueryTrigger, PrometheusTrigger, FreshnessTrigger, PipelineChangeTrigger>;

struct Trigger {
  std::string name;  // unique in its model
  TriggerRule rule;
  bool enabled = true;
  Duration cooldown = Duration::zero();  // after the end of the model's last run, whoever started it
  int max_runs_per_day = 0;              // in any 24 hours; 0 = no bound
  Duration backoff =
      std::chrono::minutes(10);  // after k rejected, inconclusive or failed runs in a row: backoff * 2^(k-1)
  Duration backoff_max = std::chrono::hours(24);  // `backoff` is zero (none) by default for schedules

  TriggerKind kind() const;
};

// What `backoff` is when nothing is said: none for a schedule, ten minutes for all others.
Duration default_backoff(TriggerKind kind);

// What `metric` is when nothing is said: rmse for regression, log_loss for all others.
Metric default_metric(Task task);

struct Model {
  std::string name;    // [a-z][a-z0-9_]{0,62}
  std::string source;  // names a Source
  std::string query;
  std::string time_column;
  std::string label;
  Task task = Task::binary;
  std::optional<std::string> positive;  // binary: the label that counts as 1; default: the greater of the two
  std::vector<std::string> features;    // empty: every other column
  std::optional<std::string> weight;    // a column that says how much each row counts; >= 0, finite
  Anchor anchor = Anchor::data;
  Duration label_delay = Duration::zero();
  Duration late_rows = std::chrono::hours(1);     // rows that come so long after newer ones are still profiled
  Duration late_labels = std::chrono::hours(24);  // labels that come so long after label_delay are still counted
  Training training;
  DataRules data;
  Validation validation;
  Scoring scoring;
  Release release;
  std::vector<Trigger> triggers;  // always with a pipeline_change trigger
};

struct Settings {
  Daemon daemon;
  Registry registry;
  std::map<std::string, Source> sources;
  std::map<std::string, Model> models;
  Log log;
  Http http;
  Security security;
  Retention retention;
  std::vector<std::filesystem::path> files;  // every file read, the main one first
};

}  // namespace retraind::settings

namespace retraind {
template <>
std::span<const std::string_view> words_of<settings::LogLevel>();
template <>
std::span<const std::string_view> words_of<settings::LogFormat>();
template <>
std::span<const std::string_view> words_of<settings::RootOwnedCommands>();
}  // namespace retraind
