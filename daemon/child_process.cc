#include "daemon/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <system_error>

#include "core/base/error.h"
#include "core/base/failpoint.h"
#include "core/cage/cage.h"
#include "daemon/log.h"

namespace retraind::daemon {
namespace {

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

class FileActions {
 public:
  FileActions() { check(posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init"); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
 public:
  Attributes() { check(posix_spawnattr_init(&attributes_), "posix_spawnattr_init"); }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

pid_t spawn(const ChildSpec& spec) {
  FileActions actions;
  check(posix_spawn_file_actions_addchdir_np(actions.get(), spec.folder.c_str()), "posix_spawn: folder");
  if (spec.input >= 0) {
    check(posix_spawn_file_actions_adddup2(actions.get(), spec.input, 0), "posix_spawn: standard input");
  } else {
    check(posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0), "posix_spawn: standard input");
  }
  check(posix_spawn_file_actions_adddup2(actions.get(), spec.output, 1), "posix_spawn: standard output");
  check(posix_spawn_file_actions_adddup2(actions.get(), spec.output, 2), "posix_spawn: standard error");
  // First out of the way, then into place: a source that itself stands at 3, 4, 5… must not be overwritten before its
  // turn.
  const int count = static_cast<int>(spec.inherited.size());
  constexpr int kParking = 100;
  for (int i = 0; i < count; ++i) {
    check(posix_spawn_file_actions_adddup2(actions.get(), spec.inherited[static_cast<std::size_t>(i)], kParking + i),
          "posix_spawn: descriptor");
  }
  for (int i = 0; i < count; ++i) {
    check(posix_spawn_file_actions_adddup2(actions.get(), kParking + i, 3 + i), "posix_spawn: descriptor");
  }
  check(posix_spawn_file_actions_addclosefrom_np(actions.get(), 3 + count), "posix_spawn: close");

  Attributes attributes;
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  check(posix_spawnattr_setsigmask(attributes.get(), &none), "posix_spawn: signal mask");
  check(posix_spawnattr_setsigdefault(attributes.get(), &all), "posix_spawn: signal defaults");
  check(posix_spawnattr_setflags(attributes.get(), POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
        "posix_spawn: flags");

  const auto pointers_of = [](const std::vector<std::string>& words) {
    std::vector<char*> out;
    for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
    out.push_back(nullptr);
    return out;
  };
  const std::vector<char*> argv = pointers_of(spec.argv);
  std::vector<char*> environment;
  if (spec.environment) environment = pointers_of(*spec.environment);
  pid_t pid = -1;
  const std::string& what = spec.argv.size() > 1 ? spec.argv[1] : spec.argv.at(0);
  failpoint("before_spawn", what);
  // This process's own file, also when an upgrade has put another one in its place: a daemon and its workers must speak
  // the same language.
  check(posix_spawn(&pid, "/proc/self/exe", actions.get(), attributes.get(), argv.data(),
                    spec.environment ? environment.data() : environ),
        ("cannot start " + spec.argv.at(0)).c_str());
  failpoint("after_spawn", what);
  return pid;
}

// Children that somebody here waits for: all others are orphans that came to us. Touched on the io_context's thread
// only, which also starts them, so that none is seen in between.
std::set<pid_t>& awaited() {
  static std::set<pid_t> pids;
  return pids;
}

void end_orphans() {
  try {
    const std::uint64_t killed =
        cage::kill_strays(std::vector<int>(awaited().begin(), awaited().end()), cage::Strays::bounded);
    if (killed > 0) {
      log_event(Event::strays_killed, fmt::format("{} processes that a worker left behind were killed", killed));
    }
  } catch (const Error& error) {
    log_event(Event::strays_remain,
              fmt::format("what a worker left behind is still there: {}", error.message_with_hint()));
  }
}

int open_pidfd(pid_t pid) {
  const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) {
    const int error = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    throw std::system_error(error, std::generic_category(), "pidfd_open");
  }
  return fd;
}

}  // namespace

std::string Exit::text() const {
  if (!signal) return fmt::format("exit code {}", code);
  return fmt::format("signal {} ({})", *signal, strsignal(*signal));
}

ChildProcess::ChildProcess(boost::asio::io_context& io, const ChildSpec& spec)
    : pid_(spawn(spec)), pidfd_(io, open_pidfd(pid_)) {
  awaited().insert(pid_);
}

ChildProcess::~ChildProcess() {
  if (reaped_) return;
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  awaited().erase(pid_);
  end_orphans();
}

void ChildProcess::signal(int number) {
  if (!reaped_) ::kill(-pid_, number);
}

boost::asio::awaitable<Exit> ChildProcess::wait() {
  co_await pidfd_.async_wait(boost::asio::posix::stream_descriptor::wait_read, boost::asio::use_awaitable);
  // Whatever the child left behind in its group goes with it. Before it is reaped: after that, the number may be
  // another's.
  ::kill(-pid_, SIGKILL);
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) throw std::system_error(errno, std::generic_category(), "waitpid");
  reaped_ = true;
  awaited().erase(pid_);
  end_orphans();
  Exit out;
  if (WIFSIGNALED(status)) {
    out.signal = WTERMSIG(status);
  } else {
    out.code = WEXITSTATUS(status);
  }
  co_return out;
}

}  // namespace retraind::daemon
