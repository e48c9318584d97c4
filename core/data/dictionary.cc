#include "core/data/dictionary.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace retraind::data {
namespace {

// The old codes in the order of their values, and the inverse of that.
template <class Less>
std::vector<std::int32_t> sort_codes(std::size_t size, std::vector<std::int32_t>& place_of_code, Less less) {
  std::vector<std::int32_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), less);
  place_of_code.assign(size, 0);
  for (std::size_t place = 0; place < size; ++place) {
    place_of_code[static_cast<std::size_t>(order[place])] = static_cast<std::int32_t>(place);
  }
  return order;
}

}  // namespace

std::vector<std::string> TextDictionary::take_sorted(std::vector<std::int32_t>& place_of_code) {
  const auto order =
      sort_codes(texts_.size(), place_of_code, [this](std::int32_t a, std::int32_t b) { return text(a) < text(b); });
  codes_ = {};
  std::vector<std::string> sorted;
  sorted.reserve(order.size());
  for (const std::int32_t code : order) sorted.push_back(std::move(texts_[static_cast<std::size_t>(code)]));
  texts_ = {};
  return sorted;
}

std::vector<double> NumberDictionary::take_sorted(std::vector<std::int32_t>& place_of_code) {
  const auto order = sort_codes(numbers_.size(), place_of_code, [this](std::int32_t a, std::int32_t b) {
    const double x = numbers_[static_cast<std::size_t>(a)];
    const double y = numbers_[static_cast<std::size_t>(b)];
    return x < y || (!std::isnan(x) && std::isnan(y));
  });
  codes_ = {};
  std::vector<double> sorted;
  sorted.reserve(order.size());
  for (const std::int32_t code : order) sorted.push_back(numbers_[static_cast<std::size_t>(code)]);
  numbers_ = {};
  return sorted;
}

}  // namespace retraind::data
