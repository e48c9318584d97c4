#include "core/pipeline/agreement.h"

#include <cmath>

#include "core/pipeline/scorer.h"

namespace retraind::pipeline {

double disagreement(const Said& first, const Said& second, double spread) {
  const auto columns = [](const Said& said) {
    return score_columns(said.preparation.task(), said.preparation.classes(), said.predictions);
  };
  const ScoreColumns one = columns(first);
  const ScoreColumns other = columns(second);
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

}  // namespace retraind::pipeline
