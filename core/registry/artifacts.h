#pragma once
// The bytes of models, by their SHA-256: chunked and compressed in the registry, so that one backup and one transaction
// hold everything. The sha256 is taken over the uncompressed bytes and verified at every read, whatever the name says.

#include <filesystem>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::registry {

// Stores the bytes unless they are there already, also those that were removed before; returns their sha256 in
// hexadecimal.
std::string store_artifact(store::Transaction& transaction, std::string_view bytes, TimePoint now);

// The same for a file, chunk by chunk: memory does not grow with it. Throws DataError when it does not have this
// sha256.
void store_artifact_file(store::Transaction& transaction, const std::filesystem::path& path, const std::string& sha256,
                         TimePoint now);
// Writes the artifact into a file that is not there yet; throws as load_artifact does, and then leaves none.
void load_artifact_file(store::Transaction& transaction, const std::string& sha256, const std::filesystem::path& path);

// Throws DataError when the artifact is absent, its bytes were removed because nobody can need them any more, a chunk
// is missing or damaged, or the bytes do not have this sha256.
std::string load_artifact(store::Transaction& transaction, const std::string& sha256);

// Reads it to the end and keeps nothing; throws as load_artifact does.
void verify_artifact(store::Transaction& transaction, const std::string& sha256);

}  // namespace retraind::registry
