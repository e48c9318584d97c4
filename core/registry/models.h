#pragma once
// Models and their configurations as the registry knows them. Every function works inside the caller's transaction;
// none starts or commits one.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/settings/settings.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::registry {

// Who loads a configuration.
struct Loader {
  std::string daemon_id;  // uuid
  std::string instance;
};

struct PutModel {
  ModelId id{};
  bool added = false;                        // never seen before, or back after it was removed
  bool changed = false;                      // its configuration differs from the one that was in force
  std::optional<std::string> sha256_before;  // of the one that was in force; absent: none ever was
};

// A model and which configuration of it is in force.
struct InForce {
  ModelId id{};
  std::string sha256;
};

// By name; models that were removed are left out.
std::map<std::string, InForce> list_in_force(store::Transaction& transaction);

// Waits until no other transaction loads many models, and keeps the others waiting until this one ends: two that put
// thousands of models at a time, a batch after the other, would wait for each other.
void wait_for_other_loads(store::Transaction& transaction);

// Makes these the configurations in force (the newest load wins), and remembers who loaded them where they differ from
// the last. Locks the models' rows. A few statements for all of them; what is returned is in their order. Their names
// are distinct.
std::vector<PutModel> put_models(store::Transaction& transaction, const std::vector<const settings::Model*>& models,
                                 const Loader& loader, TimePoint now);
PutModel put_model(store::Transaction& transaction, const settings::Model& model, const Loader& loader, TimePoint now);

// Marks as removed the models that this instance was the last to load and that are not among `names`; returns their
// names. A model that another instance loaded last stays.
std::vector<std::string> remove_other_models(store::Transaction& transaction, const std::vector<std::string>& names,
                                             const Loader& loader, TimePoint now);

// By name; std::nullopt when no daemon ever loaded such a model.
std::optional<ModelId> find_model(store::Transaction& transaction, const std::string& name);

// The settings of one configuration, as canonical JSON. Throws std::logic_error when there is none.
std::string get_configuration(store::Transaction& transaction, ModelId model, const std::string& sha256);

// Of each model that had one before it was put, the settings that were in force then.
std::map<ModelId, std::string> configurations_before(store::Transaction& transaction,
                                                     const std::vector<PutModel>& models);

}  // namespace retraind::registry
