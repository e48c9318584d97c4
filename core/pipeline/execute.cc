#include "core/pipeline/execute.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/sha256.h"
#include "core/data/split.h"
#include "core/data/table.h"
#include "core/evaluate/decide.h"
#include "core/pipeline/candidate.h"
#include "core/pipeline/judging.h"
#include "core/pipeline/opponents.h"
#include "core/pipeline/reference.h"
#include "core/pipeline/window.h"
#include "core/source/source.h"

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

std::size_t width_of(const data::Preparation& preparation) {
  return preparation.task() == Task::multiclass ? preparation.classes().size() : 1;
}

// What a model says of rows, and who it is.
struct Said {
  const data::Preparation& preparation;
  const std::vector<double>& predictions;

  ScoreColumns columns() const { return score_columns(preparation.task(), preparation.classes(), predictions); }
};

// The share of rows on which two models disagree: by class, or for regression further apart than the labels spread.
double disagreement(const Said& first, const Said& second, double spread) {
  const ScoreColumns one = first.columns();
  const ScoreColumns other = second.columns();
  const std::size_t rows = one.score.size();
  if (rows == 0 || other.score.size() != rows) return 1;
  const bool by_class = first.preparation.task() != Task::regression;
  std::size_t apart = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const bool differ =
        by_class ? one.predicted[i] != other.predicted[i] : !(std::fabs(one.score[i] - other.score[i]) <= spread);
    apart += differ ? 1 : 0;
  }
  return static_cast<double>(apart) / static_cast<double>(rows);
}

class Execution {
 public:
  Execution(const Job& job, const settings::Source& source, const std::filesystem::path& folder,
            const std::string& version, const Surroundings& surroundings)
      : job_(job), source_(source), folder_(folder), version_(version), surroundings_(surroundings) {}

  Measured run() {
    // Before anything is read: a model that cannot be loaded decides who is judged against.
    step_ = Step::evaluate;
    opponents_ = open_opponents(job_, folder_);
    if (job_.candidate) {
      candidate_.scorer = open_artifact_file(job_.model, folder_ / job_.candidate->artifact_file,
                                             job_.candidate->artifact_sha256, "the candidate");
    }
    Extracted extracted = extract();
    const data::Split split = validate(extracted);
    if (job_.candidate) {
      take_candidate(extracted, split);
    } else {
      train(extracted, split);
    }
    judge(extracted.table, split);
    make_reference_of(extracted, split);
    describe_lineage(extracted);
    return std::move(measured_);
  }

  Step step() const { return step_; }

 private:
  void begin(Step step) {
    step_ = step;
    surroundings_.listener({.step = step, .finished = false, .rows = std::nullopt, .detail = "{}"});
  }
  void finish(std::uint64_t rows, const json::object& detail) {
    surroundings_.listener({.step = step_, .finished = true, .rows = rows, .detail = json::serialize(detail)});
  }

