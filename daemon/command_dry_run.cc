// `retraind check --online --dry-run MODEL`: a run in small, at the terminal, that leaves nothing behind.

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <thread>

#include "core/base/error.h"
#include "core/cage/cage.h"
#include "core/pipeline/try_out.h"
#include "daemon/commands.h"

namespace retraind::daemon {
namespace {

namespace json = boost::json;

// A private folder that is gone when its object is, and also when the terminal says so meanwhile: Ctrl-C, TERM or a
// hang-up kills what was started, removes the folder and ends the process.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "retraind-dry-run-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
    path_ = pattern;
    ::sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals_, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    watcher_ = std::thread([this] { watch(); });
  }
  ~TemporaryFolder() {
    done_ = true;
    ::pthread_kill(watcher_.native_handle(), SIGHUP);
    watcher_.join();
    remove();
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  void watch() {
    int signal = 0;
    if (::sigwait(&signals_, &signal) != 0 || done_) return;
    try {
      cage::kill_strays({});
    } catch (const std::exception& error) {
      std::fprintf(stderr, "retraind: %s\n", error.what());
    }
    remove();
    ::_exit(128 + signal);
  }
  void remove() const {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::filesystem::path path_;
  sigset_t signals_{};
  sigset_t before_{};
  std::atomic<bool> done_ = false;
  std::thread watcher_;
};

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void print_step(const pipeline::TriedStep& step) {
  std::printf("  %-8s %-6s %7.2f s  %s\n", step.name.c_str(), step.passed ? "ok" : "FAILED", seconds(step.took),
              step.sentence.c_str());
  if (!step.hint.empty()) std::printf("  %27s hint: %s\n", "", step.hint.c_str());
  std::fflush(stdout);
}

void print_rest(const pipeline::TryOut& found) {
  for (const data::Finding& finding : found.findings) {
    std::printf("%s (%s): %s\n", finding.stops ? "a run would stop" : "finding", finding.check.c_str(),
                finding.sentence.c_str());
    if (!finding.query.empty()) std::printf("  see: %s\n", finding.query.c_str());
  }
  for (const std::string& warning : found.warnings) std::printf("warning: %s\n", warning.c_str());
  if (!found.output.empty()) {
    std::printf("the command printed last:\n");
    for (const std::string& line : found.output) std::printf("  | %s\n", line.c_str());
  }
  std::printf("%s\n", found.passed() ? "a run would get this far; nothing was kept"
                                     : "something must be mended first; nothing was kept");
}

template <class Value>
json::value or_null(const std::optional<Value>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

std::string as_json(const std::string& model, const pipeline::TryOut& found) {
  json::array steps;
  for (const pipeline::TriedStep& step : found.steps) {
    steps.push_back({{"step", step.name},
                     {"passed", step.passed},
                     {"seconds", seconds(step.took)},
                     {"sentence", step.sentence},
                     {"hint", step.hint}});
  }
  json::array findings;
  for (const data::Finding& finding : found.findings) {
    findings.push_back({{"kind", to_text(finding.kind)},
                        {"check", finding.check},
                        {"column", finding.column},
                        {"rows", or_null(finding.rows)},
                        {"stops", finding.stops},
                        {"sentence", finding.sentence},
                        {"query", finding.query}});
  }
  return json::serialize(json::object{{"model", model},
                                      {"passed", found.passed()},
                                      {"steps", std::move(steps)},
                                      {"findings", std::move(findings)},
                                      {"warnings", json::array(found.warnings.begin(), found.warnings.end())},
                                      {"output", json::array(found.output.begin(), found.output.end())},
                                      {"rows", found.rows},
                                      {"train_rows", found.train_rows},
                                      {"holdout_rows", found.holdout_rows},
                                      {"features", found.features},
                                      {"trainer", found.trainer},
                                      {"artifact_bytes", found.artifact_bytes},
                                      {"metric", to_text(found.metric)},
                                      {"value", or_null(found.value)},
                                      {"baseline", or_null(found.baseline)}});
}

}  // namespace

int dry_run_command(const Options& options, const settings::Settings& settings) {
  const auto model = settings.models.find(options.model);
  if (model == settings.models.end()) {
    throw Error(fmt::format("the configuration has no model \"{}\"", options.model));
  }
  // The user's program runs below this process, whose environment may hold a password.
  cage::hide_from_same_user();
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  if (!options.json) {
    std::printf("\nmodel %s (source %s), on a sample of about %llu rows:\n", options.model.c_str(),
                model->second.source.c_str(), static_cast<unsigned long long>(options.sample));
  }
  using clock = std::chrono::steady_clock;
  const clock::time_point began = clock::now();
  const TemporaryFolder folder;
  const pipeline::TryOutSurroundings surroundings{
      .folder = folder.path(),
      .now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()),
      .clock = [began] { return std::chrono::duration_cast<Duration>(clock::now() - began); },
      .on_step =
          [&options](const pipeline::TriedStep& step) {
            if (!options.json) print_step(step);
          },
      .on_output = {}};
  const pipeline::TryOut found =
      pipeline::try_out(model->second, settings.sources.at(model->second.source), options.sample, surroundings);
  if (options.json) {
    std::printf("%s\n", as_json(options.model, found).c_str());
  } else {
    print_rest(found);
  }
  return found.passed() ? kDone : found.unreachable ? kUnreachable : kFailed;
}

}  // namespace retraind::daemon
