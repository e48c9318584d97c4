#pragma once
// The bytes of models, by their SHA-256: chunked and compressed in the registry, so that one backup and one transaction
// hold everything. The sha256 is taken over the uncompressed bytes and verified at every read, whatever the name says.

#include <string>
#include <string_view>

#include "core/base/time.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::registry {

// Stores the bytes unless they are there already; returns their sha256 in hexadecimal.
std::string store_artifact(store::Transaction& transaction, std::string_view bytes, TimePoint now);

// Throws DataError when the artifact is absent, a chunk is missing or damaged, or the bytes do not have this sha256.
std::string load_artifact(store::Transaction& transaction, const std::string& sha256);

}  // namespace retraind::registry
