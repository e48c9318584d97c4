#include "daemon/stored_version.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "core/base/error.h"
#include "core/cage/cage.h"
#include "core/registry/artifacts.h"
#include "core/registry/models.h"
#include "core/settings/snapshot.h"

namespace retraind::daemon {

StoredVersion read_version(store::Transaction& transaction, const std::string& model, int version) {
  const auto id = registry::find_model(transaction, model);
  if (!id) {
    throw DataError(fmt::format("the registry does not know model \"{}\"", model),
                    "`retraind status` lists those it knows");
  }
  if (version == 0) {
    const auto production = registry::find_production(transaction, *id);
    if (!production) {
      throw DataError(fmt::format("model \"{}\" has nothing in production", model),
                      "a first run makes a version: retraind trigger " + model);
    }
    version = production->version;
  }
  const auto record = registry::find_version(transaction, *id, version);
  auto origin = registry::find_origin(transaction, *id, version);
  if (!record || !origin) {
    throw DataError(fmt::format("model \"{}\" has no version {}", model, version),
                    "`retraind history --model " + model + "` lists those that were promoted");
  }
  StoredVersion out{.version = version,
                    .artifact_sha256 = record->artifact_sha256,
                    .artifact = registry::load_artifact(transaction, record->artifact_sha256),
                    .model = settings::model_from_json(origin->configuration),
                    .origin = {}};
  out.origin = std::move(*origin);
  return out;
}

TerminalFolder::TerminalFolder(const std::string& command)
    : folder_(std::filesystem::temp_directory_path(), fmt::format("retraind-{}-{}", command, ::getpid())),
      before_(std::filesystem::current_path()) {
  // A user's program may run below this process, whose environment and memory may hold a password.
  cage::hide_from_same_user();
  std::filesystem::current_path(folder_.path());
  // Threads of XGBoost that wait for one another must not spin.
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
}

TerminalFolder::~TerminalFolder() {
  std::error_code ignored;
  std::filesystem::current_path(before_, ignored);
}

}  // namespace retraind::daemon
