#include "core/trigger/sample_rule.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <string>
#include <utility>

#include "core/base/text.h"
#include "core/settings/canonical_json.h"
#include "core/trigger/condition.h"
#include "core/trigger/finding.h"
#include "core/trigger/wording.h"

namespace retraind::trigger {
namespace {

namespace json = boost::json;
using Sample = SampleObservation::Sample;

constexpr std::size_t kSamplesNamed = 20;  // in the evidence: the newest that were looked at

json::object bounds_json(const settings::Bounds& bounds) {
  json::object out;
  if (bounds.above) out["above"] = number_or_null(*bounds.above);
  if (bounds.below) out["below"] = number_or_null(*bounds.below);
  if (bounds.outside) {
    out["outside"] = json::array{number_or_null(bounds.outside->first), number_or_null(bounds.outside->second)};
  }
  if (bounds.clear) out["clear"] = number_or_null(*bounds.clear);
  return out;
}

// One evaluation: the state that goes from check to check, and what was decided on the way.
class Checks {
 public:
  Checks(const settings::Trigger& trigger, const SampleRule& rule, const SampleObservation& seen, const State& before,
         const ModelContext& context, TimePoint now)
      : trigger_(trigger), rule_(rule), seen_(seen), context_(context), now_(now), before_(before) {
    state_ = before;
    state_.errors = 0;
    last_check_ = before.holds_since;
  }

  Outcome run() {
    TimePoint next_due = now_ + rule_.every;
    bool more = false;
    for (std::size_t i = 0; i < seen_.samples.size(); ++i) {
      const Sample& sample = seen_.samples[i];
      const bool looked_at_before =
          rule_.keeps_values && before_.last_sample_at && sample.at <= *before_.last_sample_at;
      if (looked_at_before) continue;
      if (rule_.keeps_values && sample.at > now_) {
        next_due = std::min(next_due, sample.at);
        break;
      }
      if (checked_ == kMaxSamples) break;
      check_sample(sample);
      if (fired_) {
        more = i + 1 < seen_.samples.size();
        break;
      }
    }
    // The reader stops at the same number: there may be more.
    more = more || checked_ >= kMaxSamples;
    check_what_is_in_force(fired_ || more);
    return {std::move(decisions_), std::move(state_), more ? now_ : next_due};
  }

 private:
  void check_sample(const Sample& sample) {
    ++checked_;
    const TimePoint at = std::min(sample.at, now_);
    // A silence that fell between two evaluations is one as well.
    const bool was_silent = rule_.keeps_values && rule_.no_data_after > Duration::zero() && state_.last_sample_at &&
                            at - *state_.last_sample_at > rule_.no_data_after;
    if (was_silent && rule_.on_no_data != NoData::fire) interrupt_hold();
    state_.last_sample_at = std::max(state_.last_sample_at.value_or(at), at);
    if (!std::isfinite(sample.value)) return;
    samples_.push_back(sample);
    value_seen_ = true;
    check(sample, in_order(sample.at));
  }

  // After the new samples: is there a value at all, and, for a signal without a new one, does the latest still hold?
  // `wait`: what is in force is checked next time.
  void check_what_is_in_force(bool wait) {
    const std::string none = why_no_data();
    if (none.empty() && std::exchange(state_.alerting, false)) resolve();
    if (wait) return;
    if (!none.empty()) {
      follow_no_data(none);
    } else if (!value_seen_ && seen_.latest && counts_again()) {
      check(*seen_.latest, now_);
    }
  }

  // Where values are counted, looking twice at one does not make it two.
  bool counts_again() const { return rule_.patience.checks <= 1 || state_.phase == TriggerPhase::firing; }

  // Nobody knows whether it held while there was no value: the next one that holds is the first again.
  void interrupt_hold() {
    if (rule_.patience.hold <= Duration::zero() || state_.phase != TriggerPhase::pending) return;
    state_.holds_checks = 0;
  }

  std::string why_no_data() const {
    const bool is_value = value_seen_ || (rule_.keeps_values && seen_.latest && std::isfinite(seen_.latest->value));
    if (!is_value) return seen_.why_none.empty() ? seen_.what + " has no value" : seen_.what + ": " + seen_.why_none;
    const std::optional<TimePoint> newest = rule_.keeps_values ? newest_value() : std::nullopt;
    if (newest && rule_.no_data_after > Duration::zero() && now_ - *newest > rule_.no_data_after) {
      return seen_.what + " has had no value since " + format_instant(*newest) + ", for " + lately(now_ - *newest) +
             ", and " + format_duration(rule_.no_data_after) + " without one is no data";
    }
    return "";
  }

  std::optional<TimePoint> newest_value() const {
    std::optional<TimePoint> newest;
    if (seen_.latest && seen_.latest->at <= now_) newest = seen_.latest->at;
    if (!samples_.empty()) newest = std::max(newest.value_or(samples_.back().at), samples_.back().at);
    return newest;
  }

  static std::string lately(Duration age) { return format_duration(std::chrono::floor<std::chrono::seconds>(age)); }

