// What a performance trigger learns from a look.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/pipeline/fresh_blocks.h"
#include "core/pipeline/json_access.h"
#include "core/pipeline/watch.h"
#include "core/stats/metric_sums.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;
using registry::BlockStream;
using stats::MetricSums;

// Fewer parts than this make a jackknife interval much too wide; more of them depend too much on their neighbours.
constexpr std::int64_t kParts = 20;

// A detector's memory as a trigger keeps it: where in the stream it has got to, and what it remembers.
struct DetectorState {
  std::optional<EventTime> after;
  std::string memory;
};

std::string to_json(const DetectorState& state) {
  return json::serialize(json::object{{"after", state.after ? json::value(exact(*state.after)) : json::value(nullptr)},
                                      {"memory", state.memory}});
}

DetectorState detector_state_from_json(std::string_view text) {
  if (text.empty()) return {};
  const json::value value = parse_json(text, "the detector's memory");
  const ObjectReader reader(value, "the detector's memory");
  DetectorState out;
  if (reader.has("after")) out.after = reader.number("after");
  out.memory = reader.text("memory");
  return out;
}

// Blocks taken together until at most kParts are left: days where the window is long enough, as neighbouring rows
// depend on one another within a day above all.
std::vector<MetricSums> parts_of(const std::vector<registry::Block>& blocks, const stats::BlockGrid& grid,
                                 TimeAxis axis) {
  if (blocks.empty()) return {};
  const std::int64_t span = blocks.back().index - blocks.front().index + 1;
  std::int64_t width = std::max<std::int64_t>(1, span / kParts);
  if (axis == TimeAxis::instant) {
    const auto day = static_cast<std::int64_t>(std::ceil(86400e6 / grid.length));
    width = std::min(width, std::max<std::int64_t>(1, day));
  }
  std::vector<MetricSums> out;
  std::optional<std::int64_t> part;
  for (const registry::Block& block : blocks) {
    const std::int64_t own = (block.index - blocks.front().index) / width;
    if (part != own) out.emplace_back();
    part = own;
    out.back().add(MetricSums::unpack(block.packed));
  }
  return out;
}

std::uint64_t rows_of(const std::vector<registry::Block>& blocks) {
  std::uint64_t rows = 0;
  for (const registry::Block& block : blocks) rows += block.rows;
  return rows;
}

MetricSums whole_of(const std::vector<registry::Block>& blocks) {
  MetricSums whole;
  for (const registry::Block& block : blocks) whole.add(MetricSums::unpack(block.packed));
  return whole;
}

// How production fared on the rows it was judged on.
struct Level {
  std::optional<double> value;
  std::optional<stats::Interval> interval;
  std::optional<MetricSums::LossMoments> moments;
};

Level level_at_promotion(store::Transaction& transaction, const LookPlan& plan, Metric metric, double confidence) {
  const auto blocks = registry::list_reference_blocks(transaction, plan.model, plan.job.version, BlockStream::losses);
  const MetricSums whole = whole_of(blocks);
  Level out;
  if (whole.rows() == 0) return out;
  out.value = whole.value(metric);
  out.interval = stats::jackknife(parts_of(blocks, plan.job.grid, plan.job.axis), metric, confidence);
  out.moments = whole.moments(metric);
  return out;
}

std::string amount(double value) {
  return format_number(std::round(value * 1e4) / 1e4);
}

// The rows a detector has not seen, and what the loss was at promotion for those that compare with it.
DetectorLook detector_look(const LookPlan& plan, const settings::PerformanceTrigger& rule,
                           const settings::PerformanceDetector& detector, const Level& level,
                           const trigger::State& state) {
  DetectorLook out;
  out.metric = rule.metric;
  out.rule = {.detector = detector.detector,
              .delta = detector.delta,
              .tolerance = detector.tolerance,
              .false_alarm_rows = detector.false_alarm_rows,
              .level_mean = 0,
              .level_high = 0,
              .deviation = 1,
              .largest = 1};
  if (level.moments) {
    out.rule.level_mean = out.rule.level_high = level.moments->mean;
    out.rule.deviation = level.moments->deviation;
    // Losses without a bound are cut at twice the largest seen at promotion, so that a confidence sequence exists.
    const bool bounded = rule.metric == Metric::accuracy || rule.metric == Metric::brier;
    out.rule.largest = bounded ? 1 : 2 * level.moments->largest;
  }
  if (level.interval) {
    // The bound of the mean loss, which for accuracy is that of the error.
    out.rule.level_high = higher_is_better(rule.metric) ? 1 - level.interval->low : level.interval->high;
  }
  if (state.version == plan.job.version) {
    const DetectorState before = detector_state_from_json(state.detector);
    out.memory = before.memory;
    out.after = before.after;
  }
  return out;
}

PerformanceFinding conclude_detector(const LookPlan& plan, const LookResult& result, const std::string& trigger) {
  PerformanceFinding out;
  out.observation.version = plan.job.version;
  if (!result.detected) {
    out.observation.why_not = "nothing was fed to the detector";
    return out;
  }
  out.observation.rows = result.detected->rows;
  out.observation.alarms = result.detected->alarms;
  out.observation.detector = to_json(DetectorState{.after = result.fed_to, .memory = result.detected->state});
  out.sentence = out.observation.alarms.empty()
                     ? fmt::format("{} watches {} labelled rows of version {} and finds no change",
                                   to_text(plan.job.detector->rule.detector), result.detected->rows, plan.job.version)
                     : out.observation.alarms.back().sentence;
  out.check = runs::PerformanceCheck{.model = plan.model,
                                     .version = plan.job.version,
                                     .trigger = trigger,
                                     .axis = plan.job.axis,
                                     .window_from = plan.job.trained_to,
                                     .window_to = result.fed_to,
                                     .rows = out.observation.rows,
                                     .metric = plan.job.detector->metric,
                                     .value = std::nullopt,
                                     .level = std::nullopt,
                                     .threshold = std::nullopt,
                                     .sentence = out.sentence};
  return out;
}

