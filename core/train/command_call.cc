#include "core/train/command_call.h"

#include <signal.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <optional>
#include <string_view>

#include "core/cage/cage.h"

namespace retraind::train {
namespace {

constexpr std::size_t kShownArguments = 120;
constexpr std::size_t kShownLines = 5;
constexpr std::size_t kShownBytes = 200;  // of a line
constexpr std::string_view kWarning = "warning:";
constexpr std::string_view kProgress = "progress ";

// At most so many bytes of UTF-8, cut between characters.
std::string cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

std::string name_of(const std::vector<std::string>& argv) {
  std::string words;
  for (const std::string& word : argv) words += (words.empty() ? "" : " ") + word;
  return "the command " + cut(words, kShownArguments);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

// "; it printed last: first | second"
std::string last_words(std::string_view log) {
  std::vector<std::string> lines;
  while (!log.empty() && lines.size() < kShownLines) {
    const std::size_t from = log.find_last_of('\n');
    const std::string_view line = trimmed(from == std::string_view::npos ? log : log.substr(from + 1));
    log = from == std::string_view::npos ? std::string_view() : log.substr(0, from);
    if (line.empty()) continue;
    lines.push_back(cut(line, kShownBytes));
    std::replace_if(
        lines.back().begin(), lines.back().end(),
        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  }
  if (lines.empty()) return "; it printed nothing";
  std::string out = "; it printed last: ";
  for (std::size_t i = lines.size(); i-- > 0;) out += lines[i] + (i > 0 ? " | " : "");
  return out;
}

std::string hint_for(const cage::CageEnd& end) {
  switch (end.stop) {
    case cage::CageStop::timeout:
      return "raise training.timeout, or give it less to do";
    case cage::CageStop::memory:
      return "raise training.memory_limit, or train on fewer rows";
    case cage::CageStop::disk:
      return "raise training.disk_limit, or let it write less";
    case cage::CageStop::processes:
      return "raise training.max_processes, or let it start fewer";
    case cage::CageStop::none:
      break;
  }
  // A shell ends with 128 + N where what it ran was ended by signal N.
  const int code = end.code.value_or(0);
  const int signal = end.signal ? *end.signal : code > 128 ? code - 128 : 0;
  if (signal == SIGXFSZ) return "it wrote a longer file than training.disk_limit allows";
  if (signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS || signal == SIGKILL) {
    return "a program that is refused memory often ends so: try a larger training.memory_limit";
  }
  return "docs/trainer.md says what a command finds around it; try it with: retraind check --online --dry-run MODEL";
}

std::map<std::string, std::string> environment_of(const settings::Command& command, const std::string& folder) {
  std::map<std::string, std::string> out{
      {"PATH", "/usr/bin:/bin"}, {"LANG", "C.UTF-8"}, {"HOME", folder}, {"TMPDIR", folder}};
  for (const std::string& name : command.pass_environment) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
      throw DataError("the environment variable " + name + " of training.pass_environment is not set",
                      "set it for the daemon (systemctl edit retraind), or leave it out");
    }
    out[name] = value;
  }
  for (const auto& [name, value] : command.environment) out[name] = value;
  return out;
}

}  // namespace

std::optional<Progress> progress_in(std::string_view line) {
  if (!line.starts_with(kProgress)) return std::nullopt;
  line = trimmed(line.substr(kProgress.size()));
  const char* end = line.data() + line.size();
  Progress out{0, 0, ProgressUnit::steps};
  const auto done = std::from_chars(line.data(), end, out.done);
  if (done.ec != std::errc() || done.ptr == end || *done.ptr != '/') return std::nullopt;
  const auto total = std::from_chars(done.ptr + 1, end, out.total);
  if (total.ec != std::errc() || total.ptr != end || out.total == 0 || out.done > out.total) return std::nullopt;
  return out;
}

CommandCall::CommandCall(const settings::Command& command, const std::vector<std::string>& argv, const TrainingJob& job,
                         const PrivateFolder& folder)
    : command_(command), argv_(argv), job_(job), folder_(folder), who_(name_of(argv)) {}

void CommandCall::run() {
  cage::CageSpec spec;
  spec.argv = argv_;
  spec.folder = folder_.path();
  spec.environment = environment_of(command_, folder_.path().string());
  spec.timeout = job_.timeout;
  spec.memory_bytes = job_.memory_limit_bytes;
  spec.disk_bytes = command_.disk_limit_bytes;
  spec.log_bytes = command_.log_limit_bytes;
  spec.max_processes = command_.max_processes;
  spec.on_line = [this](std::string_view line) { take_line(line); };
  const cage::CageEnd end = cage::run_caged(spec);
  last_words_ = last_words(end.log);
  if (end.stop != cage::CageStop::none || end.code != 0) {
    throw DataError(who_ + " " + end.sentence() + last_words_, hint_for(end));
  }
  if (end.left_behind > 0 && job_.on_warning) {
    job_.on_warning(who_ + " ended and left " + std::to_string(end.left_behind) +
                    (end.left_behind == 1 ? " process" : " processes") + " running, killed since");
  }
}

DataError CommandCall::explained(const DataError& error) const {
  return DataError(error.what() + last_words_, error.hint());
}

void CommandCall::take_line(std::string_view line) const {
  if (job_.on_output) job_.on_output(line);
  if (job_.on_progress) {
    if (const auto progress = progress_in(line)) job_.on_progress(*progress);
  }
  if (job_.on_warning && line.starts_with(kWarning)) job_.on_warning(trimmed(line.substr(kWarning.size())));
}

}  // namespace retraind::train
