#include "core/stats/profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/random.h"

namespace retraind::stats {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> iota(std::size_t count) {
  std::vector<double> values(count);
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

const NumericProfile& numbers(const ColumnProfile& profile) {
  return std::get<NumericProfile>(profile.values);
}
const CategoryProfile& texts(const ColumnProfile& profile) {
  return std::get<CategoryProfile>(profile.values);
}

TEST(NumericEdges, CutTheReferenceIntoBinsOfEqualMass) {
  const ColumnProfile profile = profile_numbers("x", iota(6400), {});
  const NumericProfile& x = numbers(profile);
  EXPECT_EQ(x.edges->points.size(), 0u);
  ASSERT_EQ(x.edges->edges.size(), kNumericBins);
  EXPECT_EQ(x.edges->minimum, 1);
  EXPECT_EQ(x.edges->edges.front(), 100);
  EXPECT_EQ(x.edges->edges.back(), 6400);
  EXPECT_EQ(x.counts.front(), 0u);
  EXPECT_EQ(x.counts.back(), 0u);
  for (std::size_t bin = 1; bin <= kNumericBins; ++bin) EXPECT_EQ(x.counts[bin], 100u) << bin;
}

TEST(NumericEdges, PutEveryValueWhereItsBoundsSay) {
  const NumericEdges edges{{0, 999}, {1, 2, 5}, -1};
  ASSERT_EQ(edges.cells(), 7u);
  EXPECT_EQ(edges.cell_of(-1.5), 0u);
  EXPECT_EQ(edges.cell_of(-1), 1u) << "the minimum belongs to the first bin";
  EXPECT_EQ(edges.cell_of(1), 1u) << "upper edges are inclusive";
  EXPECT_EQ(edges.cell_of(std::nextafter(1, 2)), 2u);
  EXPECT_EQ(edges.cell_of(2), 2u);
  EXPECT_EQ(edges.cell_of(5), 3u);
  EXPECT_EQ(edges.cell_of(5.5), 4u);
  EXPECT_EQ(edges.cell_of(1e308), 4u);
  EXPECT_EQ(edges.cell_of(0), 5u);
  EXPECT_EQ(edges.cell_of(-0.0), 5u);
  EXPECT_EQ(edges.cell_of(999), 6u);
  EXPECT_EQ(edges.cell_of(998), 4u);
}

TEST(NumericEdges, AgreeWithALinearSearchOnRandomValues) {
  Random random(7);
  std::vector<double> reference;
  for (int i = 0; i < 3000; ++i) reference.push_back(random.below(4) == 0 ? 3.0 : std::exp(3 * random.normal()));
  const NumericEdges edges = learn_edges(reference);
  ASSERT_EQ(edges.points, std::vector<double>{3.0});
  for (int i = 0; i < 3000; ++i) {
    const double value =
        random.below(9) == 0 ? edges.edges[random.below(edges.edges.size())] : std::exp(3.2 * random.normal()) - 0.01;
    std::size_t expected = 0;
    if (value == 3.0) {
      expected = edges.first_point_cell();
    } else if (value >= edges.minimum) {
      expected = 1;
      while (expected <= edges.edges.size() && value > edges.edges[expected - 1]) ++expected;
    }
    ASSERT_EQ(edges.cell_of(value), expected) << value;
  }
}

// What learn_edges promises, worked out on the sorted values.
NumericEdges edges_by_sorting(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  NumericEdges edges;
  std::vector<double> rest;
  for (const double value : values) {
    const auto [first, last] = std::equal_range(values.begin(), values.end(), value);
    if (static_cast<std::size_t>(last - first) * kNumericBins <= values.size()) {
      rest.push_back(value);
    } else if (edges.points.empty() || edges.points.back() != value) {
      edges.points.push_back(value);
    }
  }
  if (rest.empty()) {
    edges.minimum = edges.points.front();
    return edges;
  }
  edges.minimum = rest.front();
  for (std::size_t bin = 1; bin <= kNumericBins; ++bin) {
    const std::size_t rows = (bin * rest.size() + kNumericBins - 1) / kNumericBins;
    if (edges.edges.empty() || rest[rows - 1] > edges.edges.back()) edges.edges.push_back(rest[rows - 1]);
  }
  return edges;
}

TEST(NumericEdges, AreThoseOfTheSortedValues) {
  Random random(21);
  for (const std::size_t rows : {1, 16, 64, 65, 1000, 16385, 40000}) {
    std::vector<double> smooth, lumpy, whole, sorted_with_a_late_lump;
    for (std::size_t i = 0; i < rows; ++i) {
      smooth.push_back(random.normal());
      lumpy.push_back(random.below(3) == 0 ? random.normal() : static_cast<double>(random.below(9)));
      whole.push_back(static_cast<double>(random.below(500)));
      // A sample of every 58th row sees none of the lump.
      sorted_with_a_late_lump.push_back(i % 29 == 1 ? 0.5 : static_cast<double>(i));
    }
    EXPECT_EQ(learn_edges(smooth), edges_by_sorting(smooth)) << rows;
    EXPECT_EQ(learn_edges(lumpy), edges_by_sorting(lumpy)) << rows;
    EXPECT_EQ(learn_edges(whole), edges_by_sorting(whole)) << rows;
    EXPECT_EQ(learn_edges(sorted_with_a_late_lump), edges_by_sorting(sorted_with_a_late_lump)) << rows;
  }
}

TEST(NumericProfile, CountsEveryValueInItsCell) {
  Random random(22);
  std::vector<double> reference;
  for (int i = 0; i < 5000; ++i) {
    reference.push_back(random.below(4) == 0 ? static_cast<double>(random.below(12)) - 2 : 3 * random.normal());
  }
  const double largest = std::numeric_limits<double>::max();
  for (const std::vector<double>& learned :
       {reference, std::vector<double>{}, std::vector<double>{1, 2, 2}, std::vector<double>{-largest, 0, largest}}) {
    ColumnProfile profile = profile_numbers("x", learned, {});
    const NumericEdges& edges = *numbers(profile).edges;
    std::vector<double> values{0, -0.0, largest, -largest, std::numeric_limits<double>::denorm_min()};
    for (const double value : reference) values.push_back(value + 0.01);
    for (const auto* bounds :
         std::initializer_list<const std::vector<double>*>{&edges.edges, &edges.points, &reference}) {
      for (const double value : *bounds) {
        values.insert(values.end(), {value, std::nextafter(value, -largest), std::nextafter(value, largest)});
      }
    }
    std::vector<std::uint64_t> expected = numbers(profile).counts;
    for (const double value : values) ++expected[edges.cell_of(value)];
    add_numbers(profile, values, {});
    EXPECT_EQ(numbers(profile).counts, expected);
  }
}

TEST(NumericEdges, GiveFrequentValuesACellOfTheirOwn) {
  std::vector<double> reference = iota(900);
  reference.insert(reference.end(), 80, -1.0);
  reference.insert(reference.end(), 20, 5000.0);
  const NumericEdges edges = learn_edges(reference);
  EXPECT_EQ(edges.points, (std::vector<double>{-1, 5000}));
  EXPECT_EQ(edges.minimum, 1);
  EXPECT_EQ(edges.edges.back(), 900);
}

TEST(NumericEdges, DoNotGiveACellToExactlyOneSixtyFourth) {
  std::vector<double> reference = iota(630);
  reference.insert(reference.end(), 10, 5000.0);
  EXPECT_TRUE(learn_edges(reference).points.empty());
  reference.push_back(5000);
  EXPECT_EQ(learn_edges(reference).points, std::vector<double>{5000});
}

TEST(NumericEdges, KeepTheMostFrequentPointsWhenThereAreTooMany) {
  std::vector<double> reference;
  for (int value = 1; value <= 40; ++value) reference.insert(reference.end(), value <= 16 ? 11 : 10, value * 1.0);
  const NumericEdges edges = learn_edges(reference);
  EXPECT_EQ(edges.points, iota(kPointMasses));
  EXPECT_EQ(edges.edges.size(), 24u) << "each of the other values ends a bin";
}

TEST(NumericEdges, OfNothingHaveUnderflowAndOverflowOnly) {
  const NumericEdges edges = learn_edges({kNan, kInfinity, -kInfinity});
  EXPECT_EQ(edges.cells(), 2u);
  EXPECT_EQ(edges.cell_of(-3), 0u);
  EXPECT_EQ(edges.cell_of(3), 1u);
}

TEST(NumericEdges, OfPointsAloneLeaveNewValuesToTheOuterCells) {
  const ColumnProfile reference = profile_numbers("flag", std::vector<double>{0, 1, 1, 0, 0}, {});
  const NumericEdges& edges = *numbers(reference).edges;
  EXPECT_EQ(edges.cells(), 4u);
  EXPECT_EQ(edges.cell_of(-1), 0u);
  EXPECT_EQ(edges.cell_of(0.5), 1u);
  EXPECT_EQ(numbers(reference).counts, (std::vector<std::uint64_t>{0, 0, 3, 2}));
}

TEST(NumericEdges, DoNotDependOnTheOrderOfTheRowsOrTheSignOfZero) {
  std::vector<double> values = iota(500);
  values.insert(values.end(), 100, 0.0);
  const NumericEdges ascending = learn_edges(values);
  std::reverse(values.begin(), values.end());
  for (std::size_t i = 0; i < 50; ++i) values[i] = -0.0;
  const NumericEdges descending = learn_edges(values);
  EXPECT_EQ(ascending, descending);
  EXPECT_FALSE(std::signbit(descending.points.front()));
}

TEST(NumericProfile, CountsMissingAndInfiniteValuesApart) {
  const std::vector<double> values{1, kNan, kInfinity, -kInfinity, 0, kInfinity};
  const std::vector<std::uint8_t> nulls{0, 0, 0, 0, 1, 0};
  const ColumnProfile profile = profile_numbers("x", values, nulls);
  EXPECT_EQ(numbers(profile).nulls, 1u);
  EXPECT_EQ(numbers(profile).nans, 1u);
  EXPECT_EQ(numbers(profile).positive_infinities, 2u);
  EXPECT_EQ(numbers(profile).negative_infinities, 1u);
  EXPECT_EQ(numbers(profile).edges->points, std::vector<double>{1}) << "the value beside a null is not learned";
  EXPECT_EQ(profile.rows(), 6u);
}

TEST(CategoryProfile, CountsLevelsAndWhatTheReferenceNeverHeld) {
  const std::vector<std::string> seen{"red", "blue", "red", ""};
  const ColumnProfile reference = profile_texts("colour", views(seen), std::vector<std::uint8_t>{0, 0, 0, 1});
  EXPECT_EQ(texts(reference).levels->names(), (std::vector<std::string>{"blue", "red"}));
  EXPECT_EQ(texts(reference).counts, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(texts(reference).nulls, 1u);

  ColumnProfile current = empty_like(reference);
  const std::vector<std::string> fresh{"blue", "green", "Red", "blue", ""};
  add_texts(current, views(fresh), {});
  EXPECT_EQ(texts(current).counts, (std::vector<std::uint64_t>{2, 0}));
  EXPECT_EQ(texts(current).unseen, 3u) << "case matters, and an empty text is not a null";
  EXPECT_EQ(current.rows(), 5u);
}

TEST(CategoryProfile, KeepsTheMostFrequentLevels) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < kExactCategories + 100; ++i) {
    const std::size_t rows = i < 100 ? 1 : 2 + i % 3;
    for (std::size_t row = 0; row < rows; ++row) values.push_back("level " + std::to_string(i));
  }
  const ColumnProfile profile = profile_texts("x", views(values), {});
  EXPECT_EQ(texts(profile).levels->size(), kExactCategories);
  EXPECT_EQ(texts(profile).other, 100u);
  EXPECT_EQ(profile.rows(), values.size());
  EXPECT_FALSE(texts(profile).levels->find("level 7").has_value());
}

TEST(CategoryProfile, LeavesOutAllThatTieWithTheFirstLevelThatFindsNoRoom) {
  std::vector<std::string> keys;
  for (int i = 0; i < 3000; ++i) keys.push_back("key " + std::to_string(i));
  for (int row = 0; row < 5; ++row) keys.push_back("default");
  const ColumnProfile profile = profile_texts("key", views(keys), {});
  EXPECT_EQ(texts(profile).levels->names(), std::vector<std::string>{"default"});
  EXPECT_EQ(texts(profile).other, 3000u);
}

TEST(CategoryLevels, RefuseNamesThatDoNotAscend) {
  EXPECT_THROW(CategoryLevels({"b", "a"}), std::logic_error);
  EXPECT_THROW(CategoryLevels({"a", "a"}), std::logic_error);
}

class MergedProfiles : public testing::Test {
 protected:
  MergedProfiles() {
    Random random(11);
    for (int i = 0; i < 4000; ++i) {
      const std::uint64_t kind = random.below(20);
      values_.push_back(kind == 0 ? kNan : kind == 1 ? kInfinity : kind < 6 ? 0.0 : std::exp(2 * random.normal()));
      names_.push_back("level " + std::to_string(random.below(40) * random.below(40)));
      nulls_.push_back(random.below(10) == 0 ? 1 : 0);
    }
    numbers_ = profile_numbers("x", std::span(values_).first(1000), std::span(nulls_).first(1000));
    texts_ = profile_texts("t", std::span(views_of_names()).first(1000), std::span(nulls_).first(1000));
  }

