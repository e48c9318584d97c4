#include "core/pipeline/look.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/data/schema.h"
#include "core/pipeline/block_counter.h"
#include "core/pipeline/column_values.h"
#include "core/pipeline/reference.h"
#include "core/pipeline/scorer.h"
#include "core/pipeline/scoring_sink.h"
#include "core/pipeline/window.h"
#include "core/source/source.h"

namespace retraind::pipeline {
namespace {

// The columns that production knows, by name, each once.
std::vector<std::string> feature_names(const LookJob& job) {
  std::vector<std::string> out;
  for (const registry::ReferenceColumn& column : job.columns) {
    if (column.role != ColumnRole::feature) continue;
    const std::string name(stats::counted_column(column.profile));
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

bool counts_texts(const stats::ColumnProfile& profile) {
  return profile.counted == stats::Counted::length || profile.counted == stats::Counted::words ||
         (profile.counted == stats::Counted::value && std::holds_alternative<stats::CategoryProfile>(profile.values));
}

// The duties of the columns a look reads. Unlike a run's they come from production, not from the configuration, which
// may have changed since.
data::Roles roles_of(const LookJob& job, const std::vector<data::SourceColumn>& columns) {
  const auto place_of = [&](const std::string& name) -> std::optional<std::size_t> {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.name == name; });
    if (found == columns.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns.begin());
  };
  data::Roles roles;
  const auto time = place_of(job.model.time_column);
  if (!time) throw DataError("the query does not return the time column \"" + job.model.time_column + "\"");
  const auto label = place_of(job.model.label);
  if (!label) throw DataError("the query does not return the label column \"" + job.model.label + "\"");
  roles.time = *time;
  roles.label = *label;
  for (const std::string& name : feature_names(job)) {
    const auto place = place_of(name);
    if (!place) {
      throw DataError("the query no longer returns the column \"" + name + "\", which production was trained on",
                      "put it back into the query, or retrain without it");
    }
    roles.features.push_back(*place);
  }
  std::sort(roles.features.begin(), roles.features.end());
  for (const registry::ReferenceColumn& column : job.columns) {
    if (column.role != ColumnRole::feature && column.role != ColumnRole::label) continue;
    const std::size_t place =
        column.role == ColumnRole::label ? *label : *place_of(std::string(stats::counted_column(column.profile)));
    const bool was_text = counts_texts(column.profile);
    if (was_text != (columns[place].type == data::ValueType::category)) {
      throw DataError("the column \"" + columns[place].name + "\" is now " + columns[place].sql_type +
                          ", but production was trained on " + (was_text ? "texts" : "numbers"),
                      "cast it back in the query, or retrain");
    }
  }
  return roles;
}

// Counts the columns of each batch into blocks.
class FeatureSink : public data::BatchSink {
 public:
  FeatureSink(const LookJob& job, const std::vector<data::SourceColumn>& columns, const data::Roles& roles,
              std::span<const stats::ColumnProfile> cells)
      : job_(job), counter_(job.grid, cells) {
    const std::vector<std::size_t> order = data::read_order(roles);
    for (const registry::ReferenceColumn& column : job.columns) {
      if (is_score(column)) continue;
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

  void consume(const data::Batch& batch) override {
    std::vector<double> times = batch.columns[0].numbers;
    const BlockRuns placed = block_runs(job_.grid, times, job_.trained_to);
    counter_.add_rows(placed.runs);
    if (!placed.as_they_stand) rearrange(times, placed.order);
    std::optional<std::size_t> taken;
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const Place& place = places_[i];
      if (place.role == ColumnRole::time) {
        counter_.add_times(i, times, placed.runs);
      } else if (place.role == ColumnRole::label) {
        count_labels(i, batch);
      } else {
        if (taken != place.position) {
          take_values(batch.columns[place.position], values_);
          if (!placed.as_they_stand) rearrange(values_, placed.order);
          taken = place.position;
        }
        counter_.add_values(i, values_, placed.runs);
      }
    }
  }

  std::vector<registry::Block> finish(double newest) { return counter_.finish(job_.trained_to, newest); }

 private:
  struct Place {
    ColumnRole role = ColumnRole::feature;
    std::size_t position = 0;  // in the batch
  };

  // A label that is not known yet says nothing about the labels, so it is not even counted as missing.
  void count_labels(std::size_t column, const data::Batch& batch) {
    take_values(batch.columns[1], labels_);
    std::vector<double> times;
    std::vector<std::uint32_t> known;
    for (std::uint32_t row = 0; row < batch.rows; ++row) {
      const bool nan = !labels_.is_text && std::isnan(labels_.numbers[row]);
      if (labels_.nulls[row] != 0 || nan) continue;
      known.push_back(row);
      times.push_back(batch.columns[0].numbers[row]);
    }
    rearrange(labels_, known);
    const BlockRuns placed = block_runs(job_.grid, times, job_.trained_to);
    if (!placed.as_they_stand) rearrange(labels_, placed.order);
    counter_.add_values(column, labels_, placed.runs);
  }

  const LookJob& job_;
  BlockCounter counter_;
  std::vector<Place> places_;
  ColumnValues values_;
  ColumnValues labels_;
};

class Look {
 public:
  Look(const LookJob& job, const settings::Source& source, const std::filesystem::path& folder)
      : job_(job), folder_(folder), reader_(source, "retraind monitor " + job.model.name) {}

