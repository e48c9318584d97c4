// The part of an execution that scores candidate and opponents, and measures.
#include <algorithm>
#include <boost/json.hpp>
#include <chrono>

#include "core/base/random.h"
#include "core/evaluate/decide.h"
#include "core/pipeline/agreement.h"
#include "core/pipeline/execution.h"
#include "core/pipeline/judging.h"

namespace retraind::pipeline {

namespace json = boost::json;

namespace {

std::size_t width_of(const data::Preparation& preparation) {
  return preparation.task() == Task::multiclass ? preparation.classes().size() : 1;
}

}  // namespace

evaluate::CandidateFacts Execution::facts_of(const Candidate& candidate, const std::vector<double>& predictions,
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

void Execution::judge(const data::Table& table, const data::Split& split) {
  begin(Step::evaluate);
  const std::size_t first = first_row_fresh_for_all(table, split, opponents_, held_out_, job_.model.training.embargo);
  const std::size_t end = split.holdout_end;
  const data::Preparation& own = candidate_.scorer.preparation;
  // All of the holdout is scored once: what it looks like to the candidate is what later rows are compared with, also
  // where production has been trained on some of it.
  PredictionTime models{.clock = surroundings_.clock};
  const Duration began = surroundings_.clock();
  holdout_predictions_ = candidate_.scorer.predict(table, split.holdout_begin, end, &models);
  const Duration took = surroundings_.clock() - began;
  measured_.facts = facts_of(candidate_, holdout_predictions_, end - split.holdout_begin, took);

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
  const auto skipped = static_cast<std::ptrdiff_t>((first - split.holdout_begin) * width_of(own));
  const evaluate::Holdout holdout =
      make_holdout(table, first, end, own, {holdout_predictions_.begin() + skipped, holdout_predictions_.end()},
                   opponents_, candidate_.labels, job_.model, &models);
  const settings::Validation& validation = job_.model.validation;
  measured_.confidence = evaluate::spent_confidence(validation, job_.judged_before);
  const std::uint64_t seed =
      mix_seed(job_.model.training.seed, std::stoull(measured_.data_sha256.substr(0, 16), nullptr, 16));
  measured_.comparison = evaluate::compare(holdout, opponent, validation, measured_.confidence, seed);
  json::object detail{{"opponent", evaluate::to_text(opponent)},
                      {"not_fresh", first - split.holdout_begin},
                      {"confidence", measured_.confidence},
                      {"predict_ms", std::chrono::duration<double, std::milli>(models.sum).count()}};
  if (measured_.comparison.detectable) detail["detectable"] = *measured_.comparison.detectable;
  if (measured_.comparison.rows_needed) detail["rows_needed"] = *measured_.comparison.rows_needed;
  if (job_.model.training.refit && wins() && can_refit(table, split)) {
    refit(table, split);
    detail["refit_rows"] = measured_.train_rows;
  }
  finish(end - first, detail);
}

bool Execution::wins() const {
  if (job_.candidate) return false;
  return evaluate::decide(measured_.comparison, measured_.facts, circumstances_of(measured_), job_.model.validation)
             .verdict == Verdict::promote;
}

// A model that goes on from another one has no place for a class that came with the holdout.
bool Execution::can_refit(const data::Table& table, const data::Split& split) {
  const data::Preparation& own = candidate_.scorer.preparation;
  if (!parent_ || own.task() == Task::regression) return true;
  const std::vector<double> labels = own.labels(table, split.holdout_begin, split.holdout_end);
  if (std::none_of(labels.begin(), labels.end(), [](double label) { return label < 0; })) return true;
  measured_.warnings.push_back(
      "not trained again on all rows, though refit is set: the holdout has a class that the version it goes on from "
      "does not know");
  return false;
}

void Execution::refit(const data::Table& table, const data::Split& split) {
  Refit out;
  out.judged_sha256 = candidate_.artifact_sha256;
  out.judged_rows = measured_.train_rows;
  out.judged_to = measured_.trained_to;
  data::Preparation preparation =
      parent_ ? candidate_.scorer.preparation
              : data::Preparation::fit(table, split.train_begin, split.holdout_end, job_.model, measured_.warnings);
  refitted_ = train_and_package(table, plan({split.train_begin, split.holdout_end}, split, std::move(preparation)),
                                measured_.warnings);
  const Duration began = surroundings_.clock();
  const std::vector<double> predictions = refitted_->scorer.predict(table, split.holdout_begin, split.holdout_end);
  const Duration took = surroundings_.clock() - began;
  out.facts.candidate = facts_of(*refitted_, predictions, split.holdout_end - split.holdout_begin, took);
  const evaluate::PredictionFacts& said = measured_.facts.predictions;
  out.facts.disagreement = disagreement({candidate_.scorer.preparation, holdout_predictions_},
                                        {refitted_->scorer.preparation, predictions}, said.label_high - said.label_low);
  measured_.refit = std::move(out);
  measured_.train_rows = split.holdout_end - split.train_begin;
  // Entities that are held out are not the newest rows.
  measured_.trained_from = std::min(split.trained_from, table.event_times[split.holdout_begin]);
  measured_.trained_to = std::max(split.trained_to, table.event_times[split.holdout_end - 1]);
  take_package(*refitted_);
}

}  // namespace retraind::pipeline
