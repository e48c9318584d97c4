#include "daemon/configuration_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
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

// So many models in one statement: few of them for thousands of models, and none that takes long or is large.
constexpr std::size_t kBatch = 500;

// Adds what has changed to `out`.
void put_batch(store::Transaction& transaction, const std::vector<const settings::Model*>& models,
               const registry::Loader& loader, TimePoint now, ConfigurationLoad& out) {
  const std::vector<registry::PutModel> put = registry::put_models(transaction, models, loader, now);
  std::vector<runs::ConfiguredModel> configured;
  std::vector<registry::PutModel> changed;
  for (std::size_t i = 0; i < models.size(); ++i) {
    configured.push_back({.id = put[i].id, .settings = models[i]});
    if (!put[i].added) changed.push_back(put[i]);
  }
  runs::put_monitors(transaction, configured, now);
  runs::put_scorings(transaction, configured, now);
  // What differs from the configuration that was in force, whoever had loaded it.
  const auto before = registry::configurations_before(transaction, changed);
  for (std::size_t i = 0; i < models.size(); ++i) {
    ModelChange change{.kind = ModelChange::Kind::added, .model = models[i]->name, .keys = {}};
    if (!put[i].added) {
      change.kind = ModelChange::Kind::changed;
      const auto found = before.find(put[i].id);
      if (found != before.end()) {
        change.keys = settings::changed_keys(settings::model_from_json(found->second), *models[i]);
      }
    }
    out.changes.push_back(std::move(change));
  }
}

ConfigurationLoad load_within(store::Transaction& transaction, const settings::Settings& settings,
                              const std::map<std::string, std::string>& digests, const registry::Loader& loader) {
  ConfigurationLoad out;
  const TimePoint now = runs::registry_now(transaction);
  const auto in_force = registry::list_in_force(transaction);
  std::vector<std::string> names;
  std::vector<const settings::Model*> news;
  std::vector<runs::ConfiguredModel> scored;
  for (const auto& [name, model] : settings.models) {
    names.push_back(name);
    const auto found = in_force.find(name);
    if (found == in_force.end() || found->second.sha256 != digests.at(name)) {
      news.push_back(&model);
      continue;
    }
    ++out.unchanged;
    if (!model.scoring.into.empty()) scored.push_back({.id = found->second.id, .settings = &model});
  }
  if (!news.empty()) registry::wait_for_other_loads(transaction);
  for (std::size_t begin = 0; begin < news.size(); begin += kBatch) {
    const std::size_t end = std::min(begin + kBatch, news.size());
    put_batch(transaction,
              {news.begin() + static_cast<std::ptrdiff_t>(begin), news.begin() + static_cast<std::ptrdiff_t>(end)},
              loader, now, out);
  }
  // A schema that was taken back and brought forward again has lost its queue of scorings.
  runs::restore_scorings(transaction, scored, now);
  for (const std::string& name : registry::remove_other_models(transaction, names, loader, now)) {
    out.changes.push_back({.kind = ModelChange::Kind::removed, .model = name, .keys = {}});
  }
  const runs::Executor executor{loader.daemon_id, loader.instance};
  runs::note_configuration(transaction, executor, settings::configuration_sha256(digests));
  runs::put_retention_policy(transaction, executor, settings.retention, now);
  return out;
}

}  // namespace

ConfigurationLoad load_models(store::Database& registry, const settings::Settings& settings,
                              const registry::Loader& loader) {
  std::optional<ConfigurationLoad> in_doubt;
  const auto digests = settings::configuration_digests(settings);
  for (int tried = 1;; ++tried) {
    ConfigurationLoad load;
    try {
      registry.transact("load configuration", [&](store::Transaction& transaction) {
        load = load_within(transaction, settings, digests, loader);
      });
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
