// The gates of the configuration, decided from figures; and that none of any kind passes without its input.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "core/evaluate/decide.h"
#include "tests/unit/evaluate/holdouts.h"

namespace retraind::evaluate {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

stats::Interval interval(double estimate, double low, double high) {
  return {estimate, low, high, 0.01, 1, 40, "cluster_t"};
}

settings::Gate gate_named(const char* name) {
  settings::Gate gate;
  gate.name = name;
  gate.metric = Metric::auc;
  return gate;
}

// One gate, its figures, and what is decided.
struct Case {
  settings::Gate gate = gate_named("floor");
  std::vector<GateFigure> figures;
  Opponent opponent = Opponent::production;

  Decision decide() const {
    Comparison comparison = measured(0.021, 0.008, 0.034, opponent);
    comparison.gates = figures;
    settings::Validation validation = rules();
    validation.gates = {gate};
    return decided(comparison, validation);
  }
  GateResult result(const std::string& slice = "") const { return gate_of(decide(), gate.name, slice); }
};

GateFigure whole_figure() {
  GateFigure figure;
  figure.rows = 1000;
  return figure;
}

GateFigure level_figure(const std::string& slice, double estimate, double log_p) {
  GateFigure figure;
  figure.slice = slice;
  figure.rows = 200;
  figure.difference = interval(estimate, estimate - 0.015, estimate + 0.015);
  figure.log_p_harm = log_p;
  return figure;
}

GateFigure column_figure(const std::string& column, std::uint64_t rows, const std::string& why_not = "") {
  GateFigure figure;
  figure.slice = column;
  figure.rows = rows;
  figure.why_not = why_not;
  return figure;
}

TEST(AbsoluteBounds, PassWhereTheWholeIntervalMeetsThem) {
  Case c;
  c.gate.above = 0.8;
  c.figures = {whole_figure()};
  c.figures[0].candidate = interval(0.85, 0.82, 0.88);
  EXPECT_EQ(c.decide().verdict, Verdict::promote);
  EXPECT_EQ(c.result().sentence,
            "auc of the candidate is 0.85 (0.82 to 0.88, each bound with 95.0 % confidence), surely at least 0.8");
  EXPECT_EQ(c.result().metric, "auc");
  EXPECT_EQ(c.result().observed, 0.85);
  EXPECT_EQ(c.result().threshold, 0.8);
  c.figures[0].candidate = interval(0.85, 0.79, 0.88);
  EXPECT_EQ(c.result().outcome, GateOutcome::undecided);
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
  EXPECT_FALSE(c.decide().more_rows_can_settle) << "shadows are held against production only";
  c.figures[0].candidate = interval(0.75, 0.72, 0.78);
  EXPECT_EQ(c.result().outcome, GateOutcome::failed);
  EXPECT_EQ(c.decide().verdict, Verdict::reject);
  EXPECT_EQ(c.decide().reason,
            "gate floor: auc of the candidate is 0.75 (0.72 to 0.78, each bound with 95.0 % confidence), surely not at "
            "least 0.8");
}

TEST(AbsoluteBounds, HoldFromAboveToo) {
  Case c;
  c.gate.metric = Metric::calibration_slope;
  c.gate.above = 0.8;
  c.gate.below = 1.2;
  c.figures = {whole_figure()};
  c.figures[0].candidate = interval(1, 0.9, 1.1);
  EXPECT_EQ(c.result().outcome, GateOutcome::passed);
  c.figures[0].candidate = interval(1.15, 1.05, 1.25);
  EXPECT_EQ(c.result().outcome, GateOutcome::undecided);
  EXPECT_EQ(c.result().threshold, 1.2) << "the bound that went worst";
  c.figures[0].candidate = interval(1.3, 1.25, 1.35);
  EXPECT_EQ(c.result().outcome, GateOutcome::failed);
  EXPECT_EQ(c.result().threshold, 1.2);
  c.figures[0].candidate = interval(0.7, 0.65, 0.75);
  EXPECT_EQ(c.result().outcome, GateOutcome::failed);
  EXPECT_EQ(c.result().threshold, 0.8);
}

TEST(MaxDrop, PassesWhereTheCandidateIsSurelyNotWorseByMore) {
  Case c;
  c.gate.max_drop = 0.01;
  c.figures = {whole_figure()};
  c.figures[0].difference = interval(0, -0.008, 0.008);
  EXPECT_EQ(c.result().outcome, GateOutcome::passed);
  EXPECT_EQ(c.result().threshold, -0.01);
  EXPECT_EQ(c.result().sentence,
            "auc of the candidate is no better against production (between 0.008 worse and 0.008 better, each bound "
            "with 95.0 % confidence), surely no more than 0.01 worse");
  c.figures[0].difference = interval(-0.008, -0.02, 0.004);
  EXPECT_EQ(c.result().outcome, GateOutcome::undecided);
  c.figures[0].difference = interval(-0.03, -0.04, -0.02);
  EXPECT_EQ(c.result().outcome, GateOutcome::failed);
}

TEST(MaxGain, FailsForAnImprovementThatIsSurelyTooGoodToBeTrue) {
  Case c;
  c.gate.max_gain = 0.05;
  c.figures = {whole_figure()};
  c.figures[0].difference = interval(0.04, 0.02, 0.06);
  EXPECT_EQ(c.result().outcome, GateOutcome::passed);
  c.figures[0].difference = interval(0.06, 0.04, 0.08);
  EXPECT_EQ(c.result().outcome, GateOutcome::undecided);
  c.figures[0].difference = interval(0.2, 0.15, 0.25);
  EXPECT_EQ(c.result().outcome, GateOutcome::failed);
  EXPECT_EQ(c.decide().verdict, Verdict::reject);
  EXPECT_NE(c.result().sentence.find("look for a feature that knows the label"), std::string::npos);
  c.opponent = Opponent::baseline;
  EXPECT_EQ(c.result().outcome, GateOutcome::passed) << "a first model should be far better than none";
}

TEST(MaxDrop, HasNothingToDropFromWhereTheBaselineHasNoSuchMetric) {
  Case c;
  c.opponent = Opponent::baseline;
  c.gate.metric = Metric::precision;
  c.gate.max_drop = 0.01;
  c.figures = {whole_figure()};
  c.figures[0].why_not = "precision is not defined on these 1000 rows";
  EXPECT_EQ(c.result().outcome, GateOutcome::undecided) << "the candidate has no precision either";
  Comparison comparison = measured(0.021, 0.008, 0.034, Opponent::baseline);
  comparison.gates = c.figures;
  comparison.candidate_metrics.push_back({Metric::precision, "", 0.8});
  settings::Validation validation = rules();
  validation.gates = {c.gate};
  EXPECT_EQ(gate_of(decided(comparison, validation), "floor").outcome, GateOutcome::passed);
  comparison.opponent_metrics.clear();
  EXPECT_EQ(gate_of(decided(comparison, validation), "floor").outcome, GateOutcome::undecided);
}

Case sliced() {
  Case c;
  c.gate = gate_named("by_region");
  c.gate.max_drop = 0.02;
  c.gate.slices = settings::Slices{.column = "region", .levels = 10, .min_rows = 100};
  c.figures = {level_figure("region=north", 0.01, std::log(0.9)), level_figure("region=south", -0.03, std::log(0.03)),
               column_figure("region", 400)};
  return c;
}

TEST(Slices, PassWhereNoneIsSurelyHarmedAfterHolm) {
  const Case c = sliced();
  // 0.03 is below 0.05, and 2 * 0.03 is not.
  EXPECT_EQ(c.decide().verdict, Verdict::promote);
  EXPECT_EQ(c.result("region=south").outcome, GateOutcome::passed);
  EXPECT_EQ(
      c.result("region=south").sentence,
      "auc of the candidate is worse by 0.03 against production on 200 rows (between 0.045 worse and 0.015 worse): "
      "not surely worse by more than 0.02 (p = 0.06 by Holm's method over 2 slices)");
  EXPECT_EQ(c.result("region=south").observed, -0.03);
  EXPECT_EQ(c.result("region=south").threshold, -0.02);
  EXPECT_EQ(c.result("region").sentence, "none of 2 slices is surely worse by more than 0.02 auc");
}

TEST(Slices, FailTheGateWhereOneIsSurelyHarmed) {
  Case c = sliced();
  c.figures[1].log_p_harm = std::log(0.02);
  EXPECT_EQ(c.decide().verdict, Verdict::reject);
  EXPECT_EQ(c.result("region=north").outcome, GateOutcome::passed);
  EXPECT_EQ(c.result("region=south").outcome, GateOutcome::failed);
  EXPECT_EQ(c.result("region").outcome, GateOutcome::failed);
  EXPECT_EQ(c.result("region").sentence, "1 of 2 slices surely worse by more than 0.02 auc: region=south");
  c.figures[1].log_p_harm = -700;
  EXPECT_EQ(c.decide().verdict, Verdict::reject) << "sure beyond all digits";
  c.gate.confidence = 1 - 1e-9;
  c.figures[1].log_p_harm = std::log(0.02);
  EXPECT_EQ(c.decide().verdict, Verdict::promote) << "each gate has a confidence of its own";
}

TEST(Slices, AreNamedAndDoNotHinderWhereTheyAreTooSmall) {
  Case c = sliced();
  c.figures.insert(c.figures.begin() + 2, GateFigure{});
  c.figures[2].slice = "region=west";
  c.figures[2].rows = 12;
  c.figures[2].why_not = "12 rows, fewer than 100";
  c.figures[3].why_not = "not judged: west (12 rows, fewer than 100)";
  EXPECT_EQ(c.decide().verdict, Verdict::promote) << c.decide().reason;
  EXPECT_EQ(c.result("region=west").outcome, GateOutcome::undecided);
  EXPECT_EQ(c.result("region=west").sentence, "not judged: 12 rows, fewer than 100");
  EXPECT_EQ(c.result("region").sentence,
            "none of 2 slices is surely worse by more than 0.02 auc; not judged: west (12 rows, fewer than 100)");
}

TEST(Slices, AreUndecidedWhereNoneCouldBeJudged) {
  Case c = sliced();
  c.figures = {column_figure("region", 0, "the query no longer returns the column \"region\"")};
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
  EXPECT_EQ(c.decide().reason,
            "gate by_region [region]: no slice could be judged: the query no longer returns the column \"region\"");
  c.figures.clear();
  EXPECT_EQ(c.result("region").outcome, GateOutcome::undecided);
  EXPECT_EQ(c.result("region").sentence, "the slices by \"region\" were not measured");
}

TEST(Slices, AreUndecidedWhereOneThatWasMeasuredIsMissing) {
  Case c = sliced();
  c.figures.erase(c.figures.begin() + 1);
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
  EXPECT_EQ(c.result("region").sentence, "slices of 200 rows are there, but 400 were measured");
  c = sliced();
  c.figures.pop_back();
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive) << "nothing says that these are all";
  c = sliced();
  c.figures[1].log_p_harm = kNan;
  EXPECT_EQ(c.decide().verdict, Verdict::inconclusive);
}

