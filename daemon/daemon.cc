#include "daemon/daemon.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "core/base/error.h"
#include "core/registry/models.h"
#include "core/runs/monitors.h"
#include "core/runs/scorings.h"
#include "core/store/migrator.h"
#include "daemon/log.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {
namespace {

namespace asio = boost::asio;

// Threads for blocking work: the evaluations, the deliveries, one for each run's bookkeeping, the listener and the
// loops' own claims.
std::size_t pool_size(const settings::Settings& settings) {
  return 16 + 2 * static_cast<std::size_t>(settings.daemon.max_parallel_runs);
}

TimePoint wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

Daemon::Daemon(settings::Settings settings, Reader reader, std::filesystem::path executable, std::string version)
    : version_(std::move(version)),
      reader_(std::move(reader)),
      registry_(settings.registry.conninfo, "retraind " + settings.daemon.instance),
      pool_(pool_size(settings)),
      context_(io_, pool_, registry_),
      folder_(settings.daemon.state_dir, context_.executor.daemon_id = runs::new_daemon_id()),
      signals_(io_, SIGTERM, SIGINT, SIGHUP),
      drain_timer_(io_),
      monitors_(context_),
      runs_(context_),
      trials_(context_),
      scorings_(context_),
      releases_(context_),
      upkeep_(context_),
      listening_(context_) {
  context_.executor.instance = settings.daemon.instance;
  context_.executable = std::move(executable);
  context_.work_folder = folder_.path();
  context_.settings = std::make_shared<const settings::Settings>(std::move(settings));
}

Daemon::~Daemon() {
  pool_.stop();
  pool_.join();
}

void Daemon::run() {
  await_registry();
  asio::co_spawn(io_, answer_signals(), asio::detached);
  const auto start = [this](auto loop) {
    ++loops_running_;
    asio::co_spawn(io_, std::move(loop), [this](const std::exception_ptr& problem) {
      // The loops catch what their passes throw; what comes out here is a bug, and going on would hide it.
      if (problem) std::rethrow_exception(problem);
      --loops_running_;
    });
  };
  start(upkeep_.run());
  start(listening_.run());
  start(monitors_.run());
  start(runs_.run());
  start(trials_.run());
  start(scorings_.run());
  start(releases_.run());
  log_info(fmt::format("retraind {} ready: instance {}, {} models, registry {}", version_, context_.executor.instance,
                       context_.settings->models.size(), registry_.description()));
  io_.run();
  try {
    registry_.transact("sign off", [&](store::Transaction& transaction) {
      runs::sign_off_daemon(transaction, context_.executor, runs::registry_now(transaction));
    });
  } catch (const std::exception& error) {
    log_warning(fmt::format("could not sign off: {}", error.what()));
  }
  log_info("stopped");
}

void Daemon::await_registry() {
  // A signal during the wait must end it: the handlers are not running yet, so the default action does.
  Duration pause = std::chrono::seconds(1);
  signals_.clear();
  while (true) {
    try {
      store::require_current_schema(registry_);
      registry_.transact("register daemon", [&](store::Transaction& transaction) {
        runs::register_daemon(transaction, context_.executor, version_, ::getpid(), runs::registry_now(transaction));
      });
      load_configuration(*context_.settings);
      context_.last_reload.succeed(wall_clock());
      break;
    } catch (const TransientError& error) {
      log_error(fmt::format("the registry cannot be used: {}; trying again in {}", error.message_with_hint(),
                            format_duration(pause)));
      std::this_thread::sleep_for(pause);
      pause = std::min<Duration>(pause * 2, std::chrono::minutes(1));
    }
  }
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.add(SIGHUP);
}

void Daemon::load_configuration(const settings::Settings& settings) {
  const registry::Loader loader{context_.executor.daemon_id, context_.executor.instance};
  std::vector<std::string> names;
  for (const auto& [name, model] : settings.models) {
    names.push_back(name);
    registry::PutModel put;
    registry_.transact("load model", [&](store::Transaction& transaction) {
      const TimePoint now = runs::registry_now(transaction);
      put = registry::put_model(transaction, model, loader, now);
      if (put.added || put.changed) runs::put_monitors(transaction, put.id, model, now);
      runs::put_scoring(transaction, put.id, model, now);
    });
    if (put.added) {
      log_info("model added", {{"model", name}});
    } else if (put.changed) {
      log_info("model changed", {{"model", name}});
    }
  }
  std::vector<std::string> removed;
  registry_.transact("remove models", [&](store::Transaction& transaction) {
    removed = registry::remove_other_models(transaction, names, loader, runs::registry_now(transaction));
  });
  for (const std::string& name : removed) log_info("model removed: it keeps its history and stops", {{"model", name}});
}

asio::awaitable<void> Daemon::answer_signals() {
  while (true) {
    boost::system::error_code error;
    const int number = co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    if (number == SIGHUP) {
      if (!context_.stopping) co_await reload();
      continue;
    }
    if (context_.stopping) {
      log_info("second signal: handing back what still runs");
      runs_.hand_back_all();
      releases_.abandon_all();
      continue;
    }
    asio::co_spawn(io_, drain(), asio::detached);
  }
}

asio::awaitable<void> Daemon::reload() {
  log_info("reloading the configuration");
  settings::Loaded loaded;
  std::string failed;
  try {
    co_await run_blocking(pool_, [this, &loaded] {
      loaded = reader_();
      if (loaded.complaints.empty()) load_configuration(loaded.settings);
    });
  } catch (const std::exception& error) {
    failed = error.what();
  }
  for (const settings::Complaint& complaint : loaded.complaints) log_error(complaint.text());
  if (!loaded.complaints.empty()) {
    log_error(fmt::format("the configuration has {} faults; the settings in force stay as they are",
                          loaded.complaints.size()));
    context_.last_reload.fail(wall_clock(), loaded.complaints.size(), loaded.complaints.front().text());
    co_return;
  }
  if (!failed.empty()) {
    log_error(fmt::format(
        "the configuration could not be loaded into the registry: {}; the settings in force stay, send SIGHUP again",
        failed));
    context_.last_reload.fail(wall_clock(), 0, failed);
    co_return;
  }
  const settings::Settings& before = *context_.settings;
  if (before.registry.conninfo != loaded.settings.registry.conninfo ||
      before.daemon.instance != loaded.settings.daemon.instance ||
      before.daemon.state_dir != loaded.settings.daemon.state_dir) {
    log_warning("registry.conninfo, daemon.instance and daemon.state_dir take effect at the next start only");
  }
  configure_log(loaded.settings.log);
  context_.settings = std::make_shared<const settings::Settings>(std::move(loaded.settings));
  context_.last_reload.succeed(wall_clock());
  log_info(fmt::format("configuration reloaded: {} models", context_.settings->models.size()));
  context_.monitors_due.ring();
  context_.runs_due.ring();
  context_.trials_due.ring();
  context_.scorings_due.ring();
  context_.releases_due.ring();
}

asio::awaitable<void> Daemon::drain() {
  context_.stopping = true;
  const Duration patience = context_.settings->daemon.drain_timeout;
  log_info(runs_.running() == 0
               ? std::string("stopping")
               : fmt::format("stopping: {} runs have {} to end", runs_.running(), format_duration(patience)));
  context_.monitors_due.ring();
  context_.runs_due.ring();
  context_.trials_due.ring();
  context_.scorings_due.ring();
  context_.releases_due.ring();
  upkeep_.stop();
  listening_.stop();
  monitors_.stop_looks();
  trials_.stop_look();
  scorings_.stop_look();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (loops_running_ > 0) {
    if (std::chrono::steady_clock::now() >= deadline) {
      runs_.hand_back_all();
      releases_.abandon_all();
    }
    listening_.stop();
    drain_timer_.expires_after(std::chrono::milliseconds(50));
    boost::system::error_code ignored;
    co_await drain_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  signals_.cancel();
}

}  // namespace retraind::daemon
