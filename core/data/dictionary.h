#pragma once
// Distinct values of a column as small codes, in order of arrival while rows stream in and in ascending order once they
// are all there. Owned by one TableBuilder, used by its thread.

#include <bit>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace retraind::data {

// Texts, compared as bytes.
class TextDictionary {
 public:
  // The code of `text`: that of the same bytes earlier, else the next from 0.
  std::int32_t code_of(std::string_view text) {
    const auto found = codes_.find(text);
    if (found != codes_.end()) return found->second;
    const auto code = static_cast<std::int32_t>(texts_.size());
    // A deque never moves its elements, so the keys may point into them.
    texts_.emplace_back(text);
    codes_.emplace(texts_.back(), code);
    return code;
  }

  std::size_t size() const { return texts_.size(); }
  const std::string& text(std::int32_t code) const { return texts_[static_cast<std::size_t>(code)]; }

  // Hands the texts over in bytewise order, and for each old code its place there. The dictionary is then empty.
  std::vector<std::string> take_sorted(std::vector<std::int32_t>& place_of_code);

 private:
  std::deque<std::string> texts_;
  boost::unordered_flat_map<std::string_view, std::int32_t, std::hash<std::string_view>> codes_;
};

// Numbers: -0 is 0, and every NaN is one value.
class NumberDictionary {
 public:
  std::int32_t code_of(double value) {
    const double one_zero = value == 0 ? 0 : value;
    const double one_nan = std::isnan(one_zero) ? std::numeric_limits<double>::quiet_NaN() : one_zero;
    const auto [at, added] =
        codes_.emplace(std::bit_cast<std::uint64_t>(one_nan), static_cast<std::int32_t>(numbers_.size()));
    if (added) numbers_.push_back(one_nan);
    return at->second;
  }

  std::size_t size() const { return numbers_.size(); }
  double number(std::int32_t code) const { return numbers_[static_cast<std::size_t>(code)]; }

  // Hands the numbers over in ascending order, a NaN last, and for each old code its place there. Then empty.
  std::vector<double> take_sorted(std::vector<std::int32_t>& place_of_code);

 private:
  std::vector<double> numbers_;
  boost::unordered_flat_map<std::uint64_t, std::int32_t> codes_;
};

}  // namespace retraind::data
