#include "core/registry/models.h"

#include "core/settings/snapshot.h"
#include "core/store/sql.h"

namespace retraind::registry {
namespace {

using store::execute;
using store::read;

constexpr const char* kFindModel = R"sql(/* retraind:registry.find_model */
SELECT model_id FROM retraind.model WHERE name = $1)sql";

constexpr const char* kInsertModel = R"sql(/* retraind:registry.insert_model */
INSERT INTO retraind.model (name, source, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING)sql";

constexpr const char* kListInForce = R"sql(/* retraind:registry.list_in_force */
SELECT name, model_id, configuration_sha256 FROM retraind.model
 WHERE removed_at IS NULL AND configuration_sha256 IS NOT NULL)sql";

constexpr const char* kLockModel = R"sql(/* retraind:registry.lock_model */
SELECT model_id, configuration_sha256, removed_at IS NOT NULL FROM retraind.model WHERE name = $1 FOR UPDATE)sql";

constexpr const char* kInsertConfiguration = R"sql(/* retraind:registry.insert_configuration */
INSERT INTO retraind.configuration (model_id, sha256, pipeline_sha256, settings, first_loaded_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING)sql";

constexpr const char* kPutInForce = R"sql(/* retraind:registry.put_in_force */
UPDATE retraind.model SET configuration_sha256 = $2, source = $3, removed_at = NULL WHERE model_id = $1)sql";

constexpr const char* kInsertLoad = R"sql(/* retraind:registry.insert_load */
INSERT INTO retraind.configuration_load (model_id, sha256, loaded_at, daemon_id, instance) VALUES ($1, $2, $3, $4, $5))sql";

constexpr const char* kRemoveOthers = R"sql(/* retraind:registry.remove_others */
UPDATE retraind.model m SET removed_at = $3
 WHERE m.removed_at IS NULL AND m.name <> ALL ($1::text[])
   AND $2 = (SELECT l.instance FROM retraind.configuration_load l WHERE l.model_id = m.model_id ORDER BY l.load_id DESC LIMIT 1)
RETURNING m.name)sql";

constexpr const char* kGetConfiguration = R"sql(/* retraind:registry.get_configuration */
SELECT settings::text FROM retraind.configuration WHERE model_id = $1 AND sha256 = $2)sql";

}  // namespace

std::map<std::string, InForce> list_in_force(store::Transaction& transaction) {
  std::map<std::string, InForce> out;
  for (const auto& row : execute(transaction, kListInForce)) {
    out[row[0].as<std::string>()] = {.id = read<ModelId>(row[1]), .sha256 = row[2].as<std::string>()};
  }
  return out;
}

PutModel put_model(store::Transaction& transaction, const settings::Model& model, const Loader& loader, TimePoint now) {
  PutModel out;
  out.added = execute(transaction, kInsertModel, model.name, model.source, now).affected_rows() == 1;
  const pqxx::result locked = execute(transaction, kLockModel, model.name);
  out.id = read<ModelId>(locked.at(0).at(0));
  out.sha256_before = read<std::optional<std::string>>(locked[0][1]);
  const bool was_removed = locked[0][2].as<bool>();
  out.added = out.added || was_removed;

  const std::string sha256 = settings::configuration_sha256(model);
  out.changed = out.sha256_before != sha256;
  if (!out.changed && !was_removed) return out;
  execute(transaction, kInsertConfiguration, out.id, sha256, settings::pipeline_sha256(model), settings::to_json(model),
          now);
  execute(transaction, kPutInForce, out.id, sha256, model.source);
  execute(transaction, kInsertLoad, out.id, sha256, now, loader.daemon_id, loader.instance);
  return out;
}

std::vector<std::string> remove_other_models(store::Transaction& transaction, const std::vector<std::string>& names,
                                             const Loader& loader, TimePoint now) {
  std::vector<std::string> out;
  for (const auto& row : execute(transaction, kRemoveOthers, names, loader.instance, now)) {
    out.push_back(row[0].as<std::string>());
  }
  return out;
}

std::optional<ModelId> find_model(store::Transaction& transaction, const std::string& name) {
  const pqxx::result found = execute(transaction, kFindModel, name);
  if (found.empty()) return std::nullopt;
  return read<ModelId>(found[0][0]);
}

std::string get_configuration(store::Transaction& transaction, ModelId model, const std::string& sha256) {
  const pqxx::result result = execute(transaction, kGetConfiguration, model, sha256);
  if (result.empty())
    throw std::logic_error("no configuration " + sha256 + " of model " + std::to_string(number(model)));
  return result[0][0].as<std::string>();
}

}  // namespace retraind::registry
