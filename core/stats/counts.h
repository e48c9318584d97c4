#pragma once
// Every count of a profile, one after the other, for code that does not care which cell is which. Private to
// core/stats.

#include <cstdint>
#include <variant>

#include "core/stats/profile.h"

namespace retraind::stats {

// Calls visit(count) for each, always in the same order, which stored blocks rely on: cells, then nulls, NaNs and the
// infinities of numbers; levels, then other, unseen and nulls of texts. With a profile that may be changed, so may the
// counts.
template <class Profile, class Visit>
void visit_counts(Profile& profile, Visit visit) {
  std::visit(
      [&](auto& values) {
        for (auto& count : values.counts) visit(count);
        if constexpr (requires { values.nans; }) {
          visit(values.nulls);
          visit(values.nans);
          visit(values.positive_infinities);
          visit(values.negative_infinities);
        } else {
          visit(values.other);
          visit(values.unseen);
          visit(values.nulls);
        }
      },
      profile.values);
}

}  // namespace retraind::stats
