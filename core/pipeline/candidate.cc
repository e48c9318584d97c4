#include "core/pipeline/candidate.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <span>

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

// The features of those rows of `all`, which begin at place `begin` of the table, that stand at `places` of it.
data::Matrix pick_rows(const data::Matrix& all, std::span<const std::uint32_t> places, std::size_t begin) {
  data::Matrix out{places.size(), all.columns, {}};
  out.values.reserve(out.rows * out.columns);
  for (const std::uint32_t place : places) {
    const auto row = all.values.begin() + static_cast<std::ptrdiff_t>((place - begin) * all.columns);
    out.values.insert(out.values.end(), row, row + static_cast<std::ptrdiff_t>(all.columns));
  }
  return out;
}

// Some of the rows at `places`, which may lie far apart in the table: as many of them at once as lie close together.
data::Matrix features_at(const data::Table& table, const data::Preparation& preparation,
                         std::span<const std::uint32_t> places) {
  constexpr std::size_t kRowsAtOnce = 65536;
  data::Matrix out{places.size(), preparation.features().size(), {}};
  out.values.reserve(out.rows * out.columns);
  while (!places.empty()) {
    const std::size_t begin = places.front();
    const auto behind = std::lower_bound(places.begin(), places.end(), begin + kRowsAtOnce);
    const auto near = places.first(static_cast<std::size_t>(behind - places.begin()));
    const data::Matrix some = pick_rows(preparation.apply(table, begin, std::size_t{near.back()} + 1), near, begin);
    out.values.insert(out.values.end(), some.values.begin(), some.values.end());
    places = places.subspan(near.size());
  }
  return out;
}

}  // namespace

ChosenRows training_set(const data::Table& table, RowRange range, const data::Preparation& preparation,
                        const settings::Training& training) {
  ChosenRows out;
  data::TrainingRows chosen = data::choose_training_rows(table, range.begin, range.end, preparation, training);
  out.left_out = chosen.left_out;
  out.labels.reserve(range.end - range.begin);
  for (const double label : preparation.labels(table, range.begin, range.end)) {
    out.labels.push_back(static_cast<float>(label));
  }
  out.set.features = {chosen.rows.size(), preparation.features().size(), {}};
  out.set.weights = std::move(chosen.weights);
  if (chosen.rows.size() == out.labels.size()) {
    out.set.labels = out.labels;
    out.set.piece = [&table, &preparation, range](std::size_t begin, std::size_t end) {
      return preparation.apply(table, range.begin + begin, range.begin + end);
    };
    return out;
  }
  out.set.labels.reserve(chosen.rows.size());
  for (const std::uint32_t row : chosen.rows) out.set.labels.push_back(out.labels[row - range.begin]);
  out.set.piece = [&table, &preparation, rows = std::move(chosen.rows)](std::size_t begin, std::size_t end) {
    return features_at(table, preparation, std::span(rows).subspan(begin, end - begin));
  };
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
  job.clock = std::move(plan.clock);
  job.on_library_time = [&out](Duration took) { out.library_time = took; };
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
