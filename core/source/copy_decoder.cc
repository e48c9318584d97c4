#include "core/source/copy_decoder.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "core/base/error.h"
#include "core/source/numeric.h"
#include "core/source/wire_bytes.h"

namespace retraind::source {
namespace {

constexpr std::string_view kSignature("PGCOPY\n\xff\r\n\0", 11);
constexpr std::uint32_t kCriticalFlags = 0xFFFF0000;  // a reader must refuse those it does not know; we know none
constexpr std::size_t kBlockBytes = 64 * 1024;
constexpr std::size_t kMaxTextBytes = 8 * 1024 * 1024;

// PostgreSQL counts from 2000-01-01.
constexpr std::int64_t kEpochDays = 10957;
constexpr std::int64_t kEpochMicroseconds = kEpochDays * 86'400'000'000;

double decode_timestamp(std::uint64_t bits) {
  const auto value = static_cast<std::int64_t>(bits);
  if (value == std::numeric_limits<std::int64_t>::max()) return std::numeric_limits<double>::infinity();
  if (value == std::numeric_limits<std::int64_t>::min()) return -std::numeric_limits<double>::infinity();
  std::int64_t sum = 0;
  // The last years PostgreSQL can store overflow when counted from 1970.
  if (__builtin_add_overflow(value, kEpochMicroseconds, &sum)) {
    return static_cast<double>(value) + static_cast<double>(kEpochMicroseconds);
  }
  return static_cast<double>(sum);
}

double decode_date(std::uint32_t bits) {
  const auto value = static_cast<std::int32_t>(bits);
  if (value == std::numeric_limits<std::int32_t>::max()) return std::numeric_limits<double>::infinity();
  if (value == std::numeric_limits<std::int32_t>::min()) return -std::numeric_limits<double>::infinity();
  return static_cast<double>(value + kEpochDays) * 86400e6;
}

std::string_view as_text(std::span<const std::byte> field) {
  return {reinterpret_cast<const char*>(field.data()), field.size()};
}

bool holds_texts(WireType type) {
  return value_type(type) == data::ValueType::category;
}

}  // namespace

char* TextArena::allocate(std::size_t bytes) {
  bytes_ += bytes;
  while (current_ < blocks_.size() && blocks_[current_].size - used_ < bytes) {
    ++current_;
    used_ = 0;
  }
  if (current_ == blocks_.size()) {
    const std::size_t size = std::max(bytes, kBlockBytes);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
  }
  char* out = blocks_[current_].memory.get() + used_;
  used_ += bytes;
  return out;
}

void TextArena::clear() {
  std::erase_if(blocks_, [](const Block& block) { return block.size > kBlockBytes; });
  current_ = used_ = bytes_ = 0;
}

CopyDecoder::CopyDecoder(std::vector<CopyColumn> columns) : columns_(std::move(columns)) {
  batch_.columns.resize(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) batch_.columns[i].type = value_type(columns_[i].type);
  clear();
}

void CopyDecoder::clear() {
  batch_.rows = 0;
  batch_.row_keys.clear();
  arena_.clear();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    data::BatchColumn& column = batch_.columns[i];
    column.nulls.resize(data::kBatchRows);
    if (holds_texts(columns_[i].type)) {
      column.texts.resize(data::kBatchRows);
    } else {
      column.numbers.resize(data::kBatchRows);
    }
  }
}

const data::Batch& CopyDecoder::batch() {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    data::BatchColumn& column = batch_.columns[i];
    column.nulls.resize(batch_.rows);
    if (holds_texts(columns_[i].type)) {
      column.texts.resize(batch_.rows);
    } else {
      column.numbers.resize(batch_.rows);
    }
  }
  return batch_;
}

bool CopyDecoder::full() const {
  return batch_.rows >= data::kBatchRows || arena_.bytes() >= kMaxTextBytes;
}

CopyDecoder::Taken CopyDecoder::take(std::span<const std::byte> rest) {
  if (state_ == State::before_header) return {Item::header, take_header(rest)};
  if (state_ == State::after_trailer) complain("bytes follow the trailer");
  if (rest.size() < 2) complain("a row is cut before its number of columns");
  if (read_u16(rest.data()) == 0xFFFF) {
    state_ = State::after_trailer;
    return {Item::trailer, 2};
  }
  return {Item::row, take_row(rest)};
}

std::size_t CopyDecoder::take_header(std::span<const std::byte> rest) {
  if (rest.size() < 19 || std::memcmp(rest.data(), kSignature.data(), kSignature.size()) != 0) {
    complain("it does not begin with the header of PostgreSQL's binary format");
  }
  const std::uint32_t flags = read_u32(rest.data() + 11);
  if ((flags & kCriticalFlags) != 0) complain(fmt::format("its header carries unknown flags {:#x}", flags));
  const std::uint32_t extension = read_u32(rest.data() + 15);
  if (extension > rest.size() - 19) complain("its header is cut");
  state_ = State::in_rows;
  return 19 + extension;
}

