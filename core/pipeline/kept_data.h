#pragma once
// The rows a version was made from, kept with it (training.keep_data): the source's binary COPY stream as it came, with
// the columns that give it a meaning, as one file. Read back through the same decoder, it gives the same table and the
// same sha256. One thread.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "core/data/batch.h"
#include "core/data/schema.h"
#include "core/source/wire_type.h"

namespace retraind::pipeline {

inline constexpr const char* kKeptDataFile = "data.copy";
// Larger kept data fail the run, with advice.
inline constexpr std::uint64_t kMaxKeptBytes = std::uint64_t{8} << 30;

struct KeptColumn {
  data::SourceColumn column;
  source::WireType wire = source::WireType::float8;
};

// Written while the rows come.
class KeptDataWriter {
 public:
  // `columns` as they stand in the stream. Throws std::system_error, here and below, when the disk does not take it.
  KeptDataWriter(const std::filesystem::path& path, const std::vector<KeptColumn>& columns);
  void append(std::span<const std::byte> message);  // throws DataError beyond kMaxKeptBytes
  void finish();                                    // the file is whole and on the disk

 private:
  void write(std::string_view bytes);

  std::filesystem::path path_;
  std::ofstream out_;
  std::uint64_t bytes_ = 0;
};

// The columns that were kept, as they stand in the stream. Throws DataError for a file that was not written by the
// above.
std::vector<KeptColumn> kept_columns(const std::filesystem::path& path);

// Streams the rows to `sink`, in batches with row keys. Returns the data's sha256 under `schema`. Throws DataError for
// a damaged or cut file.
std::string read_kept_data(const std::filesystem::path& path, const std::string& schema, data::BatchSink& sink);

}  // namespace retraind::pipeline
