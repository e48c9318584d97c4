#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/evaluate/compare.h"

namespace retraind::evaluate {
namespace {

double mean_of(std::span<const float> values) {
  // Sums of floats in a double are exact enough: 29 spare bits.
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

double median_of(std::span<const float> values) {
  std::vector<float> sorted(values.begin(), values.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  if (sorted.size() % 2 == 1) return static_cast<double>(*middle);
  const float below = *std::max_element(sorted.begin(), middle);
  return (static_cast<double>(below) + static_cast<double>(*middle)) / 2;
}

std::vector<double> class_shares(std::span<const float> labels, std::size_t classes) {
  std::vector<double> shares(classes, 0);
  for (const float label : labels) {
    if (!(label >= 0 && label < static_cast<float>(classes) && label == std::floor(label))) {
      throw std::logic_error("a training label that is no class");
    }
    shares[static_cast<std::size_t>(label)] += 1;
  }
  for (double& share : shares) share /= static_cast<double>(labels.size());
  return shares;
}

}  // namespace

std::vector<double> baseline_predictions(Task task, std::size_t classes, Metric metric,
                                         std::span<const float> training_labels, std::size_t rows) {
  if (training_labels.empty()) throw std::logic_error("a baseline of no training label");
  if (task == Task::regression) {
    if (!std::all_of(training_labels.begin(), training_labels.end(), [](float y) { return std::isfinite(y); })) {
      throw std::logic_error("a training label that is not known");
    }
    return std::vector<double>(rows, metric == Metric::mae ? median_of(training_labels) : mean_of(training_labels));
  }
  if (task == Task::binary) return std::vector<double>(rows, class_shares(training_labels, 2)[1]);
  const std::vector<double> shares = class_shares(training_labels, classes);
  std::vector<double> out;
  out.reserve(rows * classes);
  for (std::size_t i = 0; i < rows; ++i) out.insert(out.end(), shares.begin(), shares.end());
  return out;
}

}  // namespace retraind::evaluate
