#pragma once
// What the loops of one daemon share. Made and owned by Daemon; the settings are replaced as a whole at a reload, and
// every pass of a loop takes its own reference first.

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/runs/daemons.h"
#include "core/settings/settings.h"
#include "core/store/database.h"
#include "daemon/health.h"
#include "daemon/metrics.h"
#include "daemon/progress.h"
#include "daemon/registry_health.h"
#include "daemon/reload_outcome.h"
#include "daemon/wakeup.h"

namespace retraind::daemon {

struct Context {
  Context(boost::asio::io_context& io_context, boost::asio::thread_pool& blocking, store::Database& database,
          Progress& marks)
      : io(io_context),
        pool(blocking),
        registry(database),
        progress(marks),
        monitors_due(io_context),
        runs_due(io_context),
        trials_due(io_context),
        scorings_due(io_context),
        releases_due(io_context) {}

  boost::asio::io_context& io;
  boost::asio::thread_pool& pool;
  store::Database& registry;
  Progress& progress;
  runs::Executor executor;
  std::filesystem::path executable;   // of this process: workers are the same file
  std::filesystem::path work_folder;  // private to this start of the daemon
  std::shared_ptr<const settings::Settings> settings;
  ReloadOutcome last_reload;
  Metrics metrics;  // what the loops count
  Health health;
  RegistryHealth registry_health;
  std::optional<TimePoint> next_trigger_at;  // by this host's clock; as far as the monitor loop knows
  Wakeup monitors_due;
  Wakeup runs_due;
  Wakeup trials_due;
  Wakeup scorings_due;
  Wakeup releases_due;
  bool stopping = false;

  std::vector<std::string> source_names() const {
    std::vector<std::string> names;
    for (const auto& [name, source] : settings->sources) names.push_back(name);
    return names;
  }
};

}  // namespace retraind::daemon
