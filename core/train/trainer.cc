#include "core/train/trainer.h"

#include "core/base/error.h"
#include "core/train/command_trainer.h"
#include "core/train/xgboost_trainer.h"

namespace retraind::train {

std::unique_ptr<Trainer> make_trainer(std::string_view name, const settings::Command& command) {
  if (name == "xgboost") return std::make_unique<XgboostTrainer>();
  if (name == "command") return std::make_unique<CommandTrainer>(command);
  throw ConfigError("there is no trainer \"" + std::string(name) + "\"", "there are xgboost and command");
}

}  // namespace retraind::train
