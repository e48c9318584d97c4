#include "core/registry/models.h"

#include <set>

#include "core/base/sha256.h"
#include "core/settings/snapshot.h"
#include "core/store/sql.h"

namespace retraind::registry {
namespace {

using store::execute;
using store::read;

constexpr const char* kFindModel = R"sql(/* retraind:registry.find_model */
SELECT model_id FROM retraind.model WHERE name = $1)sql";

// Any constant will do, as long as it stays; this one spells "rtld".
constexpr const char* kWaitForLoads = R"sql(/* retraind:registry.wait_for_other_loads */
SELECT pg_advisory_xact_lock(x'72746c64'::bigint))sql";

constexpr const char* kInsertModels = R"sql(/* retraind:registry.insert_models */
INSERT INTO retraind.model (name, source, created_at)
SELECT n.name, n.source, $3 FROM unnest($1::text[], $2::text[]) n (name, source) ORDER BY n.name COLLATE "C"
ON CONFLICT (name) DO NOTHING RETURNING name)sql";

constexpr const char* kListInForce = R"sql(/* retraind:registry.list_in_force */
SELECT name, model_id, configuration_sha256 FROM retraind.model
 WHERE removed_at IS NULL AND configuration_sha256 IS NOT NULL)sql";

// In one order everywhere, so that two loads cannot wait for each other.
constexpr const char* kLockModels = R"sql(/* retraind:registry.lock_models */
SELECT name, model_id, configuration_sha256, removed_at IS NOT NULL FROM retraind.model WHERE name = ANY ($1::text[])
 ORDER BY name COLLATE "C" FOR UPDATE)sql";

constexpr const char* kInsertConfigurations = R"sql(/* retraind:registry.insert_configurations */
INSERT INTO retraind.configuration (model_id, sha256, pipeline_sha256, settings, first_loaded_at)
SELECT c.model_id, c.sha256, c.pipeline_sha256, c.settings::json, $5
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) c (model_id, sha256, pipeline_sha256, settings)
ON CONFLICT DO NOTHING)sql";

constexpr const char* kPutInForce = R"sql(/* retraind:registry.put_in_force */
UPDATE retraind.model m SET configuration_sha256 = c.sha256, source = c.source, removed_at = NULL
  FROM unnest($1::bigint[], $2::text[], $3::text[]) c (model_id, sha256, source) WHERE m.model_id = c.model_id)sql";

constexpr const char* kInsertLoads = R"sql(/* retraind:registry.insert_loads */
INSERT INTO retraind.configuration_load (model_id, sha256, loaded_at, daemon_id, instance)
SELECT c.model_id, c.sha256, $3, $4, $5 FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY c (model_id, sha256, nth) ORDER BY c.nth)sql";

constexpr const char* kRemoveOthers = R"sql(/* retraind:registry.remove_others */
UPDATE retraind.model m SET removed_at = $3
 WHERE m.removed_at IS NULL AND m.name <> ALL ($1::text[])
   AND $2 = (SELECT l.instance FROM retraind.configuration_load l WHERE l.model_id = m.model_id ORDER BY l.load_id DESC LIMIT 1)
RETURNING m.name)sql";

constexpr const char* kGetConfiguration = R"sql(/* retraind:registry.get_configuration */
SELECT settings::text FROM retraind.configuration WHERE model_id = $1 AND sha256 = $2)sql";

constexpr const char* kListConfigurations = R"sql(/* retraind:registry.list_configurations */
SELECT c.model_id, c.settings::text
  FROM unnest($1::bigint[], $2::text[]) w (model_id, sha256) JOIN retraind.configuration c ON c.model_id = w.model_id AND c.sha256 = w.sha256)sql";

}  // namespace

std::map<std::string, InForce> list_in_force(store::Transaction& transaction) {
  std::map<std::string, InForce> out;
  for (const auto& row : execute(transaction, kListInForce)) {
    out[row[0].as<std::string>()] = {.id = read<ModelId>(row[1]), .sha256 = row[2].as<std::string>()};
  }
  return out;
}

void wait_for_other_loads(store::Transaction& transaction) {
  execute(transaction, kWaitForLoads);
}

std::vector<PutModel> put_models(store::Transaction& transaction, const std::vector<const settings::Model*>& models,
                                 const Loader& loader, TimePoint now) {
  std::vector<std::string> names;
  std::vector<std::string> sources;
  for (const settings::Model* model : models) {
    names.push_back(model->name);
    sources.push_back(model->source);
  }
  std::map<std::string, PutModel> known;
  std::set<std::string> removed;
  for (const auto& row : execute(transaction, kInsertModels, names, sources, now)) {
    known[row[0].as<std::string>()].added = true;
  }
  for (const auto& row : execute(transaction, kLockModels, names)) {
    const auto name = row[0].as<std::string>();
    PutModel& put = known[name];
    put.id = read<ModelId>(row[1]);
    put.sha256_before = read<std::optional<std::string>>(row[2]);
    if (!row[3].as<bool>()) continue;
    removed.insert(name);
    put.added = true;
  }

  std::vector<PutModel> out;
  std::vector<std::string> ids, digests, pipelines, texts, new_sources;
  for (const settings::Model* model : models) {
    PutModel& put = out.emplace_back(std::move(known.at(model->name)));
    std::string text = settings::to_json(*model);
    std::string digest = to_hex(sha256(text));
    put.changed = put.sha256_before != digest;
    if (!put.changed && !removed.contains(model->name)) continue;
    ids.push_back(std::to_string(number(put.id)));
    digests.push_back(std::move(digest));
    pipelines.push_back(settings::pipeline_sha256(*model));
    texts.push_back(std::move(text));
    new_sources.push_back(model->source);
  }
  if (ids.empty()) return out;
  execute(transaction, kInsertConfigurations, ids, digests, pipelines, texts, now);
  execute(transaction, kPutInForce, ids, digests, new_sources);
  execute(transaction, kInsertLoads, ids, digests, now, loader.daemon_id, loader.instance);
  return out;
}

PutModel put_model(store::Transaction& transaction, const settings::Model& model, const Loader& loader, TimePoint now) {
  return put_models(transaction, {&model}, loader, now).front();
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

std::map<ModelId, std::string> configurations_before(store::Transaction& transaction,
                                                     const std::vector<PutModel>& models) {
  std::vector<std::string> ids, digests;
  for (const PutModel& put : models) {
    if (!put.sha256_before) continue;
    ids.push_back(std::to_string(number(put.id)));
    digests.push_back(*put.sha256_before);
  }
  std::map<ModelId, std::string> out;
  if (ids.empty()) return out;
  for (const auto& row : execute(transaction, kListConfigurations, ids, digests)) {
    out[read<ModelId>(row[0])] = row[1].as<std::string>();
  }
  return out;
}

}  // namespace retraind::registry