  std::vector<std::string_view>& views_of_names() {
    if (views_.empty()) views_ = views(names_);
    return views_;
  }
  ColumnProfile numbers_of(std::size_t from, std::size_t to) {
    ColumnProfile part = empty_like(numbers_);
    add_numbers(part, std::span(values_).subspan(from, to - from), std::span(nulls_).subspan(from, to - from));
    return part;
  }
  ColumnProfile texts_of(std::size_t from, std::size_t to) {
    ColumnProfile part = empty_like(texts_);
    add_texts(part, std::span(views_of_names()).subspan(from, to - from), std::span(nulls_).subspan(from, to - from));
    return part;
  }

  std::vector<double> values_;
  std::vector<std::string> names_;
  std::vector<std::string_view> views_;
  std::vector<std::uint8_t> nulls_;
  ColumnProfile numbers_;
  ColumnProfile texts_;
};

TEST_F(MergedProfiles, EqualTheProfileOfTheWholeInAnyOrder) {
  const std::string whole_numbers = to_json(numbers_of(0, 4000));
  const std::string whole_texts = to_json(texts_of(0, 4000));
  const std::vector<std::size_t> cuts{0, 1, 17, 1800, 3999, 4000};
  std::vector<std::size_t> order{0, 1, 2, 3, 4};
  do {
    ColumnProfile merged_numbers = empty_like(numbers_);
    ColumnProfile merged_texts = empty_like(texts_);
    for (const std::size_t part : order) {
      merge(merged_numbers, numbers_of(cuts[part], cuts[part + 1]));
      merge(merged_texts, texts_of(cuts[part], cuts[part + 1]));
    }
    ASSERT_EQ(to_json(merged_numbers), whole_numbers);
    ASSERT_EQ(to_json(merged_texts), whole_texts);
  } while (std::next_permutation(order.begin(), order.begin() + 3));
}

TEST_F(MergedProfiles, OfTheReferenceRowsEqualTheReference) {
  EXPECT_EQ(to_json(numbers_of(0, 1000)), to_json(numbers_));
  EXPECT_EQ(to_json(texts_of(0, 1000)), to_json(texts_));
}

TEST_F(MergedProfiles, MustShareEdgesOrLevelsAndTheColumn) {
  EXPECT_THROW(merge(numbers_, profile_numbers("x", iota(50), {})), std::logic_error);
  EXPECT_THROW(merge(texts_, profile_texts("t", views({"a", "b"}), {})), std::logic_error);
  EXPECT_THROW(merge(numbers_, texts_), std::logic_error);
  ColumnProfile renamed = empty_like(numbers_);
  renamed.column = "y";
  EXPECT_THROW(merge(numbers_, renamed), std::logic_error);
}

TEST_F(MergedProfiles, MayShareEdgesThatAreEqualButNotTheSameObject) {
  const ColumnProfile read_back = profile_from_json(to_json(numbers_));
  ASSERT_NE(numbers(read_back).edges, numbers(numbers_).edges);
  merge(numbers_, read_back);
  EXPECT_EQ(numbers_.rows(), 2000u);
  merge(texts_, profile_from_json(to_json(texts_)));
  EXPECT_EQ(texts_.rows(), 2000u);
}

TEST_F(MergedProfiles, ComeBackFromJsonBitForBit) {
  EXPECT_EQ(to_json(profile_from_json(to_json(numbers_))), to_json(numbers_));
  EXPECT_EQ(to_json(profile_from_json(to_json(texts_))), to_json(texts_));
  EXPECT_EQ(*numbers(profile_from_json(to_json(numbers_))).edges, *numbers(numbers_).edges);
}

std::vector<std::string> keys(std::size_t count) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back("Ticket " + std::to_string(i) + ": it\xC3\xA4's late");
  return texts;
}

