#pragma once
// Reads users' data from a PostgreSQL source: what a query returns, which rows are newest, and the rows of a window by
// binary COPY. Refuses to write: every transaction is REPEATABLE READ, READ ONLY. One connection, one thread; opened
// and owned by whoever reads (a worker, or a blocking thread of the daemon). Names from the configuration reach SQL
// only here, and only quoted.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/sha256.h"
#include "core/base/time.h"
#include "core/data/batch.h"
#include "core/data/schema.h"
#include "core/settings/settings.h"
#include "core/source/wire_type.h"

namespace retraind::source {

// Which rows of the model's query to read. Bounds are event times: after < t <= until.
struct RowFilter {
  std::optional<EventTime> after;
  std::optional<EventTime> until;
  std::optional<std::uint64_t> newest_rows;  // of those, only so many of the newest (ties in time broken arbitrarily
                                             // but completely: a whole event time is kept or left)
  bool labelled_only = false;
};

// What one extraction read.
struct ExtractStats {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};

// Is handed each message of the stream as it came, before it is decoded.
using RawListener = std::function<void(std::span<const std::byte> message)>;

class SourceReader {
 public:
  // Connects and opens the one transaction that everything below runs in. Throws UnreachableError when the source
  // cannot be reached or refuses the login (with the server's words, never with a password), TransientError when it
  // goes away later. `statement_timeout` zero means none.
  // A `snapshot` is what another reader has exported and still holds: both then see the same rows.
  SourceReader(const settings::Source& source, const std::string& application_name, const std::string& snapshot = {});
  ~SourceReader();
  SourceReader(SourceReader&&) noexcept;
  SourceReader& operator=(SourceReader&&) noexcept;

  // The columns the query returns, in order. Throws DataError with the server's message and position when it does not
  // parse, and for a type that retraind does not read, naming the column and the cast to write; only columns in
  // `wanted` are checked for their type when it is not empty.
  std::vector<data::SourceColumn> describe(const std::string& query, const std::vector<std::string>& wanted = {});

  // Has the server plan the query, which also shows whether this login may read what it reads. Throws DataError with
  // the server's message.
  void plan(const std::string& query);

  // The newest event time, at most `until` when given; std::nullopt when there is no row.
  std::optional<EventTime> newest_event(const settings::Model& model, const data::SourceColumn& time_column,
                                        std::optional<EventTime> until, bool labelled_only);

  // The oldest one, likewise.
  std::optional<EventTime> oldest_event(const settings::Model& model, const data::SourceColumn& time_column,
                                        std::optional<EventTime> until, bool labelled_only);

  // The event time of the `nth` newest row (from 1), likewise; std::nullopt when there are fewer.
  std::optional<EventTime> nth_newest_event(const settings::Model& model, const data::SourceColumn& time_column,
                                            std::optional<EventTime> until, bool labelled_only, std::uint64_t nth);

  // How many rows the server's planner expects the filter to select: costs next to nothing, and may be far off. Throws
  // DataError for a query that does not parse.
  std::uint64_t estimate_rows(const settings::Model& model, const data::SourceColumn& time_column,
                              const RowFilter& filter);

  // Lets readers on other connections see what this one sees, as long as it lives.
  std::string export_snapshot();

  // How to end an extraction from another thread; it then throws TransientError, and what it has read is worth nothing.
  std::function<void()> canceller() const;

  // How many rows the filter selects.
  std::uint64_t count_rows(const settings::Model& model, const data::SourceColumn& time_column,
                           const RowFilter& filter);

  // Streams the rows, in batches, to every sink in turn. `columns` are positions into what describe returned; the
  // batch's columns stand in the same order. With `row_set`, every row is added to it and the batch carries row keys.
  // Throws DataError for a malformed stream, TransientError when the source goes away.
  ExtractStats extract(const settings::Model& model, const std::vector<data::SourceColumn>& all_columns,
                       const std::vector<std::size_t>& columns, const data::SourceColumn& time_column,
                       const RowFilter& filter, RowSetHash* row_set, const std::vector<data::BatchSink*>& sinks,
                       const RawListener& raw = {});

  // How the values of these columns look in the stream, for whoever keeps it (pipeline/kept_data.h).
  std::vector<WireType> wire_types(const settings::Model& model, const std::vector<data::SourceColumn>& all_columns,
                                   const std::vector<std::size_t>& columns);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retraind::source
