#include "daemon/configuration_load.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <thread>

#include "core/base/error.h"
#include "core/runs/daemons.h"
#include "core/runs/monitors.h"
#include "core/runs/retention.h"
#include "core/runs/scorings.h"
#include "core/settings/changes.h"
#include "core/settings/snapshot.h"
#include "daemon/log.h"

namespace retraind::daemon {
namespace {

constexpr int kTries = 3;
constexpr auto kPause = std::chrono::milliseconds(500);
// More names in one line help nobody; each model has a line of its own besides.
constexpr std::size_t kMostNames = 20;

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kMostNames; ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMostNames) out += fmt::format(" and {} more", names.size() - kMostNames);
  return out;
}

// What differs from the configuration that was in force, whoever had loaded it.
std::vector<std::string> differences(store::Transaction& transaction, const registry::PutModel& put,
                                     const settings::Model& model) {
  if (!put.sha256_before) return {};
  const std::string before = registry::get_configuration(transaction, put.id, *put.sha256_before);
  return settings::changed_keys(settings::model_from_json(before), model);
}

ConfigurationLoad load_within(store::Transaction& transaction, const settings::Settings& settings,
                              const registry::Loader& loader) {
  ConfigurationLoad out;
  const TimePoint now = runs::registry_now(transaction);
  const auto in_force = registry::list_in_force(transaction);
  std::vector<std::string> names;
  // In the order of their names, so that daemons that load at the same time wait for one another and do not deadlock.
  for (const auto& [name, model] : settings.models) {
    names.push_back(name);
    const auto found = in_force.find(name);
    if (found != in_force.end() && found->second.sha256 == settings::configuration_sha256(model)) {
      ++out.unchanged;
      // A schema that was taken back and brought forward again has lost its queue of scorings.
      if (!model.scoring.into.empty()) runs::put_scoring(transaction, found->second.id, model, now);
      continue;
    }
    const registry::PutModel put = registry::put_model(transaction, model, loader, now);
    runs::put_monitors(transaction, put.id, model, now);
    runs::put_scoring(transaction, put.id, model, now);
    if (put.added) {
      out.changes.push_back({.kind = ModelChange::Kind::added, .model = name, .keys = {}});
    } else {
      out.changes.push_back(
          {.kind = ModelChange::Kind::changed, .model = name, .keys = differences(transaction, put, model)});
    }
  }
  for (const std::string& name : registry::remove_other_models(transaction, names, loader, now)) {
    out.changes.push_back({.kind = ModelChange::Kind::removed, .model = name, .keys = {}});
  }
  const runs::Executor executor{loader.daemon_id, loader.instance};
  runs::note_configuration(transaction, executor, settings::configuration_sha256(settings));
  runs::put_retention_policy(transaction, executor, settings.retention, now);
  return out;
}

}  // namespace

ConfigurationLoad load_models(store::Database& registry, const settings::Settings& settings,
                              const registry::Loader& loader) {
  std::optional<ConfigurationLoad> in_doubt;
  for (int tried = 1;; ++tried) {
    ConfigurationLoad load;
    try {
      registry.transact("load configuration",
                        [&](store::Transaction& transaction) { load = load_within(transaction, settings, loader); });
      // When the COMMIT before was made after all, nothing is left to change; what it changed is still news.
      return in_doubt && load.changes.empty() ? *in_doubt : load;
    } catch (const InDoubtError&) {
      // To load the same once more changes nothing.
      if (tried == kTries) throw;
      if (!in_doubt) in_doubt = load;
    } catch (const UnreachableError&) {
      throw;
    } catch (const TransientError&) {
      if (tried == kTries) throw;
    }
    std::this_thread::sleep_for(kPause);
  }
}

void log_changes(const ConfigurationLoad& load) {
  for (const ModelChange& change : load.changes) {
    std::string message;
    switch (change.kind) {
      case ModelChange::Kind::added:
        message = "model added";
        break;
      case ModelChange::Kind::changed:
        message = change.keys.empty() ? "model changed" : "model changed: " + joined(change.keys);
        break;
      case ModelChange::Kind::removed:
        message = "model removed: it keeps its history and stops";
        break;
    }
    log_event(Event::model_loaded, message, {{"model", change.model}});
  }
}

std::string summary_of(const ConfigurationLoad& load, const std::vector<std::string>& keys) {
  std::vector<std::string> added;
  std::vector<std::string> changed;
  std::vector<std::string> removed;
  for (const ModelChange& change : load.changes) {
    switch (change.kind) {
      case ModelChange::Kind::added:
        added.push_back(change.model);
        break;
      case ModelChange::Kind::changed:
        changed.push_back(change.model + (change.keys.empty() ? "" : fmt::format(" ({})", joined(change.keys))));
        break;
      case ModelChange::Kind::removed:
        removed.push_back(change.model);
        break;
    }
  }
  std::string out;
  const auto add = [&out](const std::string& part) { out += (out.empty() ? "" : "; ") + part; };
  if (!added.empty()) add("added " + joined(added));
  if (!changed.empty()) add("changed " + joined(changed));
  if (!removed.empty()) add("removed " + joined(removed));
  add(fmt::format("{} {} unchanged", load.unchanged, load.unchanged == 1 ? "model" : "models"));
  if (!keys.empty()) add("changed " + joined(keys));
  return out;
}

}  // namespace retraind::daemon
