#pragma once
// How much each row of a metric counts: the weight it has itself, times that of its group, which a bootstrap draws anew
// for each replicate. Keeps both in the order in which the metric walks its rows, so that a replicate reads them one
// after the other; the weights of the groups are what is left to look up, and few groups stay in the processor's cache.
// Private to core/stats.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/stats/sum.h"

namespace retraind::stats {

// What weights add up to: compensated for doubles, plain for whole numbers.
template <class Number>
class Total {
 public:
  void add(Number term) { sum_ += term; }
  double value() const { return static_cast<double>(sum_); }

 private:
  Number sum_ = 0;
};
template <>
class Total<double> : public Sum {};

class RowWeights {
 public:
  // One place of the walk after the other. `own` is >= 0 and finite, or empty: 1 each. `groups` is each place's group,
  // or empty: place i is group i.
  RowWeights(std::vector<double> own, std::vector<std::uint32_t> groups, std::size_t places);

  std::size_t size() const { return places_; }

  // Calls visit(weight_at), where weight_at(i) is the weight of place i when the groups have these `weights` (checked;
  // empty: 1 each). It is a std::uint64_t where all weights are whole numbers and so few that products of two sums of
  // them are exact in a double: sums of whole numbers need no compensation and may be added up in any order. Otherwise
  // it is a double. Returns what `visit` returns, which must be of the same type for both.
  template <class Visit>
  auto visit(std::span<const double> weights, Visit visit) const {
    const std::optional<Whole> counts = whole(weights);
    if (!counts) return visit_with<double>(std::span<const double>(own_), weights, visit);
    const std::span<const std::uint32_t> own(own_counts_);
    if (const std::vector<std::uint8_t> bytes = as_bytes(counts->times); !bytes.empty()) {
      return visit_with<std::uint64_t>(own, std::span<const std::uint8_t>(bytes), visit);
    }
    return visit_with<std::uint64_t>(own, std::span<const std::uint32_t>(counts->times), visit);
  }

  // The weights of the groups, where visit() would give whole ones.
  struct Whole {
    std::vector<std::uint32_t> times;  // by group; empty for `weights` that are empty
    double sum = 0;                    // over all places
  };
  std::optional<Whole> whole(std::span<const double> weights) const;

  // Over all places.
  double sum(std::span<const double> weights) const;

  // Of each place; empty: 1 each.
  std::vector<double> of_each(std::span<const double> weights) const;

 private:
  // Four loops instead of one that asks for each row what there is.
  template <class Number, class Own, class Weight, class Visit>
  auto visit_with(std::span<const Own> own, std::span<const Weight> of_groups, const Visit& visit) const {
    const std::uint32_t* const group = groups_.data();
    if (of_groups.empty() && own.empty()) return visit([](std::size_t) { return Number{1}; });
    if (of_groups.empty()) return visit([own](std::size_t i) { return Number{own[i]}; });
    if (groups_.empty() && own.empty()) return visit([of_groups](std::size_t i) { return Number{of_groups[i]}; });
    if (own.empty()) return visit([of_groups, group](std::size_t i) { return Number{of_groups[group[i]]}; });
    if (groups_.empty()) return visit([own, of_groups](std::size_t i) { return Number{own[i]} * of_groups[i]; });
    return visit([own, of_groups, group](std::size_t i) { return Number{own[i]} * of_groups[group[i]]; });
  }

  // Many groups are looked up in no order, each from a cache that holds four times as many of them as bytes. Empty for
  // so few that it does not matter, and where a count does not fit.
  static std::vector<std::uint8_t> as_bytes(std::span<const std::uint32_t> counts);

  std::size_t places_;
  std::vector<double> own_;
  std::vector<std::uint32_t> groups_;
  bool own_are_whole_ = false;
  std::vector<std::uint32_t> own_counts_;    // own_ in whole numbers; empty where own_ is, or where they are not whole
  std::vector<std::uint64_t> sum_of_group_;  // of own_counts_; empty where every place is a group
};

}  // namespace retraind::stats
