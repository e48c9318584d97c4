#include "core/registry/artifacts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <span>
#include <system_error>

#include "core/base/descriptor.h"
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
constexpr const char* kDamagedHint =
    "restore the registry from a backup, or roll back to a version whose artifact is whole";

constexpr const char* kRemovedHint =
    "what the version was made of is in retraind.version_history; a new run makes a new candidate: retraind trigger "
    "MODEL";

constexpr const char* kInsertArtifact = R"sql(/* retraind:registry.insert_artifact */
INSERT INTO retraind.artifact (sha256, size_bytes, chunks, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING)sql";

// A row that is there already is locked before its bytes are relied on: whoever removes them waits, or has been waited
// for.
constexpr const char* kHoldArtifact = R"sql(/* retraind:registry.hold_artifact */
SELECT removed_at IS NOT NULL FROM retraind.artifact WHERE sha256 = $1 FOR UPDATE)sql";

constexpr const char* kPutBack = R"sql(/* retraind:registry.put_artifact_back */
UPDATE retraind.artifact SET removed_at = NULL WHERE sha256 = $1)sql";

constexpr const char* kInsertChunk = R"sql(/* retraind:registry.insert_chunk */
INSERT INTO retraind.artifact_chunk (sha256, chunk, zstd) VALUES ($1, $2, $3::bytea))sql";

constexpr const char* kGetArtifact = R"sql(/* retraind:registry.get_artifact */
SELECT size_bytes, chunks, removed_at FROM retraind.artifact WHERE sha256 = $1)sql";

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

// An artifact without a byte has one chunk all the same.
std::size_t chunks_of(std::size_t bytes) {
  return std::max<std::size_t>(1, (bytes + kChunkBytes - 1) / kChunkBytes);
}

// Whether its chunks are to be stored: false when they are there already.
bool begin_artifact(store::Transaction& transaction, const std::string& sha256, std::size_t bytes, TimePoint now) {
  if (execute(transaction, kInsertArtifact, sha256, bytes, chunks_of(bytes), now).affected_rows() == 1) return true;
  const bool removed = execute(transaction, kHoldArtifact, sha256).at(0)[0].as<bool>();
  if (removed) execute(transaction, kPutBack, sha256);
  return removed;
}

// Gives the artifact's bytes to `sink`, a chunk at a time. What is wrong as a whole is known at the end only: the sink
// must be ready to take everything back.
void read_chunks(store::Transaction& transaction, const std::string& sha256,
                 const std::function<void(std::string_view chunk)>& sink) {
  const pqxx::result found = execute(transaction, kGetArtifact, sha256);
  if (found.empty()) throw DataError("artifact " + sha256 + " is not in the registry", "restore it from a backup");
  const auto size = found[0][0].as<std::size_t>();
  const auto chunks = found[0][1].as<std::size_t>();
  if (const auto removed_at = read<std::optional<TimePoint>>(found[0][2])) {
    throw DataError(
        fmt::format("artifact {} was removed at {}: its version never was in production, and could not come "
                    "there any more (retention.unused_artifacts)",
                    sha256, format_instant(*removed_at)),
        kRemovedHint);
  }
  const std::string damaged = "artifact " + sha256 + " is damaged: ";
  Sha256 hash;
  std::size_t bytes = 0;
  std::string chunk_bytes;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    const pqxx::result row = execute(transaction, kGetChunk, sha256, chunk);
    if (row.empty()) throw DataError(fmt::format("{}chunk {} of {} is missing", damaged, chunk, chunks), kDamagedHint);
    const pqxx::binarystring zstd(row[0][0]);
    const unsigned long long expected = ZSTD_getFrameContentSize(zstd.data(), zstd.size());
    if (expected > kChunkBytes)
      throw DataError(fmt::format("{}chunk {} is no zstd frame of ours", damaged, chunk), kDamagedHint);
    chunk_bytes.resize(static_cast<std::size_t>(expected));
    const std::size_t got = ZSTD_decompress(chunk_bytes.data(), chunk_bytes.size(), zstd.data(), zstd.size());
    if (ZSTD_isError(got) != 0U || got != expected) {
      throw DataError(fmt::format("{}chunk {} cannot be decompressed", damaged, chunk), kDamagedHint);
    }
    hash.update(chunk_bytes);
    bytes += chunk_bytes.size();
    sink(chunk_bytes);
  }
  const std::string actual = to_hex(hash.finish());
  if (bytes != size || actual != sha256) {
    throw DataError(fmt::format("{}its bytes have sha256 {}", damaged, actual), kDamagedHint);
  }
}

