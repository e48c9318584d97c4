#pragma once
// This host and the configuration files, as retraind needs them: what is true of them (gathered by daemon/), and what
// that means. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/doctor/finding.h"

namespace retraind::doctor {

struct FileFacts {
  std::string path;
  bool there = false;
  unsigned mode = 0;    // permission bits, 0644
  unsigned owner = 0;   // uid
  bool secret = false;  // holds what looks like a password
};

struct HostFacts {
  unsigned uid = 0;                     // of this process
  std::vector<FileFacts> files;         // the configuration, with what it includes
  std::vector<std::string> complaints;  // about it

  std::string state_dir;
  bool state_dir_there = false;
  bool state_dir_writable = false;  // for this process
  unsigned state_dir_mode = 0;
  std::string state_dir_owner;
  std::uint64_t free_bytes = 0;  // for those who are not root
  std::uint64_t free_inodes = 0;
  std::uint64_t inodes = 0;  // 0: the file system does not count them
  std::vector<std::string> leftovers;

  std::uint64_t open_files = 0;  // the soft limit
  std::uint64_t open_files_hard = 0;
  int max_parallel_runs = 1;

  std::vector<std::string> trainers;          // that can be started: "xgboost 1.7.4", "/opt/x/train.py"
  std::vector<std::string> missing_trainers;  // "model power: …"
  std::optional<std::string> time_zone_fault;
  std::string time_zones;  // where they are

  bool in_namespace = false;
  bool in_cgroup = false;
  std::optional<std::string> cage_fault;
  bool commands = false;  // some model has a trainer of its own

  struct Unit {
    bool installed = false;
    bool active = false;
    bool no_new_privileges = false;
    bool protects_system = false;
    bool runs_as_root = false;
    bool restarts = false;
    bool delegates = false;
    bool watchdog = false;
  };
  std::optional<Unit> unit;  // std::nullopt: systemd does not run this host, or cannot be asked
};

// configuration.*
Findings judge_configuration(const HostFacts& host);
// host.*
Findings judge_host(const HostFacts& host);

}  // namespace retraind::doctor
