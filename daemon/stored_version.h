#pragma once
// A version out of the registry, for commands at the terminal that look into one, and the private folder they work in.

#include <filesystem>
#include <optional>
#include <string>

#include "core/registry/versions.h"
#include "core/settings/settings.h"
#include "daemon/work_directory.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::daemon {

struct StoredVersion {
  int version = 0;
  std::string artifact_sha256;
  std::string artifact;   // its bytes
  settings::Model model;  // as the run that made it carried it
  registry::VersionOrigin origin;
};

// `version` 0: the one in production. Throws DataError when there is no such model or version, or its artifact is
// damaged.
StoredVersion read_version(store::Transaction& transaction, const std::string& model, int version);

// A folder below the system's for temporary files, which is the working directory as long as this object lives: a
// model's command finds its files there.
class TerminalFolder {
 public:
  explicit TerminalFolder(const std::string& command);
  ~TerminalFolder();
  TerminalFolder(const TerminalFolder&) = delete;
  TerminalFolder& operator=(const TerminalFolder&) = delete;
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  WorkDirectory folder_;
  std::filesystem::path before_;
};

}  // namespace retraind::daemon
