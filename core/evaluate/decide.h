#pragma once
// From measurements to a verdict, with every number that decided. Runs in the daemon, on the figures a worker measured,
// so that no worker can promote by itself. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/vocabulary.h"
#include "core/evaluate/compare.h"
#include "core/evaluate/facts.h"
#include "core/settings/settings.h"

namespace retraind::evaluate {

// One condition on the candidate and how it went; a row of retraind.gate_result.
struct GateResult {
  std::string gate;  // "holdout_rows", "clusters", "difference", "anchor", "predictions", … or a configured name
  // Of a gate that has slices: "region=north" of a level, "region" of the row that decides, which is also the one that
  // says whether a level that could not be judged matters. Empty: all rows.
  std::string slice;
  std::string metric;
  std::optional<double> observed;
  std::optional<double> ci_low;
  std::optional<double> ci_high;
  std::optional<double> threshold;
  GateOutcome outcome = GateOutcome::undecided;
  std::string sentence;

  bool passed() const { return outcome == GateOutcome::passed; }
};

// What stands around the comparison.
struct Circumstances {
  std::uint64_t holdout_reuse = 0;  // earlier candidates judged on some of the same rows against the same production
  std::optional<int> production;    // the version in production; absent for a first model
  std::optional<int> stand_in;      // the version that was the opponent instead of it
  std::string production_fault;     // why production could not be loaded; empty: it was
  std::optional<int> anchor;        // the best version so far, where it is another than production
  std::string anchor_fault;         // why that one could not be loaded
  std::optional<RefitFacts> refit;  // of the refit, once the candidate has won; absent: none, or none yet
  bool judged_again = false;        // the registry holds the candidate, bit for bit, from when it won before
};

struct Decision {
  Verdict verdict = Verdict::inconclusive;
  std::string reason;  // one sentence with the values
  std::vector<GateResult> gates;
  // Inconclusive only because the rows did not settle the difference, all other gates passed: more rows can.
  bool more_rows_can_settle = false;
  // Promote, but a person must say so whatever promotion mode is configured: production could not be loaded, and
  // broken_production is wait.
  bool needs_a_person = false;
  // The candidate is surely better than the best version so far, or there is none: it becomes the anchor.
  bool becomes_anchor = false;
};

// attempts: how many candidates were judged against this production version before (0 for the first); a shadow is an
// attempt of its own. The level is spent over attempts: alpha_k = 6 alpha / (pi^2 k^2) with k = attempts + 1,
// alpha = 1 - confidence, so that however often one tries, the chance of ever promoting a candidate that is no better
// stays at or below alpha. Without validation.spend_alpha every attempt has the configured confidence.
double spent_confidence(const settings::Validation& validation, std::uint64_t attempts);

// superior: promote when the lower bound is above the margin; reject when the upper bound is below the margin.
// non_inferior: promote when the lower bound is above minus the margin, against production and against the anchor
// (there with anchor_margin); reject when an upper bound is below it. Otherwise inconclusive. Too few rows, no
// interval, or fewer than two clusters: inconclusive, saying so. Against the baseline the rule is always superior with
// margin 0. Any gate that failed rejects; any that is undecided makes a promotion inconclusive. No gate passes because
// its input was missing.
//
// Configured gates: `above` and `below` pass where the whole interval meets them and fail where none of it does;
// `max_drop` likewise, of the difference. `max_gain` passes where the estimate is no larger, fails where the whole
// interval is, and passes for a first model, which should be far better than none. Slices fail where Holm's p-value of
// a level is at or below 1 - confidence, and are undecided where no level could be judged. On too few rows, what is
// measured on them holds nothing against the candidate.
Decision decide(const Comparison& comparison, const CandidateFacts& facts, const Circumstances& circumstances,
                const settings::Validation& validation);

}  // namespace retraind::evaluate
