#include "daemon/host_facts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>

#include "core/base/descriptor.h"
#include "core/base/error.h"
#include "core/base/redaction.h"
#include "core/cage/cage.h"
#include "core/schedule/cron.h"
#include "core/train/xgboost_library.h"
#include "daemon/work_directory.h"

namespace retraind::daemon {
namespace {

namespace fs = std::filesystem;

std::string name_of(uid_t uid) {
  const struct passwd* entry = ::getpwuid(uid);
  return entry != nullptr ? entry->pw_name : std::to_string(uid);
}

bool holds_secret(const fs::path& file) {
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return redacted(text) != text;
}

doctor::FileFacts look_at_file(const fs::path& path) {
  doctor::FileFacts out{.path = path.string()};
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return out;
  out.there = true;
  out.mode = about.st_mode & 07777U;
  out.owner = about.st_uid;
  out.secret = holds_secret(path);
  return out;
}

// Work folders whose lock nobody holds. Looking takes the lock for an instant, as a starting daemon does.
std::vector<std::string> list_leftovers(const fs::path& state_dir) {
  std::vector<std::string> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(state_dir / "work", ignored)) {
    const Descriptor lock(::open((entry.path() / "lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (lock.get() >= 0 && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) out.push_back(entry.path().filename().string());
  }
  return out;
}

void look_at_state_dir(doctor::HostFacts& out, const fs::path& state_dir) {
  out.state_dir = state_dir.string();
  struct stat about {};
  if (::stat(state_dir.c_str(), &about) != 0 || !S_ISDIR(about.st_mode)) return;
  out.state_dir_there = true;
  out.state_dir_mode = about.st_mode & 07777U;
  out.state_dir_owner = name_of(about.st_uid);
  out.state_dir_writable = ::access(state_dir.c_str(), W_OK | X_OK) == 0;
  struct statvfs space {};
  if (::statvfs(state_dir.c_str(), &space) == 0) {
    out.free_bytes = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
    out.free_inodes = space.f_favail;
    out.inodes = space.f_files;
  }
  out.leftovers = list_leftovers(state_dir);
}

void look_at_trainers(doctor::HostFacts& out, const settings::Settings& settings) {
  std::set<std::string> found;
  bool xgboost = false;
  for (const auto& [name, model] : settings.models) {
    if (model.training.command.train.empty()) {
      xgboost = true;
      continue;
    }
    out.commands = true;
    for (const std::vector<std::string>* argv : {&model.training.command.train, &model.training.command.predict}) {
      if (argv->empty()) continue;
      if (::access(argv->front().c_str(), X_OK) == 0) {
        found.insert(argv->front());
      } else {
        out.missing_trainers.push_back(fmt::format("model {}: {} cannot be executed: {}", name, argv->front(),
                                                   std::generic_category().message(errno)));
      }
    }
  }
  if (xgboost) {
    try {
      int major = 0;
      int minor = 0;
      int patch = 0;
      train::xgboost::library().XGBoostVersion(&major, &minor, &patch);
      found.insert(fmt::format("xgboost {}.{}.{}", major, minor, patch));
    } catch (const ConfigError& error) {
      out.missing_trainers.emplace_back(error.what());
    }
  }
  out.trainers.assign(found.begin(), found.end());
}

void look_at_cage(doctor::HostFacts& out) {
  try {
    const WorkDirectory folder(fs::temp_directory_path(), fmt::format("retraind-doctor-{}", ::getpid()));
    cage::CageSpec spec;
    spec.argv = {"/bin/true"};
    spec.folder = folder.path();
    spec.timeout = std::chrono::seconds(10);
    const cage::CageEnd end = cage::run_caged(spec);
    out.in_namespace = end.in_namespace;
    out.in_cgroup = end.in_cgroup;
    if (end.code != 0) out.cage_fault = "/bin/true " + end.sentence();
  } catch (const std::exception& error) {
    out.cage_fault = error.what();
  }
}

// "Key=value" lines of `systemctl show`.
std::map<std::string, std::string> ask_systemd() {
  std::map<std::string, std::string> out;
  if (::access("/run/systemd/system", F_OK) != 0 || ::access("/usr/bin/systemctl", X_OK) != 0) return out;
  const WorkDirectory folder(fs::temp_directory_path(), fmt::format("retraind-doctor-{}", ::getpid()));
  cage::CageSpec spec;
  spec.argv = {
      "/usr/bin/systemctl", "show", "--no-pager", "retraind.service",
      "--property=LoadState,ActiveState,NoNewPrivileges,ProtectSystem,User,DynamicUser,Restart,Delegate,WatchdogUSec"};
  spec.folder = folder.path();
  spec.timeout = std::chrono::seconds(10);
  const cage::CageEnd end = cage::run_caged(spec);
  if (end.code != 0) return out;
  std::istringstream lines(end.log);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) out[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return out;
}

std::optional<doctor::HostFacts::Unit> look_at_unit() {
  try {
    std::map<std::string, std::string> said = ask_systemd();
    if (said.empty()) return std::nullopt;
    const auto& user = said["User"];
    return doctor::HostFacts::Unit{
        .installed = said["LoadState"] == "loaded",
        .active = said["ActiveState"] == "active",
        .no_new_privileges = said["NoNewPrivileges"] == "yes",
        .protects_system = said["ProtectSystem"] == "strict" || said["ProtectSystem"] == "full",
        .runs_as_root = said["DynamicUser"] != "yes" && (user.empty() || user == "root" || user == "0"),
        .restarts = said["Restart"] != "no" && !said["Restart"].empty(),
        .delegates = said["Delegate"] == "yes",
        .watchdog = said["WatchdogUSec"] != "0" && said["WatchdogUSec"] != "infinity"};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace

doctor::HostFacts gather_host(const fs::path& config, const settings::Loaded& loaded) {
  doctor::HostFacts out;
  out.uid = ::geteuid();
  out.files.push_back(look_at_file(config));
  for (const fs::path& file : loaded.settings.files) {
    if (file != config) out.files.push_back(look_at_file(file));
  }
  for (const settings::Complaint& complaint : loaded.complaints) out.complaints.push_back(complaint.text());
  const settings::Settings& settings = loaded.settings;
  look_at_state_dir(out, settings.daemon.state_dir);
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.open_files = limit.rlim_cur;
    out.open_files_hard = limit.rlim_max;
  }
  out.max_parallel_runs = settings.daemon.max_parallel_runs;
  look_at_trainers(out, settings);
  out.time_zones = "/usr/share/zoneinfo";
  try {
    schedule::require_timezone("Europe/Berlin");
  } catch (const std::exception& error) {
    out.time_zone_fault = error.what();
  }
  look_at_cage(out);
  out.unit = look_at_unit();
  return out;
}

}  // namespace retraind::daemon
