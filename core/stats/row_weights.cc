#include "core/stats/row_weights.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace retraind::stats {
namespace {

// Of all weights together: half of the product of two sums that large is still exact in a double.
constexpr std::uint64_t kMostRows = std::uint64_t{1} << 26;
// Below so many, counts stay in the nearest cache as they are.
constexpr std::size_t kManyGroups = 4096;

// std::nullopt where a weight is no whole number or too large. Without a way out in between: so the loop is made of
// vectors, and all weights pass in the time that a few comparisons would take.
std::optional<std::vector<std::uint32_t>> to_counts(std::span<const double> weights) {
  std::vector<std::uint32_t> counts(weights.size());
  bool whole = true;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto count = static_cast<std::int32_t>(std::min(weights[i], static_cast<double>(kMostRows + 1)));
    whole &= static_cast<double>(count) == weights[i];
    counts[i] = static_cast<std::uint32_t>(count);
  }
  if (!whole) return std::nullopt;
  return counts;
}

}  // namespace

RowWeights::RowWeights(std::vector<double> own, std::vector<std::uint32_t> groups, std::size_t places)
    : places_(places), own_(std::move(own)), groups_(std::move(groups)) {
  auto counts = to_counts(own_);
  own_are_whole_ = counts.has_value();
  if (!counts) return;
  own_counts_ = std::move(*counts);
  if (groups_.empty()) return;
  sum_of_group_.resize(*std::max_element(groups_.begin(), groups_.end()) + std::size_t{1});
  for (std::size_t i = 0; i < places_; ++i) sum_of_group_[groups_[i]] += own_counts_.empty() ? 1 : own_counts_[i];
}

std::vector<double> RowWeights::of_each(std::span<const double> weights) const {
  if (weights.empty()) return own_;
  return visit_with<double>(std::span<const double>(own_), weights, [this](auto weight_at) {
    std::vector<double> each(places_);
    for (std::size_t i = 0; i < places_; ++i) each[i] = weight_at(i);
    return each;
  });
}

std::optional<RowWeights::Whole> RowWeights::whole(std::span<const double> weights) const {
  if (!own_are_whole_) return std::nullopt;
  std::optional<std::vector<std::uint32_t>> times = to_counts(weights);
  if (!times) return std::nullopt;
  double sum = 0;
  if (places_ == 0) return Whole{std::move(*times), 0};  // no places have no groups, which must not be taken for all
  if (!groups_.empty()) {
    for (std::size_t group = 0; group < sum_of_group_.size(); ++group) {
      sum += static_cast<double>(sum_of_group_[group]) * (weights.empty() ? 1 : weights[group]);
    }
  } else if (!own_.empty()) {
    for (std::size_t i = 0; i < places_; ++i) sum += own_[i] * (weights.empty() ? 1 : weights[i]);
  } else {
    sum = static_cast<double>(weights.empty() ? places_
                                              : std::accumulate(times->begin(), times->end(), std::uint64_t{0}));
  }
  if (sum > static_cast<double>(kMostRows)) return std::nullopt;
  return Whole{std::move(*times), sum};
}

double RowWeights::sum(std::span<const double> weights) const {
  if (const std::optional<Whole> counts = whole(weights)) return counts->sum;
  return visit_with<double>(std::span<const double>(own_), weights, [this](auto weight_at) {
    Sum sum;
    for (std::size_t i = 0; i < places_; ++i) sum.add(weight_at(i));
    return sum.value();
  });
}

std::vector<std::uint8_t> RowWeights::as_bytes(std::span<const std::uint32_t> counts) {
  if (counts.size() < kManyGroups) return {};
  std::vector<std::uint8_t> bytes(counts.size());
  std::uint32_t all_bits = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    all_bits |= counts[i];
    bytes[i] = static_cast<std::uint8_t>(counts[i]);
  }
  if (all_bits > std::numeric_limits<std::uint8_t>::max()) return {};
  return bytes;
}

}  // namespace retraind::stats
