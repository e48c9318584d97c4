// `retraind export MODEL --out DIR`: a version as files that need no retraind to be used.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>

#include "core/release/export_model.h"
#include "core/store/database.h"
#include "core/store/migrator.h"
#include "daemon/commands.h"
#include "daemon/stored_version.h"

namespace retraind::daemon {

int export_command(const Options& options) {
  const auto settings = load_or_complain(options.config);
  if (!settings) return kInvalidConfiguration;
  store::Database registry(settings->registry.conninfo, "retraind export");
  store::require_current_schema(registry);
  const StoredVersion stored = registry.transact("read a version", [&](store::Transaction& transaction) {
    return read_version(transaction, options.model, options.version);
  });
  const std::string wrote = release::export_model(options.out, {.model = options.model,
                                                                .version = stored.version,
                                                                .artifact_sha256 = stored.artifact_sha256,
                                                                .artifact = stored.artifact,
                                                                .lineage = stored.origin.lineage});
  if (options.json) {
    const boost::json::object said{{"model", options.model},
                                   {"version", stored.version},
                                   {"artifact_sha256", stored.artifact_sha256},
                                   {"directory", std::filesystem::absolute(options.out).lexically_normal().string()}};
    std::printf("%s\n", boost::json::serialize(said).c_str());
  } else {
    std::printf("%s version %d is in %s (%s)\n", options.model.c_str(), stored.version, options.out.c_str(),
                wrote.c_str());
  }
  return kDone;
}

}  // namespace retraind::daemon
