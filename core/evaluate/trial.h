#pragma once
// Decides a shadow or a bake from the clusters of new rows that both versions were scored on, whenever there are more
// of them. Pure. The rule may be applied after every cluster: its error rate holds for all looks together
// (stats/sequential.h).

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/stats/sequential.h"

namespace retraind::evaluate {

struct TrialTerms {
  TrialKind kind = TrialKind::shadow;
  int version = 0;  // on trial
  int against = 0;
  Metric metric = Metric::log_loss;
  // shadow: the candidate must be surely better than this (the margin; minus the margin for non_inferior).
  // bake: production must not be surely worse than this (minus the tolerance).
  double bar = 0;
  double alpha = 0.05;
};

struct TrialVerdict {
  std::optional<TrialOutcome>
      outcome;         // absent: it goes on. promoted, rejected, rolled_back; expired or kept when over
  std::string reason;  // a sentence with the values, also while it goes on
  stats::SequentialDifference difference;
};
// `over`: its window has passed. Clusters in the order of time.
TrialVerdict judge_trial(const TrialTerms& terms, std::span<const stats::PairedCluster> clusters, std::uint64_t rows,
                         bool over);

}  // namespace retraind::evaluate
