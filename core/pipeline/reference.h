#pragma once
// What a version takes along to be watched by: how its columns looked in the rows it was trained on, what it says of
// the rows it was judged on and how it fares there, each as a whole and in time blocks. Made by the worker that trained
// it. Pure.

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "core/data/schema.h"
#include "core/data/split.h"
#include "core/data/table.h"
#include "core/pipeline/scorer.h"
#include "core/registry/blocks.h"
#include "core/registry/versions.h"
#include "core/stats/block.h"

namespace retraind::pipeline {

struct Reference {
  // Features, the label and the event times over the training rows, then scores over the holdout.
  std::vector<registry::ReferenceColumn> columns;
  std::vector<registry::Block> features;  // blocks of the training rows
  std::vector<registry::Block> scores;    // of the holdout
  std::vector<registry::Block> losses;    // likewise
};

// Columns are counted over the rows the split trains on, scores over [held_out, split.holdout_end), where `held_out`
// lies before split.train_end only for a refit: `predictions` are there those of the candidate that was judged on these
// rows. `label_type` is the label column's own type, `time_column` its name. Importances are shares by feature; empty
// when the trainer cannot tell. On up to `threads` threads, each of which takes memory for one column.
Reference make_reference(const data::Table& table, const data::Split& split, std::size_t held_out,
                         const Scorer& candidate, const settings::Validation& validation,
                         const std::vector<double>& predictions, data::ValueType label_type,
                         const std::string& time_column, const std::map<std::string, double>& importances,
                         std::size_t threads);

// Throws DataError when its blocks do not fit its columns.
void require_sense(const Reference& reference);

// Whether a column belongs to the blocks of scores rather than to those of features.
bool is_score(const registry::ReferenceColumn& column);
// The profiles of one of the two streams, in the order of its packed blocks.
std::vector<stats::ColumnProfile> cells_of(const std::vector<registry::ReferenceColumn>& columns, bool scores);

}  // namespace retraind::pipeline
