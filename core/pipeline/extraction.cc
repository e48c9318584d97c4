#include "core/pipeline/extraction.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "core/data/sampling.h"
#include "core/pipeline/kept_data.h"
#include "core/pipeline/window.h"

namespace retraind::pipeline {
namespace {

// Counts what passes.
class CountingSink : public data::BatchSink {
 public:
  CountingSink(data::BatchSink& next, std::function<void(std::uint64_t)> on_rows)
      : next_(next), on_rows_(std::move(on_rows)) {}
  void consume(const data::Batch& batch) override {
    next_.consume(batch);
    rows_ += batch.rows;
    if (on_rows_) on_rows_(rows_);
  }
  std::uint64_t rows() const { return rows_; }

 private:
  data::BatchSink& next_;
  std::function<void(std::uint64_t)> on_rows_;
  std::uint64_t rows_ = 0;
};

void require_rows(const data::Table& table, const Extent& extent) {
  if (table.rows > 0) return;
  throw DataError(fmt::format("the training window{} holds no labelled row",
                              extent.filter.until ? " up to " + format_event_time(extent.axis, *extent.filter.until)
                                                  : std::string()),
                  "widen training.window, or check that labels arrive");
}

// The builder, behind a sampler where not all rows are wanted.
class TableInput {
 public:
  TableInput(const std::vector<data::SourceColumn>& columns, const data::Roles& roles, const settings::Model& model,
             const Extent& extent, const std::function<void(std::uint64_t)>& on_rows)
      : builder_(columns, roles, model.task) {
    if (extent.sample_share < 1) sampler_.emplace(builder_, model.training.seed, extent.sample_share);
    counter_ = std::make_unique<CountingSink>(sampler_ ? static_cast<data::BatchSink&>(*sampler_) : builder_, on_rows);
  }
  data::BatchSink& sink() { return *counter_; }
  std::uint64_t rows() const { return counter_->rows(); }
  data::Table finish() { return builder_.finish(); }

 private:
  data::TableBuilder builder_;
  std::optional<data::SamplingSink> sampler_;
  std::unique_ptr<CountingSink> counter_;
};

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
  TableInput input(columns, roles, model, extent, wishes.on_rows);
  out.stats = reader.extract(model, columns, order, time_column, extent.filter, true, out.schema, {&input.sink()}, raw);
  if (keeper) keeper->finish();
  out.table = input.finish();
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
  TableInput input(distinct, roles, model, extent, {});
  out.stats.data_sha256 = read_kept_data(file, schema, input.sink());
  out.stats.rows = input.rows();
  out.table = input.finish();
  require_rows(out.table, extent);
  return out;
}

}  // namespace retraind::pipeline
