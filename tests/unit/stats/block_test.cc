#include "core/stats/block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/random.h"

namespace retraind::stats {
namespace {

constexpr double kSecond = 1e6;
constexpr double kHour = 3600 * kSecond;
constexpr double kDay = 24 * kHour;

TEST(BlockGrid, CutsAtMultiplesOfItsLength) {
  const BlockGrid hours{kHour};
  EXPECT_EQ(hours.index_of(0), 0);
  EXPECT_EQ(hours.index_of(kHour - 1), 0);
  EXPECT_EQ(hours.index_of(kHour), 1);
  EXPECT_EQ(hours.index_of(-1), -1);
  EXPECT_EQ(hours.index_of(-kHour), -1);
  EXPECT_EQ(hours.begin_of(-1), -kHour);
}

TEST(BlockGrid, PutsEveryTimeAtOrAfterTheBeginOfItsBlockAndBeforeTheNext) {
  Random random(5);
  for (const double length : {0.1, 0.02, 5e-7, 3.0, 7 * kDay}) {
    const BlockGrid grid{length};
    for (int i = 0; i < 2000; ++i) {
      const double multiple = static_cast<double>(random.below(100000)) - 50000;
      for (const double time : {multiple * length, std::nextafter(multiple * length, -1e300), random.normal()}) {
        const std::int64_t index = grid.index_of(time);
        ASSERT_LE(grid.begin_of(index), time) << length;
        ASSERT_GT(grid.begin_of(index + 1), time) << length;
      }
    }
  }
}

TEST(BlockGrid, RefusesTimesWithoutAPlace) {
  const BlockGrid grid{1};
  EXPECT_THROW(grid.index_of(std::nan("")), std::logic_error);
  EXPECT_THROW(grid.index_of(std::numeric_limits<double>::infinity()), std::logic_error);
  EXPECT_THROW(grid.index_of(1e300), std::logic_error);
}

TEST(GridFor, TakesTheShortestHandyLengthThatLeavesAtMostAThousandBlocks) {
  const double start = 1.3e15;  // a moment in 2011 that begins no block
  const auto length = [&](double span) { return grid_for(TimeAxis::instant, start, start + span).length; };
  EXPECT_EQ(length(0), 60 * kSecond) << "rows loaded in one go";
  EXPECT_EQ(length(990 * 60 * kSecond), 60 * kSecond);
  EXPECT_EQ(length(1001 * 60 * kSecond), 600 * kSecond);
  EXPECT_EQ(length(28 * kDay), kHour);
  EXPECT_EQ(length(90 * kDay), 6 * kHour);
  EXPECT_EQ(length(365 * kDay), kDay);
  EXPECT_EQ(length(10 * 365 * kDay), 7 * kDay);
  EXPECT_EQ(length(70 * 365 * kDay), 28 * kDay);
  EXPECT_EQ(length(2000 * 29 * kDay), 59 * kDay) << "58 d cut the span into 1,001 blocks from here";
}

TEST(GridFor, CountsTheBlocksAtBothEnds) {
  EXPECT_EQ(grid_for(TimeAxis::number, 0, 999).length, 1);
  EXPECT_EQ(grid_for(TimeAxis::number, 0, 1000).length, 2) << "0 and 1,000 lie in the first and the 1,001st block";
}

TEST(GridFor, TakesOneTwoOrFiveTimesAPowerOfTenForNumbers) {
  EXPECT_EQ(grid_for(TimeAxis::number, 7, 7).length, 1);
  EXPECT_EQ(grid_for(TimeAxis::number, 0, 60000).length, 100);
  EXPECT_EQ(grid_for(TimeAxis::number, 0, 300000).length, 500);
  EXPECT_EQ(grid_for(TimeAxis::number, 0, 1).length, 0.002);
  EXPECT_EQ(grid_for(TimeAxis::number, -3, 3).length, 0.01);
}

TEST(GridFor, NeverCutsFinerThanItsIndicesCanCount) {
  for (const double from : {1e300, 4e15, -1e18, 1e15}) {
    for (const double span : {0.0, 1.0, 1e4, 1e290}) {
      const BlockGrid grid = grid_for(TimeAxis::number, from, from + span);
      const std::int64_t first = grid.index_of(from);
      EXPECT_LT(grid.begin_of(first), grid.begin_of(first + 1)) << from;
      EXPECT_LT(grid.index_of(from + span) - first, kMostReferenceBlocks);
    }
  }
}

TEST(GridFor, RefusesWhatIsNoRange) {
  EXPECT_THROW(grid_for(TimeAxis::number, 2, 1), std::logic_error);
  EXPECT_THROW(grid_for(TimeAxis::instant, 0, std::nan("")), std::logic_error);
  EXPECT_THROW(grid_for(TimeAxis::number, -1.7e308, 1.7e308), std::logic_error);
}

class PackedCounts : public testing::Test {
 protected:
  PackedCounts() {
    Random random(4);
    std::vector<double> numbers;
    std::vector<std::string_view> texts;
    for (int i = 0; i < 5000; ++i) {
      numbers.push_back(random.normal());
      texts.push_back(std::array<std::string_view, 3>{"a", "b", "c"}[random.below(3)]);
    }
    like_ = {profile_numbers("x", numbers, {}), profile_texts("t", texts, {}), profile_texts("nothing", {}, {})};
  }

