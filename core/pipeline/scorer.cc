#include "core/pipeline/scorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/json_access.h"
#include "core/pipeline/result.h"
#include "core/train/artifact.h"
#include "core/train/command_trainer.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

// The programs are those the version was made with; what they may take is what is allowed today.
settings::Command command_now(const ObjectReader& manifest, const settings::Training& training) {
  settings::Command out = train::command_from_json(json::serialize(manifest.member("command")));
  if (training.command.predict.empty()) return out;
  out.log_limit_bytes = training.command.log_limit_bytes;
  out.disk_limit_bytes = training.command.disk_limit_bytes;
  out.max_processes = training.command.max_processes;
  return out;
}

// How the programs differ from those that the version was made with, as far as its manifest tells.
std::vector<std::string> changes_of_programs(const ObjectReader& manifest, const train::Trainer& trainer) {
  std::map<std::string, std::string> now;
  std::string version_now;
  try {
    now = trainer.program_files();
    version_now = trainer.version();
  } catch (const DataError& error) {
    return {error.message_with_hint()};  // it may be a file that only training needs
  }
  std::vector<std::string> out;
  const auto* then = manifest.has("program_files") ? manifest.member("program_files").if_object() : nullptr;
  if (then != nullptr) {
    for (const auto& [name, digest] : *then) {
      const std::string path(name.data(), name.size());
      const std::string was = digest.is_string() ? std::string(digest.get_string()) : std::string();
      const auto found = now.find(path);
      if (found == now.end()) {
        out.push_back(
            fmt::format("{} is not there any more, with which the version was made (sha256 {:.12})", path, was));
      } else if (found->second != was) {
        out.push_back(
            fmt::format("{} has changed since the version was made (sha256 {:.12} then, {:.12} now): what it "
                        "predicts may differ",
                        path, was, found->second));
      }
    }
  }
  if (out.empty() && manifest.has("trainer_version") && manifest.text("trainer_version") != version_now) {
    out.push_back(
        fmt::format("the programs have changed since the version was made ({} then, {} now): what they "
                    "predict may differ",
                    manifest.text("trainer_version"), version_now));
  }
  return out;
}

}  // namespace

std::vector<double> Scorer::predict(const data::Table& table, std::size_t begin, std::size_t end,
                                    PredictionTime* time) const {
  const data::Matrix features = preparation.apply(table, begin, end);
  if (time == nullptr) return model->predict(features);
  const Duration began = time->clock();
  std::vector<double> out = model->predict(features);
  time->sum += time->clock() - began;
  return out;
}

train::TrainingJob training_job(const settings::Model& model, const data::Preparation& preparation,
                                const std::filesystem::path& folder) {
  return {.task = preparation.task(),
          .features = preparation.features(),
          .classes = preparation.classes().size(),
          .class_labels = preparation.classes(),
          .label = model.label,
          .weight = model.weight.value_or("weight"),
          .rounds = model.training.rounds,
          .params = model.training.params,
          .seed = model.training.seed,
          .threads = model.training.threads,
          .previous = {},
          .timeout = model.training.timeout,
          .memory_limit_bytes = model.training.memory_limit_bytes,
          .folder = folder,
          .on_progress = {},
          .on_warning = {},
          .on_output = {}};
}

Scorer open_artifact(const settings::Model& model, std::string_view bytes, const std::filesystem::path& folder) {
  train::Artifact artifact = train::unpack(bytes);
  const json::value parsed = parse_json(artifact.manifest, "the artifact's manifest");
  const ObjectReader manifest(parsed, "the artifact's manifest");
  Scorer out;
  out.trainer = manifest.text("trainer");
  const settings::Command command =
      manifest.has("command") ? command_now(manifest, model.training) : settings::Command{};
  std::unique_ptr<train::Trainer> trainer;
  try {
    trainer = train::make_trainer(out.trainer, command);
  } catch (const ConfigError& error) {
    throw DataError(error.what(), error.hint());  // what is wrong is the artifact, not the configuration
  }
  if (manifest.has("command")) out.warnings = changes_of_programs(manifest, *trainer);
  const std::filesystem::path place = folder.empty() ? std::filesystem::temp_directory_path() : folder;
  out.model = trainer->load(artifact.model_files, training_job(model, artifact.preparation, place));
  out.preparation = std::move(artifact.preparation);
  return out;
}

Scorer open_artifact_file(const settings::Model& model, const std::filesystem::path& path, const std::string& sha256,
                          const std::string& what) {
  const std::string bytes = read_whole_file(path, kMaxArtifactBytes);
  if (const std::string actual = to_hex(retraind::sha256(bytes)); actual != sha256) {
    throw DataError(fmt::format("the artifact of {} has sha256 {}, not {}", what, actual, sha256));
  }
  try {
    return open_artifact(model, bytes, path.parent_path().empty() ? "." : path.parent_path());
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
