// What a trigger of a scenario is given to look at.

#include <algorithm>

#include "tests/unit/trigger/scenario.h"
#include "tests/unit/trigger/scenario_words.h"

namespace retraind::trigger {
namespace {

using namespace scenario;

// "drift", "between", "ok" or "few".
void set_finding(const std::string& word, stats::ColumnDrift& column) {
  constexpr double kThreshold = 0.1;
  column.threshold = kThreshold;
  column.verdict = stats::ColumnVerdict::ok;
  column.p_value = 0.5;
  if (word == "drift") {
    column.verdict = stats::ColumnVerdict::drifted;
    column.effect = 2 * kThreshold;
    column.p_value = 1e-9;
  } else if (word == "between") {
    column.effect = 0.8 * kThreshold;
  } else if (word == "ok") {
    column.effect = 0.2 * kThreshold;
  } else if (word == "few") {
    column.verdict = stats::ColumnVerdict::insufficient_data;
  } else {
    throw std::runtime_error("drift is not \"" + word + "\"");
  }
}

}  // namespace

// `columns NAME=IMPORTANCE … score label time`
void Scenario::set_columns(const std::vector<std::string>& words) {
  columns_.clear();
  for (std::size_t i = 1; i < words.size(); ++i) {
    const Words parts = split_at(words[i], '=');
    stats::ColumnDrift column;
    column.column = parts[0];
    if (parts.size() == 2) {
      column.importance = real(parts[1]);
    } else {
      column.role = one_of<ColumnRole>(parts[0]);
    }
    columns_.push_back(column);
  }
}

// A word for all columns, or COLUMN=WORD,… for some; the others are ok.
DriftObservation Scenario::observe_drift(const std::string& value) const {
  DriftObservation seen{.version = version_, .rows = 1000, .columns = {}, .calibration = ""};
  if (value == "none") return seen;
  seen.columns = columns_;
  if (seen.columns.empty()) seen.columns.emplace_back().column = "price";
  const bool all = value.find('=') == std::string::npos;
  for (stats::ColumnDrift& column : seen.columns) set_finding(all ? value : "ok", column);
  if (all) return seen;
  for (const std::string& part : split_at(value, ',')) {
    const Words pair = split_at(part, '=');
    const auto column =
        std::find_if(seen.columns.begin(), seen.columns.end(), [&](const auto& one) { return one.column == pair[0]; });
    if (column == seen.columns.end()) throw std::runtime_error("there is no column \"" + pair[0] + "\"");
    set_finding(pair.at(1), *column);
  }
  return seen;
}

// "unmeasured", "quiet", "alarm", "2alarms", or a value with its interval; "@ROWS" behind it.
PerformanceObservation Scenario::observe_performance(const std::string& value) const {
  constexpr std::uint64_t kRows = 1000;
  PerformanceObservation seen;
  if (value == "unmeasured") {
    seen.why_not = "no label has arrived";
    return seen;
  }
  const Words parts = split_at(value, '@');
  seen.version = version_;
  seen.rows = parts.size() == 2 ? number(parts[1]) : kRows;
  seen.level = level_;
  seen.level_interval = level_interval_;
  const int alarms = parts[0] == "alarm" ? 1 : parts[0] == "2alarms" ? 2 : 0;
  for (int i = 0; i < alarms; ++i) seen.alarms.push_back({seen.rows, "the mean loss rose"});
  if (alarms == 0 && parts[0] != "quiet" && parts[0] != "undefined") seen.value = interval(parts[0]);
  seen.detector = "memory of version " + std::to_string(version_);
  return seen;
}

SampleObservation Scenario::observe_signal() const {
  SampleObservation seen;
  seen.what = "signal errors";
  for (const auto& sample : samples_) {
    if (sample.at > now_) continue;
    seen.latest = sample;
    if (state_.last_sample_at && sample.at > *state_.last_sample_at && seen.samples.size() < kMaxSamples) {
      seen.samples.push_back(sample);
    }
  }
  if (!state_.last_sample_at && seen.latest) seen.samples.push_back(*seen.latest);
  return seen;
}

SampleObservation Scenario::observe_answer(const std::string& value) const {
  SampleObservation seen;
  seen.what = "the query";
  if (value == "nodata") {
    seen.why_none = "it returned no row";
    return seen;
  }
  seen.latest = SampleObservation::Sample{now_, real(value)};
  seen.samples.push_back(*seen.latest);
  return seen;
}

FreshnessObservation Scenario::observe_freshness(const std::string& value) const {
  FreshnessObservation seen{.axis = axis_, .newest = std::nullopt};
  if (value == "none") return seen;
  if (axis_ == TimeAxis::number) {
    seen.newest = real(value);
  } else {
    seen.newest = to_event_time(value == "now" ? now_ : time(value));
  }
  return seen;
}

Observation Scenario::observe() const {
  const auto after = observed_.upper_bound(now_);
  const std::string value = after == observed_.begin() ? "" : std::prev(after)->second;
  if (value == "error") return ObservationError{"the source is away"};
  const TriggerKind kind = trigger_->kind();
  if (kind == TriggerKind::schedule) return ScheduleObservation{};
  if (kind == TriggerKind::signal) return observe_signal();
  if (value.empty()) throw std::runtime_error("nothing is loaded for " + format_instant(now_));
  switch (kind) {
    case TriggerKind::new_rows:
      return NewRowsObservation{number(value)};
    case TriggerKind::pipeline_change:
      return PipelineObservation{value, judged_.empty() ? std::nullopt : std::optional(judged_)};
    case TriggerKind::performance:
      return observe_performance(value);
    case TriggerKind::freshness:
      return observe_freshness(value);
    case TriggerKind::drift:
      return observe_drift(value);
    default:
      return observe_answer(value);
  }
}

}  // namespace retraind::trigger
