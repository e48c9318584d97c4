#include "core/train/gradients.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "core/base/error.h"
#include "core/data/spelling.h"

namespace retraind::train {
namespace {

// XGBoost's own floor, so that a node of rows that are all but certain still has a weight to divide by.
constexpr float kLeastHessian = 1e-16F;

// Loops that call `exponential` or look at bits are written for the compiler to do several rows in one instruction:
// every value by the same steps, no branch, no call.

// e^x, within two units of the last place; e^-87 for all below, e^88 for all above, NaN for NaN. Where x is rounded to
// a multiple of ln 2, what is left is at most ln 2 / 2, for which a polynomial of the sixth degree suffices (the
// constants are those of expf in S. L. Moshier's Cephes library). The C library's own takes the fastest instructions of
// the processor it finds, so that the last bit, and a model, would depend on the machine; it is also four times slower.
inline float exponential(float x) {
  constexpr float kRounder = 0x1.8p23F;      // floats are whole numbers there
  x = std::min(std::max(x, -87.0F), 88.0F);  // in this order NaN stays
  const float rounded = x * 1.44269504088896341F + kRounder;
  const float whole = rounded - kRounder;
  const float rest = (x - whole * 0.693359375F) - whole * -2.12194440e-4F;
  float polynomial = 1.9875691500e-4F;
  polynomial = polynomial * rest + 1.3981999507e-3F;
  polynomial = polynomial * rest + 8.3334519073e-3F;
  polynomial = polynomial * rest + 4.1665795894e-2F;
  polynomial = polynomial * rest + 1.6666665459e-1F;
  polynomial = polynomial * rest + 5.0000001201e-1F;
  polynomial = polynomial * rest * rest + rest + 1.0F;
  // 2^whole: the lowest bits of `rounded` count in ones, and the exponent of a float stands above 23 bits.
  const std::uint32_t exponent = std::bit_cast<std::uint32_t>(rounded) - std::bit_cast<std::uint32_t>(kRounder) + 127;
  return polynomial * std::bit_cast<float>(exponent << 23);
}

void differentiate_logistic(std::span<const float> labels, std::span<const float> margins, float positive_weight,
                            Gradients& out) {
  float* first = out.first.data();
  float* second = out.second.data();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const float p = 1.0F / (1.0F + exponential(-margins[i]));
    const float weight = labels[i] == 1.0F ? positive_weight : 1.0F;
    first[i] = (p - labels[i]) * weight;
    second[i] = std::max(p * (1.0F - p), kLeastHessian) * weight;
  }
}

void differentiate_softmax(std::size_t classes, std::span<const float> labels, std::span<const float> margins,
                           Gradients& out) {
  std::vector<float> shares(classes);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = margins.subspan(i * classes, classes);
    const float largest = *std::max_element(row.begin(), row.end());
    float sum = 0;
    for (std::size_t k = 0; k < classes; ++k) sum += shares[k] = exponential(row[k] - largest);
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
  // Magnitudes are in the order of their bits, and infinity and NaN stand above all others.
  std::int32_t largest_bits = 0;
  for (const float value : values) {
    largest_bits =
        std::max(largest_bits, std::bit_cast<std::int32_t>(value) & std::numeric_limits<std::int32_t>::max());
  }
  const auto largest = std::bit_cast<float>(largest_bits);
  if (!(largest <= std::numeric_limits<float>::max())) {
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
