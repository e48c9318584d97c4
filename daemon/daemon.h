#pragma once
// The daemon: loads the configuration into the registry, runs the loops, answers signals, drains at the end. One object
// a process; everything but run() belongs to the thread of the io_context.
//
//   SIGTERM, SIGINT   drain: no new claims; running workers and deliveries get drain_timeout, then runs are handed back
//   and
//                     deliveries broken off; a
//   second
//                     signal hands them back at once
//   SIGHUP            reload: a file with complaints changes nothing and says so

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/settings/load.h"
#include "daemon/context.h"
#include "daemon/loops.h"
#include "daemon/work_directory.h"

namespace retraind::daemon {

class Daemon {
 public:
  // Reads the configuration anew at each reload.
  using Reader = std::function<settings::Loaded()>;

  Daemon(settings::Settings settings, Reader reader, std::filesystem::path executable, std::string version);
  ~Daemon();

  // Returns when the daemon has stopped in good order. Throws ConfigError when the registry's schema does not fit;
  // waits, trying again for ever, while the registry cannot be reached.
  void run();

 private:
  void await_registry();
  void load_configuration(const settings::Settings& settings);  // blocking
  boost::asio::awaitable<void> answer_signals();
  boost::asio::awaitable<void> reload();
  boost::asio::awaitable<void> drain();

  std::string version_;
  Reader reader_;
  store::Database registry_;
  boost::asio::io_context io_{1};
  boost::asio::thread_pool pool_;
  Context context_;
  DaemonDirectory folder_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer drain_timer_;
  MonitorLoop monitors_;
  RunLoop runs_;
  TrialLoop trials_;
  ScoringLoop scorings_;
  ReleaseLoop releases_;
  UpkeepLoop upkeep_;
  ListenLoop listening_;
  int loops_running_ = 0;
};

}  // namespace retraind::daemon
