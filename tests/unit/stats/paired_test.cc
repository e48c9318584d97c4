#include "core/stats/paired.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "core/base/random.h"

namespace retraind::stats {
namespace {

using Numbers = std::vector<double>;

// 113 patients with an aneurysmal subarachnoid haemorrhage (Turck et al. 2010, Intensive Care Medicine 36:107), as the
// data set aSAH of the R package pROC has them: poor outcome after six months, the clinical score WFNS, and the blood
// levels of the proteins S100B and NDKA.
struct Patient {
  double poor;
  double wfns;
  double s100b;
  double ndka;
};
const Patient kPatients[] = {
    {0, 1, 0.13, 3.01},  {0, 1, 0.14, 8.54},  {0, 1, 0.1, 8.09},   {0, 1, 0.04, 10.42}, {1, 3, 0.13, 17.4},
    {1, 2, 0.1, 12.75},  {0, 5, 0.47, 6},     {1, 4, 0.16, 13.2},  {0, 1, 0.18, 15.54}, {0, 2, 0.1, 6.01},
    {1, 5, 0.12, 15.96}, {0, 2, 0.1, 17.86},  {1, 5, 0.44, 5.18},  {1, 5, 0.71, 8.9},   {0, 1, 0.04, 13.41},
    {0, 2, 0.08, 20.75}, {1, 5, 0.49, 11.6},  {0, 2, 0.04, 16.11}, {1, 2, 0.07, 32.37}, {1, 5, 0.33, 54.82},
    {1, 2, 0.09, 32.41}, {0, 1, 0.09, 49.94}, {1, 1, 0.07, 40.34}, {0, 1, 0.11, 9.47},  {0, 1, 0.07, 6.29},
    {0, 2, 0.17, 12.53}, {0, 1, 0.07, 6.54},  {0, 2, 0.11, 6.3},   {0, 1, 0.13, 80.3},  {0, 1, 0.19, 12.8},
    {0, 3, 0.05, 9.8},   {0, 4, 0.16, 9.81},  {1, 2, 0.41, 9.85},  {0, 1, 0.14, 18.21}, {0, 4, 0.34, 5.03},
    {1, 5, 0.35, 14.04}, {1, 4, 0.48, 21.93}, {0, 1, 0.09, 8.02},  {1, 4, 0.96, 7.42},  {1, 2, 0.25, 8.38},
    {0, 5, 0.5, 6.59},   {0, 5, 0.46, 9.63},  {0, 1, 0.16, 13.12}, {0, 1, 0.07, 7.96},  {0, 2, 0.43, 14.34},
    {0, 4, 0.45, 41.43}, {0, 1, 0.11, 7.63},  {0, 1, 0.08, 7.06},  {0, 2, 0.09, 12.59}, {1, 5, 0.86, 13.56},
    {1, 5, 0.52, 3.87},  {0, 2, 0.08, 9.44},  {0, 1, 0.06, 7.66},  {0, 2, 0.13, 12.98}, {1, 5, 2.07, 419.19},
    {0, 1, 0.1, 27.19},  {0, 2, 0.14, 22.27}, {0, 2, 0.15, 9.95},  {1, 2, 0.07, 21.22}, {0, 1, 0.06, 11.73},
    {1, 5, 0.77, 10.4},  {0, 1, 0.05, 58.83}, {0, 1, 0.09, 6.39},  {1, 2, 0.3, 11.09},  {1, 5, 0.03, 12.22},
    {1, 2, 0.09, 13.67}, {0, 1, 0.04, 17.21}, {1, 4, 0.23, 22.63}, {1, 5, 0.7, 12.9},   {0, 2, 0.09, 9.7},
    {1, 4, 0.27, 21.57}, {1, 4, 0.71, 8.23},  {1, 1, 0.08, 72.57}, {1, 4, 0.26, 15.54}, {0, 1, 0.08, 10.51},
    {0, 2, 0.16, 10.6},  {0, 1, 0.09, 14.57}, {1, 4, 0.13, 5.19},  {1, 2, 0.1, 9.63},   {0, 1, 0.08, 4.61},
    {1, 2, 0.11, 21.48}, {0, 3, 0.33, 17.3},  {0, 2, 0.11, 12.71}, {0, 4, 0.28, 9.44},  {0, 2, 0.07, 11.07},
    {0, 1, 0.1, 19.46},  {0, 4, 0.32, 10.83}, {1, 5, 0.22, 5.37},  {0, 1, 0.07, 11.97}, {0, 1, 0.05, 7.75},
    {0, 5, 0.24, 9.83},  {0, 4, 0.38, 10.55}, {0, 2, 0.1, 28.49},  {0, 2, 0.15, 8.53},  {0, 1, 0.08, 12.57},
    {0, 1, 0.14, 12.9},  {0, 1, 0.1, 46.83},  {0, 3, 0.07, 11.68}, {0, 1, 0.04, 12.67}, {0, 2, 0.19, 9.01},
    {1, 5, 0.56, 9.57},  {1, 2, 0.14, 34.06}, {1, 2, 0.58, 11.72}, {1, 5, 0.32, 14.26}, {1, 5, 0.82, 47.61},
    {1, 5, 0.74, 11.67}, {0, 2, 0.15, 24.58}, {0, 4, 0.47, 10.33}, {0, 4, 0.17, 13.87}, {1, 5, 0.44, 15.89},
    {0, 1, 0.15, 22.43}, {0, 1, 0.5, 6.79},   {0, 1, 0.48, 13.45}};

struct Trial {
  Numbers poor;
  Numbers wfns;
  Numbers s100b;
  Numbers ndka;
};

Trial patients() {
  Trial trial;
  for (const Patient& patient : kPatients) {
    trial.poor.push_back(patient.poor);
    trial.wfns.push_back(patient.wfns);
    trial.s100b.push_back(patient.s100b);
    trial.ndka.push_back(patient.ndka);
  }
  return trial;
}

// The published values are those of pROC 1.18 (its tests and manual).
TEST(Delong, AgreesWithThePublishedAreasAndCovariances) {
  const Trial trial = patients();
  const auto proteins = delong(trial.poor, trial.s100b, trial.ndka);
  ASSERT_TRUE(proteins.has_value());
  EXPECT_NEAR(proteins->first, .7313686, 5e-8);
  EXPECT_NEAR(proteins->second, .6119580, 5e-8);
  EXPECT_NEAR(proteins->first_variance, .00266868245717244, 1e-16);
  EXPECT_NEAR(proteins->second_variance, .0031908105493913, 1e-16);
  EXPECT_NEAR(proteins->covariance, -.000756164938056579, 1e-16);
  const auto clinical = delong(trial.poor, trial.s100b, trial.wfns);
  EXPECT_NEAR(clinical->second, .823679, 5e-7);
  EXPECT_NEAR(clinical->second_variance, .00146991470882363, 1e-16);
  EXPECT_NEAR(clinical->covariance, .00119615567376754, 1e-16);
  // The published intervals of the areas by themselves are normal, 95 %.
  const double reach = 1.959963984540054 * std::sqrt(clinical->second_variance);
  EXPECT_NEAR(clinical->second - reach, .748534887819, 5e-12);
  EXPECT_NEAR(clinical->second + reach, .898822835758, 5e-12);
}

TEST(Delong, AgreesWithThePublishedTestsAndIntervalsOfDifferences) {
  const Trial trial = patients();
  const auto clinical = delong(trial.poor, trial.wfns, trial.s100b);
  EXPECT_NEAR(clinical->z, 2.20898359144091, 1e-12);
  EXPECT_NEAR(clinical->p, .0271757822291882, 1e-14);
  const auto against_ndka = delong(trial.poor, trial.wfns, trial.ndka);
  EXPECT_NEAR(against_ndka->z, 2.79777591868904, 1e-12);
  EXPECT_NEAR(against_ndka->p, .00514557970691098, 1e-14);
  const auto proteins = delong(trial.poor, trial.ndka, trial.s100b);
  EXPECT_NEAR(proteins->z, -1.39077002573558, 1e-12);
  EXPECT_NEAR(proteins->p, .164295175223054, 1e-14);

  const auto interval = delong_difference(trial.poor, trial.wfns, trial.s100b, .975);
  ASSERT_TRUE(interval.has_value());
  EXPECT_NEAR(interval->low, .0104061769564846, 1e-14);
  EXPECT_NEAR(interval->high, .174214419249478, 1e-14);
  EXPECT_EQ(interval->clusters, 113u);
  EXPECT_EQ(interval->method, "delong");
  EXPECT_EQ(interval->inflation, 1);
  const auto of_proteins = delong_difference(trial.poor, trial.s100b, trial.ndka, .975);
  EXPECT_NEAR(of_proteins->low, -.04887061, 5e-9);
  EXPECT_NEAR(of_proteins->high, .28769174, 5e-9);
}

// The definition, pair by pair.
Delong by_pairs(const Numbers& labels, const Numbers& first, const Numbers& second) {
  const auto wins = [](double above, double below) { return above > below ? 1 : above == below ? .5 : 0; };
  Numbers positives[2];
  Numbers negatives[2];
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (const int model : {0, 1}) {
      const Numbers& scores = model == 0 ? first : second;
      double won = 0;
      double others = 0;
      for (std::size_t j = 0; j < labels.size(); ++j) {
        if (labels[i] == labels[j]) continue;
        won += labels[i] == 1 ? wins(scores[i], scores[j]) : wins(scores[j], scores[i]);
        ++others;
      }
      (labels[i] == 1 ? positives : negatives)[model].push_back(won / others);
    }
  }
  const auto mean = [](const Numbers& x) {
    return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
  };
  const auto covariance = [&](const Numbers& x, const Numbers& y) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += (x[i] - mean(x)) * (y[i] - mean(y));
    return sum / static_cast<double>(x.size() - 1) / static_cast<double>(x.size());
  };
  Delong result;
  result.first = mean(positives[0]);
  result.second = mean(positives[1]);
  result.first_variance = covariance(positives[0], positives[0]) + covariance(negatives[0], negatives[0]);
  result.second_variance = covariance(positives[1], positives[1]) + covariance(negatives[1], negatives[1]);
  result.covariance = covariance(positives[0], positives[1]) + covariance(negatives[0], negatives[1]);
  result.z = (result.first - result.second) /
             std::sqrt(result.first_variance + result.second_variance - 2 * result.covariance);
  return result;
}

