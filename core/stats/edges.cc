#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/stats/profile.h"
#include "core/stats/search.h"

namespace retraind::stats {
namespace {

constexpr std::size_t kSplitters = 1023;
constexpr std::size_t kSamples = 16 * (kSplitters + 1);

// The multiset of the reference values, asked for its values by rank and for those that occur often. It is never sorted
// as a whole: a sample cuts it into some two thousand slices, and only the slices that hold an answer are sorted. The
// sample decides how fast the answers come, not what they are.
class Ranks {
 public:
  explicit Ranks(std::vector<double> values) : values_(std::move(values)) {
    std::vector<double> sample;
    const std::size_t stride = std::max<std::size_t>(1, values_.size() / kSamples);
    for (std::size_t i = 0; i < values_.size(); i += stride) sample.push_back(values_[i]);
    std::sort(sample.begin(), sample.end());
    std::vector<double> splitters;
    for (std::size_t i = 1; i <= kSplitters && !sample.empty(); ++i) {
      splitters.push_back(sample[i * sample.size() / (kSplitters + 1)]);
    }
    splitters.erase(std::unique(splitters.begin(), splitters.end()), splitters.end());
    auto search = std::make_unique<SortedArray<kSplitters>>();
    std::copy(splitters.begin(), splitters.end(), &(*search)[0]);

    slices_.resize(2 * splitters.size() + 1);
    for (std::size_t i = 0; i < splitters.size(); ++i) {
      slices_[2 * i + 1].one_value = true;
      slices_[2 * i + 1].sorted = {splitters[i]};
    }
    slice_of_.reserve(values_.size());
    for (const double value : values_) {
      // Even slices hold what lies between two splitters, odd ones what equals a splitter.
      const std::size_t below = search->count_below(value);
      const bool equal = below < kSplitters && (*search)[below] == value;
      const std::size_t slice = 2 * below + static_cast<std::size_t>(equal);
      ++slices_[slice].size;
      slice_of_.push_back(static_cast<std::uint16_t>(slice));
    }
  }

  struct Run {
    double value;
    std::size_t rows;
    std::size_t slice;
  };

  // Every value that occurs in more than `rows` rows, ascending.
  std::vector<Run> more_frequent_than(std::size_t rows) {
    for (Slice& slice : slices_) slice.wanted = slice.size > rows;
    sort_wanted();
    std::vector<Run> runs;
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      const Slice& slice = slices_[i];
      if (slice.size <= rows) continue;
      if (slice.one_value) {
        runs.push_back({slice.sorted.front(), slice.size, i});
        continue;
      }
      for (auto first = slice.sorted.begin(); first != slice.sorted.end();) {
        const auto last = std::find_if(first, slice.sorted.end(), [&](double value) { return value != *first; });
        const auto length = static_cast<std::size_t>(last - first);
        if (length > rows) runs.push_back({*first, length, i});
        first = last;
      }
    }
    return runs;
  }

  // The values at `ranks` (ascending, from 0) when the values of `without` (all rows of each; ascending) are left out.
  std::vector<double> at(const std::vector<std::size_t>& ranks, const std::vector<Run>& without) {
    mark_and_place(ranks, without);
    sort_wanted();
    return mark_and_place(ranks, without);
  }

 private:
  struct Slice {
    std::size_t size = 0;
    bool one_value = false;
    bool wanted = false;
    std::vector<double> sorted;  // empty until it was wanted
  };

  // The first time round marks the slices that hold a rank; once these are sorted, the values are right.
  std::vector<double> mark_and_place(const std::vector<std::size_t>& ranks, const std::vector<Run>& without) {
    std::vector<double> found;
    std::size_t passed = 0;
    auto next = ranks.begin();
    auto left_out = without.begin();
    for (std::size_t i = 0; i < slices_.size() && next != ranks.end(); ++i) {
      Slice& slice = slices_[i];
      std::vector<Run> holes;
      std::size_t size = slice.size;
      while (left_out != without.end() && left_out->slice == i) {
        size -= left_out->rows;
        holes.push_back(*left_out++);
      }
      for (; next != ranks.end() && *next < passed + size; ++next) {
        slice.wanted = true;
        if (slice.sorted.empty()) continue;
        if (slice.one_value) {
          found.push_back(slice.sorted.front());
          continue;
        }
        std::size_t position = *next - passed;
        for (const Run& hole : holes) {
          if (slice.sorted[position] >= hole.value) position += hole.rows;
        }
        found.push_back(slice.sorted[position]);
      }
      passed += size;
    }
    return found;
  }

  void sort_wanted() {
    bool any = false;
    for (Slice& slice : slices_) {
      slice.wanted = slice.wanted && slice.sorted.empty();
      if (slice.wanted) slice.sorted.reserve(slice.size);
      any = any || slice.wanted;
    }
    if (!any) return;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      Slice& slice = slices_[slice_of_[i]];
      if (slice.wanted) slice.sorted.push_back(values_[i]);
    }
    for (Slice& slice : slices_) {
      if (slice.wanted) std::sort(slice.sorted.begin(), slice.sorted.end());
      slice.wanted = false;
    }
  }

  std::vector<double> values_;
  std::vector<std::uint16_t> slice_of_;  // parallel to values_
  std::vector<Slice> slices_;            // ascending
};

}  // namespace

std::size_t NumericEdges::cell_of(double value) const {
  const auto point = std::lower_bound(points.begin(), points.end(), value);
  if (point != points.end() && *point == value) {
    return first_point_cell() + static_cast<std::size_t>(point - points.begin());
  }
  if (value < minimum) return 0;
  // As many edges below the value as there are bins means the overflow, whose cell follows that of the last bin.
  return 1 + static_cast<std::size_t>(std::lower_bound(edges.begin(), edges.end(), value) - edges.begin());
}

NumericEdges learn_edges(std::vector<double> reference) {
  std::erase_if(reference, [](double value) { return !std::isfinite(value); });
  // Zero has two signs that compare equal; the positive one is kept, so that equal edges are equal bytes.
  for (double& value : reference) value += 0.0;
  std::size_t rows = reference.size();
  Ranks ranks(std::move(reference));

  std::vector<Ranks::Run> heavy = ranks.more_frequent_than(rows / kNumericBins);
  std::stable_sort(heavy.begin(), heavy.end(), [](const auto& a, const auto& b) { return a.rows > b.rows; });
  if (heavy.size() > kPointMasses) heavy.resize(kPointMasses);
  std::sort(heavy.begin(), heavy.end(), [](const auto& a, const auto& b) { return a.value < b.value; });
  NumericEdges result;
  for (const Ranks::Run& run : heavy) {
    result.points.push_back(run.value);
    rows -= run.rows;
  }
  if (rows == 0) {
    if (!result.points.empty()) result.minimum = result.points.front();
    return result;
  }

  std::vector<std::size_t> wanted{0};
  for (std::size_t bin = 1; bin <= kNumericBins; ++bin) {
    wanted.push_back((bin * rows + kNumericBins - 1) / kNumericBins - 1);
  }
  const std::vector<double> values = ranks.at(wanted, heavy);
  result.minimum = values.front();
  result.edges.assign(values.begin() + 1, values.end());
  result.edges.erase(std::unique(result.edges.begin(), result.edges.end()), result.edges.end());
  return result;
}

}  // namespace retraind::stats
