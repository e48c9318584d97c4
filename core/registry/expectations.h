#pragma once
// What a model's rows looked like when it was first promoted under a query: learned once for each
// data::expectation_key, never changed. Every function works inside the caller's transaction.

#include <optional>
#include <string>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/data/expectation.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::registry {

// With last_rows of the model's last run that was judged, whatever its query. std::nullopt: nothing was promoted under
// this key yet.
std::optional<data::Expectation> find_expectation(store::Transaction& transaction, ModelId model,
                                                  const std::string& key);

// Nothing happens where there is one already.
void add_expectation(store::Transaction& transaction, ModelId model, const std::string& key, int version,
                     const data::Expectation& expectation, TimePoint now);

}  // namespace retraind::registry
