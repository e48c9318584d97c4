#include "core/pipeline/feature_sink.h"

#include <algorithm>

namespace retraind::pipeline {
namespace {

bool all_known(const data::BatchColumn& label) {
  if (any_null(label.nulls)) return false;
  bool nan = false;
  for (const double value : label.numbers) nan |= value != value;
  return !nan;
}

bool is_known(const data::BatchColumn& label, std::size_t row) {
  return label.nulls[row] == 0 && (label.numbers.empty() || label.numbers[row] == label.numbers[row]);
}

}  // namespace

FeatureSink::FeatureSink(const LookJob& job, const std::vector<data::SourceColumn>& columns, const data::Roles& roles,
                         std::span<const stats::ColumnProfile> cells, EventTime newest, std::size_t open_bytes)
    : job_(job), counter_(job.grid, cells, job.trained_to, newest, open_bytes) {
  const std::vector<std::size_t> order = data::read_order(roles);
  for (const registry::ReferenceColumn& column : job.columns) {
    if (column.role == ColumnRole::score) continue;
    Place place;
    place.role = column.role;
    if (column.role == ColumnRole::label) {
      place.position = 1;
    } else if (column.role == ColumnRole::feature) {
      const auto name = stats::counted_column(column.profile);
      const auto found = std::find_if(order.begin() + 2, order.end(),
                                      [&](std::size_t source) { return columns[source].name == name; });
      place.position = static_cast<std::size_t>(found - order.begin());
    }
    places_.push_back(place);
  }
}

void FeatureSink::consume(const data::Batch& batch) {
  find_block_runs(job_.grid, batch.columns[0].numbers, job_.trained_to, placed_);
  // As many blocks at once as the counter likes to hold open: all of a batch, but for rows in no order.
  const std::size_t most = counter_.blocks_at_once();
  for (std::size_t first = 0; first < placed_.runs.size(); first += most) {
    const std::size_t last = std::min(placed_.runs.size(), first + most);
    const std::size_t begin = placed_.runs[first].begin;
    const std::size_t end = placed_.runs[last - 1].end;
    runs_.clear();
    for (std::size_t i = first; i < last; ++i) {
      const BlockRun& run = placed_.runs[i];
      runs_.push_back({run.block, run.begin - begin, run.end - begin});
    }
    count(batch, {begin, std::span(placed_.order).subspan(begin, end - begin), placed_.as_they_stand});
  }
}

// Column by column, so that the cells of one stay in the processor's nearest memory for all the rows.
void FeatureSink::count(const data::Batch& batch, const Rows& rows) {
  counter_.add_rows(runs_);
  std::span<const double> times = batch.columns[0].numbers;
  if (rows.as_they_stand) {
    times = times.subspan(rows.begin, rows.order.size());
  } else {
    times_.clear();
    for (const std::uint32_t row : rows.order) times_.push_back(times[row]);
    times = times_;
  }
  ColumnView taken;
  std::optional<std::size_t> taken_from;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    if (place.role == ColumnRole::time) {
      counter_.add_times(i, times, runs_);
      continue;
    }
    if (place.role == ColumnRole::label && !all_known(batch.columns[place.position])) {
      taken_from.reset();
      count_labels(i, batch, rows);
      continue;
    }
    if (taken_from != place.position) {
      taken = view(batch.columns[place.position], rows);
      taken_from = place.position;
    }
    counter_.add_values(i, taken, runs_);
  }
}

ColumnView FeatureSink::view(const data::BatchColumn& column, const Rows& rows) {
  if (rows.as_they_stand) return view_of(column, rows.begin, rows.begin + rows.order.size(), values_);
  return view_of(column, rows.order, values_);
}

// A label that is not known yet says nothing about the labels, so it is not even counted as missing.
void FeatureSink::count_labels(std::size_t column, const data::Batch& batch, const Rows& rows) {
  const data::BatchColumn& label = batch.columns[places_[column].position];
  known_.clear();
  label_runs_.clear();
  for (const BlockRun& run : runs_) {
    const std::size_t begin = known_.size();
    for (const std::uint32_t row : rows.order.subspan(run.begin, run.end - run.begin)) {
      if (is_known(label, row)) known_.push_back(row);
    }
    label_runs_.push_back({run.block, begin, known_.size()});
  }
  counter_.add_values(column, view_of(label, known_, values_), label_runs_);
}

}  // namespace retraind::pipeline
