#include "core/train/training_set.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "core/base/error.h"

namespace retraind::train {
namespace {

void check_weights(const TrainingSet& set) {
  if (set.weights.empty()) return;
  if (set.weights.size() != set.labels.size()) throw std::logic_error("one weight a row is needed");
  bool counts = false;
  for (const float weight : set.weights) {
    if (!(weight >= 0) || std::isinf(weight)) {
      throw std::logic_error("a weight that is negative, or not finite: " + std::to_string(weight));
    }
    counts = counts || weight > 0;
  }
  if (!counts) {
    throw DataError("there is nothing to train on: all " + std::to_string(set.weights.size()) + " rows weigh 0",
                    "check the weight column, or widen the training window");
  }
}

}  // namespace

void check_training_set(const TrainingSet& set, const TrainingJob& job) {
  const data::Matrix& features = set.features;
  if (features.columns != job.features.size()) throw std::logic_error("one feature description a column is needed");
  const std::size_t values = set.piece ? 0 : features.rows * features.columns;
  if (features.values.size() != values) throw std::logic_error("a matrix of another size");
  if (set.labels.size() != features.rows) throw std::logic_error("one label a row is needed");
  if (job.task == Task::multiclass && job.classes < 2) throw std::logic_error("multiclass needs two classes or more");
  if (features.rows == 0 || features.columns == 0) {
    throw DataError("there is nothing to train on: " + std::to_string(features.rows) + " rows, " +
                    std::to_string(features.columns) + " features");
  }
  const std::size_t classes = job.task == Task::binary ? 2 : job.classes;
  for (const float label : set.labels) {
    const bool good = job.task == Task::regression
                          ? std::isfinite(label)
                          : label >= 0 && label < static_cast<float>(classes) && label == std::floor(label);
    if (!good) throw std::logic_error("a label that is no class index, or not finite: " + std::to_string(label));
  }
  check_weights(set);
}

data::Matrix features_of(const TrainingSet& set, std::size_t begin, std::size_t end) {
  const std::size_t columns = set.features.columns;
  data::Matrix out;
  if (set.piece) {
    out = set.piece(begin, end);
  } else {
    const auto& all = set.features.values;
    out = {end - begin, columns, {}};
    out.values.assign(all.begin() + static_cast<std::ptrdiff_t>(begin * columns),
                      all.begin() + static_cast<std::ptrdiff_t>(end * columns));
  }
  if (out.rows != end - begin || out.columns != columns || out.values.size() != out.rows * columns) {
    throw std::logic_error("a piece of a matrix of another size");
  }
  return out;
}

}  // namespace retraind::train