TEST(Delong, IsThatOfAllPairsAlsoWithManyTies) {
  Random random(5);
  for (int repeat = 0; repeat < 50; ++repeat) {
    Numbers labels{0, 0, 1, 1};
    for (int i = 0; i < 40; ++i) labels.push_back(static_cast<double>(random.below(4) == 0));
    Numbers first;
    Numbers second;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      first.push_back(static_cast<double>(random.below(5)) / 10);
      second.push_back(random.below(2) == 0 ? first.back() : static_cast<double>(random.below(9)) / 10);
    }
    const auto fast = delong(labels, first, second);
    const Delong slow = by_pairs(labels, first, second);
    EXPECT_NEAR(fast->first, slow.first, 1e-14);
    EXPECT_NEAR(fast->second, slow.second, 1e-14);
    EXPECT_NEAR(fast->first_variance, slow.first_variance, 1e-15);
    EXPECT_NEAR(fast->second_variance, slow.second_variance, 1e-15);
    EXPECT_NEAR(fast->covariance, slow.covariance, 1e-15);
    EXPECT_NEAR(fast->z, slow.z, 1e-9);
  }
}

TEST(Delong, IsThatOfAllPairsOfManyRows) {
  Random random(6);
  Numbers labels;
  Numbers first;
  Numbers second;
  for (int i = 0; i < 900; ++i) {
    labels.push_back(static_cast<double>(random.below(3) == 0));
    first.push_back(random.normal() + labels.back());
    second.push_back(static_cast<double>(static_cast<float>(first.back() + random.normal())));
  }
  const auto fast = delong(labels, first, second);
  const Delong slow = by_pairs(labels, first, second);
  EXPECT_NEAR(fast->first, slow.first, 1e-13);
  EXPECT_NEAR(fast->second, slow.second, 1e-13);
  EXPECT_NEAR(fast->first_variance, slow.first_variance, 1e-16);
  EXPECT_NEAR(fast->second_variance, slow.second_variance, 1e-16);
  EXPECT_NEAR(fast->covariance, slow.covariance, 1e-16);
}

