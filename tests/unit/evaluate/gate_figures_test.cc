// What is measured for the gates, and beforehand for whoever waits for rows.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/evaluate/compare.h"
#include "core/evaluate/decide.h"
#include "core/stats/power.h"
#include "tests/unit/evaluate/holdouts.h"

namespace retraind::evaluate {
namespace {

settings::Gate above(const char* name, Metric metric, double value) {
  settings::Gate gate;
  gate.name = name;
  gate.metric = metric;
  gate.above = value;
  return gate;
}

settings::Gate drop(const char* name, Metric metric, double value) {
  settings::Gate gate;
  gate.name = name;
  gate.metric = metric;
  gate.max_drop = value;
  return gate;
}

settings::Gate sliced(const char* name, Metric metric, double value, std::uint64_t levels = 10,
                      std::uint64_t min_rows = 100) {
  settings::Gate gate = drop(name, metric, value);
  gate.slices = settings::Slices{.column = "region", .levels = levels, .min_rows = min_rows};
  return gate;
}

Comparison measured_by(const Holdout& holdout, const std::vector<settings::Gate>& gates,
                       Metric metric = Metric::log_loss) {
  settings::Validation validation = by(metric);
  validation.gates = gates;
  return compare(holdout, Opponent::production, validation, 0.95, 1);
}

// Rows fall to the levels in turn.
Holdout regional(Holdout holdout, const std::vector<std::string>& levels) {
  SliceColumn column{"region", levels, {}};
  for (std::size_t i = 0; i < holdout.labels.size(); ++i) {
    column.values.push_back(static_cast<std::int32_t>((i / 2) % levels.size()));
  }
  holdout.slices = {column};
  return holdout;
}

TEST(GateFigures, HaveAnIntervalOfTheCandidatesOwnMetric) {
  const Holdout holdout = noisy_holdout(Task::binary, 200, 30);
  const Comparison comparison =
      measured_by(holdout, {above("a", Metric::accuracy, 0.5), above("b", Metric::auc, 0.5),
                            above("c", Metric::log_loss, 0.5), above("d", Metric::calibration_slope, 0.5)});
  ASSERT_EQ(comparison.gates.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const GateFigure& figure = comparison.gates[i];
    EXPECT_EQ(figure.gate, i);
    EXPECT_EQ(figure.rows, 200U);
    EXPECT_EQ(figure.slice, "");
    ASSERT_TRUE(figure.candidate) << figure.why_not;
    EXPECT_FALSE(figure.difference);
    EXPECT_LT(figure.candidate->low, figure.candidate->estimate);
    EXPECT_GT(figure.candidate->high, figure.candidate->estimate);
    const Metric metric = std::vector{Metric::accuracy, Metric::auc, Metric::log_loss, Metric::calibration_slope}[i];
    const auto found = std::find_if(comparison.candidate_metrics.begin(), comparison.candidate_metrics.end(),
                                    [&](const NamedMetric& value) { return value.metric == metric; });
    ASSERT_NE(found, comparison.candidate_metrics.end());
    EXPECT_NEAR(figure.candidate->estimate, found->value, 1e-12);
  }
}

TEST(GateFigures, DoNotTakeAShareThatWasNeverMissedForCertain) {
  const Holdout holdout = binary_holdout({.both_right = 200});
  const Comparison comparison = measured_by(holdout, {above("a", Metric::accuracy, 0.99)});
  ASSERT_TRUE(comparison.gates[0].candidate);
  EXPECT_EQ(comparison.gates[0].candidate->estimate, 1);
  // Clopper and Pearson's bound with 200 hits of 200: 0.05^(1/200).
  EXPECT_NEAR(comparison.gates[0].candidate->low, std::pow(0.05, 1.0 / 200), 1e-9);
}

TEST(GateFigures, HaveThePairedDifferenceInTheGatesOwnMetricAndConfidence) {
  const Holdout holdout = noisy_holdout(Task::binary, 400, 31);
  settings::Gate gate = drop("d", Metric::brier, 0.1);
  gate.confidence = 0.99;
  const Comparison comparison = measured_by(holdout, {gate});
  const Comparison direct = compared(holdout, Metric::brier, 0.99);
  ASSERT_TRUE(comparison.gates[0].difference);
  EXPECT_EQ(comparison.gates[0].difference->low, direct.difference->low);
  EXPECT_EQ(comparison.gates[0].difference->estimate, direct.difference->estimate);
}

TEST(GateFigures, KnowTheClassesOfAMulticlassTask) {
  Holdout holdout = noisy_holdout(Task::multiclass, 300, 32);
  holdout.class_names = {"ham", "spam", "scam"};
  settings::Gate gate = above("r", Metric::recall, 0.2);
  gate.of_class = "spam";
  settings::Gate unknown = gate;
  unknown.name = "u";
  unknown.of_class = "eggs";
  const Comparison comparison = measured_by(holdout, {gate, unknown});
  ASSERT_TRUE(comparison.gates[0].candidate) << comparison.gates[0].why_not;
  const auto found = std::find_if(comparison.candidate_metrics.begin(), comparison.candidate_metrics.end(),
                                  [](const NamedMetric& value) { return name_of(value) == "recall[spam]"; });
  ASSERT_NE(found, comparison.candidate_metrics.end());
  EXPECT_EQ(comparison.gates[0].candidate->estimate, found->value);
  EXPECT_FALSE(comparison.gates[1].candidate);
  EXPECT_EQ(comparison.gates[1].why_not, "no label is of the class \"eggs\"");
}

TEST(GateFigures, SayWhyTheyAreNone) {
  Holdout holdout = noisy_holdout(Task::binary, 100, 33);
  std::fill(holdout.labels.begin(), holdout.labels.end(), 1.0);
  Comparison comparison = measured_by(holdout, {above("a", Metric::auc, 0.5), drop("d", Metric::auc, 0.1)});
  EXPECT_EQ(comparison.gates[0].why_not, "auc is not defined on these 100 rows: all labels are of one class");
  EXPECT_EQ(comparison.gates[1].why_not, "auc is not defined on these 100 rows: all labels are of one class");
  holdout.candidate[3] = std::numeric_limits<double>::quiet_NaN();
  comparison = measured_by(holdout, {above("a", Metric::accuracy, 0.5), sliced("s", Metric::accuracy, 0.1)});
  ASSERT_EQ(comparison.gates.size(), 2U);
  for (const GateFigure& figure : comparison.gates) {
    EXPECT_EQ(figure.why_not, "row 4 of the predictions of the candidate is NaN");
    EXPECT_FALSE(figure.candidate || figure.difference || figure.log_p_harm);
  }
  EXPECT_EQ(comparison.gates[1].slice, "region");
}

TEST(GateFigures, DoNotChangeWithTheOtherGates) {
  const Holdout holdout = regional(noisy_holdout(Task::binary, 200, 34), {"north", "south"});
  const std::vector<settings::Gate> one = {drop("d", Metric::auc, 0.1)};
  const std::vector<settings::Gate> more = {above("a", Metric::f1, 0.1), sliced("s", Metric::average_precision, 0.1),
                                            drop("d", Metric::auc, 0.1)};
  const Comparison alone = measured_by(holdout, one, Metric::f1);
  const Comparison among = measured_by(holdout, more, Metric::f1);
  EXPECT_EQ(alone.difference->low, among.difference->low);
  EXPECT_EQ(alone.gates.back().difference->low, among.gates.back().difference->low);
  EXPECT_EQ(alone.gates.back().difference->standard_error, among.gates.back().difference->standard_error);
}

TEST(SliceFigures, AreOneForEachLevelAndOneForTheColumn) {
  Holdout holdout = regional(noisy_holdout(Task::binary, 400, 35), {"north", "south"});
  holdout.slices[0].values[0] = -1;
  const Comparison comparison = measured_by(holdout, {sliced("s", Metric::log_loss, 0.1)});
  ASSERT_EQ(comparison.gates.size(), 3U);
  EXPECT_EQ(comparison.gates[0].slice, "region=south") << "the most frequent first";
  EXPECT_EQ(comparison.gates[0].rows, 200U);
  EXPECT_EQ(comparison.gates[1].slice, "region=north");
  EXPECT_EQ(comparison.gates[1].rows, 199U);
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(comparison.gates[i].difference);
    EXPECT_GT(comparison.gates[i].difference->estimate, 0);
    ASSERT_TRUE(comparison.gates[i].log_p_harm);
    EXPECT_GT(*comparison.gates[i].log_p_harm, -0.01) << "a better candidate harms nobody";
  }
  EXPECT_EQ(comparison.gates[2].slice, "region");
  EXPECT_EQ(comparison.gates[2].rows, 399U);
  EXPECT_EQ(comparison.gates[2].why_not, "of another value or of none: 1 rows");
}

TEST(SliceFigures, HaveThePValueOfStudentsT) {
  // Differences 1..20 in units of mae, turned round: mean -10.5, variance 35, so t = -10.5 / sqrt(35 / 20) = -7.937
  // with 19 degrees of freedom; P(T <= t) = 9.4e-8 (any table of Student's t: between 1e-6 at 6.5 and 1e-8 at 9.2).
  Holdout holdout;
  holdout.task = Task::regression;
  SliceColumn column{"region", {"north"}, {}};
  for (int i = 1; i <= 20; ++i) {
    holdout.labels.push_back(0);
    holdout.opponent.push_back(-1);
    holdout.candidate.push_back(1 + i);
    column.values.push_back(0);
  }
  holdout.slices = {column};
  holdout.clusters = each_row_by_itself(20);
  const Comparison far = measured_by(holdout, {sliced("s", Metric::mae, 0, 10, 20)}, Metric::mae);
  ASSERT_TRUE(far.gates[0].log_p_harm);
  EXPECT_NEAR(std::exp(*far.gates[0].log_p_harm), 9.4e-8, 0.3e-8);
  const Comparison at = measured_by(holdout, {sliced("s", Metric::mae, 10.5, 10, 20)}, Metric::mae);
  EXPECT_NEAR(*at.gates[0].log_p_harm, std::log(0.5), 1e-9);
}

TEST(SliceFigures, NameTheLevelsThatAreTooSmallToBeJudged) {
  Holdout holdout = noisy_holdout(Task::binary, 400, 36);
  SliceColumn column{"region", {"north", "south", "east", "never"}, std::vector<std::int32_t>(400, 0)};
  for (std::size_t i = 0; i < 130; ++i) column.values[i] = 1;
  for (std::size_t i = 130; i < 142; ++i) column.values[i] = 2;
  // South has all of its rows but ten in one class.
  for (std::size_t i = 0; i < 130; ++i) holdout.labels[i] = i < 10 ? 1 : 0;
  holdout.slices = {column};
  holdout.class_names = {"paid", "defaulted"};
  const Comparison comparison = measured_by(holdout, {sliced("s", Metric::log_loss, 10)});
  ASSERT_EQ(comparison.gates.size(), 4U) << "a level without rows is none";
  EXPECT_TRUE(comparison.gates[0].log_p_harm);
  EXPECT_EQ(comparison.gates[1].why_not, "10 rows of class defaulted, fewer than 20");
  EXPECT_EQ(comparison.gates[2].why_not, "12 rows, fewer than 100");
  EXPECT_EQ(comparison.gates[3].rows, 258U);
  EXPECT_EQ(comparison.gates[3].why_not,
            "not judged: south (10 rows of class defaulted, fewer than 20), east (12 rows, fewer than 100)");
}

TEST(SliceFigures, EndWithTheMostFrequentLevels) {
  const Holdout holdout = regional(noisy_holdout(Task::regression, 300, 37), {"c", "b", "a"});
  const Comparison comparison = measured_by(holdout, {sliced("s", Metric::mae, 1, 2)}, Metric::mae);
  ASSERT_EQ(comparison.gates.size(), 3U);
  EXPECT_EQ(comparison.gates[0].slice, "region=a") << "of equally frequent ones the first by name";
  EXPECT_EQ(comparison.gates[1].slice, "region=b");
  EXPECT_EQ(comparison.gates[2].why_not, "beyond the 2 most frequent: 1 with 100 rows");
}

TEST(SliceFigures, SayThatAColumnVanished) {
  const Comparison comparison = measured_by(noisy_holdout(Task::binary, 400, 38), {sliced("s", Metric::log_loss, 0.1)});
  ASSERT_EQ(comparison.gates.size(), 1U);
  EXPECT_EQ(comparison.gates[0].slice, "region");
  EXPECT_EQ(comparison.gates[0].why_not, "the query no longer returns the column \"region\"");
  settings::Validation validation = by(Metric::log_loss);
  validation.gates = {sliced("s", Metric::log_loss, 0.1)};
  EXPECT_EQ(decided(comparison, validation).verdict, Verdict::inconclusive);
}

TEST(SliceFigures, FindAHarmThatTheWholeHides) {
  // In the south the candidate is the worse one; there are three times as many rows in the north.
  Holdout holdout = noisy_holdout(Task::binary, 800, 39);
  SliceColumn column{"region", {"north", "south"}, {}};
  for (std::size_t i = 0; i < 800; ++i) {
    const bool south = (i / 2) % 4 == 0;
    column.values.push_back(south ? 1 : 0);
    if (south) std::swap(holdout.candidate[i], holdout.opponent[i]);
  }
  holdout.slices = {column};
  for (const Metric metric : {Metric::log_loss, Metric::auc}) {
    settings::Validation validation = by(Metric::log_loss);
    validation.gates = {sliced("fair", metric, 0.001)};
    const Comparison comparison = compare(holdout, Opponent::production, validation, 0.95, 1);
    const Decision decision = decided(comparison, validation);
    EXPECT_TRUE(gate_of(decision, "difference").passed()) << decision.reason;
    EXPECT_EQ(decision.verdict, Verdict::reject) << to_text(metric) << decision.reason;
    EXPECT_EQ(gate_of(decision, "fair", "region=south").outcome, GateOutcome::failed);
    EXPECT_EQ(gate_of(decision, "fair", "region=north").outcome, GateOutcome::passed);
  }
}

TEST(SliceFigures, FailAHarmlessCandidateNoMoreOftenThanAlpha) {
  constexpr int kHoldouts = 120;
  Random random(40);
  std::vector<std::string> levels;
  for (int i = 0; i < 8; ++i) levels.push_back(std::to_string(i));
  settings::Validation validation = by(Metric::mae);
  validation.gates = {sliced("fair", Metric::mae, 0, 10, 50)};
  int failed = 0;
  for (int i = 0; i < kHoldouts; ++i) {
    Holdout holdout;
    holdout.task = Task::regression;
    for (std::size_t row = 0; row < 800; ++row) {
      holdout.labels.push_back(0);
      holdout.candidate.push_back(random.uniform());
      holdout.opponent.push_back(random.uniform());
    }
    holdout.clusters = blocks_of(800, 20);
    const Comparison comparison =
        compare(regional(std::move(holdout), levels), Opponent::production, validation, 0.95, 1);
    if (gate_of(decided(comparison, validation), "fair", "region").outcome == GateOutcome::failed) ++failed;
  }
  // 5 % of 120 is 6; three standard errors above it is 13. Without Holm's method it would be about 40.
  EXPECT_LE(failed, 13);
}

TEST(Weights, CountAsOftenAsTheySay) {
  // Rows of weight 2 are rows that stand there twice, in the same clusters.
  Holdout weighted = noisy_holdout(Task::binary, 120, 41);
  Holdout repeated = weighted;
  weighted.weights.assign(120, 1);
  for (std::size_t i = 0; i < 120; i += 3) {
    weighted.weights[i] = 2;
    repeated.labels.push_back(repeated.labels[i]);
    repeated.candidate.push_back(repeated.candidate[i]);
    repeated.opponent.push_back(repeated.opponent[i]);
    repeated.clusters.push_back(repeated.clusters[i]);
  }
  for (const Metric metric : {Metric::log_loss, Metric::accuracy, Metric::auc, Metric::f1}) {
    const Comparison a = compared(weighted, metric);
    const Comparison b = compared(repeated, metric);
    ASSERT_TRUE(a.difference && b.difference) << to_text(metric);
    EXPECT_NEAR(a.difference->estimate, b.difference->estimate, 1e-12) << to_text(metric);
    EXPECT_NEAR(a.difference->standard_error, b.difference->standard_error, 1e-9) << to_text(metric);
    EXPECT_EQ(a.rows, 120U) << "a row is a row, however much it weighs";
  }
}

TEST(Weights, OfZeroMakeARowNone) {
  Holdout weighted = regional(noisy_holdout(Task::binary, 400, 42), {"north", "south"});
  weighted.weights.assign(400, 3);
  for (std::size_t i = 100; i < 400; ++i) weighted.weights[i] = 0;
  Holdout fewer = regional(noisy_holdout(Task::binary, 400, 42), {"north", "south"});
  for (auto* part : {&fewer.labels, &fewer.candidate, &fewer.opponent}) part->resize(100);
  fewer.clusters.resize(100);
  fewer.slices[0].values.resize(100);
  const std::vector<settings::Gate> gates = {above("a", Metric::auc, 0.5), sliced("s", Metric::log_loss, 1, 10, 40)};
  const Comparison a = measured_by(weighted, gates);
  const Comparison b = measured_by(fewer, gates);
  EXPECT_EQ(a.rows, 100U);
  ASSERT_TRUE(a.difference && b.difference);
  EXPECT_EQ(a.difference->low, b.difference->low);
  EXPECT_EQ(a.difference->clusters, 10U);
  ASSERT_EQ(a.gates.size(), b.gates.size());
  for (std::size_t i = 0; i < a.gates.size(); ++i) {
    EXPECT_EQ(a.gates[i].rows, b.gates[i].rows);
    EXPECT_EQ(a.gates[i].why_not, b.gates[i].why_not);
  }

  weighted.weights.assign(400, 0);
  const Comparison none = measured_by(weighted, gates);
  EXPECT_EQ(none.rows, 0U);
  EXPECT_FALSE(none.difference);
  EXPECT_EQ(none.why_no_interval, "all 400 rows have a weight of 0");
  settings::Validation validation = by(Metric::log_loss);
  validation.gates = gates;
  EXPECT_EQ(decided(none, validation).verdict, Verdict::inconclusive);
}

TEST(Delong, IsTakenForIndependentRowsThatWeighTheSame) {
  Holdout holdout = noisy_holdout(Task::binary, 150, 43);
  EXPECT_EQ(compared(holdout, Metric::auc).difference->method, "cluster_bootstrap");
  holdout.clusters = each_row_by_itself(150);
  const auto resampled = compared(holdout, Metric::auc).difference;
  EXPECT_EQ(resampled->method, "cluster_bootstrap");
  holdout.rows_are_independent = true;
  const auto delong = compared(holdout, Metric::auc).difference;
  EXPECT_EQ(delong->method, "delong");
  EXPECT_NEAR(delong->estimate, resampled->estimate, 1e-12);
  EXPECT_NEAR(delong->standard_error, resampled->standard_error, 0.1 * resampled->standard_error);
  holdout.weights.assign(150, 1);
  holdout.weights[0] = 2;
  EXPECT_EQ(compared(holdout, Metric::auc).difference->method, "cluster_bootstrap");
  holdout.weights[0] = 1;
  EXPECT_EQ(compared(holdout, Metric::auc).difference->method, "delong");
}

TEST(Delong, DoesNotKeepAFirstModelThatIsAlwaysRightFromBeingPromoted) {
  Holdout holdout = binary_holdout({.only_candidate = 300});
  holdout.opponent.assign(300, 0.5);
  holdout.rows_are_independent = true;
  const Comparison comparison = compare(holdout, Opponent::baseline, by(Metric::auc), 0.95, 1);
  EXPECT_EQ(decided(comparison, by(Metric::auc)).verdict, Verdict::promote) << comparison.why_no_interval;
  for (auto* part : {&holdout.labels, &holdout.candidate, &holdout.opponent}) part->resize(10);
  holdout.clusters.resize(10);
  EXPECT_EQ(compared(holdout, Metric::auc).why_no_interval, "auc has no interval on so few rows: 5 of one class");
}

TEST(AnchorDifference, IsMeasuredOnTheSameRowsAtTheSameConfidence) {
  for (const Metric metric : {Metric::log_loss, Metric::auc}) {
    Holdout holdout = noisy_holdout(Task::binary, 120, 44);
    EXPECT_FALSE(compared(holdout, metric).anchor_difference);
    holdout.anchor = holdout.opponent;
    const Comparison comparison = compared(holdout, metric, 0.99);
    ASSERT_TRUE(comparison.anchor_difference);
    EXPECT_EQ(comparison.anchor_difference->estimate, comparison.difference->estimate);
    EXPECT_EQ(comparison.anchor_value, comparison.opponent_value);
    if (metric == Metric::log_loss) {
      EXPECT_EQ(comparison.anchor_difference->low, comparison.difference->low);
    }
    holdout.anchor->at(7) = 2;
    const Comparison broken = compared(holdout, metric);
    EXPECT_FALSE(broken.anchor_difference || broken.anchor_value);
    EXPECT_TRUE(broken.difference);
  }
}

TEST(Power, OfAccuracyFollowsFromHowOftenTheTwoDisagree) {
  // 2 points at 10 % disagreement: Connor's formula, at the one-sided 0.975 that is the usual two-sided 5 %.
  settings::Validation validation = by(Metric::accuracy);
  validation.detect = 0.02;
  const Holdout holdout =
      binary_holdout({.both_right = 666, .only_candidate = 37, .only_opponent = 37, .both_wrong = 0});
  const Comparison comparison = compare(holdout, Opponent::production, validation, 0.975, 1);
  ASSERT_TRUE(comparison.rows_needed);
  EXPECT_NEAR(static_cast<double>(*comparison.rows_needed), 1960, 5);
  ASSERT_TRUE(comparison.detectable);
  // (1.960 + 0.842) sqrt(0.1 / 740)
  EXPECT_NEAR(*comparison.detectable, 0.0326, 0.0004);
  const Decision decision = decided(comparison, validation);
  EXPECT_NE(decision.reason.find("740 rows show a true difference of 0.032"), std::string::npos) << decision.reason;
  EXPECT_NE(decision.reason.find(" to see 0.02; has 740"), std::string::npos) << decision.reason;
}

TEST(Power, CountsTheEffectOfClusters) {
  settings::Validation validation = by(Metric::accuracy);
  validation.detect = 0.02;
  Holdout holdout = binary_holdout({.both_right = 200, .only_candidate = 60, .only_opponent = 40, .both_wrong = 100});
  const Comparison rows = compare(holdout, Opponent::production, validation, 0.95, 1);
  holdout.clusters = blocks_of(400, 10);
  const Comparison blocks = compare(holdout, Opponent::production, validation, 0.95, 1);
  const double inflation = blocks.difference->inflation;
  ASSERT_GT(inflation, 2);
  EXPECT_NEAR(static_cast<double>(*blocks.rows_needed),
              static_cast<double>(*rows.rows_needed) * inflation * inflation / std::pow(rows.difference->inflation, 2),
              0.02 * static_cast<double>(*blocks.rows_needed));
  EXPECT_GT(*blocks.detectable, 2 * *rows.detectable);
}

TEST(Power, OfOtherMetricsFollowsFromTheStandardError) {
  for (const Metric metric : {Metric::log_loss, Metric::auc}) {
    settings::Validation validation = by(metric);
    const Holdout holdout = noisy_holdout(Task::binary, 150, 45);
    const Comparison without = compare(holdout, Opponent::production, validation, 0.95, 1);
    EXPECT_FALSE(without.rows_needed);
    ASSERT_TRUE(without.detectable);
    // (1.645 + 0.842) standard errors, and a little for Student's t
    EXPECT_NEAR(*without.detectable, 2.4865 * without.difference->standard_error, 0.02 * *without.detectable);
    validation.detect = *without.detectable / 2;
    const Comparison with = compare(holdout, Opponent::production, validation, 0.95, 1);
    EXPECT_NEAR(static_cast<double>(*with.rows_needed), 600, 15) << "half the difference takes four times the rows";
  }
}

TEST(Power, SaysNothingWhereNoNumberOfRowsWouldDo) {
  for (const Metric metric : {Metric::accuracy, Metric::log_loss}) {
    settings::Validation validation = by(metric);
    validation.detect = 1e-12;  // takes about 1e23 rows, and a bigint ends at 1e19
    const Comparison comparison =
        compare(noisy_holdout(Task::binary, 300, 46), Opponent::production, validation, 0.95, 1);
    EXPECT_TRUE(comparison.detectable);
    EXPECT_FALSE(comparison.rows_needed);
  }
}

TEST(Power, SaysNothingOfTwoModelsThatNeverDiffer) {
  Holdout holdout = noisy_holdout(Task::binary, 300, 46);
  holdout.opponent = holdout.candidate;
  settings::Validation validation = by(Metric::accuracy);
  validation.detect = 0.02;
  const Comparison comparison = compare(holdout, Opponent::production, validation, 0.95, 1);
  EXPECT_FALSE(comparison.detectable);
  EXPECT_FALSE(comparison.rows_needed);
}

}  // namespace
}  // namespace retraind::evaluate
