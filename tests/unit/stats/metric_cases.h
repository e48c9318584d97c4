#pragma once
// Scored rows for the tests of metrics.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/stats/metrics.h"

namespace retraind::stats {

using Numbers = std::vector<double>;

struct Case {
  std::string name;
  Task task = Task::binary;
  std::size_t classes = 0;
  Numbers labels;
  Numbers predictions;
  Numbers weights = {};
  MetricOptions options = {};

  Scored scored() const {
    return {.task = task,
            .classes = classes,
            .labels = labels,
            .predictions = predictions,
            .weights = weights,
            .options = options};
  }
  std::optional<double> operator()(Metric metric, const Numbers& more_weights = {}) const {
    return evaluate(metric, scored(), more_weights);
  }
  std::size_t width() const { return task == Task::multiclass ? classes : 1; }

  // The rows `from`, in that order.
  Case rows(const std::vector<std::size_t>& from) const {
    Case out{name, task, classes, {}, {}, {}, options};
    for (const std::size_t row : from) {
      out.labels.push_back(labels[row]);
      for (std::size_t c = 0; c < width(); ++c) out.predictions.push_back(predictions[row * width() + c]);
      if (!weights.empty()) out.weights.push_back(weights[row]);
    }
    return out;
  }
};

inline Case binary_case(Numbers labels, Numbers scores, MetricOptions options = {}) {
  return {"binary", Task::binary, 0, std::move(labels), std::move(scores), {}, std::move(options)};
}

inline Case regression_case(Numbers labels, Numbers values, MetricOptions options = {}) {
  return {"regression", Task::regression, 0, std::move(labels), std::move(values), {}, std::move(options)};
}

inline Case multiclass_case(std::size_t classes, Numbers labels, Numbers probabilities, MetricOptions options = {}) {
  return {"multiclass", Task::multiclass, classes, std::move(labels), std::move(probabilities), {}, std::move(options)};
}

// One row of certainty for each predicted class.
inline Numbers one_hot(const std::vector<std::size_t>& predicted, std::size_t classes) {
  Numbers rows(predicted.size() * classes);
  for (std::size_t i = 0; i < predicted.size(); ++i) rows[i * classes + predicted[i]] = 1;
  return rows;
}

inline double logistic(double log_odds) {
  return 1 / (1 + std::exp(-log_odds));
}

// One of each task, with ties among the scores, some rows of unknown class, and labels of both signs away from 0.
inline std::vector<Case> cases(std::size_t rows, std::uint64_t seed, bool unknown = true) {
  Random random(seed);
  Case binary = binary_case({}, {}, {.threshold = 0.4, .quantile = 0.5, .costs = {0, 1, 5, 0}, .of_class = {}});
  Case multiclass = multiclass_case(
      3, {}, {}, {.threshold = 0.5, .quantile = 0.5, .costs = {0, 1, 2, 3, 0, 1, 7, 2, 0}, .of_class = 1});
  Case regression = regression_case({}, {}, {.threshold = 0.5, .quantile = 0.8, .costs = {}, .of_class = {}});
  for (std::size_t i = 0; i < rows; ++i) {
    const bool lost = unknown && i % 17 == 5;
    const double score = static_cast<double>(1 + random.below(19)) / 20;
    binary.predictions.push_back(score);
    binary.labels.push_back(lost ? -1 : random.uniform() < score ? 1 : 0);

    const double first = static_cast<double>(random.below(5)) / 8;
    const double second = static_cast<double>(random.below(4)) / 8;
    multiclass.predictions.insert(multiclass.predictions.end(), {first, second, 1 - first - second});
    const double drawn = random.uniform();
    multiclass.labels.push_back(lost ? -1 : drawn < first ? 0 : drawn < first + second ? 1 : 2);

    const double value = (random.below(2) == 0 ? 1 : -1) * (1 + 4 * random.uniform());
    regression.labels.push_back(value);
    regression.predictions.push_back(value + random.normal());
  }
  return {binary, multiclass, regression};
}

inline std::vector<Metric> metrics_of(Task task) {
  std::vector<Metric> out;
  for (const std::string_view word : words_of<Metric>()) {
    if (applies_to(*parse<Metric>(word), task)) out.push_back(*parse<Metric>(word));
  }
  return out;
}

}  // namespace retraind::stats
