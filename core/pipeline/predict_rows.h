#pragma once
// Rows of a CSV file through a model, and what it says of each as CSV again: `retraind predict`. Streams: memory is
// that of one batch, whatever the number of rows. In a process that may load models. One thread.

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "core/pipeline/scorer.h"

namespace retraind::pipeline {

struct PredictWishes {
  std::string name = "standard input";    // what messages call the rows
  std::vector<std::string> keep_columns;  // columns of the input that stand before the predictions, in this order
  bool with_input = false;                // all of them, in the input's order; keep_columns must be empty
  double threshold = 0.5;                 // binary: class 1 is predicted above this probability
  std::size_t batch_rows = 10000;         // predicted at a time; >= 1
};

// Reads a header and rows from `in` and writes a header and as many rows to `out`, in the same order.
//   regression   prediction
//   binary       prediction (the probability of the positive class), predicted_class
//   multiclass   p_CLASS for each class, predicted_class (the most probable; of equal ones the first)
// The features are found by name, in any order; other columns are passed over. An empty field is missing, and so is a
// text that the training rows did not have. Numbers are written in the fewest digits that read back to the same double.
// Returns how many rows there were. Throws DataError, naming all of them, for columns that are not there; for a column
// that is needed and there twice; with the line for a value that is no number where one is needed; what CsvReader
// throws; and TransientError when `out` takes no more.
std::uint64_t predict_rows(const Scorer& scorer, std::istream& in, std::ostream& out, const PredictWishes& wishes);

}  // namespace retraind::pipeline
