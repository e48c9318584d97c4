#include "core/pipeline/execute.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <fstream>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/sha256.h"
#include "core/data/split.h"
#include "core/data/table.h"
#include "core/evaluate/decide.h"
#include "core/pipeline/alignment.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/reference.h"
#include "core/pipeline/scorer.h"
#include "core/pipeline/window.h"
#include "core/source/source.h"
#include "core/train/artifact.h"
#include "core/train/trainer.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

// The rows, and where they came from.
struct Extracted {
  data::Table table;
  source::ExtractStats stats;
  std::string schema;
  source::RowFilter filter;
  data::ValueType label_type = data::ValueType::number;
  std::string time_column;
};

class Execution {
 public:
  Execution(const Job& job, const settings::Source& source, const std::filesystem::path& folder,
            const std::string& version, const StepListener& listener)
      : job_(job), source_(source), folder_(folder), version_(version), listener_(listener) {}

  Measured run() {
    open_production();
    Extracted extracted = extract();
    const data::Split split = validate(extracted);
    const Trained trained = train_candidate(extracted, split);
    evaluate(extracted.table, split, trained);
    measured_.reference = make_reference(extracted.table, split, trained.candidate, holdout_predictions_,
                                         extracted.label_type, extracted.time_column, trained.importances);
    describe_lineage(extracted);
    return std::move(measured_);
  }

  Step step() const { return step_; }

 private:
  struct Trained {
    Scorer candidate;
    std::vector<float> labels;
    std::map<std::string, double> importances;
  };

  void begin(Step step) {
    step_ = step;
    listener_({.step = step, .finished = false, .rows = std::nullopt, .detail = "{}"});
  }
  void finish(std::uint64_t rows, const json::object& detail) {
    listener_({.step = step_, .finished = true, .rows = rows, .detail = json::serialize(detail)});
  }

  // Before anything is read: a production model that cannot be loaded makes the whole run pointless.
  void open_production() {
    step_ = Step::evaluate;
    if (!job_.production) return;
    production_ =
        open_artifact_file(job_.model, folder_ / job_.production->artifact_file, job_.production->artifact_sha256,
                           fmt::format("production version {}", job_.production->version));
  }

