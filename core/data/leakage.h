#pragma once
// Features that give the label away by themselves: how well each one alone ranks the labels of rows. Private to
// validation. Pure; O(n log n) for a feature, however many levels and classes there are.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/vocabulary.h"
#include "core/data/table.h"

namespace retraind::data {

struct Leak {
  std::size_t feature = 0;  // in table.features
  // Classification: the area under the ROC curve of the class that it tells best from all others, ties counting half,
  // whichever way round. Regression: the absolute rank correlation (Spearman's).
  double figure = 0;
  std::string of_class;     // empty for regression
  bool by_missing = false;  // to know whether it is NULL is already enough: NULL (or not) means of_class
  bool null_means_class = false;
  std::size_t rows = 0;  // measured on
};

// The features of `which` whose figure is at least `threshold`, and surely no chance: 4 standard errors above what a
// feature without any relation gives, (n1 + n0 + 1)/(12 n1 n0) being the variance of its area (Mann and Whitney 1947)
// and 1/(n - 1) that of its rank correlation. On labelled rows of [begin, end), at most 100,000 of them drawn by the
// seed.
//
// Numbers rank rows by their value, missing ones all below or all above, whichever tells more. Texts rank rows by the
// mean label that their level has among the other half of the rows, so that a level's own rows say nothing of
// themselves: thousands of levels with a row or two each are no leak, for all that they tell these rows apart.
std::vector<Leak> find_leaks(const Table& table, const std::vector<std::size_t>& which, std::size_t begin,
                             std::size_t end, Task task, double threshold, std::uint64_t seed);

}  // namespace retraind::data
