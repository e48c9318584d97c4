#pragma once
// job.json: what a command is told beside its rows (docs/trainer.md). Pure.

#include <cstddef>
#include <string>

#include "core/train/trainer.h"

namespace retraind::train {

enum class CommandStep { train, predict };

// The names of files and folders in a command's folder, relative to it.
inline constexpr const char* kJobJson = "job.json";
inline constexpr const char* kTrainCsv = "train.csv";
inline constexpr const char* kFeaturesCsv = "features.csv";
inline constexpr const char* kPredictionsCsv = "predictions.csv";
inline constexpr const char* kModelFolder = "model";
inline constexpr const char* kPreviousFolder = "previous_model";

// One line, its keys sorted, numbers as they were configured. `rows` are those of the CSV beside it; `with_weights`:
// whether that has a column of weights. A prediction is told nothing of how the training was configured.
std::string job_json(const TrainingJob& job, CommandStep step, std::size_t rows, bool with_weights);

}  // namespace retraind::train
