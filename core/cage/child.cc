#include "core/cage/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <concepts>

namespace retraind::cage {
namespace {

constexpr int kReport = 3;  // where the report's descriptor stands in the end
constexpr int kCannotStart = 127;

// Straight into the kernel: the C library's own functions, and a sanitizer's stand-ins for them, may take locks.
long word(std::integral auto value) {
  return static_cast<long>(value);
}
long word(const void* pointer) {
  return reinterpret_cast<long>(pointer);
}
template <class... Words>
long call(long number, Words... words) {
  return ::syscall(number, word(words)...);
}

[[noreturn]] void leave(int code) {
  while (true) call(SYS_exit_group, code);
}

void tell(int fd, News news, std::int32_t value, std::int32_t detail) {
  const Report report{.news = news, .value = value, .detail = detail};
  while (call(SYS_write, fd, static_cast<const void*>(&report), sizeof report) < 0 && errno == EINTR) {
  }
}

[[noreturn]] void fail(int fd, News news, Stage stage) {
  tell(fd, news, static_cast<std::int32_t>(stage), errno);
  leave(kCannotStart);
}

// The kernel's idea of a set of signals.
std::uint64_t bit(int signal) {
  return std::uint64_t{1} << (signal - 1);
}

void forget_signals() {
  // struct sigaction differs between architectures, but zeros are the default everywhere.
  const unsigned char zeros[64] = {};
  for (int signal = 1; signal <= 64; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    call(SYS_rt_sigaction, signal, static_cast<const void*>(zeros), static_cast<const void*>(nullptr), 8);
  }
  const std::uint64_t none = 0;
  call(SYS_rt_sigprocmask, SIG_SETMASK, static_cast<const void*>(&none), static_cast<const void*>(nullptr), 8);
}

// Standard input and what else is given into place, the report behind them, and nothing beyond.
bool settle_descriptors(const Plan& plan, int output) {
  if (call(SYS_dup3, plan.nothing, 0, 0) < 0 || call(SYS_dup3, output, 1, 0) < 0 || call(SYS_dup3, output, 2, 0) < 0 ||
      call(SYS_dup3, plan.report, kReport, O_CLOEXEC) < 0)
    return false;
  if (call(SYS_close_range, kReport + 1, ~0U, 0) == 0) return true;
  for (int fd = kReport + 1; fd <= plan.highest; ++fd) call(SYS_close, fd);
  return true;
}

[[noreturn]] void become_program(const Plan& plan) {
  const auto check = [&](bool good, Stage stage) {
    if (!good) fail(plan.report, News::failed, stage);
  };
  call(SYS_setsid);
  call(SYS_umask, 077);
  check(call(SYS_chdir, static_cast<const void*>(plan.folder)) == 0, Stage::folder);
  check(call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, Stage::limit);
  check(settle_descriptors(plan, plan.output), Stage::descriptors);
  forget_signals();
  // Last, since this copy of the caller may be larger than the program may become.
  for (std::size_t i = 0; i < plan.limit_count; ++i) {
    const ResourceLimit& limit = plan.limits[i];
    const void* value = &limit.value;
    if (call(SYS_prlimit64, 0, limit.resource, value, static_cast<const void*>(nullptr)) != 0)
      fail(kReport, News::failed, Stage::limit);
  }
  call(SYS_execve, static_cast<const void*>(plan.argv[0]), static_cast<const void*>(plan.argv),
       static_cast<const void*>(plan.environment));
  fail(kReport, News::failed, Stage::execute);
}

bool write_file(const char* path, const char* text) {
  const long fd = call(SYS_openat, AT_FDCWD, static_cast<const void*>(path), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::size_t size = 0;
  while (text[size] != '\0') ++size;
  const bool good = call(SYS_write, fd, static_cast<const void*>(text), size) == static_cast<long>(size);
  const int error = errno;
  call(SYS_close, fd);
  errno = error;
  return good;
}

void map_user(const Plan& plan) {
  // The files of a process that hides its memory belong to root. For these three lines this one does not hide.
  call(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
  const bool good = write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", plan.user_map) &&
                    write_file("/proc/self/gid_map", plan.group_map);
  const int error = errno;
  call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  errno = error;
  if (!good) fail(plan.report, News::refused, Stage::map);
}

bool mount(const char* type, const char* where, unsigned long flags, const char* options) {
  return call(SYS_mount, static_cast<const void*>(type), static_cast<const void*>(where),
              static_cast<const void*>(type), flags, static_cast<const void*>(options)) == 0;
}

// A /proc of the namespace's own: a program that looks itself up by its pid must not find somebody else. It cannot be
// had in many containers, and then the namespace is not worth having.
void mount_own(const Plan& plan) {
  const char* const none = "none";
  const bool good =
      call(SYS_mount, static_cast<const void*>(none), static_cast<const void*>("/"), static_cast<const void*>(nullptr),
           MS_REC | MS_SLAVE, static_cast<const void*>(nullptr)) == 0 &&
      mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  if (!good) fail(plan.report, News::refused, Stage::mount);
  // Where root is not counted by RLIMIT_NPROC, this keeps a fork bomb small. Never the machine's own limit: the plan
  // has this for kernels only that have one for each namespace.
  if (plan.pid_limit != nullptr) write_file("/proc/sys/kernel/pid_max", plan.pid_limit);
  // Shared memory that is forgotten goes with the namespace. Where it cannot be had, the machine's own does.
  mount("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, plan.memory_disk);
}

// The first process of a namespace: ends when the program has, and the kernel then ends all others.
[[noreturn]] void lead_namespace(const Plan& plan) {
  const long program = call(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (program < 0) fail(plan.report, News::failed, Stage::fork);
  if (program == 0) become_program(plan);
  if (!settle_descriptors(plan, plan.nothing)) fail(plan.report, News::failed, Stage::descriptors);
  const std::uint64_t awaited = bit(SIGCHLD) | bit(SIGTERM);
  std::int32_t status = 0;
  bool ended = false;
  while (!ended) {
    const long signal = call(SYS_rt_sigtimedwait, static_cast<const void*>(&awaited), static_cast<const void*>(nullptr),
                             static_cast<const void*>(nullptr), 8);
    if (signal == SIGTERM) {
      if (call(SYS_kill, -program, SIGTERM) != 0) call(SYS_kill, program, SIGTERM);
      call(SYS_kill, -program, SIGCONT);
    }
    std::int32_t one = 0;
    long pid = 0;
    while ((pid = call(SYS_wait4, -1, static_cast<const void*>(&one), WNOHANG, static_cast<const void*>(nullptr))) >
           0) {
      if (pid != program) continue;
      status = one;
      ended = true;
    }
  }
  // Whoever had ended before is reaped by now; who is reaped from here on outlived the program. A process whose parent
  // dies becomes a child of this one, so none is missed.
  call(SYS_kill, -1, SIGKILL);
  std::int32_t left = 0;
  while (call(SYS_wait4, -1, static_cast<const void*>(nullptr), 0, static_cast<const void*>(nullptr)) > 0) ++left;
  tell(kReport, News::ended, status, left);
  leave(0);
}

}  // namespace

void live_as_child(const Plan& plan) {
  // This is a copy of the caller's memory: nobody may look for a secret in it.
  call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  call(SYS_setsid);
  if (call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) fail(plan.report, News::failed, Stage::arm);
  if (plan.in_namespace) {
    if (plan.user_map != nullptr) map_user(plan);
    mount_own(plan);
  }
  // A parent that ended before the death signal was armed cannot answer any more.
  call(SYS_close, plan.go_writing);
  tell(plan.report, News::armed, 0, 0);
  char byte = 0;
  long got = 0;
  while ((got = call(SYS_read, plan.go, static_cast<const void*>(&byte), 1)) < 0 && errno == EINTR) {
  }
  if (got != 1) leave(kCannotStart);
  if (plan.in_namespace) lead_namespace(plan);
  become_program(plan);
}

}  // namespace retraind::cage
