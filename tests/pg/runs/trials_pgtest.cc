// Shadows and bakes: one open trial of a kind a model, claimed by one daemon at a time, with rows counted once.
#include <cmath>
#include <limits>

#include "core/runs/monitors.h"
#include "core/runs/steering.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::runs {
namespace {

using testing::hours;
using testing::make_model;
using testing::minutes;

class TrialsTest : public testing::RegistryTest {
 protected:
  // v1 in production, v2 its shadow.
  ModelId shadow(const std::string& name = "power") {
    const ModelId model = put(make_model(name));
    run_to(RunState::promoted, model);
    run_ = run_to(RunState::shadowing, model);
    return model;
  }
  std::optional<ClaimedTrial> claim_trial_at(TimePoint when, const std::vector<std::string>& sources = {"market"},
                                             Duration lease = minutes(5)) {
    return transact([&](store::Transaction& t) { return claim_trial(t, here, sources, lease, when); });
  }
  bool held(const ClaimedTrial& trial, TimePoint when) {
    return at(when, [&](store::Transaction& t) { return hold_trial(t, trial); });
  }
  void record(const ClaimedTrial& trial, const TrialProgress& progress, TimePoint when) {
    transact([&](store::Transaction& t) { record_trial(t, trial, progress, when); });
  }
  std::string trial_text(const std::string& expression) {
    return ground.text("SELECT " + expression + " FROM retraind.trial_history ORDER BY trial_id DESC LIMIT 1");
  }
  RunId run_{};
};

TEST_F(TrialsTest, AreDueAfterAWhileAndClaimedByOneDaemonWithAllTheyNeed) {
  const ModelId model = shadow();
  EXPECT_EQ(transact([&](store::Transaction& t) { return next_trial_due(t, {"market"}); }), start + hours(1));
  EXPECT_EQ(transact([&](store::Transaction& t) { return next_trial_due(t, {"another"}); }), std::nullopt);
  EXPECT_FALSE(claim_trial_at(start + minutes(59)));
  EXPECT_FALSE(claim_trial_at(start + hours(1), {"another"}));
  const ClaimedTrial trial = claim_trial_at(start + hours(1)).value();
  EXPECT_FALSE(claim_trial_at(start + hours(1)));
  EXPECT_EQ(transact([&](store::Transaction& t) { return next_trial_due(t, {"market"}); }),
            start + hours(1) + minutes(5));
  const NewTrial expected = new_trial(TrialKind::shadow, model, run_, 2, 1, start + hours(24 * 14));
  EXPECT_EQ(trial.terms.kind, expected.kind);
  EXPECT_EQ(trial.terms.model, model);
  EXPECT_EQ(trial.terms.run, run_);
  EXPECT_EQ(trial.terms.version, 2);
  EXPECT_EQ(trial.terms.against, 1);
  EXPECT_EQ(trial.terms.metric, Metric::log_loss);
  EXPECT_EQ(trial.terms.alpha, 0.05);
  EXPECT_EQ(trial.terms.after, 1.6e15);
  EXPECT_EQ(trial.terms.until, 2e15);
  EXPECT_EQ(trial.terms.deadline, expected.deadline);
  EXPECT_EQ(trial.terms.every, hours(1));
  EXPECT_EQ(trial.model_name, "power");
  EXPECT_EQ(trial.configuration, settings::to_json(make_model()));
  EXPECT_EQ(trial.counted_to, std::nullopt);
}

TEST_F(TrialsTest, GoOnWhileTheModelIsPausedAndNotOnceItIsRemoved) {
  shadow();
  ground.exec("SELECT retraind.pause('power', 'because')");
  EXPECT_TRUE(claim_trial_at(start + hours(1)));
  ground.exec("UPDATE retraind.model SET removed_at = now()");
  EXPECT_FALSE(claim_trial_at(start + hours(2)));
  EXPECT_EQ(transact([&](store::Transaction& t) { return next_trial_due(t, {"market"}); }), std::nullopt);
}

TEST_F(TrialsTest, AreOneOfAKindAModel) {  // invariant 8
  const ModelId model = shadow();
  const auto open = [&](TrialKind kind, int version, int against) {
    return transact([&](store::Transaction& t) {
      return open_trial(t, new_trial(kind, model, run_, version, against, start + hours(9)), start);
    });
  };
  EXPECT_FALSE(open(TrialKind::shadow, 2, 1));
  EXPECT_EQ(count("trial"), "1");
  EXPECT_TRUE(open(TrialKind::bake, 1, 2));
  EXPECT_FALSE(open(TrialKind::bake, 1, 2));
}

TEST_F(TrialsTest, AreLostWithTheirLease) {  // invariant 5
  shadow();
  const ClaimedTrial first = claim_trial_at(start + hours(1)).value();
  EXPECT_TRUE(held(first, start + hours(1)));
  EXPECT_TRUE(transact(
      [&](store::Transaction& t) { return renew_trial_lease(t, first, minutes(5), start + hours(1) + minutes(4)); }));
  EXPECT_TRUE(held(first, start + hours(1) + minutes(8)));
  EXPECT_FALSE(held(first, start + hours(1) + minutes(9)));
  EXPECT_FALSE(
      transact([&](store::Transaction& t) { return renew_trial_lease(t, first, minutes(5), start + hours(2)); }));
  const ClaimedTrial second = claim_trial_at(start + hours(2)).value();
  EXPECT_FALSE(held(first, start + hours(2)));
  EXPECT_TRUE(held(second, start + hours(2)));
  EXPECT_THROW(record(first, TrialProgress(), start + hours(2)), std::logic_error);
}

TEST_F(TrialsTest, KeepWhatALookFoundAndAreDueAgain) {
  shadow();
  const ClaimedTrial trial = claim_trial_at(start + hours(1)).value();
  const std::vector<TrialCluster> clusters = {{.index = -3,
                                               .from = 1.60001e15,
                                               .to = 1.7e15,
                                               .rows = 40,
                                               .weight = 40.5,
                                               .difference_sum = 0.1 + 0.2,
                                               .version_value = 0.4,
                                               .against_value = 1.0 / 3},
                                              {.index = 7,
                                               .from = 1.7e15,
                                               .to = 1.8e15,
                                               .rows = 2,
                                               .weight = 2,
                                               .difference_sum = -1e-300,
                                               .version_value = 0.4,
                                               .against_value = 0.4}};
  transact([&](store::Transaction& t) {
    record_trial_clusters(t, trial.id, clusters);
    record_trial_clusters(t, trial.id, {});
    const auto kept = list_trial_clusters(t, trial.id);
    ASSERT_EQ(kept.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(kept[i].index, clusters[i].index);
      EXPECT_EQ(kept[i].from, clusters[i].from);
      EXPECT_EQ(kept[i].to, clusters[i].to);
      EXPECT_EQ(kept[i].rows, clusters[i].rows);
      EXPECT_EQ(kept[i].weight, clusters[i].weight);
      EXPECT_EQ(kept[i].difference_sum, clusters[i].difference_sum);
      EXPECT_EQ(kept[i].version_value, clusters[i].version_value);
      EXPECT_EQ(kept[i].against_value, clusters[i].against_value);
    }
  });
  EXPECT_CONTAINS(testing::complaint<DataError>([&] {
                    transact([&](store::Transaction& t) { record_trial_clusters(t, trial.id, {clusters[0]}); });
                  }),
                  "trial_cluster_pkey");
  record(trial,
         {.rows = 42,
          .clusters = 2,
          .difference = 0.25,
          .ci_low = -std::numeric_limits<double>::infinity(),
          .ci_high = 0.5,
          .counted_to = 1.8e15,
          .sentence = "nothing can be said yet",
          .outcome = {},
          .next_due_at = start + hours(2)},
         start + hours(1));
  EXPECT_EQ(trial_text("concat_ws(' ', rows, clusters, difference, ci_low, ci_high, outcome, sentence)"),
            "42 2 0.25 0.5 nothing can be said yet")
      << "an infinite bound is NULL";
  EXPECT_FALSE(held(trial, start + hours(1))) << "the lease was given back";
  EXPECT_FALSE(claim_trial_at(start + hours(2) - minutes(1)));
  EXPECT_EQ(claim_trial_at(start + hours(2)).value().counted_to, 1.8e15);
  EXPECT_EQ(ground.text("SELECT count(*) FROM retraind.trial_cluster_history WHERE rows_from IS NOT NULL"), "2");
}

TEST_F(TrialsTest, EndTheirRunInEachWay) {
  for (const auto& [outcome, state, verdict] : std::vector<std::tuple<TrialOutcome, RunState, const char*>>{
           {TrialOutcome::rejected, RunState::rejected, "reject"},
           {TrialOutcome::expired, RunState::inconclusive, "inconclusive"},
           {TrialOutcome::awaiting_approval, RunState::awaiting_approval, "promote"}}) {
    SCOPED_TRACE(to_text(outcome));
    shadow(fmt::format("model_{}", static_cast<int>(outcome)));
    const ClaimedTrial trial = claim_trial_at(start + hours(1)).value();
    transact([&, &outcome = outcome, &state = state](store::Transaction& t) {
      act_as(t, here, start + hours(1));
      ASSERT_TRUE(hold_trial(t, trial));
      TrialProgress progress;
      progress.sentence = "so it is";
      progress.outcome = outcome;
      record_trial(t, trial, progress, start + hours(1));
      EXPECT_TRUE(end_shadowing_run(t, here, run_, state, "so it is", start + hours(1)));
    });
    EXPECT_EQ(
        run_text(run_, "concat_ws(' ', state, verdict, reason, finished_at IS NOT NULL)"),
        fmt::format("{} {} so it is {}", to_text(state), verdict, state == RunState::awaiting_approval ? "f" : "t"));
    EXPECT_EQ(trial_text("outcome || ' ' || (ended_at IS NOT NULL) || ' ' || (next_due_at IS NULL)"),
              fmt::format("{} true true", to_text(outcome)));
    EXPECT_FALSE(claim_trial_at(start + hours(9)));
    EXPECT_THROW(transact([&](store::Transaction& t) {
                   end_shadowing_run(t, here, run_, RunState::rejected, "again", start + hours(1));
                 }),
                 std::logic_error);
  }
}

TEST_F(TrialsTest, DoNotOfferACandidateForApprovalBesideAnOpenRun) {  // invariant 7
  const ModelId model = shadow();
  queue(model);
  transact([&](store::Transaction& t) {
    EXPECT_FALSE(end_shadowing_run(t, here, run_, RunState::awaiting_approval, "it won", start));
  });
  EXPECT_EQ(state_of(run_), "shadowing");
  transact([&](store::Transaction& t) {
    EXPECT_TRUE(end_shadowing_run(t, here, run_, RunState::rejected, "it lost", start));
  });
}

TEST_F(TrialsTest, EndWhenAPersonCancelsTheirRun) {
  shadow();
  const ClaimedTrial trial = claim_trial_at(start + hours(1)).value();
  EXPECT_EQ(transact([&](store::Transaction& t) { return cancel(t, run_, "not needed"); }), "cancelled");
  EXPECT_EQ(state_of(run_), "cancelled");
  EXPECT_EQ(trial_text("outcome || ': ' || sentence"), "cancelled: cancelled by postgres: not needed");
  EXPECT_FALSE(held(trial, start + hours(1)));
}

TEST_F(TrialsTest, RollBackAndQuarantineWhatDidHarmOnlyWhileItIsInProduction) {
  const ModelId model = put();
  for (int i = 0; i < 2; ++i) run_ = run_to(RunState::promoted, model, "manual", start + minutes(i));
  const BakedRollback harm{.model = model, .from = 2, .to = 1, .reason = "surely worse"};
  EXPECT_TRUE(transact([&](store::Transaction& t) { return roll_back_baked(t, here, harm, start + minutes(5)); }));
  EXPECT_EQ(ground.rows("SELECT version, kind, actor, trigger, reason FROM retraind.promotion_history ORDER BY "
                        "promotion_id DESC LIMIT 1"),
            (std::vector<testing::TextRow>{{"1", "rollback", "host-a", "bake", "surely worse"}}));
  EXPECT_EQ(ground.rows("SELECT version, actor, reason FROM retraind.quarantine_history"),
            (std::vector<testing::TextRow>{{"2", "host-a", "surely worse"}}));
  EXPECT_FALSE(transact([&](store::Transaction& t) { return roll_back_baked(t, here, harm, start + minutes(6)); }));
  EXPECT_EQ(count("quarantine"), "1");
}

TEST_F(TrialsTest, ShowInTheStatusOfTheirModel) {
  const ModelId model = shadow();
  transact([&](store::Transaction& t) {
    open_trial(t, new_trial(TrialKind::bake, model, run_, 1, 2, start + hours(9)), start).value();
  });
  EXPECT_EQ(ground.text("SELECT concat_ws(' ', version, open_run_id, shadow_version, shadow_until IS NOT NULL, "
                        "baking_against, baking_until IS NOT NULL, releases_waiting) FROM retraind.status"),
            "1 2 t 2 t 0");
}

TEST_F(TrialsTest, CountAgainstTheTriggerAsSoonAsTheyBegin) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  run_ = run_to(RunState::shadowing, model, "new_rows", start + minutes(7));
  const auto context = [&](TimePoint when) {
    return transact([&](store::Transaction& t) { return lock_context(t, model, "new_rows", when); });
  };
  EXPECT_EQ(context(start + minutes(8)).unsuccessful_in_a_row, 1);
  EXPECT_EQ(context(start + minutes(8)).last_unsuccessful_at, start + minutes(7));
  EXPECT_EQ(context(start + minutes(8)).last_finished_at, start + minutes(7));
  EXPECT_FALSE(context(start + minutes(8)).run_open);
  EXPECT_TRUE(transact([&](store::Transaction& t) { return find_judged_window_end(t, model); }));
  transact([&](store::Transaction& t) {
    end_shadowing_run(t, here, run_, RunState::rejected, "it lost", start + hours(50));
  });
  EXPECT_EQ(context(start + hours(50)).last_unsuccessful_at, start + minutes(7)) << "the end of a shadow is no news";
}

TEST_F(TrialsTest, EndARowOfFailuresWhenTheyArePromotedLater) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  run_ = run_to(RunState::shadowing, model, "new_rows", start + minutes(1));
  run_to(RunState::rejected, model, "new_rows", start + minutes(2));
  const auto in_a_row = [&] {
    return transact([&](store::Transaction& t) { return lock_context(t, model, "new_rows", start + minutes(9)); })
        .unsuccessful_in_a_row;
  };
  EXPECT_EQ(in_a_row(), 2);
  transact([&](store::Transaction& t) {
    end_shadowing_run(t, here, run_, RunState::promoted, "it won", start + minutes(5));
  });
  EXPECT_EQ(in_a_row(), 0);
  run_to(RunState::rejected, model, "new_rows", start + minutes(6));
  EXPECT_EQ(in_a_row(), 1);
}

}  // namespace
}  // namespace retraind::runs
