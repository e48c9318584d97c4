// A schedule while the registry's clock jumps, by a second or by more than a year, forth and back, across changes of
// daylight saving and leap days: each slot is decided exactly once, each that did not fire is on record, and the next
// due time is never beyond the next slot.
//
// Incidents of other systems that this answers: jobs doubled or skipped at changes of daylight saving (node-cron 563,
// robfig/cron 541); a cron daemon that replays or forgets after a clock was set (Vixie cron); slots lost with the
// memory of a leader (River 791).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "core/base/random.h"
#include "core/schedule/cron.h"
#include "core/trigger/trigger.h"

namespace retraind::trigger {
namespace {

using namespace std::chrono_literals;

struct Case {
  const char* cron;
  const char* zone;
};

constexpr Case kCases[] = {{"0 3 * * *", "Europe/Berlin"},      {"30 2 * * *", "America/New_York"},
                           {"*/20 1-3 * * *", "Europe/London"}, {"15 2 * * *", "Australia/Lord_Howe"},
                           {"0 0 * * *", "America/Sao_Paulo"},  {"0 12 29 2 *", "UTC"},
                           {"45 23 * * mon", "Asia/Kathmandu"}, {"0 * * * *", "Europe/Berlin"}};

constexpr Duration kJumps[] = {1s, 59s, 61s, 10min, 1h, 3h, 24h, 7 * 24h, 31 * 24h, 400 * 24h};

class Clock {
 public:
  Clock(const Case& what, CatchUp catch_up, std::uint64_t seed) : what_(what), random_(seed) {
    trigger_.name = "t";
    trigger_.rule = settings::ScheduleTrigger{
        .cron = schedule::Cron::parse(what.cron), .timezone = what.zone, .catch_up = catch_up};
    now_ = TimePoint{std::chrono::sys_days{std::chrono::year{2000} / 1 / 1}} +
           std::chrono::hours(random_.below(35ULL * 365 * 24));
    state_.last_slot = first_ = newest_ = now_;
  }

  void jump() {
    const Duration by = kJumps[random_.below(std::size(kJumps))];
    now_ += random_.below(3) == 0 ? -by : by;
    look();
  }

  void look() {
    const Outcome outcome = evaluate(trigger_, ScheduleObservation{}, state_, context_, now_);
    state_ = outcome.state;
    int fired = 0;
    for (const Decision& decision : outcome.decisions) {
      fired += decision.decision == FiringDecision::fired ? 1 : 0;
      if (decision.slot) {
        EXPECT_LE(*decision.slot, now_) << "no slot is decided before its time";
        EXPECT_TRUE(decided_.emplace(*decision.slot, decision.decision).second)
            << "decided twice: " << format_instant(*decision.slot);
        newest_ = std::max(newest_, *decision.slot);
      } else {
        const auto evidence = boost::json::parse(decision.evidence).as_object();
        given_up_ += evidence.at("slots").to_number<std::size_t>();
      }
    }
    EXPECT_LE(fired, 1);
    fired_ += fired;
    ASSERT_TRUE(outcome.next_due);
    EXPECT_GE(*outcome.next_due, now_);
    const auto next = schedule::next_slot(rule().cron, rule().timezone, std::max(now_, newest_));
    ASSERT_TRUE(next);
    EXPECT_LE(*outcome.next_due, *next) << "asleep beyond " << format_instant(*next);
    // With catch_up = all one slot is decided at a time, and it is due again at once.
    if (rule().catch_up == CatchUp::all && *outcome.next_due == now_ && !outcome.decisions.empty()) look();
  }

  void expect_all_accounted_for() const {
    const auto slots = schedule::slots_between(rule().cron, rule().timezone, first_, newest_, 10'000'000).slots;
    EXPECT_EQ(slots.size(), decided_.size() + given_up_) << "every slot is fired, or on record as missed";
    for (const auto& [slot, decision] : decided_) {
      EXPECT_TRUE(std::binary_search(slots.begin(), slots.end(), slot)) << format_instant(slot) << " is no slot";
    }
  }
  int fired() const { return fired_; }

 private:
  const settings::ScheduleTrigger& rule() const { return std::get<settings::ScheduleTrigger>(trigger_.rule); }

  Case what_;
  Random random_;
  settings::Trigger trigger_{.name = "t", .rule = settings::PipelineChangeTrigger{}};
  ModelContext context_;
  State state_;
  TimePoint now_;
  TimePoint first_;
  TimePoint newest_;
  std::map<TimePoint, FiringDecision> decided_;
  std::size_t given_up_ = 0;
  int fired_ = 0;
};

TEST(ClockJumps, EverySlotIsDecidedExactlyOnceWhateverTheClockDoes) {
  for (const Case& what : kCases) {
    for (const CatchUp catch_up : {CatchUp::latest, CatchUp::all, CatchUp::none}) {
      for (std::uint64_t seed = 0; seed < 6; ++seed) {
        SCOPED_TRACE(fmt::format("{} in {}, catch_up {}, seed {}", what.cron, what.zone, to_text(catch_up), seed));
        Clock clock(what, catch_up, seed);
        for (int i = 0; i < 60; ++i) {
          clock.jump();
          if (::testing::Test::HasFatalFailure()) return;
        }
        clock.expect_all_accounted_for();
      }
    }
  }
}

TEST(ClockJumps, ADailyScheduleFiresOnceALocalDayThroughEveryChangeOfTheClockFrom2000To2037) {
  for (const char* zone : {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
                           "Asia/Kathmandu", "Africa/Casablanca"}) {
    SCOPED_TRACE(zone);
    settings::Trigger trigger{
        .name = "t",
        .rule = settings::ScheduleTrigger{
            .cron = schedule::Cron::parse("30 2 * * *"), .timezone = zone, .catch_up = CatchUp::latest}};
    TimePoint now{std::chrono::sys_days{std::chrono::year{2000} / 1 / 1}};
    const TimePoint end{std::chrono::sys_days{std::chrono::year{2037} / 12 / 31}};
    State state;
    state.last_slot = now;
    int fired = 0;
    while (now < end) {
      const Outcome outcome = evaluate(trigger, ScheduleObservation{}, state, {}, now);
      state = outcome.state;
      for (const Decision& decision : outcome.decisions) fired += decision.decision == FiringDecision::fired ? 1 : 0;
      ASSERT_TRUE(outcome.next_due);
      ASSERT_GT(*outcome.next_due, now);
      now = *outcome.next_due;
    }
    // 2000-01-01 to 2037-12-30 inclusive; every zone here has all of these dates. The last date's slot ends the walk.
    const auto dates = std::chrono::sys_days{std::chrono::year{2037} / 12 / 31} -
                       std::chrono::sys_days{std::chrono::year{2000} / 1 / 1};
    EXPECT_NEAR(fired, static_cast<double>(dates.count()), 1);
    const auto slots = schedule::slots_between(schedule::Cron::parse("30 2 * * *"), zone,
                                               TimePoint{std::chrono::sys_days{std::chrono::year{2000} / 1 / 1}},
                                               *state.last_slot, 1'000'000);
    EXPECT_EQ(static_cast<std::size_t>(fired), slots.slots.size());
  }
}

}  // namespace
}  // namespace retraind::trigger
