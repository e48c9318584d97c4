#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/text.h"
#include "core/evaluate/gates.h"
#include "core/evaluate/wording.h"

namespace retraind::evaluate {
namespace {

constexpr double kMostDisagreement = 0.5;
constexpr std::size_t kNamedChanges = 5;

GateResult said(GateResult gate, GateOutcome outcome, std::string sentence) {
  gate.outcome = outcome;
  gate.sentence = std::move(sentence);
  return gate;
}

std::string list(const std::vector<std::string>& changes) {
  std::string out;
  for (std::size_t i = 0; i < std::min(changes.size(), kNamedChanges); ++i) out += (i > 0 ? ", " : "") + changes[i];
  if (changes.size() > kNamedChanges) out += fmt::format(" and {} more", changes.size() - kNamedChanges);
  return out;
}

}  // namespace

GateResult judge_predictions(std::string name, const PredictionFacts& facts, std::uint64_t needed) {
  GateResult gate;
  gate.gate = std::move(name);
  gate.threshold = 0;
  if (facts.rows == 0) return said(gate, GateOutcome::undecided, "no prediction was looked at");
  gate.observed = static_cast<double>(facts.invalid + facts.out_of_range);
  if (facts.invalid > 0) {
    return said(gate, GateOutcome::failed,
                fmt::format("{} of {} no prediction: {}", facts.invalid,
                            counted(facts.rows, "row") + (facts.invalid == 1 ? " is" : " are"),
                            facts.first_invalid.empty() ? "not said which" : facts.first_invalid));
  }
  if (facts.out_of_range > 0) {
    return said(
        gate, GateOutcome::failed,
        fmt::format("{} of {} predicted further beyond the training labels, {} to {}, than these are wide",
                    facts.out_of_range, counted(facts.rows, "row"), spell_apart(facts.label_low, facts.label_high),
                    spell_apart(facts.label_high, facts.label_low)));
  }
  if (facts.constant) {
    return said(gate, GateOutcome::failed,
                fmt::format("the model says the same for each of {}", counted(facts.rows, "row")));
  }
  if (facts.rows < needed) {
    return said(gate, GateOutcome::undecided,
                fmt::format("only {} of {} were looked at", facts.rows, counted(needed, "row")));
  }
  return said(gate, GateOutcome::passed,
              fmt::format("the predictions of all {} make sense", counted(facts.rows, "row")));
}

GateResult judge_package(std::string name, const CandidateFacts& facts, bool judged_again) {
  GateResult gate;
  gate.gate = std::move(name);
  gate.threshold = 0;
  if (judged_again && facts.package_compared == 0) {
    return said(gate, GateOutcome::passed,
                "the very package that predicted the same as the trained model when it was judged before");
  }
  if (facts.package_compared == 0) {
    return said(gate, GateOutcome::undecided, "the packaged model was compared with the trained one on no row");
  }
  gate.observed = static_cast<double>(facts.package_differs);
  if (facts.package_differs > 0) {
    return said(gate, GateOutcome::failed,
                fmt::format("the packaged model does not predict what the trained one does on {} of {}",
                            facts.package_differs, counted(facts.package_compared, "row")));
  }
  return said(gate, GateOutcome::passed,
              fmt::format("the packaged model predicts the same as the trained one on all {}",
                          counted(facts.package_compared, "row")));
}

GateResult judge_schema(const CandidateFacts& facts, const Circumstances& circumstances,
                        const settings::Validation& validation) {
  GateResult gate;
  gate.gate = "schema";
  gate.threshold = 0;
  const bool same = validation.schema == SchemaRule::same;
  if (!circumstances.production) {
    return said(gate, GateOutcome::passed, "no version is in production whose features could change");
  }
  const bool loaded = circumstances.production_fault.empty();
  if (!loaded && !circumstances.stand_in) {
    return said(gate, same ? GateOutcome::undecided : GateOutcome::passed,
                fmt::format("the features of {} are not known, because no version loads{}",
                            spell_version(*circumstances.production), same ? "" : "; any are let pass"));
  }
  const std::string other = spell_version(loaded ? *circumstances.production : *circumstances.stand_in);
  gate.observed = static_cast<double>(facts.schema_changes.size());
  if (facts.schema_changes.empty()) {
    return said(gate, GateOutcome::passed, fmt::format("the same features as {}", other));
  }
  const std::string changes = fmt::format("against {} the candidate {}", other, list(facts.schema_changes));
  if (same) {
    return said(gate, GateOutcome::failed, changes + ", and validation.schema asks for the same features");
  }
  return said(gate, GateOutcome::passed, changes + "; who serves it must hand over what it asks for");
}

GateResult judge_reuse(const Circumstances& circumstances, const settings::Validation& validation) {
  GateResult gate;
  gate.gate = "holdout_reuse";
  gate.observed = static_cast<double>(circumstances.holdout_reuse);
  const std::string earlier =
      circumstances.holdout_reuse == 0
          ? "no earlier candidate was judged on any of these rows"
          : fmt::format("{} judged on some of these rows",
                        circumstances.holdout_reuse == 1
                            ? std::string("1 earlier candidate was")
                            : fmt::format("{} earlier candidates were", circumstances.holdout_reuse));
  if (!validation.max_holdout_reuse) return said(gate, GateOutcome::passed, earlier);
  gate.threshold = static_cast<double>(*validation.max_holdout_reuse);
  if (circumstances.holdout_reuse > *validation.max_holdout_reuse) {
    return said(gate, GateOutcome::undecided,
                fmt::format("{}, more than {}: fresh rows are needed", earlier, *validation.max_holdout_reuse));
  }
  return said(gate, GateOutcome::passed, fmt::format("{}, at most {} may be", earlier, *validation.max_holdout_reuse));
}

GateResult judge_artifact_size(const CandidateFacts& facts, const Circumstances& circumstances,
                               std::uint64_t max_bytes) {
  GateResult gate;
  gate.gate = "artifact_size";
  gate.threshold = static_cast<double>(max_bytes);
  std::uint64_t bytes = facts.artifact_bytes;
  bool known = bytes > 0;
  if (circumstances.refit) {
    // Whichever is released must fit.
    known = known && circumstances.refit->candidate.artifact_bytes > 0;
    bytes = std::max(bytes, circumstances.refit->candidate.artifact_bytes);
  }
  if (!known) return said(gate, GateOutcome::undecided, "the artifact's size was not measured");
  gate.observed = static_cast<double>(bytes);
  const bool fits = bytes <= max_bytes;
  return said(gate, fits ? GateOutcome::passed : GateOutcome::failed,
              fmt::format("the artifact has {} ({} bytes), {} {}", format_bytes(bytes), bytes,
                          fits ? "at most" : "more than", format_bytes(max_bytes)));
}

GateResult judge_scoring_time(const CandidateFacts& facts, double max_seconds) {
  GateResult gate;
  gate.gate = "scoring_time";
  gate.threshold = max_seconds;
  const double seconds = facts.seconds_per_thousand;
  if (!std::isfinite(seconds) || seconds <= 0) {
    return said(gate, GateOutcome::undecided, "the scoring time was not measured");
  }
  gate.observed = seconds;
  const bool fits = seconds <= max_seconds;
  return said(gate, fits ? GateOutcome::passed : GateOutcome::failed,
              fmt::format("1000 rows are scored in {} s, {} {} s", spell_apart(seconds, max_seconds),
                          fits ? "at most" : "more than", spell_apart(max_seconds, seconds)));
}

GateResult judge_agreement(const RefitFacts& refit) {
  GateResult gate;
  gate.gate = "refit_agreement";
  gate.threshold = kMostDisagreement;
  if (!(refit.disagreement >= 0 && refit.disagreement <= 1)) {
    return said(gate, GateOutcome::undecided, "how far the refit agrees with the judged candidate was not measured");
  }
  gate.observed = refit.disagreement;
  const bool alike = refit.disagreement <= kMostDisagreement;
  return said(gate, alike ? GateOutcome::passed : GateOutcome::failed,
              fmt::format("the refit disagrees with the candidate that was judged on {} % of the rows, {} {} %",
                          spell_value(100 * refit.disagreement), alike ? "at most" : "more than",
                          spell_value(100 * kMostDisagreement)));
}

}  // namespace retraind::evaluate
