#pragma once
// Reads one extraction by several connections at once: the server then works on it with as many processes, and we with
// as many threads. All connections see one snapshot. Blocks the calling thread, which keeps the reader it was given.

#include <string>
#include <vector>

#include "core/source/source.h"

namespace retraind::source {

// A part of the rows, and who gets them: in a thread of its own, so that sinks of different parts share nothing that
// changes. The filters of the parts exclude each other.
struct StreamPart {
  RowFilter filter;
  std::vector<data::BatchSink*> sinks;
  RowSetHash* row_set = nullptr;  // of this part alone; or of none, and then no row is hashed
};

// Streams every part, as SourceReader::extract does; the first one by `reader`, the others by further connections to
// `source`. The sum of what they read. When one part fails, the others are stopped and its exception is
// thrown, once all threads have ended. One part takes no thread.
ExtractStats extract_parts(SourceReader& reader, const settings::Source& source, const std::string& application_name,
                           const settings::Model& model, const std::vector<data::SourceColumn>& all_columns,
                           const std::vector<std::size_t>& columns, const data::SourceColumn& time_column,
                           const std::vector<StreamPart>& parts);

}  // namespace retraind::source