  ProfileBlock block(std::int64_t index, std::uint64_t seed, std::size_t rows) const {
    Random random(seed);
    ProfileBlock made{index, {}};
    for (const ColumnProfile& column : like_) made.columns.push_back(empty_like(column));
    std::vector<double> numbers;
    std::vector<std::string_view> texts;
    std::vector<std::uint8_t> nulls;
    for (std::size_t i = 0; i < rows; ++i) {
      numbers.push_back(i % 50 == 3 ? std::nan("") : 2 * random.normal());
      texts.push_back(std::array<std::string_view, 3>{"a", "b", "z"}[random.below(3)]);
      nulls.push_back(random.below(10) == 0 ? 1 : 0);
    }
    add_numbers(made.columns[0], numbers, nulls);
    add_texts(made.columns[1], texts, nulls);
    return made;
  }

  std::vector<ColumnProfile> like_;
};

std::vector<std::string> json_of(std::span<const ColumnProfile> columns) {
  std::vector<std::string> out;
  for (const ColumnProfile& column : columns) out.push_back(to_json(column));
  return out;
}

TEST_F(PackedCounts, ComeBackAsTheyWere) {
  for (const std::size_t rows : {0, 1, 17, 4000}) {
    const ProfileBlock made = block(1, rows, rows);
    const std::vector<ColumnProfile> back = unpack_counts(pack_counts(made.columns), like_);
    EXPECT_EQ(json_of(back), json_of(made.columns)) << rows;
    EXPECT_EQ(std::get<NumericProfile>(back[0].values).edges, std::get<NumericProfile>(like_[0].values).edges)
        << "the cells are shared, not copied";
  }
}

TEST_F(PackedCounts, AreShortWhereMostCountsAreZero) {
  EXPECT_LE(pack_counts(block(1, 1, 0).columns).size(), 12u);
  EXPECT_LE(pack_counts(block(1, 2, 1).columns).size(), 20u);
}

TEST_F(PackedCounts, HoldRowsUpToTwoToTheSixtyThree) {
  ProfileBlock made = block(1, 1, 0);
  auto& counts = std::get<NumericProfile>(made.columns[0].values).counts;
  counts[3] = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(json_of(unpack_counts(pack_counts(made.columns), like_)), json_of(made.columns));
  counts[5] = 1;
  EXPECT_THROW(pack_counts(made.columns), DataError);
}

// Whatever the bytes: either they are refused, or they are the very bytes that the counts they gave are packed as.
TEST_F(PackedCounts, AreReadOnlyFromTheBytesTheyAreWrittenAs) {
  Random random(99);
  const std::string good = pack_counts(block(1, 7, 300).columns);
  std::size_t read = 0;
  const auto try_bytes = [&](const std::string& bytes) {
    try {
      ASSERT_EQ(pack_counts(unpack_counts(bytes, like_)), bytes);
      ++read;
    } catch (const DataError& error) {
      ASSERT_FALSE(error.hint().empty());
    }
  };
  for (std::size_t length = 0; length < good.size(); ++length) try_bytes(good.substr(0, length));
  EXPECT_EQ(read, 0u) << "no beginning of it is whole";
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = good;
    for (std::uint64_t edits = 1 + random.below(3); edits > 0; --edits) {
      const std::size_t at = random.below(bytes.size());
      const auto byte = static_cast<char>(random.below(4) == 0 ? 0 : random.below(256));
      if (const std::uint64_t kind = random.below(3); kind == 0) {
        bytes[at] = byte;
      } else if (kind == 1) {
        bytes.insert(at, 1, byte);
      } else {
        bytes.erase(at, 1);
      }
    }
    try_bytes(bytes);
  }
  EXPECT_GT(read, 100u) << "a changed count is still a count";
}

TEST_F(PackedCounts, AreRefusedForOtherCells) {
  const std::string bytes = pack_counts(block(1, 7, 300).columns);
  EXPECT_THROW(unpack_counts(bytes, std::span(like_).first(2)), DataError);
  EXPECT_THROW(unpack_counts(bytes + '\0', like_), DataError);
  std::swap(like_[0], like_[1]);
  EXPECT_THROW(unpack_counts(bytes, like_), DataError);
  EXPECT_THROW(unpack_counts(std::string(1, '\2') + bytes.substr(1), like_), DataError);
}

TEST_F(PackedCounts, SumToTheSameBytesInAnyOrder) {
  std::vector<ProfileBlock> blocks;
  for (std::uint64_t i = 0; i < 6; ++i) blocks.push_back(block(static_cast<std::int64_t>(i), i, 100 * i));
  const std::string whole = pack_counts(sum_of(blocks, like_));
  std::reverse(blocks.begin(), blocks.end());
  EXPECT_EQ(pack_counts(sum_of(blocks, like_)), whole);
  const std::vector<ProfileBlock> halves{{0, sum_of(std::span(blocks).first(2), like_)},
                                         {1, sum_of(std::span(blocks).subspan(2), like_)}};
  EXPECT_EQ(pack_counts(sum_of(halves, like_)), whole);
}

TEST_F(PackedCounts, SumToEmptyProfilesWhereThereAreNoBlocks) {
  const std::vector<ColumnProfile> sum = sum_of({}, like_);
  ASSERT_EQ(sum.size(), like_.size());
  EXPECT_EQ(sum[0].rows(), 0u);
  EXPECT_TRUE(same_cells(sum[0], like_[0]));
}

}  // namespace
}  // namespace retraind::stats