  // The columns the candidate needs, and those production needs to be scored on the same rows.
  data::Roles roles_of(const std::vector<data::SourceColumn>& columns) const {
    data::Roles roles = data::assign_roles(columns, job_.model);
    if (!production_) return roles;
    for (const data::PreparedFeature& feature : production_->preparation.features()) {
      const auto found =
          std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.name == feature.name; });
      if (found == columns.end()) {
        throw DataError(
            fmt::format("production version {} needs the column \"{}\", which the query no longer returns",
                        job_.production->version, feature.name),
            "keep it in the query until a model without it is in production; it need not stand in `features`");
      }
      const auto place = static_cast<std::size_t>(found - columns.begin());
      if (std::find(roles.features.begin(), roles.features.end(), place) == roles.features.end())
        roles.features.push_back(place);
    }
    std::sort(roles.features.begin(), roles.features.end());
    return roles;
  }

  Extracted extract() {
    begin(Step::extract);
    source::SourceReader reader(source_, fmt::format("retraind run {}", number(job_.run)));
    const auto columns = reader.describe(job_.model.query, job_.model.features);
    const data::Roles roles = roles_of(columns);
    const data::SourceColumn& time_column = columns[roles.time];
    measured_.axis = data::time_axis(time_column.type);
    const auto anchor = find_anchor(reader, job_.model, time_column, job_.model.label_delay, job_.now);
    if (!anchor) throw DataError("the query returns no row up to now", "check the query and its time column");

    Extracted out;
    out.filter = filter_of(job_.model.training.window, measured_.axis, *anchor, true);
    out.schema = data::describe(columns, roles);
    out.label_type = columns[roles.label].type;
    out.time_column = time_column.name;
    data::TableBuilder builder(columns, roles, job_.model.task);
    out.stats = reader.extract(job_.model, columns, data::read_order(roles), time_column, out.filter, true, out.schema,
                               {&builder});
    out.table = builder.finish();
    if (out.table.rows == 0) {
      throw DataError(
          fmt::format("the training window up to {} holds no labelled row", format_event_time(measured_.axis, *anchor)),
          "widen training.window, or check that labels arrive");
    }
    measured_.data_rows = out.stats.rows;
    measured_.data_sha256 = out.stats.data_sha256;
    measured_.window_from = out.table.event_times.front();
    measured_.window_to = out.table.event_times.back();
    finish(out.stats.rows, {{"bytes", out.stats.bytes}, {"sha256", out.stats.data_sha256}});
    return out;
  }

  data::Split validate(const Extracted& extracted) {
    begin(Step::validate_data);
    const data::Split split = data::split_by_time(extracted.table, job_.model.training.holdout);
    measured_.train_rows = split.train_end - split.train_begin;
    measured_.trained_from = split.trained_from;
    measured_.trained_to = split.trained_to;
    if (measured_.train_rows < job_.model.training.min_rows) {
      throw DataError(fmt::format("{} labelled rows to train on, fewer than min_rows = {}", measured_.train_rows,
                                  job_.model.training.min_rows),
                      "wait for more rows, widen training.window, or lower training.min_rows");
    }
    preparation_ =
        data::Preparation::fit(extracted.table, split.train_begin, split.train_end, job_.model, measured_.warnings);
    json::object detail{{"train_rows", measured_.train_rows}, {"holdout_rows", split.holdout_end - split.train_end}};
    if (!measured_.warnings.empty())
      detail["warnings"] = json::array(measured_.warnings.begin(), measured_.warnings.end());
    finish(extracted.table.rows, detail);
    return split;
  }

  Trained train_candidate(const Extracted& extracted, const data::Split& split) {
    begin(Step::train);
    Trained out;
    const auto trainer = train::make_trainer(job_.model.training.trainer);
    {
      train::TrainingSet set;
      set.features = preparation_.apply(extracted.table, split.train_begin, split.train_end);
      for (const double label : preparation_.labels(extracted.table, split.train_begin, split.train_end)) {
        set.labels.push_back(static_cast<float>(label));
      }
      train::TrainingJob training = training_job(job_.model, preparation_);
      training.on_warning = [this](std::string_view warning) { measured_.warnings.emplace_back(warning); };
      const auto model = trainer->train(set, training);
      write_artifact(*model, trainer->version());
      out.labels = std::move(set.labels);
      out.importances = model->importances();
    }
    out.candidate = open_artifact(job_.model, read_whole_file(folder_ / kArtifactFile, kMaxArtifactBytes));
    finish(measured_.train_rows, {{"rounds", job_.model.training.rounds},
                                  {"trainer", measured_.trainer},
                                  {"artifact_bytes", measured_.artifact_bytes}});
    return out;
  }

  void write_artifact(const train::Model& model, const std::string& trainer_version) {
    measured_.trainer = trainer_version;
    const json::object manifest{{"format", 1},
                                {"model", job_.model.name},
                                {"task", to_text(job_.model.task)},
                                {"trainer", job_.model.training.trainer},
                                {"trainer_version", trainer_version},
                                {"data_sha256", measured_.data_sha256},
                                {"seed", job_.model.training.seed}};
    const std::string bytes = train::pack({json::serialize(manifest), preparation_, model.files()});
    if (bytes.size() > kMaxArtifactBytes) {
      throw DataError(fmt::format("the model takes {} bytes, more than {}", bytes.size(), kMaxArtifactBytes),
                      "train fewer or shallower trees");
    }
    measured_.artifact_bytes = bytes.size();
    measured_.artifact_sha256 = to_hex(sha256(bytes));
    write_durable_file(folder_ / kArtifactFile, bytes);
  }

  void evaluate(const data::Table& table, const data::Split& split, const Trained& trained) {
    begin(Step::evaluate);
    const std::optional<EventTime> production_knows =
        production_ ? std::optional(job_.production->trained_to) : std::nullopt;
    const std::size_t begin_row = data::first_fresh_row(table, split, production_knows);
    const std::size_t end_row = split.holdout_end;
    const std::size_t rows = end_row - begin_row;

    evaluate::Holdout holdout;
    holdout.task = job_.model.task;
    const data::Preparation& own = trained.candidate.preparation;
    // All of the holdout is scored once: what it looks like to the candidate is what later rows are compared with, also
    // where production has been trained on some of it.
    holdout_predictions_ = trained.candidate.predict(table, split.train_end, end_row);
    const std::size_t width = own.task() == Task::multiclass ? own.classes().size() : 1;
    const std::vector<double> candidate(
        holdout_predictions_.begin() + static_cast<std::ptrdiff_t>((begin_row - split.train_end) * width),
        holdout_predictions_.end());
    evaluate::Opponent opponent = evaluate::Opponent::baseline;
    if (production_) {
      opponent = evaluate::Opponent::production;
      measured_.judged_against = job_.production->version;
      const data::Preparation& theirs = production_->preparation;
      if (theirs.task() != own.task() || (own.task() == Task::binary && theirs.classes() != own.classes())) {
        throw DataError(fmt::format("production version {} answers another question (its task or its classes differ), "
                                    "so no rows can judge both",
                                    job_.production->version),
                        "give the new question a model name of its own");
      }
      const std::vector<double> predictions = production_->model->predict(theirs.apply(table, begin_row, end_row));
      if (own.task() == Task::multiclass) {
        const std::vector<std::string> classes = union_of(own.classes(), theirs.classes());
        holdout.classes = classes.size();
        holdout.labels = labels_among(table, begin_row, end_row, classes);
        holdout.candidate = spread(candidate, own.classes(), classes);
        holdout.opponent = spread(predictions, theirs.classes(), classes);
      } else {
        holdout.opponent = predictions;
      }
    } else {
      holdout.opponent = evaluate::baseline_predictions(own.task(), own.classes().size(), job_.model.validation.metric,
                                                        trained.labels, rows);
    }
    if (holdout.labels.empty()) {
      holdout.classes = own.classes().size();
      holdout.labels = own.labels(table, begin_row, end_row);
      holdout.candidate = candidate;
    }
    holdout.clusters = data::cluster_rows(table, begin_row, end_row, job_.model.validation.cluster);
    measured_.confidence = evaluate::spent_confidence(job_.model.validation.confidence, job_.judged_before);
    const std::uint64_t seed =
        mix_seed(job_.model.training.seed, std::stoull(measured_.data_sha256.substr(0, 16), nullptr, 16));
    measured_.comparison =
        evaluate::compare(holdout, opponent, job_.model.validation.metric, measured_.confidence, seed);
    finish(rows,
           {{"opponent", evaluate::to_text(opponent)}, {"not_fresh_for_production", begin_row - split.train_end}});
  }

  // Class indices of the labels among `classes`; -1 for a label that is not there.
  static std::vector<double> labels_among(const data::Table& table, std::size_t begin, std::size_t end,
                                          const std::vector<std::string>& classes) {
    std::vector<double> places;
    for (const std::string& level : table.label.levels) {
      const auto found = std::find(classes.begin(), classes.end(), level);
      places.push_back(found == classes.end() ? -1.0 : static_cast<double>(found - classes.begin()));
    }
    std::vector<double> out;
    for (std::size_t row = begin; row < end; ++row)
      out.push_back(places.at(static_cast<std::size_t>(table.label.values[row])));
    return out;
  }

  void describe_lineage(const Extracted& extracted) {
    json::object bounds;
    if (extracted.filter.after) bounds["after"] = format_event_time(measured_.axis, *extracted.filter.after);
    if (extracted.filter.until) bounds["until"] = format_event_time(measured_.axis, *extracted.filter.until);
    if (extracted.filter.newest_rows) bounds["newest_rows"] = *extracted.filter.newest_rows;
    measured_.lineage = json::serialize(json::object{
        {"retraind", version_},
        {"trainer", measured_.trainer},
        {"query", job_.model.query},
        {"schema", extracted.schema},
        {"bounds", bounds},
        {"rows", measured_.data_rows},
        {"data_sha256", measured_.data_sha256},
        {"seed", job_.model.training.seed},
        {"judged_before", job_.judged_before},
        {"warnings", json::array(measured_.warnings.begin(), measured_.warnings.end())},
    });
  }

  const Job& job_;
  const settings::Source& source_;
  const std::filesystem::path& folder_;
  const std::string& version_;
  const StepListener& listener_;
  Step step_ = Step::extract;
  std::optional<Scorer> production_;
  data::Preparation preparation_;
  std::vector<double> holdout_predictions_;
  Measured measured_;
};

}  // namespace

Result execute(const Job& job, const settings::Source& source, const std::filesystem::path& folder,
               const std::string& retraind_version, const StepListener& listener) {
  Execution execution(job, source, folder, retraind_version, listener);
  Result result{.run = job.run, .attempt = job.attempt, .outcome = Failure{}};
  try {
    result.outcome = execution.run();
  } catch (const TransientError& error) {
    result.outcome =
        Failure{.transient = true, .step = execution.step(), .message = error.what(), .hint = error.hint()};
  } catch (const Error& error) {
    result.outcome =
        Failure{.transient = false, .step = execution.step(), .message = error.what(), .hint = error.hint()};
  } catch (const std::system_error& error) {
    // A full disk, most likely: the next attempt may find room.
    result.outcome = Failure{.transient = true,
                             .step = execution.step(),
                             .message = error.what(),
                             .hint = "check the free space of daemon.state_dir"};
  }
  return result;
}

}  // namespace retraind::pipeline
