#pragma once
// Fewer rows to train on, and rows that count for more or less, always the same ones for the same seed. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/data/batch.h"
#include "core/data/preparation.h"
#include "core/data/split.h"
#include "core/data/table.h"
#include "core/settings/settings.h"

namespace retraind::data {

// Whether a row belongs to a sample of `share`, in (0, 1]: by its key and the seed alone, so that it does not matter in
// which order rows come, and whoever is in the sample at one share is in it at every larger one. Equal rows go
// together.
bool is_sampled(std::uint64_t row_key, std::uint64_t seed, double share);

// Hands only the sampled rows of each batch on, and nothing of a batch without any. Throws std::logic_error for batches
// without row keys and for a share outside (0, 1].
class SamplingSink : public BatchSink {
 public:
  SamplingSink(BatchSink& next, std::uint64_t seed, double share);
  void consume(const Batch& batch) override;
  std::uint64_t kept() const { return kept_; }

 private:
  BatchSink& next_;
  std::uint64_t seed_;
  double share_;
  std::uint64_t kept_ = 0;
  Batch batch_;
};

// Which rows of [begin, end) are trained on, and how much each counts.
struct TrainingRows {
  std::vector<std::uint32_t> rows;  // places in the table, ascending; all of them where nothing is left out
  std::vector<float> weights;       // parallel; empty: each 1
  std::uint64_t left_out = 0;       // by keep_majority
};

// The table's own weights times those of the classes (class_weights) times what each kept row of the more frequent
// class stands for (keep_majority). Rows are counted by weight: a row of weight 2 as two. So "balanced" gives class c
// the weight W / (classes x W_c), of the sums of the weights of all rows and of those of c; and the kept rows of the
// larger class (the one with more rows; on a tie the negative one) weigh W_c / W_kept each, so that the shares of the
// classes stay exactly what they were. Which of them are kept is drawn by row key and training.seed, independently of
// SamplingSink. Throws DataError for a class that class_weights names and the rows do not have, for weights beyond a
// float's range, and when no row with a weight above 0 is left; std::logic_error for keep_majority without row keys.
TrainingRows choose_training_rows(const Table& table, std::size_t begin, std::size_t end,
                                  const Preparation& preparation, const settings::Training& training);

}  // namespace retraind::data