TEST(TextColumn, KeepsItsLevelsUpToAThousandAndTwentyFourValues) {
  const std::vector<std::string> few = keys(kExactCategories);
  const std::vector<ColumnProfile> exact = profile_text_column("note", views(few), {});
  ASSERT_EQ(exact.size(), 1u);
  EXPECT_EQ(to_json(exact[0]), to_json(profile_texts("note", views(few), {})));

  const std::vector<ColumnProfile> derived = profile_text_column("note", views(keys(kExactCategories + 1)), {});
  ASSERT_EQ(derived.size(), 2u);
  EXPECT_EQ(derived[0].column, "note (length)");
  EXPECT_EQ(derived[1].column, "note (words)");
  for (const ColumnProfile& profile : derived) EXPECT_EQ(counted_column(profile), "note");
}

TEST(TextColumn, CountsLengthsInCharactersAndNullsOnce) {
  std::vector<std::string> texts_of_note = keys(1200);
  texts_of_note.resize(1203, "\xC3\xA4\xE2\x82\xAC!");  // three characters, six bytes
  std::vector<std::uint8_t> nulls(texts_of_note.size());
  nulls[0] = 1;
  const std::vector<ColumnProfile> profiles = profile_text_column("note", views(texts_of_note), nulls);
  const NumericProfile& length = numbers(profiles[0]);
  EXPECT_EQ(length.edges->minimum, 3);
  EXPECT_EQ(length.counts[1], 3u);
  EXPECT_EQ(length.nulls, 1u);
  EXPECT_EQ(profiles[0].rows(), texts_of_note.size());
  EXPECT_EQ(texts(profiles[1]).nulls, 0u);
  // Ticket, a number, a word of bytes above ASCII up to the apostrophe, s, late.
  EXPECT_EQ(profiles[1].rows(), 1199u * 5 + 3) << "words, not rows";
}

