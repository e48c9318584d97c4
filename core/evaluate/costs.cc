#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/evaluate/compare.h"

namespace retraind::evaluate {
namespace {

std::size_t place_of(const std::string& name, const std::vector<std::string>& classes) {
  const auto found = std::find(classes.begin(), classes.end(), name);
  if (found != classes.end()) return static_cast<std::size_t>(found - classes.begin());
  std::string known;
  for (const std::string& one : classes) known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", one);
  const auto meant = nearest(name, classes);
  throw DataError(fmt::format("validation.costs names \"{}\", which no label is: the classes are {}", name, known),
                  meant ? fmt::format("did you mean \"{}\"?", *meant) : "write the labels' texts as the query does");
}

}  // namespace

std::vector<double> cost_matrix(const settings::Costs& costs, const std::vector<std::string>& classes) {
  const std::size_t count = classes.size();
  std::vector<double> matrix(count * count, 1);
  for (std::size_t i = 0; i < count; ++i) matrix[i * count + i] = 0;
  for (const auto& [actual, row] : costs) {
    const std::size_t from = place_of(actual, classes);
    for (const auto& [predicted, cost] : row) matrix[from * count + place_of(predicted, classes)] = cost;
  }
  return matrix;
}

}  // namespace retraind::evaluate
