// A look of batch scoring: rows without a score stream by, are scored some ten thousand at a time, and their scores are
// written over a connection of their own while the reading transaction stays read-only.

#include "core/pipeline/batch_scoring.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <unordered_set>

#include "core/base/error.h"
#include "core/data/schema.h"
#include "core/data/table.h"
#include "core/evaluate/facts.h"
#include "core/pipeline/scorer.h"
#include "core/source/score_table.h"
#include "core/source/source.h"

namespace retraind::pipeline {
namespace {

constexpr std::uint64_t kBatchesALook = 100;
constexpr std::uint64_t kRowsALook = 1000000;

const std::string& query_of(const settings::Model& model) {
  return model.scoring.query.empty() ? model.query : model.scoring.query;
}

std::uint64_t rows_a_look(std::uint64_t batch_rows) {
  return std::max(batch_rows, std::min(kRowsALook, kBatchesALook * batch_rows));
}

// The time column of the rows to score, as the query returns it.
const data::SourceColumn& time_column_of(const settings::Model& model, const std::vector<data::SourceColumn>& columns) {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.name == model.time_column; });
  if (found == columns.end()) {
    throw DataError(
        fmt::format("the query of rows to score does not return the time column \"{}\"", model.time_column));
  }
  if (found->type != data::ValueType::instant && found->type != data::ValueType::number) {
    throw DataError(fmt::format("the time column \"{}\" is {}, which is no time", found->name, found->sql_type));
  }
  return *found;
}

// The places of the columns that ScoreTable::unscored returns.
data::Roles roles_of(std::size_t features, std::size_t keys) {
  data::Roles roles;
  roles.time = 0;
  roles.label = 1;
  std::size_t place = 2;
  for (std::size_t i = 0; i < features; ++i) roles.features.push_back(place++);
  for (std::size_t i = 0; i < keys + 1; ++i) roles.slices.push_back(place++);  // the event time as text is the last
  return roles;
}

// The texts of a column; throws for a NULL.
std::vector<std::string> texts_of(const data::Column& column, const std::string& name) {
  const auto& values = std::get<data::CategoryColumn>(column.values);
  const auto nulls = std::count(values.codes.begin(), values.codes.end(), -1);
  if (nulls > 0) {
    throw DataError(
        fmt::format("{} rows have NULL in \"{}\", which is part of scoring.key: nothing tells them apart", nulls, name),
        fmt::format("leave them out with scoring.query, … WHERE {} IS NOT NULL", name));
  }
  std::vector<std::string> out;
  out.reserve(values.codes.size());
  for (const std::int32_t code : values.codes) out.push_back(values.levels.at(static_cast<std::size_t>(code)));
  return out;
}

// Scores rows as they pass, and writes them batch by batch.
class BatchScoringSink : public data::BatchSink {
 public:
  BatchScoringSink(const ScoringJob& job, const Scorer& scorer, const std::vector<data::SourceColumn>& columns,
                   const data::Roles& roles, source::ScoreTable& table)
      : job_(job), scorer_(scorer), table_(table), builder_(columns, roles, scorer.preparation.task()) {}

  void consume(const data::Batch& batch) override {
    if (held_ > 0 && held_ + batch.rows > job_.model.scoring.batch_rows) flush();
    builder_.consume(batch);
    held_ += batch.rows;
    if (held_ >= job_.model.scoring.batch_rows) flush();
  }
  // To be called once, when all rows have come.
  void finish() { flush(); }

  std::uint64_t read() const { return read_; }
  std::uint64_t written() const { return written_; }
  // The greatest event time before that of the last row: all rows up to it have been read, whatever was cut off.
  std::optional<EventTime> complete_to() const { return before_last_; }

