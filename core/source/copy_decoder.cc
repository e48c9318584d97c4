#include "core/source/copy_decoder.h"

#include <fmt/format.h>

#include <algorithm>
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

// Of a value on the wire; 0: any.
std::uint32_t size_of(WireType type) {
  switch (type) {
    case WireType::boolean:
      return 1;
    case WireType::int2:
      return 2;
    case WireType::int4:
    case WireType::float4:
    case WireType::date:
      return 4;
    case WireType::int8:
    case WireType::float8:
    case WireType::timestamp:
    case WireType::timestamptz:
      return 8;
    case WireType::uuid:
      return 16;
    case WireType::numeric:
    case WireType::text:
    case WireType::padded_text:
      break;
  }
  return 0;
}

bool holds_texts(WireType type) {
  return value_type(type) == data::ValueType::category;
}

}  // namespace

void TextArena::enter_block(std::size_t bytes) {
  while (entered_ < blocks_.size() && blocks_[entered_].size < bytes) ++entered_;
  if (entered_ == blocks_.size()) {
    const std::size_t size = std::max(bytes, kBlockBytes);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
  }
  next_ = blocks_[entered_].memory.get();
  left_ = blocks_[entered_].size;
  ++entered_;
}

void TextArena::clear() {
  std::erase_if(blocks_, [](const Block& block) { return block.size > kBlockBytes; });
  entered_ = left_ = bytes_ = 0;
  next_ = nullptr;
}

CopyDecoder::CopyDecoder(std::vector<CopyColumn> columns) : columns_(std::move(columns)) {
  batch_.columns.resize(columns_.size());
  places_.resize(columns_.size());
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
    const std::uint32_t size = size_of(columns_[i].type);
    places_[i] = {.type = columns_[i].type,
                  .begins_with = __builtin_bswap32(size),
                  .bytes = size == 0 ? std::numeric_limits<std::size_t>::max() : 4 + size,
                  .nulls = column.nulls.data(),
                  .numbers = column.numbers.empty() ? nullptr : column.numbers.data(),
                  .texts = column.texts.empty() ? nullptr : column.texts.data()};
  }
  cleared_ = true;
}

const data::Batch& CopyDecoder::batch() {
  cleared_ = batch_.rows == data::kBatchRows;
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

// Fields of a fixed size, which are most, are known by the four bytes of their length: one comparison says that the
// field is there as a whole, one that it is neither NULL nor of another size. Some 3 ns a number, 10 ns a short text.
std::size_t CopyDecoder::take_row(std::span<const std::byte> rest) {
  if (full()) throw std::logic_error("a full batch was not handed on");
  if (!cleared_) throw std::logic_error("rows were read before the last batch was cleared");
  const std::size_t fields = read_u16(rest.data());
  if (fields != places_.size())
    complain(fmt::format("a row has {} columns, {} were asked for", fields, places_.size()));
  const std::size_t row = batch_.rows;
  const std::byte* const end = rest.data() + rest.size();
  const std::byte* at = rest.data() + 2;
  for (const Place& place : places_) {
    if (static_cast<std::size_t>(end - at) >= place.bytes) {
      std::uint32_t begin = 0;
      std::memcpy(&begin, at, sizeof begin);
      if (begin == place.begins_with) {
        place.nulls[row] = 0;
        decode_fixed(place, row, at + sizeof begin);
        at += place.bytes;
        continue;
      }
    }
    at = take_other(place, row, at, end);
  }
  ++batch_.rows;
  ++rows_;
  return static_cast<std::size_t>(at - rest.data());
}

inline void CopyDecoder::decode_fixed(const Place& place, std::size_t row, const std::byte* value) {
  switch (place.type) {
    case WireType::int2:
      place.numbers[row] = static_cast<std::int16_t>(read_u16(value));
      return;
    case WireType::int4:
      place.numbers[row] = static_cast<std::int32_t>(read_u32(value));
      return;
    case WireType::int8:
      place.numbers[row] = static_cast<double>(static_cast<std::int64_t>(read_u64(value)));
      return;
    case WireType::float4:
      place.numbers[row] = static_cast<double>(std::bit_cast<float>(read_u32(value)));
      return;
    case WireType::float8:
      place.numbers[row] = std::bit_cast<double>(read_u64(value));
      return;
    case WireType::boolean:
      if (value[0] > std::byte{1}) complain_field(place, "is neither true nor false");
      place.numbers[row] = value[0] == std::byte{1} ? 1 : 0;
      return;
    case WireType::uuid:
      place.texts[row] = format_uuid(value);
      return;
    case WireType::date:
      place.numbers[row] = decode_date(read_u32(value));
      return;
    case WireType::timestamp:
    case WireType::timestamptz:
      place.numbers[row] = decode_timestamp(read_u64(value));
      return;
    case WireType::numeric:
    case WireType::text:
    case WireType::padded_text:
      break;
  }
  throw std::logic_error("a type without a size was read as one that has one");
}

// A field that is NULL, of a type without a size, or malformed. Returns where it ends.
inline const std::byte* CopyDecoder::take_other(const Place& place, std::size_t row, const std::byte* at,
                                                const std::byte* end) {
  if (end - at < 4) complain_field(place, "is cut before its length");
  std::size_t length = read_u32(at);
  at += 4;
  const bool null = length == 0xFFFFFFFF;
  place.nulls[row] = static_cast<std::uint8_t>(null);
  if (null) {
    if (place.texts != nullptr) {
      place.texts[row] = {};
    } else {
      place.numbers[row] = 0;
    }
    return at;
  }
  const auto left = static_cast<std::size_t>(end - at);
  if (length > left) complain_field(place, fmt::format("claims {} bytes, {} are left", length, left));
  const std::byte* const behind = at + length;
  switch (place.type) {
    case WireType::text:
      place.texts[row] = keep(at, length, end);
      return behind;
    case WireType::padded_text:
      while (length > 0 && at[length - 1] == std::byte{' '}) --length;
      place.texts[row] = keep(at, length, end);
      return behind;
    case WireType::numeric: {
      const std::optional<double> value = decode_numeric({at, length}, scratch_);
      if (!value) complain_field(place, fmt::format("is no numeric ({} bytes)", length));
      place.numbers[row] = *value;
      return behind;
    }
    default:
      complain_field(place, fmt::format("has {} bytes, {} were expected", length, place.bytes - 4));
  }
}

// `end` is that of the message, up to where memory may be read.
std::string_view CopyDecoder::keep(const std::byte* text, std::size_t length, const std::byte* end) {
  // Most texts are short, and a copy of sixteen bytes is two instructions where one of a variable length is a call.
  // What it writes too much is overwritten by the next text.
  constexpr std::size_t kShort = 16;
  if (length <= kShort && static_cast<std::size_t>(end - text) >= kShort && arena_.left() >= kShort) {
    char* memory = arena_.allocate(length);
    std::memcpy(memory, text, kShort);
    return {memory, length};
  }
  if (length == 0) return {};
  char* memory = arena_.allocate(length);
  std::memcpy(memory, text, length);
  return {memory, length};
}

std::string_view CopyDecoder::format_uuid(const std::byte* field) {
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

void CopyDecoder::complain_field(const Place& place, std::string_view what) const {
  const CopyColumn& column = columns_[static_cast<std::size_t>(&place - places_.data())];
  complain(fmt::format("column \"{}\" ({}) {}", column.name, column.sql_type, what));
}

}  // namespace retraind::source
