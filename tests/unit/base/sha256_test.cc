#include "core/base/sha256.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <system_error>
#include <vector>

#include "core/base/random.h"

namespace retraind {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// NIST, "Examples with Intermediate Values" for FIPS 180-4, and the SHAVS byte vectors.
constexpr std::string_view kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view kTwoBlocks = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
constexpr std::string_view kMillionA = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

class File {
 public:
  explicit File(std::string_view content)
      : path_(std::filesystem::temp_directory_path() / ("retraind_sha256_test_" + std::to_string(::getpid()))) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST(Sha256, MatchesTheVectorsOfFips180) {
  EXPECT_EQ(to_hex(sha256("")), kEmpty);
  EXPECT_EQ(to_hex(sha256("abc")), kAbc);
  EXPECT_EQ(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")), kTwoBlocks);
  EXPECT_EQ(to_hex(sha256(std::string(1'000'000, 'a'))), kMillionA);
}

TEST(Sha256, HashesPiecesLikeTheWhole) {
  Sha256 hash;
  for (int i = 0; i < 1'000; ++i) hash.update(std::string(static_cast<std::size_t>(i % 2 == 0 ? 1 : 1999), 'a'));
  EXPECT_EQ(to_hex(hash.finish()), kMillionA);
}

TEST(Sha256, StartsAnewAfterEveryFinish) {
  Sha256 hash;
  hash.update("something else");
  hash.finish();
  EXPECT_EQ(to_hex(hash.finish()), kEmpty);
  hash.update("abc");
  EXPECT_EQ(to_hex(hash.finish()), kAbc);
}

TEST(Sha256, KeepsWhatItHasHashedWhenMoved) {
  Sha256 first;
  first.update("ab");
  Sha256 second = std::move(first);
  second.update("c");
  EXPECT_EQ(to_hex(second.finish()), kAbc);
}

TEST(Sha256OfFile, HashesFilesOfAnySize) {
  EXPECT_EQ(to_hex(sha256_of_file(File("").path())), kEmpty);
  EXPECT_EQ(to_hex(sha256_of_file(File("abc").path())), kAbc);
  EXPECT_EQ(to_hex(sha256_of_file(File(std::string(1'000'000, 'a')).path())), kMillionA);
  const std::string exactly_two_buffers(std::size_t{1} << 17, 'x');
  EXPECT_EQ(sha256_of_file(File(exactly_two_buffers).path()), sha256(exactly_two_buffers));
}

TEST(Sha256OfFile, NamesTheFileItCannotRead) {
  try {
    sha256_of_file("/nonexistent/model.bin");
    FAIL() << "a missing file was hashed";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_NE(std::string(error.what()).find("/nonexistent/model.bin"), std::string::npos) << error.what();
  }
  try {
    sha256_of_file("/");  // opens, but cannot be read
    FAIL() << "a directory was hashed";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::is_a_directory);
  }
}

std::vector<std::string> some_rows(std::size_t count) {
  std::vector<std::string> rows;
  for (std::size_t i = 0; i < count; ++i) rows.push_back("row " + std::to_string(i));
  return rows;
}

Digest hash_of(const std::vector<std::string>& rows, std::string_view schema = "ts timestamptz") {
  RowSetHash set;
  for (const std::string& row : rows) set.add(bytes_of(row));
  return set.finish(schema);
}

TEST(RowSetHash, DoesNotDependOnTheOrderOfRows) {
  std::vector<std::string> rows = some_rows(200);
  const Digest expected = hash_of(rows);
  Random random(1);
  for (int round = 0; round < 20; ++round) {
    for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[random.below(i)]);
    EXPECT_EQ(hash_of(rows), expected);
  }
}

TEST(RowSetHash, MergesPartsInAnyGroupingAndOrder) {
  const std::vector<std::string> rows = some_rows(90);
  std::array<RowSetHash, 3> parts;
  for (std::size_t i = 0; i < rows.size(); ++i) parts[i % 3].add(bytes_of(rows[i]));

  RowSetHash left;  // (0 + 1) + 2
  left.merge(parts[0]);
  left.merge(parts[1]);
  left.merge(parts[2]);
  parts[2].merge(parts[1]);  // (2 + 1) + 0
  parts[2].merge(parts[0]);
  EXPECT_EQ(left.rows(), 90u);
  EXPECT_EQ(left.finish("ts timestamptz"), hash_of(rows));
  EXPECT_EQ(parts[2].finish("ts timestamptz"), hash_of(rows));
}

TEST(RowSetHash, NoticesChangedMissingAndDoubledRowsAndAnotherSchema) {
  const std::vector<std::string> rows = some_rows(50);
  std::vector<std::string> changed = rows;
  changed[17] += ' ';
  std::vector<std::string> missing(rows.begin(), rows.end() - 1);
  std::vector<std::string> doubled = rows;
  doubled.push_back(rows[3]);
  std::vector<std::string> doubled_twice = doubled;  // an exclusive or would lose a pair of equal rows
  doubled_twice.push_back(rows[3]);
  const std::set<Digest> distinct = {hash_of(rows),    hash_of(changed),       hash_of(missing),
                                     hash_of(doubled), hash_of(doubled_twice), hash_of(rows, "ts date"),
                                     hash_of({})};
  EXPECT_EQ(distinct.size(), 7u);
}

TEST(RowSetHash, IsTheHashOfSumCountAndSchema) {
  // One row: the sum is the row's own digest. Computed with coreutils:
  // (printf abc | sha256sum | xxd -r -p; printf '\0\0\0\0\0\0\0\1s') | sha256sum
  RowSetHash one;
  one.add(bytes_of("abc"));
  Sha256 expected;
  expected.update(sha256("abc"));
  expected.update(std::string_view("\0\0\0\0\0\0\0\1s", 9));
  EXPECT_EQ(one.finish("s"), expected.finish());
}

TEST(RowSetHash, AddsModuloTwoToThe256) {
  // Sums of 1,000 digests overflow 256 bits hundreds of times; schoolbook addition of bytes must agree.
  RowSetHash set;
  std::array<unsigned, 32> sum{};
  for (const std::string& row : some_rows(1'000)) {
    set.add(bytes_of(row));
    const Digest digest = sha256(row);
    unsigned carry = 0;
    for (std::size_t i = 32; i-- > 0;) {
      carry += sum[i] + std::to_integer<unsigned>(digest[i]);
      sum[i] = carry & 255;
      carry >>= 8;
    }
  }
  Sha256 expected;
  for (const unsigned byte : sum) expected.update(std::string(1, static_cast<char>(byte)));
  expected.update(std::string_view("\0\0\0\0\0\0\3\xe8", 8));
  EXPECT_EQ(set.finish(""), expected.finish());
}

TEST(RowSetHash, ReturnsTheFirstEightBytesOfARowsDigest) {
  RowSetHash set;
  EXPECT_EQ(set.add(bytes_of("abc")), 0xba7816bf8f01cfeau);
  EXPECT_EQ(set.add(bytes_of("")), 0xe3b0c44298fc1c14u);
}

}  // namespace
}  // namespace retraind
