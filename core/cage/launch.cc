#include "core/cage/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <system_error>
#include <vector>

#include "core/base/error.h"
#include "core/cage/limits.h"
#include "core/cage/processes.h"

namespace retraind::cage {
namespace {

constexpr int kPatienceMs = 5000;
constexpr unsigned long kNamespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC;

void require_startable(const CageSpec& spec) {
  if (spec.argv.empty()) throw std::logic_error("a cage without a command");
  const std::string& program = spec.argv.front();
  if (!program.starts_with('/')) {
    throw DataError(fmt::format("the command {} cannot be started: it is no absolute path", program),
                    "name the program by its whole path; no PATH is searched, and no shell is involved");
  }
  const auto require_whole = [&](const std::string& text) {
    if (text.find('\0') != std::string::npos)
      throw DataError(
          fmt::format("the command {} cannot be started: an argument or variable of it holds a NUL", program));
  };
  for (const std::string& word : spec.argv) require_whole(word);
  for (const auto& [name, value] : spec.environment) require_whole(name + value);
}

[[noreturn]] void throw_failure(const Report& report, const std::string& program, const std::string& folder) {
  const int error = report.detail;
  const auto stage = static_cast<Stage>(report.value);
  const std::string said = std::generic_category().message(error);
  if (stage != Stage::execute) {
    const std::string what = stage == Stage::folder ? fmt::format("cannot enter the folder {}", folder)
                                                    : fmt::format("cannot start the command {}", program);
    throw std::system_error(error, std::generic_category(), what);
  }
  std::string hint;
  if (error == ENOENT) {
    struct stat about {};
    hint = ::stat(program.c_str(), &about) == 0 ? "the interpreter that its first line names is not there"
                                                : "install it on this machine, or correct its path";
  } else if (error == EACCES) {
    hint = "it must be a file that the daemon's user may execute: chmod a+x";
  } else if (error == ENOEXEC) {
    hint = "a script needs a first line such as #!/usr/bin/python3; a program must be one for this machine";
  } else if (error == ETXTBSY) {
    hint = "somebody is writing to it";
  } else if (error != ENOTDIR && error != ELOOP && error != ENAMETOOLONG && error != E2BIG && error != EINVAL) {
    throw std::system_error(error, std::generic_category(), fmt::format("cannot start the command {}", program));
  }
  throw DataError(fmt::format("the command {} cannot be started: {}", program, said), hint);
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// In the parent, no handler may run while the child that is a copy of it still has them.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

int highest_descriptor() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 65536;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 20));
}

// How many threads and processes the program's user may have, all told. As root the kernel does not ask.
std::uint64_t task_bound(const CageSpec& spec, unsigned long namespaces) {
  if (::geteuid() == 0) return 0;
  if ((namespaces & CLONE_NEWUSER) != 0 && tasks_are_counted_by_namespace()) return task_limit(spec.max_processes);
  // The user's other processes count too. All of the machine's are more than those.
  std::uint64_t others = 0;
  for (const Process& process : read_processes()) others += process.threads;
  return others + task_limit(spec.max_processes);
}

}  // namespace

Launch::Launch(const CageSpec& spec) : program_(spec.argv.empty() ? "" : spec.argv.front()), folder_(spec.folder) {
  require_startable(spec);
  if (spec.cgroups) cgroup_ = CGroup::make(spec.memory_bytes, task_limit(spec.max_processes));
  if (spec.namespaces && start(spec, kNamespaces)) return;
  if (spec.namespaces && start(spec, kNamespaces | CLONE_NEWUSER)) return;
  start(spec, 0);
}

Launch::~Launch() {
  if (pid_ >= 0) kill_and_reap();
}

