#include <signal.h>

#include <cstdio>

#include "core/cage/cage.h"
#include "core/cage/cgroup.h"
#include "daemon/commands.h"
#include "daemon/configuration_files.h"
#include "daemon/credentials.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/worker.h"

namespace retraind::daemon {
namespace {

// What a run's own configuration asks for does not decide which programs this machine runs.
void restrict_programs(const Options& options) {
  if (options.root_owned) cage::run_root_owned_programs_only();
}

}  // namespace

int run_command(const Options& options) {
  adopt_credentials();
  settings::Loaded loaded = read_configuration(options.config);
  for (const settings::Complaint& complaint : loaded.complaints) std::fprintf(stderr, "%s\n", complaint.text().c_str());
  if (!loaded.complaints.empty()) return kInvalidConfiguration;
  configure_log(loaded.settings.log);
  for (const settings::Complaint& warning : loaded.warnings) log_event(Event::configuration_warning, warning.text());
  // A peer that has gone is an error of one call, never the end of the daemon.
  ::signal(SIGPIPE, SIG_IGN);
  // What a killed worker leaves comes to us: see ChildProcess.
  cage::become_subreaper();
  // No trainer may look for the registry's password in here.
  cage::hide_from_same_user();
  // Trainers get their control groups beside ours.
  cage::settle_in_subgroup();
  Daemon daemon(
      std::move(loaded.settings), [path = options.config] { return read_configuration(path); }, own_executable(),
      version());
  daemon.run();
  return kDone;
}

int worker_command(const Options& options) {
  restrict_programs(options);
  return run_worker(options.parent, version());
}

int look_command(const Options& options) {
  restrict_programs(options);
  return run_look(options.parent);
}

int trial_command(const Options& options) {
  restrict_programs(options);
  return run_trial(options.parent);
}

int score_command(const Options& options) {
  restrict_programs(options);
  return run_scoring(options.parent);
}

}  // namespace retraind::daemon
