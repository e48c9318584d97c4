#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>

#include "core/trigger/trigger.h"

namespace retraind::trigger {
namespace {

using namespace std::chrono_literals;

const TimePoint kNow = parse_instant("2026-05-01T12:00:00Z").value();

settings::Trigger performance(Metric metric, settings::PerformanceRule rule) {
  settings::PerformanceTrigger out;
  out.metric = metric;
  out.rule = rule;
  return {.name = "performance", .rule = out};
}

settings::Trigger adwin() {
  return performance(Metric::log_loss, settings::PerformanceDetector{});
}

ModelContext with_production() {
  ModelContext context;
  context.has_production = true;
  return context;
}

stats::Interval interval(double estimate, double low, double high) {
  stats::Interval out;
  out.estimate = estimate;
  out.low = low;
  out.high = high;
  return out;
}

PerformanceObservation measured(stats::Interval value, std::uint64_t rows = 2310) {
  PerformanceObservation seen;
  seen.version = 3;
  seen.rows = rows;
  seen.value = value;
  return seen;
}

PerformanceObservation fed(int version, const char* memory, int alarms = 0) {
  PerformanceObservation seen;
  seen.version = version;
  seen.rows = 9200;
  seen.detector = memory;
  for (int i = 0; i < alarms; ++i) {
    seen.alarms.push_back({static_cast<std::uint64_t>(9000 + i), "the mean loss rose to ." + std::to_string(3 + i)});
  }
  return seen;
}

std::string reason(const settings::Trigger& trigger, const PerformanceObservation& seen) {
  const Outcome outcome = evaluate(trigger, seen, {}, with_production(), kNow);
  return outcome.decisions.empty() ? "" : outcome.decisions.back().reason;
}

TEST(PerformanceReason, OfAValueHasItsIntervalItsRowsAndItsBound) {
  const settings::Trigger below = performance(Metric::accuracy, settings::PerformanceBelow{0.7});
  EXPECT_EQ(reason(below, measured(interval(.681, .664, .698))),
            "accuracy 0.681 (0.664 to 0.698, 2,310 labelled rows over 7d) is surely below 0.7");
  settings::Trigger above = performance(Metric::rmse, settings::PerformanceAbove{120});
  std::get<settings::PerformanceTrigger>(above.rule).window = settings::WindowRows{5000};
  EXPECT_EQ(reason(above, measured(interval(1234.567, 130.04, 2000))),
            "rmse 1235 (130 to 2000, 2,310 labelled rows in the newest 5,000 rows) is surely above 120");
}

TEST(PerformanceReason, OfADropSaysWhereItsBoundComesFrom) {
  const settings::Trigger drop = performance(Metric::accuracy, settings::PerformanceDrop{0.05});
  PerformanceObservation seen = measured(interval(.681, .664, .698));
  seen.level = .8;
  EXPECT_EQ(
      reason(drop, seen),
      "accuracy 0.681 (0.664 to 0.698, 2,310 labelled rows over 7d) is surely below 0.75: 0.05 under its level at "
      "promotion, 0.8");
  seen.level_interval = interval(.8, .78, .82);
  EXPECT_EQ(reason(drop, seen),
            "accuracy 0.681 (0.664 to 0.698, 2,310 labelled rows over 7d) is surely below 0.73: 0.05 under the nearer "
            "bound of its level at promotion, 0.8 (0.78 to 0.82)");
}

TEST(PerformanceReason, OfTooFewRowsHasTheFigures) {
  const settings::Trigger below = performance(Metric::accuracy, settings::PerformanceBelow{0.7});
  EXPECT_EQ(reason(below, measured(interval(.1, 0, .2), 99)), "accuracy rests on 99 labelled rows, and 100 are needed");
  const Outcome outcome = evaluate(below, measured(interval(.1, 0, .2), 99), {}, with_production(), kNow);
  const auto evidence = boost::json::parse(outcome.decisions.at(0).evidence).as_object();
  EXPECT_EQ(outcome.decisions[0].decision, FiringDecision::insufficient_data);
  EXPECT_EQ(evidence.at("rows"), 99);
  EXPECT_EQ(evidence.at("min_rows"), 100);
  EXPECT_EQ(evidence.at("value").as_object().at("high"), 0.2);
}

TEST(PerformanceThreshold, NeedsTheWholeIntervalBeyondIt) {
  const settings::Trigger below = performance(Metric::accuracy, settings::PerformanceBelow{0.7});
  EXPECT_EQ(reason(below, measured(interval(.6, .5, .7))), "");
  EXPECT_NE(reason(below, measured(interval(.6, .5, .6999))), "");
  const settings::Trigger above = performance(Metric::log_loss, settings::PerformanceAbove{0.7});
  EXPECT_EQ(reason(above, measured(interval(.8, .7, .9))), "");
  EXPECT_NE(reason(above, measured(interval(.8, .7001, .9))), "");
}

TEST(PerformanceThreshold, IsNotMetByWhatIsNotANumber) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const settings::Trigger below = performance(Metric::r2, settings::PerformanceBelow{0.7});
  EXPECT_EQ(reason(below, measured(interval(nan, nan, nan))), "r2 is not defined on these 2,310 labelled rows");
  EXPECT_EQ(reason(below, measured(interval(.1, -inf, inf))), "");
}

TEST(PerformanceThreshold, SaysThatThereIsNoProductionModel) {
  const settings::Trigger below = performance(Metric::auc, settings::PerformanceBelow{0.7});
  const Outcome outcome = evaluate(below, PerformanceObservation{}, {}, {}, kNow);
  EXPECT_EQ(outcome.decisions.at(0).reason, "there is no production model whose auc could be measured");
}

TEST(PerformanceDetectorMemory, IsKeptFromEvaluationToEvaluation) {
  State state = evaluate(adwin(), fed(3, "one"), {}, with_production(), kNow).state;
  EXPECT_EQ(state.version, 3);
  EXPECT_EQ(state.detector, "one");
  state = evaluate(adwin(), fed(3, "two", 1), state, with_production(), kNow).state;
  EXPECT_EQ(state.phase, TriggerPhase::firing);
  EXPECT_EQ(state.detector, "two");
  EXPECT_EQ(evaluate(adwin(), ObservationError{"away"}, state, with_production(), kNow).state.detector, "two");
  PerformanceObservation nothing;
  nothing.why_not = "no label has arrived";
  state = evaluate(adwin(), nothing, state, with_production(), kNow).state;
  EXPECT_EQ(state.version, 3);
  EXPECT_EQ(state.detector, "two");
}

TEST(PerformanceDetectorMemory, StartsAnewWithAnotherVersion) {
  State state;
  state.phase = TriggerPhase::firing;
  state.version = 3;
  state.detector = "old";
  const Outcome outcome = evaluate(adwin(), fed(4, "new"), state, with_production(), kNow);
  EXPECT_TRUE(outcome.decisions.empty());
  EXPECT_EQ(outcome.state.phase, TriggerPhase::inactive);
  EXPECT_EQ(outcome.state.version, 4);
  EXPECT_EQ(outcome.state.detector, "new");
  PerformanceObservation nothing;
  nothing.version = 4;
  nothing.why_not = "no label has arrived";
  EXPECT_EQ(evaluate(adwin(), nothing, state, with_production(), kNow).state.detector, "");
}

TEST(PerformanceDetectorAlarms, AskForAFurtherRunUntilAnotherVersionIsInProduction) {
  const Outcome first = evaluate(adwin(), fed(3, "m", 1), {}, with_production(), kNow);
  ASSERT_EQ(first.decisions.at(0).decision, FiringDecision::fired);
  // All that is remembered of it.
  State expected;
  expected.phase = TriggerPhase::firing;
  expected.version = 3;
  expected.detector = "m";
  EXPECT_EQ(first.state, expected);
  ModelContext rejected = with_production();
  rejected.unsuccessful_in_a_row = 1;
  rejected.last_unsuccessful_at = kNow + 5min;
  const Outcome early = evaluate(adwin(), fed(3, "m"), first.state, rejected, kNow + 14min);
  EXPECT_EQ(early.decisions.at(0).decision, FiringDecision::suppressed);
  const Outcome later = evaluate(adwin(), fed(3, "m"), early.state, rejected, kNow + 15min);
  EXPECT_EQ(later.decisions.at(0).decision, FiringDecision::fired);
  EXPECT_EQ(later.decisions.at(0).reason,
            "an earlier alarm of adwin about the log_loss of version 3 has not been answered by a promotion yet");
  const Outcome promoted = evaluate(adwin(), fed(4, "n"), later.state, with_production(), kNow + 30min);
  EXPECT_TRUE(promoted.decisions.empty());
  EXPECT_EQ(promoted.state.phase, TriggerPhase::inactive);
}

TEST(PerformanceDetectorAlarms, OfOneEvaluationFireTogetherWithAllOfTheirEvidence) {
  const Outcome outcome = evaluate(adwin(), fed(3, "m", 2), {}, with_production(), kNow);
  ASSERT_EQ(outcome.decisions.size(), 1U);
  EXPECT_EQ(outcome.decisions[0].decision, FiringDecision::fired);
  EXPECT_EQ(outcome.decisions[0].reason,
            "log_loss of version 3 has changed for the worse: the mean loss rose to .4, after 1 alarm before it");
  const auto evidence = boost::json::parse(outcome.decisions[0].evidence).as_object();
  ASSERT_EQ(evidence.at("alarms").as_array().size(), 2U);
  EXPECT_EQ(evidence.at("alarms").as_array()[0].as_object().at("row"), 9000);
  EXPECT_EQ(evidence.at("detector"), "adwin");
  EXPECT_EQ(outcome.next_due, kNow + 15min);
}

}  // namespace
}  // namespace retraind::trigger
