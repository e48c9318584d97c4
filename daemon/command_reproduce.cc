// `retraind reproduce MODEL VERSION`: makes a version again and says whether it is the same. Nothing is recorded.

#include <fmt/format.h>
#include <cstdio>

#include "core/base/error.h"
#include "core/pipeline/kept_data.h"
#include "core/pipeline/reproduce.h"
#include "core/registry/artifacts.h"
#include "core/store/database.h"
#include "core/store/migrator.h"
#include "daemon/commands.h"
#include "daemon/progress_line.h"
#include "daemon/stored_version.h"

namespace retraind::daemon {
namespace {

std::string spelled(const train::Progress& progress) {
  const std::string done = fmt::format("training: {} {}", progress.done, to_text(progress.unit));
  return progress.total == 0 ? done : fmt::format("{} of {}", done, progress.total);
}

pipeline::VersionToReproduce read(store::Transaction& transaction, const Options& options,
                                  const std::filesystem::path& folder) {
  StoredVersion stored = read_version(transaction, options.model, options.version);
  pipeline::VersionToReproduce out{.version = stored.version,
                                   .model = std::move(stored.model),
                                   .lineage = pipeline::lineage_from_json(stored.origin.lineage),
                                   .data_sha256 = stored.origin.data_sha256,
                                   .artifact = std::move(stored.artifact),
                                   .artifact_sha256 = stored.artifact_sha256,
                                   .parent_artifact = {},
                                   .parent_fault = {},
                                   .kept_data = std::nullopt};
  if (out.lineage.parent) {
    try {
      out.parent_artifact = registry::load_artifact(transaction, out.lineage.parent->artifact_sha256);
    } catch (const DataError& error) {
      out.parent_fault =
          fmt::format("it went on from version {}, which cannot be had: {}", out.lineage.parent->version, error.what());
    }
  }
  if (stored.origin.kept_data_sha256) {
    const std::filesystem::path file = folder / pipeline::kKeptDataFile;
    registry::load_artifact_file(transaction, *stored.origin.kept_data_sha256, file);
    out.kept_data = file;
  }
  return out;
}

}  // namespace

int reproduce_command(const Options& options) {
  const auto settings = load_or_complain(options.config);
  if (!settings) return kInvalidConfiguration;
  const TerminalFolder folder("reproduce");
  std::optional<pipeline::VersionToReproduce> version;
  {
    store::Database registry(settings->registry.conninfo, "retraind reproduce");
    store::require_current_schema(registry);
    version = registry.transact(
        "read a version", [&](store::Transaction& transaction) { return read(transaction, options, folder.path()); });
  }
  const auto source = settings->sources.find(version->model.source);
  ProgressLine line;
  const pipeline::Reproduction found =
      pipeline::reproduce(*version, source == settings->sources.end() ? nullptr : &source->second, folder.path(),
                          {.kept = options.kept,
                           .anyway = options.anyway,
                           .threads = options.threads,
                           .retraind = daemon::version(),
                           .on_rows = [&](std::uint64_t rows) { line.say(fmt::format("reading: {} rows", rows)); },
                           .on_progress = [&](const train::Progress& progress) { line.say(spelled(progress)); }});
  line.clear();
  if (options.json) {
    std::printf("%s\n", pipeline::to_json(found).c_str());
  } else {
    std::fputs(pipeline::to_report(found).c_str(), stdout);
  }
  return found.reproduced() ? kDone : kFailed;
}

}  // namespace retraind::daemon
