#include "core/evaluate/trial.h"

#include <fmt/format.h>

#include <cmath>

#include "core/evaluate/wording.h"

namespace retraind::evaluate {
namespace {

std::string spell_estimate(const TrialTerms& terms, const stats::SequentialDifference& difference) {
  std::string out = fmt::format("{} ", to_text(terms.metric));
  if (difference.estimate == 0) {
    out += "no better";
  } else {
    out += fmt::format("{} by {}", difference.estimate > 0 ? "better" : "worse",
                       spell_value(std::fabs(difference.estimate)));
  }
  if (std::isfinite(difference.low) && std::isfinite(difference.high)) {
    return fmt::format("{} ({} to {}, valid at every look)", out, spell_apart(difference.low, difference.high),
                       spell_apart(difference.high, difference.low));
  }
  if (difference.clusters < stats::kFewestClusters) {
    return fmt::format("{} (nothing is sure with fewer than {} clusters)", out, stats::kFewestClusters);
  }
  return out + " (no bound is sure yet)";
}

// "surely better", "surely worse by more than 0.01", …
std::string spell_bar(double bar, bool above) {
  if (bar == 0) return above ? "surely better" : "surely worse";
  if (bar > 0) return fmt::format("surely {} than {} better", above ? "more" : "less", spell_value(bar));
  return fmt::format("surely {} than {} worse", above ? "less" : "more", spell_value(-bar));
}

std::string spell_counted(std::uint64_t count, const char* one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

}  // namespace

TrialVerdict judge_trial(const TrialTerms& terms, std::span<const stats::PairedCluster> clusters, std::uint64_t rows,
                         bool over) {
  TrialVerdict out;
  out.difference = stats::anytime_difference(clusters, terms.bar, terms.alpha);
  const double wanted = -std::log(terms.alpha);
  const bool above = out.difference.log_e_above >= wanted;
  const bool below = out.difference.log_e_below >= wanted;
  const bool shadow = terms.kind == TrialKind::shadow;
  const std::string bar = spell_value(terms.bar == 0 ? 0 : terms.bar);

  std::string conclusion;
  if (shadow && above) {
    out.outcome = TrialOutcome::promoted;
    conclusion = spell_bar(terms.bar, true) + ": it wins";
  } else if (shadow && below) {
    out.outcome = TrialOutcome::rejected;
    conclusion = spell_bar(terms.bar, false) + ": it loses";
  } else if (!shadow && below) {
    out.outcome = TrialOutcome::rolled_back;
    conclusion = spell_bar(terms.bar, false) + fmt::format(": back to version {}", terms.against);
  } else if (over) {
    out.outcome = shadow ? TrialOutcome::expired : TrialOutcome::kept;
    conclusion = shadow ? "its time is over, and " + bar + " is neither surely surpassed nor surely missed"
                        : "its time is over without sure harm: it stays";
  } else {
    conclusion = shadow ? "not settled yet" : "no sure harm so far";
  }
  const std::string who =
      shadow ? fmt::format("shadow version {} against production version {}", terms.version, terms.against)
             : fmt::format("production version {} against version {} before it", terms.version, terms.against);
  out.reason = fmt::format("{}: {} on {} in {}; {}", who, spell_estimate(terms, out.difference),
                           spell_counted(rows, "row"), spell_counted(clusters.size(), "cluster"), conclusion);
  return out;
}

}  // namespace retraind::evaluate
