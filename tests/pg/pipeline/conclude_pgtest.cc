// The end of a run in the registry, from what a worker might have measured to what people then find in SQL.
#include "core/pipeline/conclude.h"

#include "core/registry/blocks.h"
#include "core/store/listener.h"
#include "tests/pg/pipeline/conclude_scene.h"

namespace retraind::pipeline {
namespace {

TEST_F(ConcludeTest, PromotesAFirstModelWithEverythingThatBelongsToIt) {
  const ModelId model = put();
  const runs::ClaimedRun run = queue_and_claim(model);
  const Measured measured = make_measured(0.01, 0.03);
  store::Listener listener(database.conninfo(), {"retraind_promotion"});
  const auto conclusion = conclude(run, measured);
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->ending, Ending::concluded);
  EXPECT_EQ(conclusion->state, RunState::promoted);
  EXPECT_EQ(conclusion->version, 1);
  EXPECT_EQ(conclusion->replaced, std::nullopt);

  EXPECT_EQ(
      ground.rows(
          "SELECT model, version, run_id, metric, artifact_sha256, trained_from, trained_to FROM retraind.production"),
      (std::vector<testing::TextRow>{{"power", "1", std::to_string(number(run.id)), "log_loss",
                                      measured.artifact_sha256, "2023-11-14 22:13:20+00",
                                      "2023-12-08 01:46:40.000001+00"}}));
  EXPECT_EQ(ground.rows("SELECT previous_version, kind, actor, trigger, run_id, holdout_rows, reason FROM "
                        "retraind.promotion_history"),
            (std::vector<testing::TextRow>{{std::nullopt, "promotion", "host-a", "manual",
                                            std::to_string(number(run.id)), "400", conclusion->reason}}));
  EXPECT_EQ(
      ground.rows(
          "SELECT state, verdict, opponent, judged_against, ci_low, ci_high, confidence, clusters, inflation, "
          "data_sha256, train_rows, holdout_rows, step, window_from, window_from_number FROM retraind.run_history"),
      (std::vector<testing::TextRow>{{"promoted", "promote", "baseline", std::nullopt, "0.01", "0.03", "0.97", "30",
                                      "1.25", measured.data_sha256, "1600", "400", "release", "2023-11-14 22:13:20+00",
                                      std::nullopt}}));
  EXPECT_EQ(ground.text("SELECT string_agg(gate || ' ' || outcome, ', ' ORDER BY gate) FROM retraind.gate_result"),
            "clusters passed, difference passed, holdout_reuse passed, holdout_rows passed, opponent passed, "
            "package passed, predictions passed, schema passed");
  EXPECT_EQ(ground.text("SELECT string_agg(role || ' ' || metric || ' ' || value, ', ' ORDER BY role, metric) "
                        "FROM retraind.metric_history"),
            "baseline accuracy 0.7, baseline log_loss 0.6, candidate accuracy 0.8, candidate log_loss 0.58");
  EXPECT_EQ(ground.text("SELECT string_agg(\"column\", ' ' ORDER BY position) FROM retraind.version_profile"),
            "price region (score)");
  EXPECT_EQ(ground.text("SELECT trainer || ' ' || lineage FROM retraind.model_version"), "xgboost 1.7.4 {\"seed\":1}");
  EXPECT_CONTAINS(conclusion->reason, "(at least 0.01 with 97.0 % confidence)");

