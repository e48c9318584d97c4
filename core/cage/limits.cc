#include "core/cage/limits.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace retraind::cage {
namespace {

constexpr rlim_t kOpenFiles = 1024;
constexpr rlim_t kMostOpenFiles = 65536;
constexpr std::uint64_t kTasksPerProcess = 4;

// A hard limit that is in force cannot be raised by a plain user, and must not be by root.
ResourceLimit at_most(int resource, rlim_t soft, rlim_t hard) {
  rlimit now{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &now) != 0)
    throw std::system_error(errno, std::generic_category(), "getrlimit");
  // RLIM_INFINITY is the largest number of its type.
  hard = std::min(hard, now.rlim_max);
  return {.resource = resource, .value = {.rlim_cur = std::min(soft, hard), .rlim_max = hard}};
}

bool kernel_is_at_least(int major, int minor) {
  utsname system{};
  int found_major = 0;
  int found_minor = 0;
  if (::uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &found_major, &found_minor) != 2) return false;
  return found_major > major || (found_major == major && found_minor >= minor);
}

}  // namespace

std::vector<ResourceLimit> resource_limits(std::uint64_t memory_bytes, std::uint64_t file_bytes, std::uint64_t tasks) {
  std::vector<ResourceLimit> out{
      at_most(RLIMIT_CORE, 0, 0),
      at_most(RLIMIT_NOFILE, kOpenFiles, kMostOpenFiles),
      at_most(RLIMIT_FSIZE, file_bytes, file_bytes),
      at_most(RLIMIT_AS, memory_bytes, memory_bytes),
  };
  if (tasks > 0) out.push_back(at_most(RLIMIT_NPROC, tasks, tasks));
  return out;
}

std::uint64_t task_limit(int max_processes) {
  return kTasksPerProcess * static_cast<std::uint64_t>(std::max(max_processes, 1));
}

bool tasks_are_counted_by_namespace() {
  return kernel_is_at_least(5, 14);
}

bool pid_limit_is_of_the_namespace() {
  return kernel_is_at_least(6, 14);
}

}  // namespace retraind::cage
