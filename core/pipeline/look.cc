#include "core/pipeline/look.h"

#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <utility>

#include "core/base/error.h"
#include "core/data/schema.h"
#include "core/pipeline/feature_sink.h"
#include "core/pipeline/reference.h"
#include "core/pipeline/scorer.h"
#include "core/pipeline/scoring_sink.h"
#include "core/pipeline/stream_split.h"
#include "core/pipeline/window.h"
#include "core/source/source.h"
#include "core/source/streams.h"

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

// Full profiles of open blocks take about so much, of all streams together: enough for hundreds of blocks of most
// tables, few beside what a process needs anyway.
constexpr std::size_t kOpenFeatureBytes = 8 << 20;
constexpr std::size_t kOpenScoreBytes = 2 << 20;

// What counts the rows of one stream.
struct Part {
  std::optional<FeatureSink> features;
  std::optional<Scorer> scorer;
  std::optional<ScoringSink> scoring;
};

class Look {
 public:
  Look(const LookJob& job, const settings::Source& source, const std::filesystem::path& folder,
       source::SourceReader reader)
      : job_(job),
        source_(source),
        folder_(folder),
        application_(look_name(job.model.name)),
        reader_(std::move(reader)) {}

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
      filter.after = std::max(job_.trained_to, just_before_block(job_.grid, job_.axis, result_.read_from));
    }
    extract(time_column, filter);
    return std::move(result_);
  }

 private:
  void read_nothing() {
    result_.detected = stats::feed(job_.detector->rule, job_.detector->memory, {});
    result_.fed_to = job_.detector->after;
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

  // Losses are sums that depend on the order of the rows, a detector on more than that: both take one stream. A command
  // that scores uses the processors as it likes.
  std::vector<source::RowFilter> split(const data::SourceColumn& time_column, const source::RowFilter& filter,
                                       const std::optional<Scorer>& scorer) {
    if (source_.streams < 2 || job_.losses || job_.detector || (scorer && scorer->trainer != "xgboost")) {
      return {filter};
    }
    return split_at_blocks(
        filter, job_.grid, job_.axis, result_.read_from, static_cast<std::size_t>(source_.streams),
        [&](const source::RowFilter& part) { return reader_.estimate_rows(job_.model, time_column, part); });
  }

  Scorer open_scorer() const {
    return open_artifact_file(job_.model, folder_ / job_.artifact_file, job_.artifact_sha256,
                              fmt::format("production version {}", job_.version));
  }

  void extract(const data::SourceColumn& time_column, const source::RowFilter& filter) {
    const std::vector<stats::ColumnProfile> feature_cells = cells_of(job_.columns, false);
    const std::vector<stats::ColumnProfile> score_cells = cells_of(job_.columns, true);
    std::optional<Scorer> scorer;
    if (job_.scores || job_.losses || job_.detector) scorer = open_scorer();
    const std::vector<source::RowFilter> filters = split(time_column, filter, scorer);
    std::list<Part> parts;
    std::vector<source::StreamPart> streams;
    for (const source::RowFilter& own : filters) {
      Part& part = parts.emplace_back();
      source::StreamPart& stream = streams.emplace_back(source::StreamPart{own, {}});
      if (job_.features) {
        stream.sinks.push_back(&part.features.emplace(job_, columns_, roles_, feature_cells, *result_.newest,
                                                      kOpenFeatureBytes / filters.size()));
      }
      if (!scorer) continue;
      // A model is for one thread.
      part.scorer = parts.size() == 1 ? std::move(*scorer) : open_scorer();
      stream.sinks.push_back(&part.scoring.emplace(job_, *part.scorer, columns_, roles_, score_cells, *result_.newest,
                                                   kOpenScoreBytes / filters.size()));
    }
    const std::vector<std::size_t> order = data::read_order(roles_);
    // Keys order rows of one event time for a detector; nothing else needs them.
    RowSetHash row_set;
    if (job_.detector) streams.front().row_set = &row_set;
    const source::ExtractStats stats =
        source::extract_parts(reader_, source_, application_, job_.model, columns_, order, time_column, streams);
    result_.rows = stats.rows;
    result_.bytes = stats.bytes;
    Part& whole = parts.front();
    for (Part& part : parts) {
      if (&part == &whole) continue;
      if (part.features) whole.features->merge(std::move(*part.features));
      if (!part.scoring) continue;
      part.scoring->flush();
      whole.scoring->merge(std::move(*part.scoring));
    }
    if (whole.features) result_.features = whole.features->finish();
    if (whole.scoring) whole.scoring->finish(result_);
  }

  const LookJob& job_;
  const settings::Source& source_;
  const std::filesystem::path& folder_;
  const std::string application_;
  source::SourceReader reader_;
  std::vector<data::SourceColumn> columns_;
  data::Roles roles_;
  LookResult result_;
};

}  // namespace

std::string look_name(const std::string& model) {
  return "retraind monitor " + model;
}

LookResult look(const LookJob& job, const settings::Source& source, const std::filesystem::path& folder,
                source::SourceReader reader) {
  return Look(job, source, folder, std::move(reader)).run();
}

LookResult look(const LookJob& job, const settings::Source& source, const std::filesystem::path& folder) {
  return look(job, source, folder, source::SourceReader(source, look_name(job.model.name)));
}

}  // namespace retraind::pipeline
