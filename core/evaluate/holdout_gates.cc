#include <fmt/format.h>

#include <cmath>

#include "core/evaluate/gates.h"
#include "core/evaluate/wording.h"

namespace retraind::evaluate {
namespace {

constexpr std::size_t kFewClusters = 20;
constexpr double kNotableInflation = 1.5;

GateResult undecided(GateResult gate, std::string sentence) {
  gate.outcome = GateOutcome::undecided;
  gate.sentence = std::move(sentence);
  return gate;
}

}  // namespace

std::string counted(std::uint64_t count, const char* one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

std::string spell_version(int version) {
  return fmt::format("version {}", version);
}

std::string why_unusable(const stats::Interval& interval) {
  if (!std::isfinite(interval.estimate) || !std::isfinite(interval.low) || !std::isfinite(interval.high)) {
    return "the interval holds a value that is not a finite number";
  }
  if (interval.low > interval.high) return "the interval's lower bound is above its upper bound";
  return {};
}

void record(GateResult& gate, const stats::Interval& interval) {
  const auto finite = [](double value) { return std::isfinite(value) ? std::optional(value) : std::nullopt; };
  gate.observed = finite(interval.estimate);
  gate.ci_low = finite(interval.low);
  gate.ci_high = finite(interval.high);
}

GateResult judge_rows(const Comparison& comparison, const settings::Validation& validation) {
  GateResult gate;
  gate.gate = "holdout_rows";
  gate.observed = static_cast<double>(comparison.rows);
  gate.threshold = static_cast<double>(validation.min_holdout_rows);
  const bool enough = comparison.rows > 0 && comparison.rows >= validation.min_holdout_rows;
  gate.outcome = enough ? GateOutcome::passed : GateOutcome::undecided;
  gate.sentence = fmt::format("{}{}{} needed", counted(comparison.rows, "fresh labelled row"),
                              enough ? ", at least " : ", too few: at least ", validation.min_holdout_rows);
  return gate;
}

GateResult judge_clusters(const Comparison& comparison) {
  GateResult gate;
  gate.gate = "clusters";
  gate.threshold = 2;
  if (!comparison.difference) {
    return undecided(gate,
                     comparison.why_no_interval.empty() ? "no interval was measured" : comparison.why_no_interval);
  }
  const stats::Interval& interval = *comparison.difference;
  gate.observed = static_cast<double>(interval.clusters);
  gate.outcome = interval.clusters >= 2 ? GateOutcome::passed : GateOutcome::undecided;
  gate.sentence = counted(interval.clusters, "cluster");
  if (!gate.passed()) {
    gate.sentence += ", too few: an interval needs at least 2";
  } else if (interval.clusters < kFewClusters) {
    gate.sentence += ", fewer than 20 clusters: the interval is wide on purpose";
  }
  if (interval.inflation > kNotableInflation && std::isfinite(interval.inflation)) {
    gate.sentence +=
        fmt::format("; rows of a cluster go together, so that the standard error is {} times that of independent rows",
                    spell_value(std::round(interval.inflation * 10) / 10));
  }
  return gate;
}

OpponentJudged judge_opponent(const Comparison& comparison, const Circumstances& circumstances,
                              const settings::Validation& validation) {
  OpponentJudged out;
  out.gate.gate = "opponent";
  const bool against_baseline = comparison.opponent == Opponent::baseline;
  const auto contradiction = [&](std::string sentence) {
    out.gate = undecided(out.gate, std::move(sentence));
    return out;
  };

  if (!circumstances.production) {
    if (!against_baseline) return contradiction("judged against production, but no version is in production");
    if (circumstances.stand_in) {
      return contradiction(
          fmt::format("{} stands in, but no version is in production", spell_version(*circumstances.stand_in)));
    }
    out.gate.outcome = GateOutcome::passed;
    out.gate.sentence = "no version is in production: the candidate had to beat the trivial baseline";
    return out;
  }

  const std::string production = spell_version(*circumstances.production);
  if (circumstances.production_fault.empty()) {
    if (against_baseline) {
      return contradiction(
          fmt::format("{} is in production, but the candidate was judged against the baseline", production));
    }
    if (circumstances.stand_in) {
      return contradiction(
          fmt::format("{} stood in for {}, and nothing says why", spell_version(*circumstances.stand_in), production));
    }
    out.is_production = true;
    out.gate.outcome = GateOutcome::passed;
    out.gate.sentence = fmt::format("{} is in production and was scored on the same rows", production);
    return out;
  }

  const std::string broken =
      fmt::format("{} is in production and could not be loaded ({})", production, circumstances.production_fault);
  if (!circumstances.stand_in) {
    if (!against_baseline) return contradiction(broken + ", and no version stands in for it");
    // Nothing that was ever promoted can be compared with: nobody but a person can answer for that.
    out.needs_a_person = true;
    out.gate.outcome = GateOutcome::passed;
    out.gate.sentence =
        broken + ", nor could any other version: judged against the trivial baseline, and a person must approve";
    return out;
  }
  if (against_baseline || *circumstances.stand_in == *circumstances.production) {
    return contradiction(fmt::format("{}; {} stands in for it, but was not what the candidate was judged against",
                                     broken, spell_version(*circumstances.stand_in)));
  }
  out.needs_a_person = validation.broken_production == BrokenProduction::wait;
  out.gate.outcome = GateOutcome::passed;
  out.gate.sentence = fmt::format("{}; {}, the best that still loads, stands in for it{}", broken,
                                  spell_version(*circumstances.stand_in),
                                  out.needs_a_person ? ", and a person must approve (broken_production = wait)"
                                                     : " (broken_production = stand_in)");
  return out;
}

}  // namespace retraind::evaluate
