#pragma once
// Trains a model and packages it: what is judged and released is always what comes out of the package, never the model
// in the trainer's memory. In a worker only, or in a command at the terminal. One thread.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/table.h"
#include "core/pipeline/scorer.h"
#include "core/settings/settings.h"
#include "core/train/trainer.h"

namespace retraind::pipeline {

struct Candidate {
  Scorer scorer;              // opened from the packaged bytes
  std::vector<float> labels;  // of the rows it could be trained on, those left out (keep_majority) included
  std::uint64_t left_out = 0;
  Duration library_time{};  // of the training, in the library's own calls; 0: not known
  std::map<std::string, double> importances;
  std::string trainer;                               // "xgboost 1.7.4"
  std::map<std::string, std::string> program_files;  // sha256 by path, of a command
  std::string artifact_sha256;
  std::uint64_t artifact_bytes = 0;
  // How the package says the same as the model that was trained: rows of the holdout, at most the first ten thousand,
  // and those among them on which the two differ in any bit.
  std::uint64_t package_compared = 0;
  std::uint64_t package_differs = 0;
};

// Half-open places in a table.
struct RowRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct TrainingPlan {
  RowRange rows;     // to train on; which of them, and how much each counts, is decided here
  RowRange compare;  // the holdout, on which package and model are compared
  data::Preparation preparation;
  settings::Model model;                                    // with the rounds and params to use
  std::map<std::string, std::string> previous;              // a model to continue from; empty: from nothing
  std::string data_sha256;                                  // enters the manifest
  std::filesystem::path folder;                             // kArtifactFile is left here
  std::function<void(const train::Progress&)> on_progress;  // may be empty
  std::function<void(std::string_view line)> on_output{};   // likewise; each line that a command prints
  std::function<Duration()> clock{};                        // likewise
};

// Warnings of the trainer are added to `warnings`. Throws what the trainer throws, and DataError for an artifact that
// is too large.
Candidate train_and_package(const data::Table& table, TrainingPlan plan, std::vector<std::string>& warnings);

// What a trainer is given of the rows in `range`: those that training.keep_majority leaves, weighed. The set makes its
// features from `table` and `preparation` when it is asked for them: both must outlive it.
struct ChosenRows {
  train::TrainingSet set;
  std::vector<float> labels;  // of all rows of the range
  std::uint64_t left_out = 0;
};
ChosenRows training_set(const data::Table& table, RowRange range, const data::Preparation& preparation,
                        const settings::Training& training);

}  // namespace retraind::pipeline
