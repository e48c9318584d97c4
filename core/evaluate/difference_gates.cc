#include <fmt/format.h>

#include <cmath>

#include "core/evaluate/gates.h"
#include "core/evaluate/wording.h"

namespace retraind::evaluate {
namespace {

// Both values and their difference come from sums of the same rows; they agree but for rounding.
constexpr double kRounding = 1e-6;

// The bar of the lower bound, and the margin it came from.
struct Bar {
  double margin = 0;
  double threshold = 0;
};

Bar bar_for(const Comparison& comparison, const settings::Validation& validation) {
  if (comparison.opponent == Opponent::baseline) return {};
  const double margin = validation.margin;
  return {margin, validation.rule == Rule::superior || margin == 0 ? margin : -margin};
}

Bar anchor_bar(const settings::Validation& validation) {
  const double margin = validation.anchor_margin.value_or(validation.margin);
  return {margin, margin == 0 ? 0 : -margin};
}

// What is said about one interval.
struct Said {
  const stats::Interval& interval;
  std::string metric;
  std::string other;  // "production", "version 3, the best so far,"
  double ours = 0;
  double theirs = 0;
  std::uint64_t rows = 0;
  double confidence = 0;
  Bar bar;
};

GateOutcome outcome_of(const stats::Interval& interval, const Bar& bar) {
  if (interval.low > bar.threshold) return GateOutcome::passed;
  return interval.high < bar.threshold ? GateOutcome::failed : GateOutcome::undecided;
}

std::string describe(const Said& said, GateOutcome outcome) {
  const stats::Interval& interval = said.interval;
  const std::string sure = spell_confidence(said.confidence) + " confidence";
  const std::string facts =
      fmt::format(", margin {}: {} against {} on {}", spell_value(said.bar.margin), spell_apart(said.ours, said.theirs),
                  spell_apart(said.theirs, said.ours), counted(said.rows, "row"));
  const double threshold = said.bar.threshold;
  if (interval.estimate == 0 && (interval.standard_error == 0 || interval.low == interval.high)) {
    return fmt::format("candidate and {} predict the same as far as {} can tell{}", said.other, said.metric, facts);
  }
  std::string out = "candidate is ";
  if (interval.estimate == 0) {
    out += fmt::format("as good as {} in {}", said.other, said.metric);
  } else {
    out += fmt::format("{} {} by {} {}", interval.estimate > 0 ? "better than" : "worse than", said.other,
                       spell_value(std::fabs(interval.estimate)), said.metric);
  }
  switch (outcome) {
    case GateOutcome::passed:
      out += interval.low > 0 ? " (at least " + spell_apart(interval.low, threshold)
                              : " (at worst " + spell_bound(interval.low, threshold);
      return out + " with " + sure + ")" + facts;
    case GateOutcome::failed:
      out += interval.high < 0 ? " (at least " + spell_apart(-interval.high, -threshold)
                               : " (at best " + spell_bound(interval.high, threshold);
      return out + " with " + sure + ")" + facts;
    case GateOutcome::undecided:
      break;
  }
  return fmt::format("{} (between {} and {}, each bound with {}){}, which does not settle it", out,
                     spell_bound(interval.low, threshold), spell_bound(interval.high, threshold), sure, facts);
}

// Why two values and the interval of their difference cannot decide; empty when they can. The figures come from another
// process: whatever is missing, not a number or at odds with itself must never look like a pass.
std::string why_at_odds(const Comparison& comparison, const settings::Validation& validation,
                        const stats::Interval& interval, const std::optional<double>& theirs) {
  if (comparison.metric != validation.metric) {
    return fmt::format("measured by {}, but the configuration decides by {}", to_text(comparison.metric),
                       to_text(validation.metric));
  }
  const std::string unusable = why_unusable(interval);
  if (!unusable.empty()) return unusable;
  const auto& ours = comparison.candidate_value;
  if (!ours || !theirs || !std::isfinite(*ours) || !std::isfinite(*theirs)) {
    return fmt::format("the {} of one of the two is not a finite number", to_text(comparison.metric));
  }
  const double apart = higher_is_better(comparison.metric) ? *ours - *theirs : *theirs - *ours;
  if (!(std::fabs(apart - interval.estimate) <= kRounding * std::max(std::fabs(*ours), std::fabs(*theirs)))) {
    return fmt::format("the interval is about a difference of {}, but the two values differ by {}",
                       spell_apart(interval.estimate, apart), spell_apart(apart, interval.estimate));
  }
  // A spent level is never below the configured one; zero means that nobody recorded it.
  if (comparison.confidence != 0 && !(comparison.confidence > validation.confidence - 1e-12)) {
    return fmt::format("the interval has {} confidence, less than the configured {}",
                       spell_confidence(comparison.confidence), spell_confidence(validation.confidence));
  }
  return {};
}

double confidence_of(const Comparison& comparison, const settings::Validation& validation) {
  return comparison.confidence > 0 ? comparison.confidence : validation.confidence;
}

std::string name_opponent(const Comparison& comparison, const Circumstances& circumstances) {
  if (comparison.opponent == Opponent::baseline) return "the baseline";
  if (!circumstances.stand_in) return "production";
  return fmt::format("{}, which stands in for production,", spell_version(*circumstances.stand_in));
}

void judge_by(GateResult& gate, const Comparison& comparison, const settings::Validation& validation,
              const stats::Interval& interval, const std::optional<double>& theirs, const std::string& other,
              const Bar& bar) {
  record(gate, interval);
  const std::string odds = why_at_odds(comparison, validation, interval, theirs);
  if (!odds.empty()) {
    gate.sentence = odds;
    return;
  }
  gate.outcome = outcome_of(interval, bar);
  gate.sentence = describe({.interval = interval,
                            .metric = std::string(to_text(comparison.metric)),
                            .other = other,
                            .ours = *comparison.candidate_value,
                            .theirs = *theirs,
                            .rows = comparison.rows,
                            .confidence = confidence_of(comparison, validation),
                            .bar = bar},
                           gate.outcome);
}

}  // namespace

DifferenceJudged judge_difference(const Comparison& comparison, const Circumstances& circumstances,
                                  const settings::Validation& validation) {
  DifferenceJudged out;
  const Bar bar = bar_for(comparison, validation);
  GateResult& gate = out.gate;
  gate.gate = "difference";
  gate.metric = to_text(comparison.metric);
  gate.threshold = bar.threshold;
  if (!comparison.difference) {
    gate.sentence = comparison.why_no_interval.empty() ? "no interval was measured" : comparison.why_no_interval;
    // Both were measured by something: it is the rows that have one class, or one cluster, only.
    out.more_rows_can_settle = comparison.metric == validation.metric && !comparison.candidate_metrics.empty() &&
                               !comparison.opponent_metrics.empty();
    return out;
  }
  const stats::Interval& interval = *comparison.difference;
  judge_by(gate, comparison, validation, interval, comparison.opponent_value, name_opponent(comparison, circumstances),
           bar);
  // Of two models that never differ more rows say no more.
  out.more_rows_can_settle =
      why_at_odds(comparison, validation, interval, comparison.opponent_value).empty() && interval.low < interval.high;
  return out;
}

std::optional<AnchorJudged> judge_anchor(const Comparison& comparison, const Circumstances& circumstances,
                                         const settings::Validation& validation, bool needs_a_person) {
  if (validation.rule != Rule::non_inferior || !circumstances.production) return std::nullopt;
  AnchorJudged out;
  const Bar bar = anchor_bar(validation);
  GateResult& gate = out.gate;
  gate.gate = "anchor";
  gate.metric = to_text(comparison.metric);
  gate.threshold = bar.threshold;

  if (!circumstances.anchor_fault.empty() || comparison.opponent == Opponent::baseline) {
    const std::string best = circumstances.anchor ? spell_version(*circumstances.anchor) : "the best version so far";
    const std::string why = circumstances.anchor_fault.empty() ? "no version loads" : circumstances.anchor_fault;
    out.needs_a_person = needs_a_person || validation.broken_production == BrokenProduction::wait;
    gate.outcome = GateOutcome::passed;
    gate.sentence = fmt::format("{} could not be loaded ({}): judged by {} alone{}", best, why,
                                comparison.opponent == Opponent::baseline ? "the trivial baseline"
                                : circumstances.stand_in                  ? spell_version(*circumstances.stand_in)
                                                                          : std::string("production"),
                                needs_a_person       ? ", and a person must approve"
                                : out.needs_a_person ? ", and a person must approve (broken_production = wait)"
                                                     : " (broken_production = stand_in)");
    return out;
  }

  const bool stood_in = circumstances.anchor && circumstances.stand_in == circumstances.anchor;
  if (!circumstances.anchor || stood_in) {
    if (!comparison.difference) {
      gate.sentence = comparison.why_no_interval.empty() ? "no interval was measured" : comparison.why_no_interval;
    } else {
      judge_by(gate, comparison, validation, *comparison.difference, comparison.opponent_value,
               name_opponent(comparison, circumstances), bar);
    }
    const std::string best =
        stood_in ? spell_version(*circumstances.anchor)
        : circumstances.stand_in
            ? fmt::format("production does not load, and {}", spell_version(*circumstances.stand_in))
            : fmt::format("{} in production", spell_version(*circumstances.production));
    gate.sentence = fmt::format("{} is the best {}: the difference stands for both; {}", best,
                                circumstances.stand_in && !stood_in ? "that does" : "so far", gate.sentence);
    out.follows_difference = bar.threshold <= bar_for(comparison, validation).threshold;
    return out;
  }

  const std::string best = fmt::format("{}, the best so far,", spell_version(*circumstances.anchor));
  if (!comparison.anchor_difference) {
    gate.sentence = fmt::format("no interval against {} was measured", best);
    return out;
  }
  judge_by(gate, comparison, validation, *comparison.anchor_difference, comparison.anchor_value, best, bar);
  return out;
}

bool surely_best(const Comparison& comparison, const Circumstances& circumstances) {
  if (!circumstances.production) return true;
  const bool apart = circumstances.anchor && circumstances.anchor_fault.empty() &&
                     circumstances.anchor != circumstances.stand_in && comparison.opponent == Opponent::production;
  // A best version that does not load can never again be held against anything: the next best counts.
  const std::optional<stats::Interval>& interval = apart ? comparison.anchor_difference : comparison.difference;
  return interval && why_unusable(*interval).empty() && interval->low > 0;
}

std::string spell_power(const Comparison& comparison, const settings::Validation& validation) {
  if (!comparison.detectable || !std::isfinite(*comparison.detectable)) return {};
  const std::string metric(to_text(comparison.metric));
  std::string out = fmt::format("{} show a true difference of {} {} four times in five",
                                counted(comparison.rows, "row"), spell_value(*comparison.detectable), metric);
  if (validation.detect && comparison.rows_needed) {
    out += fmt::format("; needs about {} to see {}; has {}", counted(*comparison.rows_needed, "row"),
                       spell_value(*validation.detect), comparison.rows);
  }
  return out;
}

}  // namespace retraind::evaluate
