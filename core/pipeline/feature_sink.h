#pragma once
// Counts the columns of rows on their way through a look into time blocks. Holds no row longer than the call that
// brings it. Owned by one look, in one thread; several of one look may work side by side, each on rows of its own.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/data/batch.h"
#include "core/data/schema.h"
#include "core/pipeline/block_counter.h"
#include "core/pipeline/column_values.h"
#include "core/pipeline/look.h"

namespace retraind::pipeline {

class FeatureSink : public data::BatchSink {
 public:
  // `columns` are those of the query, of which batches hold data::read_order(roles); `cells` the reference profiles of
  // the columns that are no scores. `newest` is the event time the window ends at. All but it must outlive the sink.
  FeatureSink(const LookJob& job, const std::vector<data::SourceColumn>& columns, const data::Roles& roles,
              std::span<const stats::ColumnProfile> cells, EventTime newest, std::size_t open_bytes);

  void consume(const data::Batch& batch) override;
  // Takes over what another sink of this look has counted.
  void merge(FeatureSink&& other) { counter_.merge(std::move(other.counter_)); }
  std::vector<registry::Block> finish() { return counter_.finish(); }

 private:
  struct Place {
    ColumnRole role = ColumnRole::feature;
    std::size_t position = 0;  // in the batch
  };
  // Some rows of a batch, in the order of their blocks.
  struct Rows {
    std::size_t begin = 0;  // in the batch, where they stand in it as they are
    std::span<const std::uint32_t> order;
    bool as_they_stand = false;
  };

  void count(const data::Batch& batch, const Rows& rows);
  ColumnView view(const data::BatchColumn& column, const Rows& rows);
  void count_labels(std::size_t column, const data::Batch& batch, const Rows& rows);

  const LookJob& job_;
  BlockCounter counter_;
  std::vector<Place> places_;
  // Memory that is used again for every batch.
  BlockRuns placed_;
  std::vector<BlockRun> runs_;  // of the rows that are being counted
  std::vector<BlockRun> label_runs_;
  std::vector<std::uint32_t> known_;
  std::vector<double> times_;
  ColumnValues values_;
};

}  // namespace retraind::pipeline