  transact([&](store::Transaction& transaction) {
    EXPECT_EQ(registry::load_artifact(transaction, measured.artifact_sha256), kCandidateBytes);
    const auto columns = registry::list_columns(transaction, model, 1);
    ASSERT_EQ(columns.size(), 3u);
    EXPECT_EQ(stats::to_json(columns[0].profile), stats::to_json(measured.reference.columns[0].profile));
    EXPECT_EQ(columns[0].importance, 0.75);
    EXPECT_EQ(columns[2].role, ColumnRole::score);
    const auto blocks = registry::list_reference_blocks(transaction, model, 1, registry::BlockStream::features);
    ASSERT_EQ(blocks.size(), 2u);
    EXPECT_EQ(blocks[0].index, -3);
    EXPECT_EQ(blocks[1].packed, measured.reference.features[1].packed);
    EXPECT_EQ(registry::list_reference_blocks(transaction, model, 1, registry::BlockStream::losses).size(), 1u);
  });
  listener.probe();
  const auto heard = listener.drain();
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_CONTAINS(heard[0].payload, "\"version\" : 1");
}

TEST_F(ConcludeTest, ReplacesTheVersionThatTheCandidateBeat) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  const runs::ClaimedRun run = queue_and_claim(model);
  const auto conclusion = conclude(run, make_measured(0.01, 0.03, 1), kCandidateBytes, start + minutes(1));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->version, 2);
  EXPECT_EQ(conclusion->replaced, 1);
  EXPECT_EQ(ground.rows("SELECT version, previous_version, promoted_at = '" + format_instant(start + minutes(1)) +
                        "' FROM retraind.promotion_history ORDER BY promotion_id DESC LIMIT 1"),
            (std::vector<testing::TextRow>{{"2", "1", "t"}}));
}

TEST_F(ConcludeTest, KeepsTheNumbersButNoVersionOfACandidateThatDidNotWin) {
  const ModelId model = put(plain_model());
  run_to(RunState::promoted, model);
  const std::vector<std::tuple<double, double, RunState>> cases = {{-0.03, -0.01, RunState::rejected},
                                                                   {-0.01, 0.03, RunState::inconclusive}};
  for (const auto& [low, high, state] : cases) {
    const runs::ClaimedRun run = queue_and_claim(model);
    const auto conclusion = conclude(run, make_measured(low, high, 1));
    ASSERT_TRUE(conclusion);
    EXPECT_EQ(conclusion->state, state);
    EXPECT_EQ(conclusion->version, std::nullopt);
    EXPECT_EQ(state_of(run.id), to_text(state));
    EXPECT_EQ(run_text(run.id, "reason"), conclusion->reason);
    EXPECT_EQ(run_text(run.id, "judged_against"), "1");
    EXPECT_EQ(run_text(run.id, "difference > -1 AND version IS NULL AND ci_low IS NOT NULL"), "t");
    EXPECT_EQ(count(fmt::format("gate WHERE run_id = {}", number(run.id))), "8");
    EXPECT_EQ(count(fmt::format("metric_result WHERE run_id = {}", number(run.id))), "4");
  }
  EXPECT_EQ(count("model_version"), "1");
  EXPECT_EQ(count("artifact"), "1");
}

TEST_F(ConcludeTest, NeverPromotesWithoutEnoughRowsOrAnInterval) {
  const ModelId model = put(plain_model());
  Measured few = make_measured(0.01, 0.03);
  few.comparison.rows = 199;
  Measured blind = make_measured(0.01, 0.03);
  blind.comparison.difference.reset();
  blind.comparison.why_no_interval = "one class only";
  for (const auto& [measured, why] :
       {std::pair(few, "199 fresh labelled rows, too few"), std::pair(blind, "one class only")}) {
    const auto conclusion = conclude(queue_and_claim(model), measured);
    ASSERT_TRUE(conclusion);
    EXPECT_EQ(conclusion->state, RunState::inconclusive);
    EXPECT_CONTAINS(conclusion->reason, why);
  }
  EXPECT_EQ(count("promotion"), "0");
}

TEST_F(ConcludeTest, AsksAPersonWherePromotionIsManual) {
  settings::Model manual = make_model();
  manual.validation.promotion = PromotionMode::manual;
  const runs::ClaimedRun run = queue_and_claim(put(manual));
  const auto conclusion = conclude(run, make_measured(0.01, 0.03));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->state, RunState::awaiting_approval);
  EXPECT_EQ(conclusion->version, 1);
  EXPECT_EQ(count("production"), "0");
  EXPECT_EQ(run_text(run.id, "state || ' ' || (finished_at IS NULL) || ' ' || (lease_term IS NULL)"),
            "awaiting_approval true true");
  ground.exec(fmt::format("SELECT retraind.approve({}, 'fine')", number(run.id)));
  EXPECT_EQ(ground.text("SELECT version || ' ' || artifact_sha256 FROM retraind.production"),
            "1 " + make_measured(0, 0).artifact_sha256);
}

