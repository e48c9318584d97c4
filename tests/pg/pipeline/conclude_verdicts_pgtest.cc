// What a verdict may lead to beside a promotion: shadows, bakes, people who are asked, candidates that are judged
// again, anchors; and figures that no worker of ours would have sent.
#include <functional>

#include "core/pipeline/conclude.h"
#include "tests/pg/pipeline/conclude_scene.h"

namespace retraind::pipeline {
namespace {

TEST_F(ConcludeTest, LetsAnInconclusiveCandidateWaitAsAShadow) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  const runs::ClaimedRun run = queue_and_claim(model);
  const auto conclusion = conclude(run, make_measured(-0.01, 0.03, 1));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->state, RunState::shadowing);
  EXPECT_EQ(conclusion->version, 2);
  EXPECT_CONTAINS(conclusion->reason, "version 2 waits as a shadow of version 1");
  EXPECT_EQ(run_text(run.id, "state || ' ' || (finished_at IS NULL) || ' ' || verdict"), "shadowing true inconclusive");
  EXPECT_EQ(ground.rows("SELECT kind, version, against, metric, bar, outcome FROM retraind.trial_history"),
            (std::vector<testing::TextRow>{{"shadow", "2", "1", "log_loss", "0", std::nullopt}}));
  EXPECT_EQ(ground.text("SELECT version FROM retraind.production"), "1");

  // The older shadow stays; the next inconclusive candidate ends so, and leaves nothing.
  const runs::ClaimedRun next = queue_and_claim(model);
  EXPECT_EQ(conclude(next, make_measured(-0.01, 0.03, 1, 0.9999)).value().state, RunState::inconclusive);
  EXPECT_EQ(count("model_version"), "2");
  EXPECT_EQ(count("trial"), "1");
  // Both the attempt and its shadow have cost alpha.
  EXPECT_EQ(transact([&](store::Transaction& t) { return registry::count_judged_against(t, model, 1); }), 3u);
}

TEST_F(ConcludeTest, BakesWhatItPromotes) {
  const ModelId model = put();
  conclude(queue_and_claim(model), make_measured(0.01, 0.03));
  EXPECT_EQ(count("trial"), "0") << "a first model replaced nothing";
  conclude(queue_and_claim(model), make_measured(0.01, 0.03, 1));
  EXPECT_EQ(ground.rows("SELECT kind, version, against, alpha, outcome FROM retraind.trial_history"),
            (std::vector<testing::TextRow>{{"bake", "2", "1", "0.010000000000000009", std::nullopt}}));
  EXPECT_EQ(ground.text("SELECT string_agg(step, ' ') FROM retraind.step_history"), "release release");
}

TEST_F(ConcludeTest, NeverPromotesAWinnerWithAGateThatDidNotPass) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  Measured measured = make_measured(0.01, 0.03, 1);
  measured.facts.package_differs = 3;
  const auto conclusion = conclude(queue_and_claim(model), measured);
  EXPECT_EQ(conclusion.value().state, RunState::rejected);
  EXPECT_EQ(ground.text("SELECT gate FROM retraind.gate_result WHERE outcome = 'failed'"), "package");
  EXPECT_EQ(ground.text("SELECT version FROM retraind.production"), "1");
}

TEST_F(ConcludeTest, AsksAPersonWhereProductionCouldNotBeLoaded) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  run_to(RunState::promoted, model);
  Measured measured = make_measured(0.01, 0.03, 2);
  measured.stand_in = 1;
  measured.production_fault = "version 2 cannot be loaded: bad magic";
  const runs::ClaimedRun run = queue_and_claim(model);
  EXPECT_EQ(conclude(run, measured).value().state, RunState::awaiting_approval);
  EXPECT_EQ(run_text(run.id, "judged_against || ' ' || stand_in"), "2 1");
  EXPECT_CONTAINS(ground.text("SELECT sentence FROM retraind.gate_result WHERE gate = 'opponent' ORDER BY run_id DESC "
                              "LIMIT 1"),
                  "version 2 cannot be loaded: bad magic");
}

