#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <stdexcept>

#include "core/base/error.h"
#include "core/trigger/bar.h"
#include "core/trigger/trigger.h"

namespace retraind::trigger {
namespace {

using namespace std::chrono_literals;

TimePoint instant(const char* text) {
  return parse_instant(text).value();
}

const TimePoint kNow = instant("2026-05-01T12:00:00Z");

settings::Trigger new_rows(std::uint64_t rows) {
  return {.name = "rows", .rule = settings::NewRowsTrigger{.rows = rows, .every = 1min}};
}

settings::Trigger drift(int checks = 1, Duration hold = Duration::zero()) {
  settings::DriftTrigger rule;
  rule.patience = {.checks = checks, .of = checks, .hold = hold, .clear = 3};
  return {.name = "drift", .rule = rule};
}

settings::Trigger schedule_of(const char* cron, CatchUp catch_up = CatchUp::latest, const char* timezone = "UTC") {
  settings::Trigger trigger{.name = "nightly",
                            .rule = settings::ScheduleTrigger{
                                .cron = schedule::Cron::parse(cron), .timezone = timezone, .catch_up = catch_up}};
  trigger.backoff = Duration::zero();
  return trigger;
}

settings::Trigger pipeline_change() {
  return {.name = "pipeline_change", .rule = settings::PipelineChangeTrigger{}};
}

stats::ColumnDrift column(const char* name, stats::ColumnVerdict verdict, double effect = 0) {
  stats::ColumnDrift out;
  out.column = name;
  out.verdict = verdict;
  out.effect = effect;
  out.threshold = 0.05;
  out.sentence = std::string(name) + " is judged on 12 rows, fewer than 200";
  return out;
}

DriftObservation one_drifted() {
  return {.version = 3, .rows = 900, .columns = {column("a", stats::ColumnVerdict::drifted, 0.1)}, .calibration = ""};
}

ModelContext with_production() {
  ModelContext context;
  context.has_production = true;
  return context;
}

// The one decision of an outcome.
Decision only(const Outcome& outcome) {
  if (outcome.decisions.size() != 1) throw std::runtime_error("there is not exactly one decision");
  return outcome.decisions[0];
}

boost::json::object evidence(const Decision& decision) {
  return boost::json::parse(decision.evidence).as_object();
}

// ---- sentences and evidence: what stands in trigger_history ----

TEST(TriggerReason, OfNewRowsHasTheCountAndTheThreshold) {
  const Decision decision = only(evaluate(new_rows(5000), NewRowsObservation{5213}, {}, {}, kNow));
  EXPECT_EQ(decision.decision, FiringDecision::fired);
  EXPECT_EQ(decision.reason, "5,213 new labelled rows, and 5,000 are enough");
  EXPECT_EQ(evidence(decision).at("rows"), 5213);
  EXPECT_EQ(evidence(decision).at("threshold"), 5000);
  EXPECT_FALSE(decision.slot);
}

TEST(TriggerReason, OfDriftNamesTheColumnsThatMovedMostFirst) {
  DriftObservation seen{.version = 3, .rows = 900, .columns = {}, .calibration = ""};
  seen.columns = {
      column("a", stats::ColumnVerdict::drifted, 0.1),     column("b", stats::ColumnVerdict::ok),
      column("c", stats::ColumnVerdict::drifted, 0.30049), column("d", stats::ColumnVerdict::drifted, 0.2),
      column("e", stats::ColumnVerdict::drifted, 0.06),    column("f", stats::ColumnVerdict::insufficient_data)};
  const Decision decision = only(evaluate(drift(), seen, {}, with_production(), kNow));
  EXPECT_EQ(decision.reason,
            "drift in 4 of 6 features, of which 1 could not be judged, over 900 rows (67 % of the features, 30 % is "
            "enough): c "
            "(distance 0.3005, more than 0.05), d (distance 0.2, more than 0.05), a (distance 0.1, more than 0.05) and "
            "1 more");
  EXPECT_EQ(evidence(decision).at("drifted").as_array().size(), 4U);
  EXPECT_EQ(evidence(decision).at("drifted").as_array()[0].at("column"), "a");
}

constexpr const char* kOneColumn =
    "drift in 1 of 1 feature over 900 rows (100 % of the features, 30 % is enough): a (distance 0.1, more than 0.05)";

TEST(TriggerReason, OfWaitingDriftSaysHowLongItStillHasToLast) {
  const DriftObservation seen = one_drifted();
  EXPECT_EQ(only(evaluate(drift(3), seen, {}, with_production(), kNow)).reason,
            std::string(kOneColumn) + "; check 1 of 3");
  EXPECT_EQ(only(evaluate(drift(1, 2h), seen, {}, with_production(), kNow)).reason,
            std::string(kOneColumn) + "; held for 0s of 2h");
}

TEST(TriggerReason, OfFiredDriftSaysHowLongItLasted) {
  const Outcome first = evaluate(drift(2), one_drifted(), {}, with_production(), kNow);
  EXPECT_EQ(only(evaluate(drift(2), one_drifted(), first.state, with_production(), kNow + 15min)).reason,
            std::string(kOneColumn) + "; held for 2 checks since 2026-05-01T12:00:00Z");
}

TEST(TriggerReason, OfDriftThatCannotBeJudgedGivesAnExample) {
  const DriftObservation seen{
      .version = 3, .rows = 12, .columns = {column("a", stats::ColumnVerdict::insufficient_data)}, .calibration = ""};
  const Decision decision = only(evaluate(drift(), seen, {}, with_production(), kNow));
  EXPECT_EQ(decision.decision, FiringDecision::insufficient_data);
  EXPECT_EQ(decision.reason, "none of 1 feature could be judged on 12 rows; a: a is judged on 12 rows, fewer than 200");
}

TEST(TriggerReason, OfAPipelineChangeNamesBothPipelines) {
  const std::string before(64, 'a');
  const std::string after(64, 'b');
  EXPECT_EQ(only(evaluate(pipeline_change(), PipelineObservation{after, before}, {}, {}, kNow)).reason,
            "the pipeline changed from aaaaaaaaaaaa to bbbbbbbbbbbb and has not been judged yet");
  EXPECT_EQ(only(evaluate(pipeline_change(), PipelineObservation{after, std::nullopt}, {}, {}, kNow)).reason,
            "the pipeline bbbbbbbbbbbb is the first and has not been judged yet");
}

TEST(TriggerReason, OfASlotSaysWhichOneAndHowLateItIs) {
  State state;
  state.last_slot = instant("2026-04-30T12:00:00Z");
  const settings::Trigger trigger = schedule_of("0 3 * * *", CatchUp::latest, "Europe/Berlin");
  const Decision decision = only(evaluate(trigger, ScheduleObservation{}, state, {}, kNow));
  EXPECT_EQ(decision.reason, "slot 2026-05-01T01:00:00Z of \"0 3 * * *\" in Europe/Berlin, 11h late");
  EXPECT_EQ(evidence(decision).at("late_seconds"), 39600);
  EXPECT_EQ(decision.slot, instant("2026-05-01T01:00:00Z"));
  const Outcome on_time = evaluate(trigger, ScheduleObservation{}, state, {}, instant("2026-05-01T01:00:00.25Z"));
  EXPECT_EQ(only(on_time).reason, "slot 2026-05-01T01:00:00Z of \"0 3 * * *\" in Europe/Berlin");
}

TEST(TriggerReason, OfASuppressionSaysWhatIsInTheWay) {
  const auto reason = [](settings::Trigger trigger, const ModelContext& context) {
    return only(evaluate(trigger, NewRowsObservation{7}, {}, context, kNow)).reason;
  };
  settings::Trigger trigger = new_rows(5);
  const std::string seen = "7 new labelled rows, and 5 are enough; ";

  ModelContext paused;
  paused.paused = true;
  EXPECT_EQ(reason(trigger, paused), seen + "the model is paused");
  paused.pause_reason = "the vendor restates";
  EXPECT_EQ(reason(trigger, paused), seen + "the model is paused (the vendor restates)");

  ModelContext unlucky;
  unlucky.unsuccessful_in_a_row = 3;
  unlucky.last_unsuccessful_at = kNow - 1min;
  EXPECT_EQ(reason(trigger, unlucky),
            seen + "backing off until 2026-05-01T12:39:00Z after 3 unsuccessful runs in a row");

  ModelContext recent;
  recent.last_finished_at = kNow - 10min;
  trigger.cooldown = 1h;
  EXPECT_EQ(reason(trigger, recent), seen +
                                         "cooling down until 2026-05-01T12:50:00Z: the model's last run ended at "
                                         "2026-05-01T11:50:00Z, and cooldown is 1h");

  ModelContext busy;
  busy.runs_in_last_day = 1;
  trigger.max_runs_per_day = 1;
  EXPECT_EQ(reason(trigger, busy), seen + "1 run in the last 24 hours, and max_runs_per_day is 1");
}

TEST(TriggerReason, OfAnErrorIsTheErrorItself) {
  const Decision decision = only(evaluate(drift(), ObservationError{"source \"market\" is away"}, {}, {}, kNow));
  EXPECT_EQ(decision.decision, FiringDecision::error);
  EXPECT_EQ(decision.reason, "source \"market\" is away");
}

// ---- bounds ----

TEST(TriggerBounds, AreOpenAtTheVeryInstantTheyEnd) {
  settings::Trigger trigger = new_rows(1);
  trigger.cooldown = 1h;
  ModelContext context;
  context.last_finished_at = kNow - 1h;
  context.unsuccessful_in_a_row = 1;
  context.last_unsuccessful_at = kNow - 10min;
  EXPECT_FALSE(find_bar(trigger, context, kNow));
  EXPECT_EQ(find_bar(trigger, context, kNow - Duration(1))->cause, "back_off");
  context.unsuccessful_in_a_row = 0;
  EXPECT_EQ(find_bar(trigger, context, kNow - Duration(1))->cause, "cooldown");
}

TEST(TriggerBounds, DoubleUpToTheirLimitWithoutOverflow) {
  EXPECT_EQ(doubled(10min, 0, 24h), 0min);
  EXPECT_EQ(doubled(10min, 1, 24h), 10min);
  EXPECT_EQ(doubled(10min, 2, 24h), 20min);
  EXPECT_EQ(doubled(10min, 8, 24h), 1280min);
  EXPECT_EQ(doubled(10min, 9, 24h), 24h);
  EXPECT_EQ(doubled(10min, 2000000000, 24h), 24h);
  EXPECT_EQ(doubled(10min, 2000000000, Duration::max()), Duration::max());
  EXPECT_EQ(doubled(10min, 3, 5min), 5min);
  EXPECT_EQ(doubled(Duration::zero(), 5, 24h), Duration::zero());
}

TEST(TriggerBounds, AreAllOffWhenNothingIsKnownAboutRuns) {
  settings::Trigger trigger = new_rows(1);
  trigger.cooldown = 1h;
  trigger.max_runs_per_day = 3;
  EXPECT_FALSE(find_bar(trigger, {}, kNow));
}

// ---- phases ----

TEST(TriggerPhases, AChangedKindOfSuppressionIsANewLine) {
  settings::Trigger trigger = new_rows(1);
  trigger.max_runs_per_day = 1;
  ModelContext context;
  context.runs_in_last_day = 1;
  const Outcome budget = evaluate(trigger, NewRowsObservation{1}, {}, context, kNow);
  EXPECT_EQ(budget.decisions.size(), 1U);
  EXPECT_TRUE(evaluate(trigger, NewRowsObservation{1}, budget.state, context, kNow).decisions.empty());
  context.paused = true;
  const Outcome paused = evaluate(trigger, NewRowsObservation{1}, budget.state, context, kNow);
  EXPECT_EQ(paused.decisions.size(), 1U);
  EXPECT_EQ(paused.state.last_recorded, "suppressed:paused");
}

TEST(TriggerPhases, AFiringForgetsEverythingBeforeIt) {
  const DriftObservation seen = one_drifted();
  State state;
  state.phase = TriggerPhase::pending;
  state.holds_since = kNow - 1h;
  state.holds_checks = 4;
  state.last_recorded = "pending:hold";
  state.errors = 2;
  const Outcome outcome = evaluate(drift(5), seen, state, with_production(), kNow);
  EXPECT_EQ(only(outcome).decision, FiringDecision::fired);
  State expected;
  expected.version = 3;
  EXPECT_EQ(outcome.state, expected);
}

// The registry turns a firing into a suppression while a run is open, and puts the trigger into the phase firing.
TEST(TriggerPhases, OnceFiringDriftNeedNotHoldAnewUntilItHasSurelyGone) {
  State state;
  state.phase = TriggerPhase::firing;
  EXPECT_EQ(only(evaluate(drift(3), one_drifted(), state, with_production(), kNow)).decision, FiringDecision::fired);
  const DriftObservation calm{
      .version = 3, .rows = 900, .columns = {column("a", stats::ColumnVerdict::ok)}, .calibration = ""};
  for (const TriggerPhase phase : {TriggerPhase::firing, TriggerPhase::firing, TriggerPhase::inactive}) {
    const Outcome quiet = evaluate(drift(3), calm, state, with_production(), kNow);
    EXPECT_TRUE(quiet.decisions.empty());
    EXPECT_EQ(quiet.state.phase, phase);
    state = quiet.state;
  }
  State expected;
  expected.version = 3;
  EXPECT_EQ(state, expected);
}

TEST(TriggerPhases, AnErrorBetweenTwoSuppressionsMakesTheSecondANewLine) {
  ModelContext paused;
  paused.paused = true;
  const Outcome first = evaluate(new_rows(1), NewRowsObservation{1}, {}, paused, kNow);
  const Outcome error = evaluate(new_rows(1), ObservationError{"away"}, first.state, paused, kNow);
  EXPECT_EQ(error.state.phase, TriggerPhase::firing);
  const Outcome second = evaluate(new_rows(1), NewRowsObservation{1}, error.state, paused, kNow);
  EXPECT_EQ(only(second).decision, FiringDecision::suppressed);
  EXPECT_EQ(second.state.errors, 0);
}

TEST(TriggerPhases, DriftWithoutAProductionModelIsInsufficientEvenWithColumns) {
  const DriftObservation seen = one_drifted();
  const Outcome outcome = evaluate(drift(), seen, {}, {}, kNow);
  EXPECT_EQ(only(outcome).decision, FiringDecision::insufficient_data);
  EXPECT_EQ(outcome.state.last_recorded, "insufficient_data:no_production");
}

// ---- schedules ----

TEST(ScheduleTrigger, DecidesNothingTwiceWhenTheClockIsPutBack) {
  State state;
  state.last_slot = instant("2026-05-01T03:00:00Z");
  const Outcome outcome =
      evaluate(schedule_of("0 3 * * *"), ScheduleObservation{}, state, {}, instant("2026-05-01T02:30:00Z"));
  EXPECT_TRUE(outcome.decisions.empty());
  EXPECT_EQ(outcome.next_due, instant("2026-05-02T03:00:00Z"));
  EXPECT_EQ(outcome.state.last_slot, state.last_slot);
}

TEST(ScheduleTrigger, WithoutAMemoryBeginsNow) {
  const Outcome outcome = evaluate(schedule_of("0 3 * * *"), ScheduleObservation{}, {}, {}, kNow);
  EXPECT_TRUE(outcome.decisions.empty());
  EXPECT_EQ(outcome.state.last_slot, kNow);
  EXPECT_EQ(outcome.next_due, instant("2026-05-02T03:00:00Z"));
}

TEST(ScheduleTrigger, NamesNoMoreMissedSlotsThanItsLimitAndCountsTheRest) {
  State state;
  state.last_slot = kNow - 10 * 24h;
  for (const CatchUp catch_up : {CatchUp::latest, CatchUp::none}) {
    // 240 hourly slots, the newest right now: it fires, 100 are named, 139 share a line.
    const Outcome outcome = evaluate(schedule_of("0 * * * *", catch_up), ScheduleObservation{}, state, {}, kNow);
    ASSERT_EQ(outcome.decisions.size(), kMaxMissedSlots + 2);
    EXPECT_FALSE(outcome.decisions.front().slot);
    EXPECT_EQ(evidence(outcome.decisions.front()).at("slots"), 139);
    EXPECT_EQ(outcome.decisions[1].slot, kNow - 100h);
    EXPECT_EQ(outcome.decisions.back().decision, FiringDecision::fired);
    EXPECT_EQ(outcome.decisions.back().slot, kNow);
    EXPECT_EQ(outcome.state.last_slot, kNow);
  }
}

TEST(ScheduleTrigger, DecidesEverySlotExactlyOnceInOrderUnderEveryCatchUp) {
  for (const CatchUp catch_up : {CatchUp::latest, CatchUp::all, CatchUp::none}) {
    const settings::Trigger trigger = schedule_of("*/20 * * * *", catch_up, "Europe/Berlin");
    State state;
    state.last_slot = instant("2026-10-24T20:00:00Z");
    std::vector<TimePoint> decided;
    // Looked at every 47 minutes over the night the clock goes back.
    for (TimePoint now = *state.last_slot; now < instant("2026-10-25T08:00:00Z"); now += 47min) {
      for (bool again = true; again;) {
        const Outcome outcome = evaluate(trigger, ScheduleObservation{}, state, {}, now);
        for (const Decision& decision : outcome.decisions) decided.push_back(decision.slot.value());
        EXPECT_LE(std::count_if(outcome.decisions.begin(), outcome.decisions.end(),
                                [](const Decision& d) { return d.decision == FiringDecision::fired; }),
                  1);
        state = outcome.state;
        again = outcome.next_due == now;
      }
    }
    ASSERT_EQ(decided.size(), 35U);  // 11 h 45 min after the start, the last look, and a slot every 20 minutes
    for (std::size_t i = 0; i < decided.size(); ++i) {
      EXPECT_EQ(decided[i], instant("2026-10-24T20:20:00Z") + 20min * static_cast<int>(i));
    }
  }
}

TEST(ScheduleTrigger, WaitsForAnOpenRunOnlyWhenItCatchesUpWithAll) {
  State state;
  state.last_slot = kNow - 2h;
  ModelContext context;
  context.run_open = true;
  const Outcome waits = evaluate(schedule_of("0 * * * *", CatchUp::all), ScheduleObservation{}, state, context, kNow);
  EXPECT_TRUE(waits.decisions.empty());
  EXPECT_EQ(waits.state.last_slot, state.last_slot);
  EXPECT_GT(waits.next_due, kNow);
  EXPECT_LE(waits.next_due, kNow + 1min);
  EXPECT_EQ(evaluate(schedule_of("0 * * * *"), ScheduleObservation{}, state, context, kNow).decisions.size(), 2U);
}

TEST(ScheduleTrigger, IsFirstDueAtItsNextSlotAndAllOthersAtOnce) {
  EXPECT_EQ(first_due(schedule_of("0 3 * * *"), kNow), instant("2026-05-02T03:00:00Z"));
  EXPECT_EQ(first_due(new_rows(1), kNow), kNow);
  EXPECT_EQ(first_due(drift(), kNow), kNow);
  EXPECT_EQ(first_due(pipeline_change(), kNow), kNow);
}

// ---- the rest ----

TEST(PipelineChangeTrigger, LooksAgainNoSoonerThanAMinuteAndNotBeforeACooldownEnds) {
  const PipelineObservation changed{"b", "a"};
  settings::Trigger trigger = pipeline_change();
  EXPECT_EQ(evaluate(trigger, changed, {}, {}, kNow).next_due, kNow + 1min);
  trigger.cooldown = 1h;
  ModelContext context;
  context.last_finished_at = kNow - 20min;
  EXPECT_EQ(evaluate(trigger, changed, {}, context, kNow).next_due, kNow + 40min);
  EXPECT_EQ(evaluate(trigger, PipelineObservation{"b", "b"}, {}, context, kNow).next_due, std::nullopt);
}

TEST(PipelineChangeTrigger, RestsWhileItsModelIsPaused) {
  ModelContext context;
  context.paused = true;
  const Outcome outcome = evaluate(pipeline_change(), PipelineObservation{"b", "a"}, {}, context, kNow);
  EXPECT_EQ(outcome.next_due, kNow + 24h);
  EXPECT_EQ(only(outcome).decision, FiringDecision::suppressed);
  context.paused = false;
  EXPECT_EQ(only(evaluate(pipeline_change(), PipelineObservation{"b", "a"}, outcome.state, context, kNow)).decision,
            FiringDecision::fired);
}

TEST(DisabledTrigger, IsNeverDueAndDecidesNothing) {
  settings::Trigger trigger = new_rows(1);
  trigger.enabled = false;
  EXPECT_EQ(first_due(trigger, kNow), std::nullopt);
  const Outcome outcome = evaluate(trigger, NewRowsObservation{10}, {}, {}, kNow);
  EXPECT_TRUE(outcome.decisions.empty());
  EXPECT_EQ(outcome.next_due, std::nullopt);
}

TEST(TriggerEvaluation, CallsAnObservationOfAnotherKindABug) {
  EXPECT_THROW(evaluate(new_rows(1), ScheduleObservation{}, {}, {}, kNow), std::logic_error);
  EXPECT_THROW(evaluate(schedule_of("0 3 * * *"), NewRowsObservation{}, {}, {}, kNow), std::logic_error);
  EXPECT_THROW(evaluate(drift(), PipelineObservation{}, {}, {}, kNow), std::logic_error);
  EXPECT_THROW(evaluate(pipeline_change(), DriftObservation{}, {}, {}, kNow), std::logic_error);
}

}  // namespace
}  // namespace retraind::trigger
