#pragma once
// Scores rows on their way through a look, and counts what production says of them and how wrong it is. Holds a few ten
// thousand rows at a time. Owned by one look, in one thread.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/data/batch.h"
#include "core/data/table.h"
#include "core/pipeline/block_counter.h"
#include "core/pipeline/look.h"
#include "core/pipeline/scorer.h"
#include "core/stats/metric_sums.h"

namespace retraind::pipeline {

// What a model answers, and how its answers are taken.
struct Answers {
  Task task = Task::binary;
  std::size_t classes = 0;
  stats::MetricOptions options;
};
Answers answers_of(const Scorer& scorer, const settings::Validation& validation);

// Sums of how predictions fare, by block, of rows with a known label and a time above `after`. `predictions` are shaped
// as stats::Scored says, for the rows of the spans; every row counts the same.
std::map<std::int64_t, stats::MetricSums> sum_losses(const stats::BlockGrid& grid, const Answers& answers,
                                                     std::span<const double> times, std::span<const double> labels,
                                                     std::span<const double> predictions, double after);
std::vector<registry::Block> pack(const std::map<std::int64_t, stats::MetricSums>& sums);

class ScoringSink : public data::BatchSink {
 public:
  // `columns` are those of the query, of which batches hold data::read_order(roles); `scores` the reference profiles of
  // the score columns (empty: not wanted). `newest` is the event time the window ends at. All but it must outlive the
  // sink.
  ScoringSink(const LookJob& job, const Scorer& scorer, const std::vector<data::SourceColumn>& columns,
              const data::Roles& roles, std::span<const stats::ColumnProfile> scores, EventTime newest,
              std::size_t open_bytes);

  void consume(const data::Batch& batch) override;
  // When all of its rows have come: scores those it still holds. Further rows may follow.
  void flush();
  // Takes over the scores that another sink of this look has counted, which has been flushed. Not for losses: their
  // sums would be rounded in another order.
  void merge(ScoringSink&& other) { counter_.merge(std::move(other.counter_)); }
  // To be called once, when all rows have come.
  void finish(LookResult& result);

 private:
  struct FedRow {
    double time;
    std::uint64_t key;
    double loss;
  };
  void count_scores(const data::Table& table, const std::vector<double>& predictions);
  void collect_losses(const data::Table& table, const std::vector<double>& labels,
                      const std::vector<double>& predictions);

  const LookJob& job_;
  const Scorer& scorer_;
  const Answers answers_;
  const EventTime newest_;
  std::span<const stats::ColumnProfile> scores_;
  data::TableBuilder builder_;
  std::size_t held_ = 0;
  BlockCounter counter_;
  std::map<std::int64_t, stats::MetricSums> losses_;
  std::vector<FedRow> fed_;
};

}  // namespace retraind::pipeline
