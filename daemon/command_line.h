#pragma once
// The command line as a tree of commands and options: what main parses and --help prints, and what the manual pages and
// the shell's completion are made of (daemon/manual.h), so that none of them can say anything else. Holds what was
// said; does nothing by itself. One thread.

#include <functional>
#include <memory>

#include "daemon/commands.h"

namespace CLI {
class App;
}

namespace retraind::daemon {

class CommandLine {
 public:
  CommandLine();
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  CLI::App& tree() { return *tree_; }
  const CLI::App& tree() const { return *tree_; }
  // The command that tree().parse() found, with its options. Returns the exit code, and lets every error out.
  int run() const { return chosen_(options_); }

 private:
  Options options_;
  std::function<int(const Options&)> chosen_;
  std::unique_ptr<CLI::App> tree_;
};

}  // namespace retraind::daemon
