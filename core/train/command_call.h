#pragma once
// One call of a user's program: its environment, its run in the cage, and what is said of how it ended. In a worker
// only. One thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/train/private_folder.h"
#include "core/train/trainer.h"

namespace retraind::train {

// Of "progress 3/20"; std::nullopt for anything else, which is a line like any other.
std::optional<Progress> progress_in(std::string_view line);

class CommandCall {
 public:
  // `argv` is one of `command`'s; all must outlive the call.
  CommandCall(const settings::Command& command, const std::vector<std::string>& argv, const TrainingJob& job,
              const PrivateFolder& folder);

  // "the command /opt/x/train.py --fast"
  const std::string& who() const { return who_; }
  // Runs it to its end. Throws DataError, with the last lines it printed, when it cannot be started, fails or is
  // stopped, and when a variable of pass_environment is not set.
  void run();
  // The error again, with the last lines that the command printed.
  DataError explained(const DataError& error) const;

 private:
  void take_line(std::string_view line) const;

  const settings::Command& command_;
  const std::vector<std::string>& argv_;
  const TrainingJob& job_;
  const PrivateFolder& folder_;
  std::string who_;
  std::string last_words_;
};

}  // namespace retraind::train
