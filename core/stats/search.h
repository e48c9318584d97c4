#pragma once
// A search in a short sorted array without a branch that depends on the value. Values come in no order, so a branch
// would be mispredicted half of the time, and that costs more than all the comparisons; without one, the searches of
// neighbouring values also overlap in the processor. Private to core/stats.

#include <array>
#include <cstddef>
#include <limits>

namespace retraind::stats {

// `Size` is a power of two less one. Places that are not used hold infinity, which is below nothing.
template <std::size_t Size>
class SortedArray {
  static_assert(Size > 0 && (Size & (Size + 1)) == 0);

 public:
  SortedArray() { values_.fill(std::numeric_limits<double>::infinity()); }

  double& operator[](std::size_t i) { return values_[i]; }
  double operator[](std::size_t i) const { return values_[i]; }

  // How many of the values are below `value`, 0..Size; 0 for NaN.
  std::size_t count_below(double value) const {
    std::size_t passed = 0;
#pragma GCC unroll 16
    for (std::size_t step = (Size + 1) / 2; step > 0; step /= 2) {
      passed += static_cast<std::size_t>(values_[passed + step - 1] < value) * step;
    }
    return passed;
  }

 private:
  std::array<double, Size> values_;
};

}  // namespace retraind::stats
