#pragma once
// What the rows looked like that each version was made from. Of the versions under one data::expectation_key the one
// that was promoted first teaches what later rows are held against; one that was made with data.schema = "any" and is
// promoted makes those before it forgotten, which is how a person accepts a changed schema. Every function works inside
// the caller's transaction.

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/data/expectation.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::registry {

// With last_rows as below. std::nullopt: nothing was promoted under this key yet.
std::optional<data::Expectation> find_expectation(store::Transaction& transaction, ModelId model,
                                                  const std::string& key);

// The rows of the window of the model's last run that was judged, whatever its query; 0: there was none.
std::uint64_t last_window_rows(store::Transaction& transaction, ModelId model);

// Once for each version, when it is made; `anew`: under data.schema = "any".
void add_expectation(store::Transaction& transaction, ModelId model, const std::string& key, int version,
                     const data::Expectation& expectation, bool anew, TimePoint now);

}  // namespace retraind::registry
