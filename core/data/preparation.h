#pragma once
// How a row becomes the numbers a model sees: learned on the training rows, kept inside the artifact, applied alike to
// training, holdout and production rows. Numbers stay as they are, missing stays missing, a category becomes the index
// of its level; a level not seen in training becomes missing. Pure and immutable once fitted.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/table.h"

namespace retraind::data {

// Row-major, rows x columns; NaN is missing. Categories are level indices 0..levels-1.
struct Matrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<float> values;
};

struct PreparedFeature {
  std::string name;
  ValueType type = ValueType::number;
  std::string sql_type;             // at training time, for the signature
  std::vector<std::string> levels;  // categories: the levels seen in training, in bytewise order
};

// A category column with more distinct levels than this in training is a DataError: it identifies rows instead of
// describing them.
inline constexpr std::size_t kMaxLevels = 10000;

class Preparation {
 public:
  // Learns from rows [begin, end) of the model's features (every feature of the table when the model names none).
  // Throws DataError for an empty range, a label that is constant there, a classification label whose number of levels
  // does not suit the task (binary: exactly 2; multiclass: at least 2), a label that is NULL in every row, too many
  // levels, or when every feature is missing in every row. A single all-missing feature is kept, and named in
  // `warnings`.
  static Preparation fit(const Table& table, std::size_t begin, std::size_t end, const settings::Model& model,
                         std::vector<std::string>& warnings);

  // The features of rows [begin, end). Throws DataError when a feature is absent from the table or changed between a
  // category and a number, naming it and both types.
  Matrix apply(const Table& table, std::size_t begin, std::size_t end) const;

  // The labels of rows [begin, end) as numbers: the value for regression, the class index for classification; NaN where
  // the label is unknown, and -1 for a level that was not there in training (no model can predict it right).
  std::vector<double> labels(const Table& table, std::size_t begin, std::size_t end) const;

  const std::vector<PreparedFeature>& features() const { return features_; }
  // Classification: class index -> label. binary: {negative, positive}. Empty for regression.
  const std::vector<std::string>& classes() const { return classes_; }
  Task task() const { return task_; }

  // Canonical JSON; from_json throws DataError for anything that to_json did not write.
  std::string to_json() const;
  static Preparation from_json(std::string_view json);

 private:
  Task task_ = Task::binary;
  std::vector<PreparedFeature> features_;
  std::vector<std::string> classes_;
};

}  // namespace retraind::data
