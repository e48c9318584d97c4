#pragma once
// Reads PostgreSQL's binary COPY format ("COPY", File Formats, Binary Format in its manual) into batches of columns.
// Trusts nothing in the stream: every length and count is checked before it is used, and nothing is allocated by one.
// One thread; owned by one extraction.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/batch.h"
#include "core/source/wire_type.h"

namespace retraind::source {

// Memory for the texts of one batch, given back all at once. Addresses stay valid until clear().
class TextArena {
 public:
  char* allocate(std::size_t bytes) {
    if (bytes > left_) enter_block(bytes);
    char* out = next_;
    next_ += bytes;
    left_ -= bytes;
    bytes_ += bytes;
    return out;
  }
  std::size_t left() const { return left_; }  // bytes that allocate() hands out without another block
  void clear();                               // keeps ordinary blocks for reuse
  std::size_t bytes() const { return bytes_; }

 private:
  struct Block {
    std::unique_ptr<char[]> memory;
    std::size_t size;
  };
  void enter_block(std::size_t bytes);

  std::vector<Block> blocks_;
  std::size_t entered_ = 0;  // blocks since clear(); the last of them is being filled
  char* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t bytes_ = 0;  // handed out since clear()
};

struct CopyColumn {
  std::string name;      // for complaints
  std::string sql_type;  // likewise
  WireType type;
};

class CopyDecoder {
 public:
  // Texts are not checked to be UTF-8: the server has done that, even where the database's encoding is SQL_ASCII.
  explicit CopyDecoder(std::vector<CopyColumn> columns);

  enum class Item { header, row, trailer };
  struct Taken {
    Item item;
    std::size_t bytes;  // how far it reached; at least 1
  };

  // Reads the item that `rest`, the unread part of one CopyData message, begins with: the header first, then rows, each
  // of which is appended to the batch, then the trailer. An item never spans messages. The batch must not be full.
  // Throws DataError for anything malformed.
  Taken take(std::span<const std::byte> rest);

  // Throws DataError unless the trailer has been read: the stream was cut.
  void finish() const;

  // True when the batch should be handed on: kBatchRows rows, or 8 MiB of text.
  bool full() const;
  // The rows since the last clear(). Valid until the next call of take() or clear().
  const data::Batch& batch();
  void add_row_key(std::uint64_t key) { batch_.row_keys.push_back(key); }
  void clear();

  std::uint64_t rows() const { return rows_; }  // since the beginning

 private:
  std::size_t take_header(std::span<const std::byte> rest);
  // Where the values of a column go: the memory of the batch, which stays where it is from one clear() to the next.
  struct Place {
    WireType type;
    // What a field of this type that is not NULL begins with, its length, as the bytes of it lie in memory; and how
    // many bytes it takes with them. A type without a size: more than there can be.
    std::uint32_t begins_with;
    std::size_t bytes;
    std::uint8_t* nulls;
    double* numbers;          // nullptr for texts
    std::string_view* texts;  // nullptr for numbers
  };
  std::size_t take_row(std::span<const std::byte> rest);
  void decode_fixed(const Place& place, std::size_t row, const std::byte* value);
  const std::byte* take_other(const Place& place, std::size_t row, const std::byte* at, const std::byte* end);
  std::string_view keep(const std::byte* text, std::size_t length, const std::byte* end);
  std::string_view format_uuid(const std::byte* field);
  [[noreturn]] void complain(std::string_view what) const;
  [[noreturn]] void complain_field(const Place& place, std::string_view what) const;

  enum class State { before_header, in_rows, after_trailer };

  std::vector<CopyColumn> columns_;
  State state_ = State::before_header;
  data::Batch batch_;
  std::vector<Place> places_;  // parallel to the columns
  bool cleared_ = false;       // the batch has room for kBatchRows rows
  TextArena arena_;
  std::string scratch_;  // decimal text of a long numeric
  std::uint64_t rows_ = 0;
};

}  // namespace retraind::source
