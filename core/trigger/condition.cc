#include "core/trigger/condition.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <limits>

#include "core/base/text.h"
#include "core/settings/canonical_json.h"
#include "core/trigger/bar.h"

namespace retraind::trigger {
namespace {

namespace json = boost::json;

constexpr std::size_t kColumnsNamed = 3;  // in a sentence; the evidence has them all

json::value number_or_null(double value) {
  return std::isfinite(value) ? json::value(value) : json::value(nullptr);
}

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string names_of(std::vector<const stats::ColumnDrift*> drifted) {
  // The largest effect first; equal ones in the order of the query.
  std::stable_sort(drifted.begin(), drifted.end(), [](const auto* a, const auto* b) { return a->effect > b->effect; });
  std::string out;
  for (std::size_t i = 0; i < std::min(drifted.size(), kColumnsNamed); ++i) {
    out += (i == 0 ? "" : ", ") + drifted[i]->column + " (distance " +
           format_number(std::round(drifted[i]->effect * 1e3) / 1e3) + ")";
  }
  if (drifted.size() > kColumnsNamed) out += " and " + std::to_string(drifted.size() - kColumnsNamed) + " more";
  return out;
}

// How far along a condition is that has not held for long enough.
std::string waiting(const settings::Patience& patience, const State& state, TimePoint now) {
  std::string out;
  if (state.holds_checks < patience.checks) {
    out = "check " + std::to_string(state.holds_checks) + " of " + std::to_string(patience.checks);
  }
  const Duration held = now - state.holds_since.value_or(now);
  if (held < patience.hold) {
    out += (out.empty() ? "" : ", ") + std::string("held for ") + format_duration(held) + " of " +
           format_duration(patience.hold);
  }
  return out;
}

}  // namespace

Finding find(const settings::NewRowsTrigger& rule, const NewRowsObservation& seen) {
  Finding finding;
  finding.evidence = {{"rows", seen.rows}, {"threshold", rule.rows}};
  if (seen.rows >= rule.rows) {
    finding.holds = Holds::yes;
    finding.sentence = counted(seen.rows, "new labelled row") + ", and " + std::to_string(rule.rows) + " are enough";
  }
  return finding;
}

Finding find(const settings::DriftTrigger& rule, const DriftObservation& seen, const ModelContext& context) {
  Finding finding;
  json::array columns;
  std::vector<const stats::ColumnDrift*> drifted;
  std::uint64_t judged = 0;
  for (const stats::ColumnDrift& column : seen.columns) {
    if (column.verdict != stats::ColumnVerdict::insufficient_data) ++judged;
    if (column.verdict != stats::ColumnVerdict::drifted) continue;
    drifted.push_back(&column);
    columns.push_back(json::object{{"column", column.column},
                                   {"effect", number_or_null(column.effect)},
                                   {"threshold", number_or_null(column.threshold)},
                                   {"p_value", number_or_null(column.p_value)},
                                   {"sentence", column.sentence}});
  }
  finding.evidence = {{"rows", seen.rows},
                      {"columns", seen.columns.size()},
                      {"judged", judged},
                      {"min_effect", rule.min_effect},
                      {"drifted", std::move(columns)}};
  if (!context.has_production || seen.columns.empty()) {
    finding.holds = Holds::cannot_tell;
    finding.cause = "no_production";
    finding.sentence = "there is no production model to compare with";
  } else if (judged == 0) {
    finding.holds = Holds::cannot_tell;
    finding.cause = "rows";
    finding.sentence =
        "none of " + counted(seen.columns.size(), "column") + " could be judged on " + counted(seen.rows, "row");
    if (!seen.columns.front().sentence.empty()) {
      finding.sentence += "; " + seen.columns.front().column + ": " + seen.columns.front().sentence;
    }
  } else if (!drifted.empty()) {
    finding.holds = Holds::yes;
    finding.sentence = "drift in " + std::to_string(drifted.size()) + " of " + counted(judged, "column") + " over " +
                       counted(seen.rows, "row") + ": " + names_of(drifted);
  }
  return finding;
}

Finding find(const PipelineObservation& seen) {
  Finding finding;
  finding.evidence = {{"pipeline_sha256", seen.pipeline_sha256},
                      {"judged_sha256", seen.judged_sha256 ? json::value(*seen.judged_sha256) : json::value(nullptr)}};
  if (seen.judged_sha256 == seen.pipeline_sha256) return finding;
  finding.holds = Holds::yes;
  const auto brief = [](const std::string& sha256) { return sha256.substr(0, 12); };
  finding.sentence = seen.judged_sha256
                         ? "the pipeline changed from " + brief(*seen.judged_sha256) + " to " +
                               brief(seen.pipeline_sha256) + " and has not been judged yet"
                         : "the pipeline " + brief(seen.pipeline_sha256) + " is the first and has not been judged yet";
  return finding;
}

Outcome follow_condition(const settings::Trigger& trigger, const Finding& finding, const settings::Patience& patience,
                         const State& before, const ModelContext& context, TimePoint now) {
  Outcome outcome;
  State& state = outcome.state;
  json::object evidence = finding.evidence;

  const auto add = [&](FiringDecision decision, const std::string& reason) {
    outcome.decisions.push_back({decision, reason, settings::canonical_text(evidence), std::nullopt});
  };
  // Lasting decisions of one kind and cause are one line of history.
  const auto add_once = [&](FiringDecision decision, const std::string& cause, const std::string& reason) {
    state.last_recorded = std::string(to_text(decision)) + ":" + cause;
    if (state.last_recorded != before.last_recorded) add(decision, reason);
  };

  if (finding.holds == Holds::no) return outcome;  // State{}: inactive, and a quiet evaluation
  if (finding.holds == Holds::cannot_tell) {
    // A check that could not be made does not continue a row of checks that held: they were to be consecutive.
    evidence["cause"] = finding.cause;
    add_once(FiringDecision::insufficient_data, finding.cause, finding.sentence);
    return outcome;
  }

  state.holds_since = before.holds_since.value_or(now);
  state.holds_checks = std::min(before.holds_checks, std::numeric_limits<int>::max() - 1) + 1;
  evidence["holds_since"] = format_instant(*state.holds_since);
  evidence["holds_checks"] = state.holds_checks;
  // Once it was about to fire, only a break of the condition makes it wait again.
  const bool held = before.phase == TriggerPhase::firing ||
                    (state.holds_checks >= patience.checks && now - *state.holds_since >= patience.hold);
  if (!held) {
    state.phase = TriggerPhase::pending;
    if (before.phase == TriggerPhase::inactive) {
      state.last_recorded = "pending:hold";
      add(FiringDecision::pending, finding.sentence + "; " + waiting(patience, state, now));
    }
    return outcome;
  }
  if (const auto bar = find_bar(trigger, context, now)) {
    state.phase = TriggerPhase::firing;
    evidence["cause"] = bar->cause;
    add_once(FiringDecision::suppressed, bar->cause, finding.sentence + "; " + bar->sentence);
    return outcome;
  }
  std::string reason = finding.sentence;
  if (patience.checks > 1 || patience.hold > Duration::zero()) {
    reason += "; held for " + counted(static_cast<std::uint64_t>(state.holds_checks), "check") + " since " +
              format_instant(*state.holds_since);
  }
  add(FiringDecision::fired, reason);
  state = State{};
  return outcome;
}

}  // namespace retraind::trigger
