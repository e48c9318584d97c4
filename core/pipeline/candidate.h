#pragma once
// Trains a model and packages it: what is judged and released is always what comes out of the package, never the model
// in the trainer's memory. In a worker only. One thread.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/data/table.h"
#include "core/pipeline/scorer.h"
#include "core/settings/settings.h"

namespace retraind::pipeline {

struct Candidate {
  Scorer scorer;              // opened from the packaged bytes
  std::vector<float> labels;  // of the rows it was trained on
  std::map<std::string, double> importances;
  std::string trainer;  // "xgboost 1.7.4"
  std::string artifact_sha256;
  std::uint64_t artifact_bytes = 0;
  // How the package says the same as the model that was trained: rows of the holdout, at most the first ten thousand,
  // and those among them on which the two differ in any bit.
  std::uint64_t package_compared = 0;
  std::uint64_t package_differs = 0;
};

// Trains on rows [begin, end), prepared by `preparation`, leaves the artifact as kArtifactFile in `folder`, and
// compares the package with the model on the rows [holdout_begin, holdout_end). `data_sha256` enters the manifest.
// Warnings of the trainer are added to `warnings`. Throws what the trainer throws, and DataError for an artifact that
// is too large.
Candidate train_and_package(const data::Table& table, std::size_t begin, std::size_t end, std::size_t holdout_begin,
                            std::size_t holdout_end, data::Preparation preparation, const settings::Model& model,
                            const std::string& data_sha256, const std::filesystem::path& folder,
                            std::vector<std::string>& warnings);

}  // namespace retraind::pipeline
