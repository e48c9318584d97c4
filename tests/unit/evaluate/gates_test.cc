// The gates that every candidate has to pass, one by one, and what follows from them together.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "core/evaluate/decide.h"
#include "tests/unit/evaluate/holdouts.h"

namespace retraind::evaluate {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Everything a decision is made from; promotes as it is.
struct Case {
  Comparison comparison = measured(0.021, 0.008, 0.034);
  CandidateFacts facts = sound_facts();
  Circumstances circumstances = sound_circumstances();
  settings::Validation validation = rules();

  Decision decide() const { return evaluate::decide(comparison, facts, circumstances, validation); }
};

Case undecided_case() {
  Case c;
  c.comparison = measured(0.005, -0.003, 0.013);
  return c;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void expect_outcome(const Decision& decision, const char* gate, GateOutcome outcome, const std::string& sentence) {
  EXPECT_EQ(to_text(gate_of(decision, gate).outcome), to_text(outcome)) << gate;
  EXPECT_EQ(gate_of(decision, gate).sentence, sentence);
}

TEST(Gates, StandInOneOrderAndAllHaveASentence) {
  Case c;
  c.validation.rule = Rule::non_inferior;
  c.validation.max_artifact_bytes = 5000;
  c.validation.max_scoring_time = std::chrono::seconds(1);
  c.circumstances.refit = RefitFacts{.candidate = sound_facts(), .disagreement = 0.1};
  const Decision decision = c.decide();
  std::vector<std::string> names;
  for (const GateResult& gate : decision.gates) {
    names.push_back(gate.gate);
    EXPECT_TRUE(gate.passed()) << gate.gate;
    EXPECT_FALSE(gate.sentence.empty()) << gate.gate;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"holdout_rows", "clusters", "opponent", "predictions", "package", "schema",
                                             "holdout_reuse", "artifact_size", "scoring_time", "difference", "anchor",
                                             "refit_predictions", "refit_package", "refit_agreement"}));
  EXPECT_EQ(decision.verdict, Verdict::promote);
  EXPECT_FALSE(decision.needs_a_person);
  EXPECT_TRUE(decision.becomes_anchor);
}

TEST(OpponentGate, PassesForProductionItself) {
  expect_outcome(Case{}.decide(), "opponent", GateOutcome::passed,
                 "version 5 is in production and was scored on the same rows");
}

TEST(OpponentGate, PassesForAFirstModelAgainstTheBaseline) {
  Case c;
  c.comparison = measured(0.021, 0.008, 0.034, Opponent::baseline);
  c.circumstances = {};
  const Decision decision = c.decide();
  EXPECT_EQ(decision.verdict, Verdict::promote);
  EXPECT_TRUE(decision.becomes_anchor);
  expect_outcome(decision, "opponent", GateOutcome::passed,
                 "no version is in production: the candidate had to beat the trivial baseline");
}

TEST(OpponentGate, AsksForAPersonWhenAnotherVersionStoodInForABrokenProduction) {
  Case c;
  c.circumstances.stand_in = 4;
  c.circumstances.production_fault = "its sha256 is wrong";
  Decision decision = c.decide();
  EXPECT_EQ(decision.verdict, Verdict::promote);
  EXPECT_TRUE(decision.needs_a_person);
  expect_outcome(decision, "opponent", GateOutcome::passed,
                 "version 5 is in production and could not be loaded (its sha256 is wrong); version 4, the best that "
                 "still loads, stands in for it, and a person must approve (broken_production = wait)");
  EXPECT_TRUE(holds(decision.reason, "better than version 4, which stands in for production, by 0.021 accuracy"))
      << decision.reason;
  EXPECT_TRUE(holds(decision.reason, "a person must approve")) << decision.reason;

  c.validation.broken_production = BrokenProduction::stand_in;
  decision = c.decide();
  EXPECT_EQ(decision.verdict, Verdict::promote);
  EXPECT_FALSE(decision.needs_a_person);
}