 private:
  void flush() {
    if (held_ == 0) return;
    held_ = 0;
    const data::Table rows = builder_.finish();
    read_ += rows.rows;
    const source::ScoreRows scores = score(rows);
    require_distinct(scores);
    // As a rule one; a batch from the wire may be larger than one that the user wants written.
    for (std::size_t begin = 0; begin < scores.size(); begin += job_.model.scoring.batch_rows) {
      const std::size_t end = std::min<std::size_t>(scores.size(), begin + job_.model.scoring.batch_rows);
      written_ +=
          table_.write(job_.version.version, begin == 0 && end == scores.size() ? scores : part_of(scores, begin, end));
    }
    for (const EventTime time : rows.event_times) {
      if (last_ && time > *last_) before_last_ = last_;
      if (!last_ || time > *last_) last_ = time;
    }
  }

  source::ScoreRows score(const data::Table& rows) const {
    const data::Preparation& preparation = scorer_.preparation;
    const std::vector<double> predictions = scorer_.predict(rows, 0, rows.rows);
    const std::size_t width = preparation.task() == Task::multiclass ? preparation.classes().size() : 1;
    const evaluate::PredictionFacts facts = evaluate::look_at_predictions(preparation.task(), width, predictions, {});
    if (facts.invalid > 0) {
      throw DataError(fmt::format("version {} gives {} of {} rows a prediction that makes no sense, such as {}; "
                                  "no score of these rows was written",
                                  job_.version.version, facts.invalid, facts.rows, facts.first_invalid),
                      "roll back to a version that works");
    }
    ScoreColumns columns = score_columns(preparation.task(), preparation.classes(), predictions);
    source::ScoreRows out;
    out.predictions = std::move(columns.score);
    if (preparation.task() == Task::multiclass) {
      out.classes.assign(columns.predicted.begin(), columns.predicted.end());
    }
    const std::vector<std::string>& key = job_.model.scoring.key;
    for (std::size_t i = 0; i < key.size(); ++i) out.keys.push_back(texts_of(rows.slices.at(i), key[i]));
    out.event_times = texts_of(rows.slices.at(key.size()), job_.model.time_column);
    return out;
  }

  static source::ScoreRows part_of(const source::ScoreRows& all, std::size_t begin, std::size_t end) {
    const auto part = [&](const auto& values) {
      using Values = std::decay_t<decltype(values)>;
      if (values.empty()) return Values();
      return Values(values.begin() + static_cast<std::ptrdiff_t>(begin),
                    values.begin() + static_cast<std::ptrdiff_t>(end));
    };
    source::ScoreRows out;
    for (const std::vector<std::string>& key : all.keys) out.keys.push_back(part(key));
    out.event_times = part(all.event_times);
    out.predictions = part(all.predictions);
    out.classes = part(all.classes);
    return out;
  }

  // A key that is no key would leave rows without a score, silently: only the first of them would get one.
  void require_distinct(const source::ScoreRows& scores) {
    for (std::size_t row = 0; row < scores.size(); ++row) {
      std::string key;
      for (const std::vector<std::string>& column : scores.keys) key += column[row] + '\0';
      if (keys_.insert(std::hash<std::string>()(key)).second) continue;
      std::string shown;
      for (const std::vector<std::string>& column : scores.keys) shown += (shown.empty() ? "" : ", ") + column[row];
      throw DataError(fmt::format("scoring.key = ({}) does not identify a row: ({}) stands in two rows of the query",
                                  fmt::join(job_.model.scoring.key, ", "), shown),
                      "add a column to it that tells them apart, such as the time column");
    }
  }

  const ScoringJob& job_;
  const Scorer& scorer_;
  source::ScoreTable& table_;
  data::TableBuilder builder_;
  std::size_t held_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t written_ = 0;
  std::optional<EventTime> last_;
  std::optional<EventTime> before_last_;
  std::unordered_set<std::size_t> keys_;  // their hashes
};

// Rows up to here are not looked at (any more).
EventTime reading_begins_after(source::SourceReader& reader, const ScoringJob& job, const settings::Model& rows,
                               const data::SourceColumn& time_column) {
  if (!job.covered_to) return job.begins_after;
  if (data::time_axis(time_column.type) == TimeAxis::instant) {
    // One microsecond earlier still: rows of the very time may come late as well (of today, where times are dates).
    const EventTime back = *job.covered_to - static_cast<double>(job.model.scoring.late_rows.count()) - 1;
    return std::max(job.begins_after, back);
  }
  const auto back = reader.nth_newest_event(rows, time_column, job.covered_to, false, job.model.scoring.batch_rows);
  if (!back) return job.begins_after;
  return std::max(job.begins_after, std::nextafter(*back, -std::numeric_limits<double>::infinity()));
}