// FNV-1a of the empty text, "a" and "foobar" is published; folded to eight bits by exclusive or of its bytes.
// a: af63dc4c8601ec8c, foobar: 85944171f73967e8 (draft-eastlake-fnv, appendix C).
TEST(TextColumn, HashesWordsForEverAlike) {
  ColumnProfile words = empty_like(profile_text_column("note", views(keys(1200)), {})[1]);
  add_texts(words, views({"A", "...a---FooBar"}), {});
  const auto folded = [](std::uint64_t hash) {
    std::uint64_t byte = 0;
    for (; hash > 0; hash >>= 8) byte ^= hash & 0xFF;
    return static_cast<std::size_t>(byte);
  };
  EXPECT_EQ(texts(words).counts[folded(0xaf63dc4c8601ec8cULL)], 2u);
  EXPECT_EQ(texts(words).counts[folded(0x85944171f73967e8ULL)], 1u);
  EXPECT_EQ(words.rows(), 3u);
  EXPECT_EQ(texts(words).levels->size(), 256u);
  EXPECT_EQ(texts(words).levels->names()[0x0a], "0a");
}

TEST(Instants, CountByHourAndWeekdayInUtc) {
  const double hour = 3600e6;
  // 1970-01-01 was a Thursday; 2000-01-01 00:00 (10,957 days on) a Saturday.
  const std::vector<double> times{0, -1, 10957 * 24 * hour + 13.5 * hour, kInfinity, kNan};
  const std::vector<ColumnProfile> profiles = profile_instants("ts", times, std::vector<std::uint8_t>{0, 0, 0, 0, 1});
  ASSERT_EQ(profiles.size(), 2u);
  EXPECT_EQ(profiles[0].column, "ts (hour)");
  EXPECT_EQ(profiles[1].column, "ts (weekday)");
  const auto count = [](const ColumnProfile& profile, std::string_view level) {
    return texts(profile).counts[texts(profile).levels->find(level).value()];
  };
  EXPECT_EQ(count(profiles[0], "00"), 1u);
  EXPECT_EQ(count(profiles[0], "23"), 1u);
  EXPECT_EQ(count(profiles[0], "13"), 1u);
  EXPECT_EQ(count(profiles[1], "4 Thursday"), 1u);
  EXPECT_EQ(count(profiles[1], "3 Wednesday"), 1u);
  EXPECT_EQ(count(profiles[1], "6 Saturday"), 1u);
  for (const ColumnProfile& profile : profiles) {
    EXPECT_EQ(texts(profile).unseen, 1u);
    EXPECT_EQ(texts(profile).nulls, 1u);
  }
}

