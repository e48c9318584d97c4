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
};

enum class LogLevel { trace, debug, info, warning, error, critical };
enum class LogFormat { text, json };

struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
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

// The newest part of the window, kept from the trainer.
struct HoldoutShare {
  double share;  // (0, 1)
};
using Holdout = std::variant<HoldoutShare, WindowDuration>;

// Which rows of a holdout may depend on one another.
struct ClusterAuto {};  // days on the instant axis, ceil(sqrt(n)) neighbouring rows on the number axis
struct ClusterNone {};  // every row by itself ("row")
struct ClusterColumn {
  std::string column;
};
using Cluster = std::variant<ClusterAuto, ClusterNone, WindowRows, WindowDuration, ClusterColumn>;

// A parameter handed to the trainer as it is.
using Parameter = std::variant<bool, std::int64_t, double, std::string>;

struct Training {
  std::string trainer = "xgboost";
  Window window = WindowAll{};
  Holdout holdout = HoldoutShare{0.2};
  std::uint64_t min_rows = 500;  // of the training part, labelled
  int rounds = 100;              // 1..100000
  std::map<std::string, Parameter> params;
  std::uint64_t seed = 1;  // 0..2^31-1
  Duration timeout = std::chrono::minutes(30);
  std::uint64_t memory_limit_bytes = std::uint64_t{4} << 30;
  int threads = 1;       // 1..256, of one worker; the model does not depend on it
  int max_attempts = 3;  // 1..100, of one run, after crashes and lost connections
};

struct Validation {
  Metric metric = Metric::log_loss;  // default: log_loss for binary and multiclass, rmse for regression
  Rule rule = Rule::superior;
  double margin = 0.0;       // in units of the metric; >= 0
  double confidence = 0.95;  // (0.5, 1): one-sided level of the interval that decides
  std::uint64_t min_holdout_rows = 200;
  Cluster cluster = ClusterAuto{};
  PromotionMode promotion = PromotionMode::automatic;
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

struct DriftTrigger {
  Duration every = std::chrono::minutes(15);
  Window window = WindowDuration{std::chrono::hours(24)};
  int checks = 1;                    // consecutive drifted checks before it fires (`for = 2`)
  Duration hold = Duration::zero();  // or how long drift must have lasted (`for = "1h"`); zero = not by time
  double min_effect = 0.05;          // Jensen-Shannon distance, base 2; (0, 1)
  double alpha = 0.01;               // level after Benjamini-Hochberg; (0, 0.5)
  std::uint64_t min_rows = 200;      // fewer are insufficient_data
};

struct PipelineChangeTrigger {};  // always there; evaluated when a configuration is loaded

using TriggerRule = std::variant<ScheduleTrigger, NewRowsTrigger, DriftTrigger, PipelineChangeTrigger>;

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
  Anchor anchor = Anchor::data;
  Duration label_delay = Duration::zero();
  Training training;
  Validation validation;
  std::vector<Trigger> triggers;  // always with a pipeline_change trigger
};

struct Settings {
  Daemon daemon;
  Registry registry;
  std::map<std::string, Source> sources;
  std::map<std::string, Model> models;
  Log log;
  std::vector<std::filesystem::path> files;  // every file read, the main one first
};

}  // namespace retraind::settings

namespace retraind {
template <>
std::span<const std::string_view> words_of<settings::LogLevel>();
template <>
std::span<const std::string_view> words_of<settings::LogFormat>();
}  // namespace retraind
