#pragma once
// A model of the registry with the settings that have come into force, for what is brought in line with those: triggers
// and scorings. Owns nothing; good while the caller keeps the settings.

#include "core/base/ids.h"
#include "core/settings/settings.h"

namespace retraind::runs {

struct ConfiguredModel {
  ModelId id{};
  const settings::Model* settings = nullptr;
};

}  // namespace retraind::runs