  Extracted extract() {
    begin(Step::extract);
    source::SourceReader reader(source_, fmt::format("retraind run {}", number(job_.run)));
    const auto columns = reader.describe(job_.model.query, job_.model.features);
    data::Roles roles = data::assign_roles(columns, job_.model);
    require_columns(opponents_, columns);
    add_features(opponents_, columns, roles);
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

  // A candidate that is judged again is judged on the rows that came since it was trained, or on the entities that it
  // never saw.
  data::Split split_rows(data::Table& table) {
    const settings::Training& training = job_.model.training;
    held_out_ = held_out_entities(training);
    if (job_.candidate) require_same_axis(table, *job_.candidate);
    if (job_.candidate && job_.candidate->entity != held_out_) held_out_.reset();
    if (held_out_) return data::split_by_entity(table, training.holdout);
    if (!job_.candidate) {
      return training.entity ? data::split_by_entity(table, training.holdout)
                             : data::split_by_time(table, training.holdout);
    }
    const JobVersion& candidate = *job_.candidate;
    const auto& times = table.event_times;
    const auto cut = std::upper_bound(times.begin(), times.end(), candidate.trained_to) - times.begin();
    return {.train_begin = 0,
            .train_end = static_cast<std::size_t>(cut),
            .holdout_end = table.rows,
            .trained_from = candidate.trained_from,
            .trained_to = candidate.trained_to};
  }

  data::Split validate(Extracted& extracted) {
    begin(Step::validate_data);
    const settings::Training& training = job_.model.training;
    const data::Split split = split_rows(extracted.table);
    measured_.train_rows = split.train_end - split.train_begin;
    measured_.trained_from = split.trained_from;
    measured_.trained_to = split.trained_to;
    json::object detail{{"train_rows", measured_.train_rows}, {"holdout_rows", split.holdout_end - split.train_end}};
    if (!job_.candidate) {
      if (measured_.train_rows < training.min_rows) {
        throw DataError(fmt::format("{} labelled rows to train on, fewer than min_rows = {}", measured_.train_rows,
                                    training.min_rows),
                        "wait for more rows, widen training.window, or lower training.min_rows");
      }
      preparation_ =
          data::Preparation::fit(extracted.table, split.train_begin, split.train_end, job_.model, measured_.warnings);
    }
    const data::Preparation& own = job_.candidate ? candidate_.scorer.preparation : preparation_;
    require_same_question(opponents_, own);
    // Before the training, which takes long: a cost of a class that is not there was misspelled.
    if (own.task() != Task::regression) (void)evaluate::cost_matrix(job_.model.validation.costs, own.classes());
    if (!measured_.warnings.empty())
      detail["warnings"] = json::array(measured_.warnings.begin(), measured_.warnings.end());
    finish(extracted.table.rows, detail);
    return split;
  }

  void train(const Extracted& extracted, const data::Split& split) {
    begin(Step::train);
    candidate_ =
        train_and_package(extracted.table, split.train_begin, split.train_end, split.train_end, split.holdout_end,
                          std::move(preparation_), job_.model, measured_.data_sha256, folder_, measured_.warnings);
    take_package(candidate_);
    finish(measured_.train_rows, {{"rounds", job_.model.training.rounds},
                                  {"trainer", measured_.trainer},
                                  {"artifact_bytes", measured_.artifact_bytes}});
  }

  void take_candidate(const Extracted& extracted, const data::Split& split) {
    measured_.judged_again = true;
    candidate_.artifact_sha256 = job_.candidate->artifact_sha256;
    candidate_.artifact_bytes = std::filesystem::file_size(folder_ / job_.candidate->artifact_file);
    const data::Preparation& own = candidate_.scorer.preparation;
    for (const double label : own.labels(extracted.table, split.train_begin, split.train_end)) {
      // A class that got its first label since then was none when it was trained.
      if (own.task() == Task::regression || label >= 0) candidate_.labels.push_back(static_cast<float>(label));
    }
    if (candidate_.labels.empty() && !opponents_.opponent) {
      throw DataError(
          fmt::format("version {} can be judged by nothing: no other version loads, and the window holds no "
                      "row as old as those it was trained on, which the trivial baseline is learned from",
                      job_.candidate->version),
          "reject the run, or widen training.window");
    }
    take_package(candidate_);
  }

  void take_package(const Candidate& candidate) {
    measured_.trainer = candidate.trainer;
    measured_.artifact_sha256 = candidate.artifact_sha256;
    measured_.artifact_bytes = candidate.artifact_bytes;
  }

  evaluate::CandidateFacts facts_of(const Candidate& candidate, const std::vector<double>& predictions,
                                    std::size_t rows, Duration took) const {
    const data::Preparation& own = candidate.scorer.preparation;
    evaluate::CandidateFacts out;
    out.predictions = evaluate::look_at_predictions(own.task(), width_of(own), predictions, candidate.labels);
    out.package_compared = candidate.package_compared;
    out.package_differs = candidate.package_differs;
    const double seconds = std::chrono::duration<double>(took).count();
    out.seconds_per_thousand = rows == 0 ? 0 : seconds * 1000 / static_cast<double>(rows);
    out.artifact_bytes = candidate.artifact_bytes;
    if (opponents_.opponent) {
      out.schema_changes =
          evaluate::compare_signatures(signature_of(own), signature_of(opponents_.opponent->scorer.preparation));
    }
    return out;
  }

  void judge(const data::Table& table, const data::Split& split) {
    begin(Step::evaluate);
    const std::size_t first = first_row_fresh_for_all(table, split, opponents_, held_out_);
    const std::size_t end = split.holdout_end;
    const data::Preparation& own = candidate_.scorer.preparation;
    // All of the holdout is scored once: what it looks like to the candidate is what later rows are compared with, also
    // where production has been trained on some of it.
    const Duration began = surroundings_.clock();
    holdout_predictions_ = candidate_.scorer.predict(table, split.train_end, end);
    const Duration took = surroundings_.clock() - began;
    measured_.facts = facts_of(candidate_, holdout_predictions_, end - split.train_end, took);

    const evaluate::Opponent opponent =
        opponents_.opponent ? evaluate::Opponent::production : evaluate::Opponent::baseline;
    if (job_.production) measured_.judged_against = job_.production->version;
    measured_.production_fault = opponents_.production_fault;
    if (opponents_.stands_in) measured_.stand_in = opponents_.opponent->version.version;
    if (opponents_.anchor) measured_.anchor = opponents_.anchor->version.version;
    measured_.anchor_fault = opponents_.anchor_fault;
    if (first < end) {
      measured_.holdout_from = table.event_times[first];
      measured_.holdout_to = table.event_times[end - 1];
    }
    const auto skipped = static_cast<std::ptrdiff_t>((first - split.train_end) * width_of(own));
    const evaluate::Holdout holdout =
        make_holdout(table, first, end, own, {holdout_predictions_.begin() + skipped, holdout_predictions_.end()},
                     opponents_, candidate_.labels, job_.model);
    const settings::Validation& validation = job_.model.validation;
    measured_.confidence = evaluate::spent_confidence(validation, job_.judged_before);
    const std::uint64_t seed =
        mix_seed(job_.model.training.seed, std::stoull(measured_.data_sha256.substr(0, 16), nullptr, 16));
    measured_.comparison = evaluate::compare(holdout, opponent, validation, measured_.confidence, seed);
    json::object detail{{"opponent", evaluate::to_text(opponent)},
                        {"not_fresh", first - split.train_end},
                        {"confidence", measured_.confidence}};
    if (measured_.comparison.detectable) detail["detectable"] = *measured_.comparison.detectable;
    if (measured_.comparison.rows_needed) detail["rows_needed"] = *measured_.comparison.rows_needed;
    if (wins() && job_.model.training.refit) {
      refit(table, split);
      detail["refit_rows"] = measured_.train_rows;
    }
    finish(end - first, detail);
  }

  // As the daemon will decide from the same figures; it has the last word.
  bool wins() const {
    if (job_.candidate) return false;
    return evaluate::decide(measured_.comparison, measured_.facts, circumstances_of(measured_), job_.model.validation)
               .verdict == Verdict::promote;
  }

  void refit(const data::Table& table, const data::Split& split) {
    Refit out;
    out.judged_sha256 = candidate_.artifact_sha256;
    out.judged_rows = measured_.train_rows;
    out.judged_to = measured_.trained_to;
    data::Preparation preparation =
        data::Preparation::fit(table, split.train_begin, split.holdout_end, job_.model, measured_.warnings);
    refitted_ =
        train_and_package(table, split.train_begin, split.holdout_end, split.train_end, split.holdout_end,
                          std::move(preparation), job_.model, measured_.data_sha256, folder_, measured_.warnings);
    const Duration began = surroundings_.clock();
    const std::vector<double> predictions = refitted_->scorer.predict(table, split.train_end, split.holdout_end);
    const Duration took = surroundings_.clock() - began;
    out.facts.candidate = facts_of(*refitted_, predictions, split.holdout_end - split.train_end, took);
    const evaluate::PredictionFacts& said = measured_.facts.predictions;
    out.facts.disagreement =
        disagreement({candidate_.scorer.preparation, holdout_predictions_},
                     {refitted_->scorer.preparation, predictions}, said.label_high - said.label_low);
    measured_.refit = std::move(out);
    measured_.train_rows = split.holdout_end - split.train_begin;
    // Entities that are held out are not the newest rows.
    measured_.trained_from = std::min(split.trained_from, table.event_times[split.train_end]);
    measured_.trained_to = std::max(split.trained_to, table.event_times[split.holdout_end - 1]);
    take_package(*refitted_);
  }

  // What a version is watched by: its columns as they were in the rows it was trained on, and how it fared on rows it
  // had not seen. A refit has seen them all; there the candidate it was made from speaks for it.
  void make_reference_of(const Extracted& extracted, const data::Split& split) {
    if (job_.candidate) return;
    data::Split trained = split;
    if (refitted_) {
      trained.train_end = split.holdout_end;
      trained.trained_from = measured_.trained_from;
      trained.trained_to = measured_.trained_to;
    }
    measured_.reference = make_reference(
        extracted.table, trained, split.train_end, candidate_.scorer, job_.model.validation, holdout_predictions_,
        extracted.label_type, extracted.time_column, refitted_ ? refitted_->importances : candidate_.importances);
  }

  void describe_lineage(const Extracted& extracted) {
    json::object bounds;
    if (extracted.filter.after) bounds["after"] = format_event_time(measured_.axis, *extracted.filter.after);
    if (extracted.filter.until) bounds["until"] = format_event_time(measured_.axis, *extracted.filter.until);
    if (extracted.filter.newest_rows) bounds["newest_rows"] = *extracted.filter.newest_rows;
    json::object lineage{{"retraind", version_},
                         {"trainer", measured_.trainer},
                         {"query", job_.model.query},
                         {"schema", extracted.schema},
                         {"bounds", bounds},
                         {"rows", measured_.data_rows},
                         {"data_sha256", measured_.data_sha256},
                         {"seed", job_.model.training.seed},
                         {"warnings", json::array(measured_.warnings.begin(), measured_.warnings.end())}};
    if (measured_.refit) {
      lineage["refit"] = {{"judged_artifact_sha256", measured_.refit->judged_sha256},
                          {"judged_train_rows", measured_.refit->judged_rows},
                          {"judged_trained_to", format_event_time(measured_.axis, measured_.refit->judged_to)}};
    }
    measured_.lineage = json::serialize(lineage);
  }

  const Job& job_;
  const settings::Source& source_;
  const std::filesystem::path& folder_;
  const std::string& version_;
  const Surroundings& surroundings_;
  Step step_ = Step::extract;
  Opponents opponents_;
  std::optional<std::string> held_out_;  // how entities are held out; nullopt: the newest rows are
  data::Preparation preparation_;
  Candidate candidate_;
  std::optional<Candidate> refitted_;
  std::vector<double> holdout_predictions_;
  Measured measured_;
};

}  // namespace

Result execute(const Job& job, const settings::Source& source, const std::filesystem::path& folder,
               const std::string& retraind_version, const Surroundings& surroundings) {
  Execution execution(job, source, folder, retraind_version, surroundings);
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
