#include "core/trigger/condition.h"

#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <string_view>

#include "core/settings/canonical_json.h"
#include "core/trigger/bar.h"
#include "core/trigger/wording.h"

namespace retraind::trigger {
namespace {

namespace json = boost::json;

int one_more(int count) {
  return std::min(count, std::numeric_limits<int>::max() - 1) + 1;
}

bool allows_misses(const settings::Patience& patience) {
  return patience.of > patience.checks;
}

// In how many of the last `of` checks it held.
int held_in(const std::string& recent, int of) {
  const std::size_t last = std::min(recent.size(), static_cast<std::size_t>(std::max(of, 1)));
  return static_cast<int>(std::count(recent.end() - static_cast<std::ptrdiff_t>(last), recent.end(), '1'));
}

// A state of before there was `recent` knows only how many checks in a row have held.
std::string remembered(const State& before) {
  if (!before.recent.empty() || before.holds_checks <= 0) return before.recent;
  return std::string(std::min(static_cast<std::size_t>(before.holds_checks), kMostRecent), '1');
}

// How far along a condition is that has not held for long enough.
std::string waiting(const settings::Patience& patience, const State& state, TimePoint at) {
  std::string out;
  if (const int held = held_in(state.recent, patience.of); held < patience.checks) {
    out = "check " + std::to_string(held) + " of " + std::to_string(patience.checks);
    if (allows_misses(patience)) out += " among the last " + std::to_string(patience.of);
  }
  const Duration held = at - state.holds_since.value_or(at);
  if (held < patience.hold) {
    out += (out.empty() ? "" : ", ") + std::string("held for ") + format_duration(held) + " of " +
           format_duration(patience.hold);
  }
  return out;
}

std::string lasted(const settings::Patience& patience, const State& state) {
  if (patience.checks <= 1 && patience.hold == Duration::zero()) return "";
  const std::string since = " since " + format_instant(*state.holds_since);
  if (allows_misses(patience)) {
    const std::size_t last = std::min(state.recent.size(), static_cast<std::size_t>(patience.of));
    return "; held in " + std::to_string(held_in(state.recent, patience.of)) + " of the last " +
           counted(last, "check") + since;
  }
  return "; held for " + counted(static_cast<std::uint64_t>(state.holds_checks), "check") + since;
}

}  // namespace

State keep_position(const State& before) {
  State state;
  state.last_sample_at = before.last_sample_at;
  state.alerting = before.alerting;
  state.newest_event = before.newest_event;
  state.newest_since = before.newest_since;
  state.version = before.version;
  state.detector = before.detector;
  return state;
}

Step step(const State& before, Holds holds, const settings::Patience& patience, TimePoint at) {
  Step out;
  State& state = out.state;
  state = keep_position(before);
  const bool held = holds == Holds::yes;
  if (!held && before.phase == TriggerPhase::inactive) return out;

  state.phase = before.phase;
  state.holds_since = before.holds_since;
  state.recent = remembered(before) + (held ? '1' : '0');
  if (state.recent.size() > kMostRecent) state.recent.erase(0, state.recent.size() - kMostRecent);

  if (held) {
    const bool starts_anew = before.holds_checks == 0 && !allows_misses(patience);
    if (!state.holds_since || starts_anew) state.holds_since = at;
    state.holds_checks = one_more(before.holds_checks);
    // Once it was about to fire, only the end of the condition makes it wait again.
    out.wants = before.phase == TriggerPhase::firing ||
                (held_in(state.recent, patience.of) >= patience.checks && at - *state.holds_since >= patience.hold);
    state.phase = out.wants ? TriggerPhase::firing : TriggerPhase::pending;
    out.began = !out.wants && before.phase == TriggerPhase::inactive;
    return out;
  }
  state.clean_checks = holds == Holds::no ? one_more(before.clean_checks) : 0;
  const bool over = before.phase == TriggerPhase::pending ? held_in(state.recent, patience.of) == 0
                                                          : state.clean_checks >= patience.clear;
  if (over) state = keep_position(before);
  return out;
}

Outcome follow_condition(const settings::Trigger& trigger, const Finding& finding, const settings::Patience& patience,
                         const State& before, const ModelContext& context, TimePoint now, TimePoint at) {
  Step stepped = step(before, finding.holds, patience, at);
  Outcome outcome;
  outcome.state = std::move(stepped.state);
  State& state = outcome.state;

  const auto add = [&](FiringDecision decision, const std::string& reason, const std::string& cause) {
    json::object evidence = finding.evidence;
    if (!cause.empty()) evidence["cause"] = cause;
    if (state.holds_since) evidence["holds_since"] = format_instant(*state.holds_since);
    if (finding.holds == Holds::yes) evidence["holds_checks"] = state.holds_checks;
    if (!state.recent.empty()) evidence["recent"] = state.recent;
    outcome.decisions.push_back({decision, reason, settings::canonical_text(evidence), std::nullopt});
  };
  // Lasting decisions of one kind and cause are one line of history.
  const auto add_once = [&](FiringDecision decision, const std::string& cause, const std::string& reason) {
    state.last_recorded = std::string(to_text(decision)) + ":" + cause;
    if (state.last_recorded != before.last_recorded) add(decision, reason, cause);
  };

  if (finding.holds == Holds::cannot_tell) {
    add_once(FiringDecision::insufficient_data, finding.cause, finding.sentence);
    return outcome;
  }
  if (finding.holds != Holds::yes) {
    // Values that swing around a threshold while a run is held back are one row of suppressions.
    const bool held_back = before.last_recorded.starts_with("suppressed:");
    if (state.phase == TriggerPhase::firing && held_back) state.last_recorded = before.last_recorded;
    return outcome;
  }
  if (!stepped.wants) {
    if (stepped.began) {
      state.last_recorded = "pending:hold";
      add(FiringDecision::pending, finding.sentence + "; " + waiting(patience, state, at), "");
    }
    return outcome;
  }
  if (const auto bar = find_bar(trigger, context, now)) {
    add_once(FiringDecision::suppressed, bar->cause, finding.sentence + "; " + bar->sentence);
    return outcome;
  }
  add(FiringDecision::fired, finding.sentence + lasted(patience, state), "");
  state = keep_position(state);
  return outcome;
}

}  // namespace retraind::trigger