TEST(Delong, DependsOnOrderAlone) {
  const Trial trial = patients();
  Numbers curved;
  for (const double level : trial.s100b) curved.push_back(std::exp(3 * level) - 7);
  const auto straight = delong(trial.poor, trial.s100b, trial.ndka);
  EXPECT_EQ(delong(trial.poor, curved, trial.ndka)->z, straight->z);
  EXPECT_EQ(delong(trial.poor, trial.ndka, trial.s100b)->z, -straight->z);
  // Two models that order every pair alike do not differ, and rounding must not say that they do.
  EXPECT_EQ(delong(trial.poor, curved, trial.s100b)->z, 0);
  EXPECT_EQ(delong(trial.poor, curved, trial.s100b)->p, 1);
  const auto interval = delong_difference(trial.poor, curved, trial.s100b, .95);
  EXPECT_EQ(interval->low, 0);
  EXPECT_EQ(interval->high, 0);
}

TEST(Delong, RanksAClassThatTheModelCannotKnowBelowEveryNegative) {
  const Numbers first{.1, .4, .35, .8, .7};
  const Numbers second{.2, .5, .1, .9, .3};
  const auto unknown = delong(Numbers{0, 0, 1, 1, -1}, first, second);
  const auto below = delong(Numbers{0, 0, 1, 1, 1}, Numbers{.1, .4, .35, .8, 0}, Numbers{.2, .5, .1, .9, 0});
  EXPECT_EQ(unknown->first, below->first);
  EXPECT_EQ(unknown->second, below->second);
  EXPECT_EQ(unknown->z, below->z);
  EXPECT_DOUBLE_EQ(unknown->first, .5);  // 1 + 2 + 0 of 6 pairs
}

