#include "core/train/command_trainer.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/train/command_call.h"
#include "core/train/command_model.h"
#include "core/train/csv.h"
#include "core/train/job_json.h"
#include "core/train/left_files.h"
#include "core/train/private_folder.h"
#include "core/train/training_set.h"

namespace retraind::train {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kVersionDigits = 12;

void check_argv(const std::vector<std::string>& argv, const char* key) {
  if (argv.empty()) {
    throw ConfigError(std::string("the trainer \"command\" has no program to ") + key + " with",
                      std::string("set training.") + key);
  }
  if (!argv.front().starts_with('/')) {
    throw ConfigError(
        std::string("training.") + key + " begins with \"" + argv.front() + "\", which is no absolute path",
        "no shell and no PATH look for the program");
  }
}

std::string digest_of(const fs::path& file) {
  try {
    return to_hex(sha256_of_file(file));
  } catch (const std::system_error& error) {
    throw DataError(
        file.string() + ", which the command's results depend on, cannot be read: " + error.code().message(),
        "mend training.files, or let the daemon's user read the file");
  }
}

}  // namespace

CommandTrainer::CommandTrainer(settings::Command command) : command_(std::move(command)) {
  check_argv(command_.train, "train");
  check_argv(command_.predict, "predict");
}

std::unique_ptr<Model> CommandTrainer::train(const TrainingSet& set, const TrainingJob& job) const {
  check_training_set(set, job);
  PrivateFolder folder(job.folder);
  folder.write(kJobJson, job_json(job, CommandStep::train, set.features.rows, !set.weights.empty()));
  folder.write(kTrainCsv, [&](std::ostream& out) {
    write_csv(out, set.piece ? features_of(set, 0, set.features.rows) : set.features, job, set.labels, set.weights);
  });
  if (!job.previous.empty()) folder.write_files(kPreviousFolder, job.previous);
  folder.check_size(command_.disk_limit_bytes);
  CommandCall call(command_, command_.train, job, folder);
  call.run();
  try {
    return std::make_unique<CommandModel>(read_model_folder(folder.path(), call.who()), command_, job);
  } catch (const DataError& error) {
    throw call.explained(error);
  }
}

std::unique_ptr<Model> CommandTrainer::load(const std::map<std::string, std::string>& files,
                                            const TrainingJob& job) const {
  return std::make_unique<CommandModel>(files, command_, job);
}

std::string CommandTrainer::version() const {
  // Lengths in front: no two sets of texts are hashed as one.
  Sha256 hash;
  const auto add = [&hash](std::string_view text) {
    hash.update(std::to_string(text.size()) + ":");
    hash.update(text);
  };
  for (const auto* argv : {&command_.train, &command_.predict}) {
    add(std::to_string(argv->size()));
    for (const std::string& word : *argv) add(word);
  }
  for (const auto& [path, digest] : program_files()) {
    add(path);
    add(digest);
  }
  return "command " + to_hex(hash.finish()).substr(0, kVersionDigits);
}

std::map<std::string, std::string> CommandTrainer::program_files() const {
  std::map<std::string, std::string> out;
  for (const fs::path& file : command_.files) out[file.string()] = digest_of(file);
  for (const auto* argv : {&command_.train, &command_.predict}) {
    for (const std::string& word : *argv) {
      std::error_code ignored;
      if (!word.starts_with('/') || out.contains(word) || !fs::is_regular_file(word, ignored)) continue;
      out[word] = digest_of(word);
    }
  }
  return out;
}

}  // namespace retraind::train
