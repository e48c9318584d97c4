#include "core/train/gradients.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/base/error.h"
#include "core/data/spelling.h"

namespace retraind::train {
namespace {

// XGBoost's own floor, so that a node of rows that are all but certain still has a weight to divide by.
constexpr float kLeastHessian = 1e-16F;

void differentiate_logistic(std::span<const float> labels, std::span<const float> margins, float positive_weight,
                            Gradients& out) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const float p = 1.0F / (1.0F + std::exp(-margins[i]));
    const float weight = labels[i] == 1.0F ? positive_weight : 1.0F;
    out.first[i] = (p - labels[i]) * weight;
    out.second[i] = std::max(p * (1.0F - p), kLeastHessian) * weight;
  }
}

void differentiate_softmax(std::size_t classes, std::span<const float> labels, std::span<const float> margins,
                           Gradients& out) {
  std::vector<float> shares(classes);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = margins.subspan(i * classes, classes);
    const float largest = *std::max_element(row.begin(), row.end());
    float sum = 0;
    for (std::size_t k = 0; k < classes; ++k) sum += shares[k] = std::exp(row[k] - largest);
    const auto truth = static_cast<std::size_t>(labels[i]);
    for (std::size_t k = 0; k < classes; ++k) {
      const float p = shares[k] / sum;
      out.first[i * classes + k] = k == truth ? p - 1.0F : p;
      out.second[i * classes + k] = std::max(2.0F * p * (1.0F - p), kLeastHessian);
    }
  }
}

// Times 1 changes no bit, so that weights that are all 1 give the model of no weights.
void weigh(std::size_t outputs, std::span<const float> weights, Gradients& out) {
  for (std::size_t i = 0; i < weights.size(); ++i) {
    for (std::size_t k = i * outputs; k < (i + 1) * outputs; ++k) {
      // What is not finite by itself is not for the weight to answer for.
      const bool finite = std::isfinite(out.first[k]) && std::isfinite(out.second[k]);
      out.first[k] *= weights[i];
      out.second[k] *= weights[i];
      if (finite && !(std::isfinite(out.first[k]) && std::isfinite(out.second[k]))) {
        throw DataError("a weight of " + data::spell_number(weights[i]) +
                            " takes a row's derivatives out of the range of a 4-byte float",
                        "divide the weights in the query, for example by their mean");
      }
    }
  }
}

}  // namespace

void make_sums_exact(std::span<float> values, std::size_t terms) {
  float largest = 0;
  bool finite = true;
  for (const float value : values) {
    const float magnitude = std::fabs(value);
    finite = finite && magnitude <= std::numeric_limits<float>::max();  // false for NaN
    largest = std::max(largest, magnitude);
  }
  if (!finite) {
    throw DataError("the labels are too far from the scores for a 4-byte float",
                    "scale the label in the query, for example by dividing it by a power of ten");
  }
  if (largest == 0 || terms == 0) return;

  // No sum exceeds terms * largest <= 2^exponent. On a grid of 2^(exponent - 51) it stays below 2^52 steps even when
  // every value was rounded up, and each single value below 2^51 steps, as the rounding below needs.
  int exponent = 0;
  (void)std::frexp(static_cast<double>(largest) * static_cast<double>(terms), &exponent);
  const double step = std::ldexp(1.0, exponent - 51);
  // In the binade of 1.5 * 2^52 steps doubles are exactly one step apart: adding it rounds, to the nearest, ties to
  // even.
  const double anchor = 1.5 * 0x1p52 * step;
  for (float& value : values) value = static_cast<float>((static_cast<double>(value) + anchor) - anchor);
}

void differentiate(Task task, std::size_t classes, std::span<const float> labels, std::span<const float> weights,
                   std::span<const float> margins, float positive_weight, Gradients& out) {
  const std::size_t outputs = task == Task::multiclass ? classes : 1;
  if (margins.size() != labels.size() * outputs) throw std::logic_error("one margin a row and output is needed");
  if (!weights.empty() && weights.size() != labels.size()) throw std::logic_error("one weight a row is needed");
  out.first.resize(margins.size());
  out.second.resize(margins.size());
  switch (task) {
    case Task::binary:
      differentiate_logistic(labels, margins, positive_weight, out);
      break;
    case Task::multiclass:
      differentiate_softmax(classes, labels, margins, out);
      break;
    case Task::regression:
      for (std::size_t i = 0; i < labels.size(); ++i) out.first[i] = margins[i] - labels[i];
      std::fill(out.second.begin(), out.second.end(), 1.0F);
      break;
  }
  weigh(outputs, weights, out);
  make_sums_exact(out.first, labels.size());
  make_sums_exact(out.second, labels.size());
}

}  // namespace retraind::train