TEST_F(ConcludeTest, JudgesTheSameCandidateAgainWhenItsApprovalCameTooLate) {  // invariant 2
  settings::Model manual = make_model();
  manual.validation.promotion = PromotionMode::manual;
  const ModelId model = put(manual);
  run_to(RunState::promoted, model);
  run_to(RunState::promoted, model);
  const runs::ClaimedRun run = queue_and_claim(model);
  conclude(run, make_measured(0.01, 0.03, 2));
  ground.exec("SELECT retraind.rollback('power', 'v2 is broken')");
  EXPECT_EQ(ground.text(fmt::format("SELECT retraind.approve({}, 'fine') IS NULL", number(run.id))), "t");
  EXPECT_EQ(run_text(run.id, "state || ' ' || version"), "queued 3");

  const runs::ClaimedRun again = claim();
  EXPECT_EQ(again.id, run.id);
  EXPECT_EQ(again.candidate, 3);
  const auto job =
      transact([&](store::Transaction& transaction) { return prepare_job(transaction, again, start); }).job;
  EXPECT_EQ(job.candidate.value().version, 3);
  EXPECT_EQ(job.production.value().version, 1);
  Measured measured = make_measured(0.02, 0.04, 1, 0.993);
  EXPECT_CONTAINS(complaint<DataError>([&] { conclude(again, measured); }), "was to be judged again");
  measured.judged_again = true;
  measured.reference = {};
  Measured other = measured;
  other.artifact_sha256 = to_hex(sha256("another artifact"));
  EXPECT_CONTAINS(complaint<DataError>([&] { conclude(again, other); }), "but that of version 3 is");
  const auto conclusion = conclude(again, measured);
  EXPECT_EQ(conclusion.value().state, RunState::awaiting_approval);
  EXPECT_EQ(conclusion->version, 3);
  EXPECT_EQ(count("model_version"), "3") << "it keeps its number";
  ground.exec(fmt::format("SELECT retraind.approve({}, 'fine')", number(run.id)));
  EXPECT_EQ(ground.text("SELECT version FROM retraind.production"), "3");
}

TEST_F(ConcludeTest, KeepsTheBestVersionSoFarAsTheAnchorOfThoseThatAreOnlyNoWorse) {
  settings::Model model = make_model();
  model.validation.rule = Rule::non_inferior;
  model.validation.margin = 0.05;
  const ModelId id = put(model);
  conclude(queue_and_claim(id), make_measured(0.01, 0.03));
  conclude(queue_and_claim(id), make_measured(-0.02, 0.03, 1));
  EXPECT_EQ(ground.text("SELECT version FROM retraind.production"), "2");
  const runs::ClaimedRun run = queue_and_claim(id);
  const auto job = transact([&](store::Transaction& transaction) { return prepare_job(transaction, run, start); }).job;
  ASSERT_TRUE(job.anchor) << "version 2 is not surely better than version 1, which stays the measure";
  EXPECT_EQ(job.anchor->version, 1);
  Measured measured = make_measured(-0.02, 0.03, 2);
  measured.anchor = 1;
  measured.comparison.anchor_value = 0.55;
  measured.comparison.anchor_difference = stats::Interval{
      .estimate = measured.comparison.anchor_value.value() - measured.comparison.candidate_value.value(),
      .low = -0.08,
      .high = -0.06,
      .standard_error = 0.01,
      .inflation = 1,
      .clusters = 30,
      .method = "cluster_t"};
  measured.comparison.anchor_difference->estimate = -0.07;
  measured.comparison.anchor_value = measured.comparison.candidate_value.value() - 0.07;
  EXPECT_EQ(conclude(run, measured).value().state, RunState::rejected);
  EXPECT_EQ(ground.text("SELECT gate FROM retraind.gate_result WHERE outcome = 'failed'"), "anchor");
}

TEST_F(ConcludeTest, MovesTheAnchorOfACandidateThatIsJudgedAgain) {
  settings::Model model = plain_model();
  model.validation.rule = Rule::non_inferior;
  model.validation.margin = 0.05;
  model.validation.promotion = PromotionMode::manual;
  const ModelId id = put(model);
  run_to(RunState::promoted, id);
  run_to(RunState::promoted, id);
  const runs::ClaimedRun run = queue_and_claim(id);
  conclude(run, make_measured(0.01, 0.03, 2));
  ground.exec("SELECT retraind.rollback('power', 'v2 is broken')");
  ground.exec(fmt::format("SELECT retraind.approve({}, 'fine')", number(run.id)));
  Measured measured = make_measured(-0.02, 0.03, 1);
  measured.judged_again = true;
  ASSERT_EQ(conclude(claim(), measured).value().state, RunState::awaiting_approval);
  ground.exec(fmt::format("SELECT retraind.approve({}, 'fine')", number(run.id)));
  transact([&](store::Transaction& transaction) {
    const auto production = registry::find_production(transaction, id).value();
    EXPECT_EQ(production.version, 3);
    EXPECT_EQ(production.anchor, 1) << "it was surely better than version 2, and is only no worse than version 1";
    EXPECT_EQ(registry::find_version(transaction, id, 3).value().anchor, 1);
  });
}

