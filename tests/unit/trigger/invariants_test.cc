#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <random>
#include <string>

#include "core/trigger/trigger.h"

// What must hold whatever is observed, in whatever order: random stories of every kind of trigger.
namespace retraind::trigger {
namespace {

using namespace std::chrono_literals;

class Story {
 public:
  explicit Story(unsigned seed) : random_(seed) {}

  settings::Trigger make_trigger() {
    settings::Patience patience;
    patience.of = pick(1, 5);
    patience.checks = pick(1, patience.of);
    patience.hold = pick(0, 2) * 3min;
    patience.clear = pick(1, 3);
    settings::Bounds bounds;
    bounds.above = 5;
    if (chance()) bounds.clear = 3;
    const auto on_no_data = static_cast<NoData>(pick(0, 2));
    settings::Trigger trigger{.name = "t", .rule = settings::PipelineChangeTrigger{}};
    kind_ = pick(0, 4);
    if (kind_ == 0) {
      settings::DriftTrigger rule;
      rule.patience = patience;
      trigger.rule = rule;
    } else if (kind_ == 1) {
      settings::PerformanceTrigger rule;
      rule.patience = patience;
      rule.rule = chance() ? settings::PerformanceRule(settings::PerformanceAbove{5})
                           : settings::PerformanceRule(settings::PerformanceDetector{});
      trigger.rule = rule;
    } else if (kind_ == 2) {
      settings::SignalTrigger rule;
      rule.bounds = bounds;
      rule.patience = patience;
      rule.on_no_data = on_no_data;
      rule.no_data_after = pick(0, 1) * 5min;
      trigger.rule = rule;
    } else if (kind_ == 3) {
      settings::QueryTrigger rule;
      rule.bounds = bounds;
      rule.patience = patience;
      rule.on_no_data = on_no_data;
      trigger.rule = rule;
    } else {
      trigger.rule = settings::FreshnessTrigger{.no_rows_for = 10min};
    }
    trigger.cooldown = pick(0, 1) * 10min;
    trigger.backoff = pick(0, 1) * 10min;
    return trigger;
  }

  Observation observe(TimePoint now) {
    if (pick(0, 9) == 0) return ObservationError{"the source is away"};
    if (kind_ == 0) {
      stats::ColumnDrift column;
      column.column = "price";
      column.threshold = 5;
      column.effect = pick(0, 9);
      column.verdict = column.effect > 5 ? stats::ColumnVerdict::drifted
                       : pick(0, 4) == 0 ? stats::ColumnVerdict::insufficient_data
                                         : stats::ColumnVerdict::ok;
      return DriftObservation{.version = 3, .rows = 900, .columns = {column}, .calibration = ""};
    }
    if (kind_ == 1) {
      PerformanceObservation seen;
      if (pick(0, 5) == 0) {
        seen.why_not = "no label has arrived";
        return seen;
      }
      seen.version = version_ += pick(0, 9) == 0 ? 1 : 0;
      seen.rows = static_cast<std::uint64_t>(pick(50, 500));
      stats::Interval value;
      value.estimate = pick(0, 9);
      value.low = value.estimate - 1;
      value.high = value.estimate + 1;
      seen.value = value;
      if (pick(0, 4) == 0) seen.alarms.push_back({seen.rows, "the mean loss rose"});
      seen.detector = std::to_string(pick(0, 1000));
      return seen;
    }
    if (kind_ == 4) {
      FreshnessObservation seen{.axis = chance() ? TimeAxis::instant : TimeAxis::number, .newest = std::nullopt};
      if (chance()) seen.newest = to_event_time(now - pick(0, 20) * 1min);
      return seen;
    }
    SampleObservation seen;
    seen.what = "errors";
    for (int i = pick(-1, kind_ == 3 ? 1 : 6); i > 0; --i) {
      seen.samples.push_back({now + pick(-20, 2) * 1min, static_cast<double>(pick(0, 9))});
    }
    if (!seen.samples.empty()) seen.latest = seen.samples.back();
    if (chance() && !seen.latest) seen.latest = SampleObservation::Sample{now - pick(0, 20) * 1min, 6};
    return seen;
  }