TEST(BlockGaps, CountTheSlotsThatAreKnown) {
  BlockGaps gaps(600, 60);  // slots of one unit
  gaps.add(std::vector<double>{600, 600.5, 610, 659.9, 599.9, 660, kNan});
  const auto slots = [](const ColumnProfile& profile) { return texts(profile).counts; };
  EXPECT_EQ(slots(gaps.profile("ts", -kInfinity, 700)), (std::vector<std::uint64_t>{57, 3})) << "empty, occupied";
  EXPECT_EQ(slots(gaps.profile("ts", -kInfinity, 610)), (std::vector<std::uint64_t>{9, 2})) << "none after the newest";
  EXPECT_EQ(slots(gaps.profile("ts", 610, 700)), (std::vector<std::uint64_t>{48, 2})) << "none before the oldest";
  EXPECT_EQ(slots(gaps.profile("ts", 700, 800)), (std::vector<std::uint64_t>{0, 0}));
  EXPECT_EQ(gaps.profile("ts", 0, 700).column, "ts (gaps)");

  BlockGaps continued(600, 60, gaps.occupied());
  continued.add(std::vector<double>{610, 611});
  EXPECT_EQ(slots(continued.profile("ts", -kInfinity, 700)), (std::vector<std::uint64_t>{56, 4}));
  EXPECT_THROW(BlockGaps(0, 0), std::logic_error);
  EXPECT_THROW(BlockGaps(kNan, 1), std::logic_error);
}

