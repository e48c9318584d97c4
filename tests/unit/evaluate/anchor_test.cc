// The best version so far, against which quality must not slide.

#include <gtest/gtest.h>

#include "core/evaluate/decide.h"
#include "tests/unit/evaluate/holdouts.h"

namespace retraind::evaluate {
namespace {

// A candidate that is as good as production, judged with version 3 the best so far.
struct Case {
  Comparison comparison = measured(0, -0.004, 0.004);
  Circumstances circumstances = sound_circumstances();
  settings::Validation validation = rules(Rule::non_inferior, 0.01);

  Case() {
    circumstances.anchor = 3;
    against_anchor(0.001, -0.003, 0.005);
  }
  void against_anchor(double estimate, double low, double high) {
    comparison.anchor_value = 0.75 - estimate;
    comparison.anchor_difference = stats::Interval{estimate, low, high, 0.01, 1, 40, "cluster_t"};
  }
  Decision decide() const { return evaluate::decide(comparison, sound_facts(), circumstances, validation); }
  GateResult anchor() const { return gate_of(decide(), "anchor"); }
};

TEST(AnchorGate, HoldsTheCandidateAgainstTheBestVersionSoFar) {
  Case c;
  EXPECT_EQ(c.decide().verdict, Verdict::promote);
  EXPECT_EQ(c.anchor().sentence,
            "candidate is better than version 3, the best so far, by 0.001 accuracy (at worst 0.003 worse with 95.0 % "
            "confidence), margin 0.01: 0.75 against 0.749 on 1000 rows");
  EXPECT_EQ(c.anchor().threshold, -0.01);
  EXPECT_EQ(c.anchor().observed, 0.001);
  EXPECT_EQ(c.anchor().ci_low, -0.003);

  c.against_anchor(-0.03, -0.04, -0.02);
  EXPECT_EQ(c.anchor().outcome, GateOutcome::failed);
  EXPECT_EQ(c.decide().verdict, Verdict::reject);
  EXPECT_EQ(c.decide().reason, "gate anchor: " + c.anchor().sentence);

  c.against_anchor(-0.01, -0.015, 0);
  EXPECT_EQ(c.anchor().outcome, GateOutcome::undecided);
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
  EXPECT_FALSE(c.decide().more_rows_can_settle) << "a shadow is held against production only";
}

TEST(AnchorGate, HasAMarginOfItsOwn) {
  Case c;
  c.validation.anchor_margin = 0.05;
  c.against_anchor(-0.03, -0.04, -0.02);
  EXPECT_EQ(c.anchor().outcome, GateOutcome::passed);
  EXPECT_EQ(c.anchor().threshold, -0.05);
}

TEST(AnchorGate, IsAskedForByTheNonInferiorRuleOnly) {
  Case c;
  c.validation = rules();
  EXPECT_TRUE(c.anchor().sentence.starts_with("there is no gate"));
  Case first;
  first.comparison = measured(0.02, 0.01, 0.03, Opponent::baseline);
  first.circumstances = {};
  EXPECT_TRUE(first.anchor().sentence.starts_with("there is no gate"));
  EXPECT_EQ(first.decide().verdict, Verdict::promote);
}

TEST(AnchorGate, IsSettledByTheDifferenceWhereProductionIsTheBest) {
  Case c;
  c.circumstances.anchor.reset();
  c.comparison.anchor_difference.reset();
  EXPECT_EQ(c.decide().verdict, Verdict::promote);
  EXPECT_TRUE(c.anchor().sentence.starts_with(
      "version 5 in production is the best so far: the difference stands for both; candidate is as good as"))
      << c.anchor().sentence;
  c.comparison = measured(-0.008, -0.02, 0.004);
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
  EXPECT_TRUE(c.decide().more_rows_can_settle) << "they settle both";
  c.validation.anchor_margin = 0.005;
  EXPECT_FALSE(c.decide().more_rows_can_settle) << "a shadow is not held against the closer margin of the anchor";
  c.comparison = measured(-0.008, -0.0085, -0.0075);
  EXPECT_EQ(gate_of(c.decide(), "difference").outcome, GateOutcome::passed);
  EXPECT_EQ(c.decide().verdict, Verdict::reject);
}

TEST(AnchorGate, IsUndecidedWhereTheBestVersionWasNotMeasured) {
  Case c;
  c.comparison.anchor_difference.reset();
  EXPECT_EQ(c.anchor().outcome, GateOutcome::undecided);
  EXPECT_EQ(c.anchor().sentence, "no interval against version 3, the best so far, was measured");
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
  Case odd;
  odd.comparison.anchor_value = 0.2;
  EXPECT_EQ(odd.anchor().outcome, GateOutcome::undecided) << "value and interval are at odds";
}

TEST(AnchorGate, AsksAPersonOrGoesOnWithoutABestVersionThatDoesNotLoad) {
  Case c;
  c.comparison.anchor_difference.reset();
  c.circumstances.anchor_fault = "its file is gone";
  EXPECT_EQ(c.decide().verdict, Verdict::promote);
  EXPECT_TRUE(c.decide().needs_a_person);
  EXPECT_EQ(c.anchor().sentence,
            "version 3 could not be loaded (its file is gone): judged by production alone, and a person must approve "
            "(broken_production = wait)");
  EXPECT_TRUE(c.decide().reason.ends_with(c.anchor().sentence)) << c.decide().reason;
  Case open = c;
  open.comparison.difference->low = -1;
  EXPECT_EQ(open.decide().verdict, Verdict::inconclusive);
  EXPECT_FALSE(open.decide().more_rows_can_settle) << "a shadow would be promoted with nobody asked";
  c.validation.broken_production = BrokenProduction::stand_in;
  EXPECT_EQ(c.decide().verdict, Verdict::promote);
  EXPECT_FALSE(c.decide().needs_a_person);
  EXPECT_EQ(c.anchor().sentence,
            "version 3 could not be loaded (its file is gone): judged by production alone (broken_production = "
            "stand_in)");
}

TEST(AnchorGate, TakesTheVersionThatStandsInForTheBestWhereThatIsBroken) {
  Case c;
  c.circumstances.anchor.reset();
  c.circumstances.production_fault = "broken";
  c.circumstances.stand_in = 4;
  c.comparison.anchor_difference.reset();
  EXPECT_EQ(c.decide().verdict, Verdict::promote);
  EXPECT_TRUE(c.decide().needs_a_person);
  EXPECT_TRUE(c.anchor().sentence.starts_with("production does not load, and version 4 is the best that does"))
      << c.anchor().sentence;
  c.circumstances.anchor = 4;
  EXPECT_TRUE(c.anchor().sentence.starts_with("version 4 is the best so far: the difference stands for both"))
      << c.anchor().sentence;
}

TEST(Anchor, IsReplacedBySomethingSurelyBetterOnly) {
  Case c;
  EXPECT_FALSE(c.decide().becomes_anchor);
  c.against_anchor(0.02, 0.01, 0.03);
  EXPECT_TRUE(c.decide().becomes_anchor);
  c.comparison = measured(0.02, 0.01, 0.03);
  c.against_anchor(0.005, -0.001, 0.011);
  EXPECT_FALSE(c.decide().becomes_anchor) << "surely better than production is not enough";
  c.circumstances.anchor.reset();
  EXPECT_TRUE(c.decide().becomes_anchor) << "production is the best so far";
  c.comparison = measured(0.02, -0.001, 0.03);
  EXPECT_FALSE(c.decide().becomes_anchor);
  c.comparison = measured(-0.1, -0.2, -0.05);
  EXPECT_FALSE(c.decide().becomes_anchor);
}

// Twenty candidates in a row, each half a margin worse than the one before. Rows are drawn so that two models differ
// only where their accuracies do, which makes each step easy to see.
int promotions_in_a_row(bool anchored, double& quality) {
  constexpr std::size_t kRows = 2000;
  constexpr double kMargin = 0.02;
  Random random(11);
  const auto predict = [](const std::vector<double>& luck, double accuracy) {
    std::vector<double> out;
    for (std::size_t i = 0; i < luck.size(); ++i) out.push_back((i % 2 == 1) == (luck[i] < accuracy) ? 0.8 : 0.2);
    return out;
  };
  const double best = 0.9;
  double production = best;
  int promoted = 0;
  for (int step = 1; step <= 20; ++step) {
    const double candidate = best - step * kMargin / 2;
    std::vector<double> luck;
    Holdout holdout;
    for (std::size_t i = 0; i < kRows; ++i) {
      luck.push_back(random.uniform());
      holdout.labels.push_back(static_cast<double>(i % 2));
    }
    holdout.classes = 2;
    holdout.clusters = each_row_by_itself(kRows);
    holdout.candidate = predict(luck, candidate);
    holdout.opponent = predict(luck, production);
    Circumstances circumstances = sound_circumstances();
    if (anchored && production != best) {
      holdout.anchor = predict(luck, best);
      circumstances.anchor = 1;
    }
    const settings::Validation validation = rules(Rule::non_inferior, kMargin);
    const Decision decision =
        decide(compare(holdout, Opponent::production, validation, 0.95, 1), sound_facts(), circumstances, validation);
    EXPECT_FALSE(decision.becomes_anchor);
    if (decision.verdict != Verdict::promote) continue;
    ++promoted;
    production = candidate;
  }
  quality = production;
  return promoted;
}

TEST(Anchor, KeepsQualityFromSlidingByHalfAMarginAtATime) {
  double quality = 0;
  EXPECT_EQ(promotions_in_a_row(false, quality), 20);
  EXPECT_NEAR(quality, 0.7, 1e-9) << "so far it slides when each is held against the one before alone";
  EXPECT_LE(promotions_in_a_row(true, quality), 2);
  EXPECT_GE(quality, 0.9 - 0.02);
}

}  // namespace
}  // namespace retraind::evaluate