TEST(OpponentGate, AsksForAPersonWhenNoVersionLoadsWhateverIsConfigured) {
  for (const BrokenProduction broken : {BrokenProduction::wait, BrokenProduction::stand_in}) {
    for (const Rule rule : {Rule::superior, Rule::non_inferior}) {
      Case c;
      c.comparison = measured(0.021, 0.008, 0.034, Opponent::baseline);
      c.circumstances.production_fault = "it is gone";
      c.validation.broken_production = broken;
      c.validation.rule = rule;
      const Decision decision = c.decide();
      EXPECT_EQ(decision.verdict, Verdict::promote) << decision.reason;
      EXPECT_TRUE(decision.needs_a_person);
      EXPECT_TRUE(holds(gate_of(decision, "opponent").sentence, "nor could any other version")) << decision.reason;
    }
  }
}

TEST(OpponentGate, IsUndecidedWhereTheCircumstancesContradictTheComparison) {
  const auto judged = [](const std::function<void(Case&)>& change) {
    Case c;
    change(c);
    const Decision decision = c.decide();
    EXPECT_EQ(gate_of(decision, "opponent").outcome, GateOutcome::undecided);
    EXPECT_FALSE(gate_of(decision, "opponent").sentence.empty());
    EXPECT_FALSE(decision.more_rows_can_settle);
    return decision.verdict;
  };
  EXPECT_EQ(judged([](Case& c) { c.circumstances.production.reset(); }), Verdict::inconclusive);
  EXPECT_EQ(judged([](Case& c) { c.comparison.opponent = Opponent::baseline; }), Verdict::inconclusive);
  EXPECT_EQ(judged([](Case& c) { c.circumstances.stand_in = 4; }), Verdict::inconclusive);
  EXPECT_EQ(judged([](Case& c) { c.circumstances.production_fault = "broken"; }), Verdict::inconclusive);
  EXPECT_EQ(judged([](Case& c) {
              c.circumstances.production_fault = "broken";
              c.circumstances.stand_in = 5;
            }),
            Verdict::inconclusive);
}

TEST(PredictionsGate, FailsForPredictionsThatMakeNoSense) {
  const auto judged = [](const std::function<void(PredictionFacts&)>& change) {
    Case c;
    change(c.facts.predictions);
    const Decision decision = c.decide();
    EXPECT_EQ(decision.verdict, Verdict::reject);
    EXPECT_EQ(gate_of(decision, "predictions").outcome, GateOutcome::failed);
    EXPECT_EQ(decision.reason, "gate predictions: " + gate_of(decision, "predictions").sentence);
    return decision.reason;
  };
  EXPECT_EQ(judged([](PredictionFacts& f) {
              f.invalid = 1;
              f.first_invalid = "row 7: NaN";
            }),
            "gate predictions: 1 of 1000000 rows is no prediction: row 7: NaN");
  EXPECT_EQ(judged([](PredictionFacts& f) { f.constant = true; }),
            "gate predictions: the model says the same for each of 1000000 rows");
  EXPECT_EQ(judged([](PredictionFacts& f) {
              f.out_of_range = 3;
              f.label_low = 2;
              f.label_high = 90;
            }),
            "gate predictions: 3 of 1000000 rows predicted further beyond the training labels, 2 to 90, than these are "
            "wide");
}

TEST(PredictionsGate, IsUndecidedWithoutRowsOrWithTooFew) {
  Case c;
  c.facts.predictions.rows = 0;
  expect_outcome(c.decide(), "predictions", GateOutcome::undecided, "no prediction was looked at");
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
  c.facts.predictions.rows = 999;
  expect_outcome(c.decide(), "predictions", GateOutcome::undecided, "only 999 of 1000 rows were looked at");
}

TEST(PredictionsGate, HoldsNothingAgainstAHandfulOfRowsThatAreAlike) {
  Case c;
  c.facts.predictions = {.rows = 2,
                         .invalid = 0,
                         .first_invalid = "",
                         .constant = true,
                         .out_of_range = 0,
                         .label_low = 0,
                         .label_high = 0};
  c.comparison.rows = 2;
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
  expect_outcome(c.decide(), "predictions", GateOutcome::undecided,
                 "the model says the same for each of 2 rows; too few rows to hold against it");
  c.facts.predictions.invalid = 1;
  c.facts.predictions.first_invalid = "row 1: NaN";
  EXPECT_EQ(c.decide().verdict, Verdict::reject) << "one row that is none is enough";
}

