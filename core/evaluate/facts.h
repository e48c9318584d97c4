#pragma once
// What is true of a candidate whatever it is compared with: whether its predictions make sense, whether its package
// says the same as the model that was trained, how fast and how large it is, what it asks of whoever serves it. Pure;
// measured in the worker, decided upon in the daemon (decide.h).

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/vocabulary.h"

namespace retraind::evaluate {

struct PredictionFacts {
  std::uint64_t rows = 0;
  std::uint64_t invalid = 0;       // NaN, infinite, or no probability
  std::string first_invalid;       // "row 7: NaN"
  bool constant = false;           // all rows alike, of at least two
  std::uint64_t out_of_range = 0;  // regression: further beyond the training labels than these are wide
  double label_low = 0;            // regression: smallest and largest training label
  double label_high = 0;
};
// `predictions` are shaped as stats::Scored says, `width` is 1 or the number of classes. `training_labels` matter for
// regression only.
PredictionFacts look_at_predictions(Task task, std::size_t width, std::span<const double> predictions,
                                    std::span<const float> training_labels);

// A feature as whoever serves the model must hand it over.
struct SignatureColumn {
  std::string name;
  std::string type;  // number, boolean, category
};

struct CandidateFacts {
  PredictionFacts predictions;         // of the packaged model, on the holdout
  std::uint64_t package_compared = 0;  // rows predicted by the trained and by the packaged model
  std::uint64_t package_differs = 0;   // … on which the two differ
  double seconds_per_thousand = 0;     // scoring time, of the packaged model
  std::uint64_t artifact_bytes = 0;
  std::vector<std::string> schema_changes;  // "adds \"x\"", "drops \"y\"", "\"z\" is text now": against production
};
std::vector<std::string> compare_signatures(const std::vector<SignatureColumn>& candidate,
                                            const std::vector<SignatureColumn>& production);

// A model that was trained again on all rows after it had won: nothing is left to judge it on, so it is held against
// what it was made from.
struct RefitFacts {
  CandidateFacts candidate;
  // Rows of the holdout on which the refit and the judged candidate disagree by class (classification), or further
  // apart than the spread of the labels (regression), as a share.
  double disagreement = 0;
};

}  // namespace retraind::evaluate
