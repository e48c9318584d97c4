#include "core/trigger/freshness_rule.h"

#include <boost/json.hpp>
#include <cmath>
#include <string>

#include "core/settings/canonical_json.h"
#include "core/trigger/condition.h"
#include "core/trigger/wording.h"

namespace retraind::trigger {
namespace {

namespace json = boost::json;

Duration whole_seconds(Duration age) {
  return std::chrono::floor<std::chrono::seconds>(age);
}

struct Stale {
  std::string cause;  // empty: rows come
  std::string sentence;
};

Stale find_stale(const settings::FreshnessTrigger& rule, TimeAxis axis, const State& state, TimePoint now) {
  if (!state.newest_event) return {"no_rows", "there is no row at all"};
  const bool instant = axis == TimeAxis::instant;
  const TimePoint since = instant ? to_instant(*state.newest_event) : state.newest_since.value_or(now);
  if (now - since <= rule.no_rows_for) return {};
  const std::string newest = format_event_time(axis, *state.newest_event);
  const std::string tolerated = ", and " + format_duration(rule.no_rows_for) + " is tolerated";
  const std::string age = format_duration(whole_seconds(now - since));
  if (instant) return {"stale", "the newest row is of " + newest + ", " + age + " ago" + tolerated};
  return {"stale", "no new row for " + age + ": the newest has been at " + newest + " since " + format_instant(since) +
                       tolerated};
}

}  // namespace

Outcome follow_freshness(const settings::FreshnessTrigger& rule, const FreshnessObservation& seen, const State& before,
                         TimePoint now) {
  Outcome outcome;
  State& state = outcome.state;
  state = keep_position(before);
  const std::optional<double> newest = seen.newest && std::isfinite(*seen.newest) ? seen.newest : std::nullopt;
  const bool grew = newest && (!before.newest_event || *newest > *before.newest_event);
  if (grew || !state.newest_since) state.newest_since = now;
  state.newest_event = newest;

  const Stale stale = find_stale(rule, seen.axis, state, now);
  state.alerting = !stale.cause.empty();
  state.phase = state.alerting ? TriggerPhase::firing : TriggerPhase::inactive;
  if (state.alerting == before.alerting) return outcome;

  json::object evidence{{"newest", newest ? json::value(format_event_time(seen.axis, *newest)) : json::value(nullptr)},
                        {"newest_since", format_instant(*state.newest_since)},
                        {"no_rows_for", format_duration(rule.no_rows_for)}};
  std::string reason = stale.sentence;
  if (state.alerting) {
    evidence["cause"] = stale.cause;
  } else {
    reason = "rows come again, the newest at " + format_event_time(seen.axis, *newest);
  }
  const FiringDecision decision = state.alerting ? FiringDecision::alert : FiringDecision::resolved;
  outcome.decisions.push_back({decision, std::move(reason), settings::canonical_text(evidence), std::nullopt});
  return outcome;
}

}  // namespace retraind::trigger
