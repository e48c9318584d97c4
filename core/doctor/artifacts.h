#pragma once
// The bytes of all versions, read to the end: chunk by chunk, so that memory does not grow with them. One transaction
// an artifact, so that none is long.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/doctor/finding.h"

namespace retraind::store {
class Database;
class Transaction;
}  // namespace retraind::store

namespace retraind::doctor {

struct StoredArtifact {
  std::string sha256;
  std::uint64_t bytes = 0;
  std::string whose;  // "version 3 of model power"; with "the rows of" in front where they are kept data
};
// The oldest first; those whose bytes were removed on purpose left out. `model` without a value: all; `since`: only
// those stored then or later, and what is in production.
std::vector<StoredArtifact> list_artifacts(store::Transaction& transaction, const std::optional<std::string>& model,
                                           std::optional<TimePoint> since);

struct ArtifactFacts {
  std::uint64_t read = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> damaged;  // "version 3 of model power: artifact … is damaged: chunk 1 of 2 is missing"
  std::uint64_t left_out = 0;        // older ones, which nobody asked for
};
// Throws what the database throws; what is wrong with an artifact is a fact. `on_bytes` hears how far it has come.
ArtifactFacts verify_artifacts(store::Database& registry, const std::vector<StoredArtifact>& artifacts,
                               const std::function<void(std::uint64_t done, std::uint64_t total)>& on_bytes);

Finding judge_artifacts(const ArtifactFacts& artifacts);

}  // namespace retraind::doctor
