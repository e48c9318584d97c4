#include "core/train/command_model.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "core/base/error.h"
#include "core/train/command_call.h"
#include "core/train/csv.h"
#include "core/train/job_json.h"
#include "core/train/left_files.h"
#include "core/train/private_folder.h"

namespace retraind::train {
namespace {

// A start of a program costs tenths of a second; a million rows of a hundred columns take some hundred MiB as CSV.
constexpr std::size_t kBatchRows = 1000000;

// More than a header and so many numbers can take, however they are spelled.
std::uint64_t most_bytes(std::size_t rows, const TrainingJob& job) {
  constexpr std::uint64_t kNumberBytes = 64;
  std::uint64_t header = std::uint64_t{1} << 20;
  for (const std::string& label : job.class_labels) header += 2 * label.size() + 8;
  return header + rows * std::max<std::uint64_t>(job.classes, 1) * kNumberBytes;
}

}  // namespace

CommandModel::CommandModel(std::map<std::string, std::string> files, settings::Command command, const TrainingJob& job)
    : files_(std::move(files)), command_(std::move(command)), job_(job) {
  job_.previous.clear();
  job_.on_progress = {};
  job_.on_warning = {};
  job_.on_output = {};
}

std::vector<double> CommandModel::predict(const data::Matrix& features) const {
  if (features.columns != job_.features.size()) {
    throw DataError("the model was trained on " + std::to_string(job_.features.size()) +
                    " features and is asked to score " + std::to_string(features.columns));
  }
  if (features.values.size() != features.rows * features.columns) throw std::logic_error("a matrix of another size");
  if (features.rows == 0) return {};
  if (features.rows <= kBatchRows) return predict_batch(features);
  std::vector<double> out;
  for (std::size_t begin = 0; begin < features.rows; begin += kBatchRows) {
    const std::size_t rows = std::min(kBatchRows, features.rows - begin);
    const auto first = features.values.begin() + static_cast<std::ptrdiff_t>(begin * features.columns);
    const data::Matrix batch{
        rows, features.columns, {first, first + static_cast<std::ptrdiff_t>(rows * features.columns)}};
    const std::vector<double> some = predict_batch(batch);
    out.insert(out.end(), some.begin(), some.end());
  }
  return out;
}

std::vector<double> CommandModel::predict_batch(const data::Matrix& features) const {
  PrivateFolder folder(job_.folder);
  folder.write(kJobJson, job_json(job_, CommandStep::predict, features.rows, false));
  folder.write(kFeaturesCsv, [&](std::ostream& out) { write_csv(out, features, job_, {}, {}); });
  folder.write_files(kModelFolder, files_);
  folder.check_size(command_.disk_limit_bytes);
  CommandCall call(command_, command_.predict, job_, folder);
  call.run();
  try {
    LeftFile file(folder.path(), kPredictionsCsv, most_bytes(features.rows, job_), call.who());
    try {
      return read_predictions(file.stream(), features.rows, job_);
    } catch (const DataError& error) {
      throw DataError(call.who() + ": " + error.what(), error.hint());
    }
  } catch (const DataError& error) {
    throw call.explained(error);
  }
}

}  // namespace retraind::train