// Every profile that counts something other than values, and how a part of the rows is added to one like it.
TEST(DerivedProfiles, MergeAndComeBackFromJsonAndRefuseOtherCells) {
  const std::vector<std::string> notes = keys(1500);
  const std::vector<std::string_view> all = views(notes);
  std::vector<double> times;
  for (std::size_t i = 0; i < notes.size(); ++i) times.push_back(static_cast<double>(i) * 1234567890.0);
  std::vector<ColumnProfile> whole = profile_text_column("x", all, {});
  for (ColumnProfile& profile : profile_instants("x", times, {})) whole.push_back(std::move(profile));
  BlockGaps gaps(0, 1e11);
  gaps.add(times);
  whole.push_back(gaps.profile("x", 0, 1e11));

  for (const ColumnProfile& profile : whole) {
    EXPECT_NE(to_json(profile).find("\"counted\""), std::string::npos);
    const ColumnProfile back = profile_from_json(to_json(profile));
    EXPECT_EQ(to_json(back), to_json(profile));
    EXPECT_EQ(back.counted, profile.counted);
    EXPECT_TRUE(same_cells(back, empty_like(profile)));
    ColumnProfile other = profile;
    other.counted = Counted::value;
    EXPECT_FALSE(same_cells(other, profile)) << "the same cells of something else";
    EXPECT_THROW(merge(other, profile), std::logic_error);
    if (profile.counted == Counted::gaps) continue;
    std::vector<ColumnProfile> parts(2, empty_like(profile));
    for (std::size_t part = 0; part < 2; ++part) {
      const std::size_t from = part * 400;
      const std::size_t rows = part == 0 ? 400 : notes.size() - 400;
      if (profile.counted == Counted::length || profile.counted == Counted::words) {
        add_texts(parts[part], std::span(all).subspan(from, rows), {});
        EXPECT_THROW(add_numbers(parts[part], times, {}), std::logic_error);
      } else {
        add_numbers(parts[part], std::span(times).subspan(from, rows), {});
        EXPECT_THROW(add_texts(parts[part], all, {}), std::logic_error);
      }
    }
    merge(parts[1], parts[0]);
    EXPECT_EQ(to_json(parts[1]), to_json(profile));
  }
  EXPECT_THROW(add_numbers(whole.back(), times, {}), std::logic_error);
  EXPECT_THROW(add_texts(whole.back(), all, {}), std::logic_error);
}

