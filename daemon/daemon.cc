#include "daemon/daemon.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/base/error.h"
#include "core/settings/changes.h"
#include "core/store/migrator.h"
#include "daemon/log.h"
#include "daemon/run_blocking.h"
#include "daemon/service_status.h"

namespace retraind::daemon {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

// What comes after drain_timeout: to end workers, to record what became of them, to sign off.
constexpr Duration kAfterDrain = std::chrono::seconds(60);
// Between the first two attempts at the registry; doubles.
constexpr Duration kFirstPause = std::chrono::seconds(1);

// Threads for blocking work: the evaluations, the deliveries, one for each run's bookkeeping, the listener and the
// loops' own claims.
std::size_t pool_size(const settings::Settings& settings) {
  return 20 + 2 * static_cast<std::size_t>(settings.daemon.max_parallel_runs);
}

TimePoint wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// Every statement of the daemon is short: what takes longer is better given up and asked again than waited for, while
// leases run out.
constexpr Duration kStatementTimeout = std::chrono::seconds(12);
constexpr Duration kLockTimeout = std::chrono::seconds(10);

// Between two attempts to reach a registry that is away: whoever waits for it should be at work soon after it is back.
constexpr Duration kLongestPause = std::chrono::seconds(3);

}  // namespace

Daemon::Daemon(settings::Settings settings, Reader reader, std::filesystem::path executable, std::string version)
    : version_(std::move(version)),
      reader_(std::move(reader)),
      registry_(settings.registry.conninfo, "retraind " + settings.daemon.instance),
      pool_(pool_size(settings)),
      context_(io_, pool_, registry_, progress_),
      folder_(settings.daemon.state_dir, context_.executor.daemon_id = runs::new_daemon_id()),
      signals_(io_, SIGTERM, SIGINT, SIGHUP),
      start_timer_(io_),
      drain_timer_(io_),
      monitors_(context_),
      runs_(context_),
      trials_(context_),
      scorings_(context_),
      releases_(context_),
      upkeep_(context_),
      listening_(context_),
      watch_(context_, notifier_, [this](const std::optional<Mark>& stuck) { return status(stuck); }),
      exposition_(context_, [this] { return runs_.least_lease(); }),
      http_(context_, exposition_) {
  registry_.set_timeouts(kStatementTimeout, kLockTimeout);
  registry_.on_error([this](const std::exception& error) { context_.metrics.registry_failed(failure_class(error)); });
  context_.health.watch([this] { return watch_.stuck_text(); });
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
  asio::co_spawn(io_, answer_signals(), asio::detached);
  asio::co_spawn(io_, watch_.run(), asio::detached);
  // Whoever watches is answered from here on, also while the registry is away, and until the last loop has ended.
  asio::co_spawn(io_, http_.run(), [this](const std::exception_ptr& problem) {
    if (problem) fail(problem);
  });
  start(begin());
  io_.run();
  if (problem_) std::rethrow_exception(problem_);
  if (begun_) sign_off();
  log_event(Event::stopped, "stopped");
}

void Daemon::start(asio::awaitable<void> loop) {
  ++loops_running_;
  asio::co_spawn(io_, std::move(loop), [this](const std::exception_ptr& problem) {
    --loops_running_;
    // The loops catch what their passes throw. What comes out here is a bug, and going on would hide it; or, of the
    // start, a registry that does not fit.
    if (problem) fail(problem);
  });
}

void Daemon::fail(const std::exception_ptr& problem) {
  problem_ = problem;
  io_.stop();
}

asio::awaitable<void> Daemon::begin() {
  Progress::Activity activity(context_.progress, "the start");
  Duration pause = kFirstPause;
  std::shared_ptr<const settings::Settings> settings;
  // Again, too, where the files were read again meanwhile.
  while (!context_.stopping && settings != context_.settings) {
    settings = context_.settings;
    ConfigurationLoad load;
    activity.mark("putting the configuration into the registry", 2 * kBulkTime);
    try {
      co_await run_blocking(pool_, [this, &settings, &load] { introduce(*settings, load); });
      context_.registry_health.pass_succeeded("start");
      log_changes(load);
      context_.last_reload.succeed(wall_clock());
      context_.health.note_loaded();
      continue;
    } catch (const TransientError& error) {
      context_.registry_health.pass_failed("start", "the registry cannot be used", error, pause);
      settings.reset();
    }
    if (context_.stopping) break;
    if (pause == kFirstPause) notifier_.ready(status(std::nullopt));
    activity.mark("waiting to try again", pause + kSlack);
    start_timer_.expires_after(pause);
    boost::system::error_code ignored;
    co_await start_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    pause = std::min(pause * 2, kLongestPause);
  }
  if (context_.stopping) co_return;
  begun_ = true;
  start(upkeep_.run());
  start(listening_.run());
  start(monitors_.run());
  start(runs_.run());
  start(trials_.run());
  start(scorings_.run());
  start(releases_.run());
  notifier_.ready(status(std::nullopt));
  log_event(Event::ready,
            fmt::format("retraind {} ready: instance {}, {} models, registry {}", version_, context_.executor.instance,
                        context_.settings->models.size(), registry_.description()));
}

void Daemon::introduce(const settings::Settings& settings, ConfigurationLoad& load) {
  store::require_current_schema(registry_);
  registry_.transact("register daemon", [&](store::Transaction& transaction) {
    runs::register_daemon(transaction, context_.executor, version_, ::getpid(), runs::registry_now(transaction));
  });
  load = load_models(registry_, settings, {context_.executor.daemon_id, context_.executor.instance});
}

