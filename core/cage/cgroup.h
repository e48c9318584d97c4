#pragma once
// A control group (version 2) of its own for one caged program: what is in it can be killed at one instant, and where
// the controllers are there its memory and its processes are bounded by the kernel. Made below the group of the calling
// process, or beside it, where that has been delegated to this user (systemd: Delegate=yes), or where this is the root
// of all groups, as in a container. Elsewhere there is none, and the cage does without. Belongs to one thread.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace retraind::cage {

// The folder of this process's group, from what /proc/self/cgroup and /proc/self/mountinfo say; empty when version 2
// is not mounted or its mount does not show the group.
std::filesystem::path own_cgroup_folder(std::string_view cgroup, std::string_view mountinfo);

// Moves this process into a group "daemon" of its own below the one that was delegated to it alone, so that caged
// programs, whose groups are then made beside it, can have controllers: a group with processes gives its children none.
// (From systemd 254 on DelegateSubgroup= does that.) For a service to call when it starts, before its first child.
// False, and nothing has changed, where nothing is delegated or others are in the group too, as in a login's scope.
bool settle_in_subgroup();

class CGroup {
 public:
  // Null where there can be none. Removes what processes that are gone have left, and whatever still runs there.
  static std::unique_ptr<CGroup> make(std::uint64_t memory_bytes, std::uint64_t tasks);
  // Kills what is in it, and removes it.
  ~CGroup();
  CGroup(const CGroup&) = delete;
  CGroup& operator=(const CGroup&) = delete;

  // Moves a process into it; false when the system refuses.
  bool add(pid_t pid);
  void kill();
  // Whether the kernel has killed for want of memory in it.
  bool ran_out_of_memory() const;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  explicit CGroup(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path folder_;
};

}  // namespace retraind::cage
