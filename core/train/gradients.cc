#include "core/train/gradients.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/data/spelling.h"

namespace retraind::train {
namespace {

// XGBoost's own floor, so that a node of rows that are all but certain still has a weight to divide by.
constexpr float kLeastHessian = 1e-16F;

// Fewer are done before another thread has begun.
constexpr std::size_t kRowsWorthAThread = 50000;

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

// Some of the rows, and where their derivatives go.
struct Part {
  std::span<const float> labels;
  std::span<const float> weights;  // empty: 1 each
  std::span<const float> margins;
  std::span<float> first;
  std::span<float> second;
};

void differentiate_logistic(float positive_weight, const Part& part) {
  const std::span<const float> labels = part.labels;
  const std::span<const float> margins = part.margins;
  float* first = part.first.data();
  float* second = part.second.data();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const float p = 1.0F / (1.0F + exponential(-margins[i]));
    const float weight = labels[i] == 1.0F ? positive_weight : 1.0F;
    first[i] = (p - labels[i]) * weight;
    second[i] = std::max(p * (1.0F - p), kLeastHessian) * weight;
  }
}

void differentiate_softmax(std::size_t classes, const Part& part) {
  std::vector<float> shares(classes);
  for (std::size_t i = 0; i < part.labels.size(); ++i) {
    const auto row = part.margins.subspan(i * classes, classes);
    const float largest = *std::max_element(row.begin(), row.end());
    float sum = 0;
    for (std::size_t k = 0; k < classes; ++k) sum += shares[k] = exponential(row[k] - largest);
    const auto truth = static_cast<std::size_t>(part.labels[i]);
    for (std::size_t k = 0; k < classes; ++k) {
      const float p = shares[k] / sum;
      part.first[i * classes + k] = k == truth ? p - 1.0F : p;
      part.second[i * classes + k] = std::max(2.0F * p * (1.0F - p), kLeastHessian);
    }
  }
}

void differentiate_squares(const Part& part) {
  for (std::size_t i = 0; i < part.labels.size(); ++i) part.first[i] = part.margins[i] - part.labels[i];
  std::fill(part.second.begin(), part.second.end(), 1.0F);
}

// Times 1 changes no bit, so that weights that are all 1 give the model of no weights.
void weigh(std::size_t outputs, const Part& part) {
  for (std::size_t i = 0; i < part.weights.size(); ++i) {
    const float weight = part.weights[i];
    for (std::size_t k = i * outputs; k < (i + 1) * outputs; ++k) {
      // What is not finite by itself is not for the weight to answer for.
      const bool finite = std::isfinite(part.first[k]) && std::isfinite(part.second[k]);
      part.first[k] *= weight;
      part.second[k] *= weight;
      if (finite && !(std::isfinite(part.first[k]) && std::isfinite(part.second[k]))) {
        throw DataError("a weight of " + data::spell_number(weight) +
                            " takes a row's derivatives out of the range of a 4-byte float",
                        "divide the weights in the query, for example by their mean");
      }
    }
  }
}

// The largest magnitude by its bits: those are in the order of magnitudes, infinity and NaN above all others.
std::int32_t largest_bits(std::span<const float> values) {
  std::int32_t largest = 0;
  for (const float value : values) {
    largest = std::max(largest, std::bit_cast<std::int32_t>(value) & std::numeric_limits<std::int32_t>::max());
  }
  return largest;
}

// What rounds to the grid of make_sums_exact when it is added and taken away again; 0 where all values are.
double anchor_of(std::int32_t bits, std::size_t terms) {
  const auto largest = std::bit_cast<float>(bits);
  if (!(largest <= std::numeric_limits<float>::max())) {
    throw DataError("the labels are too far from the scores for a 4-byte float",
                    "scale the label in the query, for example by dividing it by a power of ten");
  }
  if (largest == 0 || terms == 0) return 0;
  // No sum exceeds terms * largest <= 2^exponent. On a grid of 2^(exponent - 51) it stays below 2^52 steps even when
  // every value was rounded up, and each single value below 2^51 steps, as the rounding needs.
  int exponent = 0;
  (void)std::frexp(static_cast<double>(largest) * static_cast<double>(terms), &exponent);
  const double step = std::ldexp(1.0, exponent - 51);
  // In the binade of 1.5 * 2^52 steps doubles are exactly one step apart: adding it rounds, to the nearest, ties to
  // even.
  return 1.5 * 0x1p52 * step;
}

void round_by(double anchor, std::span<float> values) {
  for (float& value : values) value = static_cast<float>((static_cast<double>(value) + anchor) - anchor);
}

}  // namespace

void make_sums_exact(std::span<float> values, std::size_t terms) {
  round_by(anchor_of(largest_bits(values), terms), values);
}

void differentiate(Task task, std::size_t classes, std::span<const float> labels, std::span<const float> weights,
                   std::span<const float> margins, float positive_weight, Gradients& out, std::size_t threads) {
  const std::size_t rows = labels.size();
  const std::size_t outputs = task == Task::multiclass ? classes : 1;
  if (margins.size() != rows * outputs) throw std::logic_error("one margin a row and output is needed");
  if (!weights.empty() && weights.size() != rows) throw std::logic_error("one weight a row is needed");
  out.first.resize(margins.size());
  out.second.resize(margins.size());

  const std::size_t count = std::clamp<std::size_t>(rows / kRowsWorthAThread, 1, std::max<std::size_t>(threads, 1));
  const auto part_of = [&](std::size_t i) -> Part {
    const std::size_t begin = rows * i / count;
    const std::size_t size = rows * (i + 1) / count - begin;
    const auto of_outputs = [&](auto all) { return all.subspan(begin * outputs, size * outputs); };
    return {.labels = labels.subspan(begin, size),
            .weights = weights.empty() ? weights : weights.subspan(begin, size),
            .margins = of_outputs(margins),
            .first = of_outputs(std::span<float>(out.first)),
            .second = of_outputs(std::span<float>(out.second))};
  };
  std::vector<std::int32_t> first(count);
  std::vector<std::int32_t> second(count);
  parallel_for(count, count, [&](std::size_t i) {
    const Part part = part_of(i);
    if (task == Task::binary) differentiate_logistic(positive_weight, part);
    if (task == Task::multiclass) differentiate_softmax(classes, part);
    if (task == Task::regression) differentiate_squares(part);
    weigh(outputs, part);
    first[i] = largest_bits(part.first);
    second[i] = largest_bits(part.second);
  });
  // One grid for all rows, whoever has made them.
  const double first_anchor = anchor_of(*std::max_element(first.begin(), first.end()), rows);
  const double second_anchor = anchor_of(*std::max_element(second.begin(), second.end()), rows);
  parallel_for(count, count, [&](std::size_t i) {
    const Part part = part_of(i);
    round_by(first_anchor, part.first);
    round_by(second_anchor, part.second);
  });
}

}  // namespace retraind::train
