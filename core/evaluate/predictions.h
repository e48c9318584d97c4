#pragma once
// What makes a row of predictions no prediction. Private to core/evaluate. Pure.

#include <span>
#include <string>

#include "core/base/vocabulary.h"

namespace retraind::evaluate {

// "NaN", "1.5, no probability", "probabilities that add up to 2"; empty when the row is sound. Shares that were written
// down with a few digits may miss 1 by a hundredth: a model that gives every class a probability of 1 would win by
// log_loss otherwise.
std::string fault_of(Task task, std::span<const double> row);

}  // namespace retraind::evaluate