TEST(PackageGate, RestsOnTheFirstJudgingOfACandidateThatIsJudgedAgain) {
  Case c;
  c.facts.package_compared = 0;
  EXPECT_EQ(gate_of(c.decide(), "package").outcome, GateOutcome::undecided);
  c.circumstances.judged_again = true;
  expect_outcome(c.decide(), "package", GateOutcome::passed,
                 "the very package that predicted the same as the trained model when it was judged before");
  c.facts.package_compared = 5;
  c.facts.package_differs = 1;
  EXPECT_EQ(c.decide().verdict, Verdict::reject);
}

TEST(PackageGate, FailsWhereThePackageSaysSomethingElse) {
  Case c;
  c.facts.package_differs = 2;
  expect_outcome(c.decide(), "package", GateOutcome::failed,
                 "the packaged model does not predict what the trained one does on 2 of 1000 rows");
  EXPECT_EQ(c.decide().verdict, Verdict::reject);
  c.facts.package_compared = 0;
  c.facts.package_differs = 0;
  expect_outcome(c.decide(), "package", GateOutcome::undecided,
                 "the packaged model was compared with the trained one on no row");
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
}

TEST(SchemaGate, NamesWhatChangedAndFailsWhereItMustNot) {
  Case c;
  c.facts.schema_changes = {"adds \"x\"", "drops \"y\""};
  Decision decision = c.decide();
  EXPECT_EQ(decision.verdict, Verdict::promote);
  expect_outcome(decision, "schema", GateOutcome::passed,
                 "against version 5 the candidate adds \"x\", drops \"y\"; who serves it must hand over what it asks "
                 "for");
  c.validation.schema = SchemaRule::same;
  decision = c.decide();
  EXPECT_EQ(decision.verdict, Verdict::reject);
  expect_outcome(decision, "schema", GateOutcome::failed,
                 "against version 5 the candidate adds \"x\", drops \"y\", and validation.schema asks for the same "
                 "features");
  c.facts.schema_changes.clear();
  expect_outcome(c.decide(), "schema", GateOutcome::passed, "the same features as version 5");
}

TEST(SchemaGate, IsUndecidedWhereNoVersionLoadsToCompareWith) {
  Case c;
  c.comparison = measured(0.021, 0.008, 0.034, Opponent::baseline);
  c.circumstances.production_fault = "it is gone";
  c.validation.schema = SchemaRule::same;
  expect_outcome(c.decide(), "schema", GateOutcome::undecided,
                 "the features of version 5 are not known, because no version loads");
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
}

TEST(HoldoutReuseGate, CountsAndIsUndecidedBeyondTheLimit) {
  Case c;
  expect_outcome(c.decide(), "holdout_reuse", GateOutcome::passed,
                 "no earlier candidate was judged on any of these rows");
  c.circumstances.holdout_reuse = 3;
  expect_outcome(c.decide(), "holdout_reuse", GateOutcome::passed,
                 "3 earlier candidates were judged on some of these rows");
  c.validation.max_holdout_reuse = 3;
  EXPECT_EQ(c.decide().verdict, Verdict::promote);
  c.validation.max_holdout_reuse = 2;
  expect_outcome(c.decide(), "holdout_reuse", GateOutcome::undecided,
                 "3 earlier candidates were judged on some of these rows, more than 2: fresh rows are needed");
  EXPECT_EQ(gate_of(c.decide(), "holdout_reuse").observed, 3);
  EXPECT_EQ(gate_of(c.decide(), "holdout_reuse").threshold, 2);
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
}

