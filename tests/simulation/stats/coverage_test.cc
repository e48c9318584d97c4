// How often intervals of paired differences hold the truth, by simulation with fixed seeds.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <numbers>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/stats/interval.h"
#include "core/stats/metrics.h"
#include "core/stats/paired.h"

namespace retraind::stats {
namespace {

struct Misses {
  int samples = 0;
  int below = 0;  // the truth lies below the lower bound
  int above = 0;
  double inflation = 0;
  double naive = 0;  // outside what the interval would be if rows were independent

  void add(const Interval& interval, double truth) {
    ++samples;
    below += truth < interval.low;
    above += truth > interval.high;
    inflation += interval.inflation;
    const double independent = 1.959963984540054 * interval.standard_error / interval.inflation;
    naive += std::fabs(truth - interval.estimate) > independent;
  }
  double share(double count) const { return count / samples; }

  void print(const std::string& what) const {
    std::printf("%-62s %6d %9.3f %9.3f %9.3f %9.2f %9.3f\n", what.c_str(), samples, share(samples - below - above),
                1 - share(below), 1 - share(above), inflation / samples, 1 - share(naive));
  }
};

void print_header() {
  std::printf("%-62s %6s %9s %9s %9s %9s %9s\n", "", "n", "two-sided", "lower", "upper", "inflation", "naive");
}

// Two-sided 95 % are two one-sided bounds of 97.5 %. One-sided levels may lean to one side where the samples are small
// and skewed; both together may not be off by more than 1.5 points.
void expect_right(const Misses& misses, const std::string& what) {
  misses.print(what);
  EXPECT_NEAR(1 - misses.share(misses.below + misses.above), .95, .015) << what;
  EXPECT_NEAR(1 - misses.share(misses.below), .975, .015) << what;
  EXPECT_NEAR(1 - misses.share(misses.above), .975, .015) << what;
}

struct Days {
  std::vector<std::uint32_t> day;  // of each row
  std::size_t days = 0;
};

// Between half of `mean_rows` and one and a half of them a day.
Days draw_days(Random& random, std::size_t days, std::size_t mean_rows) {
  Days result;
  result.days = days;
  for (std::size_t day = 0; day < days; ++day) {
    const std::size_t rows = mean_rows / 2 + random.below(mean_rows + 1);
    result.day.insert(result.day.end(), rows, static_cast<std::uint32_t>(day));
  }
  return result;
}

double logistic(double x) {
  return 1 / (1 + std::exp(-x));
}

// The expectation of f over a normal variable of this deviation, by Simpson's rule.
double normal_mean(double deviation, const std::function<double(double)>& f) {
  constexpr int kSteps = 400;
  const double step = 16.0 / kSteps;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double z = -8 + i * step;
    const double weight = i == 0 || i == kSteps ? 1 : i % 2 == 1 ? 4 : 2;
    sum += weight * f(deviation * z) * std::exp(-z * z / 2);
  }
  return sum * step / 3 / std::sqrt(2 * std::numbers::pi);
}

// Differences of being right: on a day of luck a, the candidate alone is right in logistic(-2.4 + a) of the rows that
// production does not have for itself, and production in logistic(-2.8 - a).
struct AccuracyCase {
  const char* what;
  std::size_t days;
  std::size_t mean_rows;
  double luck;              // deviation of a day's
  bool rows_by_themselves;  // every row is taken for a cluster
};

TEST(Coverage, OfAccuracyDifferencesIsRight) {
  const AccuracyCase cases[] = {
      {"independent rows, each a cluster, 1000", 20, 50, 0, true},
      {"independent rows in 30 days of 25 to 75", 30, 50, 0, false},
      {"20 days of 25 to 75 rows, days of their own luck", 20, 50, .5, false},
      {"30 days", 30, 50, .5, false},
      {"60 days", 60, 50, .5, false},
  };
  print_header();
  for (const AccuracyCase& setting : cases) {
    const double truth = normal_mean(setting.luck, [](double a) {
      const double better = logistic(-2.4 + a);
      return better - (1 - better) * logistic(-2.8 - a);
    });
    Random random(81);
    Misses misses;
    for (int sample = 0; sample < 4000; ++sample) {
      Days rows = draw_days(random, setting.days, setting.mean_rows);
      std::vector<double> luck(rows.days);
      for (double& a : luck) a = setting.luck * random.normal();
      std::vector<double> differences;
      for (const std::uint32_t day : rows.day) {
        const bool better = random.uniform() < logistic(-2.4 + luck[day]);
        const bool worse = !better && random.uniform() < logistic(-2.8 - luck[day]);
        differences.push_back(better ? 1 : worse ? -1 : 0);
      }
      if (setting.rows_by_themselves) std::iota(rows.day.begin(), rows.day.end(), 0u);
      misses.add(*clustered_mean(differences, rows.day, .975), truth);
    }
    expect_right(misses, std::string("accuracy, cluster t: ") + setting.what);
  }
}

// Scores of two models for the same rows: the row's own difficulty is common to both, positives score higher by the
// model's gain, and that gain is another every day. The area of a model is Phi(gain / sqrt(2 + luck^2)), where luck is
// the deviation of the day's.
struct Scores {
  std::vector<double> labels;
  std::vector<double> first;
  std::vector<double> second;
};
constexpr double kFirstGain = 1.3;
constexpr double kSecondGain = 1.1;

double area(double gain, double luck) {
  return std::erfc(-gain / std::sqrt(2 + luck * luck) / std::numbers::sqrt2) / 2;
}

Scores draw_scores(Random& random, const Days& rows, double luck, double share_of_positives) {
  std::vector<double> first_gain(rows.days);
  std::vector<double> second_gain(rows.days);
  for (double& gain : first_gain) gain = kFirstGain + luck * random.normal();
  for (double& gain : second_gain) gain = kSecondGain + luck * random.normal();
  Scores scores;
  for (const std::uint32_t day : rows.day) {
    const double label = random.uniform() < share_of_positives ? 1 : 0;
    const double common = std::sqrt(.7) * random.normal();
    scores.labels.push_back(label);
    scores.first.push_back(logistic(first_gain[day] * label + common + std::sqrt(.3) * random.normal()));
    scores.second.push_back(logistic(second_gain[day] * label + common + std::sqrt(.3) * random.normal()));
  }
  return scores;
}

TEST(Coverage, OfDelongsAreaDifferencesIsRightForIndependentRows) {
  struct Setting {
    std::size_t rows;
    double positives;
  };
  print_header();
  for (const Setting& setting : {Setting{200, .5}, Setting{1000, .3}, Setting{1000, .05}}) {
    Random random(82);
    Misses misses;
    const Days rows{std::vector<std::uint32_t>(setting.rows, 0), 1};
    for (int sample = 0; sample < 3000; ++sample) {
      const Scores scores = draw_scores(random, rows, 0, setting.positives);
      misses.add(*delong_difference(scores.labels, scores.first, scores.second, .975),
                 area(kFirstGain, 0) - area(kSecondGain, 0));
    }
    expect_right(misses, "auc, DeLong: " + std::to_string(setting.rows) + " rows, " +
                             std::to_string(static_cast<int>(100 * setting.positives)) + " % positive");
  }
}

TEST(Coverage, OfBootstrapAreaDifferencesIsRightForDays) {
  constexpr double kLuck = .5;
  constexpr int kSamples = 1200;
  struct Setting {
    std::size_t days;
    std::size_t mean_rows;
  };
  print_header();
  for (const Setting& setting : {Setting{20, 12}, Setting{60, 6}}) {
    Random random(83);
    Misses misses;
    int delong_misses = 0;
    const double truth = area(kFirstGain, kLuck) - area(kSecondGain, kLuck);
    for (int sample = 0; sample < kSamples; ++sample) {
      const Days rows = draw_days(random, setting.days, setting.mean_rows);
      const Scores scores = draw_scores(random, rows, kLuck, .4);
      Scored scored;
      scored.labels = scores.labels;
      scored.predictions = scores.first;
      const WeightedMetric first(Metric::auc, scored);
      scored.predictions = scores.second;
      const WeightedMetric second(Metric::auc, scored);
      const auto interval =
          cluster_bootstrap(rows.day, 1000, random.next(), .975, [&](std::span<const double> weights) {
            const auto a = first(weights);
            const auto b = a ? second(weights) : std::nullopt;
            return b ? std::optional(*a - *b) : std::nullopt;
          });
      misses.add(*interval, truth);
      const auto by_rows = delong_difference(scores.labels, scores.first, scores.second, .975);
      delong_misses += truth < by_rows->low || truth > by_rows->high;
    }
    const std::string what = "auc, cluster bootstrap: " + std::to_string(setting.days) + " days of " +
                             std::to_string(setting.mean_rows / 2) + " to " +
                             std::to_string(setting.mean_rows / 2 + setting.mean_rows) + " rows";
    expect_right(misses, what);
    std::printf("%-62s %6d %9.3f\n", "  DeLong on the same rows", misses.samples, 1 - misses.share(delong_misses));
  }
}

}  // namespace
}  // namespace retraind::stats
