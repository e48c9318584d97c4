// How often a trial that is looked at after every cluster errs, and how soon it ends, by simulation with fixed seeds.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <optional>
#include <vector>

#include "core/base/random.h"
#include "core/stats/interval.h"
#include "core/stats/sequential.h"

namespace retraind::stats {
namespace {

constexpr std::size_t kClusters = 200;
constexpr double kAlpha = .05;

using Path = std::vector<PairedCluster>;

struct Looks {
  bool above = false;  // the lower bound ever exceeded the truth
  bool below = false;
  bool naive = false;                      // a 95 % interval by Student's t, looked at as often, ever left it out
  std::optional<std::size_t> first_above;  // after how many clusters
};

// Student's quantile at 97.5 % for n clusters.
double students_quantile(std::size_t n) {
  static const std::vector<double> quantiles = [] {
    std::vector<double> values(2);
    for (std::size_t clusters = 2; clusters <= kClusters; ++clusters) {
      values.push_back(student_t_quantile(.975, static_cast<double>(clusters - 1)));
    }
    return values;
  }();
  return quantiles.at(n);
}

Looks look_after_every_cluster(const Path& path, double truth, bool to_the_end) {
  Looks looks;
  double sum = 0;
  double weight = 0;
  double squares = 0;
  double products = 0;
  double weight_squares = 0;
  for (std::size_t n = 1; n <= path.size(); ++n) {
    const PairedCluster& last = path[n - 1];
    sum += last.difference_sum;
    weight += last.weight;
    squares += last.difference_sum * last.difference_sum;
    products += last.difference_sum * last.weight;
    weight_squares += last.weight * last.weight;
    if (n < kFewestClusters) continue;
    const auto found = anytime_difference(std::span(path).first(n), truth, kAlpha);
    looks.below |= found.high < truth;
    if (found.low > truth) {
      looks.above = true;
      if (!looks.first_above) looks.first_above = n;
      if (!to_the_end) return looks;
    }
    const auto clusters = static_cast<double>(n);
    const double mean = sum / weight;
    const double between = squares - 2 * mean * products + mean * mean * weight_squares;
    const double error = std::sqrt(clusters / (clusters - 1) * std::max(0.0, between)) / weight;
    looks.naive |= std::fabs(mean - truth) > students_quantile(n) * error;
  }
  return looks;
}

struct Kind {
  const char* what;
  std::function<Path(Random&)> draw;
  double truth = 0;  // difference by row
};

Path equal_clusters(Random& random, const std::function<double(Random&)>& sum) {
  Path path;
  for (std::size_t i = 0; i < kClusters; ++i) path.push_back({1, sum(random)});
  return path;
}

Path rows_of_two_models(Random& random, std::size_t rows, double disagreement, double difference = 0) {
  Path path;
  for (std::size_t i = 0; i < kClusters; ++i) {
    double sum = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      const double u = random.uniform();
      sum += u < (disagreement + difference) / 2 ? 1 : u < disagreement ? -1 : 0;
    }
    path.push_back({static_cast<double>(rows), sum});
  }
  return path;
}

// Cluster sums of skewness 2 / sqrt(rows), less their mean.
Path exponential_rows(Random& random, int rows) {
  return equal_clusters(random, [rows](Random& r) {
    double sum = 0;
    for (int row = 0; row < rows; ++row) sum += -std::log1p(-r.uniform()) - 1;
    return sum;
  });
}

// Each cluster's sum has this correlation with the one before.
Path autocorrelated(Random& random, double correlation) {
  Path path;
  double sum = random.normal();
  for (std::size_t i = 0; i < kClusters; ++i) {
    path.push_back({1, sum});
    sum = correlation * sum + std::sqrt(1 - correlation * correlation) * random.normal();
  }
  return path;
}

void print_header() {
  std::printf("%-58s %10s %10s %14s\n", "200 looks, alpha 0.05: ever wrong", "lower", "upper", "naive 95 % t");
}

struct Errors {
  double above = 0;
  double below = 0;
  double naive = 0;
};

constexpr int kPaths = 1500;

Errors measure(const Kind& kind) {
  Random random(91);
  Errors errors;
  for (int i = 0; i < kPaths; ++i) {
    const Looks looks = look_after_every_cluster(kind.draw(random), kind.truth, true);
    errors.above += looks.above ? 1.0 / kPaths : 0;
    errors.below += looks.below ? 1.0 / kPaths : 0;
    errors.naive += looks.naive ? 1.0 / kPaths : 0;
  }
  std::printf("%-58s %10.3f %10.3f %14.3f\n", kind.what, errors.above, errors.below, errors.naive);
  return errors;
}

TEST(Anytime, BoundsErrNoMoreOftenThanTheySayHoweverOftenTheyAreLookedAt) {
  const Kind kinds[] = {
      {"normal", [](Random& random) { return equal_clusters(random, [](Random& r) { return r.normal(); }); }},
      {"skewed: 20 rows a cluster, each exponential", [](Random& random) { return exponential_rows(random, 20); }},
      {"heavy-tailed: Student's t with 3 degrees",
       [](Random& random) {
         return equal_clusters(random, [](Random& r) {
           const double a = r.normal();
           const double b = r.normal();
           const double c = r.normal();
           return r.normal() / std::sqrt((a * a + b * b + c * c) / 3);
         });
       }},
      {"clusters of 10 to 300 rows",
       [](Random& random) {
         Path path;
         for (std::size_t i = 0; i < kClusters; ++i) {
           const double rows = std::floor(10 * std::exp(3.4 * random.uniform()));
           path.push_back({rows, std::sqrt(rows) * random.normal()});
         }
         return path;
       }},
      {"20 rows a cluster, 10 % disagreement", [](Random& random) { return rows_of_two_models(random, 20, .1); }},
      {"20 rows a cluster, 1 % disagreement", [](Random& random) { return rows_of_two_models(random, 20, .01); }},
      {"5 rows a cluster, 2 % disagreement, 1 % worse",
       [](Random& random) { return rows_of_two_models(random, 5, .02, -.01); }, -.01},
      {"20 rows a cluster, 1 % disagreement, 1 % worse",
       [](Random& random) { return rows_of_two_models(random, 20, .01, -.01); }, -.01},
  };
  print_header();
  for (const Kind& kind : kinds) {
    const Errors errors = measure(kind);
    EXPECT_LE(errors.above, kAlpha) << kind.what;
    EXPECT_LE(errors.below, kAlpha) << kind.what;
    EXPECT_GT(errors.naive, 2 * kAlpha) << kind.what;
  }
}

TEST(Anytime, BoundsErrMoreOftenWhereClustersResembleTheOneBefore) {
  print_header();
  const auto with = [](double correlation) {
    return [correlation](Random& random) { return autocorrelated(random, correlation); };
  };
  const Errors weak = measure({"autocorrelation 0.2", with(.2)});
  const Errors middle = measure({"autocorrelation 0.4", with(.4)});
  const Errors strong = measure({"autocorrelation 0.7", with(.7)});
  EXPECT_GT(strong.above, kAlpha) << "clusters must be longer than things stay alike";
  EXPECT_LT(weak.above, middle.above);
  EXPECT_LT(middle.above, strong.above);
}

// Of few rows with long tails: the sums of most clusters are then alike and on one side of their mean, as if they were
// sure, until a rare large one comes.
TEST(Anytime, BoundsErrMoreOftenWhereSumsOfClustersAreFarFromNormal) {
  print_header();
  const Errors less =
      measure({"five exponential rows a cluster", [](Random& random) { return exponential_rows(random, 5); }});
  const Errors skewed =
      measure({"one exponential row a cluster", [](Random& random) { return exponential_rows(random, 1); }});
  const Errors two_values = measure({"one row a cluster, the models always disagreeing",
                                     [](Random& random) { return rows_of_two_models(random, 1, 1); }});
  EXPECT_NEAR(less.below, kAlpha, .02);
  EXPECT_GT(skewed.below, kAlpha);
  EXPECT_LT(skewed.below, .2);
  EXPECT_LT(skewed.above, .01);
  // Five alike of five, a chance of 1/32, is enough already.
  EXPECT_NEAR(two_values.above, kAlpha, .02);
  EXPECT_NEAR(two_values.below, kAlpha, .02);
}

TEST(Anytime, BoundsSeeADifferenceInTime) {
  std::printf("true difference, in standard errors of 20 clusters: clusters until the lower bound is above zero\n");
  std::printf("%12s %10s %10s %10s %16s %26s\n", "difference", "a quarter", "median", "3 quarters", "within 200",
              "median if looked at once");
  struct Expected {
    double errors;
    double fewest;  // of the median
    double most;
    double within;
  };
  for (const Expected& expected : {Expected{1, 130, 200, .5}, Expected{2, 25, 60, .99}, Expected{3, 12, 30, 1}}) {
    const double mean = expected.errors / std::sqrt(20);
    Random random(92);
    constexpr int kTrials = 600;
    std::vector<std::size_t> until;
    for (int i = 0; i < kTrials; ++i) {
      const Path path = equal_clusters(random, [&](Random& r) { return mean + r.normal(); });
      until.push_back(look_after_every_cluster(path, 0, false).first_above.value_or(kClusters + 1));
    }
    std::sort(until.begin(), until.end());
    const double within =
        static_cast<double>(std::lower_bound(until.begin(), until.end(), kClusters + 1) - until.begin()) / kTrials;
    // One look at 95 % with the median result: the mean is Student's quantile of standard errors.
    double once = 2;
    while (mean * std::sqrt(once) < student_t_quantile(.95, once - 1)) ++once;
    std::printf("%12.0f %10zu %10zu %10zu %16.3f %26.0f\n", expected.errors, until[kTrials / 4], until[kTrials / 2],
                until[3 * kTrials / 4], within, once);
    EXPECT_GE(static_cast<double>(until[kTrials / 2]), expected.fewest);
    EXPECT_LE(static_cast<double>(until[kTrials / 2]), expected.most);
    EXPECT_GE(within, expected.within);
  }
}

}  // namespace
}  // namespace retraind::stats