TEST(ArtifactSizeGate, HoldsTheCandidateAndItsRefitToTheLimit) {
  Case c;
  EXPECT_TRUE(holds(gate_of(c.decide(), "artifact_size").sentence, "there is no gate")) << "only when configured";
  c.validation.max_artifact_bytes = 4096;
  expect_outcome(c.decide(), "artifact_size", GateOutcome::passed,
                 "the artifact has 4 KiB (4096 bytes), at most 4 KiB");
  c.circumstances.refit = RefitFacts{.candidate = sound_facts(), .disagreement = 0};
  c.circumstances.refit->candidate.artifact_bytes = 4097;
  EXPECT_EQ(gate_of(c.decide(), "artifact_size").outcome, GateOutcome::failed);
  EXPECT_EQ(c.decide().verdict, Verdict::reject);
  c.facts.artifact_bytes = 0;
  EXPECT_EQ(gate_of(c.decide(), "artifact_size").outcome, GateOutcome::undecided);
}

TEST(ScoringTimeGate, HoldsTheTimeForAThousandRowsToTheLimit) {
  Case c;
  c.validation.max_scoring_time = std::chrono::milliseconds(20);
  expect_outcome(c.decide(), "scoring_time", GateOutcome::passed, "1000 rows are scored in 0.02 s, at most 0.02 s");
  c.facts.seconds_per_thousand = 0.021;
  expect_outcome(c.decide(), "scoring_time", GateOutcome::failed, "1000 rows are scored in 0.021 s, more than 0.02 s");
  for (const double bad : {0.0, -1.0, kNan, std::numeric_limits<double>::infinity()}) {
    c.facts.seconds_per_thousand = bad;
    EXPECT_EQ(gate_of(c.decide(), "scoring_time").outcome, GateOutcome::undecided) << bad;
  }
}

TEST(RefitGates, HoldTheRefitAgainstWhatItWasMadeFrom) {
  Case c;
  c.circumstances.refit = RefitFacts{.candidate = sound_facts(), .disagreement = 0.5};
  EXPECT_EQ(c.decide().verdict, Verdict::promote);
  c.circumstances.refit->disagreement = 0.51;
  expect_outcome(c.decide(), "refit_agreement", GateOutcome::failed,
                 "the refit disagrees with the candidate that was judged on 51 % of the rows, more than 50 %");
  EXPECT_EQ(c.decide().verdict, Verdict::reject);
  for (const double bad : {-0.1, 1.1, kNan}) {
    c.circumstances.refit->disagreement = bad;
    EXPECT_EQ(c.decide().verdict, Verdict::inconclusive) << bad;
  }
  c.circumstances.refit = RefitFacts{.candidate = sound_facts(), .disagreement = 0};
  c.circumstances.refit->candidate.package_differs = 1;
  EXPECT_EQ(gate_of(c.decide(), "refit_package").outcome, GateOutcome::failed);
  c.circumstances.refit->candidate = sound_facts();
  c.circumstances.refit->candidate.predictions.invalid = 1;
  EXPECT_EQ(gate_of(c.decide(), "refit_predictions").outcome, GateOutcome::failed);
  c.circumstances.refit->candidate = {};
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive) << "a refit that nobody looked at";
}

TEST(Verdict, NamesTheDifferenceFirstAndThenWhateverFailedToo) {
  Case c;
  c.comparison = measured(-0.03, -0.05, -0.01);
  c.facts.package_differs = 1;
  const Decision decision = c.decide();
  EXPECT_EQ(decision.verdict, Verdict::reject);
  EXPECT_EQ(decision.reason,
            "candidate is worse than production by 0.03 accuracy (at least 0.01 with 95.0 % confidence), margin 0: "
            "0.72 against 0.75 on 1000 rows; failed too: package");
}

TEST(Verdict, RejectsByAFailedGateThoughOthersAreUndecided) {
  Case c = undecided_case();
  c.facts.package_differs = 1;
  EXPECT_EQ(c.decide().verdict, Verdict::reject);
  EXPECT_FALSE(c.decide().more_rows_can_settle);
}