std::string why_no_interval(const std::vector<registry::Block>& blocks, const settings::PerformanceTrigger& rule,
                            std::uint64_t rows) {
  if (rows < rule.min_rows) {
    return fmt::format("{} labelled rows in the window, and {} are needed (min_rows)", rows, rule.min_rows);
  }
  const MetricSums whole = whole_of(blocks);
  if (!whole.value(rule.metric)) {
    return fmt::format("{} is not defined on these {} labelled rows", to_text(rule.metric), rows);
  }
  return fmt::format(
      "{} labelled rows lie within one block of time, and an interval of {} needs several; widen the window", rows,
      to_text(rule.metric));
}

// What the interval is held against, as a value of the metric.
std::optional<double> threshold_of(const settings::PerformanceTrigger& rule, const Level& level) {
  if (const auto* below = std::get_if<settings::PerformanceBelow>(&rule.rule)) return below->value;
  if (const auto* above = std::get_if<settings::PerformanceAbove>(&rule.rule)) return above->value;
  if (const auto* drop = std::get_if<settings::PerformanceDrop>(&rule.rule); drop != nullptr && level.value) {
    const bool higher = higher_is_better(rule.metric);
    // The level is known no better than its interval says.
    const double sure = !level.interval ? *level.value : higher ? level.interval->low : level.interval->high;
    return higher ? sure - drop->value : sure + drop->value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<LookPlan> plan_performance_look(store::Transaction& transaction, ModelId model,
                                              const settings::Model& settings, const settings::PerformanceTrigger& rule,
                                              const trigger::State& state, TimePoint now) {
  auto plan = plan_look(transaction, model, settings, rule.window, now);
  if (!plan) return std::nullopt;
  if (const auto* detector = std::get_if<settings::PerformanceDetector>(&rule.rule)) {
    const Level level = level_at_promotion(transaction, *plan, rule.metric, rule.confidence);
    if (!level.moments && detector->detector != Detector::adwin) {
      throw DataError(fmt::format("nothing is known of the {} of version {} at its promotion, which {} compares with",
                                  to_text(rule.metric), plan->job.version, to_text(detector->detector)),
                      "it will be, once this version of retraind has promoted one; until then use adwin");
    }
    plan->job.detector = detector_look(*plan, rule, *detector, level, state);
  } else {
    plan->job.losses = true;
    add_known(transaction, *plan, {BlockStream::losses});
  }
  add_artifact(transaction, *plan);
  return plan;
}

PerformanceFinding conclude_performance_look(store::Transaction& transaction, const LookPlan& plan,
                                             const LookResult& result, const settings::PerformanceTrigger& rule,
                                             const std::string& trigger) {
  if (plan.job.detector) return conclude_detector(plan, result, trigger);
  PerformanceFinding out;
  out.outdated =
      !store_blocks(transaction, plan, result, BlockStream::losses, result.losses, plan.job.model.late_labels);
  if (out.outdated) return out;
  const auto blocks = window_blocks(transaction, plan, result, BlockStream::losses);
  trigger::PerformanceObservation& seen = out.observation;
  seen.version = plan.job.version;
  seen.rows = rows_of(blocks);
  if (seen.rows == 0) {
    seen.why_not = fmt::format("no labelled row since version {} was trained", plan.job.version);
    out.sentence = seen.why_not;
    return out;
  }
  seen.value = stats::jackknife(parts_of(blocks, plan.job.grid, plan.job.axis), rule.metric, rule.confidence);
  const Level level = level_at_promotion(transaction, plan, rule.metric, rule.confidence);
  seen.level = level.value;
  seen.level_interval = level.interval;
  if (!seen.value) {
    seen.why_not = why_no_interval(blocks, rule, seen.rows);
    out.sentence = seen.why_not;
    return out;
  }
  const std::optional<double> threshold = threshold_of(rule, level);
  out.sentence = fmt::format("{} {} ({} to {}) over {} labelled rows{}", to_text(rule.metric),
                             amount(seen.value->estimate), amount(seen.value->low), amount(seen.value->high), seen.rows,
                             level.value ? ", at promotion " + amount(*level.value) : "");
  out.check =
      runs::PerformanceCheck{.model = plan.model,
                             .version = plan.job.version,
                             .trigger = trigger,
                             .axis = plan.job.axis,
                             .window_from = std::max(plan.job.trained_to, plan.job.grid.begin_of(blocks.front().index)),
                             .window_to = result.newest,
                             .rows = seen.rows,
                             .metric = rule.metric,
                             .value = seen.value,
                             .level = level.value,
                             .threshold = threshold,
                             .sentence = out.sentence};
  return out;
}

trigger::PerformanceObservation no_performance_without_production() {
  trigger::PerformanceObservation out;
  out.why_not = "there is no production model to look at";
  return out;
}

}  // namespace retraind::pipeline
