// What each method measures of a column, what it is blind to, and what it says.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/stats/distances.h"
#include "core/stats/drift.h"
#include "core/stats/monte_carlo.h"
#include "core/stats/noncentral.h"
#include "tests/unit/stats/draw.h"

namespace retraind::stats {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> normal(std::size_t rows, double mean, double deviation, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> values(rows);
  for (double& value : values) value = mean + deviation * random.normal();
  return values;
}

struct Pair {
  ColumnProfile reference;
  ColumnProfile current;
};

Pair numbers(const std::vector<double>& before, const std::vector<double>& now, std::size_t nulls = 0) {
  Pair pair;
  pair.reference = profile_numbers("x", before, {});
  pair.current = empty_like(pair.reference);
  std::vector<std::uint8_t> is_null(now.size());
  std::fill_n(is_null.begin(), nulls, std::uint8_t{1});
  add_numbers(pair.current, now, is_null);
  return pair;
}

Pair texts(std::uint64_t a, std::uint64_t b, std::uint64_t now_a, std::uint64_t now_b, std::uint64_t unseen = 0) {
  const std::vector<std::string_view> names{"a", "b"};
  const ColumnProfile like = profile_texts("t", names, {});
  Pair pair{with_counts(like, {a, b}), with_counts(like, {now_a, now_b})};
  std::get<CategoryProfile>(pair.current.values).unseen = unseen;
  return pair;
}

ColumnMeasure measure(const Pair& pair, DriftMethod method, double min_effect = .05, double inflation = 1) {
  return measure_column(pair.reference, pair.current, method, min_effect, inflation);
}

ColumnDrift judge(const Pair& pair, DriftMethod method, double min_effect = .05) {
  DriftRule rule;
  rule.method = method;
  rule.min_effect = min_effect;
  return compare_profiles({&pair.reference, 1}, {&pair.current, 1}, rule).front();
}

TEST(Measure, HasItsEffectInsideItsIntervalAndAFiniteEvidenceByEveryMethod) {
  for (const double shift : {0.0, .05, .3, 2.0, 50.0}) {
    for (const std::size_t rows : {150, 3000}) {
      const Pair x = numbers(normal(5000, 0, 1, 1), normal(rows, shift, 1, 2), rows / 10);
      const Pair t = texts(600, 400, 60, 20, static_cast<std::uint64_t>(10 * shift));
      for (std::size_t i = 0; i < words_of<DriftMethod>().size(); ++i) {
        const auto method = static_cast<DriftMethod>(i);
        for (const Pair& pair : {x, t}) {
          const ColumnMeasure result = measure(pair, method);
          EXPECT_LE(result.effect_low, result.effect) << to_text(method) << shift;
          EXPECT_GE(result.effect_high, result.effect) << to_text(method) << shift;
          EXPECT_GE(result.effect_low, 0) << to_text(method);
          EXPECT_TRUE(std::isfinite(result.log_p)) << to_text(method) << shift;
          EXPECT_LE(result.log_p, 0) << to_text(method);
        }
      }
    }
  }
}

TEST(Measure, FindsTheDistanceOfTwoNormalColumns) {
  const Pair pair = numbers(normal(20000, 0, 1, 3), normal(20000, 1, 1, 4));
  // The distances of N(0,1) and N(1,1): sup |F - G| = 2 Phi(1/2) - 1, one deviation, sqrt(1 - exp(-1/8)), and 1 for the
  // symmetrised Kullback-Leibler divergence; cells hide a little of each.
  EXPECT_NEAR(measure(pair, DriftMethod::ks).effect, .3829, .02);
  EXPECT_NEAR(measure(pair, DriftMethod::wasserstein).effect, 1, .06);
  EXPECT_NEAR(measure(pair, DriftMethod::hellinger).effect, .3428, .02);
  EXPECT_NEAR(measure(pair, DriftMethod::psi).effect, 1, .08);
  EXPECT_NEAR(measure(pair, DriftMethod::jensen_shannon).effect, .4, .02);
}

TEST(Measure, CountsRowsThatDependOnOneAnotherForLess) {
  const Pair pair = numbers(normal(20000, 0, 1, 3), normal(1000, .4, 1, 4), 80);
  for (const DriftMethod method :
       {DriftMethod::jensen_shannon, DriftMethod::chi_square, DriftMethod::ks, DriftMethod::psi,
        DriftMethod::wasserstein, DriftMethod::hellinger, DriftMethod::null_rate}) {
    const ColumnMeasure alone = measure(pair, method);
    const ColumnMeasure alike = measure(pair, method, .05, 4);
    EXPECT_GT(alike.log_p, alone.log_p) << to_text(method);
    EXPECT_LE(alike.effect, alone.effect) << to_text(method);
    EXPECT_LT(alike.effect_low, alone.effect_low) << to_text(method);
  }
}

TEST(Measure, IsNothingWhereThereIsNothingToMeasure) {
  const Pair pair = numbers(normal(500, 0, 1, 5), {});
  EXPECT_EQ(measure(pair, DriftMethod::jensen_shannon).log_p, 0);
  EXPECT_EQ(measure(pair, DriftMethod::wasserstein).effect, 0);
  EXPECT_EQ(measure(texts(50, 50, 0, 90), DriftMethod::ks).log_p, 0);
  EXPECT_EQ(measure(numbers({1, 2, 3}, {4, 5}), DriftMethod::unseen).log_p, 0);
  EXPECT_THROW(measure(pair, DriftMethod::ks, 0), std::logic_error);
  EXPECT_THROW(measure(pair, DriftMethod::ks, .05, .5), std::logic_error);
  EXPECT_THROW(measure_column(pair.reference, texts(1, 2, 3, 4).current, DriftMethod::ks, .05), std::logic_error);
}

TEST(KsMethod, IsBlindToMissingValuesAndSaysSoWhenThereIsNothingElse) {
  const Pair pair = numbers(normal(5000, 0, 1, 6), std::vector<double>(400, 0.0), 400);
  const ColumnDrift drift = judge(pair, DriftMethod::ks);
  EXPECT_EQ(drift.verdict, ColumnVerdict::insufficient_data);
  EXPECT_EQ(drift.sentence,
            "'x' cannot be judged by ks: 0 of 400 current rows hold a value, and at least 200 must; null_rate and "
            "jensen_shannon look at the others");
  EXPECT_EQ(judge(pair, DriftMethod::null_rate).verdict, ColumnVerdict::drifted);
  EXPECT_EQ(judge(pair, DriftMethod::jensen_shannon).verdict, ColumnVerdict::drifted);
}

TEST(WassersteinMethod, MeasuresInSpreadsOfTheReferenceWhateverTheUnit) {
  const double small =
      measure(numbers(normal(9000, 0, 1e-6, 7), normal(900, 1e-6, 1e-6, 8)), DriftMethod::wasserstein).effect;
  const double large =
      measure(numbers(normal(9000, 0, 1e6, 7), normal(900, 1e6, 1e6, 8)), DriftMethod::wasserstein).effect;
  EXPECT_NEAR(small / large, 1, 1e-9);
  EXPECT_NEAR(large, 1, .15);
}

TEST(WassersteinMethod, HasASpreadWhereTheQuartilesAreOneValue) {
  // Four fifths are 0: neither the quartiles nor the deviations from the median have a spread; the standard deviation
  // is that of a column that is 0 or about 10.
  std::vector<double> before(4000, 0.0);
  const std::vector<double> rest = normal(1000, 10, 1, 9);
  before.insert(before.end(), rest.begin(), rest.end());
  std::vector<double> now(800, 0.0);
  now.insert(now.end(), rest.begin(), rest.begin() + 800);
  // The share of the tens rises from .2 to .5: by .3 * 10, in deviations of 4.
  EXPECT_NEAR(measure(numbers(before, now), DriftMethod::wasserstein).effect, .3 * 10 / std::sqrt(.2 * 101 - .4), .35);
  const Pair constant = numbers(std::vector<double>(500, 7.0), std::vector<double>(300, 8.0));
  EXPECT_NEAR(measure(constant, DriftMethod::wasserstein).effect, 1, .01);
  EXPECT_EQ(judge(constant, DriftMethod::wasserstein).verdict, ColumnVerdict::drifted);
}

TEST(NullRateMethod, FindsARiseAndAFallAndSaysTheShares) {
  const Pair rise = numbers(normal(5000, 0, 1, 10), normal(1000, 0, 1, 11), 120);
  const ColumnDrift drift = judge(rise, DriftMethod::null_rate);
  EXPECT_EQ(drift.verdict, ColumnVerdict::drifted);
  EXPECT_NEAR(drift.effect, .12, 1e-12);
  EXPECT_NE(drift.sentence.find("'x' moved: 12 % of values are null or NaN (reference 0 %); share of missing values "
                                "moved by 12 % (10 % to 14 %), more than 5 % matters"),
            std::string::npos)
      << drift.sentence;
  std::vector<double> with_gaps = normal(5000, 0, 1, 10);
  std::fill_n(with_gaps.begin(), 1000, std::nan(""));
  EXPECT_EQ(judge(numbers(with_gaps, normal(1000, 0, 1, 11)), DriftMethod::null_rate).verdict, ColumnVerdict::drifted);
  EXPECT_EQ(judge(numbers(with_gaps, normal(1000, 0, 1, 11), 200), DriftMethod::null_rate).verdict, ColumnVerdict::ok);
}

TEST(UnseenMethod, CountsWhatTheReferenceNeverHeld) {
  const ColumnDrift drift = judge(texts(60000, 40000, 500, 380, 120), DriftMethod::unseen);
  EXPECT_EQ(drift.verdict, ColumnVerdict::drifted);
  EXPECT_NEAR(drift.effect, .12, 1e-12);
  EXPECT_NE(drift.sentence.find("12 % of values are new (reference 0 %)"), std::string::npos) << drift.sentence;
  EXPECT_EQ(judge(texts(60000, 40000, 500, 470, 30), DriftMethod::unseen).verdict, ColumnVerdict::ok) << "3 %";
  EXPECT_EQ(judge(texts(60000, 40000, 500, 470, 30), DriftMethod::unseen, .01).verdict, ColumnVerdict::drifted);
  EXPECT_EQ(judge(texts(60000, 40000, 900, 100), DriftMethod::unseen).effect, 0);
}

TEST(UnseenMethod, ExpectsNewValuesInAColumnOfUniqueKeys) {
  std::vector<std::string> keys;
  for (int i = 0; i < 1600; ++i) keys.push_back("order " + std::to_string(i));
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  Pair pair{profile_texts("t", std::span(views).first(800), {}), {}};
  pair.current = empty_like(pair.reference);
  add_texts(pair.current, std::span(views).last(800), {});
  EXPECT_EQ(judge(pair, DriftMethod::unseen).verdict, ColumnVerdict::ok);
}

TEST(OutOfRangeMethod, CountsWhatLiesBeyondTheReferencesExtremes) {
  std::vector<double> now = normal(1000, 0, 1, 12);
  EXPECT_EQ(judge(numbers(normal(5000, 0, 1, 13), now), DriftMethod::out_of_range).verdict, ColumnVerdict::ok);
  for (std::size_t i = 0; i < 120; ++i) now[i] = i % 3 == 0 ? 100 : i % 3 == 1 ? -100 : kInfinity;
  const ColumnDrift drift = judge(numbers(normal(5000, 0, 1, 13), now), DriftMethod::out_of_range);
  EXPECT_EQ(drift.verdict, ColumnVerdict::drifted);
  EXPECT_NEAR(drift.effect, .12, .001);
  EXPECT_NE(drift.sentence.find("12 % of values lie outside the reference's -"), std::string::npos) << drift.sentence;
}

TEST(Methods, ThatSayNothingOfAColumnSayThat) {
  const ColumnDrift drift = judge(texts(500, 400, 10, 900), DriftMethod::ks);
  EXPECT_EQ(drift.verdict, ColumnVerdict::ok);
  EXPECT_EQ(drift.sentence, "'t' is not judged: ks is for numbers");
}

TEST(Methods, LeaveAloneAColumnOfOneCell) {
  const Pair pair = numbers(std::vector<double>(500, 7.0), std::vector<double>(300, 7.0));
  for (std::size_t i = 0; i < words_of<DriftMethod>().size(); ++i) {
    const ColumnDrift drift = judge(pair, static_cast<DriftMethod>(i));
    EXPECT_EQ(drift.verdict, ColumnVerdict::ok) << drift.sentence;
    EXPECT_EQ(drift.effect, 0) << drift.sentence;
  }
}

TEST(Calibrated, AColumnMustExceedItsOwnThresholdToo) {
  const Pair pair = numbers(normal(20000, 0, 1, 3), normal(5000, .5, 1, 4));
  const auto with = [&](const ColumnCalibration& calibration) {
    return compare_profiles({&pair.reference, 1}, {&pair.current, 1}, {}, {&calibration, 1}).front();
  };
  const ColumnDrift blocks = with({Calibration::blocks, .3, 1, 41});
  EXPECT_EQ(blocks.verdict, ColumnVerdict::ok);
  EXPECT_EQ(blocks.threshold, .3);
  EXPECT_EQ(blocks.calibration, Calibration::blocks);
  EXPECT_NE(blocks.sentence.find("more than 0.3 matters"), std::string::npos) << blocks.sentence;
  EXPECT_NE(blocks.sentence.find("calibrated on 41 windows of the reference"), std::string::npos) << blocks.sentence;
  EXPECT_EQ(with({Calibration::blocks, .1, 1, 41}).verdict, ColumnVerdict::drifted);
  EXPECT_EQ(with({Calibration::blocks, .001, 1, 41}).threshold, .05) << "never less than what matters";

  const ColumnDrift widened = with({Calibration::design_effect, 0, 400, 0});
  EXPECT_EQ(widened.verdict, ColumnVerdict::ok);
  EXPECT_NE(widened.sentence.find("1/4e+02"), std::string::npos) << widened.sentence;
  EXPECT_NE(with({Calibration::uncalibrated, 0, 1, 3}).sentence.find("uncalibrated: 3 windows"), std::string::npos);
  const std::vector<ColumnCalibration> two(2);
  EXPECT_THROW(compare_profiles({&pair.reference, 1}, {&pair.current, 1}, {}, two), std::logic_error);
}

// Only counts of rows decide: 3 + 3 rows cannot be told apart with more certainty than 2 / 20.
TEST(MonteCarlo, AgreesWithTheExactProbability) {
  const std::vector<std::uint64_t> totals{3, 3};
  const auto off_balance = [](std::span<const std::uint32_t> counts) { return std::fabs(counts[0] - 1.5); };
  EXPECT_NEAR(std::exp(monte_carlo_log_p(totals, 3, 1.5, off_balance)), .1, .01);
  EXPECT_EQ(monte_carlo_log_p(totals, 3, .5, off_balance), 0);
  EXPECT_NEAR(std::exp(monte_carlo_log_p(totals, 3, 9, off_balance)), 1e-4, 1e-15) << "never 0";
  EXPECT_EQ(monte_carlo_log_p(totals, 3, 1.5, off_balance), monte_carlo_log_p(totals, 3, 1.5, off_balance));
  EXPECT_THROW(monte_carlo_log_p(totals, 7, 1, off_balance), std::logic_error);
}

TEST(MonteCarlo, KeepsTinySamplesFromBeingCertain) {
  DriftRule rule;
  rule.min_rows = 1;
  for (const DriftMethod method : {DriftMethod::jensen_shannon, DriftMethod::chi_square, DriftMethod::psi,
                                   DriftMethod::hellinger, DriftMethod::ks, DriftMethod::wasserstein}) {
    rule.method = method;
    const Pair three = numbers(normal(300, 0, 1, 14), {4, 5, 6});
    EXPECT_GE(measure(three, method).log_p, std::log(1e-4) - 1e-9) << to_text(method);
    const Pair one = numbers(normal(20, 0, 1, 15), {40});
    EXPECT_GE(measure(one, method).log_p, std::log(1 / 21.) - .1)
        << to_text(method) << ": one of 21 rows is the largest";
  }
}

TEST(Noncentrality, IsBoundedWhereTheTailsAreTwoAndAHalfPercent) {
  for (const double df : {1.0, 5.0, 20.0, 200.0}) {
    for (const double x : {10.0, 60.0, 500.0, 20000.0}) {
      const Noncentralities interval = noncentrality_interval(x, x, df);
      if (interval.low > 0) {
        EXPECT_NEAR(std::exp(log_sf_noncentral_chi_square(x, df, interval.low)), .025, .0025) << df << " " << x;
      }
      if (x >= df) {
        EXPECT_NEAR(std::exp(log_sf_noncentral_chi_square(x, df, interval.high)), .975, .0025) << df << " " << x;
      }
    }
  }
  EXPECT_EQ(noncentrality_interval(0, 0, 3).low, 0);
}

}  // namespace
}  // namespace retraind::stats