TEST(Verdict, NamesEveryUndecidedGate) {
  Case c = undecided_case();
  c.facts.package_compared = 0;
  c.validation.max_holdout_reuse = 0;
  c.circumstances.holdout_reuse = 1;
  const Decision decision = c.decide();
  EXPECT_EQ(decision.verdict, Verdict::inconclusive);
  EXPECT_TRUE(holds(decision.reason, "which does not settle it; undecided too: package, holdout_reuse"))
      << decision.reason;
  EXPECT_FALSE(decision.more_rows_can_settle);
  c.comparison = measured(0.021, 0.008, 0.034);
  EXPECT_EQ(c.decide().reason,
            "gate package: the packaged model was compared with the trained one on no row; undecided too: "
            "holdout_reuse");
}

TEST(Verdict, SaysWhatTheRowsCouldHaveShown) {
  Case c = undecided_case();
  c.comparison.detectable = 0.0248;
  EXPECT_TRUE(holds(c.decide().reason,
                    "which does not settle it; 1000 rows show a true difference of 0.0248 accuracy four times in five"))
      << c.decide().reason;
  c.validation.detect = 0.02;
  c.comparison.rows_needed = 1960;
  EXPECT_TRUE(holds(c.decide().reason, "four times in five; needs about 1960 rows to see 0.02; has 1000"))
      << c.decide().reason;
  c.comparison.detectable = kNan;
  EXPECT_FALSE(holds(c.decide().reason, "four times")) << c.decide().reason;
}

TEST(MoreRows, CanSettleWhatOnlyTheWidthOfTheIntervalLeavesOpen) {
  EXPECT_TRUE(undecided_case().decide().more_rows_can_settle);
  EXPECT_FALSE(Case{}.decide().more_rows_can_settle) << "nothing is open";
  Case few;
  few.comparison.rows = 150;
  EXPECT_TRUE(few.decide().more_rows_can_settle);
  Case one_cluster;
  one_cluster.comparison.difference.reset();
  one_cluster.comparison.why_no_interval = "all 1000 rows stand in one cluster";
  EXPECT_TRUE(one_cluster.decide().more_rows_can_settle);
}

TEST(MoreRows, CannotSettleAnythingElse) {
  const auto can = [](const std::function<void(Case&)>& change) {
    Case c = undecided_case();
    change(c);
    const Decision decision = c.decide();
    EXPECT_EQ(decision.verdict, Verdict::inconclusive);
    return decision.more_rows_can_settle;
  };
  EXPECT_FALSE(can([](Case& c) { c.comparison = measured(0, 0, 0); })) << "the two never differ";
  EXPECT_FALSE(can([](Case& c) { c.facts.package_compared = 0; }));
  EXPECT_FALSE(can([](Case& c) {
    c.comparison.opponent = Opponent::baseline;
    c.circumstances = {};
  })) << "a first model has nothing to be a shadow of";
  EXPECT_FALSE(can([](Case& c) {
    c.circumstances.stand_in = 4;
    c.circumstances.production_fault = "broken";
  })) << "production cannot be scored on new rows";
  EXPECT_FALSE(can([](Case& c) { c.comparison.metric = Metric::log_loss; }));
  EXPECT_FALSE(can([](Case& c) { c.comparison.candidate_value = 0.1; })) << "figures at odds";
  EXPECT_FALSE(can([](Case& c) {
    c.comparison.difference.reset();
    c.comparison.opponent_metrics.clear();
    c.comparison.why_no_interval = "row 5 of the predictions of production is NaN";
  })) << "production answers with no prediction";
}

TEST(TooFewRows, RejectNobodyByWhatTheyShow) {
  Case c;
  c.comparison = measured(-0.3, -0.4, -0.2);
  c.comparison.rows = 10;
  const Decision decision = c.decide();
  EXPECT_EQ(decision.verdict, Verdict::inconclusive);
  EXPECT_EQ(decision.reason, "10 fresh labelled rows, too few: at least 200 needed");
  EXPECT_TRUE(holds(gate_of(decision, "difference").sentence, "too few rows to hold against it"));
  c.facts.predictions.invalid = 1;
  EXPECT_EQ(c.decide().verdict, Verdict::reject) << "what is no prediction needs no rows to be told";
}

}  // namespace
}  // namespace retraind::evaluate
