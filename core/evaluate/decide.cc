#include "core/evaluate/decide.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "core/evaluate/wording.h"

namespace retraind::evaluate {
namespace {

constexpr std::size_t kFewClusters = 20;
constexpr double kNotableInflation = 1.5;
// Both values and their difference come from sums of the same rows; they agree but for rounding.
constexpr double kRounding = 1e-6;

std::string counted(std::size_t count, const char* one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

const char* name_of(Opponent opponent) {
  return opponent == Opponent::production ? "production" : "the baseline";
}

// The lower bound that promotes and the margin it came from.
struct Bar {
  double margin = 0;
  double threshold = 0;
};

Bar bar_for(const Comparison& comparison, const settings::Validation& validation) {
  if (comparison.opponent == Opponent::baseline) return {};
  const double margin = validation.margin;
  return {margin, validation.rule == Rule::superior || margin == 0 ? margin : -margin};
}

// Why the measured difference cannot decide; empty when it can. The figures come from another process: whatever is
// missing, not a number or at odds with itself must never look like a pass.
std::string why_unusable(const Comparison& comparison, const settings::Validation& validation) {
  if (comparison.metric != validation.metric) {
    return "measured by " + std::string(to_text(comparison.metric)) + ", but the configuration decides by " +
           std::string(to_text(validation.metric));
  }
  if (!comparison.difference) {
    return comparison.why_no_interval.empty() ? "no interval was measured" : comparison.why_no_interval;
  }
  const stats::Interval& interval = *comparison.difference;
  if (!std::isfinite(interval.estimate) || !std::isfinite(interval.low) || !std::isfinite(interval.high)) {
    return "the interval holds a value that is not a finite number";
  }
  if (interval.low > interval.high) return "the interval's lower bound is above its upper bound";
  const auto& a = comparison.candidate_value;
  const auto& b = comparison.opponent_value;
  if (!a || !b || !std::isfinite(*a) || !std::isfinite(*b)) {
    return "the " + std::string(to_text(comparison.metric)) + " of one of the two is not a finite number";
  }
  const double apart = higher_is_better(comparison.metric) ? *a - *b : *b - *a;
  if (!(std::fabs(apart - interval.estimate) <= kRounding * std::max(std::fabs(*a), std::fabs(*b)))) {
    return "the interval is about a difference of " + spell_apart(interval.estimate, apart) +
           ", but the two values differ by " + spell_apart(apart, interval.estimate);
  }
  // A spent level is never below the configured one; zero means that nobody recorded it.
  if (comparison.confidence != 0 && !(comparison.confidence > validation.confidence - 1e-12)) {
    return "the interval has " + spell_confidence(comparison.confidence) + " confidence, less than the configured " +
           spell_confidence(validation.confidence);
  }
  return {};
}

GateResult judge_rows(const Comparison& comparison, const settings::Validation& validation) {
  GateResult gate;
  gate.gate = "holdout_rows";
  gate.observed = static_cast<double>(comparison.rows);
  gate.threshold = static_cast<double>(validation.min_holdout_rows);
  gate.passed = comparison.rows >= validation.min_holdout_rows;
  gate.sentence = counted(comparison.rows, "fresh labelled row") +
                  (gate.passed ? ", at least " : ", too few: at least ") + std::to_string(validation.min_holdout_rows) +
                  " needed";
  return gate;
}

GateResult judge_clusters(const Comparison& comparison) {
  GateResult gate;
  gate.gate = "clusters";
  gate.threshold = 2;
  if (!comparison.difference) {
    gate.sentence = comparison.why_no_interval.empty() ? "no interval was measured" : comparison.why_no_interval;
    return gate;
  }
  const stats::Interval& interval = *comparison.difference;
  gate.observed = static_cast<double>(interval.clusters);
  gate.passed = interval.clusters >= 2;
  gate.sentence = counted(interval.clusters, "cluster");
  if (!gate.passed) {
    gate.sentence += ", too few: an interval needs at least 2";
  } else if (interval.clusters < kFewClusters) {
    gate.sentence += ", fewer than 20 clusters: the interval is wide on purpose";
  }
  if (interval.inflation > kNotableInflation && std::isfinite(interval.inflation)) {
    gate.sentence += "; rows of a cluster go together, so that the standard error is " +
                     spell_value(std::round(interval.inflation * 10) / 10) + " times that of independent rows";
  }
  return gate;
}

// "0.008 better", "0.003 worse", "no better".
std::string spell_bound(double bound, double threshold) {
  if (bound == 0) return "no better";
  return bound > 0 ? spell_apart(bound, threshold) + " better" : spell_apart(-bound, -threshold) + " worse";
}

std::string describe(const Comparison& comparison, const Bar& bar, double confidence, Verdict verdict) {
  const stats::Interval& interval = *comparison.difference;
  const std::string metric(to_text(comparison.metric));
  const std::string opponent = name_of(comparison.opponent);
  const std::string sure = spell_confidence(confidence) + " confidence";
  const std::string facts = ", margin " + spell_value(bar.margin) + ": " +
                            spell_apart(*comparison.candidate_value, *comparison.opponent_value) + " against " +
                            spell_apart(*comparison.opponent_value, *comparison.candidate_value) + " on " +
                            counted(comparison.rows, "row");

  if (interval.estimate == 0 && interval.low == 0 && interval.high == 0) {
    return "candidate and " + opponent + " predict the same as far as " + metric + " can tell" + facts;
  }
  std::string out = "candidate is ";
  if (interval.estimate == 0) {
    out += "as good as " + opponent + " in " + metric;
  } else {
    out += interval.estimate > 0 ? "better than " : "worse than ";
    out += opponent + " by " + spell_value(std::fabs(interval.estimate)) + " " + metric;
  }
  switch (verdict) {
    case Verdict::promote:
      out += interval.low > 0 ? " (at least " + spell_apart(interval.low, bar.threshold)
                              : " (at worst " + spell_bound(interval.low, bar.threshold);
      return out + " with " + sure + ")" + facts;
    case Verdict::reject:
      out += interval.high < 0 ? " (at least " + spell_apart(-interval.high, -bar.threshold)
                               : " (at best " + spell_bound(interval.high, bar.threshold);
      return out + " with " + sure + ")" + facts;
    case Verdict::inconclusive:
      break;
  }
  return out + " (between " + spell_bound(interval.low, bar.threshold) + " and " +
         spell_bound(interval.high, bar.threshold) + ", each bound with " + sure + ")" + facts +
         ", which does not settle it";
}

}  // namespace

double spent_confidence(double confidence, std::uint64_t attempts) {
  if (!(confidence > 0 && confidence < 1)) throw std::logic_error("a confidence outside (0, 1)");
  const double k = static_cast<double>(attempts) + 1;
  const double alpha = 6 * (1 - confidence) / (std::numbers::pi * std::numbers::pi * k * k);
  // After some ten million attempts the level would round to 1, which no interval has.
  return std::min(1 - alpha, std::nextafter(1.0, 0.0));
}

Decision decide(const Comparison& comparison, const settings::Validation& validation) {
  const Bar bar = bar_for(comparison, validation);
  const double confidence = comparison.confidence > 0 ? comparison.confidence : validation.confidence;

  GateResult difference;
  difference.gate = "difference";
  difference.metric = to_text(comparison.metric);
  difference.threshold = bar.threshold;
  Verdict verdict = Verdict::inconclusive;
  const std::string unusable = why_unusable(comparison, validation);
  if (comparison.difference) {
    const auto finite = [](double value) { return std::isfinite(value) ? std::optional(value) : std::nullopt; };
    difference.observed = finite(comparison.difference->estimate);
    difference.ci_low = finite(comparison.difference->low);
    difference.ci_high = finite(comparison.difference->high);
  }
  if (unusable.empty()) {
    difference.passed = comparison.difference->low > bar.threshold;
    if (difference.passed) {
      verdict = Verdict::promote;
    } else if (comparison.difference->high < bar.threshold) {
      verdict = Verdict::reject;
    }
    difference.sentence = describe(comparison, bar, confidence, verdict);
  } else {
    difference.sentence = unusable;
  }

  Decision decision;
  decision.gates = {judge_rows(comparison, validation), judge_clusters(comparison), std::move(difference)};

  // The first two gates say whether there is anything to judge by; only then does the difference decide.
  std::string lacking;
  for (std::size_t i = 0; i < 2; ++i) {
    if (!decision.gates[i].passed) lacking += (lacking.empty() ? "" : "; ") + decision.gates[i].sentence;
  }
  decision.verdict = lacking.empty() ? verdict : Verdict::inconclusive;
  decision.reason = lacking.empty() ? decision.gates[2].sentence : lacking;
  return decision;
}

}  // namespace retraind::evaluate
