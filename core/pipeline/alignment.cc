#include "core/pipeline/alignment.h"

#include <algorithm>
#include <stdexcept>

namespace retraind::pipeline {

std::vector<std::string> union_of(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  std::vector<std::string> out = first;
  for (const std::string& name : second) {
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

std::vector<double> spread(const std::vector<double>& predictions, const std::vector<std::string>& classes,
                           const std::vector<std::string>& onto) {
  if (classes == onto) return predictions;
  if (classes.empty() || predictions.size() % classes.size() != 0) {
    throw std::logic_error("predictions do not fit their classes");
  }
  const std::size_t rows = predictions.size() / classes.size();
  std::vector<double> out(rows * onto.size(), 0.0);
  for (std::size_t from = 0; from < classes.size(); ++from) {
    const auto place = std::find(onto.begin(), onto.end(), classes[from]);
    if (place == onto.end()) throw std::logic_error("class " + classes[from] + " is not among those to spread onto");
    const auto to = static_cast<std::size_t>(place - onto.begin());
    for (std::size_t row = 0; row < rows; ++row) out[row * onto.size() + to] = predictions[row * classes.size() + from];
  }
  return out;
}

}  // namespace retraind::pipeline
