#include "core/pipeline/observe.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "core/base/error.h"
#include "core/data/schema.h"
#include "core/pipeline/window.h"
#include "core/source/source.h"

namespace retraind::pipeline {
namespace {

// The column of this name among those the query returns.
std::optional<std::size_t> find_column(const std::vector<data::SourceColumn>& columns, const std::string& name) {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const auto& column) { return column.name == name; });
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

const data::SourceColumn& require_time_column(const std::vector<data::SourceColumn>& columns,
                                              const settings::Model& model) {
  const auto place = find_column(columns, model.time_column);
  if (!place) throw DataError("the query does not return the time column \"" + model.time_column + "\"");
  return columns[*place];
}

// Counts each column of a batch into its profile.
class ProfileSink : public data::BatchSink {
 public:
  explicit ProfileSink(const std::vector<stats::ColumnProfile>& reference) {
    for (const stats::ColumnProfile& column : reference) profiles_.push_back(stats::empty_like(column));
  }

  void consume(const data::Batch& batch) override {
    for (std::size_t i = 0; i < profiles_.size(); ++i) {
      const data::BatchColumn& column = batch.columns[i];
      if (column.type == data::ValueType::category) {
        stats::add_texts(profiles_[i], column.texts, column.nulls);
      } else {
        as_models_see(column);
        stats::add_numbers(profiles_[i], numbers_, nulls_);
      }
    }
  }

  const std::vector<stats::ColumnProfile>& profiles() const { return profiles_; }

 private:
  // Rounds to floats, holds infinities at the largest float and takes NaN for missing, exactly as a training table
  // does: otherwise a value that the reference knows as a point mass would not meet it again.
  void as_models_see(const data::BatchColumn& column) {
    numbers_.resize(column.numbers.size());
    nulls_.assign(column.nulls.begin(), column.nulls.end());
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      const double value = column.numbers[i];
      if (std::isnan(value)) nulls_[i] = 1;
      numbers_[i] = std::isnan(value) ? 0.0
                                      : static_cast<double>(static_cast<float>(std::clamp(
                                            value, -static_cast<double>(FLT_MAX), static_cast<double>(FLT_MAX))));
    }
  }

  std::vector<stats::ColumnProfile> profiles_;
  std::vector<double> numbers_;
  std::vector<std::uint8_t> nulls_;
};

}  // namespace

std::uint64_t count_new_rows(const settings::Source& source, const settings::Model& model,
                             std::optional<EventTime> after, TimePoint now) {
  source::SourceReader reader(source, "retraind monitor " + model.name);
  const auto columns = reader.describe(model.query, {model.time_column, model.label});
  const data::SourceColumn& time_column = require_time_column(columns, model);
  source::RowFilter filter;
  filter.after = after;
  filter.labelled_only = true;
  if (data::time_axis(time_column.type) == TimeAxis::instant) filter.until = to_event_time(now - model.label_delay);
  return reader.count_rows(model, time_column, filter);
}

DriftMeasured measure_drift(const settings::Source& source, const settings::Model& model,
                            const settings::DriftTrigger& rule, const std::vector<stats::ColumnProfile>& reference,
                            TimePoint now) {
  source::SourceReader reader(source, "retraind monitor " + model.name);
  std::vector<std::string> wanted{model.time_column};
  for (const stats::ColumnProfile& column : reference) wanted.push_back(column.column);
  const auto columns = reader.describe(model.query, wanted);
  const data::SourceColumn& time_column = require_time_column(columns, model);

  std::vector<std::size_t> places;
  for (const stats::ColumnProfile& column : reference) {
    const auto place = find_column(columns, column.column);
    if (!place) {
      throw DataError(
          "the query no longer returns the column \"" + column.column + "\", which production was trained on",
          "put it back into the query, or retrain without it");
    }
    const bool was_category = std::holds_alternative<stats::CategoryProfile>(column.values);
    if (was_category != (columns[*place].type == data::ValueType::category)) {
      throw DataError("the column \"" + column.column + "\" is now " + columns[*place].sql_type +
                          ", but production was trained on " + (was_category ? "texts" : "numbers"),
                      "cast it back in the query, or retrain");
    }
    places.push_back(*place);
  }

  DriftMeasured measured;
  measured.axis = data::time_axis(time_column.type);
  ProfileSink sink(reference);
  if (const auto anchor = find_anchor(reader, model, time_column, Duration::zero(), now)) {
    const source::RowFilter filter = filter_of(rule.window, measured.axis, *anchor, false);
    measured.window_from = filter.after;
    measured.window_to = anchor;
    measured.rows = reader.extract(model, columns, places, time_column, filter, false, "", {&sink}).rows;
  }
  measured.columns = stats::compare_profiles(
      reference, sink.profiles(),
      {.method = rule.method, .min_effect = rule.min_effect, .alpha = rule.alpha, .min_rows = rule.min_rows});
  return measured;
}

}  // namespace retraind::pipeline