  ModelContext context(TimePoint now) {
    ModelContext out;
    out.has_production = pick(0, 9) != 0;
    out.paused = pick(0, 5) == 0;
    if (chance()) out.last_finished_at = now - pick(0, 20) * 1min;
    if (chance()) {
      out.unsuccessful_in_a_row = 1;
      out.last_unsuccessful_at = now - pick(0, 20) * 1min;
    }
    return out;
  }

  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  bool chance() { return pick(0, 1) == 1; }
  bool wants_runs() const { return kind_ != 4; }

 private:
  std::mt19937 random_;
  int kind_ = 0;
  int version_ = 1;
};

void check_outcome(const State& before, const Outcome& outcome, TimePoint now) {
  const auto number_of = [&](FiringDecision decision) {
    return std::count_if(outcome.decisions.begin(), outcome.decisions.end(),
                         [&](const Decision& one) { return one.decision == decision; });
  };
  EXPECT_LE(number_of(FiringDecision::fired), 1);
  EXPECT_LE(outcome.decisions.size(), 3U);
  for (const Decision& decision : outcome.decisions) {
    EXPECT_FALSE(decision.reason.empty());
    EXPECT_TRUE(boost::json::parse(decision.evidence).is_object());
  }
  const State& state = outcome.state;
  EXPECT_EQ(state_from_json(to_json(state)), state);
  EXPECT_LE(state.recent.size(), 64U);
  EXPECT_GE(outcome.next_due, now);
  // An alert is told when it begins and resolved when it ends, and only then.
  EXPECT_EQ(number_of(FiringDecision::alert), !before.alerting && state.alerting ? 1 : 0);
  EXPECT_EQ(number_of(FiringDecision::resolved), before.alerting && !state.alerting ? 1 : 0);
  if (before.last_sample_at) {
    ASSERT_TRUE(state.last_sample_at);
    EXPECT_GE(*state.last_sample_at, *before.last_sample_at);
    EXPECT_LE(*state.last_sample_at, now);
  }
  if (number_of(FiringDecision::fired) > 0) {
    // A detector, which has a memory, goes on asking until another version is in production.
    EXPECT_EQ(state.phase, state.detector.empty() ? TriggerPhase::inactive : TriggerPhase::firing);
    EXPECT_TRUE(state.recent.empty());
  }
  if (state.phase == TriggerPhase::pending) {
    EXPECT_NE(state.recent.find('1'), std::string::npos);
    EXPECT_TRUE(state.holds_since);
  }
}

TEST(TriggerInvariants, HoldInRandomStoriesOfEveryKind) {
  int fired = 0;
  for (unsigned seed = 0; seed < 250; ++seed) {
    SCOPED_TRACE(seed);
    Story story(seed);
    const settings::Trigger trigger = story.make_trigger();
    State state;
    TimePoint now = parse_instant("2026-05-01T00:00:00Z").value();
    for (int i = 0; i < 60; ++i) {
      now += story.pick(0, 5) * 1min;
      const ModelContext context = story.context(now);
      const Outcome outcome = evaluate(trigger, story.observe(now), state, context, now);
      check_outcome(state, outcome, now);
      for (const Decision& decision : outcome.decisions) {
        if (decision.decision != FiringDecision::fired) continue;
        ++fired;
        EXPECT_TRUE(story.wants_runs());
        EXPECT_FALSE(context.paused);
      }
      state = outcome.state;
      // As the registry does it when the firing met an open run.
      if (!outcome.decisions.empty() && outcome.decisions.back().decision == FiringDecision::fired && story.chance()) {
        state.phase = TriggerPhase::firing;
        state.last_recorded = "suppressed:open_run";
      }
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(fired, 300);
}

}  // namespace
}  // namespace retraind::trigger
