#include "core/data/finding.h"

#include <fmt/format.h>

#include <cstddef>

namespace retraind::data {

std::string why_stopped(const std::vector<Finding>& findings) {
  constexpr std::size_t kShown = 5;
  std::vector<const Finding*> stopping;
  for (const Finding& finding : findings) {
    if (finding.stops) stopping.push_back(&finding);
  }
  if (stopping.empty()) return {};
  if (stopping.size() == 1) return stopping.front()->sentence;
  std::string out = fmt::format("{} checks of the data failed: ", stopping.size());
  for (std::size_t i = 0; i < stopping.size() && i < kShown; ++i) {
    if (i > 0) out += "; ";
    out += fmt::format("({}) {}", i + 1, stopping[i]->sentence);
  }
  if (stopping.size() > kShown) out += fmt::format("; and {} more", stopping.size() - kShown);
  return out;
}

}  // namespace retraind::data
