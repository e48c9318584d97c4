#pragma once
// Brings the registry to what the configuration says, models, triggers and scorings, all or nothing: one transaction. A
// model that is not in the configuration any more is marked as removed, and keeps its history. Blocking; any thread.

#include <cstddef>
#include <string>
#include <vector>

#include "core/registry/models.h"
#include "core/settings/settings.h"
#include "core/store/database.h"

namespace retraind::daemon {

struct ModelChange {
  enum class Kind { added, changed, removed };
  Kind kind = Kind::added;
  std::string model;
  std::vector<std::string> keys;  // of a changed one: what differs from what was in force
};

struct ConfigurationLoad {
  std::vector<ModelChange> changes;  // by name; removed ones last
  std::size_t unchanged = 0;
};

// Models that are in force as they are here already are not touched. Tried again some times where other daemons or runs
// that end stand in the way. Throws what store::Database::transact throws; then nothing has changed.
ConfigurationLoad load_models(store::Database& registry, const settings::Settings& settings,
                              const registry::Loader& loader);

// A line of the log for each change.
void log_changes(const ConfigurationLoad& load);

// "added a; changed b (training.window, trigger nightly); removed c; 12 models unchanged; changed
// daemon.poll_interval", with no more than a few names each. `keys` are those outside of models. Pure.
std::string summary_of(const ConfigurationLoad& load, const std::vector<std::string>& keys);

}  // namespace retraind::daemon
