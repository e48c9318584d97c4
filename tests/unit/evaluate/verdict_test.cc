// Measuring and deciding together: what becomes of candidates whose true quality is known.

#include <gtest/gtest.h>

#include <cmath>

#include "core/evaluate/compare.h"
#include "core/evaluate/decide.h"
#include "core/evaluate/measure.h"
#include "tests/unit/evaluate/holdouts.h"

namespace retraind::evaluate {
namespace {

// Rows on which the models disagree one time in ten, and the candidate is right more often by `advantage`.
Holdout drawn_holdout(std::size_t rows, double advantage, Random& random) {
  constexpr double kDisagreement = 0.1;
  Outcomes outcomes;
  for (std::size_t i = 0; i < rows; ++i) {
    const double u = random.uniform();
    if (u < (kDisagreement + advantage) / 2) {
      ++outcomes.only_candidate;
    } else if (u < kDisagreement) {
      ++outcomes.only_opponent;
    } else {
      ++outcomes.both_right;
    }
  }
  return binary_holdout(outcomes);
}

Comparison quickly_compared(const Holdout& holdout, Metric metric, double confidence) {
  const Ask ask{.metric = metric, .of_class = {}, .confidence = confidence, .seed = 1};
  Comparison out;
  out.opponent = Opponent::production;
  out.metric = metric;
  out.rows = holdout.labels.size();
  out.confidence = confidence;
  out.candidate_value = value_of(holdout, holdout.candidate, ask);
  out.opponent_value = value_of(holdout, holdout.opponent, ask);
  out.difference = paired_interval(holdout, holdout.candidate, holdout.opponent, ask).interval;
  return out;
}

double promotion_rate(double advantage, std::uint64_t seed) {
  constexpr int kHoldouts = 300;
  Random random(seed);
  int promoted = 0;
  for (int i = 0; i < kHoldouts; ++i) {
    const Comparison comparison = quickly_compared(drawn_holdout(2000, advantage, random), Metric::accuracy, 0.95);
    if (decided(comparison, by(Metric::accuracy)).verdict == Verdict::promote) ++promoted;
  }
  return static_cast<double>(promoted) / kHoldouts;
}

// Measuring what decides and nothing besides takes a tenth of the time.
TEST(QuickComparison, IsTheWholeOne) {
  Random random(6);
  const Holdout holdout = drawn_holdout(300, 0.02, random);
  const Comparison whole = compared(holdout, Metric::accuracy);
  const Comparison quick = quickly_compared(holdout, Metric::accuracy, 0.95);
  EXPECT_EQ(quick.difference->low, whole.difference->low);
  EXPECT_EQ(quick.candidate_value, whole.candidate_value);
  EXPECT_EQ(decided(quick, by(Metric::accuracy)).verdict, decided(whole, by(Metric::accuracy)).verdict);
}

// The rate of a one-sided test at level 0.05: Phi(advantage / standard error - 1.645), with a standard error of
// sqrt((0.1 - advantage^2) / 2000).
TEST(SuperiorRule, PromotesAnEqualCandidateOneTimeInTwenty) {
  EXPECT_NEAR(promotion_rate(0, 1), 0.050, 0.02);
}
TEST(SuperiorRule, HardlyEverPromotesAWorseCandidate) {
  EXPECT_NEAR(promotion_rate(-0.005, 2), 0.009, 0.009);
}
TEST(SuperiorRule, PromotesABetterCandidateMostOfTheTime) {
  EXPECT_NEAR(promotion_rate(0.02, 3), 0.886, 0.02);
}

TEST(SuperiorRule, PromotesSomeOfTwentyEqualCandidatesInARowNoMoreOftenThanAlpha) {
  constexpr int kChampions = 100;
  Random random(4);
  int fooled = 0;
  for (int champion = 0; champion < kChampions; ++champion) {
    for (std::uint64_t attempt = 0; attempt < 20; ++attempt) {
      const Comparison comparison = quickly_compared(drawn_holdout(400, 0, random), Metric::accuracy,
                                                     spent_confidence(by(Metric::accuracy), attempt));
      if (decided(comparison, by(Metric::accuracy)).verdict == Verdict::promote) {
        ++fooled;
        break;
      }
    }
  }
  // 5 % of 100 is 5; three standard errors above it is 11. Without spending it would be about 64.
  EXPECT_LE(fooled, 11);
}

TEST(SuperiorRule, PromotesByAResampledMetricAtItsLevelToo) {
  constexpr int kHoldouts = 40;
  Random random(5);
  int promoted = 0;
  for (int i = 0; i < kHoldouts; ++i) {
    Holdout holdout;
    holdout.task = Task::regression;
    for (int row = 0; row < 60; ++row) {
      holdout.labels.push_back(0);
      holdout.candidate.push_back(random.uniform() - 0.5);
      holdout.opponent.push_back(random.uniform() - 0.5);
    }
    holdout.clusters = blocks_of(60, 5);
    settings::Validation validation = by(Metric::rmse);
    validation.min_holdout_rows = 60;
    const Comparison comparison = compare(holdout, Opponent::production, by(Metric::rmse), 0.95, 1);
    if (decided(comparison, validation).verdict == Verdict::promote) ++promoted;
  }
  // 5 % of 40 is 2; three standard errors above it is 6.
  EXPECT_LE(promoted, 6);
}

// Those by which a model that answers is better than one that always says the same, and one that answers upside down is
// worse. Any answer at all has a precision, and an f1 as good as that of a baseline that never says yes.
std::vector<Metric> telling_metrics(Task task) {
  switch (task) {
    case Task::binary:
      return {Metric::accuracy, Metric::log_loss, Metric::auc, Metric::brier, Metric::average_precision, Metric::cost};
    case Task::multiclass:
      return {Metric::accuracy, Metric::log_loss, Metric::macro_auc, Metric::cost};
    case Task::regression:
      break;
  }
  return {Metric::rmse, Metric::mae, Metric::r2, Metric::pinball};
}

class FirstModel : public testing::TestWithParam<Task> {
 protected:
  // The candidate against the baseline learned from the holdout's own labels, which is the hardest to beat.
  Decision judge(const std::vector<double>& candidate, Metric metric) const {
    Holdout against = holdout_;
    against.candidate = candidate;
    against.opponent = baseline(metric);
    return decided(compare(against, Opponent::baseline, by(metric), 0.95, 1), by(metric));
  }
  std::vector<double> baseline(Metric metric) const {
    const std::vector<float> labels(holdout_.labels.begin(), holdout_.labels.end());
    return baseline_predictions(GetParam(), holdout_.classes, metric, labels, labels.size());
  }
  const Holdout holdout_ = noisy_holdout(GetParam(), 200, 20);
};

TEST_P(FirstModel, IsPromotedWhenItBeatsTheBaselineByEveryMetric) {
  for (const Metric metric : telling_metrics(GetParam())) {
    const Decision decision = judge(holdout_.candidate, metric);
    EXPECT_EQ(decision.verdict, Verdict::promote) << decision.reason;
  }
}

TEST_P(FirstModel, IsNotPromotedWhenItIsTheBaseline) {
  for (const Metric metric : telling_metrics(GetParam())) {
    const Decision decision = judge(baseline(metric), metric);
    EXPECT_EQ(decision.verdict, Verdict::inconclusive);
    EXPECT_NE(decision.reason.find("candidate and the baseline predict the same"), std::string::npos)
        << decision.reason;
    EXPECT_FALSE(decision.more_rows_can_settle);
  }
}

TEST_P(FirstModel, IsRejectedWhenItIsWorseThanTheBaseline) {
  // Upside down: the larger the truth, the smaller the answer; of three classes, always the next one.
  std::vector<double> upside_down = holdout_.candidate;
  if (GetParam() == Task::regression) {
    for (double& value : upside_down) value = 10 - value;
  } else if (GetParam() == Task::binary) {
    for (double& value : upside_down) value = 1 - value;
  } else {
    for (std::size_t i = 0; i < upside_down.size(); i += 3) {
      std::rotate(upside_down.begin() + static_cast<std::ptrdiff_t>(i),
                  upside_down.begin() + static_cast<std::ptrdiff_t>(i + 1),
                  upside_down.begin() + static_cast<std::ptrdiff_t>(i + 3));
    }
  }
  for (const Metric metric : telling_metrics(GetParam())) {
    // Which class follows which says something about the class all the same.
    if (metric == Metric::macro_auc) continue;
    const Decision decision = judge(upside_down, metric);
    EXPECT_EQ(decision.verdict, Verdict::reject) << decision.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(Tasks, FirstModel, testing::Values(Task::binary, Task::multiclass, Task::regression),
                         [](const auto& tested) { return std::string(to_text(tested.param)); });

TEST(Verdict, IsInconclusiveForAnAucOfOneClass) {
  Holdout holdout = noisy_holdout(Task::binary, 300, 21);
  std::fill(holdout.labels.begin(), holdout.labels.end(), 0.0);
  const Decision decision = decided(compare(holdout, Opponent::production, by(Metric::auc), 0.95, 1), by(Metric::auc));
  EXPECT_EQ(decision.verdict, Verdict::inconclusive);
  EXPECT_EQ(decision.reason, "auc is not defined on these 300 rows: all labels are of one class");
}

TEST(Verdict, IsInconclusiveForTenRowsWhateverTheySay) {
  const Comparison comparison =
      compare(binary_holdout({.only_candidate = 10}), Opponent::production, by(Metric::log_loss), 0.95, 1);
  const Decision decision = decided(comparison, by(Metric::log_loss));
  EXPECT_EQ(decision.verdict, Verdict::inconclusive);
  EXPECT_EQ(decision.reason, "10 fresh labelled rows, too few: at least 200 needed");
}

TEST(Verdict, IsInconclusiveForAModelThatAnswersNaN) {
  Holdout holdout = noisy_holdout(Task::binary, 300, 22);
  holdout.opponent[17] = std::nan("");
  const Decision decision =
      decided(compare(holdout, Opponent::production, by(Metric::log_loss), 0.95, 1), by(Metric::log_loss));
  EXPECT_EQ(decision.verdict, Verdict::inconclusive);
  EXPECT_EQ(decision.reason, "row 18 of the predictions of production is NaN");
}

// The facts a worker would find on these rows.
CandidateFacts facts_of(const Holdout& holdout) {
  CandidateFacts facts = sound_facts();
  const std::size_t width = holdout.task == Task::multiclass ? holdout.classes : 1;
  facts.predictions = look_at_predictions(holdout.task, width, holdout.candidate, {});
  return facts;
}

TEST(Verdict, NeverPromotesACandidateThatAnswersNaNWhateverElseIsSaidOfIt) {
  for (const Task task : {Task::binary, Task::multiclass, Task::regression}) {
    Holdout holdout = noisy_holdout(task, 300, 24);
    holdout.candidate[40] = std::nan("");
    for (const Metric metric : metrics_of(task)) {
      settings::Validation validation = by(metric);
      const Comparison comparison = compare(holdout, Opponent::production, validation, 0.95, 1);
      const Decision known = decide(comparison, facts_of(holdout), sound_circumstances(), validation);
      EXPECT_EQ(known.verdict, Verdict::reject) << known.reason;
      EXPECT_NE(known.reason.find("NaN"), std::string::npos) << known.reason;
      const Decision overlooked = decided(comparison, validation);
      EXPECT_EQ(overlooked.verdict, Verdict::inconclusive) << overlooked.reason;
      EXPECT_FALSE(overlooked.more_rows_can_settle);
    }
  }
}

TEST(Verdict, NeverPromotesACandidateThatAlwaysSaysTheSame) {
  // Better than a production that is mostly wrong, and still of no use.
  Holdout holdout = binary_holdout({.both_right = 20, .only_candidate = 180});
  holdout.candidate.assign(200, 0.5);
  const Comparison comparison = compared(holdout, Metric::log_loss);
  ASSERT_GT(comparison.difference->low, 0);
  const Decision decision = decide(comparison, facts_of(holdout), sound_circumstances(), by(Metric::log_loss));
  EXPECT_EQ(decision.verdict, Verdict::reject);
  EXPECT_EQ(decision.reason, "gate predictions: the model says the same for each of 200 rows");
}

TEST(Verdict, NeverPromotesAModelThatIsSureOfEveryClass) {
  Holdout holdout = noisy_holdout(Task::multiclass, 300, 25);
  holdout.candidate.assign(900, 1);
  const Comparison comparison = compared(holdout, Metric::log_loss);
  EXPECT_FALSE(comparison.difference) << "its log loss would be 0";
  EXPECT_EQ(decide(comparison, facts_of(holdout), sound_circumstances(), by(Metric::log_loss)).verdict,
            Verdict::reject);
}

TEST(Verdict, PromotesAModelThatKnowsAClassProductionDoesNot) {
  // Half of the rows are of a class that is new to production: it gives the class no probability at all.
  Holdout holdout = noisy_holdout(Task::multiclass, 200, 23);
  for (std::size_t i = 0; i < 200; ++i) {
    holdout.opponent[3 * i] += holdout.opponent[3 * i + 2];
    holdout.opponent[3 * i + 2] = 0;
  }
  for (const Metric metric : metrics_of(Task::multiclass)) {
    const Decision decision = decided(compare(holdout, Opponent::production, by(metric), 0.95, 1), by(metric));
    EXPECT_EQ(decision.verdict, Verdict::promote) << decision.reason;
  }
}

}  // namespace
}  // namespace retraind::evaluate