  LookResult run() {
    std::vector<std::string> wanted = feature_names(job_);
    wanted.push_back(job_.model.time_column);
    wanted.push_back(job_.model.label);
    columns_ = reader_.describe(job_.model.query, wanted);
    roles_ = roles_of(job_, columns_);
    const data::SourceColumn& time_column = columns_[roles_.time];
    if (data::time_axis(time_column.type) != job_.axis) {
      throw DataError("the time column \"" + time_column.name + "\" is now " + time_column.sql_type +
                          ", and production was trained on another kind of time",
                      "cast it back in the query, or retrain");
    }
    const bool labelled = job_.losses || job_.detector;
    const Duration delay = labelled ? job_.model.label_delay : Duration::zero();
    result_.newest = find_anchor(reader_, job_.model, time_column, delay, job_.now);
    if (!result_.newest || *result_.newest <= job_.trained_to) {
      result_.newest.reset();
      if (job_.detector) read_nothing();
      return std::move(result_);
    }
    source::RowFilter filter;
    filter.until = result_.newest;
    filter.labelled_only = labelled;
    if (job_.detector) {
      filter.after = std::max(job_.trained_to, job_.detector->after.value_or(job_.trained_to));
    } else {
      find_blocks(time_column, labelled);
      filter.after = std::max(job_.trained_to, just_before(job_.grid.begin_of(result_.read_from)));
    }
    extract(time_column, filter);
    return std::move(result_);
  }

 private:
  void read_nothing() {
    result_.detected = stats::feed(job_.detector->rule, job_.detector->memory, {});
    result_.fed_to = job_.detector->after;
  }

  // Bounds at the source are exclusive below, blocks inclusive.
  double just_before(double time) const {
    if (job_.axis == TimeAxis::instant) return time - 1;
    return std::nextafter(time, -std::numeric_limits<double>::infinity());
  }

  void find_blocks(const data::SourceColumn& time_column, bool labelled) {
    const std::int64_t oldest = job_.grid.index_of(job_.trained_to);
    const std::int64_t last = job_.grid.index_of(*result_.newest);
    std::int64_t first = oldest;
    if (const auto* duration = std::get_if<settings::WindowDuration>(&job_.window)) {
      if (job_.axis != TimeAxis::instant) {
        throw DataError(
            fmt::format("the window is {}, but the time column is a number", format_duration(duration->length)),
            "write the window as \"N rows\" or \"all\"");
      }
      // Up to a block longer than asked for, never shorter: what was asked for is looked at.
      first = job_.grid.index_of(*result_.newest - static_cast<double>(duration->length.count()));
    } else if (const auto* rows = std::get_if<settings::WindowRows>(&job_.window)) {
      if (job_.known && job_.known->rows >= rows->rows) {
        first = job_.known->first;
      } else if (const auto cut =
                     reader_.nth_newest_event(job_.model, time_column, *result_.newest, labelled, rows->rows)) {
        first = job_.grid.index_of(*cut);
      }
    }
    result_.first = std::max(first, oldest);
    const bool there = job_.known && job_.known->first <= result_.first && job_.known->open >= result_.first;
    result_.extended = there;
    result_.read_from = there ? std::min(job_.known->open, last) : result_.first;
  }

  void extract(const data::SourceColumn& time_column, const source::RowFilter& filter) {
    const std::vector<stats::ColumnProfile> feature_cells = cells_of(job_.columns, false);
    const std::vector<stats::ColumnProfile> score_cells = cells_of(job_.columns, true);
    std::vector<data::BatchSink*> sinks;
    std::optional<FeatureSink> features;
    if (job_.features) sinks.push_back(&features.emplace(job_, columns_, roles_, feature_cells));
    std::optional<Scorer> scorer;
    std::optional<ScoringSink> scoring;
    if (job_.scores || job_.losses || job_.detector) {
      scorer = open_artifact_file(job_.model, folder_ / job_.artifact_file, job_.artifact_sha256,
                                  fmt::format("production version {}", job_.version));
      sinks.push_back(&scoring.emplace(job_, *scorer, columns_, roles_, score_cells));
    }
    // Keys order rows of one event time for a detector; nothing else needs them.
    const source::ExtractStats stats = reader_.extract(job_.model, columns_, data::read_order(roles_), time_column,
                                                       filter, job_.detector.has_value(), "", sinks);
    result_.rows = stats.rows;
    result_.bytes = stats.bytes;
    if (features) result_.features = features->finish(*result_.newest);
    if (scoring) scoring->finish(*result_.newest, result_);
  }

  const LookJob& job_;
  const std::filesystem::path& folder_;
  source::SourceReader reader_;
  std::vector<data::SourceColumn> columns_;
  data::Roles roles_;
  LookResult result_;
};

}  // namespace

LookResult look(const LookJob& job, const settings::Source& source, const std::filesystem::path& folder) {
  return Look(job, source, folder).run();
}

}  // namespace retraind::pipeline
