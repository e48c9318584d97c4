#include "core/registry/expectations.h"

#include "core/store/sql.h"

namespace retraind::registry {
namespace {

using store::execute;

// A run that was not judged says nothing about its window: it may be the very one that was refused.
constexpr const char* kFindExpectation = R"sql(/* retraind:registry.find_expectation */
SELECT e.columns::text,
       coalesce((SELECT r.data_rows FROM retraind.run r
                  WHERE r.model_id = e.model_id AND r.verdict IS NOT NULL AND r.data_rows IS NOT NULL
                  ORDER BY r.run_id DESC LIMIT 1), 0)
  FROM retraind.expectation e WHERE e.model_id = $1 AND e.key = $2)sql";

constexpr const char* kAddExpectation = R"sql(/* retraind:registry.add_expectation */
INSERT INTO retraind.expectation (model_id, key, version, columns, learned_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (model_id, key) DO NOTHING)sql";

}  // namespace

std::optional<data::Expectation> find_expectation(store::Transaction& transaction, ModelId model,
                                                  const std::string& key) {
  const pqxx::result found = execute(transaction, kFindExpectation, model, key);
  if (found.empty()) return std::nullopt;
  data::Expectation out = data::expectation_from_json(found[0][0].as<std::string>());
  out.last_rows = found[0][1].as<std::uint64_t>();
  return out;
}

void add_expectation(store::Transaction& transaction, ModelId model, const std::string& key, int version,
                     const data::Expectation& expectation, TimePoint now) {
  execute(transaction, kAddExpectation, model, key, version, data::to_json(expectation), now);
}

}  // namespace retraind::registry
