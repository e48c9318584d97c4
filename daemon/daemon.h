#pragma once
// The daemon: loads the configuration into the registry, runs the loops, answers signals, tells the service manager how
// it is, drains at the end. One object a process; everything but run() belongs to the thread of the io_context.
//
//   SIGTERM, SIGINT   drain: no new claims; running workers and deliveries get drain_timeout, then runs are handed back
//                     and deliveries broken off; a second signal does that at once
//   SIGHUP            reload: a file with complaints, or a registry that does not take it, changes nothing and says so
//
//   start ── registry takes the configuration ──► loops run: READY ──► STOPPING
//     └── it cannot be used: READY with a status that says so, and tried again for as long as it takes
//
// READY does not wait for the registry: that can go away at any time later, so a unit that is active never promises
// that it is there; and a start that waits for another machine holds up the boot, the upgrade of the package and
// whoever typed `systemctl start`, until it fails by its timeout and is started once more. What cannot come right by
// itself, a configuration that is wrong or a schema that does not fit, ends the daemon instead.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/settings/load.h"
#include "daemon/configuration_load.h"
#include "daemon/context.h"
#include "daemon/exposition.h"
#include "daemon/http_server.h"
#include "daemon/loops.h"
#include "daemon/service_notifier.h"
#include "daemon/service_watch.h"
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
  // What a reload has read, and what came of it.
  struct Reading {
    settings::Loaded loaded;
    bool into_registry = false;  // false: the registry has not answered yet, and the start does it
    ConfigurationLoad load;
    std::string failed;  // the registry's words, when it did not take it
  };

  void start(boost::asio::awaitable<void> loop);
  void fail(const std::exception_ptr& problem);  // ends run() with it
  boost::asio::awaitable<void> begin();
  void introduce(const settings::Settings& settings, ConfigurationLoad& load);  // blocking
  boost::asio::awaitable<void> answer_signals();
  boost::asio::awaitable<void> reload();
  boost::asio::awaitable<void> read_again();
  void refuse(const Reading& reading);
  void put_in_force(Reading& reading);
  boost::asio::awaitable<void> drain();
  void ring_all();
  void sign_off();
  std::string status(const std::optional<Mark>& stuck) const;

  std::string version_;
  Reader reader_;
  store::Database registry_;
  Progress progress_;  // outlives the coroutines, which the io_context takes with it
  boost::asio::io_context io_{1};
  boost::asio::thread_pool pool_;
  Context context_;
  DaemonDirectory folder_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer start_timer_;
  boost::asio::steady_timer drain_timer_;
  MonitorLoop monitors_;
  RunLoop runs_;
  TrialLoop trials_;
  ScoringLoop scorings_;
  ReleaseLoop releases_;
  UpkeepLoop upkeep_;
  ListenLoop listening_;
  ServiceNotifier notifier_;
  ServiceWatch watch_;
  Exposition exposition_;
  HttpServer http_;
  int loops_running_ = 0;  // and what comes before them: the start
  bool begun_ = false;
  bool reloading_ = false;
  bool reload_again_ = false;
  std::exception_ptr problem_;  // why the daemon cannot go on
};

}  // namespace retraind::daemon
