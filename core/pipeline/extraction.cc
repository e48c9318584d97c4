#include "core/pipeline/extraction.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <list>
#include <mutex>
#include <utility>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/data/sampling.h"
#include "core/pipeline/kept_data.h"
#include "core/pipeline/stream_split.h"
#include "core/pipeline/window.h"
#include "core/source/streams.h"
#include "core/stats/block.h"

namespace retraind::pipeline {
namespace {

// How many rows have come, of all streams together; told to one listener at a time.
class RowCount {
 public:
  explicit RowCount(std::function<void(std::uint64_t)> on_rows) : on_rows_(std::move(on_rows)) {}
  void add(std::uint64_t rows) {
    const std::lock_guard lock(mutex_);
    rows_ += rows;
    if (on_rows_) on_rows_(rows_);
  }

 private:
  std::mutex mutex_;
  std::function<void(std::uint64_t)> on_rows_;
  std::uint64_t rows_ = 0;
};

// Counts what passes.
class CountingSink : public data::BatchSink {
 public:
  CountingSink(data::BatchSink& next, RowCount& all) : next_(next), all_(all) {}
  void consume(const data::Batch& batch) override {
    next_.consume(batch);
    rows_ += batch.rows;
    all_.add(batch.rows);
  }
  std::uint64_t rows() const { return rows_; }

 private:
  data::BatchSink& next_;
  RowCount& all_;
  std::uint64_t rows_ = 0;
};

void require_rows(const data::Table& table, const Extent& extent) {
  if (table.rows > 0) return;
  throw DataError(fmt::format("the training window{} holds no labelled row",
                              extent.filter.until ? " up to " + format_event_time(extent.axis, *extent.filter.until)
                                                  : std::string()),
                  "widen training.window, or check that labels arrive");
}

// The builder of one stream's rows, behind a sampler where not all rows are wanted. Stays where it is.
class TableInput {
 public:
  TableInput(const std::vector<data::SourceColumn>& columns, const data::Roles& roles, const settings::Model& model,
             const Extent& extent, RowCount& all)
      : builder_(columns, roles, model.task) {
    if (extent.sample_share < 1) sampler_.emplace(builder_, model.training.seed, extent.sample_share);
    counter_.emplace(sampler_ ? static_cast<data::BatchSink&>(*sampler_) : builder_, all);
  }
  TableInput(const TableInput&) = delete;
  TableInput& operator=(const TableInput&) = delete;
  data::BatchSink& sink() { return *counter_; }
  RowSetHash& row_set() { return row_set_; }
  std::uint64_t rows() const { return counter_->rows(); }
  // `later` holds rows that are no older than any of these.
  void append(TableInput& later) {
    row_set_.merge(later.row_set_);
    builder_.append(std::move(later.builder_));
  }
  data::Table finish() { return builder_.finish(); }

