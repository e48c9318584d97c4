#include "core/pipeline/scoring_sink.h"

#include <algorithm>
#include <cmath>

#include "core/pipeline/metric_options.h"

namespace retraind::pipeline {
namespace {

constexpr std::size_t kRowsAtOnce = 65536;

std::size_t width_of(const Answers& answers) {
  return answers.task == Task::multiclass ? answers.classes : 1;
}

// Those rows whose label is known, with what was predicted for them.
struct LabelledRows {
  std::vector<std::size_t> rows;
  std::vector<double> labels;
  std::vector<double> predictions;

  void clear() {
    rows.clear();
    labels.clear();
    predictions.clear();
  }
  void add(std::size_t row, std::span<const double> all_labels, std::span<const double> all_predictions,
           std::size_t width) {
    if (std::isnan(all_labels[row])) return;
    rows.push_back(row);
    labels.push_back(all_labels[row]);
    const auto own = all_predictions.subspan(row * width, width);
    predictions.insert(predictions.end(), own.begin(), own.end());
  }
  stats::Scored scored(const Answers& answers) const {
    return {.task = answers.task,
            .classes = answers.classes,
            .labels = labels,
            .predictions = predictions,
            .weights = {},
            .options = answers.options};
  }
};

}  // namespace

Answers answers_of(const Scorer& scorer, const settings::Validation& validation) {
  const data::Preparation& preparation = scorer.preparation;
  return {.task = preparation.task(),
          .classes = preparation.classes().size(),
          .options = metric_options(validation, preparation.classes())};
}

std::map<std::int64_t, stats::MetricSums> sum_losses(const stats::BlockGrid& grid, const Answers& answers,
                                                     std::span<const double> times, std::span<const double> labels,
                                                     std::span<const double> predictions, double after) {
  const std::size_t width = width_of(answers);
  std::map<std::int64_t, stats::MetricSums> out;
  const BlockRuns placed = block_runs(grid, times, after);
  LabelledRows labelled;
  for (const BlockRun& run : placed.runs) {
    labelled.clear();
    for (std::size_t i = run.begin; i < run.end; ++i) labelled.add(placed.order[i], labels, predictions, width);
    if (!labelled.rows.empty()) out[run.block].add(stats::MetricSums::of(labelled.scored(answers)));
  }
  return out;
}

std::vector<registry::Block> pack(const std::map<std::int64_t, stats::MetricSums>& sums) {
  std::vector<registry::Block> out;
  for (const auto& [index, block] : sums) out.push_back({index, block.rows(), block.pack()});
  return out;
}

ScoringSink::ScoringSink(const LookJob& job, const Scorer& scorer, const std::vector<data::SourceColumn>& columns,
                         const data::Roles& roles, std::span<const stats::ColumnProfile> scores, EventTime newest,
                         std::size_t open_bytes)
    : job_(job),
      scorer_(scorer),
      answers_(answers_of(scorer, job.model.validation)),
      newest_(newest),
      scores_(scores),
      builder_(columns, roles, scorer.preparation.task()),
      counter_(job.grid, scores, job.trained_to, newest, open_bytes) {}

void ScoringSink::consume(const data::Batch& batch) {
  builder_.consume(batch);
  held_ += batch.rows;
  if (held_ >= kRowsAtOnce) flush();
}

void ScoringSink::finish(LookResult& result) {
  flush();
  if (job_.scores) result.scores = counter_.finish();
  if (job_.losses) result.losses = pack(losses_);
  if (!job_.detector) return;
  // More rows of the newest event time may still come (of today, where times are dates), and a detector takes up behind
  // the last time it was fed. So that time waits until there is a newer one.
  std::erase_if(fed_, [&](const FedRow& row) { return row.time >= newest_; });
  // Whole looks are sorted, not pieces: a detector must see rows in the order of time.
  std::sort(fed_.begin(), fed_.end(),
            [](const FedRow& a, const FedRow& b) { return a.time != b.time ? a.time < b.time : a.key < b.key; });
  std::vector<double> losses;
  for (const FedRow& row : fed_) losses.push_back(row.loss);
  result.detected = stats::feed(job_.detector->rule, job_.detector->memory, losses);
  result.fed_to = fed_.empty() ? job_.detector->after : std::optional(fed_.back().time);
}

void ScoringSink::flush() {
  if (held_ == 0) return;
  held_ = 0;
  const data::Table table = builder_.finish();
  const std::vector<double> predictions = scorer_.predict(table, 0, table.rows);
  if (job_.scores) count_scores(table, predictions);
  if (job_.losses || job_.detector) {
    collect_losses(table, scorer_.preparation.labels(table, 0, table.rows), predictions);
  }
}

void ScoringSink::count_scores(const data::Table& table, const std::vector<double>& predictions) {
  const ScoreColumns columns = score_columns(scorer_.preparation.task(), scorer_.preparation.classes(), predictions);
  // A table is sorted by time, so its rows stand block by block already.
  const BlockRuns placed = block_runs(job_.grid, table.event_times, job_.trained_to);
  std::vector<ColumnValues> values(scores_.size());
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    values[i].nulls.assign(table.rows, 0);
    values[i].is_text = scores_[i].column == kPredictedColumn;
    if (values[i].is_text) {
      values[i].texts = columns.predicted;
    } else {
      values[i].numbers = columns.score;
    }
    if (!placed.as_they_stand) rearrange(values[i], placed.order);
  }
  std::span<const BlockRun> left = placed.runs;
  while (!left.empty()) {
    const auto runs = left.first(std::min(left.size(), counter_.blocks_at_once()));
    counter_.add_rows(runs);
    for (std::size_t i = 0; i < scores_.size(); ++i) counter_.add_values(i, values[i], runs);
    left = left.subspan(runs.size());
  }
}

void ScoringSink::collect_losses(const data::Table& table, const std::vector<double>& labels,
                                 const std::vector<double>& predictions) {
  if (job_.losses) {
    for (const auto& [index, sums] :
         sum_losses(job_.grid, answers_, table.event_times, labels, predictions, job_.trained_to)) {
      losses_[index].add(sums);
    }
  }
  if (!job_.detector) return;
  const std::size_t width = width_of(answers_);
  LabelledRows labelled;
  for (std::size_t row = 0; row < table.rows; ++row) labelled.add(row, labels, predictions, width);
  const std::vector<double> losses = stats::row_losses(job_.detector->metric, labelled.scored(answers_));
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const std::size_t row = labelled.rows[i];
    const std::uint64_t key = table.row_keys.empty() ? 0 : table.row_keys[row];
    fed_.push_back({table.event_times[row], key, losses[i]});
  }
}

}  // namespace retraind::pipeline