TEST(Slices, FailThoughNothingSaysThatTheyAreAll) {
  Case c = sliced();
  c.figures[1].log_p_harm = std::log(1e-6);
  c.figures.pop_back();
  EXPECT_EQ(c.decide().verdict, Verdict::reject);
}

// A candidate that passes everything that can be configured, and everything that is known of it.
struct Full {
  Comparison comparison = measured(0.021, 0.008, 0.034);
  CandidateFacts facts = sound_facts();
  Circumstances circumstances = sound_circumstances();
  settings::Validation validation = rules(Rule::non_inferior, 0.01);

  Full() {
    circumstances.anchor = 3;
    circumstances.refit = RefitFacts{.candidate = sound_facts(), .disagreement = 0};
    comparison.anchor_value = 0.76;
    comparison.anchor_difference = interval(0.011, 0.001, 0.021);
    validation.max_holdout_reuse = 4;
    validation.max_artifact_bytes = 10000;
    validation.max_scoring_time = std::chrono::seconds(1);
    validation.gates = {gate_named("floor"), gate_named("ceiling"), gate_named("drop"), gate_named("gain"),
                        sliced().gate};
    validation.gates[0].above = 0.7;
    validation.gates[1].below = 0.99;
    validation.gates[2].max_drop = 0.01;
    validation.gates[3].max_gain = 0.1;
    for (std::size_t i = 0; i < 4; ++i) {
      GateFigure figure = whole_figure();
      figure.gate = i;
      (i < 2 ? figure.candidate : figure.difference) = i < 2 ? interval(0.85, 0.82, 0.88) : interval(0.02, 0, 0.04);
      comparison.gates.push_back(figure);
    }
    for (GateFigure figure : sliced().figures) {
      figure.gate = 4;
      if (figure.log_p_harm) figure.log_p_harm = std::log(0.5);
      comparison.gates.push_back(figure);
    }
  }
  Decision decide() const { return evaluate::decide(comparison, facts, circumstances, validation); }
};

