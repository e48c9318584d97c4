#include "core/evaluate/decide.h"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

#include "tests/unit/evaluate/holdouts.h"

namespace retraind::evaluate {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double spent_at(double confidence, std::uint64_t attempts) {
  settings::Validation validation;
  validation.confidence = confidence;
  return spent_confidence(validation, attempts);
}

struct Case {
  const char* name;
  Rule rule;
  double margin;
  double estimate, low, high;
  Verdict verdict;
  const char* reason;
};

class DecideByInterval : public testing::TestWithParam<Case> {};

TEST_P(DecideByInterval, FollowsTheRule) {
  const Case& c = GetParam();
  const Decision decision = decided(measured(c.estimate, c.low, c.high), rules(c.rule, c.margin));
  EXPECT_EQ(to_text(decision.verdict), to_text(c.verdict));
  EXPECT_EQ(decision.reason, c.reason);
  const GateResult gate = gate_of(decision, "difference");
  EXPECT_EQ(gate.metric, "accuracy");
  EXPECT_EQ(gate.observed, c.estimate);
  EXPECT_EQ(gate.ci_low, c.low);
  EXPECT_EQ(gate.ci_high, c.high);
  EXPECT_EQ(gate.threshold, c.rule == Rule::superior ? c.margin : 0 - c.margin);
  EXPECT_EQ(gate.passed(), c.verdict == Verdict::promote);
  EXPECT_EQ(gate.outcome == GateOutcome::failed, c.verdict == Verdict::reject);
  EXPECT_EQ(gate.sentence, decision.reason);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, DecideByInterval,
    testing::Values(
        Case{"superior_promotes", Rule::superior, 0, 0.021, 0.008, 0.034, Verdict::promote,
             "candidate is better than production by 0.021 accuracy (at least 0.008 with 95.0 % confidence), margin 0: "
             "0.771 against 0.75 on 1000 rows"},
        Case{"superior_rejects", Rule::superior, 0, -0.03, -0.05, -0.01, Verdict::reject,
             "candidate is worse than production by 0.03 accuracy (at least 0.01 with 95.0 % confidence), margin 0: "
             "0.72 against 0.75 on 1000 rows"},
        Case{"superior_leaves_open", Rule::superior, 0, 0.005, -0.003, 0.013, Verdict::inconclusive,
             "candidate is better than production by 0.005 accuracy (between 0.003 worse and 0.013 better, each bound "
             "with 95.0 % confidence), margin 0: 0.755 against 0.75 on 1000 rows, which does not settle it"},
        Case{"superior_by_a_margin_promotes", Rule::superior, 0.005, 0.021, 0.008, 0.034, Verdict::promote,
             "candidate is better than production by 0.021 accuracy (at least 0.008 with 95.0 % confidence), margin "
             "0.005: 0.771 against 0.75 on 1000 rows"},
        Case{"superior_by_a_margin_rejects_what_is_better_by_less", Rule::superior, 0.05, 0.021, 0.008, 0.034,
             Verdict::reject,
             "candidate is better than production by 0.021 accuracy (at best 0.034 better with 95.0 % confidence), "
             "margin 0.05: 0.771 against 0.75 on 1000 rows"},
        Case{"superior_by_a_margin_leaves_open", Rule::superior, 0.02, 0.021, 0.008, 0.034, Verdict::inconclusive,
             "candidate is better than production by 0.021 accuracy (between 0.008 better and 0.034 better, each bound "
             "with 95.0 % confidence), margin 0.02: 0.771 against 0.75 on 1000 rows, which does not settle it"},
        Case{"superior_needs_more_than_the_margin", Rule::superior, 0.008, 0.021, 0.008, 0.034, Verdict::inconclusive,
             "candidate is better than production by 0.021 accuracy (between 0.008 better and 0.034 better, each bound "
             "with 95.0 % confidence), margin 0.008: 0.771 against 0.75 on 1000 rows, which does not settle it"},
        Case{"non_inferior_promotes_what_is_a_little_worse", Rule::non_inferior, 0.01, -0.002, -0.006, 0.002,
             Verdict::promote,
             "candidate is worse than production by 0.002 accuracy (at worst 0.006 worse with 95.0 % confidence), "
             "margin 0.01: 0.748 against 0.75 on 1000 rows"},
        Case{"non_inferior_rejects", Rule::non_inferior, 0.01, -0.03, -0.05, -0.015, Verdict::reject,
             "candidate is worse than production by 0.03 accuracy (at least 0.015 with 95.0 % confidence), margin "
             "0.01: 0.72 against 0.75 on 1000 rows"},
        Case{"non_inferior_leaves_open", Rule::non_inferior, 0.01, -0.008, -0.02, 0.004, Verdict::inconclusive,
             "candidate is worse than production by 0.008 accuracy (between 0.02 worse and 0.004 better, each bound "
             "with 95.0 % confidence), margin 0.01: 0.742 against 0.75 on 1000 rows, which does not settle it"},
        Case{"non_inferior_without_a_margin_is_superior", Rule::non_inferior, 0, 0.005, -0.003, 0.013,
             Verdict::inconclusive,
             "candidate is better than production by 0.005 accuracy (between 0.003 worse and 0.013 better, each bound "
             "with 95.0 % confidence), margin 0: 0.755 against 0.75 on 1000 rows, which does not settle it"},
        Case{"equal_predictions_are_no_reason", Rule::superior, 0, 0, 0, 0, Verdict::inconclusive,
             "candidate and production predict the same as far as accuracy can tell, margin 0: 0.75 against 0.75 on "
             "1000 rows"},
        Case{"equal_predictions_are_non_inferior", Rule::non_inferior, 0.01, 0, 0, 0, Verdict::promote,
             "candidate and production predict the same as far as accuracy can tell, margin 0.01: 0.75 against 0.75 "
             "on 1000 rows"},
        Case{"equal_on_average_is_open", Rule::superior, 0, 0, -0.01, 0.01, Verdict::inconclusive,
             "candidate is as good as production in accuracy (between 0.01 worse and 0.01 better, each bound with "
             "95.0 % confidence), margin 0: 0.75 against 0.75 on 1000 rows, which does not settle it"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Decide, SpellsABoundInTheDigitsThatTellItFromTheMargin) {
  const Decision decision = decided(measured(0.021, 0.0080000001, 0.034), rules(Rule::superior, 0.008));
  EXPECT_EQ(decision.verdict, Verdict::promote);
  EXPECT_NE(decision.reason.find("at least 0.0080000001 with"), std::string::npos) << decision.reason;
}

TEST(Decide, HoldsAFirstModelAgainstTheBaselineWithoutAnyMargin) {
  const Decision worse = decided(measured(-0.002, -0.006, 0.002, Opponent::baseline), rules(Rule::non_inferior, 0.01));
  EXPECT_EQ(worse.verdict, Verdict::inconclusive) << "what may be worse than no model at all is no first model";
  EXPECT_EQ(gate_of(worse, "difference").threshold, 0);
  const Decision better = decided(measured(0.003, 0.001, 0.005, Opponent::baseline), rules(Rule::superior, 0.1));
  EXPECT_EQ(better.verdict, Verdict::promote);
  EXPECT_EQ(better.reason,
            "candidate is better than the baseline by 0.003 accuracy (at least 0.001 with 95.0 % confidence), margin "
            "0: 0.753 against 0.75 on 1000 rows");
  EXPECT_EQ(decided(measured(-0.03, -0.05, -0.01, Opponent::baseline), rules()).verdict, Verdict::reject);
}

TEST(Decide, JudgesLossesByHowMuchBetterTheCandidateIs) {
  Comparison comparison = measured(0.5, 0.2, 0.8);
  comparison.metric = Metric::rmse;
  comparison.candidate_value = 1234.5;
  comparison.opponent_value = 1235;
  settings::Validation validation = rules();
  validation.metric = Metric::rmse;
  const Decision decision = decided(comparison, validation);
  EXPECT_EQ(decision.verdict, Verdict::promote);
  EXPECT_EQ(decision.reason,
            "candidate is better than production by 0.5 rmse (at least 0.2 with 95.0 % confidence), margin 0: 1234.5 "
            "against 1235 on 1000 rows");
}

TEST(Decide, IsInconclusiveOnTooFewRowsEvenWhenTheDifferenceIsClear) {
  for (const double sign : {1.0, -1.0}) {
    Comparison comparison = measured(sign * 0.1, sign * 0.1 - 0.01, sign * 0.1 + 0.01);
    comparison.rows = 199;
    const Decision decision = decided(comparison, rules());
    EXPECT_EQ(decision.verdict, Verdict::inconclusive);
    EXPECT_EQ(decision.reason, "199 fresh labelled rows, too few: at least 200 needed");
    EXPECT_EQ(decision.gates[0].gate, "holdout_rows");
    EXPECT_EQ(decision.gates[0].observed, 199);
    EXPECT_EQ(decision.gates[0].threshold, 200);
    EXPECT_FALSE(decision.gates[0].passed());
    EXPECT_TRUE(decision.gates[1].passed());
    EXPECT_EQ(gate_of(decision, "difference").passed(), sign > 0);
  }
  Comparison enough = measured(0.1, 0.09, 0.11);
  enough.rows = 200;
  EXPECT_EQ(decided(enough, rules()).verdict, Verdict::promote);
}

TEST(Decide, IsInconclusiveWithoutAnIntervalAndSaysWhy) {
  Comparison comparison = measured(0.1, 0.09, 0.11);
  comparison.difference.reset();
  comparison.candidate_value.reset();
  comparison.why_no_interval = "auc is not defined on these 1000 rows: all labels are of one class";
  const Decision decision = decided(comparison, rules());
  EXPECT_EQ(decision.verdict, Verdict::inconclusive);
  EXPECT_EQ(decision.reason, comparison.why_no_interval);
  EXPECT_TRUE(decision.gates[0].passed());
  EXPECT_FALSE(decision.gates[1].passed());
  EXPECT_FALSE(decision.gates[1].observed);
  EXPECT_FALSE(gate_of(decision, "difference").passed());
  EXPECT_FALSE(gate_of(decision, "difference").observed);
  EXPECT_EQ(gate_of(decision, "difference").sentence, comparison.why_no_interval);
  comparison.why_no_interval.clear();
  EXPECT_EQ(decided(comparison, rules()).reason, "no interval was measured");
}

TEST(Decide, NeedsTwoClustersAndSaysSoWhenThereAreFew) {
  Comparison comparison = measured(0.1, 0.09, 0.11);
  comparison.difference->clusters = 1;
  EXPECT_EQ(decided(comparison, rules()).verdict, Verdict::inconclusive);
  EXPECT_EQ(decided(comparison, rules()).reason, "1 cluster, too few: an interval needs at least 2");
  comparison.difference->clusters = 2;
  Decision decision = decided(comparison, rules());
  EXPECT_EQ(decision.verdict, Verdict::promote);
  EXPECT_TRUE(decision.gates[1].passed());
  EXPECT_EQ(decision.gates[1].observed, 2);
  EXPECT_EQ(decision.gates[1].sentence, "2 clusters, fewer than 20 clusters: the interval is wide on purpose");
  comparison.difference->clusters = 20;
  comparison.difference->inflation = 2.94;
  decision = decided(comparison, rules());
  EXPECT_EQ(decision.gates[1].sentence,
            "20 clusters; rows of a cluster go together, so that the standard error is 2.9 times that of independent "
            "rows");
}

TEST(Decide, NeverPassesOnAValueThatIsNotANumber) {
  const auto verdict = [](auto change) {
    for (const Rule rule : {Rule::superior, Rule::non_inferior}) {
      Comparison comparison = measured(0.1, 0.09, 0.11);
      change(comparison);
      const Decision decision = decided(comparison, rules(rule, 0.01));
      EXPECT_FALSE(gate_of(decision, "difference").passed());
      EXPECT_FALSE(decision.reason.empty());
      if (decision.verdict != Verdict::inconclusive) return decision.verdict;
    }
    return Verdict::inconclusive;
  };
  for (const double bad : {kNan, kInfinity, -kInfinity}) {
    EXPECT_EQ(verdict([&](Comparison& c) { c.difference->estimate = bad; }), Verdict::inconclusive) << bad;
    EXPECT_EQ(verdict([&](Comparison& c) { c.difference->low = bad; }), Verdict::inconclusive) << bad;
    EXPECT_EQ(verdict([&](Comparison& c) { c.difference->high = bad; }), Verdict::inconclusive) << bad;
    EXPECT_EQ(verdict([&](Comparison& c) { c.candidate_value = bad; }), Verdict::inconclusive) << bad;
    EXPECT_EQ(verdict([&](Comparison& c) { c.opponent_value = bad; }), Verdict::inconclusive) << bad;
  }
  EXPECT_EQ(verdict([](Comparison& c) { c.candidate_value.reset(); }), Verdict::inconclusive);
  EXPECT_EQ(verdict([](Comparison& c) { c.opponent_value.reset(); }), Verdict::inconclusive);
  EXPECT_EQ(verdict([](Comparison& c) { c.confidence = kNan; }), Verdict::inconclusive);
}

TEST(Decide, NeverPassesOnFiguresThatContradictEachOther) {
  Comparison comparison = measured(0.1, 0.12, 0.11);
  EXPECT_EQ(decided(comparison, rules()).reason, "the interval's lower bound is above its upper bound");
  comparison = measured(0.1, 0.09, 0.11);
  comparison.candidate_value = 0.7;
  Decision decision = decided(comparison, rules());
  EXPECT_EQ(decision.verdict, Verdict::inconclusive);
  EXPECT_EQ(decision.reason, "the interval is about a difference of 0.1, but the two values differ by -0.05");
  comparison = measured(0.1, 0.09, 0.11);
  comparison.metric = Metric::log_loss;
  decision = decided(comparison, rules());
  EXPECT_EQ(decision.verdict, Verdict::inconclusive);
  EXPECT_EQ(decision.reason, "measured by log_loss, but the configuration decides by accuracy");
  comparison = measured(0.1, 0.09, 0.11);
  comparison.confidence = 0.9;
  decision = decided(comparison, rules());
  EXPECT_EQ(decision.verdict, Verdict::inconclusive);
  EXPECT_EQ(decision.reason, "the interval has 90.0 % confidence, less than the configured 95.0 %");
}

TEST(Decide, SaysTheLevelThatWasSpentAndDoesNotSpendItAgain) {
  Comparison comparison = measured(0.021, 0.008, 0.034);
  comparison.confidence = spent_at(0.95, 1);
  const Decision decision = decided(comparison, rules());
  EXPECT_EQ(decision.verdict, Verdict::promote);
  EXPECT_NE(decision.reason.find("with 99.2 % confidence"), std::string::npos) << decision.reason;
  comparison.confidence = 1 - 2e-5;
  EXPECT_NE(decided(comparison, rules()).reason.find("with 99.998 % confidence"), std::string::npos);
}

TEST(SpentConfidence, NeverSpendsMoreThanAlphaHoweverOftenOneTries) {
  for (const double confidence : {0.6, 0.95, 0.999}) {
    double spent = 0;
    double last = 0;
    for (std::uint64_t attempt = 0; attempt < 30000; ++attempt) {
      const double level = spent_at(confidence, attempt);
      ASSERT_GE(level, last);
      last = level;
      spent += 1 - level;
    }
    EXPECT_LE(spent, 1 - confidence);
    EXPECT_GT(spent, 0.9999 * (1 - confidence)) << "and nearly all of it is used";
  }
}

TEST(SpentConfidence, FollowsTheSequence) {
  // 6 / pi^2 = 0.6079271018540267
  EXPECT_NEAR(spent_at(0.95, 0), 1 - 0.05 * 0.6079271018540267, 1e-15);
  EXPECT_NEAR(spent_at(0.95, 4), 1 - 0.05 * 0.6079271018540267 / 25, 1e-15);
}

TEST(SpentConfidence, IsTheConfiguredOneWhereEachAttemptIsJudgedByItself) {
  settings::Validation validation;
  validation.confidence = 0.9;
  validation.spend_alpha = false;
  EXPECT_EQ(spent_confidence(validation, 0), 0.9);
  EXPECT_EQ(spent_confidence(validation, 1000), 0.9);
}

TEST(SpentConfidence, StaysBelowOneForEver) {
  EXPECT_LT(spent_at(0.95, std::numeric_limits<std::uint64_t>::max()), 1);
  EXPECT_THROW(spent_at(1, 0), std::logic_error);
  EXPECT_THROW(spent_at(kNan, 0), std::logic_error);
}

}  // namespace
}  // namespace retraind::evaluate
