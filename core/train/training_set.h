#pragma once
// What every trainer asks of the rows it is given. Pure.

#include "core/train/trainer.h"

namespace retraind::train {

// Throws DataError when there is nothing to train on: no rows, no features, or weights that are all 0; and
// std::logic_error for sizes that do not fit one another, a label that is no class index or not finite, and a weight
// that is negative or not finite.
void check_training_set(const TrainingSet& set, const TrainingJob& job);

// As many rows of features at once as a trainer should look at that can do with some: little memory, long loops.
inline constexpr std::size_t kPieceRows = 65536;

// The features of rows [begin, end), wherever they come from. Throws std::logic_error where the set makes another
// number of them.
data::Matrix features_of(const TrainingSet& set, std::size_t begin, std::size_t end);

}  // namespace retraind::train
