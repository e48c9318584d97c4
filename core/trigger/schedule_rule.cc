#include "core/trigger/schedule_rule.h"

#include <algorithm>
#include <boost/json.hpp>

#include "core/settings/canonical_json.h"
#include "core/trigger/bar.h"

namespace retraind::trigger {
namespace {

namespace json = boost::json;

class SlotDecisions {
 public:
  SlotDecisions(const settings::Trigger& trigger, const settings::ScheduleTrigger& rule, const ModelContext& context,
                TimePoint now, Outcome& outcome)
      : trigger_(trigger), rule_(rule), context_(context), now_(now), outcome_(outcome) {}

  // `count` slots after `after` that are too many to name.
  void give_up(std::size_t count, TimePoint after, TimePoint before) {
    json::object evidence = base();
    evidence["slots"] = count;
    evidence["after"] = format_instant(after);
    evidence["before"] = format_instant(before);
    add(FiringDecision::suppressed, "missed",
        std::to_string(count) + (count == 1 ? " slot" : " slots") + " between " + format_instant(after) + " and " +
            format_instant(before) + " missed; no more than the newest " + std::to_string(kMaxMissedSlots) +
            " are looked at one by one",
        std::move(evidence), std::nullopt);
  }

  void miss(TimePoint slot, const std::string& why) {
    add(FiringDecision::suppressed, "missed", "slot " + format_instant(slot) + " missed: " + why, about(slot), slot);
  }

  void fire_or_suppress(TimePoint slot) {
    const std::string sentence =
        "slot " + format_instant(slot) + " of \"" + rule_.cron.expression() + "\" in " + rule_.timezone +
        (now_ - slot > kSlotGrace ? ", " + format_duration(whole_seconds(slot)) + " late" : "");
    json::object evidence = about(slot);
    if (const auto bar = find_bar(trigger_, context_, now_)) {
      add(FiringDecision::suppressed, bar->cause, sentence + "; " + bar->sentence, std::move(evidence), slot);
    } else {
      add(FiringDecision::fired, "", sentence, std::move(evidence), slot);
    }
  }

 private:
  Duration whole_seconds(TimePoint slot) const { return std::chrono::floor<std::chrono::seconds>(now_ - slot); }

  json::object base() const {
    return {{"cron", rule_.cron.expression()}, {"timezone", rule_.timezone}, {"catch_up", to_text(rule_.catch_up)}};
  }

  json::object about(TimePoint slot) const {
    json::object evidence = base();
    evidence["slot"] = format_instant(slot);
    evidence["late_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(now_ - slot).count();
    return evidence;
  }

  void add(FiringDecision decision, const std::string& cause, const std::string& reason, json::object evidence,
           std::optional<TimePoint> slot) {
    if (!cause.empty()) evidence["cause"] = cause;
    outcome_.decisions.push_back({decision, reason, settings::canonical_text(evidence), slot});
    outcome_.state.last_recorded =
        decision == FiringDecision::fired ? "" : std::string(to_text(decision)) + ":" + cause;
    if (slot) outcome_.state.last_slot = slot;
  }

  const settings::Trigger& trigger_;
  const settings::ScheduleTrigger& rule_;
  const ModelContext& context_;
  TimePoint now_;
  Outcome& outcome_;
};

}  // namespace

Outcome follow_schedule(const settings::Trigger& trigger, const settings::ScheduleTrigger& rule, const State& before,
                        const ModelContext& context, TimePoint now) {
  Outcome outcome;
  // A state without a slot is that of a trigger which began to exist now.
  const TimePoint decided = before.last_slot.value_or(now);
  outcome.state.last_slot = decided;
  // Where the clock was put back, slots that are decided already are not decided again.
  outcome.next_due = schedule::next_slot(rule.cron, rule.timezone, std::max(decided, now));

  // With latest and none one more is asked for than may be missed: the newest, which may fire.
  const std::size_t limit = kMaxMissedSlots + (rule.catch_up == CatchUp::all ? 0 : 1);
  const schedule::Slots due = schedule::slots_between(rule.cron, rule.timezone, decided, now, limit);
  if (due.slots.empty()) return outcome;

  if (rule.catch_up == CatchUp::all && context.run_open) {
    // One run after the other: a slot decided now would only be suppressed by the run of the slot before it.
    outcome.next_due = now + kOpenRunRecheck;
    return outcome;
  }

  SlotDecisions decisions(trigger, rule, context, now, outcome);
  if (due.omitted > 0) decisions.give_up(due.omitted, decided, due.slots.front());

  const TimePoint newest = due.slots.back();
  switch (rule.catch_up) {
    case CatchUp::all:
      decisions.fire_or_suppress(due.slots.front());
      if (due.slots.size() > 1) outcome.next_due = now;
      break;
    case CatchUp::latest:
    case CatchUp::none: {
      const bool fires = rule.catch_up == CatchUp::latest || now - newest <= kSlotGrace;
      for (const TimePoint slot : due.slots) {
        if (slot == newest && fires) {
          decisions.fire_or_suppress(slot);
        } else if (fires) {
          decisions.miss(slot, "the slot " + format_instant(newest) + " takes its place");
        } else {
          decisions.miss(slot, "it was looked at " +
                                   format_duration(std::chrono::floor<std::chrono::seconds>(now - slot)) +
                                   " late, and catch_up is none");
        }
      }
      break;
    }
  }
  return outcome;
}

}  // namespace retraind::trigger
