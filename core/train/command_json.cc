// A command in an artifact's manifest has the form it has in a model's configuration.

#include <boost/json.hpp>

#include "core/base/error.h"
#include "core/settings/canonical_json.h"
#include "core/settings/json_reader.h"
#include "core/settings/training_json.h"
#include "core/train/command_trainer.h"

namespace retraind::train {
namespace {

constexpr const char* kCommand = "command";

}  // namespace

std::string to_json(const settings::Command& command) {
  settings::Training training;
  training.command = command;
  return settings::canonical_text(settings::training_json(training).at(kCommand));
}

settings::Command command_from_json(std::string_view json) {
  const boost::json::object object{{kCommand, settings::parse_json(json)}};
  settings::JsonReader reader(object, "");
  settings::Training training;
  settings::read_training(reader, training);
  if (training.command.train.empty() || training.command.predict.empty()) {
    throw DataError("a command without programs to train and to predict with");
  }
  return training.command;
}

}  // namespace retraind::train
