#include "core/pipeline/candidate.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/data/row_weights.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/result.h"
#include "core/train/artifact.h"
#include "core/train/trainer.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

// Enough to show any difference between a model and its package, and little beside the training.
constexpr std::size_t kRowsToCompare = 10000;

std::string package(const train::Model& model, const data::Preparation& preparation, const settings::Model& settings,
                    const std::string& trainer_version, const std::string& data_sha256) {
  const json::object manifest{{"format", 1},
                              {"model", settings.name},
                              {"task", to_text(settings.task)},
                              {"trainer", settings.training.trainer},
                              {"trainer_version", trainer_version},
                              {"data_sha256", data_sha256},
                              {"seed", settings.training.seed}};
  std::string bytes = train::pack({json::serialize(manifest), preparation, model.files()});
  if (bytes.size() > kMaxArtifactBytes) {
    throw DataError(fmt::format("the model takes {} bytes, more than {}", bytes.size(), kMaxArtifactBytes),
                    "train fewer or shallower trees");
  }
  return bytes;
}

train::TrainingSet training_set(const data::Table& table, std::size_t begin, std::size_t end,
                                const data::Preparation& preparation) {
  train::TrainingSet set;
  set.features = preparation.apply(table, begin, end);
  for (const double label : preparation.labels(table, begin, end)) set.labels.push_back(static_cast<float>(label));
  set.weights = data::training_weights(table, begin, end);
  return set;
}

}  // namespace

Candidate train_and_package(const data::Table& table, std::size_t begin, std::size_t end, std::size_t holdout_begin,
                            std::size_t holdout_end, data::Preparation preparation, const settings::Model& model,
                            const std::string& data_sha256, const std::filesystem::path& folder,
                            std::vector<std::string>& warnings) {
  Candidate out;
  const auto trainer = train::make_trainer(model.training.trainer);
  out.trainer = trainer->version();
  train::TrainingJob job = training_job(model, preparation);
  job.on_warning = [&warnings](std::string_view warning) { warnings.emplace_back(warning); };
  std::unique_ptr<train::Model> trained;
  {
    train::TrainingSet set = training_set(table, begin, end, preparation);
    trained = trainer->train(set, job);
    out.labels = std::move(set.labels);
  }
  out.importances = trained->importances();
  const std::string bytes = package(*trained, preparation, model, out.trainer, data_sha256);
  out.artifact_bytes = bytes.size();
  out.artifact_sha256 = to_hex(sha256(bytes));
  write_durable_file(folder / kArtifactFile, bytes);

  // From the disk and not from memory: what is judged is what was written.
  out.scorer = open_artifact_file(model, folder / kArtifactFile, out.artifact_sha256, "the candidate");
  const std::size_t compared_end = std::min(holdout_end, holdout_begin + kRowsToCompare);
  const std::vector<double> in_memory = trained->predict(preparation.apply(table, holdout_begin, compared_end));
  const std::vector<double> packaged = out.scorer.predict(table, holdout_begin, compared_end);
  out.package_compared = compared_end - holdout_begin;
  const std::size_t width = out.package_compared == 0 ? 1 : in_memory.size() / out.package_compared;
  for (std::size_t row = 0; row < out.package_compared; ++row) {
    const auto at = static_cast<std::ptrdiff_t>(row * width);
    const bool same = packaged.size() == in_memory.size() &&
                      std::equal(in_memory.begin() + at, in_memory.begin() + at + static_cast<std::ptrdiff_t>(width),
                                 packaged.begin() + at);
    out.package_differs += same ? 0 : 1;
  }
  return out;
}

}  // namespace retraind::pipeline
