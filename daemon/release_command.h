#pragma once
// Tells a promotion to a command of the user: its argv without a shell, the announcement on standard input and as
// variables, nothing of the daemon's own environment, in a session of its own and in the folder /. It dies with the
// daemon, so that one which outlived it cannot announce an old version after a new one. Owned by the coroutine that
// awaits it; used on the thread of the io_context.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/release/announcement.h"
#include "daemon/child_process.h"
#include "daemon/context.h"

namespace retraind::daemon {

// What the command finds in its environment, "NAME=VALUE": RETRAIND_MODEL, RETRAIND_VERSION,
// RETRAIND_PREVIOUS_VERSION, RETRAIND_KIND, RETRAIND_RUN_ID, RETRAIND_PROMOTION_ID, RETRAIND_RELEASE_ID and a fixed
// PATH; empty where there is none.
std::vector<std::string> environment_of(const release::Announcement& announcement);

class ReleaseCommand {
 public:
  explicit ReleaseCommand(Context& context);
  ~ReleaseCommand();

  // Starts it and waits for its end. Throws DataError when it cannot be started.
  boost::asio::awaitable<void> run(const std::vector<std::string>& argv, const release::Announcement& announcement);
  // Sends SIGTERM to its group, and SIGKILL after a few seconds, or at once; run() then returns.
  void end(bool at_once);

  const Exit& exit() const { return exit_; }
  // The last 4 KiB of what it wrote to standard output and error, printable.
  std::string last_words() const;

 private:
  struct Output;
  static boost::asio::awaitable<void> read(std::shared_ptr<Output> output);

  Context& context_;
  std::shared_ptr<Output> output_;
  std::unique_ptr<ChildProcess> child_;
  boost::asio::steady_timer kill_timer_;
  bool ending_ = false;
  bool killing_ = false;
  Exit exit_;
};

}  // namespace retraind::daemon
