#include "core/evaluate/trial.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/random.h"

namespace retraind::evaluate {
namespace {

TrialTerms shadow(double bar = 0) {
  return {.kind = TrialKind::shadow, .version = 7, .against = 5, .metric = Metric::accuracy, .bar = bar, .alpha = 0.05};
}

TrialTerms bake(double tolerance = 0) {
  return {.kind = TrialKind::bake,
          .version = 8,
          .against = 7,
          .metric = Metric::log_loss,
          .bar = -tolerance,
          .alpha = 0.01};
}

// Days of 100 rows on which the first model is better by `mean` on average.
std::vector<stats::PairedCluster> days(std::size_t count, double mean, std::uint64_t seed, double spread = 0.02) {
  Random random(seed);
  std::vector<stats::PairedCluster> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back({100, 100 * (mean + spread * random.normal())});
  return out;
}

bool says(const TrialVerdict& verdict, const std::string& part) {
  return verdict.reason.find(part) != std::string::npos;
}

TEST(Shadow, IsPromotedOnceItIsSurelyBetter) {
  const TrialVerdict verdict = judge_trial(shadow(), days(19, 0.03, 1), 1900, false);
  EXPECT_EQ(verdict.outcome, TrialOutcome::promoted);
  EXPECT_GT(verdict.difference.low, 0);
  EXPECT_TRUE(says(verdict, "shadow version 7 against production version 5: accuracy better by 0.0")) << verdict.reason;
  EXPECT_TRUE(says(verdict, ", valid at every look) on 1900 rows in 19 clusters; surely better: it wins"))
      << verdict.reason;
}

TEST(Shadow, IsRejectedOnceItIsSurelyWorse) {
  const TrialVerdict verdict = judge_trial(shadow(), days(19, -0.03, 2), 1900, false);
  EXPECT_EQ(verdict.outcome, TrialOutcome::rejected);
  EXPECT_TRUE(says(verdict, "accuracy worse by 0.0")) << verdict.reason;
  EXPECT_TRUE(says(verdict, "surely worse: it loses")) << verdict.reason;
}

TEST(Shadow, GoesOnUntilItIsOver) {
  const auto clusters = days(10, 0.001, 3);
  const TrialVerdict open = judge_trial(shadow(), clusters, 1000, false);
  EXPECT_EQ(open.outcome, std::nullopt);
  EXPECT_TRUE(says(open, "not settled yet")) << open.reason;
  const TrialVerdict over = judge_trial(shadow(), clusters, 1000, true);
  EXPECT_EQ(over.outcome, TrialOutcome::expired);
  EXPECT_TRUE(says(over, "its time is over")) << over.reason;
}

TEST(Shadow, IsPromotedWhenItsTimeIsOverAndItIsSurelyBetter) {
  EXPECT_EQ(judge_trial(shadow(), days(19, 0.03, 1), 1900, true).outcome, TrialOutcome::promoted);
}

TEST(Shadow, IsHeldAgainstTheBar) {
  const auto clusters = days(40, -0.01, 4, 0.005);
  EXPECT_EQ(judge_trial(shadow(), clusters, 4000, false).outcome, TrialOutcome::rejected);
  const TrialVerdict tolerated = judge_trial(shadow(-0.02), clusters, 4000, false);
  EXPECT_EQ(tolerated.outcome, TrialOutcome::promoted);
  EXPECT_TRUE(says(tolerated, "surely less than 0.02 worse: it wins")) << tolerated.reason;
  const TrialVerdict short_of_it = judge_trial(shadow(0.02), days(40, 0.005, 5, 0.005), 4000, false);
  EXPECT_EQ(short_of_it.outcome, TrialOutcome::rejected);
  EXPECT_TRUE(says(short_of_it, "surely less than 0.02 better: it loses")) << short_of_it.reason;
}

TEST(Trial, SaysNothingOnTooFewClustersHoweverClearTheyLook) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, stats::kFewestClusters - 1}) {
    const auto clusters = days(count, 0.5, 6, 0.001);
    const TrialVerdict going = judge_trial(shadow(), clusters, 100 * count, false);
    EXPECT_EQ(going.outcome, std::nullopt);
    EXPECT_TRUE(says(going, "nothing is sure with fewer than 5 clusters")) << going.reason;
    EXPECT_EQ(judge_trial(shadow(), clusters, 100 * count, true).outcome, TrialOutcome::expired);
    EXPECT_EQ(judge_trial(bake(), clusters, 100 * count, true).outcome, TrialOutcome::kept);
  }
}

TEST(Bake, RollsBackOnSureHarm) {
  const TrialVerdict verdict = judge_trial(bake(), days(20, -0.03, 7), 2000, false);
  EXPECT_EQ(verdict.outcome, TrialOutcome::rolled_back);
  EXPECT_TRUE(says(verdict, "production version 8 against version 7 before it: log_loss worse by 0.0"))
      << verdict.reason;
  EXPECT_TRUE(says(verdict, "surely worse: back to version 7")) << verdict.reason;
}

TEST(Bake, LetsHarmWithinTheTolerancePass) {
  const auto clusters = days(30, -0.01, 8, 0.005);
  EXPECT_EQ(judge_trial(bake(), clusters, 3000, false).outcome, TrialOutcome::rolled_back);
  EXPECT_EQ(judge_trial(bake(0.02), clusters, 3000, false).outcome, std::nullopt);
  EXPECT_EQ(judge_trial(bake(0.02), clusters, 3000, true).outcome, TrialOutcome::kept);
}

TEST(Bake, IsNotOverBeforeItsTimeHoweverGoodItLooks) {
  const TrialVerdict verdict = judge_trial(bake(), days(30, 0.05, 9), 3000, false);
  EXPECT_EQ(verdict.outcome, std::nullopt);
  EXPECT_TRUE(says(verdict, "no sure harm so far")) << verdict.reason;
}

TEST(Trial, ErrsNoMoreOftenThanAlphaThoughItIsLookedAtAfterEveryCluster) {
  constexpr int kTrials = 300;
  int promoted = 0;
  for (int i = 0; i < kTrials; ++i) {
    const auto clusters = days(30, 0, 100 + static_cast<std::uint64_t>(i));
    for (std::size_t seen = 1; seen <= clusters.size(); ++seen) {
      const auto verdict = judge_trial(shadow(), std::span(clusters).first(seen), 100 * seen, false);
      if (!verdict.outcome) continue;
      if (verdict.outcome == TrialOutcome::promoted) ++promoted;
      break;
    }
  }
  // 5 % of 300 is 15; three standard errors above it is 26.
  EXPECT_LE(promoted, 26);
}

TEST(Trial, FindsADifferenceThatIsThere) {
  int promoted = 0;
  for (std::uint64_t i = 0; i < 50; ++i) {
    if (judge_trial(shadow(), days(30, 0.03, 1000 + i), 3000, false).outcome == TrialOutcome::promoted) ++promoted;
  }
  EXPECT_GT(promoted, 45);
}

}  // namespace
}  // namespace retraind::evaluate