 private:
  data::TableBuilder builder_;
  RowSetHash row_set_;
  std::optional<data::SamplingSink> sampler_;
  std::optional<CountingSink> counter_;
};

// The parts of the extent that are read side by side, ascending in time; the extent itself where more are not wanted or
// not worth it.
std::vector<source::RowFilter> parts_of(source::SourceReader& reader, const settings::Model& model,
                                        const data::SourceColumn& time_column, const Extent& extent,
                                        const ExtractionWishes& wishes) {
  source::RowFilter bounded = extent.filter;
  const int streams = wishes.streams && !wishes.keep ? wishes.streams->source.streams : 1;
  if (streams < 2 || bounded.newest_rows || !bounded.until) return {extent.filter};
  if (!bounded.after) {
    const auto oldest = reader.oldest_event(model, time_column, bounded.until, bounded.labelled_only);
    if (!oldest) return {extent.filter};
    bounded.after = just_before(extent.axis, *oldest);
  }
  if (!(*bounded.after < *bounded.until)) return {extent.filter};
  const stats::BlockGrid grid = stats::grid_for(extent.axis, *bounded.after, *bounded.until);
  std::vector<source::RowFilter> parts =
      split_at_blocks(bounded, grid, extent.axis, grid.index_of(*bounded.after), static_cast<std::size_t>(streams),
                      [&](const source::RowFilter& part) { return reader.estimate_rows(model, time_column, part); });
  parts.front().after = extent.filter.after;
  return parts;
}

}  // namespace

Extent training_extent(source::SourceReader& reader, const settings::Model& model,
                       const data::SourceColumn& time_column, EventTime anchor) {
  const settings::Training& training = model.training;
  Extent out;
  out.axis = data::time_axis(time_column.type);
  out.filter = filter_of(training.window, out.axis, anchor, true);
  if (training.since) {
    if (training.since->axis != out.axis) {
      throw DataError(fmt::format("training.since is {}, but the time column \"{}\" is {}",
                                  training.since->axis == TimeAxis::instant ? "an instant" : "a number",
                                  time_column.name, out.axis == TimeAxis::instant ? "one of instants" : "a number"),
                      "write a date such as \"2024-01-01\" for instants, and a number for numbers");
    }
    // `since` itself is trained on.
    out.filter.after = std::max(out.filter.after.value_or(-std::numeric_limits<double>::infinity()),
                                just_before(out.axis, training.since->from));
  }
  if (training.sample_rows) {
    const std::uint64_t rows = reader.count_rows(model, time_column, out.filter);
    if (rows > *training.sample_rows) {
      out.sample_share = static_cast<double>(*training.sample_rows) / static_cast<double>(rows);
    }
  }
  return out;
}

Extraction extract_rows(source::SourceReader& reader, const settings::Model& model,
                        const std::vector<data::SourceColumn>& columns, const data::Roles& roles, const Extent& extent,
                        const ExtractionWishes& wishes) {
  const data::SourceColumn& time_column = columns[roles.time];
  const std::vector<std::size_t> order = data::read_order(roles);
  Extraction out;
  out.extent = extent;
  out.schema = data::describe(columns, roles);
  out.label_type = columns[roles.label].type;
  out.time_column = time_column.name;
  std::optional<KeptDataWriter> keeper;
  source::RawListener raw;
  if (wishes.keep) {
    const std::vector<source::WireType> wire = reader.wire_types(model, columns, order);
    std::vector<KeptColumn> kept;
    for (std::size_t i = 0; i < order.size(); ++i) kept.push_back({columns[order[i]], wire[i]});
    keeper.emplace(*wishes.keep, kept);
    raw = [&keeper](std::span<const std::byte> message) { keeper->append(message); };
  }
  const std::vector<source::RowFilter> parts = parts_of(reader, model, time_column, extent, wishes);
  RowCount all(wishes.on_rows);
  std::list<TableInput> inputs;
  std::vector<source::StreamPart> streams;
  for (const source::RowFilter& part : parts) {
    TableInput& input = inputs.emplace_back(columns, roles, model, extent, all);
    streams.push_back({.filter = part, .sinks = {&input.sink()}, .row_set = &input.row_set()});
  }
  TableInput& whole = inputs.front();
  if (streams.size() == 1) {
    out.stats =
        reader.extract(model, columns, order, time_column, parts.front(), &whole.row_set(), {&whole.sink()}, raw);
  } else {
    out.stats = source::extract_parts(reader, wishes.streams->source, wishes.streams->application_name, model, columns,
                                      order, time_column, streams);
  }
  for (; inputs.size() > 1; inputs.erase(std::next(inputs.begin()))) whole.append(*std::next(inputs.begin()));
  out.data_sha256 = to_hex(whole.row_set().finish(out.schema));
  if (keeper) keeper->finish();
  out.table = whole.finish();
  require_rows(out.table, extent);
  return out;
}

Extraction extract_kept(const std::filesystem::path& file, const settings::Model& model, const Extent& extent,
                        const std::string& schema) {
  // The columns in the stream have the order of read_order, where a column with two duties stands twice.
  std::vector<data::SourceColumn> columns;
  std::vector<data::SourceColumn> distinct;
  for (const KeptColumn& kept : kept_columns(file)) {
    columns.push_back(kept.column);
    const bool known = std::any_of(distinct.begin(), distinct.end(),
                                   [&](const data::SourceColumn& column) { return column.name == kept.column.name; });
    if (!known) distinct.push_back(kept.column);
  }
  const data::Roles roles = data::assign_roles(distinct, model);
  const std::vector<std::size_t> order = data::read_order(roles);
  const bool same =
      order.size() == columns.size() &&
      std::equal(order.begin(), order.end(), columns.begin(), [&](std::size_t place, const data::SourceColumn& column) {
        return distinct[place].name == column.name;
      });
  if (!same) {
    throw DataError("the rows that were kept have other columns than the configuration asks for",
                    "they were kept by a run with another configuration");
  }
  Extraction out;
  out.extent = extent;
  out.schema = schema;
  out.label_type = distinct[roles.label].type;
  out.time_column = distinct[roles.time].name;
  RowCount all({});
  TableInput input(distinct, roles, model, extent, all);
  out.data_sha256 = read_kept_data(file, schema, input.sink());
  out.stats.rows = input.rows();
  out.table = input.finish();
  require_rows(out.table, extent);
  return out;
}

}  // namespace retraind::pipeline
