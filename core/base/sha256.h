#pragma once
// SHA-256 (FIPS 180-4) of bytes, files, and sets of rows. Thread-safe in the sense that distinct objects may be used on
// distinct threads.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace retraind {

using Digest = std::array<std::byte, 32>;

std::string to_hex(const Digest& digest);  // 64 lower-case hexadecimal digits

// A moved-from object may only be destroyed or assigned to.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  // The digest of everything since construction or the last finish; the object starts anew.
  Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Digest sha256(std::span<const std::byte> bytes);
Digest sha256(std::string_view text);
// Throws std::system_error when the file cannot be read.
Digest sha256_of_file(const std::filesystem::path& path);

// A digest of a multiset of rows that does not depend on their order, so that a heap rewritten by VACUUM FULL or a
// parallel scan gives the same value: each row's SHA-256 is added modulo 2^256, and the sum, the number of rows and the
// schema text are hashed once more (the additive construction of Bellare and Micciancio, 1997). It detects changed,
// missing and doubled rows; it is not meant to resist somebody who may choose the rows.
class RowSetHash {
 public:
  // Adds one row, given its bytes in a canonical form; returns the first eight bytes of its SHA-256, big-endian, which
  // serves as a canonical tie-break between rows of the same event time.
  std::uint64_t add(std::span<const std::byte> row);
  void merge(const RowSetHash& other);  // commutative and associative
  std::uint64_t rows() const { return rows_; }
  // SHA-256 of the sum (32 bytes), the number of rows (8 bytes), both big-endian, and the bytes of `schema`.
  Digest finish(std::string_view schema) const;

 private:
  Sha256 hash_;
  std::array<std::uint64_t, 4> sum_{};  // least significant first
  std::uint64_t rows_ = 0;
};

}  // namespace retraind