TEST_F(ConcludeTest, JudgesAgainWhenProductionChangedMeanwhile) {  // invariant 2
  const ModelId model = put();
  run_to(RunState::promoted, model);
  run_to(RunState::promoted, model);
  const runs::ClaimedRun run = queue_and_claim(model);
  const std::string before = written();
  ground.exec("SELECT retraind.rollback('power', 'v2 is broken')");
  const auto conclusion = conclude(run, make_measured(0.01, 0.03, 2));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->ending, Ending::judge_again);
  EXPECT_CONTAINS(conclusion->reason, "production changed from version 2 to version 1");
  EXPECT_EQ(ground.text("SELECT version FROM retraind.production"), "1");
  EXPECT_EQ(run_text(run.id, "state || ' ' || (max_attempts - attempt)"), "queued 2") << "it costs no attempt";
  EXPECT_EQ(count("metric_result"), before.substr(8, 1));
  const runs::ClaimedRun again = claim();
  EXPECT_EQ(again.id, run.id);
  // Version 2 was the first attempt against version 1.
  EXPECT_EQ(conclude(again, make_measured(0.01, 0.03, 1, 0.993)).value().state, RunState::promoted);
}

TEST_F(ConcludeTest, JudgesAgainWhenAnotherAttemptHasSpentTheLevel) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  run_to(RunState::rejected, model);
  const runs::ClaimedRun run = queue_and_claim(model);
  const auto conclusion = conclude(run, make_measured(0.01, 0.03, 1));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->ending, Ending::judge_again) << "0.97 is enough for the first attempt only";
  EXPECT_CONTAINS(conclusion->reason, "another candidate was judged against version 1 meanwhile");
  EXPECT_EQ(conclude(claim(), make_measured(0.01, 0.03, 1, 0.993)).value().state, RunState::promoted);
}

TEST_F(ConcludeTest, JudgesAgainWhenAFirstModelCameMeanwhile) {  // invariant 2
  const ModelId model = put();
  run_to(RunState::promoted, model);
  EXPECT_EQ(conclude(queue_and_claim(model), make_measured(0.01, 0.03)).value().ending, Ending::judge_again);
  EXPECT_EQ(count("promotion"), "1");
}

TEST_F(ConcludeTest, WritesNothingUnderALostLease) {  // invariant 5
  const ModelId model = put();
  queue(model);
  const runs::ClaimedRun old = claim(start, minutes(1));
  const std::string before = written();
  const Measured measured = make_measured(0.01, 0.03);
  EXPECT_FALSE(conclude(old, measured, kCandidateBytes, start + minutes(1))) << "it has expired";
  transact([&](store::Transaction& t) { runs::take_back_expired_runs(t, there, start + minutes(1)); });
  EXPECT_FALSE(conclude(old, measured)) << "the run is queued";
  const runs::ClaimedRun current = claim(start + minutes(1));
  EXPECT_FALSE(conclude(old, measured, kCandidateBytes, start + minutes(1))) << "somebody else has it";
  EXPECT_EQ(written(), before);
  EXPECT_TRUE(conclude(current, measured, kCandidateBytes, start + minutes(1)));
  EXPECT_FALSE(conclude(current, measured, kCandidateBytes, start + minutes(1))) << "it has ended";
  EXPECT_EQ(count("promotion"), "1");
}