TEST(Profile, RefusesLengthsAndTypesThatDoNotFit) {
  ColumnProfile x = profile_numbers("x", iota(5), {});
  ColumnProfile t = profile_texts("t", views({"a"}), {});
  EXPECT_THROW(add_numbers(x, iota(3), std::vector<std::uint8_t>(2)), std::logic_error);
  EXPECT_THROW(add_texts(t, views({"a"}), std::vector<std::uint8_t>(2)), std::logic_error);
  EXPECT_THROW(add_numbers(t, iota(3), {}), std::logic_error);
  EXPECT_THROW(add_texts(x, views({"a"}), {}), std::logic_error);
  EXPECT_THROW(profile_numbers("x", iota(3), std::vector<std::uint8_t>(4)), std::logic_error);
}

TEST(ProfileJson, IsCanonical) {
  const std::vector<double> values{0.1, 0.1, 1e300};
  EXPECT_EQ(to_json(profile_numbers("x", values, {})),
            R"({"format":1,"column":"x","kind":"number","minimum":"0.1","edges":[],"points":["0.1","1e+300"],)"
            R"("counts":[0,0,2,1],"nulls":0,"nans":0,"positive_infinities":0,"negative_infinities":0})");
  EXPECT_EQ(to_json(profile_texts("t", views({"b", "\"a\"", "b"}), {})),
            R"({"format":1,"column":"t","kind":"text","levels":["\"a\"","b"],"counts":[1,2],)"
            R"("other":0,"unseen":0,"nulls":0})");
}

TEST(ProfileJson, HoldsCountsUpToTwoToTheSixtyThree) {
  ColumnProfile profile = profile_texts("t", views({"a"}), {});
  const std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  std::get<CategoryProfile>(profile.values).counts[0] = most;
  EXPECT_EQ(texts(profile_from_json(to_json(profile))).counts[0], most);
  std::get<CategoryProfile>(profile.values).counts[0] = most + 1;
  EXPECT_THROW(to_json(profile), DataError);
}