std::size_t CopyDecoder::take_row(std::span<const std::byte> rest) {
  if (full()) throw std::logic_error("a full batch was not handed on");
  if (batch_.columns.empty() || batch_.columns[0].nulls.size() != data::kBatchRows) {
    throw std::logic_error("rows were read before the last batch was cleared");
  }
  const std::size_t fields = read_u16(rest.data());
  if (fields != columns_.size())
    complain(fmt::format("a row has {} columns, {} were asked for", fields, columns_.size()));
  std::size_t at = 2;
  for (std::size_t i = 0; i < fields; ++i) {
    if (rest.size() - at < 4) complain_field(i, "is cut before its length");
    const std::uint32_t length = read_u32(rest.data() + at);
    at += 4;
    if (length == 0xFFFFFFFF) {
      data::BatchColumn& column = batch_.columns[i];
      column.nulls[batch_.rows] = 1;
      if (holds_texts(columns_[i].type)) {
        column.texts[batch_.rows] = {};
      } else {
        column.numbers[batch_.rows] = 0;
      }
      continue;
    }
    if (length > rest.size() - at)
      complain_field(i, fmt::format("claims {} bytes, {} are left", length, rest.size() - at));
    batch_.columns[i].nulls[batch_.rows] = 0;
    decode(i, rest.subspan(at, length));
    at += length;
  }
  ++batch_.rows;
  ++rows_;
  return at;
}

void CopyDecoder::decode(std::size_t column, std::span<const std::byte> field) {
  data::BatchColumn& out = batch_.columns[column];
  const std::size_t row = batch_.rows;
  const std::byte* bytes = field.data();
  switch (columns_[column].type) {
    case WireType::int2:
      expect_size(column, field, 2);
      out.numbers[row] = static_cast<std::int16_t>(read_u16(bytes));
      return;
    case WireType::int4:
      expect_size(column, field, 4);
      out.numbers[row] = static_cast<std::int32_t>(read_u32(bytes));
      return;
    case WireType::int8:
      expect_size(column, field, 8);
      out.numbers[row] = static_cast<double>(static_cast<std::int64_t>(read_u64(bytes)));
      return;
    case WireType::float4:
      expect_size(column, field, 4);
      out.numbers[row] = static_cast<double>(std::bit_cast<float>(read_u32(bytes)));
      return;
    case WireType::float8:
      expect_size(column, field, 8);
      out.numbers[row] = std::bit_cast<double>(read_u64(bytes));
      return;
    case WireType::numeric: {
      const std::optional<double> value = decode_numeric(field, scratch_);
      if (!value) complain_field(column, fmt::format("is no numeric ({} bytes)", field.size()));
      out.numbers[row] = *value;
      return;
    }
    case WireType::boolean:
      expect_size(column, field, 1);
      if (bytes[0] > std::byte{1}) complain_field(column, "is neither true nor false");
      out.numbers[row] = bytes[0] == std::byte{1} ? 1 : 0;
      return;
    case WireType::text:
      out.texts[row] = keep(as_text(field));
      return;
    case WireType::padded_text: {
      std::string_view text = as_text(field);
      while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
      out.texts[row] = keep(text);
      return;
    }
    case WireType::uuid:
      expect_size(column, field, 16);
      out.texts[row] = format_uuid(field);
      return;
    case WireType::date:
      expect_size(column, field, 4);
      out.numbers[row] = decode_date(read_u32(bytes));
      return;
    case WireType::timestamp:
    case WireType::timestamptz:
      expect_size(column, field, 8);
      out.numbers[row] = decode_timestamp(read_u64(bytes));
      return;
  }
}

std::string_view CopyDecoder::keep(std::string_view text) {
  if (text.empty()) return {};
  char* memory = arena_.allocate(text.size());
  std::memcpy(memory, text.data(), text.size());
  return {memory, text.size()};
}

std::string_view CopyDecoder::format_uuid(std::span<const std::byte> field) {
  constexpr char kDigits[] = "0123456789abcdef";
  char* memory = arena_.allocate(36);
  char* out = memory;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    const auto byte = std::to_integer<unsigned>(field[i]);
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
  return {memory, 36};
}

void CopyDecoder::finish() const {
  if (state_ != State::after_trailer) complain("it ends without a trailer");
}

void CopyDecoder::complain(std::string_view what) const {
  throw DataError(fmt::format("the source sent a malformed COPY stream, after {} rows: {}", rows_, what));
}

void CopyDecoder::complain_field(std::size_t column, std::string_view what) const {
  complain(fmt::format("column \"{}\" ({}) {}", columns_[column].name, columns_[column].sql_type, what));
}

void CopyDecoder::expect_size(std::size_t column, std::span<const std::byte> field, std::size_t size) const {
  if (field.size() != size) complain_field(column, fmt::format("has {} bytes, {} were expected", field.size(), size));
}

}  // namespace retraind::source