TEST_F(ConcludeTest, IsThereAltogetherOrNotAtAll) {
  const ModelId model = put();
  const runs::ClaimedRun run = queue_and_claim(model);
  const std::string before = written();
  Measured measured = make_measured(0.01, 0.03);
  EXPECT_CONTAINS(complaint<DataError>([&] { conclude(run, measured, "other bytes"); }), "changed on its way");
  measured.comparison.metric = Metric::brier;
  EXPECT_CONTAINS(complaint<DataError>([&] { conclude(run, measured); }), "the worker measured brier");
  measured = make_measured(0.01, 0.03);
  measured.data_sha256 = "no sha256";
  complaint<DataError>([&] { conclude(run, measured); });
  EXPECT_EQ(written(), before);
  EXPECT_EQ(state_of(run.id), "running");
  EXPECT_EQ(ground.text("SELECT last_version FROM retraind.model"), "0");
  EXPECT_TRUE(conclude(run, make_measured(0.01, 0.03)));
}

TEST_F(ConcludeTest, StoresTheSameBytesOnceForTwoVersions) {
  const ModelId model = put();
  conclude(queue_and_claim(model), make_measured(0.01, 0.03));
  conclude(queue_and_claim(model), make_measured(0.01, 0.03, 1));
  EXPECT_EQ(count("model_version"), "2");
  EXPECT_EQ(count("artifact"), "1");
}

TEST_F(ConcludeTest, KeepsEventTimesThatAreNumbersAsNumbers) {
  const ModelId model = put();
  Measured measured = make_measured(0.01, 0.03);
  measured.axis = TimeAxis::number;
  measured.window_from = measured.trained_from = 0.1 + 0.2;
  measured.window_to = measured.trained_to = 9007199254740991.0;
  measured.holdout_from = measured.holdout_to = 9007199254740992.0;
  const runs::ClaimedRun run = queue_and_claim(model);
  ASSERT_TRUE(conclude(run, measured));
  EXPECT_EQ(run_text(run.id,
                     "window_from_number = 0.1::float8 + 0.2::float8 AND window_to_number = 9007199254740991 AND "
                     "window_from IS NULL AND window_to IS NULL"),
            "t");
  EXPECT_EQ(ground.text("SELECT trained_to_number = 9007199254740991 AND trained_to IS NULL FROM retraind.production"),
            "t");
  const auto production = transact([&](store::Transaction& t) { return registry::find_production(t, model); });
  EXPECT_EQ(production.value().trained_to, 9007199254740991.0);
  EXPECT_EQ(production->axis, TimeAxis::number);
}

TEST_F(ConcludeTest, PreparesTheNextJobAgainstWhatIsInProduction) {
  const ModelId model = put();
  const auto prepare = [&](const runs::ClaimedRun& run) {
    return transact([&](store::Transaction& transaction) { return prepare_job(transaction, run, start); });
  };
  runs::ClaimedRun run = queue_and_claim(model);
  PreparedJob prepared = prepare(run);
  EXPECT_FALSE(prepared.job.production);
  EXPECT_TRUE(prepared.artifacts.empty());
  EXPECT_EQ(prepared.job.judged_before, 0u);
  EXPECT_EQ(prepared.job.run, run.id);
  EXPECT_EQ(settings::to_json(prepared.job.model), settings::to_json(make_model()));
  conclude(run, make_measured(-0.01, 0.03));
  run = queue_and_claim(model);
  EXPECT_EQ(prepare(run).job.judged_before, 1u);
  conclude(run, make_measured(0.01, 0.03, std::nullopt, 0.9999));

  run = queue_and_claim(model);
  prepared = prepare(run);
  ASSERT_TRUE(prepared.job.production);
  EXPECT_EQ(prepared.job.production->version, 1);
  EXPECT_EQ(prepared.job.production->trained_to, make_measured(0, 0).trained_to);
  ASSERT_EQ(prepared.artifacts.size(), 1u);
  EXPECT_EQ(prepared.artifacts[0], std::pair(prepared.job.production->artifact_file, kCandidateBytes));
  EXPECT_EQ(prepared.job.judged_before, 0u) << "alpha is spent for each opponent anew";

  ground.exec("SET session_replication_role = replica; UPDATE retraind.artifact_chunk SET zstd = 'damaged'");
  prepared = prepare(run);
  EXPECT_TRUE(prepared.artifacts.empty());
  EXPECT_CONTAINS(prepared.job.production->fault, "is damaged");
}

}  // namespace
}  // namespace retraind::pipeline