  void follow_no_data(const std::string& why) {
    json::object evidence = common();
    evidence["no_data"] = true;
    evidence["on_no_data"] = to_text(rule_.on_no_data);
    if (rule_.no_data_after > Duration::zero()) evidence["no_data_after"] = format_duration(rule_.no_data_after);
    if (rule_.on_no_data == NoData::fire) {
      follow({Holds::yes, "", why + ", and on_no_data is fire", std::move(evidence)}, now_);
      return;
    }
    evidence["cause"] = "no_data";
    interrupt_hold();
    if (rule_.on_no_data == NoData::alert) {
      if (std::exchange(state_.alerting, true)) return;
      add(FiringDecision::alert, why, evidence);
    } else {
      const std::string before = std::exchange(state_.last_recorded, "insufficient_data:no_data");
      if (before != state_.last_recorded) add(FiringDecision::insufficient_data, why, evidence);
    }
  }

  void resolve() {
    json::object evidence = common();
    const std::optional<TimePoint> newest = newest_value();
    add(FiringDecision::resolved,
        seen_.what + " has values again" + (newest ? ", the newest of " + format_instant(*newest) : ""), evidence);
  }

  // A check at `at`: never before an earlier one.
  void check(const Sample& sample, TimePoint at) {
    Finding finding = find(rule_.bounds, sample, seen_.what);
    const bool recorded_earlier = rule_.keeps_values && sample.at < now_;
    if (finding.holds == Holds::yes && recorded_earlier) {
      finding.sentence += " (recorded at " + format_instant(sample.at) + ")";
    }
    // Most checks decide nothing; what they saw is written down only for those that may.
    if (finding.holds == Holds::yes) {
      const json::object more = common();
      for (const auto& pair : more) finding.evidence[pair.key()] = pair.value();
    }
    follow(finding, at);
  }

  void follow(const Finding& finding, TimePoint at) {
    last_check_ = at;
    Outcome outcome = follow_condition(trigger_, finding, rule_.patience, state_, context_, now_, at);
    state_ = std::move(outcome.state);
    for (Decision& decision : outcome.decisions) keep(std::move(decision));
    drop_overtaken();
  }

  void keep(Decision decision) {
    fired_ = fired_ || decision.decision == FiringDecision::fired;
    std::erase_if(decisions_, [&](const Decision& earlier) { return earlier.decision == decision.decision; });
    decisions_.push_back(std::move(decision));
  }

  void drop_overtaken() {
    if (state_.phase == TriggerPhase::pending) return;
    std::erase_if(decisions_, [](const Decision& earlier) { return earlier.decision == FiringDecision::pending; });
  }

  void add(FiringDecision decision, const std::string& reason, const json::object& evidence) {
    decisions_.push_back({decision, reason, settings::canonical_text(evidence), std::nullopt});
  }

  json::object common() const {
    json::object out{{"what", seen_.what}, {"bounds", bounds_json(rule_.bounds)}};
    json::array samples;
    const std::size_t skipped = samples_.size() - std::min(samples_.size(), kSamplesNamed);
    for (std::size_t i = skipped; i < samples_.size(); ++i) {
      samples.push_back(json::object{{"at", format_instant(samples_[i].at)}, {"value", samples_[i].value}});
    }
    if (!samples.empty()) out["samples"] = std::move(samples);
    if (samples_.size() > 1) out["samples_looked_at"] = samples_.size();
    return out;
  }

  TimePoint in_order(TimePoint at) const {
    const TimePoint past = std::min(at, now_);
    return last_check_ ? std::max(past, *last_check_) : past;
  }

  const settings::Trigger& trigger_;
  const SampleRule& rule_;
  const SampleObservation& seen_;
  const ModelContext& context_;
  TimePoint now_;
  const State& before_;
  State state_;
  std::vector<Decision> decisions_;
  std::vector<Sample> samples_;  // finite, looked at in this evaluation
  std::size_t checked_ = 0;
  bool value_seen_ = false;
  bool fired_ = false;
  std::optional<TimePoint> last_check_;
};

}  // namespace

Finding find(const settings::Bounds& bounds, const Sample& sample, const std::string& what) {
  Finding finding;
  const double value = sample.value;
  const bool one_sided = bounds.above.has_value() != bounds.below.has_value() && !bounds.outside;
  std::string beyond;
  if (bounds.above && value > *bounds.above) beyond = "above " + format_number(*bounds.above);
  if (bounds.below && value < *bounds.below) beyond = "below " + format_number(*bounds.below);
  if (bounds.outside && (value < bounds.outside->first || value > bounds.outside->second)) {
    beyond = "outside " + format_number(bounds.outside->first) + " to " + format_number(bounds.outside->second);
  }
  if (!beyond.empty()) {
    finding.holds = Holds::yes;
    finding.sentence = what + " is " + format_number(value) + ", " + beyond;
    finding.evidence = {{"value", number_or_null(value)}, {"at", format_instant(sample.at)}};
    return finding;
  }
  const bool back = !bounds.clear || !one_sided || (bounds.above ? value <= *bounds.clear : value >= *bounds.clear);
  finding.holds = back ? Holds::no : Holds::between;
  return finding;
}

Outcome follow_samples(const settings::Trigger& trigger, const SampleRule& rule, const SampleObservation& seen,
                       const State& before, const ModelContext& context, TimePoint now) {
  return Checks(trigger, rule, seen, before, context, now).run();
}

}  // namespace retraind::trigger
