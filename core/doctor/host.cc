#include "core/doctor/host.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"

namespace retraind::doctor {
namespace {

constexpr std::uint64_t kLittleSpace = std::uint64_t{1} << 30;
constexpr std::uint64_t kNoSpace = std::uint64_t{64} << 20;
constexpr std::uint64_t kLeastFiles = 1024;

Finding judge_access(const HostFacts& host) {
  std::vector<std::string> open;
  std::vector<std::string> readable;
  for (const FileFacts& file : host.files) {
    if ((file.mode & 0022U) != 0 || (file.owner != 0 && file.owner != host.uid)) {
      open.push_back(fmt::format("{} (mode {:04o}, owner {})", file.path, file.mode, file.owner));
    }
    if (file.secret && (file.mode & 0077U) != 0)
      readable.push_back(fmt::format("{} (mode {:04o})", file.path, file.mode));
  }
  if (!open.empty()) {
    return problem("configuration.access",
                   "others may change what the daemon does, and which commands it runs: " + listed(open),
                   "chown root and chmod go-w");
  }
  if (!readable.empty()) {
    return problem("configuration.access", "others may read a password in " + listed(readable),
                   "take it out: libpq's passfile or a service file holds it; and choose a new one");
  }
  return ok("configuration.access", "nobody else may change the files");
}

Finding judge_state_dir(const HostFacts& host) {
  if (!host.state_dir_there) {
    return warning("host.state_dir", fmt::format("{} is not there", host.state_dir),
                   "the daemon makes it where it may; StateDirectory=retraind in the unit does");
  }
  const std::string named =
      fmt::format("{} (mode {:04o}, owner {})", host.state_dir, host.state_dir_mode, host.state_dir_owner);
  if ((host.state_dir_mode & 0022U) != 0) {
    return problem("host.state_dir", "others may write to " + named, "chmod go-w; retraind needs no one else there");
  }
  if (!host.state_dir_writable) {
    return warning("host.state_dir", "you may not write to " + named,
                   "ask as the daemon's user: sudo -u retraind retraind doctor; if that may not either, chown it");
  }
  return ok("host.state_dir", named);
}

Finding judge_disk(const HostFacts& host) {
  if (!host.state_dir_there) return ok("host.disk", "there is no state_dir yet");
  const std::string said =
      fmt::format("{} free{}", format_bytes(host.free_bytes),
                  host.inodes > 0 ? fmt::format(", {} of {} inodes", host.free_inodes, host.inodes) : "");
  const std::string remedy =
      "make room on the file system of state_dir: a run keeps its rows and its model there while it lasts";
  if (host.free_bytes < kNoSpace || (host.inodes > 0 && host.free_inodes < 100))
    return problem("host.disk", said, remedy);
  if (host.free_bytes < kLittleSpace || (host.inodes > 0 && host.free_inodes < 10000))
    return warning("host.disk", said, remedy);
  return ok("host.disk", said);
}

Finding judge_cage(const HostFacts& host) {
  const std::string holds = fmt::format("process groups and limits{}{}", host.in_namespace ? ", a PID namespace" : "",
                                        host.in_cgroup ? ", a control group" : "");
  if (host.cage_fault) {
    return host.commands
               ? problem("host.cage", "no program can be caged: " + *host.cage_fault, "mend what it says")
               : warning("host.cage", "no program can be caged: " + *host.cage_fault, "no model needs it now");
  }
  if (host.commands && !host.in_namespace && !host.in_cgroup) {
    return warning("host.cage", "a trainer of your own is held by " + holds + " alone",
                   "Delegate=yes in the unit, or unprivileged user namespaces: see \"The cage\" in operations.md");
  }
  return ok("host.cage", "here a trainer of your own is held by " + holds);
}

Finding judge_unit(const HostFacts& host) {
  if (!host.unit) return ok("host.unit", "systemd does not run this host, or cannot be asked");
  if (!host.unit->installed) return ok("host.unit", "there is no retraind.service here");
  std::vector<std::string> lacking;
  if (!host.unit->restarts) lacking.emplace_back("Restart=on-failure");
  if (!host.unit->no_new_privileges) lacking.emplace_back("NoNewPrivileges=yes");
  if (!host.unit->protects_system) lacking.emplace_back("ProtectSystem=strict");
  if (!host.unit->watchdog) lacking.emplace_back("WatchdogSec=");
  if (host.commands && !host.unit->delegates) lacking.emplace_back("Delegate=yes");
  if (host.unit->runs_as_root) {
    return problem("host.unit", "retraind.service runs as root, and so does every trainer of your own",
                   "User= or DynamicUser=yes, as in the packaged unit; systemctl cat retraind shows what overrides it");
  }
  const std::string state =
      host.unit->active ? "retraind.service is active" : "retraind.service is installed and not active";
  if (!lacking.empty()) {
    return warning(
        "host.unit", state + ", without " + listed(lacking, 9),
        "systemctl cat retraind shows what overrides the packaged unit; systemd-analyze security retraind judges it");
  }
  return host.unit->active
             ? ok("host.unit", state + ", restarts and is confined")
             : warning("host.unit", state, "systemctl enable --now retraind, unless another supervisor runs it");
}

}  // namespace

Findings judge_configuration(const HostFacts& host) {
  Findings out;
  if (host.complaints.empty()) {
    out.push_back(ok("configuration.valid",
                     fmt::format("{} without a complaint", host.files.empty() ? "" : host.files.front().path)));
  } else {
    out.push_back(problem("configuration.valid", listed(host.complaints, 3), "retraind check says all that is wrong"));
  }
  out.push_back(judge_access(host));
  return out;
}

Findings judge_host(const HostFacts& host) {
  Findings out = {judge_state_dir(host), judge_disk(host)};
  out.push_back(host.leftovers.empty()
                    ? ok("host.leftovers", "no daemon that is gone left a folder")
                    : warning("host.leftovers", "left by daemons that are gone: " + listed(host.leftovers),
                              "the next start of a daemon with this state_dir removes them"));
  // Connections, workers' pipes and files; each run in parallel takes some dozens.
  const std::uint64_t needed = 256 + 64 * static_cast<std::uint64_t>(host.max_parallel_runs);
  out.push_back(host.open_files >= std::max(kLeastFiles, needed)
                    ? ok("host.open_files", fmt::format("{} files may be open", host.open_files))
                    : warning("host.open_files",
                              fmt::format("{} files may be open ({} at most), and {} are advisable", host.open_files,
                                          host.open_files_hard, std::max(kLeastFiles, needed)),
                              "LimitNOFILE= in the unit, or ulimit -n"));
  out.push_back(
      host.missing_trainers.empty()
          ? ok("host.trainer", host.trainers.empty() ? "no model needs one" : listed(host.trainers))
          : problem("host.trainer", listed(host.missing_trainers),
                    "install Debian's libxgboost0, or the program that the model names, for the daemon's user"));
  out.push_back(host.time_zone_fault ? problem("host.time_zones", *host.time_zone_fault, "install Debian's tzdata")
                                     : ok("host.time_zones", "the time zones are in " + host.time_zones));
  out.push_back(judge_cage(host));
  out.push_back(judge_unit(host));
  return out;
}

}  // namespace retraind::doctor
