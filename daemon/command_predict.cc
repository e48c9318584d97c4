// `retraind predict MODEL < rows.csv > predictions.csv`: rows that are in no database, through a version.

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <system_error>

#include "core/base/error.h"
#include "core/pipeline/predict_rows.h"
#include "core/store/database.h"
#include "core/store/migrator.h"
#include "daemon/commands.h"
#include "daemon/stored_version.h"

namespace retraind::daemon {
namespace {

// Each batch of a command's model is a process.
constexpr std::size_t kRowsOfACommand = 200000;

// A file that is there whole or not at all; other things, such as a pipe or /dev/stdout, are written as they are.
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code ignored;
    const auto status = std::filesystem::status(path_, ignored);
    beside_ = !std::filesystem::exists(status) || std::filesystem::is_regular_file(status);
    if (beside_) path_ = std::filesystem::weakly_canonical(path_);
    stream_.open(written(), std::ios::binary | std::ios::trunc);
    if (!stream_) throw Error(fmt::format("{} cannot be written: {}", path_.string(), reason()));
  }
  ~OutputFile() {
    std::error_code ignored;
    if (beside_ && !done_) std::filesystem::remove(written(), ignored);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  std::ostream& stream() { return stream_; }
  void finish() {
    stream_.close();
    if (!stream_) throw Error(fmt::format("{} cannot be written: {}", path_.string(), reason()));
    if (beside_) std::filesystem::rename(written(), path_);
    done_ = true;
  }

 private:
  static std::string reason() { return std::generic_category().message(errno); }
  std::filesystem::path written() const { return beside_ ? path_.string() + ".part" : path_.string(); }

  std::filesystem::path path_;
  bool beside_ = false;
  bool done_ = false;
  std::ofstream stream_;
};

}  // namespace

int predict_command(const Options& options) {
  const auto settings = load_or_complain(options.config);
  if (!settings) return kInvalidConfiguration;
  // Opened before the working directory changes.
  std::ifstream file;
  if (!options.in.empty()) {
    if (std::filesystem::is_directory(options.in)) throw Error(fmt::format("{} is a folder", options.in.string()));
    file.open(options.in, std::ios::binary);
    if (!file) {
      throw Error(fmt::format("{} cannot be read: {}", options.in.string(), std::generic_category().message(errno)));
    }
  }
  std::optional<OutputFile> out;
  if (!options.out.empty()) out.emplace(options.out);
  const StoredVersion stored = [&] {
    store::Database registry(settings->registry.conninfo, "retraind predict");
    store::require_current_schema(registry);
    return registry.transact("read a version", [&](store::Transaction& transaction) {
      return read_version(transaction, options.model, options.version);
    });
  }();
  const TerminalFolder folder("predict");
  // Here the model is loaded by this very process: a crash harms nobody but the person at the terminal.
  const pipeline::Scorer scorer = pipeline::open_artifact(stored.model, stored.artifact, folder.path());
  for (const std::string& warning : scorer.warnings) std::fprintf(stderr, "retraind: %s\n", warning.c_str());
  pipeline::PredictWishes wishes;
  wishes.keep_columns = options.keep_columns;
  wishes.with_input = options.with_input;
  wishes.threshold = stored.model.validation.threshold;
  if (!options.in.empty()) wishes.name = options.in.string();
  if (stored.model.training.trainer == "command") wishes.batch_rows = kRowsOfACommand;
  std::ios::sync_with_stdio(false);
  std::istream& in = options.in.empty() ? std::cin : file;
  const std::uint64_t rows = pipeline::predict_rows(scorer, in, out ? out->stream() : std::cout, wishes);
  if (out) {
    out->finish();
    std::printf("%s version %d: %llu rows predicted\n", options.model.c_str(), stored.version,
                static_cast<unsigned long long>(rows));
  }
  return kDone;
}

}  // namespace retraind::daemon
