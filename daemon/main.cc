// Words to a command, errors to exit codes. The words are in daemon/command_line.h, the commands behind
// daemon/commands.h.

#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "daemon/command_line.h"
#include "daemon/display_text.h"
#include "daemon/usage_error.h"

namespace {

// Databases, files and programs have a say in these words; a terminal must not obey them.
void say(const char* what, const std::string& hint = "") {
  std::fprintf(stderr, "retraind: %s\n", retraind::daemon::printable_text(what).c_str());
  if (!hint.empty()) std::fprintf(stderr, "hint: %s\n", retraind::daemon::printable_text(hint).c_str());
}

// What went wrong, as an exit code; the one place where every class of error ends.
int guarded(const std::function<int()>& command) {
  try {
    return command();
  } catch (const retraind::UnreachableError& error) {
    say(error.what(), error.hint());
    return retraind::daemon::kUnreachable;
  } catch (const retraind::ConfigError& error) {
    say(error.what(), error.hint());
    return retraind::daemon::kInvalidConfiguration;
  } catch (const retraind::Error& error) {
    say(error.what(), error.hint());
    return retraind::daemon::kFailed;
  } catch (const std::exception& error) {
    say(error.what());
    return retraind::daemon::kFailed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  namespace daemon = retraind::daemon;
  // A worker is started by way of /proc/self/exe, and would be called "exe" in ps and top.
  ::prctl(PR_SET_NAME, "retraind");
  daemon::CommandLine line;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    std::fputs(daemon::short_help(line.tree()).c_str(), stderr);
    return daemon::kWrongUsage;
  }
  try {
    line.tree().parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return line.tree().exit(error);  // --help, --version
    std::fputs(daemon::explain_usage(line.tree(), arguments, error).c_str(), stderr);
    return daemon::kWrongUsage;
  }
  return guarded([&] { return line.run(); });
}
