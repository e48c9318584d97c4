// Words to a command, errors to exit codes. The words are in daemon/command_line.h, the commands behind
// daemon/commands.h.

#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>

#include "core/base/error.h"
#include "daemon/command_line.h"

namespace {

void say(const retraind::Error& error) {
  std::fprintf(stderr, "retraind: %s\n", error.what());
  if (!error.hint().empty()) std::fprintf(stderr, "hint: %s\n", error.hint().c_str());
}

// What went wrong, as an exit code; the one place where every class of error ends.
int guarded(const std::function<int()>& command) {
  try {
    return command();
  } catch (const retraind::UnreachableError& error) {
    say(error);
    return retraind::daemon::kUnreachable;
  } catch (const retraind::ConfigError& error) {
    say(error);
    return retraind::daemon::kInvalidConfiguration;
  } catch (const retraind::Error& error) {
    say(error);
    return retraind::daemon::kFailed;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "retraind: %s\n", error.what());
    return retraind::daemon::kFailed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  namespace daemon = retraind::daemon;
  // A worker is started by way of /proc/self/exe, and would be called "exe" in ps and top.
  ::prctl(PR_SET_NAME, "retraind");
  daemon::CommandLine line;
  try {
    line.tree().parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return line.tree().exit(error) == 0 ? daemon::kDone : daemon::kWrongUsage;
  }
  return guarded([&] { return line.run(); });
}
