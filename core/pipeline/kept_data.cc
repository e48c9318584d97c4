#include "core/pipeline/kept_data.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "core/base/descriptor.h"
#include "core/base/sha256.h"
#include "core/pipeline/json_access.h"
#include "core/source/copy_decoder.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

// A line of its own, then the columns as a line of JSON, then each message behind its length.
constexpr std::string_view kMagic = "retraind kept data 1\n";
// Longer messages than this no server sends.
constexpr std::uint32_t kMaxMessage = std::uint32_t{1} << 30;

[[noreturn]] void damaged(const std::filesystem::path& path, std::string_view what) {
  throw DataError(fmt::format("the kept data in {} cannot be read: {}", path.filename().string(), what));
}

std::array<char, 4> length_bytes(std::size_t length) {
  std::array<char, 4> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>((length >> (8 * (3 - i))) & 0xff);
  return out;
}

std::ifstream open_kept(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string magic(kMagic.size(), '\0');
  if (!in.read(magic.data(), static_cast<std::streamsize>(magic.size())) || magic != kMagic) {
    damaged(path, "it does not begin as such a file does");
  }
  return in;
}

std::vector<KeptColumn> read_columns(std::ifstream& in, const std::filesystem::path& path) {
  std::string line;
  if (!std::getline(in, line)) damaged(path, "it names no columns");
  const json::value value = parse_json(line, "the kept data's list of columns");
  const auto* list = value.if_array();
  if (list == nullptr || list->empty()) damaged(path, "it names no columns");
  std::vector<KeptColumn> out;
  for (const json::value& item : *list) {
    const ObjectReader reader(item, "a kept column");
    const int wire = reader.integer<int>("wire");
    if (wire < 0 || wire > static_cast<int>(source::WireType::timestamptz)) damaged(path, "a column's type is unknown");
    const auto type = static_cast<source::WireType>(wire);
    out.push_back({{reader.text("name"), reader.text("sql_type"), source::value_type(type)}, type});
  }
  return out;
}

}  // namespace

KeptDataWriter::KeptDataWriter(const std::filesystem::path& path, const std::vector<KeptColumn>& columns)
    : path_(path), out_(path, std::ios::binary | std::ios::trunc) {
  json::array list;
  for (const KeptColumn& kept : columns) {
    list.push_back(
        {{"name", kept.column.name}, {"sql_type", kept.column.sql_type}, {"wire", static_cast<int>(kept.wire)}});
  }
  write(kMagic);
  write(json::serialize(list) + "\n");
}

void KeptDataWriter::write(std::string_view bytes) {
  bytes_ += bytes.size();
  if (bytes_ > kMaxKeptBytes) {
    throw DataError(fmt::format("the rows to keep take more than {} bytes", kMaxKeptBytes),
                    "shorten training.window, set training.sample_rows, or leave training.keep_data out");
  }
  if (!out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    throw std::system_error(errno, std::generic_category(), "cannot write " + path_.string());
  }
}

void KeptDataWriter::append(std::span<const std::byte> message) {
  const auto length = length_bytes(message.size());
  write({length.data(), length.size()});
  write({reinterpret_cast<const char*>(message.data()), message.size()});
}

void KeptDataWriter::finish() {
  out_.close();
  if (out_.fail()) throw std::system_error(errno, std::generic_category(), "cannot write " + path_.string());
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC), "cannot open the kept data");
  if (::fsync(file.get()) != 0) throw std::system_error(errno, std::generic_category(), "fsync " + path_.string());
}

std::vector<KeptColumn> kept_columns(const std::filesystem::path& path) {
  std::ifstream in = open_kept(path);
  return read_columns(in, path);
}

std::string read_kept_data(const std::filesystem::path& path, const std::string& schema, data::BatchSink& sink) {
  std::ifstream in = open_kept(path);
  std::vector<source::CopyColumn> wire;
  for (const KeptColumn& kept : read_columns(in, path)) {
    wire.push_back({kept.column.name, kept.column.sql_type, kept.wire});
  }
  source::CopyDecoder decoder(std::move(wire));
  RowSetHash rows;
  const auto hand_on = [&] {
    sink.consume(decoder.batch());
    decoder.clear();
  };
  std::array<char, 4> head{};
  std::string message;
  while (in.read(head.data(), head.size())) {
    std::uint32_t length = 0;
    for (const char byte : head) length = (length << 8) | static_cast<unsigned char>(byte);
    if (length == 0 || length > kMaxMessage) damaged(path, fmt::format("a message of {} bytes", length));
    message.resize(length);
    if (!in.read(message.data(), static_cast<std::streamsize>(length))) damaged(path, "it was cut");
    std::span<const std::byte> rest(reinterpret_cast<const std::byte*>(message.data()), message.size());
    while (!rest.empty()) {
      const auto taken = decoder.take(rest);
      if (taken.item == source::CopyDecoder::Item::row) {
        decoder.add_row_key(rows.add(rest.first(taken.bytes)));
        if (decoder.full()) hand_on();
      }
      rest = rest.subspan(taken.bytes);
    }
  }
  if (in.gcount() != 0) damaged(path, "it was cut");
  decoder.finish();
  if (decoder.batch().rows > 0) hand_on();
  return to_hex(rows.finish(schema));
}

}  // namespace retraind::pipeline