// False where the kernel, or whoever guards it, does not give the namespaces.
bool Launch::start(const CageSpec& spec, unsigned long namespaces) {
  output_.emplace();
  report_.emplace();
  go_.emplace();
  const Descriptor opened(::open("/dev/null", O_RDWR | O_CLOEXEC), "cannot open /dev/null");
  const Descriptor nothing(::fcntl(opened.get(), F_DUPFD_CLOEXEC, Pipe::kLowest), "cannot open /dev/null");

  std::vector<std::string> words = spec.argv;
  std::vector<std::string> variables;
  for (const auto& [name, value] : spec.environment) variables.push_back(name + "=" + value);
  const std::vector<char*> argv = pointers_to(words);
  const std::vector<char*> environment = pointers_to(variables);
  const std::vector<ResourceLimit> limits =
      resource_limits(spec.memory_bytes, spec.disk_bytes, task_bound(spec, namespaces));
  const std::string user_map = fmt::format("{0} {0} 1", ::geteuid());
  const std::string group_map = fmt::format("{0} {0} 1", ::getegid());
  const std::string memory_disk = fmt::format("mode=1777,size={}", spec.memory_bytes);
  // The kernel takes no less than 301 and some for each processor.
  const std::string pid_limit = fmt::format("{}", std::max<std::uint64_t>(1024, 300 + task_limit(spec.max_processes)));
  const bool with_user = (namespaces & CLONE_NEWUSER) != 0;
  const Plan plan{.argv = argv.data(),
                  .environment = environment.data(),
                  .folder = folder_.c_str(),
                  .limits = limits.data(),
                  .limit_count = limits.size(),
                  .nothing = nothing.get(),
                  .output = output_->writing(),
                  .report = report_->writing(),
                  .go = go_->reading(),
                  .go_writing = go_->writing(),
                  .highest = highest_descriptor(),
                  .in_namespace = namespaces != 0,
                  .user_map = with_user ? user_map.c_str() : nullptr,
                  .group_map = with_user ? group_map.c_str() : nullptr,
                  .pid_limit = pid_limit_is_of_the_namespace() ? pid_limit.c_str() : nullptr,
                  .memory_disk = memory_disk.c_str()};
  {
    const SignalsBlocked blocked;
    // A fork without the C library's handlers, which may wait for locks of threads that the child does not have.
    pid_ = static_cast<pid_t>(::syscall(SYS_clone, namespaces | SIGCHLD, 0UL, 0UL, 0UL, 0UL));
    if (pid_ == 0) live_as_child(plan);
  }
  if (pid_ < 0) {
    if (namespaces != 0) return false;
    throw std::system_error(errno, std::generic_category(), "cannot start a process");
  }
  // Our child, and reaped by nobody else: the number is its own.
  pidfd_.reset();
  pidfd_.emplace(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (pidfd_->get() < 0) {
    const int error = errno;
    kill();
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
    throw std::system_error(error, std::generic_category(), "pidfd_open");
  }
  output_->close_writing();
  report_->close_writing();
  go_->close_reading();
  in_namespace_ = namespaces != 0;

  const std::optional<Report> first = next_report(true);
  if (!first || first->news != News::armed) {
    kill_and_reap();
    if (namespaces != 0) return false;
    if (first) throw_failure(*first, program_, folder_);
    throw TransientError(fmt::format("the process that should become the command {} was killed", program_));
  }
  if (cgroup_ && !cgroup_->add(pid_)) cgroup_.reset();
  const char byte = 1;
  // It waits for this byte; when somebody has killed it meanwhile, its end tells.
  [[maybe_unused]] const ssize_t written = ::write(go_->writing(), &byte, 1);
  ::fcntl(output_->reading(), F_SETFL, O_NONBLOCK);
  return true;
}

void Launch::kill_and_reap() {
  kill();
  // Not for ever: one that waits for a dead disk is left to whoever comes after us.
  pollfd ended{.fd = pidfd_->get(), .events = POLLIN, .revents = 0};
  ::poll(&ended, 1, kPatienceMs);
  ::waitpid(pid_, nullptr, WNOHANG);
  pid_ = -1;
}

bool Launch::has_become_program() const {
  // Its reading end is closed in whatever is executed, and the first process of a namespace has closed its own.
  pollfd ready{.fd = go_->writing(), .events = 0, .revents = 0};
  return ::poll(&ready, 1, 0) > 0 && (ready.revents & POLLERR) != 0;
}

std::optional<Report> Launch::next_report(bool wait) {
  Report report;
  pollfd ready{.fd = report_->reading(), .events = POLLIN, .revents = 0};
  while (true) {
    const int found = ::poll(&ready, 1, wait ? -1 : 0);
    if (found < 0 && errno == EINTR) continue;
    if (found <= 0) return std::nullopt;
    const ssize_t got = ::read(report_->reading(), &report, sizeof report);
    if (got < 0 && errno == EINTR) continue;
    if (got != static_cast<ssize_t>(sizeof report)) return std::nullopt;
    return report;
  }
}

void Launch::ask_to_end() {
  if (in_namespace_) {
    ::kill(pid_, SIGTERM);  // its first process passes it on
    return;
  }
  if (::kill(-pid_, SIGTERM) != 0) ::kill(pid_, SIGTERM);
  ::kill(-pid_, SIGCONT);
}

void Launch::kill() {
  if (cgroup_) cgroup_->kill();
  // Only what leads a session of its own can be signalled as a group: it may not have come that far.
  if (!in_namespace_) ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
}

Ending Launch::reap() {
  Ending out;
  while (::waitpid(pid_, &out.status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  while (const std::optional<Report> report = next_report(false)) {
    if (report->news == News::failed) throw_failure(*report, program_, folder_);
    if (report->news != News::ended) continue;
    out.status = report->value;
    out.left_behind = static_cast<std::uint64_t>(report->detail);
  }
  return out;
}

}  // namespace retraind::cage
