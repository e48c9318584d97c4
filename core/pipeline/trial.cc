// A look at the rows of a trial: read once by one COPY, scored by both versions as they pass, and cut into clusters.

#include "core/pipeline/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/data/schema.h"
#include "core/data/table.h"
#include "core/evaluate/compare.h"
#include "core/evaluate/facts.h"
#include "core/pipeline/alignment.h"
#include "core/pipeline/metric_options.h"
#include "core/pipeline/scorer.h"
#include "core/pipeline/trial_cut.h"
#include "core/pipeline/window.h"
#include "core/source/source.h"

namespace retraind::pipeline {
namespace {

// Features are held for so many rows at a time; of every row only its label, weight and predictions are kept.
constexpr std::size_t kRowsAtOnce = 65536;

struct Contestant {
  int version = 0;
  Scorer scorer;
};

std::optional<std::size_t> place_of(const std::vector<data::SourceColumn>& columns, const std::string& name) {
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.name == name; });
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

// The columns that both versions need, whatever the configuration trains on by now.
data::Roles roles_of(const settings::Model& model, const std::vector<data::SourceColumn>& columns,
                     const Contestant& version, const Contestant& against) {
  const auto needed = [&](const char* what, const std::string& name) {
    const auto place = place_of(columns, name);
    if (!place) throw DataError(fmt::format("the query does not return the {} column \"{}\"", what, name));
    return *place;
  };
  data::Roles roles;
  roles.time = needed("time", model.time_column);
  roles.label = needed("label", model.label);
  if (model.weight) {
    roles.weight = needed("weight", *model.weight);
    if (columns[*roles.weight].type != data::ValueType::number) {
      throw DataError(
          fmt::format("the weight column \"{}\" is {}, no number", *model.weight, columns[*roles.weight].sql_type));
    }
  }
  for (const Contestant* one : {&version, &against}) {
    for (const data::PreparedFeature& feature : one->scorer.preparation.features()) {
      const auto place = place_of(columns, feature.name);
      if (!place) {
        throw DataError(fmt::format("version {} needs the column \"{}\", which the query no longer returns",
                                    one->version, feature.name),
                        "put it back into the query: two versions can be compared only while both can be scored");
      }
      if (std::find(roles.features.begin(), roles.features.end(), *place) == roles.features.end()) {
        roles.features.push_back(*place);
      }
    }
  }
  std::sort(roles.features.begin(), roles.features.end());
  return roles;
}

class TrialSink : public data::BatchSink {
 public:
  TrialSink(const Contestant& version, const Contestant& against, const std::vector<data::SourceColumn>& columns,
            const data::Roles& roles, const std::vector<std::string>& classes)
      : version_(version),
        against_(against),
        classes_(classes),
        builder_(columns, roles, version.scorer.preparation.task()) {
    rows_.task = version.scorer.preparation.task();
    rows_.classes = rows_.task == Task::multiclass ? classes.size() : 0;
  }

  void consume(const data::Batch& batch) override {
    builder_.consume(batch);
    held_ += batch.rows;
    if (held_ >= kRowsAtOnce) flush();
  }
  // To be called once, when all rows have come.
  TrialRows finish() {
    flush();
    return std::move(rows_);
  }

 private:
  void flush() {
    if (held_ == 0) return;
    held_ = 0;
    const data::Table table = builder_.finish();
    rows_.times.insert(rows_.times.end(), table.event_times.begin(), table.event_times.end());
    rows_.weights.insert(rows_.weights.end(), table.weights.begin(), table.weights.end());
    const std::vector<double> labels = labels_of(table);
    rows_.labels.insert(rows_.labels.end(), labels.begin(), labels.end());
    append_predictions(version_, table, rows_.version);
    append_predictions(against_, table, rows_.against);
  }

  std::vector<double> labels_of(const data::Table& table) const {
    if (rows_.task != Task::multiclass) return version_.scorer.preparation.labels(table, 0, table.rows);
    std::vector<double> places;
    for (const std::string& level : table.label.levels) {
      const auto found = std::find(classes_.begin(), classes_.end(), level);
      places.push_back(found == classes_.end() ? -1.0 : static_cast<double>(found - classes_.begin()));
    }
    std::vector<double> out;
    out.reserve(table.rows);
    for (const double code : table.label.values) {
      out.push_back(std::isnan(code) ? code : places.at(static_cast<std::size_t>(code)));
    }
    return out;
  }

