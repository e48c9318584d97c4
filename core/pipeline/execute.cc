#include "core/pipeline/execute.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <utility>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/data/digest.h"
#include "core/pipeline/execution.h"
#include "core/pipeline/finding_json.h"
#include "core/pipeline/reference.h"
#include "core/settings/canonical_json.h"

namespace retraind::pipeline {

namespace json = boost::json;

namespace {

// TERM, five seconds, KILL, and reading what is left.
constexpr Duration kTimeToStop = std::chrono::seconds(8);

}  // namespace

Measured Execution::run() {
  // Before anything is read: a model that cannot be loaded decides who is judged against.
  step_ = Step::evaluate;
  opponents_ = open_opponents(job_, folder_);
  if (job_.candidate) {
    candidate_.scorer = open_artifact_file(job_.model, folder_ / job_.candidate->artifact_file,
                                           job_.candidate->artifact_sha256, "the candidate");
  }
  take_warnings_of_programs();
  Extraction extracted = extract();
  const data::Split split = validate(extracted);
  if (job_.candidate) {
    take_candidate(extracted, split);
  } else {
    train(extracted, split);
  }
  judge(extracted.table, split);
  make_reference_of(extracted, split);
  describe_lineage(extracted, split);
  return std::move(measured_);
}

void Execution::take_warnings_of_programs() {
  const auto take = [this](const Scorer& scorer) {
    measured_.warnings.insert(measured_.warnings.end(), scorer.warnings.begin(), scorer.warnings.end());
  };
  if (opponents_.opponent) take(opponents_.opponent->scorer);
  if (opponents_.anchor) take(opponents_.anchor->scorer);
  take(candidate_.scorer);
}

void Execution::begin(Step step) {
  step_ = step;
  surroundings_.listener({.step = step, .finished = false, .rows = std::nullopt, .detail = "{}"});
}

void Execution::finish(std::uint64_t rows, const json::object& detail) {
  surroundings_.listener({.step = step_, .finished = true, .rows = rows, .detail = json::serialize(detail)});
}

void Execution::progress(const train::Progress& progress) {
  surroundings_.listener(
      {.step = step_, .finished = false, .rows = std::nullopt, .detail = "{}", .progress = progress});
}

// A command is told to stop, and stopped, before this whole process is: it may then tidy up, and what it printed is
// read.
settings::Model Execution::with_time_left(settings::Model model) const {
  const Duration whole = job_.model.training.timeout;
  const Duration to_stop = std::min(kTimeToStop, whole / 5);
  model.training.timeout = std::max<Duration>(whole - surroundings_.clock() - to_stop, std::chrono::milliseconds(100));
  return model;
}

TrainingPlan Execution::plan(RowRange rows, const data::Split& split, data::Preparation preparation) {
  return {.rows = rows,
          .compare = {split.holdout_begin, split.holdout_end},
          .preparation = std::move(preparation),
          .model = with_time_left(trained_as_),
          .previous = previous_,
          .data_sha256 = measured_.data_sha256,
          .folder = folder_,
          .on_progress = [this](const train::Progress& done) { progress(done); },
          .on_output = surroundings_.on_output,
          .clock = surroundings_.clock};
}

void Execution::train(const Extraction& extracted, const data::Split& split) {
  begin(Step::train);
  const RowRange rows{split.train_begin, split.train_end};
  trained_as_ = job_.model;
  json::object detail;
  if (job_.model.training.search) {
    train::TrainingJob base = training_job(with_time_left(job_.model), preparation_);
    base.folder = folder_;
    SearchResult found;
    try {
      found = search_params(extracted.table, rows.begin, rows.end, job_.model, base, surroundings_.clock,
                            [this](const train::Progress& done) { progress(done); });
    } catch (const SearchFailed& failed) {
      searched_ = failed.trials();
      throw;
    }
    trained_as_.training = std::move(found.training);
    searched_ = std::move(found.trials);
    detail["searched"] = searched_.size();
    for (const SearchTrial& trial : searched_) {
      if (trial.chosen) detail["chosen"] = settings::parse_json(plain_json(trial.params));
    }
  }
  // Those from before stand in the detail of validate_data.
  const auto told = static_cast<std::ptrdiff_t>(measured_.warnings.size());
  candidate_ = train_and_package(extracted.table, plan(rows, split, std::move(preparation_)), measured_.warnings);
  if (std::cmp_less(told, measured_.warnings.size())) {
    detail["warnings"] = json::array(measured_.warnings.begin() + told, measured_.warnings.end());
  }
  take_package(candidate_);
  detail["rounds"] = trained_as_.training.rounds;
  detail["trainer"] = measured_.trainer;
  detail["artifact_bytes"] = measured_.artifact_bytes;
  if (candidate_.left_out > 0) detail["left_out"] = candidate_.left_out;
  if (candidate_.library_time > Duration::zero()) {
    detail["xgboost_ms"] = std::chrono::duration<double, std::milli>(candidate_.library_time).count();
  }
  if (parent_) detail["continues"] = parent_->version;
  finish(measured_.train_rows - candidate_.left_out, detail);
}

void Execution::take_candidate(const Extraction& extracted, const data::Split& split) {
  measured_.judged_again = true;
  candidate_.artifact_sha256 = job_.candidate->artifact_sha256;
  candidate_.artifact_bytes = std::filesystem::file_size(folder_ / job_.candidate->artifact_file);
  const data::Preparation& own = candidate_.scorer.preparation;
  for (const double label : own.labels(extracted.table, split.train_begin, split.train_end)) {
    // A class that got its first label since then was none when it was trained.
    if (own.task() == Task::regression || label >= 0) candidate_.labels.push_back(static_cast<float>(label));
  }
  if (candidate_.labels.empty() && !opponents_.opponent) {
    throw DataError(fmt::format("version {} can be judged by nothing: no other version loads, and the window holds no "
                                "row as old as those it was trained on, which the trivial baseline is learned from",
                                job_.candidate->version),
                    "reject the run, or widen training.window");
  }
  take_package(candidate_);
}

void Execution::take_package(const Candidate& candidate) {
  measured_.trainer = candidate.trainer;
  measured_.artifact_sha256 = candidate.artifact_sha256;
  measured_.artifact_bytes = candidate.artifact_bytes;
}

void Execution::make_reference_of(const Extraction& extracted, const data::Split& split) {
  if (job_.candidate) return;
  data::Split trained = split;
  if (refitted_) {
    trained.train_end = split.holdout_end;
    trained.trained_from = measured_.trained_from;
    trained.trained_to = measured_.trained_to;
  }
  // Rows that the model which it goes on from was trained on would flatter it, unless there are no others.
  std::size_t unseen = split.holdout_begin;
  if (parent_) unseen = data::first_fresh_row(extracted.table, split, opponents_.opponent->version.trained_to);
  if (unseen == split.holdout_end) unseen = split.holdout_begin;
  const std::size_t rows = split.holdout_end - split.holdout_begin;
  const std::size_t width = rows == 0 ? 0 : holdout_predictions_.size() / rows;
  const std::vector<double> predictions(
      holdout_predictions_.begin() + static_cast<std::ptrdiff_t>((unseen - split.holdout_begin) * width),
      holdout_predictions_.end());
  measured_.reference = make_reference(extracted.table, trained, unseen, candidate_.scorer, job_.model.validation,
                                       predictions, extracted.label_type, extracted.time_column,
                                       refitted_ ? refitted_->importances : candidate_.importances,
                                       static_cast<std::size_t>(job_.model.training.threads));
}

void Execution::describe_lineage(const Extraction& extracted, const data::Split& split) {
  if (job_.candidate) {
    // It has its own, from when it was made.
    measured_.lineage = "{}";
    return;
  }
  Lineage lineage{.retraind = version_,
                  .trainer = measured_.trainer,
                  .program_files = candidate_.program_files,
                  .query = job_.model.query,
                  .schema = extracted.schema,
                  .extent = extracted.extent,
                  .rows = measured_.data_rows,
                  .data_sha256 = measured_.data_sha256,
                  .digest = data::digest_of(extracted.table),
                  .train_begin = split.train_begin,
                  .train_end = refitted_ ? split.holdout_end : split.train_end,
                  .seed = job_.model.training.seed,
                  .rounds = trained_as_.training.rounds,
                  .params = trained_as_.training.params,
                  .parent = parent_,
                  .refit = std::nullopt,
                  .kept_data_sha256 = std::nullopt,
                  .warnings = measured_.warnings};
  if (measured_.refit) {
    lineage.refit = {.judged_artifact_sha256 = measured_.refit->judged_sha256,
                     .judged_train_rows = measured_.refit->judged_rows,
                     .judged_trained_to = measured_.refit->judged_to};
  }
  if (measured_.kept) lineage.kept_data_sha256 = measured_.kept->sha256;
  measured_.lineage = to_json(lineage);
}

Result execute(const Job& job, const settings::Source& source, const std::filesystem::path& folder,
               const std::string& retraind_version, const Surroundings& surroundings) {
  Execution execution(job, source, folder, retraind_version, surroundings);
  Result result{.run = job.run, .attempt = job.attempt, .outcome = Failure{}, .findings = {}, .searched = {}};
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
  result.findings = std::move(execution).findings();
  result.searched = std::move(execution).searched();
  return result;
}

}  // namespace retraind::pipeline
