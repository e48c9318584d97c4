#pragma once
// The private folder of one run attempt, and the folder of one start of a daemon that holds them. Removed with
// everything in it when its object goes; what a killed daemon left is removed by the next one.

#include <filesystem>
#include <string>

namespace retraind::daemon {

// A folder below `parent` that nobody else may enter (0700). Throws std::system_error.
class WorkDirectory {
 public:
  WorkDirectory(const std::filesystem::path& parent, const std::string& name);
  ~WorkDirectory();
  WorkDirectory(const WorkDirectory&) = delete;
  WorkDirectory& operator=(const WorkDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// state_dir/work/DAEMON_ID, held by a lock as long as this object lives; on the way the folders of daemons that are
// gone (nobody holds their lock) are removed. Several daemons may share a state_dir. Throws TransientError.
class DaemonDirectory {
 public:
  DaemonDirectory(const std::filesystem::path& state_dir, const std::string& daemon_id);
  ~DaemonDirectory();
  DaemonDirectory(const DaemonDirectory&) = delete;
  DaemonDirectory& operator=(const DaemonDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace retraind::daemon