TEST(Delong, NeedsTwoRowsOfEitherClass) {
  EXPECT_FALSE(delong(Numbers{1, 0, 0}, Numbers{1, 2, 3}, Numbers{1, 2, 3}).has_value());
  EXPECT_FALSE(delong(Numbers{1, 1, 0}, Numbers{1, 2, 3}, Numbers{1, 2, 3}).has_value());
  EXPECT_FALSE(delong(Numbers{1, 1, 1, -1}, Numbers{1, 2, 3, 4}, Numbers{1, 2, 3, 4}).has_value());
  EXPECT_FALSE(delong_difference({}, {}, {}, .95).has_value());
}

TEST(Delong, ClaimsNoCertaintyWhereNothingVaries) {
  const Numbers labels{0, 0, 1, 1};
  const Numbers right{.1, .2, .8, .9};
  const Numbers wrong{.9, .8, .2, .1};
  EXPECT_EQ(delong(labels, right, wrong)->z, std::numeric_limits<double>::infinity());
  EXPECT_FALSE(delong_difference(labels, right, wrong, .95).has_value());
}

TEST(Delong, RefusesWhatDoesNotFit) {
  const Numbers labels{0, 0, 1, 1};
  EXPECT_THROW(delong(labels, Numbers{1, 2, 3}, labels), std::logic_error);
  EXPECT_THROW(delong(labels, labels, Numbers{1, 2, 3}), std::logic_error);
  EXPECT_THROW(delong(labels, labels, Numbers{1, 2, 3, std::nan("")}), std::logic_error);
  EXPECT_THROW(delong(Numbers{0, 0, 1, 2}, labels, labels), std::logic_error);
  EXPECT_THROW(delong_difference(labels, labels, labels, 1), std::logic_error);
}

TEST(McNemar, HasThePublishedValues) {
  EXPECT_NEAR(mcnemar_exact(10, 25), .016673847800120715, 1e-15);
  EXPECT_NEAR(mcnemar_chi_square(10, 25, true), .01796047752607879, 1e-15);
  EXPECT_NEAR(mcnemar_chi_square(10, 25, false), .011229886652916672, 1e-15);
  EXPECT_EQ(mcnemar_exact(25, 10), mcnemar_exact(10, 25));
  // Approval of the prime minister in two polls of the same people (Agresti 1990): 150 and 86 changed their minds.
  EXPECT_NEAR(mcnemar_exact(150, 86), 3.715936139571387e-05, 1e-17);
  EXPECT_NEAR(mcnemar_chi_square(150, 86, false), std::erfc(std::sqrt(17.35593220338983 / 2)), 1e-17);
  EXPECT_NEAR(mcnemar_chi_square(150, 86, true), std::erfc(std::sqrt(16.81779661016949 / 2)), 1e-17);
}

TEST(McNemar, SaysNothingWhereTheModelsErrEquallyOften) {
  for (const bool continuity : {false, true}) {
    EXPECT_EQ(mcnemar_chi_square(0, 0, continuity), 1);
    EXPECT_EQ(mcnemar_chi_square(7, 7, continuity), 1);
  }
  EXPECT_EQ(mcnemar_exact(0, 0), 1);
  EXPECT_EQ(mcnemar_exact(7, 7), 1);
  EXPECT_NEAR(mcnemar_exact(0, 1), 1, 1e-15);  // twice one half
  EXPECT_EQ(mcnemar_chi_square(7, 8, true), 1);
  EXPECT_NEAR(mcnemar_exact(0, 6), 2.0 / 64, 1e-16);
}

}  // namespace
}  // namespace retraind::stats
