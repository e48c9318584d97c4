#pragma once
// From measurements to a verdict, with every number that decided. Runs in the daemon, on the figures a worker measured,
// so that no worker can promote by itself. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/vocabulary.h"
#include "core/evaluate/compare.h"
#include "core/settings/settings.h"

namespace retraind::evaluate {

// One condition on the candidate and how it went; a row of retraind.gate_result.
struct GateResult {
  std::string gate;   // "holdout_rows", "clusters", "difference"
  std::string slice;  // empty: all rows
  std::string metric;
  std::optional<double> observed;
  std::optional<double> ci_low;
  std::optional<double> ci_high;
  std::optional<double> threshold;
  bool passed = false;
  std::string sentence;
};

struct Decision {
  Verdict verdict = Verdict::inconclusive;
  std::string reason;  // one sentence with the values
  std::vector<GateResult> gates;
};

// attempts: how many candidates were judged against this production version before (0 for the first). The level is
// spent over attempts: alpha_k = 6 alpha / (pi^2 k^2) with k = attempts + 1, alpha = 1 - confidence, so that however
// often one tries, the chance of ever promoting a candidate that is no better stays at or below alpha.
double spent_confidence(double confidence, std::uint64_t attempts);

// superior: promote when the lower bound is above the margin; reject when the upper bound is below the margin.
// non_inferior: promote when the lower bound is above minus the margin; reject when the upper bound is below minus the
// margin. Otherwise inconclusive. Too few rows, no interval, or fewer than two clusters: inconclusive, saying so.
// Against the baseline the rule is always superior with margin 0. No gate passes because its input was missing.
Decision decide(const Comparison& comparison, const settings::Validation& validation);

}  // namespace retraind::evaluate
