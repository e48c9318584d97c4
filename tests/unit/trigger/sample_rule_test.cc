#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/trigger/trigger.h"

namespace retraind::trigger {
namespace {

using namespace std::chrono_literals;

const TimePoint kNow = parse_instant("2026-05-01T12:00:00Z").value();

settings::SignalTrigger above(double bound) {
  settings::SignalTrigger rule;
  rule.signal = "errors";
  rule.bounds.above = bound;
  return rule;
}

settings::Trigger trigger_of(settings::SignalTrigger rule) {
  return {.name = "signal", .rule = std::move(rule)};
}

SampleObservation samples(std::vector<SampleObservation::Sample> fresh) {
  SampleObservation seen;
  seen.samples = std::move(fresh);
  if (!seen.samples.empty()) seen.latest = seen.samples.back();
  seen.what = "signal errors";
  return seen;
}

boost::json::object evidence(const Decision& decision) {
  return boost::json::parse(decision.evidence).as_object();
}

TEST(SampleReason, HasTheValueItsTimeAndItsBound) {
  const Outcome outcome = evaluate(trigger_of(above(0.02)), samples({{kNow - 5min, 0.031}}), {}, {}, kNow);
  EXPECT_EQ(outcome.decisions.at(0).reason, "signal errors is 0.031, above 0.02 (recorded at 2026-05-01T11:55:00Z)");
  EXPECT_EQ(evidence(outcome.decisions[0]).at("value"), 0.031);
  EXPECT_EQ(evidence(outcome.decisions[0]).at("bounds").as_object().at("above"), 0.02);
  settings::QueryTrigger query;
  query.bounds.outside = {-1, 1};
  SampleObservation answer = samples({{kNow, -2}});
  answer.what = "the query";
  EXPECT_EQ(evaluate({.name = "query", .rule = query}, answer, {}, {}, kNow).decisions.at(0).reason,
            "the query is -2, outside -1 to 1");
}

TEST(SampleReason, OfSilenceSaysSinceWhenAndWhatIsTolerated) {
  settings::SignalTrigger rule = above(1);
  rule.no_data_after = 1h;
  rule.on_no_data = NoData::alert;
  SampleObservation seen = samples({});
  seen.latest = SampleObservation::Sample{kNow - 90min, 0};
  EXPECT_EQ(evaluate(trigger_of(rule), seen, {}, {}, kNow).decisions.at(0).reason,
            "signal errors has had no value since 2026-05-01T10:30:00Z, for 1h30min, and 1h without one is no data");
  rule.on_no_data = NoData::fire;
  EXPECT_TRUE(evaluate(trigger_of(rule), seen, {}, {}, kNow)
                  .decisions.at(0)
                  .reason.ends_with("is no data, and on_no_data is fire"));
  seen.latest->at = kNow - 1h;
  EXPECT_TRUE(evaluate(trigger_of(rule), seen, {}, {}, kNow).decisions.empty());
}

TEST(SampleReason, OfNoAnswerSaysWhy) {
  settings::PrometheusTrigger rule;
  rule.bounds.below = 1;
  SampleObservation seen;
  seen.what = "up{job=\"shop\"}";
  seen.why_none = "the value is NaN";
  EXPECT_EQ(evaluate({.name = "prometheus", .rule = rule}, seen, {}, {}, kNow).decisions.at(0).reason,
            "up{job=\"shop\"}: the value is NaN");
}

TEST(SampleBounds, AreThemselvesAllowed) {
  const auto decides = [](settings::SignalTrigger rule, double value) {
    return !evaluate(trigger_of(std::move(rule)), samples({{kNow, value}}), {}, {}, kNow).decisions.empty();
  };
  EXPECT_FALSE(decides(above(1), 1));
  EXPECT_TRUE(decides(above(1), std::nextafter(1.0, 2.0)));
  settings::SignalTrigger rule;
  rule.bounds.below = 1;
  EXPECT_FALSE(decides(rule, 1));
  EXPECT_TRUE(decides(rule, std::nextafter(1.0, 0.0)));
  rule.bounds.above = 2;
  EXPECT_TRUE(decides(rule, 3));
  EXPECT_FALSE(decides(rule, 1.5));
  EXPECT_TRUE(decides(rule, 0));
}

TEST(SampleSteps, TakeSamplesThatAreOutOfOrderInTheirOrderWithoutGoingBackInTime) {
  settings::SignalTrigger rule = above(10);
  rule.patience.hold = 10min;
  // The second is dated before the first, the third has the time of the first: the row begins at 11:30 and lasts to
  // 11:40, not from 11:00.
  const auto seen = [](Duration last) {
    return samples({{kNow - 30min, 11}, {kNow - 60min, 12}, {kNow - 30min, 13}, {kNow - 30min + last, 14}});
  };
  const Outcome waits = evaluate(trigger_of(rule), seen(9min), {}, {}, kNow);
  ASSERT_EQ(waits.decisions.size(), 1U);
  EXPECT_EQ(waits.decisions[0].decision, FiringDecision::pending);
  EXPECT_EQ(waits.state.holds_since, kNow - 30min);
  EXPECT_EQ(waits.state.last_sample_at, kNow - 21min);
  const Outcome fires = evaluate(trigger_of(rule), seen(10min), {}, {}, kNow);
  ASSERT_EQ(fires.decisions.size(), 1U);
  EXPECT_EQ(fires.decisions[0].decision, FiringDecision::fired);
  EXPECT_EQ(evidence(fires.decisions[0]).at("samples").as_array().size(), 4U);
}

TEST(SampleSteps, NeverGoBackBeforeTheTimeSinceWhenTheConditionHolds) {
  settings::SignalTrigger rule = above(10);
  rule.patience = {.checks = 2, .of = 2, .hold = Duration::zero(), .clear = 1};
  State state;
  state.phase = TriggerPhase::pending;
  state.holds_since = kNow - 5min;
  state.recent = "10";
  state.last_sample_at = kNow - 20min;
  const Outcome outcome = evaluate(trigger_of(rule), samples({{kNow - 10min, 11}}), state, {}, kNow);
  EXPECT_EQ(outcome.state.holds_since, kNow - 5min);
}

TEST(SampleSteps, CountNoValueTwice) {
  settings::SignalTrigger rule = above(10);
  rule.patience = {.checks = 2, .of = 2, .hold = Duration::zero(), .clear = 1};
  const SampleObservation seen = samples({{kNow, 11}});
  const State first = evaluate(trigger_of(rule), seen, {}, {}, kNow).state;
  const Outcome again = evaluate(trigger_of(rule), seen, first, {}, kNow + 1min);
  EXPECT_TRUE(again.decisions.empty());
  EXPECT_EQ(again.state, first);
  EXPECT_EQ(again.next_due, kNow + 2min);
  // About to fire, it asks with the value in force.
  State firing = first;
  firing.phase = TriggerPhase::firing;
  EXPECT_EQ(evaluate(trigger_of(rule), seen, firing, {}, kNow + 1min).decisions.at(0).decision, FiringDecision::fired);
}

TEST(SampleSteps, LookAtNothingTwice) {
  const SampleObservation seen = samples({{kNow - 2min, 11}, {kNow - 1min, 12}});
  settings::SignalTrigger rule = above(10);
  const Outcome first = evaluate(trigger_of(rule), seen, {}, {}, kNow);
  EXPECT_EQ(first.decisions.at(0).decision, FiringDecision::fired);
  EXPECT_EQ(first.state.last_sample_at, kNow - 2min);
  EXPECT_EQ(first.next_due, kNow);
  // The same list again: the first was looked at, the second was not.
  const Outcome second = evaluate(trigger_of(rule), seen, first.state, {}, kNow);
  EXPECT_EQ(evidence(second.decisions.at(0)).at("value"), 12.0);
  EXPECT_EQ(second.state.last_sample_at, kNow - 1min);
  EXPECT_EQ(second.next_due, kNow + 1min);
}

TEST(SampleSteps, LeaveASampleOfTheFutureForItsTime) {
  const Outcome outcome = evaluate(trigger_of(above(10)), samples({{kNow - 1min, 1}, {kNow + 20s, 11}}), {}, {}, kNow);
  EXPECT_TRUE(outcome.decisions.empty());
  EXPECT_EQ(outcome.state.last_sample_at, kNow - 1min);
  EXPECT_EQ(outcome.next_due, kNow + 20s);
}

TEST(SampleSteps, TakeAnAnswerFromAClockThatIsAheadForOneOfNow) {
  settings::QueryTrigger rule;
  rule.bounds.above = 10;
  rule.patience.hold = 5min;
  const Outcome outcome = evaluate({.name = "query", .rule = rule}, samples({{kNow + 1h, 11}}), {}, {}, kNow);
  EXPECT_EQ(outcome.state.holds_since, kNow);
  EXPECT_EQ(outcome.state.last_sample_at, kNow);
  const Outcome next =
      evaluate({.name = "query", .rule = rule}, samples({{kNow + 6min, 12}}), outcome.state, {}, kNow + 5min);
  EXPECT_EQ(next.decisions.at(0).decision, FiringDecision::fired);
}

TEST(SampleSteps, PassOverValuesThatAreNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  settings::SignalTrigger rule = above(10);
  rule.patience = {.checks = 2, .of = 2, .hold = Duration::zero(), .clear = 1};
  const Outcome outcome =
      evaluate(trigger_of(rule), samples({{kNow - 3min, 11}, {kNow - 2min, nan}, {kNow - 1min, inf}}), {}, {}, kNow);
  ASSERT_EQ(outcome.decisions.size(), 1U);
  EXPECT_EQ(outcome.decisions[0].decision, FiringDecision::pending);
  EXPECT_EQ(outcome.state.last_sample_at, kNow - 1min);
  // Nothing but such values is no data.
  const Outcome none = evaluate(trigger_of(rule), samples({{kNow, nan}}), {}, {}, kNow);
  EXPECT_EQ(none.decisions.at(0).decision, FiringDecision::insufficient_data);
}

TEST(SampleSteps, AreLimitedInOneEvaluation) {
  std::vector<SampleObservation::Sample> many;
  for (int i = 0; i < 1500; ++i) many.push_back({kNow - 2000s + i * 1s, 1.0 * i});
  const Outcome outcome = evaluate(trigger_of(above(2000)), samples(many), {}, {}, kNow);
  EXPECT_EQ(outcome.state.last_sample_at, many[kMaxSamples - 1].at);
  EXPECT_EQ(outcome.next_due, kNow);
}

TEST(SampleSteps, LeaveOnlyTheLastOfManyPendingsInHistory) {
  settings::SignalTrigger rule = above(10);
  rule.patience.hold = 10min;
  std::vector<SampleObservation::Sample> flapping;
  for (int i = 0; i < 59; ++i) flapping.push_back({kNow - 60min + i * 1min, i % 2 == 0 ? 11.0 : 1.0});
  const Outcome pending = evaluate(trigger_of(rule), samples(flapping), {}, {}, kNow);
  ASSERT_EQ(pending.decisions.size(), 1U);
  EXPECT_EQ(pending.state.holds_since, kNow - 2min);
  // The evidence names the newest twenty.
  EXPECT_EQ(evidence(pending.decisions[0]).at("samples").as_array().size(), 20U);
  EXPECT_EQ(evidence(pending.decisions[0]).at("samples_looked_at"), 59);
  flapping.push_back({kNow, 1});
  EXPECT_TRUE(evaluate(trigger_of(rule), samples(flapping), {}, {}, kNow).decisions.empty());
}

TEST(SampleSteps, RecordOneSuppressionOfABurst) {
  ModelContext paused;
  paused.paused = true;
  std::vector<SampleObservation::Sample> flapping;
  for (int i = 0; i < 40; ++i) flapping.push_back({kNow - 60min + i * 1min, i % 2 == 0 ? 11.0 : 1.0});
  const Outcome outcome = evaluate(trigger_of(above(10)), samples(flapping), {}, paused, kNow);
  ASSERT_EQ(outcome.decisions.size(), 1U);
  EXPECT_EQ(outcome.decisions[0].decision, FiringDecision::suppressed);
  EXPECT_EQ(outcome.state.phase, TriggerPhase::inactive);
}

TEST(SampleState, KeepsItsPlaceAndItsAlertOverAFiring) {
  State state;
  state.phase = TriggerPhase::pending;
  state.holds_checks = 1;
  state.recent = "1";
  state.alerting = true;
  state.newest_event = 4;
  const Outcome outcome = evaluate(trigger_of(above(10)), samples({{kNow - 2min, 11}}), state, {}, kNow);
  EXPECT_EQ(outcome.decisions.front().decision, FiringDecision::fired);
  EXPECT_EQ(outcome.decisions.back().decision, FiringDecision::resolved);
  State expected;
  expected.last_sample_at = kNow - 2min;
  expected.newest_event = 4;
  EXPECT_EQ(outcome.state, expected);
}

TEST(SampleState, OfAnErrorIsAsItWas) {
  State state;
  state.last_sample_at = kNow - 1h;
  state.alerting = true;
  state.recent = "101";
  state.phase = TriggerPhase::pending;
  State after = evaluate(trigger_of(above(1)), ObservationError{"away"}, state, {}, kNow).state;
  EXPECT_EQ(after.errors, 1);
  after.errors = 0;
  after.last_recorded.clear();
  EXPECT_EQ(after, state);
}

TEST(FreshnessAlert, SaysHowOldTheNewestRowIs) {
  settings::FreshnessTrigger rule{.no_rows_for = 6h};
  const settings::Trigger trigger{.name = "freshness", .rule = rule};
  const auto reason = [&](TimeAxis axis, double newest, const State& state) {
    return evaluate(trigger, FreshnessObservation{axis, newest}, state, {}, kNow).decisions.at(0).reason;
  };
  EXPECT_EQ(reason(TimeAxis::instant, to_event_time(kNow - 7h - 1s), {}),
            "the newest row is of 2026-05-01T04:59:59Z, 7h1s ago, and 6h is tolerated");
  State state;
  state.newest_event = 4711;
  state.newest_since = kNow - 8h;
  EXPECT_EQ(reason(TimeAxis::number, 4711, state),
            "no new row for 8h: the newest has been at 4711 since 2026-05-01T04:00:00Z, and 6h is tolerated");
  // So old exactly is not older.
  EXPECT_TRUE(evaluate(trigger, FreshnessObservation{TimeAxis::instant, to_event_time(kNow - 6h)}, {}, {}, kNow)
                  .decisions.empty());
  // A row of the future is a row.
  EXPECT_TRUE(evaluate(trigger, FreshnessObservation{TimeAxis::instant, to_event_time(kNow + 6h)}, {}, {}, kNow)
                  .decisions.empty());
}

TEST(TriggerKinds, RefuseObservationsOfOneAnother) {
  EXPECT_THROW(evaluate(trigger_of(above(1)), FreshnessObservation{}, {}, {}, kNow), std::logic_error);
  EXPECT_THROW(
      evaluate({.name = "f", .rule = settings::FreshnessTrigger{.no_rows_for = 1h}}, SampleObservation{}, {}, {}, kNow),
      std::logic_error);
  EXPECT_THROW(evaluate({.name = "p", .rule = settings::PerformanceTrigger{}}, SampleObservation{}, {}, {}, kNow),
               std::logic_error);
}

}  // namespace
}  // namespace retraind::trigger
