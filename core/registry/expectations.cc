#include "core/registry/expectations.h"

#include "core/store/sql.h"

namespace retraind::registry {
namespace {

using store::execute;

// Which version was promoted is often decided long after it was made, by a person or by a shadow.
constexpr const char* kFindExpectation = R"sql(/* retraind:registry.find_expectation */
SELECT e.columns::text
  FROM retraind.expectation e JOIN retraind.promotion p ON p.model_id = e.model_id AND p.version = e.version
 WHERE e.model_id = $1 AND e.key = $2
   AND NOT EXISTS (SELECT FROM retraind.expectation later JOIN retraind.promotion l ON l.model_id = later.model_id AND l.version = later.version
                    WHERE later.model_id = e.model_id AND later.key = e.key AND later.anew AND l.promotion_id > p.promotion_id)
 ORDER BY p.promotion_id LIMIT 1)sql";

// A run that was not judged says nothing about its window: it may be the very one that was refused.
constexpr const char* kLastRows = R"sql(/* retraind:registry.last_window_rows */
SELECT r.data_rows FROM retraind.run r
 WHERE r.model_id = $1 AND r.verdict IS NOT NULL AND r.data_rows IS NOT NULL ORDER BY r.run_id DESC LIMIT 1)sql";

constexpr const char* kAddExpectation = R"sql(/* retraind:registry.add_expectation */
INSERT INTO retraind.expectation (model_id, key, version, columns, anew, learned_at) VALUES ($1, $2, $3, $4, $5, $6))sql";

}  // namespace

std::optional<data::Expectation> find_expectation(store::Transaction& transaction, ModelId model,
                                                  const std::string& key) {
  const pqxx::result found = execute(transaction, kFindExpectation, model, key);
  if (found.empty()) return std::nullopt;
  data::Expectation out = data::expectation_from_json(found[0][0].as<std::string>());
  out.last_rows = last_window_rows(transaction, model);
  return out;
}

std::uint64_t last_window_rows(store::Transaction& transaction, ModelId model) {
  const pqxx::result found = execute(transaction, kLastRows, model);
  return found.empty() ? 0 : found[0][0].as<std::uint64_t>();
}

void add_expectation(store::Transaction& transaction, ModelId model, const std::string& key, int version,
                     const data::Expectation& expectation, bool anew, TimePoint now) {
  execute(transaction, kAddExpectation, model, key, version, data::to_json(expectation), anew, now);
}

}  // namespace retraind::registry
