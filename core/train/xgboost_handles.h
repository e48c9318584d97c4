#pragma once
// The few calls of XGBoost's C API that retraind needs, with ownership, checked return codes and messages without the
// library's time stamps and stack traces. Nothing else in retraind includes xgboost/c_api.h. A handle belongs to one
// thread; the library keeps errors, warnings and prediction buffers per thread.

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/preparation.h"

namespace retraind::train::xgboost {

// "xgboost 1.7.4"
std::string library_version();

// The first line of a message of the library, without "[12:34:56] " and "./src/learner.cc:553: " in front.
std::string plain_message(std::string_view message);

// The training rows as the library holds them.
class TrainingMatrix {
 public:
  // quantile: only the histogram bins are kept (a byte or two a value, what `hist` needs); otherwise the values too
  // (eight bytes a value, what `exact` and `approx` need). max_bin is used by quantile only. `piece` makes the features
  // of some rows; a quantile matrix asks for kPieceRows at once, several times over, and is the same whatever their
  // number (tested), the other for all rows. Throws DataError, and what `piece` throws.
  using Piece = std::function<data::Matrix(std::size_t begin, std::size_t end)>;
  TrainingMatrix(std::size_t rows, const Piece& piece, const std::vector<data::PreparedFeature>& kinds, bool quantile,
                 int max_bin, int threads);
  ~TrainingMatrix();
  TrainingMatrix(const TrainingMatrix&) = delete;
  TrainingMatrix& operator=(const TrainingMatrix&) = delete;

  void* handle() const { return handle_; }
  std::size_t rows() const { return rows_; }

 private:
  void* handle_ = nullptr;
  std::size_t rows_;
};

class Booster {
 public:
  // For training on `matrix`, which must outlive the training. Throws DataError for a parameter the library refuses.
  Booster(const TrainingMatrix& matrix, const std::map<std::string, std::string>& params);
  // From the bytes of save(). Throws DataError.
  Booster(std::string_view model, int threads);
  // For training on, from the bytes of save(): trees are added to those that are there. What the model says of itself
  // stays (base_score, the number of classes), whatever `params` say. Throws DataError.
  Booster(const TrainingMatrix& matrix, std::string_view model, const std::map<std::string, std::string>& params);
  ~Booster();
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;

  // The scores of the training rows before the link function, rows x outputs; valid until the next call. Of a quantile
  // matrix the library knows only which bin a value lies in: trees that were grown on this matrix are scored exactly,
  // trees that a model brought along are not.
  std::span<const float> training_margins(const TrainingMatrix& matrix);
  // Adds one round of trees that follow the gradients and hessians, rows x outputs.
  void boost(const TrainingMatrix& matrix, std::span<float> gradients, std::span<float> hessians);

  // rows x outputs predictions, after the link function; valid until the next call. rows > 0.
  std::span<const float> predict(const float* values, std::size_t rows, std::size_t columns) const;
  // Likewise before the link function.
  std::span<const float> margins(const float* values, std::size_t rows, std::size_t columns) const;

  std::string save() const;  // UBJSON
  std::size_t columns() const;
  std::string objective() const;
  std::string kind() const;    // "gbtree", "dart"
  int parallel_trees() const;  // of a gbtree: in each round and for each output; the library keeps them when it goes on
  // Total gain by column; columns without a split are absent.
  std::map<std::size_t, double> total_gain() const;

 private:
  std::span<const float> scores(const float* values, std::size_t rows, std::size_t columns, int type) const;

  void* handle_ = nullptr;
};

// What the library warned of in this thread since the last call, each without its stamp.
std::vector<std::string> take_warnings();

}  // namespace retraind::train::xgboost
