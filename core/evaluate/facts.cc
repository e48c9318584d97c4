#include "core/evaluate/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/evaluate/predictions.h"
#include "core/evaluate/wording.h"

namespace retraind::evaluate {
namespace {

constexpr double kSumTolerance = 0.01;
// Labels that are all alike have no width to measure by; what a float loses is no prediction out of range.
constexpr double kLeastWidth = 1e-6;

std::string spell_bad(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "infinite" : "minus infinite";
  return spell_value(value);
}

const SignatureColumn* find_column(const std::vector<SignatureColumn>& columns, const std::string& name) {
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

}  // namespace

std::string fault_of(Task task, std::span<const double> row) {
  double sum = 0;
  for (const double value : row) {
    if (!std::isfinite(value)) return spell_bad(value);
    if (task != Task::regression && !(value >= 0 && value <= 1)) return spell_bad(value) + ", no probability";
    sum += value;
  }
  if (task == Task::multiclass && !(std::fabs(sum - 1) <= kSumTolerance)) {
    return "probabilities that add up to " + spell_value(sum);
  }
  return {};
}

PredictionFacts look_at_predictions(Task task, std::size_t width, std::span<const double> predictions,
                                    std::span<const float> training_labels) {
  if (width == 0 || predictions.size() % width != 0) {
    throw std::logic_error(fmt::format("{} predictions are no rows of {}", predictions.size(), width));
  }
  PredictionFacts out;
  out.rows = predictions.size() / width;
  out.constant = out.rows >= 2;

  bool labels_known = false;
  if (task == Task::regression) {
    for (const float label : training_labels) {
      if (!std::isfinite(label)) continue;
      const auto value = static_cast<double>(label);
      out.label_low = labels_known ? std::min(out.label_low, value) : value;
      out.label_high = labels_known ? std::max(out.label_high, value) : value;
      labels_known = true;
    }
  }
  const double span = std::max(out.label_high - out.label_low,
                               kLeastWidth * std::max(std::fabs(out.label_low), std::fabs(out.label_high)));

  const std::span<const double> first = predictions.subspan(0, out.rows > 0 ? width : 0);
  for (std::size_t i = 0; i < out.rows; ++i) {
    const std::span<const double> row = predictions.subspan(i * width, width);
    if (!std::equal(row.begin(), row.end(), first.begin())) out.constant = false;
    const std::string fault = fault_of(task, row);
    if (!fault.empty()) {
      if (out.invalid++ == 0) out.first_invalid = fmt::format("row {}: {}", i + 1, fault);
    } else if (labels_known && (row[0] < out.label_low - span || row[0] > out.label_high + span)) {
      ++out.out_of_range;
    }
  }
  return out;
}

std::vector<std::string> compare_signatures(const std::vector<SignatureColumn>& candidate,
                                            const std::vector<SignatureColumn>& production) {
  std::vector<std::string> changes;
  for (const SignatureColumn& column : candidate) {
    const SignatureColumn* before = find_column(production, column.name);
    if (before == nullptr) {
      changes.push_back(fmt::format("adds \"{}\"", column.name));
    } else if (before->type != column.type) {
      changes.push_back(fmt::format("\"{}\" is {} now, not {}", column.name, column.type, before->type));
    }
  }
  for (const SignatureColumn& column : production) {
    if (find_column(candidate, column.name) == nullptr) changes.push_back(fmt::format("drops \"{}\"", column.name));
  }
  return changes;
}

}  // namespace retraind::evaluate