TEST(NoGate, PassesWithoutItsInput) {
  ASSERT_EQ(Full{}.decide().verdict, Verdict::promote) << Full{}.decide().reason;
  struct Loss {
    const char* gate;
    const char* slice;
    std::function<void(Full&)> lose;
  };
  const auto drop_figures = [](std::size_t gate) {
    return [gate](Full& f) { std::erase_if(f.comparison.gates, [&](const auto& g) { return g.gate == gate; }); };
  };
  const auto empty_figure = [](std::size_t gate) {
    return [gate](Full& f) {
      f.comparison.gates[gate].candidate.reset();
      f.comparison.gates[gate].difference.reset();
    };
  };
  const auto spoil_figure = [](std::size_t gate) {
    return [gate](Full& f) {
      GateFigure& figure = f.comparison.gates[gate];
      (figure.candidate ? figure.candidate : figure.difference)->low = kNan;
    };
  };
  const std::vector<Loss> losses = {
      {"holdout_rows", "", [](Full& f) { f.comparison.rows = 0; }},
      {"clusters", "", [](Full& f) { f.comparison.difference.reset(); }},
      {"difference", "", [](Full& f) { f.comparison.difference.reset(); }},
      {"difference", "", [](Full& f) { f.comparison.candidate_value.reset(); }},
      {"difference", "", [](Full& f) { f.comparison.opponent_value.reset(); }},
      {"difference", "", [](Full& f) { f.comparison.confidence = 0.5; }},
      {"opponent", "", [](Full& f) { f.circumstances.production.reset(); }},
      {"predictions", "", [](Full& f) { f.facts.predictions = {}; }},
      {"package", "", [](Full& f) { f.facts.package_compared = 0; }},
      {"artifact_size", "", [](Full& f) { f.facts.artifact_bytes = 0; }},
      {"artifact_size", "", [](Full& f) { f.circumstances.refit->candidate.artifact_bytes = 0; }},
      {"scoring_time", "", [](Full& f) { f.facts.seconds_per_thousand = 0; }},
      {"anchor", "", [](Full& f) { f.comparison.anchor_difference.reset(); }},
      {"anchor", "", [](Full& f) { f.comparison.anchor_value.reset(); }},
      {"refit_predictions", "", [](Full& f) { f.circumstances.refit->candidate.predictions = {}; }},
      {"refit_package", "", [](Full& f) { f.circumstances.refit->candidate.package_compared = 0; }},
      {"refit_agreement", "", [](Full& f) { f.circumstances.refit->disagreement = kNan; }},
      {"floor", "", drop_figures(0)},
      {"floor", "", empty_figure(0)},
      {"floor", "", spoil_figure(0)},
      {"ceiling", "", drop_figures(1)},
      {"ceiling", "", empty_figure(1)},
      {"ceiling", "", spoil_figure(1)},
      {"drop", "", drop_figures(2)},
      {"drop", "", empty_figure(2)},
      {"drop", "", spoil_figure(2)},
      {"gain", "", drop_figures(3)},
      {"gain", "", empty_figure(3)},
      {"gain", "", spoil_figure(3)},
      {"by_region", "region", drop_figures(4)},
      {"by_region", "region", [](Full& f) { f.comparison.gates[4].log_p_harm.reset(); }},
      {"by_region", "region", [](Full& f) { f.comparison.gates[5].difference.reset(); }},
      {"by_region", "region", [](Full& f) { f.comparison.gates.pop_back(); }},
  };
  for (std::size_t i = 0; i < losses.size(); ++i) {
    Full full;
    losses[i].lose(full);
    const Decision decision = full.decide();
    EXPECT_EQ(decision.verdict, Verdict::inconclusive) << i << " " << losses[i].gate << ": " << decision.reason;
    EXPECT_EQ(gate_of(decision, losses[i].gate, losses[i].slice).outcome, GateOutcome::undecided)
        << i << " " << losses[i].gate;
    EXPECT_FALSE(decision.needs_a_person);
    EXPECT_FALSE(decision.becomes_anchor);
  }
}

}  // namespace
}  // namespace retraind::evaluate
