#include "core/pipeline/candidate.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/data/sampling.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/result.h"
#include "core/train/artifact.h"
#include "core/train/command_trainer.h"
#include "core/train/trainer.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

// Enough to show any difference between a model and its package, and little beside the training.
constexpr std::size_t kRowsToCompare = 10000;

std::string package(const train::Model& model, const data::Preparation& preparation, const settings::Model& settings,
                    const train::Trainer& trainer, const std::string& data_sha256) {
  json::object manifest{{"format", 1},
                        {"model", settings.name},
                        {"task", to_text(settings.task)},
                        {"trainer", settings.training.trainer},
                        {"trainer_version", trainer.version()},
                        {"data_sha256", data_sha256},
                        {"seed", settings.training.seed}};
  // An old version is scored by the programs it was made with, whatever the configuration says by then.
  if (settings.training.trainer == "command") {
    manifest["command"] = json::parse(train::to_json(settings.training.command));
    json::object& files = manifest["program_files"].emplace_object();
    for (const auto& [path, digest] : trainer.program_files()) files[path] = digest;
  }
  std::string bytes = train::pack({json::serialize(manifest), preparation, model.files()});
  if (bytes.size() > kMaxArtifactBytes) {
    throw DataError(fmt::format("the model takes {} bytes, more than {}", bytes.size(), kMaxArtifactBytes),
                    "train fewer or shallower trees, or leave a smaller model/");
  }
  return bytes;
}

// Keeps the rows at these places, counted from the first; ascending.
void keep_rows(data::Matrix& matrix, const std::vector<std::uint32_t>& places, std::size_t begin) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::size_t from = (places[i] - begin) * matrix.columns;
    // Never later than where it comes from: the kept rows move forward over those that are not kept.
    std::copy_n(matrix.values.begin() + static_cast<std::ptrdiff_t>(from), matrix.columns,
                matrix.values.begin() + static_cast<std::ptrdiff_t>(i * matrix.columns));
  }
  matrix.rows = places.size();
  matrix.values.resize(matrix.rows * matrix.columns);
}

}  // namespace

ChosenRows training_set(const data::Table& table, RowRange range, const data::Preparation& preparation,
                        const settings::Training& training) {
  ChosenRows out;
  data::TrainingRows chosen = data::choose_training_rows(table, range.begin, range.end, preparation, training);
  out.left_out = chosen.left_out;
  for (const double label : preparation.labels(table, range.begin, range.end)) {
    out.labels.push_back(static_cast<float>(label));
  }
  out.set.features = preparation.apply(table, range.begin, range.end);
  out.set.weights = std::move(chosen.weights);
  if (chosen.rows.size() == out.labels.size()) {
    out.set.labels = out.labels;
    return out;
  }
  keep_rows(out.set.features, chosen.rows, range.begin);
  for (const std::uint32_t row : chosen.rows) out.set.labels.push_back(out.labels[row - range.begin]);
  return out;
}

Candidate train_and_package(const data::Table& table, TrainingPlan plan, std::vector<std::string>& warnings) {
  const settings::Model& model = plan.model;
  Candidate out;
  const auto trainer = train::make_trainer(model.training.trainer, model.training.command);
  out.trainer = trainer->version();
  out.program_files = trainer->program_files();
  train::TrainingJob job = training_job(model, plan.preparation);
  job.previous = std::move(plan.previous);
  job.folder = plan.folder;
  job.on_progress = std::move(plan.on_progress);
  job.on_output = std::move(plan.on_output);
  job.on_warning = [&warnings](std::string_view warning) { warnings.emplace_back(warning); };
  std::unique_ptr<train::Model> trained;
  {
    ChosenRows chosen = training_set(table, plan.rows, plan.preparation, model.training);
    trained = trainer->train(chosen.set, job);
    out.labels = std::move(chosen.labels);
    out.left_out = chosen.left_out;
  }
  out.importances = trained->importances();
  const std::string bytes = package(*trained, plan.preparation, model, *trainer, plan.data_sha256);
  out.artifact_bytes = bytes.size();
  out.artifact_sha256 = to_hex(sha256(bytes));
  write_durable_file(plan.folder / kArtifactFile, bytes);

  // From the disk and not from memory: what is judged is what was written.
  out.scorer = open_artifact_file(model, plan.folder / kArtifactFile, out.artifact_sha256, "the candidate");
  const std::size_t begin = plan.compare.begin;
  const std::size_t end = std::min(plan.compare.end, begin + kRowsToCompare);
  const std::vector<double> in_memory = trained->predict(plan.preparation.apply(table, begin, end));
  const std::vector<double> packaged = out.scorer.predict(table, begin, end);
  out.package_compared = end - begin;
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