// How far the rows without exception have their scores now.
std::optional<EventTime> covered_after(source::SourceReader& reader, const ScoringJob& job, const settings::Model& rows,
                                       const data::SourceColumn& time_column, const BatchScoringSink& sink, bool more) {
  const bool instant = data::time_axis(time_column.type) == TimeAxis::instant;
  std::optional<EventTime> to =
      more ? sink.complete_to()
           : reader.newest_event(rows, time_column, instant ? std::optional(to_event_time(job.now)) : std::nullopt,
                                 false);
  if (to && instant) to = std::min(*to, to_event_time(job.now));
  if (!to || *to < job.begins_after) return job.covered_to;
  return job.covered_to ? std::max(*to, *job.covered_to) : *to;
}

}  // namespace

ScoringResult score_new_rows(const ScoringJob& job, const settings::Source& source,
                             const std::filesystem::path& folder) {
  const std::string application = "retraind score " + job.model.name;
  const Scorer scorer = open_artifact_file(job.model, folder / job.version.artifact_file, job.version.artifact_sha256,
                                           fmt::format("production version {}", job.version.version));
  std::vector<std::string> features;
  for (const data::PreparedFeature& feature : scorer.preparation.features()) features.push_back(feature.name);

  source::SourceReader reader(source, application);
  settings::Model rows = job.model;
  rows.query = query_of(job.model);
  std::vector<std::string> wanted = features;
  wanted.push_back(job.model.time_column);
  const std::vector<data::SourceColumn> columns = reader.describe(rows.query, wanted);
  const data::SourceColumn time_column = time_column_of(job.model, columns);
  if (data::time_axis(time_column.type) != job.version.axis) {
    throw DataError(fmt::format("the time column \"{}\" is now {}, and version {} was trained on another kind of time",
                                time_column.name, time_column.sql_type, job.version.version),
                    "cast it back in the query, or retrain");
  }
  for (const std::string& feature : features) {
    if (std::any_of(columns.begin(), columns.end(), [&](const auto& c) { return c.name == feature; })) continue;
    throw DataError(fmt::format("version {} needs the column \"{}\", which the query of rows to score does not return",
                                job.version.version, feature),
                    job.model.scoring.query.empty() ? "put it back into the query" : "add it to scoring.query");
  }
  source::ScoreTable table(source, application, job.model, scorer.preparation.task(), rows.query, columns);
  table.require_fit();

  const std::uint64_t limit = rows_a_look(job.model.scoring.batch_rows);
  const EventTime after = reading_begins_after(reader, job, rows, time_column);
  settings::Model unscored = rows;
  unscored.query = table.unscored({.features = features, .after = after, .limit = limit});
  const std::vector<data::SourceColumn> read = reader.describe(unscored.query);
  const data::Roles roles = roles_of(features.size(), job.model.scoring.key.size());
  BatchScoringSink sink(job, scorer, read, roles, table);
  (void)reader.extract(unscored, read, data::read_order(roles), read[roles.time], {}, nullptr, {&sink});
  sink.finish();

  ScoringResult result;
  result.rows = sink.written();
  result.more = sink.read() >= limit;
  result.covered_to = covered_after(reader, job, rows, time_column, sink, result.more);
  return result;
}

std::string check_scoring(const settings::Model& model, const settings::Source& source) {
  const std::string application = "retraind check";
  source::SourceReader reader(source, application);
  std::vector<std::string> wanted = model.features;
  wanted.push_back(model.time_column);
  const std::vector<data::SourceColumn> columns = reader.describe(query_of(model), wanted);
  (void)time_column_of(model, columns);
  source::ScoreTable table(source, application, model, model.task, query_of(model), columns);
  table.require_fit();
  return fmt::format("scores of new rows go to {} (source {}), which is there and fits", model.scoring.into,
                     source.name);
}

}  // namespace retraind::pipeline
