#pragma once
// A model that only a user's program can read. In a worker only. One thread.

#include "core/train/trainer.h"

namespace retraind::train {

class CommandModel : public Model {
 public:
  // `job` says how the rows look, what the command may take and where; its callbacks are not called.
  CommandModel(std::map<std::string, std::string> files, settings::Command command, const TrainingJob& job);

  // Starts the program once for each million rows. Throws DataError, with the end of what it printed, when it fails, is
  // stopped, or writes no predictions that can be true.
  std::vector<double> predict(const data::Matrix& features) const override;
  std::map<std::string, std::string> files() const override { return files_; }

 private:
  std::vector<double> predict_batch(const data::Matrix& features) const;

  std::map<std::string, std::string> files_;
  settings::Command command_;
  TrainingJob job_;
};

}  // namespace retraind::train