asio::awaitable<void> Daemon::answer_signals() {
  while (true) {
    boost::system::error_code error;
    const int number = co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    if (number == SIGHUP) {
      // One at a time; what changed in the files while they were read is not missed.
      reload_again_ = reloading_;
      if (!reloading_ && !context_.stopping) asio::co_spawn(io_, reload(), asio::detached);
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
  reloading_ = true;
  notifier_.reloading("reloading the configuration");
  do {
    reload_again_ = false;
    co_await read_again();
  } while (reload_again_ && !context_.stopping);
  reloading_ = false;
  if (!context_.stopping) notifier_.ready(status(std::nullopt));
}

asio::awaitable<void> Daemon::read_again() {
  log_event(Event::reloading, "reloading the configuration");
  Progress::Activity activity(context_.progress, "the reload");
  activity.mark("putting the configuration into the registry", 2 * kBulkTime);
  Reading reading;
  reading.into_registry = begun_;
  try {
    co_await run_blocking(pool_, [this, &reading] {
      reading.loaded = reader_();
      if (!reading.loaded.complaints.empty() || !reading.into_registry) return;
      reading.load =
          load_models(registry_, reading.loaded.settings, {context_.executor.daemon_id, context_.executor.instance});
    });
  } catch (const Error& error) {
    reading.failed = error.message_with_hint();
  } catch (const std::exception& error) {
    reading.failed = error.what();
  }
  for (const settings::Complaint& warning : reading.loaded.warnings) {
    log_event(Event::configuration_warning, warning.text());
  }
  if (reading.loaded.complaints.empty() && reading.failed.empty()) {
    put_in_force(reading);
  } else {
    refuse(reading);
  }
}

void Daemon::refuse(const Reading& reading) {
  const auto& complaints = reading.loaded.complaints;
  for (const settings::Complaint& complaint : complaints) log_event(Event::configuration_fault, complaint.text());
  if (!complaints.empty()) {
    log_event(Event::reload_failed,
              fmt::format("the configuration was not reloaded, it has {} {}; the settings before stay in force: mend "
                          "the file and reload again",
                          complaints.size(), complaints.size() == 1 ? "fault" : "faults"));
  } else {
    log_event(Event::reload_failed, fmt::format("the configuration was not reloaded, the registry did not take it: {}; "
                                                "the settings before stay in force: reload again",
                                                reading.failed));
  }
  context_.last_reload.fail(wall_clock(), complaints.size(),
                            complaints.empty() ? reading.failed : complaints.front().text());
}

void Daemon::put_in_force(Reading& reading) {
  settings::Settings& loaded = reading.loaded.settings;
  const std::vector<std::string> keys = settings::changed_keys(*context_.settings, loaded);
  std::string later;
  for (const std::string& key : keys) {
    if (settings::takes_effect_at_start(key)) later += (later.empty() ? "" : ", ") + key;
  }
  configure_log(loaded.log);
  context_.settings = std::make_shared<const settings::Settings>(std::move(loaded));
  http_.reconfigure();
  if (reading.into_registry) {
    context_.last_reload.succeed(wall_clock());
    log_changes(reading.load);
    log_event(Event::reloaded, "configuration reloaded: " + summary_of(reading.load, keys));
  } else {
    log_info("the configuration was read again, for when the registry can be used");
    start_timer_.cancel();
    if (begun_) reload_again_ = true;  // the start has just ended, with what was read before
  }
  if (!later.empty()) {
    log_event(Event::restart_needed, fmt::format("{} changed, which takes effect at the next start only", later));
  }
  ring_all();
}

asio::awaitable<void> Daemon::drain() {
  context_.stopping = true;
  const Duration patience = context_.settings->daemon.drain_timeout;
  const std::string what = stopping_text(runs_.running(), releases_.delivering(), patience);
  notifier_.stopping(what, patience + kAfterDrain);
  log_event(Event::stopping, what);
  ring_all();
  start_timer_.cancel();
  upkeep_.stop();
  listening_.stop();
  monitors_.stop_looks();
  trials_.stop_look();
  scorings_.stop_look();
  const auto deadline = steady_clock::now() + patience;
  while (loops_running_ > 0) {
    if (steady_clock::now() >= deadline) {
      runs_.hand_back_all();
      releases_.abandon_all();
    }
    listening_.stop();
    drain_timer_.expires_after(std::chrono::milliseconds(50));
    boost::system::error_code ignored;
    co_await drain_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  watch_.stop();
  http_.stop();
  signals_.cancel();
}

void Daemon::ring_all() {
  context_.monitors_due.ring();
  context_.runs_due.ring();
  context_.trials_due.ring();
  context_.scorings_due.ring();
  context_.releases_due.ring();
}

void Daemon::sign_off() {
  try {
    registry_.transact("sign off", [&](store::Transaction& transaction) {
      runs::sign_off_daemon(transaction, context_.executor, runs::registry_now(transaction));
    });
  } catch (const std::exception& error) {
    log_event(Event::sign_off_failed, fmt::format("could not sign off: {}", error.what()));
  }
}

std::string Daemon::status(const std::optional<Mark>& stuck) const {
  const std::size_t looks = monitors_.looking() + (trials_.looking() ? 1U : 0U) + (scorings_.looking() ? 1U : 0U);
  const ServiceStatus now{.begun = begun_,
                          .runs = runs_.running(),
                          .looks = looks,
                          .deliveries = releases_.delivering(),
                          .models = context_.settings->models.size(),
                          .next_trigger = context_.next_trigger_at,
                          .trouble = context_.registry_health.trouble(),
                          .stuck = stuck,
                          .last_reload = context_.last_reload};
  return status_text(now, wall_clock(), steady_clock::now());
}

}  // namespace retraind::daemon
