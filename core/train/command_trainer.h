#pragma once
// A user's own programs as a trainer, by the contract of docs/trainer.md: `train` leaves a folder model/, `predict`
// writes predictions.csv. Each call runs in a folder of its own below the job's, inside a cage (core/cage), and what it
// left is believed only as far as it was checked. In a worker only. One thread.

#include "core/train/trainer.h"

namespace retraind::train {

class CommandTrainer : public Trainer {
 public:
  // Throws ConfigError for argvs that are empty or do not begin with an absolute path.
  explicit CommandTrainer(settings::Command command);

  // Throws DataError, with the end of what the command printed, when it fails, is stopped, or leaves no model, one that
  // is too large, or one with links, devices or file names that an artifact cannot hold. The files keep their names
  // below model/. A line "progress DONE/TOTAL" goes to on_progress, "warning: …" to on_warning, and every line to
  // on_output. The model predicts by the job's folder and limits, and calls none of these.
  std::unique_ptr<Model> train(const TrainingSet& set, const TrainingJob& job) const override;
  // Checks nothing about the files, which only the command understands; they are written down when it predicts.
  std::unique_ptr<Model> load(const std::map<std::string, std::string>& files, const TrainingJob& job) const override;
  // Changes with the argvs and with every program file.
  std::string version() const override;
  // Those named in the argvs by an absolute path, as far as they are there, and those of settings::Command::files.
  // Throws DataError when one of the latter cannot be read.
  std::map<std::string, std::string> program_files() const override;

 private:
  settings::Command command_;
};

// As they stand in an artifact's manifest, so that an old version is scored by the program it was made with.
std::string to_json(const settings::Command& command);
settings::Command command_from_json(std::string_view json);  // throws DataError

}  // namespace retraind::train
