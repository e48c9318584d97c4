#include "core/registry/artifacts.h"

#include <zstd.h>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/registry/bytea.h"
#include "core/store/sql.h"

namespace retraind::registry {
namespace {

using store::execute;
using store::read;

constexpr std::size_t kChunkBytes = 4 << 20;
constexpr int kCompression = 3;

constexpr const char* kInsertArtifact = R"sql(/* retraind:registry.insert_artifact */
INSERT INTO retraind.artifact (sha256, size_bytes, chunks, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING)sql";

constexpr const char* kInsertChunk = R"sql(/* retraind:registry.insert_chunk */
INSERT INTO retraind.artifact_chunk (sha256, chunk, zstd) VALUES ($1, $2, $3::bytea))sql";

constexpr const char* kGetArtifact = R"sql(/* retraind:registry.get_artifact */
SELECT size_bytes, chunks FROM retraind.artifact WHERE sha256 = $1)sql";

// One chunk a statement keeps the memory of a large artifact at its own size plus one chunk.
constexpr const char* kGetChunk = R"sql(/* retraind:registry.get_chunk */
SELECT zstd FROM retraind.artifact_chunk WHERE sha256 = $1 AND chunk = $2)sql";

std::string compress(std::string_view chunk) {
  std::string out(ZSTD_compressBound(chunk.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), chunk.data(), chunk.size(), kCompression);
  if (ZSTD_isError(size) != 0U) throw std::logic_error(std::string("zstd: ") + ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

}  // namespace

std::string store_artifact(store::Transaction& transaction, std::string_view bytes, TimePoint now) {
  const std::string sha256 = to_hex(retraind::sha256(bytes));
  const std::size_t chunks = std::max<std::size_t>(1, (bytes.size() + kChunkBytes - 1) / kChunkBytes);
  if (execute(transaction, kInsertArtifact, sha256, bytes.size(), chunks, now).affected_rows() == 0) return sha256;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    execute(transaction, kInsertChunk, sha256, chunk,
            to_bytea(compress(bytes.substr(chunk * kChunkBytes, kChunkBytes))));
  }
  return sha256;
}

std::string load_artifact(store::Transaction& transaction, const std::string& sha256) {
  const pqxx::result found = execute(transaction, kGetArtifact, sha256);
  if (found.empty()) throw DataError("artifact " + sha256 + " is not in the registry", "restore it from a backup");
  const auto size = found[0][0].as<std::size_t>();
  const auto chunks = found[0][1].as<std::size_t>();
  const std::string damaged = "artifact " + sha256 + " is damaged: ";
  const std::string hint = "restore the registry from a backup, or roll back to a version whose artifact is whole";
  std::string bytes;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    const pqxx::result row = execute(transaction, kGetChunk, sha256, chunk);
    if (row.empty()) throw DataError(fmt::format("{}chunk {} of {} is missing", damaged, chunk, chunks), hint);
    const pqxx::binarystring zstd(row[0][0]);
    const unsigned long long expected = ZSTD_getFrameContentSize(zstd.data(), zstd.size());
    if (expected > kChunkBytes)
      throw DataError(fmt::format("{}chunk {} is no zstd frame of ours", damaged, chunk), hint);
    const std::size_t before = bytes.size();
    bytes.resize(before + static_cast<std::size_t>(expected));
    const std::size_t got =
        ZSTD_decompress(bytes.data() + before, static_cast<std::size_t>(expected), zstd.data(), zstd.size());
    if (ZSTD_isError(got) != 0U || got != expected) {
      throw DataError(fmt::format("{}chunk {} cannot be decompressed", damaged, chunk), hint);
    }
  }
  const std::string actual = to_hex(retraind::sha256(bytes));
  if (bytes.size() != size || actual != sha256) {
    throw DataError(fmt::format("{}its bytes have sha256 {}", damaged, actual), hint);
  }
  return bytes;
}

}  // namespace retraind::registry
