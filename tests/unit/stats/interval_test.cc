#include "core/stats/interval.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/stats/metrics.h"

namespace retraind::stats {
namespace {

using Numbers = std::vector<double>;
using Clusters = std::vector<std::uint32_t>;

TEST(StudentT, HasThePublishedQuantiles) {
  EXPECT_NEAR(student_t_quantile(.975, 19), 2.093024054408263, 1e-12);
  EXPECT_NEAR(student_t_quantile(.95, 1), 6.313751514675043, 1e-11);  // tables: 6.314
  EXPECT_NEAR(student_t_quantile(.025, 19), -2.093024054408263, 1e-12);
  EXPECT_NEAR(student_t_quantile(.975, 1e7), 1.959964, 1e-6);
  EXPECT_THROW(student_t_quantile(1, 5), std::logic_error);
  EXPECT_THROW(student_t_quantile(.5, 0), std::logic_error);
}

TEST(ClusteredMean, FollowsItsFormula) {
  // Residuals from 3 add up to -3 and 3 by cluster: 2/1 * (9 + 9) / 16 = 2.25.
  const auto interval = clustered_mean(Numbers{1, 2, 3, 6}, Clusters{0, 0, 1, 1}, 0.95);
  ASSERT_TRUE(interval.has_value());
  EXPECT_DOUBLE_EQ(interval->estimate, 3);
  EXPECT_DOUBLE_EQ(interval->standard_error, 1.5);
  EXPECT_NEAR(interval->low, 3 - 6.313751514675043 * 1.5, 1e-9);
  EXPECT_NEAR(interval->high, 3 + 6.313751514675043 * 1.5, 1e-9);
  EXPECT_NEAR(interval->inflation, 1.5 / std::sqrt(14.0 / 3 / 4), 1e-12);
  EXPECT_EQ(interval->clusters, 2u);
  EXPECT_EQ(interval->method, "cluster_t");
}

TEST(ClusteredMean, IsTheOrdinaryTIntervalWhenEveryRowIsACluster) {
  // Student's own sleep data (1908), gain of the second drug over the first: mean 1.58, t = 4.0621 on 9 degrees.
  const Numbers gain{1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4};
  Clusters rows(10);
  std::iota(rows.begin(), rows.end(), 0u);
  const auto interval = clustered_mean(gain, rows, 0.975);
  EXPECT_NEAR(interval->estimate / interval->standard_error, 4.0621, 5e-5);
  EXPECT_NEAR(interval->low, 0.7001142, 5e-8);
  EXPECT_NEAR(interval->high, 2.4598858, 5e-8);
  EXPECT_NEAR(interval->inflation, 1, 1e-12);
}

TEST(ClusteredMean, IgnoresNumbersOfClustersWithoutRows) {
  const auto dense = clustered_mean(Numbers{1, 2, 3, 6}, Clusters{0, 0, 1, 1}, 0.95);
  const auto sparse = clustered_mean(Numbers{1, 2, 3, 6}, Clusters{7, 7, 4000000000u, 4000000000u}, 0.95);
  EXPECT_EQ(sparse->clusters, 2u);
  EXPECT_EQ(sparse->low, dense->low);
}

TEST(ClusteredMean, NeedsTwoClusters) {
  EXPECT_FALSE(clustered_mean(Numbers{1, 2}, Clusters{3, 3}, 0.95).has_value());
  EXPECT_FALSE(clustered_mean({}, {}, 0.95).has_value());
}

TEST(ClusteredMean, HasNoWidthWhereNothingDiffers) {
  const auto interval = clustered_mean(Numbers(4), Clusters{0, 0, 1, 2}, 0.95);
  EXPECT_EQ(interval->low, 0);
  EXPECT_EQ(interval->high, 0);
  EXPECT_EQ(interval->inflation, 1);
}

TEST(ClusteredMean, RefusesWhatDoesNotFit) {
  EXPECT_THROW(clustered_mean(Numbers{1}, Clusters{0, 1}, 0.95), std::logic_error);
  EXPECT_THROW(clustered_mean(Numbers{1, 2}, Clusters{0, 1}, 1), std::logic_error);
  EXPECT_THROW(clustered_mean(Numbers{1, std::nan("")}, Clusters{0, 1}, 0.95), std::logic_error);
}

TEST(ClusteredMean, TakesARowOfWeightTwoForTwoRows) {
  const auto weighted = clustered_mean(Numbers{1, 2, 3, 6}, Clusters{0, 0, 1, 2}, 0.95, Numbers{2, 1, 1, 3});
  const auto repeated = clustered_mean(Numbers{1, 1, 2, 3, 6, 6, 6}, Clusters{0, 0, 0, 1, 2, 2, 2}, 0.95);
  EXPECT_DOUBLE_EQ(weighted->estimate, 25.0 / 7);
  EXPECT_DOUBLE_EQ(weighted->estimate, repeated->estimate);
  EXPECT_DOUBLE_EQ(weighted->standard_error, repeated->standard_error);
  EXPECT_DOUBLE_EQ(weighted->low, repeated->low);
  EXPECT_DOUBLE_EQ(weighted->high, repeated->high);
}

TEST(ClusteredMean, HasTheSameBitsWithWeightsOfOneAsWithNone) {
  Random random(12);
  for (std::size_t rows = 2; rows < 200; rows += 7) {
    Numbers differences(rows);
    Clusters clusters(rows);
    for (double& difference : differences) difference = random.normal();
    for (std::size_t i = 0; i < rows; ++i) clusters[i] = static_cast<std::uint32_t>(i * 13 % 17);
    const auto without = clustered_mean(differences, clusters, 0.95);
    const auto with = clustered_mean(differences, clusters, 0.95, Numbers(rows, 1));
    EXPECT_EQ(with->estimate, without->estimate);
    EXPECT_EQ(with->standard_error, without->standard_error);
    EXPECT_EQ(with->low, without->low);
    EXPECT_EQ(with->high, without->high);
    EXPECT_EQ(with->inflation, without->inflation);
  }
}

TEST(ClusteredMean, DependsOnWeightsOnlyRelativeToOneAnother) {
  const Numbers differences{1, 2, 3, 6, -1};
  const Clusters clusters{0, 0, 1, 1, 2};
  const auto one = clustered_mean(differences, clusters, 0.95, Numbers{1, 2, .5, 1, 3});
  const auto hundred = clustered_mean(differences, clusters, 0.95, Numbers{100, 200, 50, 100, 300});
  EXPECT_NEAR(one->estimate, hundred->estimate, 1e-15);
  EXPECT_NEAR(one->standard_error, hundred->standard_error, 1e-15);
  EXPECT_NEAR(one->inflation, hundred->inflation, 1e-14);
}

TEST(ClusteredMean, TakesARowOfWeightZeroForNone) {
  const auto without = clustered_mean(Numbers{1, 2, 3, 6}, Clusters{0, 0, 1, 1}, 0.95, Numbers{1, 2, 1, 1});
  const auto with =
      clustered_mean(Numbers{1, 2, 3, 6, 99, 7}, Clusters{0, 0, 1, 1, 1, 2}, 0.95, Numbers{1, 2, 1, 1, 0, 0});
  EXPECT_EQ(with->clusters, 2u);
  EXPECT_EQ(with->estimate, without->estimate);
  EXPECT_EQ(with->low, without->low);
  EXPECT_EQ(with->inflation, without->inflation);
  EXPECT_FALSE(clustered_mean(Numbers{1, 2}, Clusters{0, 1}, 0.95, Numbers{1, 0}).has_value());
  EXPECT_FALSE(clustered_mean(Numbers{1, 2}, Clusters{0, 1}, 0.95, Numbers{0, 0}).has_value());
}

TEST(ClusteredMean, RefusesWeightsThatAreNone) {
  const Numbers differences{1, 2};
  const Clusters clusters{0, 1};
  EXPECT_THROW(clustered_mean(differences, clusters, 0.95, Numbers{1}), std::logic_error);
  EXPECT_THROW(clustered_mean(differences, clusters, 0.95, Numbers{1, -1}), std::logic_error);
  EXPECT_THROW(clustered_mean(differences, clusters, 0.95, Numbers{1, std::nan("")}), std::logic_error);
}

// Rows that share the luck of their day.
struct Days {
  Numbers differences;
  Clusters days;
};

Days simulate(Random& random, std::size_t days, std::size_t mean_rows, double shared) {
  Days result;
  for (std::size_t day = 0; day < days; ++day) {
    const double luck = shared * random.normal();
    const std::size_t rows = mean_rows / 2 + random.below(mean_rows + 1);
    for (std::size_t row = 0; row < rows; ++row) {
      result.differences.push_back(luck + random.normal());
      result.days.push_back(static_cast<std::uint32_t>(day));
    }
  }
  return result;
}

TEST(ClusteredMean, CoversTheTruthAsOftenAsItSays) {
  Random random(2024);
  const int replicates = 1500;
  int covered = 0;
  int low_holds = 0;
  int naive_covered = 0;
  for (int i = 0; i < replicates; ++i) {
    const Days data = simulate(random, 30, 12, 0.5);
    const auto interval = clustered_mean(data.differences, data.days, 0.975);
    covered += interval->low <= 0 && 0 <= interval->high;
    low_holds += interval->low <= 0;
    const double naive = 1.96 * interval->standard_error / interval->inflation;
    naive_covered += std::fabs(interval->estimate) <= naive;
  }
  EXPECT_NEAR(covered / 1500.0, 0.95, 0.02);
  EXPECT_NEAR(low_holds / 1500.0, 0.975, 0.015);
  EXPECT_LT(naive_covered / 1500.0, 0.85) << "rows of a day must depend on one another for this test to mean anything";
}

TEST(ClusteredMean, ReportsTheInflationThatTheDesignEffectPredicts) {
  Random random(6);
  const Days data = simulate(random, 3000, 20, 0.5);
  // Kish (1965): 1 + (rows - 1) * correlation within a day, with the mean of the rows weighted by rows.
  double squares = 0;
  Numbers rows(3000);
  for (const std::uint32_t day : data.days) ++rows[day];
  for (const double count : rows) squares += count * count;
  const double size = squares / static_cast<double>(data.days.size());
  const double correlation = 0.25 / 1.25;
  EXPECT_NEAR(clustered_mean(data.differences, data.days, 0.95)->inflation, std::sqrt(1 + (size - 1) * correlation),
              0.1);
}

auto weighted_mean_of(const Numbers& values) {
  return [&values](std::span<const double> weights) -> std::optional<double> {
    return std::inner_product(values.begin(), values.end(), weights.begin(), 0.0) /
           std::accumulate(weights.begin(), weights.end(), 0.0);
  };
}

TEST(ClusterBootstrap, AgreesWithTheTIntervalOfAMean) {
  Random random(77);
  const Days data = simulate(random, 80, 10, 0.5);
  const auto by_t = clustered_mean(data.differences, data.days, 0.95);
  const auto by_bootstrap = cluster_bootstrap(data.days, 2000, 1, 0.95, weighted_mean_of(data.differences));
  ASSERT_TRUE(by_bootstrap.has_value());
  EXPECT_NEAR(by_bootstrap->estimate, by_t->estimate, 1e-14);
  EXPECT_NEAR(by_bootstrap->standard_error / by_t->standard_error, 1, 0.07);
  EXPECT_NEAR(by_bootstrap->low, by_t->low, 0.2 * by_t->standard_error);
  EXPECT_NEAR(by_bootstrap->high, by_t->high, 0.2 * by_t->standard_error);
  // No bound is nearer than Student's t with the bootstrap's own standard error.
  const double reach = student_t_quantile(0.95, 79) * by_bootstrap->standard_error * std::sqrt(80.0 / 79);
  EXPECT_LE(by_bootstrap->low, by_bootstrap->estimate - reach);
  EXPECT_GE(by_bootstrap->high, by_bootstrap->estimate + reach);
  EXPECT_NEAR(by_bootstrap->inflation / by_t->inflation, 1, 0.2);
  EXPECT_GT(by_t->inflation, 1.3);
  EXPECT_EQ(by_bootstrap->clusters, 80u);
  EXPECT_EQ(by_bootstrap->method, "cluster_bootstrap");
}

TEST(ClusterBootstrap, DependsOnItsSeedAndNothingElse) {
  Random random(78);
  const Days data = simulate(random, 20, 6, 0.5);
  const auto run = [&](std::uint64_t seed) {
    return *cluster_bootstrap(data.days, 1000, seed, 0.95, weighted_mean_of(data.differences));
  };
  const Interval first = run(1);
  const Interval again = run(1);
  EXPECT_EQ(first.low, again.low);
  EXPECT_EQ(first.high, again.high);
  EXPECT_EQ(first.standard_error, again.standard_error);
  EXPECT_EQ(first.inflation, again.inflation);
  EXPECT_NE(run(2).low, first.low);
}

TEST(ClusterBootstrap, DrawsAsManyClustersAsThereAreAndKeepsThemWhole) {
  const Clusters clusters{0, 0, 0, 1, 2, 2};
  int calls = 0;
  cluster_bootstrap(clusters, 1000, 3, 0.95, [&](std::span<const double> weights) -> std::optional<double> {
    if (++calls <= 1001) {
      EXPECT_EQ(weights[0], weights[1]);
      EXPECT_EQ(weights[1], weights[2]);
      EXPECT_EQ(weights[4], weights[5]);
      EXPECT_EQ(weights[0] + weights[3] + weights[4], 3);
    }
    return weights[0];
  });
  EXPECT_GE(calls, 1001);
}

TEST(ClusterBootstrap, DrawsAgainWhereTheStatisticIsUndefined) {
  // Of ten clusters drawn from ten, the first is missing with probability 0.35.
  Clusters clusters(10);
  std::iota(clusters.begin(), clusters.end(), 0u);
  const auto interval =
      cluster_bootstrap(clusters, 1000, 3, 0.95, [](std::span<const double> weights) -> std::optional<double> {
        EXPECT_EQ(std::accumulate(weights.begin(), weights.end(), 0.0), 10);
        if (weights[0] == 0) return std::nullopt;
        return 1;
      });
  ASSERT_TRUE(interval.has_value());
  EXPECT_EQ(interval->low, 1);
  EXPECT_EQ(interval->standard_error, 0);
}

TEST(ClusterBootstrap, IsNoNarrowerThanStudentsTWithFewClusters) {
  // Four clusters have 35 resamples that differ: at a level of one in a thousand the percentiles are their extremes.
  const Numbers values{0, 1, 2, 5};
  const Clusters clusters{0, 1, 2, 3};
  const auto interval = cluster_bootstrap(clusters, 1000, 3, 0.999, weighted_mean_of(values));
  const auto by_t = clustered_mean(values, clusters, 0.999);
  EXPECT_LT(interval->low, 0 - 5 * by_t->standard_error);
  EXPECT_NEAR(interval->low, by_t->low, by_t->standard_error);
  EXPECT_NEAR(interval->high, by_t->high, by_t->standard_error);
}

TEST(ClusterBootstrap, ReachesAsFarAsThePercentilesWhereTheStatisticIsSkewed) {
  Random random(79);
  Clusters clusters(40);
  std::iota(clusters.begin(), clusters.end(), 0u);
  Numbers values(40);
  for (double& value : values) value = random.normal();
  const auto mean = weighted_mean_of(values);
  const auto interval = cluster_bootstrap(clusters, 2000, 1, 0.95, [&](std::span<const double> weights) {
    return std::optional(std::exp(3 * *mean(weights)));
  });
  const double reach = student_t_quantile(0.95, 39) * interval->standard_error * std::sqrt(40.0 / 39);
  EXPECT_DOUBLE_EQ(interval->low, interval->estimate - reach);
  EXPECT_GT(interval->high, interval->estimate + 1.05 * reach);
}

TEST(ClusterBootstrap, GivesUpWhereTheStatisticIsMostlyUndefined) {
  Clusters clusters(10);
  std::iota(clusters.begin(), clusters.end(), 0u);
  const auto mostly_undefined = [](std::span<const double> weights) -> std::optional<double> {
    if (weights[0] != 1 || weights[1] != 1) return std::nullopt;
    return weights[2];
  };
  EXPECT_FALSE(cluster_bootstrap(clusters, 1000, 3, 0.95, mostly_undefined).has_value());
  EXPECT_FALSE(cluster_bootstrap(clusters, 1000, 3, 0.95, [](std::span<const double>) {
                 return std::optional<double>();
               }).has_value());
  EXPECT_FALSE(cluster_bootstrap(Clusters{4, 4}, 1000, 3, 0.95, [](std::span<const double>) {
                 return std::optional<double>(1);
               }).has_value());
}

TEST(ClusterBootstrap, GivesTheSameForAStatisticOfGroupsAsForOneOfRows) {
  Random random(80);
  for (const std::uint32_t step : {1u, 1000u}) {  // numbers of clusters as they come, and with wide gaps
    Numbers labels;
    Numbers scores;
    Clusters clusters;
    for (int i = 0; i < 300; ++i) {
      scores.push_back(static_cast<double>(random.below(40)) / 40);
      labels.push_back(random.uniform() < scores.back() ? 1 : 0);
      clusters.push_back(step * static_cast<std::uint32_t>(random.below(12)));
    }
    const Scored scored{.task = Task::binary, .labels = labels, .predictions = scores};
    const WeightedMetric by_row(Metric::auc, scored);
    const auto rows = cluster_bootstrap(clusters, 1000, 9, 0.95, [&](auto weights) { return by_row(weights); });
    std::vector<std::size_t> groups_seen;
    const auto groups =
        grouped_cluster_bootstrap(clusters, 1000, 9, 0.95, [&](std::span<const std::uint32_t> of_rows) -> Statistic {
          groups_seen.push_back(of_rows.size());
          const auto by_group = std::make_shared<const WeightedMetric>(Metric::auc, scored, of_rows);
          return [by_group](std::span<const double> weights) { return (*by_group)(weights); };
        });
    EXPECT_EQ(groups_seen, (std::vector<std::size_t>{300, 0}));
    ASSERT_TRUE(rows && groups);
    EXPECT_EQ(groups->estimate, rows->estimate);
    EXPECT_EQ(groups->low, rows->low);
    EXPECT_EQ(groups->high, rows->high);
    EXPECT_EQ(groups->standard_error, rows->standard_error);
    EXPECT_EQ(groups->inflation, rows->inflation);
    EXPECT_EQ(groups->clusters, 12u);
  }
}

// A mean of independent rows has a standard error that everybody knows; rows that stand ten times side by side have one
// that is sqrt(10) times as large. Between them the groups are dealt at random, so that few of a cluster meet.
TEST(ClusterBootstrap, ComparesManyRowsWithIndependentOnesByGroupsDealtAtRandom) {
  Random random(81);
  constexpr std::size_t kClusters = 4000;
  Numbers values;
  Clusters clusters;
  for (std::uint32_t cluster = 0; cluster < kClusters; ++cluster) {
    values.insert(values.end(), 10, random.uniform());
    clusters.insert(clusters.end(), 10, cluster);
  }
  std::vector<std::size_t> group_counts;
  const auto mean_of = [&](std::span<const std::uint32_t> groups) -> Statistic {
    const std::size_t count = *std::max_element(groups.begin(), groups.end()) + std::size_t{1};
    group_counts.push_back(count);
    auto sums = std::make_shared<Numbers>(count);
    auto rows = std::make_shared<Numbers>(count);
    for (std::size_t i = 0; i < values.size(); ++i) {
      (*sums)[groups[i]] += values[i];
      (*rows)[groups[i]] += 1;
    }
    return [sums, rows](std::span<const double> weights) -> std::optional<double> {
      const double sum = std::inner_product(weights.begin(), weights.end(), sums->begin(), 0.0);
      return sum / std::inner_product(weights.begin(), weights.end(), rows->begin(), 0.0);
    };
  };
  const auto interval = grouped_cluster_bootstrap(clusters, 1000, 9, 0.95, mean_of);
  ASSERT_TRUE(interval);
  EXPECT_EQ(group_counts, (std::vector<std::size_t>{kClusters, 200}));
  EXPECT_NEAR(interval->standard_error, std::sqrt(1.0 / 12 / kClusters), 0.1 * interval->standard_error);
  EXPECT_NEAR(interval->inflation, std::sqrt(10.0), 0.15 * std::sqrt(10.0));
}

TEST(ClusterBootstrap, DoesNotDependOnTheNumberOfThreads) {
  Clusters clusters(50);
  std::iota(clusters.begin(), clusters.end(), 0u);
  // Undefined now and then, so that some replicates are drawn again.
  const auto of_groups = [](std::span<const std::uint32_t>) -> Statistic {
    return [](std::span<const double> weights) -> std::optional<double> {
      if (weights[0] == 0) return std::nullopt;
      return weights[1] + 2 * weights[2];
    };
  };
  const auto one = grouped_cluster_bootstrap(clusters, 1000, 9, 0.95, of_groups);
  const auto three = grouped_cluster_bootstrap(clusters, 1000, 9, 0.95, of_groups, 3);
  ASSERT_TRUE(one && three);
  EXPECT_EQ(three->standard_error, one->standard_error);
  EXPECT_EQ(three->low, one->low);
  EXPECT_EQ(three->high, one->high);
  const auto never = [](std::span<const std::uint32_t>) -> Statistic {
    return [](std::span<const double>) { return std::optional<double>(); };
  };
  // Of the rows as they are it is defined, of no draw of them.
  bool asked = false;
  const auto only_once = [&asked](std::span<const std::uint32_t>) -> Statistic {
    return [&asked](std::span<const double>) {
      return std::exchange(asked, true) ? std::nullopt : std::optional<double>(1);
    };
  };
  EXPECT_FALSE(grouped_cluster_bootstrap(clusters, 1000, 9, 0.95, never, 3));
  EXPECT_FALSE(grouped_cluster_bootstrap(clusters, 1000, 9, 0.95, only_once, 1));
}

TEST(ClusterBootstrap, RefusesTooFewReplicates) {
  EXPECT_THROW(
      cluster_bootstrap(Clusters{0, 1}, 999, 3, 0.95, [](std::span<const double>) { return std::optional<double>(1); }),
      std::logic_error);
}

}  // namespace
}  // namespace retraind::stats
