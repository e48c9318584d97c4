#include "core/stats/drift.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"

namespace retraind::stats {
namespace {

using Counts = std::vector<double>;

TEST(CompareCells, AgreesWithScipyOnSixCategories) {
  // Counts of Evidently's own tests; scipy.stats.chi2_contingency and scipy.spatial.distance.jensenshannon(base=2).
  const CellComparison result = compare_cells(Counts{16, 18, 16, 14, 12, 12}, Counts{16, 16, 16, 16, 16, 8});
  EXPECT_NEAR(result.statistic, 1.6224089635854342, 1e-13);
  EXPECT_EQ(result.degrees, 5);
  EXPECT_NEAR(result.distance, 0.08173421330573757, 1e-15);
  EXPECT_EQ(result.effective_rows, 44);
  EXPECT_EQ(result.corrected_distance, 0) << "less than chance alone would give";
}

TEST(CompareCells, AgreesWithPublishedTwoByTwoTables) {
  // whylogs issue 491.
  EXPECT_NEAR(compare_cells(Counts{130, 370}, Counts{240, 260}).statistic, 51.909051909051904, 1e-12);
}

TEST(CompareCells, AgreesWithTensorFlowDataValidation) {
  // Its metrics_test.cc: [1,2]: 2, [2,3]: 2 against [2,4]: 2, [4,6]: 2, which is uniform within its buckets.
  const double distance = compare_cells(Counts{2, 2, 0, 0}, Counts{0, 1, 1, 2}).distance;
  EXPECT_NEAR(distance * distance, 0.65563906222, 1e-11);
  EXPECT_NEAR(compare_cells(Counts{4, 0}, Counts{0, 9}).distance, 1, 1e-15) << "no overlap";
}

TEST(CompareCells, AgreesWithDeciles) {
  const double distance = compare_cells(Counts(10, 10.0), Counts{5, 8, 9, 10, 10, 10, 11, 12, 12, 13}).distance;
  EXPECT_NEAR(distance * distance, 0.010021412422306652, 1e-15);
}

TEST(CompareCells, FindsHalfOfTheDistanceWhenOneOfFourCategoriesIsReplaced) {
  // NannyML, tests/drift/test_univariate_drift_methods.py.
  EXPECT_NEAR(compare_cells(Counts{25, 25, 25, 25, 0}, Counts{25, 25, 25, 0, 25}).distance, 0.5, 1e-15);
}

TEST(CompareCells, TakesOffWhatChanceAloneWouldGive) {
  const CellComparison result = compare_cells(Counts{500, 300, 200}, Counts{40, 35, 25});
  const double nats = result.distance * result.distance * std::log(2.0);
  const double rows = 1000 * 100 / 1100.0;
  EXPECT_NEAR(result.effective_rows, rows, 1e-10);
  EXPECT_NEAR(result.corrected_distance, std::sqrt(std::max(0.0, nats - 2 / (8 * rows)) / std::log(2.0)), 1e-14);
}

TEST(CompareCells, LeavesOutCellsThatAreEmptyOnBothSides) {
  EXPECT_EQ(compare_cells(Counts{5, 0, 6, 0}, Counts{7, 0, 3, 0}).degrees, 1);
  EXPECT_EQ(compare_cells(Counts{5, 6}, Counts{0, 0}).distance, 0);
  EXPECT_EQ(compare_cells({}, {}).effective_rows, 0);
}

TEST(CompareCells, RefusesWhatAreNoCounts) {
  EXPECT_THROW(compare_cells(Counts{1}, Counts{1, 2}), std::logic_error);
  EXPECT_THROW(compare_cells(Counts{-1, 2}, Counts{1, 2}), std::logic_error);
  EXPECT_THROW(compare_cells(Counts{std::nan(""), 2}, Counts{1, 2}), std::logic_error);
}

std::vector<double> uniform(std::size_t rows, double low, double high, std::uint64_t seed = 1) {
  Random random(seed);
  std::vector<double> values;
  for (std::size_t i = 0; i < rows; ++i) values.push_back(low + (high - low) * random.uniform());
  return values;
}

std::vector<std::string_view> repeat(const std::vector<std::pair<std::string_view, std::size_t>>& texts) {
  std::vector<std::string_view> values;
  for (const auto& [text, rows] : texts) values.insert(values.end(), rows, text);
  return values;
}

DriftRule rule_of(double min_effect, double alpha, std::uint64_t min_rows) {
  DriftRule rule;
  rule.min_effect = min_effect;
  rule.alpha = alpha;
  rule.min_rows = min_rows;
  return rule;
}

ColumnDrift compare(const ColumnProfile& reference, const ColumnProfile& current, const DriftRule& rule = {}) {
  return compare_profiles({&reference, 1}, {&current, 1}, rule).front();
}

ColumnDrift compare_numbers(const std::vector<double>& reference, const std::vector<double>& current,
                            const std::vector<std::uint8_t>& nulls = {}, const DriftRule& rule = {}) {
  const ColumnProfile before = profile_numbers("x", reference, {});
  ColumnProfile now = empty_like(before);
  add_numbers(now, current, nulls);
  return compare(before, now, rule);
}

ColumnDrift compare_texts(const std::vector<std::string_view>& reference, const std::vector<std::string_view>& current,
                          const DriftRule& rule = {}) {
  const ColumnProfile before = profile_texts("t", reference, {});
  ColumnProfile now = empty_like(before);
  add_texts(now, current, {});
  return compare(before, now, rule);
}

TEST(Drift, SaysWhatMovedFromWhatShareToWhatShare) {
  std::vector<double> reference = uniform(5000, 0, 0.0034);
  reference.push_back(0.0035);
  std::vector<double> current = uniform(970, 0.3, 0.6);
  const std::vector<double> as_before = uniform(30, 0, 0.0034, 2);
  current.insert(current.end(), as_before.begin(), as_before.end());
  const ColumnProfile before = profile_numbers("vicprice", reference, {});
  ColumnProfile now = empty_like(before);
  add_numbers(now, current, {});
  const ColumnDrift drift = compare(before, now);
  EXPECT_EQ(drift.verdict, ColumnVerdict::drifted);
  EXPECT_EQ(drift.method, DriftMethod::jensen_shannon);
  EXPECT_EQ(drift.threshold, 0.05);
  EXPECT_EQ(drift.sentence,
            "'vicprice' moved: 97 % of values lie above the reference's maximum 0.0035 (reference 0 %); "
            "Jensen-Shannon distance 0.95 (0.92 to 0.98), more than 0.05 matters, p < 1e-300; "
            "uncalibrated: rows are taken to be independent");
  EXPECT_EQ(drift.p_value, 0) << "a double cannot hold it";
  EXPECT_LT(drift.log_p, -690);
  EXPECT_TRUE(std::isfinite(drift.log_p));
}

TEST(Drift, SaysAShiftAsAShareBeyondAThreshold) {
  const ColumnDrift drift = compare_numbers(uniform(20000, 0, 100), uniform(2000, 30, 100));
  EXPECT_EQ(drift.verdict, ColumnVerdict::drifted);
  EXPECT_NE(drift.sentence.find("of values lie above "), std::string::npos) << drift.sentence;
  EXPECT_NE(compare_numbers(uniform(20000, 0, 100), uniform(2000, 0, 70)).sentence.find("of values lie at or below "),
            std::string::npos);
}

TEST(Drift, SeesMissingValuesAsACellOfTheirOwn) {
  std::vector<double> current = uniform(1000, 0, 1, 3);
  std::vector<std::uint8_t> nulls(1000);
  std::fill_n(nulls.begin(), 100, std::uint8_t{1});
  const ColumnDrift drift = compare_numbers(uniform(20000, 0, 1), current, nulls);
  EXPECT_EQ(drift.verdict, ColumnVerdict::drifted);
  EXPECT_NE(drift.sentence.find("10 % of values are null (reference 0 %)"), std::string::npos) << drift.sentence;

  for (std::size_t i = 0; i < 100; ++i) current[i] = std::nan("");
  EXPECT_NE(compare_numbers(uniform(20000, 0, 1), current).sentence.find("10 % of values are NaN"), std::string::npos);
  for (std::size_t i = 0; i < 100; ++i) current[i] = -std::numeric_limits<double>::infinity();
  EXPECT_NE(compare_numbers(uniform(20000, 0, 1), current).sentence.find("10 % of values are minus infinity"),
            std::string::npos);
  for (std::size_t i = 0; i < 100; ++i) current[i] = std::numeric_limits<double>::infinity();
  EXPECT_NE(compare_numbers(uniform(20000, 0, 1), current).sentence.find("10 % of values are infinite"),
            std::string::npos);
}

TEST(Drift, SeesAPointMassThatAppearsAmongOthers) {
  std::vector<double> reference = uniform(9500, 1, 100);
  reference.insert(reference.end(), 500, 999.0);
  std::vector<double> current = uniform(700, 1, 100, 5);
  current.insert(current.end(), 300, 999.0);
  const ColumnDrift drift = compare_numbers(reference, current);
  EXPECT_EQ(drift.verdict, ColumnVerdict::drifted);
  EXPECT_NE(drift.sentence.find("30 % of values are 999 (reference 5 %)"), std::string::npos) << drift.sentence;
}

TEST(Drift, DoesNotCallValuesBeforeAFarPointTheMaximum) {
  std::vector<double> reference = uniform(9500, 1, 100);
  reference.insert(reference.end(), 500, 999.0);
  const std::string sentence = compare_numbers(reference, uniform(1000, 200, 300)).sentence;
  EXPECT_NE(sentence.find("100 % of values lie above "), std::string::npos) << sentence;
  EXPECT_EQ(sentence.find("maximum"), std::string::npos) << sentence;
}

TEST(Drift, SeesACategoryTheReferenceNeverHeldHoweverLargeItIs) {
  const auto reference = repeat({{"a", 60000}, {"b", 40000}});
  const ColumnDrift drift = compare_texts(reference, repeat({{"a", 588}, {"b", 392}, {"new", 20}}));
  EXPECT_EQ(drift.verdict, ColumnVerdict::drifted) << drift.sentence;
  EXPECT_NE(drift.sentence.find("2 % of values are new (reference 0 %)"), std::string::npos) << drift.sentence;
}

TEST(Drift, IsNotAFewStrayValuesBeyondAHugeReference) {
  // Plain chi-square would add 500 for the one new category, and p would be 1e-90.
  const auto reference = repeat({{"a", 60000}, {"b", 40000}});
  const ColumnDrift text = compare_texts(reference, repeat({{"a", 119}, {"b", 80}, {"new", 1}}));
  EXPECT_EQ(text.verdict, ColumnVerdict::ok) << text.sentence;
  EXPECT_LT(text.statistic, 10);

  std::vector<double> current = uniform(199, 0, 1, 8);
  current.push_back(7);
  const ColumnDrift number = compare_numbers(uniform(100000, 0, 1), current);
  EXPECT_EQ(number.verdict, ColumnVerdict::ok) << number.sentence;
  EXPECT_LT(number.statistic, 40);
}

TEST(Drift, SeesARareLevelThatBecameFrequent) {
  // Pooled by its expectation of 0.3 rows it would vanish among 300 other rare ones.
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back("rare " + std::to_string(i));
  std::vector<std::string_view> reference = repeat({{"common", 90000}});
  std::vector<std::string_view> current = repeat({{"common", 800}, {"rare 7", 100}});
  for (const std::string& name : names) reference.insert(reference.end(), 30, name);
  for (int i = 0; i < 100; ++i) current.push_back(names[static_cast<std::size_t>(3 * i)]);
  const ColumnDrift drift = compare_texts(reference, current);
  EXPECT_EQ(drift.verdict, ColumnVerdict::drifted);
  EXPECT_NE(drift.sentence.find("of values are 'rare 7' (reference 0.03"), std::string::npos) << drift.sentence;
}

TEST(Drift, SeesNothingInAColumnOfUniqueKeys) {
  std::vector<std::string> before, now;
  for (int i = 0; i < 5000; ++i) before.push_back("order " + std::to_string(i));
  for (int i = 5000; i < 6000; ++i) now.push_back("order " + std::to_string(i));
  const ColumnDrift drift = compare_texts({before.begin(), before.end()}, {now.begin(), now.end()});
  EXPECT_EQ(drift.verdict, ColumnVerdict::ok) << drift.sentence;
  // Also where the keys are few enough to have counts of their own.
  before.resize(800);
  const ColumnDrift few = compare_texts({before.begin(), before.end()}, {now.begin(), now.end()});
  EXPECT_EQ(few.verdict, ColumnVerdict::ok) << few.sentence;
}

TEST(Drift, IsJudgedOnEnoughRowsOnly) {
  const ColumnDrift few = compare_numbers(uniform(5000, 0, 1), uniform(199, 5, 6));
  EXPECT_EQ(few.verdict, ColumnVerdict::insufficient_data);
  EXPECT_EQ(few.sentence, "'x' cannot be judged: 199 current rows, and at least 200 are needed");
  EXPECT_EQ(few.log_p, 0);
  EXPECT_EQ(compare_numbers(uniform(5000, 0, 1), uniform(200, 5, 6)).verdict, ColumnVerdict::drifted);
  EXPECT_EQ(compare_numbers(uniform(150, 0, 1), uniform(5000, 5, 6)).sentence,
            "'x' cannot be judged: 150 reference rows, and at least 200 are needed");
  EXPECT_EQ(compare_numbers({}, {}).verdict, ColumnVerdict::insufficient_data);
  EXPECT_EQ(compare_numbers({1, 2, 3}, {}, {}, rule_of(0.05, 0.01, 0)).verdict, ColumnVerdict::insufficient_data)
      << "no rows are never enough";
}

TEST(Drift, IsOkWhereAllValuesAreOneBeforeAndNow) {
  const ColumnDrift drift = compare_numbers(std::vector<double>(500, 7.0), std::vector<double>(300, 7.0));
  EXPECT_EQ(drift.verdict, ColumnVerdict::ok);
  EXPECT_EQ(drift.effect, 0);
  EXPECT_EQ(drift.p_value, 1);
  EXPECT_NE(drift.sentence.find("one cell"), std::string::npos) << drift.sentence;
  const ColumnDrift moved = compare_numbers(std::vector<double>(500, 7.0), std::vector<double>(300, 8.0));
  EXPECT_EQ(moved.verdict, ColumnVerdict::drifted);
  EXPECT_NE(moved.sentence.find("none of the reference's numbers"), std::string::npos) << moved.sentence;
}

TEST(Drift, SeesAColumnThatTurnedNullAltogether) {
  const ColumnDrift drift =
      compare_numbers(uniform(5000, 0, 1), std::vector<double>(300), std::vector<std::uint8_t>(300, 1));
  EXPECT_EQ(drift.verdict, ColumnVerdict::drifted);
  EXPECT_GT(drift.effect, 0.95);
  EXPECT_NE(drift.sentence.find("100 % of values are null"), std::string::npos) << drift.sentence;
}

TEST(Drift, HoldsForADifferenceThatDoesNotMatterHoweverCertain) {
  // 1 percentage point in two million rows: no chance, and a distance of 0.008.
  ColumnProfile before = profile_texts("t", repeat({{"a", 1}, {"b", 1}}), {});
  ColumnProfile now = before;
  std::get<CategoryProfile>(before.values).counts = {1000000, 1000000};
  std::get<CategoryProfile>(now.values).counts = {1020000, 980000};
  const ColumnDrift drift = compare(before, now);
  EXPECT_EQ(drift.verdict, ColumnVerdict::ok);
  EXPECT_GT(drift.statistic, 100);
  EXPECT_GT(drift.p_value, 0.999);
  EXPECT_NE(drift.sentence.find("'t' holds: Jensen-Shannon distance 0.0085 (0.0"), std::string::npos) << drift.sentence;
}

TEST(Drift, JudgesTheColumnsTogether) {
  // A column with p between alpha / 10 and alpha: certain enough alone, not among nine that did not move.
  const ColumnProfile before = profile_texts("t", repeat({{"a", 10000}, {"b", 10000}}), {});
  ColumnProfile moved = empty_like(before);
  add_texts(moved, repeat({{"a", 600}, {"b", 400}}), {});
  ColumnProfile same = empty_like(before);
  add_texts(same, repeat({{"a", 500}, {"b", 500}}), {});
  const ColumnDrift alone = compare(before, moved);
  ASSERT_LT(alone.p_value, 0.01);
  ASSERT_GT(alone.p_value, 0.001);
  EXPECT_EQ(alone.verdict, ColumnVerdict::drifted);

  const std::vector<ColumnProfile> reference(10, before);
  std::vector<ColumnProfile> current(10, same);
  current[4] = moved;
  const std::vector<ColumnDrift> one_of_ten = compare_profiles(reference, current, {});
  EXPECT_EQ(one_of_ten[4].verdict, ColumnVerdict::ok);
  EXPECT_EQ(one_of_ten[4].p_value, alone.p_value) << "the p-value reported is the column's own";
  for (const ColumnDrift& drift : compare_profiles(reference, std::vector<ColumnProfile>(10, moved), {})) {
    EXPECT_EQ(drift.verdict, ColumnVerdict::drifted) << "ten of ten support each other";
  }
}

TEST(Drift, DoesNotLetColumnsWithTooFewRowsDiluteTheOthers) {
  const ColumnProfile before = profile_texts("t", repeat({{"a", 10000}, {"b", 10000}}), {});
  ColumnProfile moved = empty_like(before);
  add_texts(moved, repeat({{"a", 600}, {"b", 400}}), {});
  std::vector<ColumnProfile> current(10, empty_like(before));
  current[4] = moved;
  const std::vector<ColumnDrift> drifts = compare_profiles(std::vector<ColumnProfile>(10, before), current, {});
  EXPECT_EQ(drifts[4].verdict, ColumnVerdict::drifted);
  EXPECT_EQ(drifts[3].verdict, ColumnVerdict::insufficient_data);
}

TEST(Drift, RefusesProfilesThatDoNotBelongTogether) {
  const ColumnProfile x = profile_numbers("x", uniform(300, 0, 1), {});
  const ColumnProfile other_edges = profile_numbers("x", uniform(300, 0, 2), {});
  ColumnProfile y = empty_like(x);
  y.column = "y";
  EXPECT_THROW(compare_profiles({&x, 1}, {&other_edges, 1}, {}), std::logic_error);
  EXPECT_THROW(compare_profiles({&x, 1}, {&y, 1}, {}), std::logic_error);
  EXPECT_THROW(compare_profiles({&x, 1}, {}, {}), std::logic_error);
  EXPECT_THROW(compare(x, x, rule_of(0, 0.01, 200)), std::logic_error);
  EXPECT_THROW(compare(x, x, rule_of(0.05, 1, 200)), std::logic_error);
  EXPECT_TRUE(compare_profiles({}, {}, {}).empty());
}

}  // namespace
}  // namespace retraind::stats
