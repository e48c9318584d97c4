#pragma once
// One child process: started with exactly the descriptors it is given, in a session of its own, so that a signal to its
// group reaches everything it started; its end is awaited through a pidfd. Owned by the coroutine that awaits it; used
// on the thread of the io_context only, which lives as long as the process: the kernel's parent-death signal, which the
// child arms, follows the thread that made it.
//
// The daemon is the sub-reaper of all below it. With each child that ends, what a worker left running that was killed
// before it could end its caged program is killed too, and every orphan that has ended is reaped. What an on_promote
// command left running on purpose stays: see cage::Strays.

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace retraind::daemon {

struct ChildSpec {
  std::vector<std::string> argv;  // argv[0] is the absolute path of the executable
  std::filesystem::path folder;   // where it runs
  int output = -1;                // becomes standard output and error
  std::vector<int> inherited;     // become descriptors 3, 4, 5…; every other one is closed in the child
  int input = -1;                 // becomes standard input; -1: that is /dev/null
  std::optional<std::vector<std::string>> environment = std::nullopt;  // "NAME=VALUE"; nullopt: this process's own
};

// How a process ended.
struct Exit {
  int code = 0;  // when it was not a signal
  std::optional<int> signal;
  std::string text() const;  // "exit code 1", "signal 11 (Segmentation fault)"
};

class ChildProcess {
 public:
  // Throws std::system_error when it cannot be started.
  ChildProcess(boost::asio::io_context& io, const ChildSpec& spec);
  // Kills the group and reaps when it is still there.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Sends a signal to the whole group; nothing happens when it has ended.
  void signal(int number);
  // Waits for the end and reaps. To be called once.
  boost::asio::awaitable<Exit> wait();

 private:
  pid_t pid_ = -1;
  bool reaped_ = false;
  boost::asio::posix::stream_descriptor pidfd_;
};

}  // namespace retraind::daemon
