// How often a rule promotes, by simulation with fixed seeds: candidates that are a known amount better or worse than
// production, on rows that are independent.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <numbers>
#include <numeric>
#include <vector>

#include "core/base/random.h"
#include "core/stats/interval.h"

namespace retraind::stats {
namespace {

constexpr std::size_t kRows = 2000;
constexpr double kDisagreement = 0.1;

// How much better a candidate did on rows of which the models disagree on a tenth.
class Holdouts {
 public:
  explicit Holdouts(std::uint64_t seed) : random_(seed), differences_(kRows), rows_(kRows) {
    std::iota(rows_.begin(), rows_.end(), 0u);
  }
  Interval judge(double true_difference, double confidence) {
    const double better = (kDisagreement + true_difference) / 2;
    for (double& difference : differences_) {
      const double u = random_.uniform();
      difference = u < better ? 1 : u < kDisagreement ? -1 : 0;
    }
    return *clustered_mean(differences_, rows_, confidence);
  }

 private:
  Random random_;
  std::vector<double> differences_;
  std::vector<std::uint32_t> rows_;
};

// What each rule would have promoted, of all candidates.
struct Rates {
  double point = 0;         // the estimate is above 0
  double superior = 0;      // the lower bound at 95 % is
  double non_inferior = 0;  // the lower bound is above -0.01
};

TEST(Promotion, HappensAsOftenAsItsRuleSays) {
  struct Expected {
    double difference;
    Rates rates;
  };
  const Expected table[] = {{-.010, {.074, .001, .052}}, {-.005, {.229, .009, .176}}, {0, {.487, .050, .412}},
                            {.005, {.750, .175, .686}},  {.010, {.916, .409, .883}},  {.020, {.998, .886, .996}}};
  constexpr int kCandidates = 4000;
  Holdouts holdouts(71);
  std::printf("2000 rows, 10 %% disagreement: share of candidates promoted\n");
  std::printf("%12s %12s %12s %14s\n", "difference", "estimate > 0", "lower > 0", "lower > -0.01");
  for (const Expected& expected : table) {
    Rates rates;
    for (int i = 0; i < kCandidates; ++i) {
      const Interval interval = holdouts.judge(expected.difference, 0.95);
      rates.point += interval.estimate > 0 ? 1.0 / kCandidates : 0;
      rates.superior += interval.low > 0 ? 1.0 / kCandidates : 0;
      rates.non_inferior += interval.low > -0.01 ? 1.0 / kCandidates : 0;
    }
    std::printf("%+12.3f %12.3f %12.3f %14.3f\n", expected.difference, rates.point, rates.superior, rates.non_inferior);
    EXPECT_NEAR(rates.point, expected.rates.point, 0.02) << expected.difference;
    EXPECT_NEAR(rates.superior, expected.rates.superior, 0.02) << expected.difference;
    EXPECT_NEAR(rates.non_inferior, expected.rates.non_inferior, 0.02) << expected.difference;
  }
}

// Of the k-th attempt against the same production version: the sum over all k is alpha.
double spent(double alpha, int attempt) {
  return 6 * alpha / (std::numbers::pi * std::numbers::pi * attempt * attempt);
}

struct FamilyRates {
  double spent = 0;   // families with any promotion under 6 alpha / (pi^2 k^2)
  double always = 0;  // under alpha for every attempt
  double point = 0;   // by the estimate alone
};

FamilyRates families_with_a_promotion(double true_difference, std::uint64_t seed) {
  constexpr int kFamilies = 800;
  constexpr int kAttempts = 20;
  constexpr double kAlpha = 0.05;
  Holdouts holdouts(seed);
  FamilyRates rates;
  for (int family = 0; family < kFamilies; ++family) {
    bool by_spent = false;
    bool by_always = false;
    bool by_point = false;
    for (int attempt = 1; attempt <= kAttempts; ++attempt) {
      const Interval interval = holdouts.judge(true_difference, 1 - spent(kAlpha, attempt));
      by_spent |= interval.low > 0;
      by_always |= interval.estimate > student_t_quantile(1 - kAlpha, kRows - 1) * interval.standard_error;
      by_point |= interval.estimate > 0;
    }
    rates.spent += by_spent ? 1.0 / kFamilies : 0;
    rates.always += by_always ? 1.0 / kFamilies : 0;
    rates.point += by_point ? 1.0 / kFamilies : 0;
  }
  return rates;
}

TEST(Promotion, HasAFamilyErrorOfAlphaOverAllAttempts) {
  const FamilyRates worse = families_with_a_promotion(-.005, 72);
  const FamilyRates equal = families_with_a_promotion(0, 73);
  std::printf("20 candidates one after another: share of families with any promotion\n");
  std::printf("%12s %12s %22s %22s\n", "difference", "estimate > 0", "lower > 0, always 95 %",
              "lower > 0, spent alpha");
  std::printf("%12s %12.3f %22.3f %22.3f\n", "-0.005", worse.point, worse.always, worse.spent);
  std::printf("%12s %12.3f %22.3f %22.3f\n", "0", equal.point, equal.always, equal.spent);
  EXPECT_LE(worse.spent, .05);
  EXPECT_NEAR(worse.point, .995, .01);
  EXPECT_NEAR(worse.always, .171, .04);
  // Twenty of infinitely many attempts spend 0.0485 of 0.05; three standard errors of 800 families are 0.023.
  EXPECT_LE(equal.spent, .05 + .023);
}

}  // namespace
}  // namespace retraind::stats
