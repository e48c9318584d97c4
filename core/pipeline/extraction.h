#pragma once
// The rows of a window in memory, and what must be known to read the very same ones again. In a worker, or in a command
// at the terminal. One thread.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/data/schema.h"
#include "core/data/table.h"
#include "core/settings/settings.h"
#include "core/source/source.h"

namespace retraind::pipeline {

// What was asked of the source, as far as it decides which rows come: kept in the lineage.
struct Extent {
  TimeAxis axis = TimeAxis::instant;
  source::RowFilter filter;
  double sample_share = 1;  // of the rows that the filter selects, by their keys and the seed
};

// The extent of a model's training window that ends at `anchor`. Asks the source how many rows there are when they are
// to be sampled. Throws DataError for a window or a `since` that does not fit the axis.
Extent training_extent(source::SourceReader& reader, const settings::Model& model,
                       const data::SourceColumn& time_column, EventTime anchor);

struct Extraction {
  data::Table table;  // canonical order
  Extent extent;
  source::ExtractStats stats;  // of all rows read, sampled or not
  std::string data_sha256;     // of the set of these rows, in whatever order they came, under `schema`
  std::string schema;          // data::describe
  data::ValueType label_type = data::ValueType::number;
  std::string time_column;
};

// Where further connections may be opened, to read by `source.streams` of them at once what is worth it.
struct FurtherStreams {
  const settings::Source& source;
  std::string application_name;
};

// With several streams, `on_rows` is called from their threads, one at a time.
struct ExtractionWishes {
  std::optional<std::filesystem::path> keep;          // the rows as they came are also left in this file (kept_data.h)
  std::function<void(std::uint64_t rows)> on_rows{};  // told how many have come so far, after each batch; may be empty
  std::optional<FurtherStreams> streams{};            // rows that are kept are read by one connection all the same
};

// Reads the rows of `extent`, with the duties in `roles`. Throws what SourceReader throws, and DataError for an extent
// without a labelled row.
Extraction extract_rows(source::SourceReader& reader, const settings::Model& model,
                        const std::vector<data::SourceColumn>& columns, const data::Roles& roles, const Extent& extent,
                        const ExtractionWishes& wishes);

// The same from rows that were kept; `schema` is the lineage's. The query's columns must be those that were kept.
// Throws DataError for a damaged file.
Extraction extract_kept(const std::filesystem::path& file, const settings::Model& model, const Extent& extent,
                        const std::string& schema);

}  // namespace retraind::pipeline