  void append_predictions(const Contestant& of, const data::Table& table, std::vector<double>& to) const {
    std::vector<double> predictions = of.scorer.predict(table, 0, table.rows);
    const std::vector<std::string>& own = of.scorer.preparation.classes();
    const evaluate::PredictionFacts facts =
        evaluate::look_at_predictions(rows_.task, rows_.task == Task::multiclass ? own.size() : 1, predictions, {});
    if (facts.invalid > 0) {
      throw DataError(fmt::format("version {} gives {} of {} rows a prediction that makes no sense, such as {}",
                                  of.version, facts.invalid, facts.rows, facts.first_invalid));
    }
    if (rows_.task == Task::multiclass) predictions = spread(predictions, own, classes_);
    to.insert(to.end(), predictions.begin(), predictions.end());
  }

  const Contestant& version_;
  const Contestant& against_;
  const std::vector<std::string>& classes_;
  data::TableBuilder builder_;
  std::size_t held_ = 0;
  TrialRows rows_;
};

// How far labelled rows are complete: later rows may still get a label, or company of their own event time.
std::optional<EventTime> find_complete(source::SourceReader& reader, const settings::Model& model,
                                       const data::SourceColumn& time_column, TimePoint now) {
  if (data::time_axis(time_column.type) == TimeAxis::number) {
    return reader.newest_event(model, time_column, std::nullopt, true);
  }
  return find_anchor(reader, model, time_column, model.label_delay + model.late_labels, now);
}

Contestant open_contestant(const TrialJob& job, const JobVersion& version, const std::filesystem::path& folder) {
  Contestant out{.version = version.version,
                 .scorer = open_artifact_file(job.model, folder / version.artifact_file, version.artifact_sha256,
                                              fmt::format("version {}", version.version))};
  if (out.scorer.preparation.task() != job.model.task) {
    throw DataError(fmt::format("version {} answers a {} question, and the model is configured as {}", version.version,
                                to_text(out.scorer.preparation.task()), to_text(job.model.task)));
  }
  return out;
}

}  // namespace

TrialResult run_trial(const TrialJob& job, const settings::Source& source, const std::filesystem::path& folder) {
  const Contestant version = open_contestant(job, job.version, folder);
  const Contestant against = open_contestant(job, job.against, folder);
  const std::vector<std::string>& own = version.scorer.preparation.classes();
  const std::vector<std::string>& theirs = against.scorer.preparation.classes();
  if (job.model.task == Task::binary && own != theirs) {
    throw DataError(fmt::format("versions {} and {} know different classes, so no rows can judge both", version.version,
                                against.version),
                    "give the new question a model name of its own");
  }
  const std::vector<std::string> classes = job.model.task == Task::multiclass ? union_of(own, theirs) : own;

  source::SourceReader reader(source, "retraind trial " + job.model.name);
  std::vector<std::string> wanted{job.model.time_column, job.model.label};
  if (job.model.weight) wanted.push_back(*job.model.weight);
  for (const Contestant* one : {&version, &against}) {
    for (const data::PreparedFeature& feature : one->scorer.preparation.features()) wanted.push_back(feature.name);
  }
  const std::vector<data::SourceColumn> columns = reader.describe(job.model.query, wanted);
  const data::Roles roles = roles_of(job.model, columns, version, against);
  const data::SourceColumn& time_column = columns[roles.time];
  const TimeAxis axis = data::time_axis(time_column.type);
  if (axis != job.version.axis || axis != job.against.axis) {
    throw DataError(fmt::format("the time column \"{}\" is now {}, and versions {} and {} were trained on another kind "
                                "of time",
                                time_column.name, time_column.sql_type, version.version, against.version),
                    "cast it back in the query, or retrain");
  }

  TrialResult result;
  result.seen_to = find_complete(reader, job.model, time_column, job.now);
  TrialCut cut{.size = trial_cluster_size(job.model, axis),
               .metric = job.metric,
               .options = metric_options(job.model.validation, classes),
               // No row that either was trained on is evidence, whatever the job says.
               .after = std::max({job.after, job.version.trained_to, job.against.trained_to}),
               .complete_before = result.seen_to.value_or(job.after),
               .until = job.until,
               .next_index = job.next_index};
  if (cut.complete_before <= cut.after || (cut.until && *cut.until <= cut.after)) return result;
  source::RowFilter filter;
  filter.after = cut.after;
  filter.until = cut.until ? std::min(*cut.until, cut.complete_before) : cut.complete_before;
  filter.labelled_only = true;
  TrialSink sink(version, against, columns, roles, classes);
  (void)reader.extract(job.model, columns, data::read_order(roles), time_column, filter, nullptr, {&sink});
  result.clusters = cut_clusters(cut, sink.finish());
  return result;
}

}  // namespace retraind::pipeline
