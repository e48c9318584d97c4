#pragma once
// How far two models say the same of the same rows. Pure. For the .cc files of this module only.

#include <vector>

#include "core/data/preparation.h"

namespace retraind::pipeline {

// What a model says of rows, and who it is.
struct Said {
  const data::Preparation& preparation;
  const std::vector<double>& predictions;
};

// The share of rows on which two models disagree: by class, or for regression further apart than `spread`, that of the
// labels. 1 where there is no row, or they speak of different ones.
double disagreement(const Said& first, const Said& second, double spread);

}  // namespace retraind::pipeline
