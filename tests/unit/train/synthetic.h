#pragma once
// Made-up rows with a known rule behind the label, the same on every machine.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/train/trainer.h"

namespace retraind::train {

inline constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

inline data::PreparedFeature number_feature(std::string name) {
  return {std::move(name), data::ValueType::number, "real", {}};
}

inline data::PreparedFeature category_feature(std::string name, std::size_t levels) {
  data::PreparedFeature feature{std::move(name), data::ValueType::category, "text", {}};
  for (std::size_t i = 0; i < levels; ++i) feature.levels.push_back("level" + std::to_string(1000 + i));
  return feature;
}

struct Problem {
  TrainingSet set;
  TrainingJob job;
};

// Columns: three numbers a, b, c of which b is missing in a tenth of the rows, then a category of 20 levels whose odd
// levels raise the score. binary and multiclass cut the score, regression is the score around 1000. `noise` is the
// standard deviation of what the columns cannot explain.
inline Problem make_problem(Task task, std::size_t rows, std::uint64_t seed = 1, double noise = 0.1) {
  constexpr std::size_t kColumns = 4;
  Problem problem;
  problem.job.task = task;
  problem.job.classes = task == Task::binary ? 2 : task == Task::multiclass ? 3 : 0;
  problem.job.rounds = 20;
  problem.job.features = {number_feature("a"), number_feature("b"), number_feature("c"), category_feature("shop", 20)};
  problem.set.features = {rows, kColumns, {}};
  Random random(seed);
  for (std::size_t i = 0; i < rows; ++i) {
    const double a = random.normal();
    const double b = random.normal();
    const double c = random.normal();
    const auto shop = static_cast<double>(random.below(20));
    const bool hidden = random.below(10) == 0;
    const double score =
        a + (hidden ? 0.0 : b) * c + (static_cast<int>(shop) % 2 == 1 ? 1.0 : -1.0) + noise * random.normal();
    for (const double value : {a, hidden ? std::nan("") : b, c, shop}) {
      problem.set.features.values.push_back(static_cast<float>(value));
    }
    double label = 1000.0 + score;
    if (task == Task::binary) label = score > 0 ? 1 : 0;
    if (task == Task::multiclass) label = score < -1 ? 0 : score < 1 ? 1 : 2;
    problem.set.labels.push_back(static_cast<float>(label));
  }
  return problem;
}

}  // namespace retraind::train
