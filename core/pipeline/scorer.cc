#include "core/pipeline/scorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/result.h"
#include "core/train/artifact.h"

namespace retraind::pipeline {

std::vector<double> Scorer::predict(const data::Table& table, std::size_t begin, std::size_t end) const {
  return model->predict(preparation.apply(table, begin, end));
}

train::TrainingJob training_job(const settings::Model& model, const data::Preparation& preparation) {
  return {.task = preparation.task(),
          .features = preparation.features(),
          .classes = preparation.classes().size(),
          .rounds = model.training.rounds,
          .params = model.training.params,
          .seed = model.training.seed,
          .threads = model.training.threads,
          .on_round = {},
          .on_warning = {}};
}

Scorer open_artifact(const settings::Model& model, std::string_view bytes) {
  train::Artifact artifact = train::unpack(bytes);
  const auto trainer_name = boost::json::parse(artifact.manifest).at("trainer").as_string();
  const auto trainer = train::make_trainer(std::string_view(trainer_name.data(), trainer_name.size()));
  std::unique_ptr<train::Model> loaded = trainer->load(artifact.model_files, training_job(model, artifact.preparation));
  return {.preparation = std::move(artifact.preparation),
          .model = std::move(loaded),
          .trainer = {trainer_name.data(), trainer_name.size()},
          .warnings = {}};
}

Scorer open_artifact_file(const settings::Model& model, const std::filesystem::path& path, const std::string& sha256,
                          const std::string& what) {
  const std::string bytes = read_whole_file(path, kMaxArtifactBytes);
  if (const std::string actual = to_hex(retraind::sha256(bytes)); actual != sha256) {
    throw DataError(fmt::format("the artifact of {} has sha256 {}, not {}", what, actual, sha256));
  }
  try {
    return open_artifact(model, bytes);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{} cannot be loaded: {}", what, error.what()),
                    "roll back to a version that loads; nothing is promoted over a model that cannot be judged");
  }
}

ScoreColumns score_columns(Task task, const std::vector<std::string>& classes, const std::vector<double>& predictions) {
  ScoreColumns out;
  if (task == Task::regression) {
    out.score = predictions;
    return out;
  }
  if (task == Task::binary) {
    if (classes.size() != 2) throw std::logic_error("a binary model does not have two classes");
    out.score = predictions;
    for (const double p : predictions) out.predicted.emplace_back(classes[p > 0.5 ? 1 : 0]);
    return out;
  }
  const std::size_t width = classes.size();
  if (width == 0 || predictions.size() % width != 0) throw std::logic_error("predictions do not fit their classes");
  for (auto row = predictions.begin(); row != predictions.end(); row += static_cast<std::ptrdiff_t>(width)) {
    const auto best = std::max_element(row, row + static_cast<std::ptrdiff_t>(width));
    out.score.push_back(*best);
    out.predicted.emplace_back(classes[static_cast<std::size_t>(best - row)]);
  }
  return out;
}

}  // namespace retraind::pipeline