TEST_F(ConcludeTest, TakesTheNextBestForTheAnchorWhereTheBestDoesNotLoad) {
  settings::Model model = plain_model();
  model.validation.rule = Rule::non_inferior;
  model.validation.margin = 0.05;
  model.validation.broken_production = BrokenProduction::stand_in;
  const ModelId id = put(model);
  conclude(queue_and_claim(id), make_measured(0.01, 0.03));
  conclude(queue_and_claim(id), make_measured(0.01, 0.03, 1));
  Measured measured = make_measured(-0.02, 0.03, 2);
  measured.production_fault = "its sha256 is wrong";
  measured.stand_in = 1;
  ASSERT_EQ(conclude(queue_and_claim(id), measured).value().state, RunState::promoted);
  const auto anchor = [&] {
    return transact([&](store::Transaction& t) { return registry::find_production(t, id).value().anchor; });
  };
  EXPECT_EQ(anchor(), 1) << "version 2 was better, and can never be held against anything again";
  measured = make_measured(-0.02, 0.03, 3);
  measured.anchor_fault = "its sha256 is wrong too";
  ASSERT_EQ(conclude(queue_and_claim(id), measured).value().state, RunState::promoted);
  EXPECT_EQ(anchor(), 3);
}

TEST_F(ConcludeTest, KeepsTheAnchorThatACandidateWasNotHeldAgainst) {
  settings::Model model = plain_model();
  model.validation.rule = Rule::non_inferior;
  model.validation.margin = 0.05;
  const ModelId id = put(model);
  conclude(queue_and_claim(id), make_measured(0.01, 0.03));
  conclude(queue_and_claim(id), make_measured(-0.02, 0.03, 1));
  model.validation.rule = Rule::superior;
  model.validation.margin = 0;
  put(model);
  const runs::ClaimedRun run = queue_and_claim(id);
  EXPECT_FALSE(transact([&](store::Transaction& t) { return prepare_job(t, run, start); }).job.anchor);
  ASSERT_EQ(conclude(run, make_measured(0.01, 0.03, 2)).value().state, RunState::promoted);
  transact([&](store::Transaction& transaction) {
    EXPECT_EQ(registry::find_production(transaction, id).value().anchor, 1)
        << "it is surely better than version 2, which may be worse than version 1";
  });
}

// What no worker of ours would send of a candidate against production version 2, whose anchor is version 1.
struct Forgery {
  const char* name;
  std::function<void(Measured&)> forge;
  const char* complaint;
};
class Forgeries : public ConcludeTest, public ::testing::WithParamInterface<Forgery> {};

TEST_P(Forgeries, DecideNothing) {
  settings::Model model = plain_model();
  model.validation.rule = Rule::non_inferior;
  model.validation.margin = 0.05;
  const ModelId id = put(model);
  conclude(queue_and_claim(id), make_measured(0.01, 0.03));
  conclude(queue_and_claim(id), make_measured(-0.02, 0.03, 1));
  const runs::ClaimedRun run = queue_and_claim(id);
  Measured measured = make_measured(0.01, 0.03, 2);
  measured.anchor = 1;
  measured.comparison.anchor_value = measured.comparison.opponent_value;
  measured.comparison.anchor_difference = measured.comparison.difference;
  const std::string before = written();
  Measured forged = measured;
  GetParam().forge(forged);
  EXPECT_CONTAINS(complaint<DataError>([&] { conclude(run, forged); }), GetParam().complaint);
  EXPECT_EQ(written(), before);
  EXPECT_EQ(conclude(run, measured).value().state, RunState::promoted);
}

INSTANTIATE_TEST_SUITE_P(
    Each, Forgeries,
    ::testing::Values(Forgery{"NoAnchor", [](Measured& m) { m.anchor.reset(); },
                              "did not hold the candidate against version 1, the best so far, and did not say why"},
                      Forgery{"AnotherAnchor", [](Measured& m) { m.anchor = 2; },
                              "against version 2, which is not the best so far"},
                      Forgery{"AStandInThatIsNone",
                              [](Measured& m) {
                                m.production_fault = "gone";
                                m.stand_in = 7;
                              },
                              "version 7 stand in for production, which it cannot"},
                      Forgery{"RowsThatProductionWasTrainedOn",
                              [](Measured& m) {
                                m.trained_to -= 20;
                                m.holdout_from = m.trained_to + 1;
                              },
                              "and version 2 was trained on rows up to"},
                      Forgery{"RowsThatTheCandidateWasTrainedOn", [](Measured& m) { m.trained_to += 20; },
                              "and the candidate was trained on rows up to"},
                      Forgery{"ARefitThatNobodyAskedFor",
                              [](Measured& m) {
                                m.refit = Refit{.facts = {.candidate = m.facts, .disagreement = 0},
                                                .judged_sha256 = m.artifact_sha256,
                                                .judged_rows = m.train_rows,
                                                .judged_to = m.trained_to};
                              },
                              "which is not configured"}),
    [](const auto& forgery) { return forgery.param.name; });

}  // namespace
}  // namespace retraind::pipeline
