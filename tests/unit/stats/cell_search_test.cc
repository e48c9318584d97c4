#include "core/stats/cell_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/base/random.h"

namespace retraind::stats {
namespace {

using Numbers = std::vector<double>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargest = std::numeric_limits<double>::max();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

NumericProfile empty_on(const NumericEdges& edges) {
  NumericProfile profile;
  profile.edges = std::make_shared<const NumericEdges>(edges);
  profile.counts.resize(edges.cells());
  return profile;
}

// One value after the other, by NumericEdges::cell_of.
void count_plainly(const Numbers& values, const std::vector<std::uint8_t>& nulls, NumericProfile& profile) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!nulls.empty() && nulls[i] != 0) {
      ++profile.nulls;
    } else if (std::isnan(values[i])) {
      ++profile.nans;
    } else if (std::isinf(values[i])) {
      ++(values[i] > 0 ? profile.positive_infinities : profile.negative_infinities);
    } else {
      ++profile.counts[profile.edges->cell_of(values[i])];
    }
  }
}

void expect_plain_counts(const NumericEdges& edges, const Numbers& values, const std::vector<std::uint8_t>& nulls) {
  NumericProfile expected = empty_on(edges);
  NumericProfile counted = empty_on(edges);
  // Twice, because counts are added to what is there.
  for (int round = 0; round < 2; ++round) {
    count_plainly(values, nulls, expected);
    CellSearch(edges).count(values, nulls, counted);
  }
  EXPECT_EQ(counted.counts, expected.counts);
  EXPECT_EQ(counted.nulls, expected.nulls);
  EXPECT_EQ(counted.nans, expected.nans);
  EXPECT_EQ(counted.positive_infinities, expected.positive_infinities);
  EXPECT_EQ(counted.negative_infinities, expected.negative_infinities);
}

TEST(CellSearch, CountsAsOneValueAfterTheOtherDoes) {
  Random random(5);
  const Numbers references[] = {
      {},
      {3},
      {0, 0, 1, 1, 1},
      {-kLargest, kLargest, 0},
      {kLargest, kLargest, -kLargest, -kLargest},
      [&] {
        Numbers values;
        for (int i = 0; i < 3000; ++i) values.push_back(random.normal());
        return values;
      }(),
      [&] {
        Numbers values;  // sixteen points, and bins between them
        for (int i = 0; i < 9000; ++i) values.push_back(i % 3 == 0 ? random.normal() * 5 : i / 3 % 16 - 8);
        return values;
      }(),
  };
  for (const Numbers& reference : references) {
    const NumericEdges edges = learn_edges(reference);
    Numbers values{kNan, -kNan, kInfinity, -kInfinity, kLargest, -kLargest, 0.0, -0.0, 5e-324, -5e-324};
    for (const double bound : {edges.minimum}) values.push_back(bound);
    values.insert(values.end(), edges.edges.begin(), edges.edges.end());
    values.insert(values.end(), edges.points.begin(), edges.points.end());
    const std::size_t exact = values.size();
    for (std::size_t i = 0; i < exact; ++i) {
      values.push_back(std::nextafter(values[i], kInfinity));
      values.push_back(std::nextafter(values[i], -kInfinity));
    }
    for (int i = 0; i < 2000; ++i) values.push_back(std::round(random.normal() * 30) / 4);
    expect_plain_counts(edges, values, {});
    std::vector<std::uint8_t> nulls;
    for (std::size_t i = 0; i < values.size(); ++i) nulls.push_back(static_cast<std::uint8_t>(random.below(3)));
    expect_plain_counts(edges, values, nulls);
    expect_plain_counts(edges, {}, {});
  }
}

TEST(CellSearch, RefusesMoreCellsThanThereCanBe) {
  NumericEdges edges;
  for (int i = 0; i < 65; ++i) edges.edges.push_back(i);
  EXPECT_THROW(CellSearch{edges}, std::logic_error);
  edges.edges.clear();
  for (int i = 0; i < 17; ++i) edges.points.push_back(i);
  EXPECT_THROW(CellSearch{edges}, std::logic_error);
}

}  // namespace
}  // namespace retraind::stats