TEST(ProfileJson, KeepsEveryBitOfItsNumbers) {
  Random random(3);
  std::vector<double> values;
  for (int i = 0; i < 2000; ++i)
    values.push_back(std::ldexp(random.uniform() - 0.5, static_cast<int>(random.below(2000)) - 1000));
  values.push_back(std::numeric_limits<double>::denorm_min());
  values.push_back(std::numeric_limits<double>::max());
  const ColumnProfile profile = profile_numbers("x", values, {});
  EXPECT_EQ(*numbers(profile_from_json(to_json(profile))).edges, *numbers(profile).edges);
}

TEST(ProfileJson, MayHaveItsKeysInAnyOrder) {
  const ColumnProfile profile = profile_from_json(
      R"({"kind": "text", "nulls": 3, "counts": [1, 2], "column": "t", "unseen": 0, "other": 7, "levels": ["a", "b"], "format": 1})");
  EXPECT_EQ(profile.rows(), 13u);
  EXPECT_EQ(texts(profile).levels->find("b"), 1u);
}

class BadProfileJson : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(BadProfileJson, IsRefusedWithTheReason) {
  try {
    profile_from_json(GetParam().first);
    FAIL() << "was read: " << GetParam().first;
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().second), std::string::npos) << error.what();
    EXPECT_FALSE(error.hint().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadProfileJson,
    testing::Values(
        std::pair{
            R"({"format":1,"column":"t","kind":"text","counted":"smell","levels":["a"],"counts":[1],"other":0,"unseen":0,"nulls":0})",
            "it counts 'smell'"},
        std::pair{
            R"({"format":1,"column":"t","kind":"text","counted":"hour","levels":["a"],"counts":[1],"other":0,"unseen":0,"nulls":0})",
            "not those of 'hour'"},
        std::pair{
            R"({"format":1,"column":"t","kind":"text","counted":"length","levels":["a"],"counts":[1],"other":0,"unseen":0,"nulls":0})",
            "not those of 'length'"},
        std::pair{"", "not JSON"}, std::pair{"[]", "not a JSON object"}, std::pair{"{\"format\":1", "not JSON"},
        std::pair{"{}", "'format' is missing"}, std::pair{R"({"format":2})", "its format is 2"},
        std::pair{R"({"format":1,"column":"x","kind":"blob"})", "its kind is 'blob'"},
        std::pair{
            R"({"format":1,"column":"t","kind":"text","levels":["b","a"],"counts":[1,1],"other":0,"unseen":0,"nulls":0})",
            "do not ascend"},
        std::pair{
            R"({"format":1,"column":"t","kind":"text","levels":["a"],"counts":[1,1],"other":0,"unseen":0,"nulls":0})",
            "2 counts for 1 cells"},
        std::pair{
            R"({"format":1,"column":"t","kind":"text","levels":["a"],"counts":[-1],"other":0,"unseen":0,"nulls":0})",
            "not a whole number"},
        std::pair{
            R"({"format":1,"column":"t","kind":"text","levels":["a"],"counts":[1.5],"other":0,"unseen":0,"nulls":0})",
            "not a whole number"},
        std::pair{R"({"format":1,"column":"t","kind":"text","levels":[1],"counts":[1],"other":0,"unseen":0,"nulls":0})",
                  "not a text"},
        std::pair{
            R"({"format":1,"column":"x","kind":"number","minimum":"1","edges":["2","2"],"points":[],"counts":[0,0,0,0]})",
            "do not ascend"},
        std::pair{
            R"({"format":1,"column":"x","kind":"number","minimum":"3","edges":["2"],"points":[],"counts":[0,0,0]})",
            "below the minimum"},
        std::pair{R"({"format":1,"column":"x","kind":"number","minimum":"nan","edges":[],"points":[],"counts":[0,0]})",
                  "not a finite number"},
        std::pair{R"({"format":1,"column":"x","kind":"number","minimum":"1x","edges":[],"points":[],"counts":[0,0]})",
                  "not a finite number"},
        std::pair{R"({"format":1,"column":"x","kind":"number","minimum":"0","edges":[],"points":[],"counts":[0,0]})",
                  "'nulls' is missing"}));

}  // namespace
}  // namespace retraind::stats
