// Where nothing differs, the p-values of homogeneity are uniform: by simulation with fixed seeds.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/stats/cells.h"
#include "core/stats/drift.h"
#include "core/stats/kolmogorov.h"
#include "tests/unit/stats/draw.h"

namespace retraind::stats {
namespace {

// Of "nothing differs", by T on the cells that drift is tested on, but for those which bypass pooling: there T is not
// chi-square, which is why it is never tested alone.
double p_of_no_difference(const ColumnProfile& reference, const ColumnProfile& current) {
  std::vector<double> before;
  std::vector<double> now;
  for (const Cell& cell : pool_small(lay_out(reference, current))) {
    if (cell.kind == CellKind::below || cell.kind == CellKind::above || cell.kind == CellKind::outside) continue;
    before.push_back(cell.reference);
    now.push_back(cell.current);
  }
  const CellComparison comparison = compare_cells(before, now);
  return std::exp(log_sf_noncentral_chi_square(comparison.statistic, comparison.degrees, 0));
}

// The probability of so large a distance between the values and the uniform distribution.
double p_of_uniformity(std::vector<double> p) {
  std::sort(p.begin(), p.end());
  double distance = 0;
  const auto n = static_cast<double>(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    distance = std::max({distance, p[i] - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p[i]});
  }
  return std::exp(log_sf_kolmogorov_smirnov(distance, n));
}

struct Distribution {
  const char* name;
  std::function<double(Random&)> draw;
};

class OfNumbers : public testing::TestWithParam<Distribution> {};

TEST_P(OfNumbers, PValuesAreUniformWhereNothingDiffers) {
  Random random(61);
  const auto sample = [&](std::size_t rows) {
    std::vector<double> values(rows);
    for (double& value : values) value = GetParam().draw(random);
    return values;
  };
  std::vector<double> few;
  std::vector<double> many;
  for (int repeat = 0; repeat < 250; ++repeat) {
    const ColumnProfile reference = profile_numbers("x", sample(2000), {});
    ColumnProfile current = empty_like(reference);
    add_numbers(current, sample(100), {});
    few.push_back(p_of_no_difference(reference, current));
    add_numbers(current, sample(900), {});
    many.push_back(p_of_no_difference(reference, current));
  }
  EXPECT_GT(p_of_uniformity(few), .01);
  EXPECT_GT(p_of_uniformity(many), .01);
}

INSTANTIATE_TEST_SUITE_P(NullCalibration, OfNumbers,
                         testing::Values(Distribution{"normal", [](Random& random) { return random.normal(); }},
                                         Distribution{"lognormal",
                                                      [](Random& random) { return std::exp(random.normal()); }},
                                         Distribution{"student_t3",
                                                      [](Random& random) {
                                                        const double a = random.normal();
                                                        const double b = random.normal();
                                                        const double c = random.normal();
                                                        return random.normal() / std::sqrt((a * a + b * b + c * c) / 3);
                                                      }}),
                         [](const auto& tested) { return std::string(tested.param.name); });

// Bins of sample quantiles make all continuous distributions one: a bin that holds k of n reference rows has the share
// of a sum of k gaps between uniform order statistics, which is gamma distributed before it is divided by the sum of
// all gaps. Wilson and Hilferty's (1931) gamma variable; the outer gaps, of one row each, are exponential.
TEST(NullCalibration, PValuesOfAHundredThousandNumbersAreUniform) {
  Random random(62);
  std::vector<double> values(19200);
  for (double& value : values) value = random.uniform();
  const ColumnProfile reference = profile_numbers("x", values, {});
  const std::vector<std::uint64_t>& counts = std::get<NumericProfile>(reference.values).counts;
  ASSERT_EQ(counts.size(), 66u);
  std::vector<double> p;
  for (int repeat = 0; repeat < 1000; ++repeat) {
    std::vector<double> shares;
    double sum = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto k = static_cast<double>(counts[i]);
      const double gap = counts[i] == 0 ? -std::log(1 - random.uniform())
                                        : k * std::pow(1 - 1 / (9 * k) + random.normal() / (3 * std::sqrt(k)), 3);
      shares.push_back(gap);
      sum += gap;
    }
    for (double& share : shares) share /= sum;
    p.push_back(p_of_no_difference(reference, with_counts(reference, draw_multinomial(random, 100000, shares))));
  }
  EXPECT_GT(p_of_uniformity(p), .01);
}

TEST(NullCalibration, PValuesOfZipfLevelsAreUniform) {
  Random random(63);
  std::vector<std::string> names;
  std::vector<double> shares;
  double sum = 0;
  for (int i = 0; i < 200; ++i) {
    names.push_back("level " + std::to_string(1000 + i));
    shares.push_back(1.0 / (i + 1));
    sum += shares.back();
  }
  for (double& share : shares) share /= sum;
  const ColumnProfile like = profile_texts("t", std::vector<std::string_view>(names.begin(), names.end()), {});
  for (const std::uint64_t rows : {100, 1000, 100000}) {
    std::vector<double> p;
    for (int repeat = 0; repeat < 1000; ++repeat) {
      p.push_back(p_of_no_difference(with_counts(like, draw_multinomial(random, 20000, shares)),
                                     with_counts(like, draw_multinomial(random, rows, shares))));
    }
    EXPECT_GT(p_of_uniformity(p), .01) << rows;
  }
}

// What is tested is the lesser of two statistics on all cells, and where rows are few the larger of two p-values: never
// more often small than it should be.
TEST_P(OfNumbers, NoMethodsPValueIsSmallMoreOftenThanItShouldBe) {
  Random random(64);
  const auto sample = [&](std::size_t rows) {
    std::vector<double> values(rows);
    for (double& value : values) value = GetParam().draw(random);
    return values;
  };
  const std::vector<DriftMethod> methods{
      DriftMethod::jensen_shannon, DriftMethod::chi_square,  DriftMethod::psi,
      DriftMethod::hellinger,      DriftMethod::ks,          DriftMethod::wasserstein,
      DriftMethod::null_rate,      DriftMethod::out_of_range};
  std::vector<int> small(methods.size());
  const int repeats = 300;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const ColumnProfile reference = profile_numbers("x", sample(2000), {});
    ColumnProfile current = empty_like(reference);
    add_numbers(current, sample(400), {});
    for (std::size_t i = 0; i < methods.size(); ++i) {
      small[i] += measure_column(reference, current, methods[i], 1e-9).log_p <= std::log(.05);
    }
  }
  // 15, and three standard errors.
  for (std::size_t i = 0; i < methods.size(); ++i) EXPECT_LE(small[i], 26) << to_text(methods[i]);
}

}  // namespace
}  // namespace retraind::stats
