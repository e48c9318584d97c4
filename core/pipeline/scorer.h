#pragma once
// A model out of its artifact: enough to score a table, and nothing that could train. Only where a crash of the model's
// library is bearable: in a worker, or in a command at the terminal; never in the daemon. One thread.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/data/preparation.h"
#include "core/data/table.h"
#include "core/settings/settings.h"
#include "core/train/trainer.h"

namespace retraind::pipeline {

// Adds up how long models themselves take to predict, without what is done before and after.
struct PredictionTime {
  std::function<Duration()> clock;
  Duration sum = Duration::zero();
};

struct Scorer {
  data::Preparation preparation;
  std::unique_ptr<train::Model> model;
  std::string trainer;                // the name it was made by: "xgboost" or "command"
  std::vector<std::string> warnings;  // what has changed about it since it was made, such as a program's file

  // Of rows [begin, end), shaped as stats::Scored says; what the model took is added to `time`.
  std::vector<double> predict(const data::Table& table, std::size_t begin, std::size_t end,
                              PredictionTime* time = nullptr) const;
};

// What the settings and the preparation say of a training; its callbacks and `previous` are empty.
train::TrainingJob training_job(const settings::Model& model, const data::Preparation& preparation,
                                const std::filesystem::path& folder = ".");

// A command's model predicts by the programs in its manifest, within the limits of `model` and below `folder` (empty:
// the system's folder for temporary files); where their files have changed since, a warning says so. Throws DataError
// when the bytes are no artifact or the model cannot be loaded.
Scorer open_artifact(const settings::Model& model, std::string_view bytes, const std::filesystem::path& folder = {});

// The same from a file, whose sha256 is checked first, below the folder it lies in. `what` names it in messages:
// "production version 3".
Scorer open_artifact_file(const settings::Model& model, const std::filesystem::path& path, const std::string& sha256,
                          const std::string& what);

// What a model says of rows, as columns that can be profiled like any other. `score`: the value (regression), the
// probability of the positive class (binary), the probability of the most probable class (multiclass). `predicted`:
// the class (as WeightedMetric takes it: above .5, or the first most probable one); empty for regression.
struct ScoreColumns {
  std::vector<double> score;
  std::vector<std::string_view> predicted;  // point into `classes`
};
ScoreColumns score_columns(Task task, const std::vector<std::string>& classes, const std::vector<double>& predictions);

// Names of columns that stand beside the user's own; no query returns such a name by accident.
inline constexpr const char* kScoreColumn = "(score)";
inline constexpr const char* kPredictedColumn = "(predicted class)";
inline constexpr const char* kLabelColumn = "(label)";

}  // namespace retraind::pipeline
