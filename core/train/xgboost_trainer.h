#pragma once
// Gradient boosted trees by XGBoost. Thread-safe: holds nothing.
//
// Defaults where `params` says nothing: tree_method hist, which in 1.7.4 splits on categories on the CPU (so do approx
// and, not at all, exact: with a category column exact is refused). Missing is NaN. Regression starts from the mean of
// the training labels instead of 0.5, which takes many rounds to climb to a large mean.
//
// `params` may not hold what the job says itself (objective, num_class, seed, nthread, …), nor booster = gblinear,
// whose default updater races its threads on purpose. A parameter that the library does not know or would not use is an
// error, too: a misspelt one would otherwise be ignored for ever.

// With a previous model, `rounds` more rounds of trees are added to those it has, each along the gradients at what the
// continued model says of the new rows. What the previous model began from (base_score) stays. DART is refused, since
// it weighs the old trees anew, and so is a model of another task, number of features or classes.

#include "core/train/trainer.h"

namespace retraind::train {

class XgboostTrainer : public Trainer {
 public:
  std::unique_ptr<Model> train(const TrainingSet& set, const TrainingJob& job) const override;
  std::unique_ptr<Model> load(const std::map<std::string, std::string>& files, const TrainingJob& job) const override;
  std::string version() const override;
};

}  // namespace retraind::train
