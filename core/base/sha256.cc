#include "core/base/sha256.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace retraind {
namespace {

// Fetched once: looking an algorithm up by name costs more than hashing a short row. Never freed, because OpenSSL tears
// itself down at exit, in an order of its own.
const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return fetched;
}

void require(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("openssl cannot ") + what);
}

constexpr std::size_t kFileChunk = std::size_t{1} << 16;

std::uint64_t read_big_endian(const std::byte* bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = (value << 8) | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

void write_big_endian(std::uint64_t value, std::byte* bytes) {
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(value >> (56 - 8 * i));
}

// a += b modulo 2^256.
void add_words(std::array<std::uint64_t, 4>& a, const std::array<std::uint64_t, 4>& b) {
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::uint64_t partial = a[i] + b[i];
    const std::uint64_t sum = partial + carry;
    carry = static_cast<std::uint64_t>(partial < a[i]) | static_cast<std::uint64_t>(sum < partial);
    a[i] = sum;
  }
}

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* const openssl = EVP_MD_CTX_new();

  Context() {
    if (openssl != nullptr && algorithm() != nullptr && EVP_DigestInit_ex2(openssl, algorithm(), nullptr) == 1) return;
    EVP_MD_CTX_free(openssl);
    throw std::runtime_error("openssl cannot start SHA-256");
  }
  ~Context() { EVP_MD_CTX_free(openssl); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(context_->openssl, bytes.data(), bytes.size()) == 1, "hash bytes");
}

void Sha256::update(std::string_view text) {
  update(std::as_bytes(std::span(text.data(), text.size())));
}

Digest Sha256::finish() {
  Digest digest;
  unsigned length = 0;
  require(EVP_DigestFinal_ex(context_->openssl, reinterpret_cast<unsigned char*>(digest.data()), &length) == 1 &&
              length == digest.size(),
          "finish a SHA-256");
  require(EVP_DigestInit_ex2(context_->openssl, algorithm(), nullptr) == 1, "start SHA-256 anew");
  return digest;
}

std::string to_hex(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * digest.size());
  for (const std::byte byte : digest) {
    out += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    out += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return out;
}

Digest sha256(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Digest sha256(std::string_view text) {
  return sha256(std::as_bytes(std::span(text.data(), text.size())));
}

Digest sha256_of_file(const std::filesystem::path& path) {
  const auto fail = [&path](int code) {
    throw std::system_error(code, std::generic_category(), "cannot read " + path.string());
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (file == nullptr) fail(errno);
  Sha256 hash;
  std::vector<std::byte> buffer(kFileChunk);
  for (;;) {
    errno = 0;
    const std::size_t read = std::fread(buffer.data(), 1, buffer.size(), file.get());
    if (std::ferror(file.get()) != 0) fail(errno != 0 ? errno : EIO);
    hash.update(std::span(buffer).first(read));
    if (read < buffer.size()) return hash.finish();
  }
}

std::uint64_t RowSetHash::add(std::span<const std::byte> row) {
  hash_.update(row);
  const Digest digest = hash_.finish();
  std::array<std::uint64_t, 4> words;
  for (std::size_t i = 0; i < 4; ++i) words[i] = read_big_endian(digest.data() + 8 * (3 - i));
  add_words(sum_, words);
  ++rows_;
  return words[3];
}

void RowSetHash::merge(const RowSetHash& other) {
  add_words(sum_, other.sum_);
  rows_ += other.rows_;
}

Digest RowSetHash::finish(std::string_view schema) const {
  std::array<std::byte, 40> head;
  for (std::size_t i = 0; i < 4; ++i) write_big_endian(sum_[3 - i], head.data() + 8 * i);
  write_big_endian(rows_, head.data() + 32);
  Sha256 hash;
  hash.update(head);
  hash.update(schema);
  return hash.finish();
}

}  // namespace retraind