std::system_error trouble_with(const char* what, const std::filesystem::path& path) {
  return {errno, std::generic_category(), fmt::format("{} {}", what, path.string())};
}

// Up to `buffer`'s size; less only where the file ends.
std::size_t read_fully(int fd, std::span<char> buffer, const std::filesystem::path& path) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got = ::read(fd, buffer.data() + filled, buffer.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw trouble_with("reading", path);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

void write_fully(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t got = ::write(fd, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw trouble_with("writing", path);
    bytes.remove_prefix(static_cast<std::size_t>(got));
  }
}

}  // namespace

std::string store_artifact(store::Transaction& transaction, std::string_view bytes, TimePoint now) {
  const std::string sha256 = to_hex(retraind::sha256(bytes));
  if (!begin_artifact(transaction, sha256, bytes.size(), now)) return sha256;
  for (std::size_t chunk = 0; chunk < chunks_of(bytes.size()); ++chunk) {
    execute(transaction, kInsertChunk, sha256, chunk,
            to_bytea(compress(bytes.substr(chunk * kChunkBytes, kChunkBytes))));
  }
  return sha256;
}

void store_artifact_file(store::Transaction& transaction, const std::filesystem::path& path, const std::string& sha256,
                         TimePoint now) {
  // Whoever wrote the file may have left something else in its place: no link is followed, and nothing waited for.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0) throw trouble_with("opening", path);
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) throw trouble_with("looking at", path);
  if (!S_ISREG(about.st_mode)) throw DataError(fmt::format("{} is no regular file", path.string()));
  const auto size = static_cast<std::size_t>(about.st_size);
  const bool added = begin_artifact(transaction, sha256, size, now);
  Sha256 hash;
  std::size_t bytes = 0;
  std::string buffer(std::min(size, kChunkBytes) + 1, '\0');  // one more than announced, to see a file that grows
  for (std::size_t chunk = 0; chunk < chunks_of(size); ++chunk) {
    const std::size_t announced = std::min(kChunkBytes, size - chunk * kChunkBytes);
    const std::size_t got = read_fully(file.get(), std::span(buffer).first(announced), path);
    const std::string_view part(buffer.data(), got);
    hash.update(part);
    bytes += got;
    if (added) execute(transaction, kInsertChunk, sha256, chunk, to_bytea(compress(part)));
  }
  const bool whole = bytes == size && read_fully(file.get(), std::span(buffer).first(1), path) == 0;
  const std::string actual = to_hex(hash.finish());
  if (!whole) throw DataError(fmt::format("{} changed its size of {} bytes while it was read", path.string(), size));
  if (actual != sha256) throw DataError(fmt::format("{} has sha256 {}, not {}", path.string(), actual, sha256));
}

void load_artifact_file(store::Transaction& transaction, const std::string& sha256, const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) throw trouble_with("creating", path);
  try {
    read_chunks(transaction, sha256, [&](std::string_view chunk) { write_fully(file.get(), chunk, path); });
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
}

std::string load_artifact(store::Transaction& transaction, const std::string& sha256) {
  std::string bytes;
  read_chunks(transaction, sha256, [&](std::string_view chunk) { bytes += chunk; });
  return bytes;
}

void verify_artifact(store::Transaction& transaction, const std::string& sha256) {
  read_chunks(transaction, sha256, [](std::string_view) {});
}

}  // namespace retraind::registry
