#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/settings/metric_rules.h"
#include "core/settings/trigger_rules.h"

namespace retraind::settings {
namespace {

constexpr std::array<std::string_view, 4> kConditions = {"below", "above", "drop", "detect"};

// The first of below, above, drop and detect that is there; complains where it is not the only one.
std::optional<std::string_view> find_condition(TableReader& reader) {
  std::optional<std::string_view> first;
  for (const std::string_view key : kConditions) {
    if (!reader.has(key)) continue;
    if (first) {
      reader.complain(key, fmt::format("there is `{}` already, and a trigger has one of below, above, drop and detect; "
                                       "make two triggers",
                                       *first));
      return std::nullopt;
    }
    first = key;
  }
  if (!first) {
    reader.complain_at(reader.place(),
                       fmt::format("[{}] needs one of the keys below, above, drop or detect", reader.path()));
  }
  return first;
}

bool can_be_watched(Metric metric, Task) {
  return adds_up(metric);
}

bool can_be_detected(Metric metric, Task) {
  return adds_up(metric) && is_mean_of_row_losses(metric);
}

// Whether the value could ever be crossed, and in the direction that is a loss of quality.
void check_value(TableReader& reader, std::string_view key, double value, Metric metric) {
  const std::string_view name = to_text(metric);
  if (key == "below" && !higher_is_better(metric)) {
    reader.complain(key, fmt::format("{} is a loss, so it is good news when it falls below {}; use `above`", name,
                                     format_number(value)));
  } else if (key == "above" && higher_is_better(metric)) {
    reader.complain(key, fmt::format("a higher {} is better, so it is good news when it rises above {}; use `below`",
                                     name, format_number(value)));
  } else if (is_share(metric) && (value < 0 || value > 1 || (key == "drop" && value >= 1))) {
    reader.complain(key, fmt::format("{} lies between 0 and 1, so {} {} says nothing", name,
                                     key == "drop" ? "a drop of" : key, format_number(value)));
  } else if (metric == Metric::r2 && key == "below" && value > 1) {
    reader.complain(key, fmt::format("r2 is at most 1, so it always lies below {}", format_number(value)));
  } else if (!higher_is_better(metric) && key == "above" && value < 0) {
    reader.complain(key, fmt::format("{} is at least 0, so it always lies above {}", name, format_number(value)));
  }
}

struct Setting {
  std::string_view key;
  std::string_view owners;  // for the complaint
  std::array<Detector, 2> of;
};
constexpr std::array<Setting, 3> kSettings = {{
    {"delta", "detect = \"adwin\" or \"risk\"", {Detector::adwin, Detector::risk}},
    {"tolerance", "detect = \"risk\"", {Detector::risk, Detector::risk}},
    {"false_alarm_rows", "detect = \"page_hinkley\"", {Detector::page_hinkley, Detector::page_hinkley}},
}};

// `detector` is absent where there is none, or none that is known.
void read_settings(TableReader& reader, std::optional<Detector> detector, PerformanceDetector& out) {
  const bool is_unknown = !detector && reader.has("detect");
  for (const Setting& setting : kSettings) {
    const bool belongs =
        is_unknown || (detector && std::find(setting.of.begin(), setting.of.end(), *detector) != setting.of.end());
    if (!belongs) {
      reader.refuse(setting.key, fmt::format("belongs to {}; leave it out here", setting.owners));
    } else if (setting.key == "delta") {
      reader.real("delta", out.delta, {0, false, 0.5});
    } else if (setting.key == "tolerance") {
      reader.real("tolerance", out.tolerance, {0, true, std::nullopt});
    } else {
      reader.integer("false_alarm_rows", out.false_alarm_rows, {100, static_cast<std::int64_t>(kMostRows)});
    }
  }
}

// The word, or a complaint about one that is no metric.
std::optional<Metric> read_metric_word(TableReader& reader, Metric fallback) {
  const std::string expected = list_metrics(std::nullopt, can_be_watched, " or ");
  const Entry* entry = reader.ask("metric", expected, TableReader::quoted(to_text(fallback)));
  if (entry == nullptr) return std::nullopt;
  const auto* text = std::get_if<std::string>(&entry->node.value);
  const auto metric = text == nullptr ? std::nullopt : parse<Metric>(*text);
  if (metric) return metric;
  std::string hint;
  if (text != nullptr) {
    const std::vector<std::string> known(words_of<Metric>().begin(), words_of<Metric>().end());
    if (const auto near = nearest(*text, known)) hint = fmt::format("; did you mean \"{}\"?", *near);
  }
  reader.complain("metric", fmt::format("expected {}, found {}{}", expected, describe(entry->node), hint));
  return std::nullopt;
}

// std::nullopt where it is not sure which metric is meant, or where it is the wrong one.
std::optional<Metric> read_metric(TableReader& reader, const TriggerModel& of, Metric& out) {
  const std::optional<Metric> said = read_metric_word(reader, of.model.validation.metric);
  out = said.value_or(of.model.validation.metric);
  if (!said && (reader.has("metric") || !of.metric_is_sure)) return std::nullopt;
  if (of.task_is_sure && !applies_to(out, of.model.task)) {
    reader.complain("metric", does_not_apply(out, of.model.task, can_be_watched));
    return std::nullopt;
  }
  if (!adds_up(out)) {
    const auto task = of.task_is_sure ? std::optional(of.model.task) : std::nullopt;
    const std::string sentence =
        fmt::format("cannot be made from the sums of time blocks that a performance trigger keeps; set metric to {}",
                    list_metrics(task, can_be_watched, " or "));
    if (said) {
      reader.complain("metric", fmt::format("{} {}", to_text(out), sentence));
    } else {
      reader.complain_at(reader.place(), fmt::format("{}: the metric of the validation, {}, {}", reader.path(),
                                                     to_text(out), sentence));
    }
    return std::nullopt;
  }
  return out;
}

}  // namespace

PerformanceTrigger read_performance(TableReader& reader, const TriggerModel& of) {
  PerformanceTrigger out;
  const std::optional<Metric> metric = read_metric(reader, of, out.metric);
  reader.duration("every", out.every, kEvery);

  std::optional<double> below;
  std::optional<double> above;
  std::optional<double> drop;
  std::optional<Detector> detector;
  reader.real("below", below, kAnyNumber);
  reader.real("above", above, kAnyNumber);
  reader.real("drop", drop, {0, true, std::nullopt});
  reader.word("detect", detector);
  PerformanceDetector detection;
  read_settings(reader, detector, detection);

  const std::optional<std::string_view> condition = find_condition(reader);
  const std::array<std::pair<std::string_view, std::optional<double>>, 3> values = {
      {{"below", below}, {"above", above}, {"drop", drop}}};
  for (const auto& [key, value] : values) {
    if (metric && condition == key && value) check_value(reader, key, *value, *metric);
  }
  if (below) out.rule = PerformanceBelow{*below};
  if (above) out.rule = PerformanceAbove{*above};
  if (drop) out.rule = PerformanceDrop{*drop};
  if (detector) {
    detection.detector = *detector;
    out.rule = detection;
    if (metric && !is_mean_of_row_losses(*metric)) {
      const auto task = of.task_is_sure ? std::optional(of.model.task) : std::nullopt;
      reader.complain(reader.has("metric") ? "metric" : "detect",
                      fmt::format("a detector watches the loss of one row after the other, and {} is no mean of such "
                                  "losses; set metric to {}",
                                  to_text(*metric), list_metrics(task, can_be_detected, " or ")));
    }
  }

  if (condition == "detect") {
    reader.refuse("window", "a detector looks at every row since the promotion; leave it out");
    for (const std::string_view key : {"for", "clear_for"}) {
      reader.refuse(key, "a detector fires at its first alarm, which is sure by itself; leave it out");
    }
  } else {
    reader.window("window", out.window);
    read_patience(reader, out.patience);
  }
  reader.real("confidence", out.confidence, {0.5, false, 1.0});
  reader.integer("min_rows", out.min_rows, {1, static_cast<std::int64_t>(kMostRows)});
  if (condition != "detect") check_window_holds(reader, out.window, out.min_rows);
  return out;
}

}  // namespace retraind::settings
