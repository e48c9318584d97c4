#include <signal.h>

#include "core/cage/cage.h"
#include "core/cage/cgroup.h"
#include "daemon/commands.h"
#include "daemon/daemon.h"
#include "daemon/instance.h"
#include "daemon/log.h"
#include "daemon/worker.h"

namespace retraind::daemon {

int run_command(const Options& options) {
  auto settings = load_or_complain(options.config);
  if (!settings) return kInvalidConfiguration;
  configure_log(settings->log);
  // A peer that has gone is an error of one call, never the end of the daemon.
  ::signal(SIGPIPE, SIG_IGN);
  // What a killed worker leaves comes to us: see ChildProcess.
  cage::become_subreaper();
  // No trainer may look for the registry's password in here.
  cage::hide_from_same_user();
  // Trainers get their control groups beside ours.
  cage::settle_in_subgroup();
  Daemon daemon(
      std::move(*settings), [path = options.config] { return settings::load(path, default_instance()); }, own_executable(),
      version());
  daemon.run();
  return kDone;
}

int worker_command(const Options& options) {
  return run_worker(options.parent, version());
}

int look_command(const Options& options) {
  return run_look(options.parent);
}

int trial_command(const Options& options) {
  return run_trial(options.parent);
}

int score_command(const Options& options) {
  return run_scoring(options.parent);
}

}  // namespace retraind::daemon
