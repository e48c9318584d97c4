// Shadows and bakes in the registry: from clusters that a worker might have found to who is in production afterwards.
#include "core/pipeline/trial.h"

#include <thread>

#include "core/pipeline/bake.h"
#include "core/pipeline/conclude.h"
#include "core/pipeline/trial_cut.h"
#include "core/runs/trials.h"
#include "tests/pg/registry/registry_scene.h"
#include "tests/unit/pipeline/measured.h"

namespace retraind::pipeline {
namespace {

using testing::complaint;
using testing::hours;
using testing::make_model;
using testing::TextRow;

constexpr double kDay = 86400e6;

class TrialTest : public testing::RegistryTest {
 protected:
  // A run whose candidate differs from its opponent by what the bounds say.
  RunId run(ModelId model, double low, double high, std::optional<int> against, TimePoint when) {
    queue(model, "manual", when);
    const runs::ClaimedRun claimed = claim(when);
    Measured measured = make_measured(low, high, against, 0.9999);
    // No two candidates are the same model.
    const std::string artifact = kCandidateBytes + (against ? fmt::format(" against {}", *against) : "");
    measured.artifact_sha256 = to_hex(sha256(artifact));
    measured.artifact_bytes = measured.facts.artifact_bytes = artifact.size();
    if (!transact([&](store::Transaction& transaction) {
          return conclude_run(transaction, here, claimed, measured, artifact, when);
        })) {
      throw std::runtime_error("the run could not be concluded");
    }
    return claimed.id;
  }
  static settings::Model two_weeks() {
    settings::Model model = make_model();
    model.validation.shadow = hours(24 * 14);
    return model;
  }
  // Version 1 in production, version 2 its shadow.
  ModelId put_shadow(const settings::Model& settings = two_weeks()) {
    const ModelId model = put(settings);
    run(model, 0.01, 0.03, std::nullopt, start);
    shadowing = run(model, -0.01, 0.03, 1, start);
    return model;
  }
  // Version 2 in production, baked against version 1.
  ModelId put_bake(const settings::Model& settings = make_model()) {
    const ModelId model = put(settings);
    run(model, 0.01, 0.03, std::nullopt, start);
    run(model, 0.01, 0.03, 1, start);
    return model;
  }

  std::optional<runs::ClaimedTrial> try_claim_trial(TimePoint when, Duration lease_time = hours(1)) {
    return transact([&](store::Transaction& transaction) {
      return runs::claim_trial(transaction, here, {"market"}, lease_time, when);
    });
  }
  runs::ClaimedTrial claim_trial(TimePoint when, Duration lease_time = hours(1)) {
    auto claimed = try_claim_trial(when, lease_time);
    if (!claimed) throw std::runtime_error("there was no trial to claim");
    return *claimed;
  }
  // Days of a hundred rows each, from day `first` after what the run has read; the version on trial is better by
  // `difference` in each row, a little more or less from day to day.
  TrialResult days(double difference, int count, int first = 0) const {
    TrialResult out;
    const double begin = make_measured(0, 0).window_to;
    for (int day = first; day < first + count; ++day) {
      const double from = begin + day * kDay + 1;
      out.clusters.push_back({.index = day,
                              .from = from,
                              .to = from + kDay / 2,
                              .rows = 100,
                              .weight = 100,
                              .difference_sum = 100 * (difference + (day % 2 == 0 ? 0.002 : -0.002)),
                              .version_value = 0.5,
                              .against_value = 0.5 + difference});
    }
    out.seen_to = begin + (first + count) * kDay;
    return out;
  }
  std::optional<TrialConclusion> conclude(const runs::ClaimedTrial& trial, const TrialResult& result, TimePoint when) {
    return transact(
        [&](store::Transaction& transaction) { return conclude_trial(transaction, here, trial, result, when); });
  }
  std::optional<TrialConclusion> fail(const runs::ClaimedTrial& trial, TimePoint when) {
    return transact([&](store::Transaction& transaction) {
      return record_failed_look(transaction, here, trial, "the table is gone", when);
    });
  }
  // "kind outcome" of all trials in order.
  std::string trials() {
    return ground.text(
        "SELECT string_agg(kind || ' ' || coalesce(outcome, 'open'), ', ' ORDER BY trial_id) FROM "
        "retraind.trial_history");
  }
  std::string production() { return ground.text("SELECT string_agg(version::text, ' ') FROM retraind.production"); }
  // Versions in the order they came; each range ends where the next begins, and only the last is open.
  std::string moves() {
    EXPECT_EQ(ground.text("SELECT count(*) FROM (SELECT upper(during) AS ends, lead(lower(during)) OVER "
                          "(ORDER BY lower(during)) AS next FROM retraind.promotion) p "
                          "WHERE ends IS DISTINCT FROM next"),
              "0");
    return ground.text(
        "SELECT string_agg(kind || ' ' || version, ', ' ORDER BY promotion_id) FROM "
        "retraind.promotion_history");
  }

  void wait_until_somebody_waits() {
    const auto deadline = std::chrono::steady_clock::now() + testing::seconds(30);
    while (ground.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                       "wait_event_type = 'Lock'") == "0") {
      if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("nobody waits for anybody");
    }
  }

  RunId shadowing{};
  testing::TestConnection person_at = ground.connect();
};

TEST_F(TrialTest, PromotesAShadowThatSurelyWinsAndBakesIt) {
  put_shadow();
  const runs::ClaimedTrial trial = claim_trial(start + hours(1));
  EXPECT_EQ(trial.terms.kind, TrialKind::shadow);
  const TrialResult found = days(0.05, 12);
  const auto conclusion = conclude(trial, found, start + hours(1));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->outcome, TrialOutcome::promoted);
  EXPECT_EQ(production(), "2");
  EXPECT_EQ(moves(), "promotion 1, promotion 2");
  EXPECT_EQ(state_of(shadowing), "promoted");
  EXPECT_EQ(run_text(shadowing, "reason"), conclusion->sentence);
  EXPECT_EQ(ground.rows("SELECT trigger, actor, reason, run_id, trial_id FROM retraind.promotion_history "
                        "ORDER BY promotion_id DESC LIMIT 1"),
            (std::vector<TextRow>{{"shadow", "host-a", conclusion->sentence, std::to_string(number(shadowing)),
                                   std::to_string(number(trial.id))}}));
  EXPECT_EQ(ground.rows("SELECT outcome, rows, clusters, difference > 0.04, ci_low > 0, sentence FROM "
                        "retraind.trial_history WHERE kind = 'shadow'"),
            (std::vector<TextRow>{{"promoted", "1200", "12", "t", "t", conclusion->sentence}}));
  EXPECT_EQ(count("trial_cluster"), "12");
  // The rows that made it win are no evidence any more.
  EXPECT_EQ(trials(), "shadow promoted, bake open");
  EXPECT_EQ(ground.rows("SELECT version, against, after = " + std::to_string(found.clusters.back().to) +
                        " FROM retraind.trial WHERE kind = 'bake'"),
            (std::vector<TextRow>{{"2", "1", "t"}}));
}

TEST_F(TrialTest, OpensNoBakeWhereNoneIsWanted) {
  settings::Model model = make_model();
  model.validation.bake = Duration::zero();
  put_shadow(model);
  EXPECT_EQ(conclude(claim_trial(start + hours(1)), days(0.05, 12), start + hours(1))->outcome, TrialOutcome::promoted);
  EXPECT_EQ(trials(), "shadow promoted");
}

TEST_F(TrialTest, RejectsAShadowThatSurelyLoses) {
  put_shadow();
  const auto conclusion = conclude(claim_trial(start + hours(1)), days(-0.05, 12), start + hours(1));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->outcome, TrialOutcome::rejected);
  EXPECT_EQ(state_of(shadowing), "rejected");
  EXPECT_EQ(run_text(shadowing, "reason"), conclusion->sentence);
  EXPECT_EQ(moves(), "promotion 1");
}

TEST_F(TrialTest, CountsEachClusterOnceAndGoesOnWhileNothingIsSettled) {
  put_shadow();
  const runs::ClaimedTrial first = claim_trial(start + hours(1));
  EXPECT_EQ(first.counted_to, std::nullopt);
  const auto conclusion = conclude(first, days(0, 4), start + hours(1));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->outcome, std::nullopt);
  EXPECT_EQ(state_of(shadowing), "shadowing");
  EXPECT_EQ(try_claim_trial(start + hours(2) - Duration(1)), std::nullopt);

  const runs::ClaimedTrial second = claim_trial(start + hours(2));
  EXPECT_EQ(second.counted_to, days(0, 4).clusters.back().to);
  const auto say = [&](const TrialResult& result) {
    return complaint<DataError>([&] { (void)conclude(second, result, start + hours(2)); });
  };
  EXPECT_CONTAINS(say(days(0.05, 10, 3)), "are no evidence");
  TrialResult renumbered = days(0.05, 10, 4);
  renumbered.clusters.front().index = 3;
  EXPECT_CONTAINS(say(renumbered), "cluster 3 has been counted before");
  EXPECT_CONTAINS(say(days(0.05, 11, 4)), "the window ends at");
  EXPECT_EQ(count("trial_cluster"), "4");

  // What was counted before counts still: 14 clusters decide.
  EXPECT_EQ(conclude(second, days(0.05, 10, 4), start + hours(2))->outcome, TrialOutcome::promoted);
  EXPECT_EQ(ground.text("SELECT rows || ' ' || clusters FROM retraind.trial_history WHERE kind = 'shadow'"), "1400 14");
}

TEST_F(TrialTest, RefusesRowsThatAModelWasTrainedOrJudgedOn) {
  put_shadow();
  const runs::ClaimedTrial trial = claim_trial(start + hours(1));
  TrialResult found = days(0.05, 12);
  found.clusters.front().from = trial.terms.after;
  EXPECT_CONTAINS(complaint<DataError>([&] { (void)conclude(trial, found, start + hours(1)); }), "are no evidence");
  EXPECT_EQ(moves(), "promotion 1");
}

TEST_F(TrialTest, ExpiresAShadowWhoseWindowIsOver) {
  put_shadow();
  TrialResult found = days(0, 14);
  const runs::ClaimedTrial first = claim_trial(start + hours(1));
  ASSERT_EQ(found.seen_to, first.terms.until);
  // Rows of that very time may still come.
  EXPECT_EQ(conclude(first, found, start + hours(1))->outcome, std::nullopt);
  const auto conclusion =
      conclude(claim_trial(start + hours(2)), {.clusters = {}, .seen_to = *found.seen_to + 1}, start + hours(2));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->outcome, TrialOutcome::expired);
  EXPECT_EQ(state_of(shadowing), "inconclusive");
  EXPECT_EQ(production(), "1");
}

TEST_F(TrialTest, ExpiresAShadowAtItsDeadlineThoughNoRowEverCame) {
  put_shadow();
  const TimePoint deadline = start + hours(24 * 15);  // two weeks, and a day for late labels
  const runs::ClaimedTrial trial = claim_trial(deadline - std::chrono::minutes(30));
  EXPECT_EQ(trial.terms.deadline, deadline);
  EXPECT_EQ(conclude(trial, {}, deadline - Duration(1))->outcome, std::nullopt);
  const runs::ClaimedTrial last = claim_trial(deadline);  // not an hour later
  EXPECT_EQ(conclude(last, {}, deadline)->outcome, TrialOutcome::expired);
  EXPECT_EQ(state_of(shadowing), "inconclusive");
  EXPECT_EQ(ground.text("SELECT (difference IS NULL) AND (ci_low IS NULL) FROM retraind.trial_history"), "t");
}

TEST_F(TrialTest, AsksAPersonWherePromotionIsManual) {
  settings::Model settings = make_model();
  settings.validation.promotion = PromotionMode::manual;
  const ModelId model = put();
  run(model, 0.01, 0.03, std::nullopt, start);
  shadowing = run(model, -0.01, 0.03, 1, start);
  put(settings);
  // Another run is open: a person could not be asked about both.
  const RunId open = queue(model);
  const auto waits = conclude(claim_trial(start + hours(1)), days(0.05, 12), start + hours(1));
  ASSERT_TRUE(waits);
  EXPECT_EQ(waits->outcome, std::nullopt);
  EXPECT_CONTAINS(waits->sentence, "waits for another run");
  EXPECT_EQ(state_of(shadowing), "shadowing");
  ground.exec("SELECT retraind.cancel(" + std::to_string(number(open)) + ", 'out of the way')");

  const auto conclusion = conclude(claim_trial(start + hours(2)), {}, start + hours(2));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->outcome, TrialOutcome::awaiting_approval);
  EXPECT_EQ(state_of(shadowing), "awaiting_approval");
  EXPECT_EQ(trials(), "shadow awaiting_approval");
  EXPECT_EQ(production(), "1");
  ground.exec("SELECT retraind.approve(" + std::to_string(number(shadowing)) + ", 'fine')");
  EXPECT_EQ(production(), "2");
  EXPECT_EQ(moves(), "promotion 1, promotion 2");
}

TEST_F(TrialTest, BakesWhatAPersonApprovedOnceAndOnlyThat) {
  settings::Model settings = make_model();
  settings.validation.promotion = PromotionMode::manual;
  const ModelId model = put(settings);
  const auto bake = [&] {
    return transact([&](store::Transaction& transaction) {
             return bake_approved(transaction, {"market"}, start + hours(1));
           })
        .size();
  };
  const auto approve = [&](RunId run) {
    ground.exec("SELECT retraind.approve(" + std::to_string(number(run)) + ", 'fine')");
  };
  approve(run(model, 0.01, 0.03, std::nullopt, start));
  EXPECT_EQ(bake(), 0u) << "a first model replaced nothing";
  const RunId second = run(model, 0.01, 0.03, 1, start);
  EXPECT_EQ(bake(), 0u);
  approve(second);
  EXPECT_EQ(transact([&](store::Transaction& transaction) {
              return bake_approved(transaction, {"elsewhere"}, start + hours(1));
            }).size(),
            0u);
  EXPECT_EQ(bake(), 1u);
  EXPECT_EQ(bake(), 0u);
  EXPECT_EQ(ground.rows("SELECT kind, run_id, version, against, after, opened_at = '" +
                        format_instant(start + hours(1)) + "' FROM retraind.trial"),
            (std::vector<TextRow>{
                {"bake", std::to_string(number(second)), "2", "1",
                 ground.text("SELECT " + std::to_string(make_measured(0, 0).window_to) + "::double precision"), "t"}}));
  // What a rollback brings back is no approval.
  ground.exec("SELECT retraind.rollback('power', 'people complain')");
  EXPECT_EQ(bake(), 0u);
  EXPECT_EQ(trials(), "bake overtaken");
}

TEST_F(TrialTest, BakesNothingThatWasApprovedLongAgoOrWhereNoBakeIsWanted) {
  settings::Model settings = make_model();
  settings.validation.promotion = PromotionMode::manual;
  settings.validation.bake = Duration::zero();
  const ModelId model = put(settings);
  for (const std::optional<int> against : {std::optional<int>(), std::optional(1)}) {
    const RunId id = run(model, 0.01, 0.03, against, start);
    ground.exec("SELECT retraind.approve(" + std::to_string(number(id)) + ", 'fine')");
  }
  const auto bake = [&](TimePoint when) {
    return transact([&](store::Transaction& transaction) { return bake_approved(transaction, {"market"}, when); })
        .size();
  };
  EXPECT_EQ(bake(start + hours(1)), 0u);
  settings.validation.bake = hours(24 * 7);
  put(settings);
  EXPECT_EQ(bake(start + hours(24 * 8)), 0u);
  EXPECT_EQ(bake(start + hours(24 * 3)), 1u) << "no daemon may have been there over a weekend";
}

TEST_F(TrialTest, IsOvertakenByAnyMoveOfProduction) {
  const ModelId model = put_shadow();
  const runs::ClaimedTrial trial = claim_trial(start + hours(1));
  run(model, 0.01, 0.03, 1, start + hours(1));
  EXPECT_EQ(conclude(trial, days(0.05, 12), start + hours(1)), std::nullopt);
  EXPECT_EQ(trials(), "shadow overtaken, bake open");
  EXPECT_EQ(state_of(shadowing), "inconclusive");
  EXPECT_EQ(count("trial_cluster"), "0");
  EXPECT_EQ(production(), "3");
  EXPECT_EQ(fail(trial, start + hours(1)), std::nullopt);
}

TEST_F(TrialTest, WritesNothingUnderALeaseThatWasLost) {
  put_shadow();
  const runs::ClaimedTrial lost = claim_trial(start + hours(1), std::chrono::seconds(30));
  const runs::ClaimedTrial held = claim_trial(start + hours(2));
  EXPECT_EQ(conclude(lost, days(0.05, 12), start + hours(2)), std::nullopt);
  EXPECT_EQ(fail(lost, start + hours(2)), std::nullopt);
  EXPECT_EQ(count("trial_cluster"), "0");
  EXPECT_EQ(production(), "1");
  EXPECT_EQ(conclude(held, days(0.05, 12), start + hours(2))->outcome, TrialOutcome::promoted);
}

TEST_F(TrialTest, KeepsABakedVersionThatDoesNoHarm) {
  put_bake();
  const runs::ClaimedTrial trial = claim_trial(start + hours(1));
  EXPECT_EQ(trial.terms.kind, TrialKind::bake);
  EXPECT_EQ(conclude(trial, days(0, 6), start + hours(1))->outcome, std::nullopt);
  const auto conclusion =
      conclude(claim_trial(start + hours(2)), {.clusters = {}, .seen_to = *trial.terms.until + 1}, start + hours(2));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->outcome, TrialOutcome::kept);
  EXPECT_EQ(production(), "2");
  EXPECT_EQ(moves(), "promotion 1, promotion 2");
}

TEST_F(TrialTest, DoesNotRollBackWhatIsBetterThanTheVersionBefore) {
  put_bake();
  EXPECT_EQ(conclude(claim_trial(start + hours(1)), days(0.05, 6), start + hours(1))->outcome, std::nullopt);
  EXPECT_EQ(production(), "2");
}

TEST_F(TrialTest, RollsBackAVersionThatDoesHarmAndKeepsItOut) {
  const ModelId model = put_bake();
  const runs::ClaimedTrial trial = claim_trial(start + hours(1));
  const auto conclusion = conclude(trial, days(-0.05, 7), start + hours(1));
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->outcome, TrialOutcome::rolled_back);
  EXPECT_EQ(production(), "1");
  EXPECT_EQ(moves(), "promotion 1, promotion 2, rollback 1");
  EXPECT_EQ(trials(), "bake rolled_back");
  EXPECT_EQ(ground.rows("SELECT previous_version, trigger, trial_id, reason FROM retraind.promotion_history "
                        "ORDER BY promotion_id DESC LIMIT 1"),
            (std::vector<TextRow>{{"2", "bake", std::to_string(number(trial.id)), conclusion->sentence}}));
  EXPECT_EQ(ground.rows("SELECT version, reason, lifted_at FROM retraind.quarantine_history"),
            (std::vector<TextRow>{{"2", conclusion->sentence, std::nullopt}}));
  EXPECT_CONTAINS(refusal("SELECT retraind.rollback('power', 'I want it back', 2)"), "quarantined");
  // What is done is done: the same look once more changes nothing.
  EXPECT_EQ(conclude(trial, days(-0.05, 7), start + hours(2)), std::nullopt);
  EXPECT_EQ(moves(), "promotion 1, promotion 2, rollback 1");
  // The next candidate is judged against what is in production now, and baked in its turn.
  run(model, 0.01, 0.03, 1, start + hours(3));
  EXPECT_EQ(production(), "3");
  EXPECT_EQ(trials(), "bake rolled_back, bake open");
}

TEST_F(TrialTest, ToleratesSoMuchHarmAsItIsTold) {
  settings::Model settings = make_model();
  settings.validation.bake_tolerance = 0.1;
  put_bake(settings);
  EXPECT_EQ(conclude(claim_trial(start + hours(1)), days(-0.05, 7), start + hours(1))->outcome, std::nullopt);
  EXPECT_EQ(production(), "2");
}

TEST_F(TrialTest, EndsABakeThatAPersonRolledBack) {
  put_bake();
  const runs::ClaimedTrial trial = claim_trial(start + hours(1));
  ground.exec("SELECT retraind.rollback('power', 'people complain')");
  EXPECT_EQ(conclude(trial, days(-0.05, 7), start + hours(1)), std::nullopt);
  EXPECT_EQ(trials(), "bake overtaken");
  EXPECT_EQ(moves(), "promotion 1, promotion 2, rollback 1");
}

// The daemon rolls back by itself while a person does the same: whoever comes second finds it done.
TEST_F(TrialTest, RollsBackOnceWhenADaemonAndAPersonWantTo) {
  put_bake();
  const runs::ClaimedTrial trial = claim_trial(start + hours(1));
  std::string said;
  std::jthread person;
  transact([&](store::Transaction& transaction) {
    EXPECT_EQ(conclude_trial(transaction, here, trial, days(-0.05, 7), start + hours(1)).value().outcome,
              TrialOutcome::rolled_back);
    person = std::jthread([&] { said = refusal(person_at, "SELECT retraind.rollback('power', 'people complain')"); });
    wait_until_somebody_waits();
  });
  person.join();
  EXPECT_CONTAINS(said, "no other version that was in production and is not quarantined");
  EXPECT_EQ(moves(), "promotion 1, promotion 2, rollback 1");
  EXPECT_EQ(trials(), "bake rolled_back");
}

TEST_F(TrialTest, LeavesTheRollbackToAPersonWhoWasFaster) {
  put_bake();
  const runs::ClaimedTrial trial = claim_trial(start + hours(1));
  std::optional<TrialConclusion> conclusion = TrialConclusion{};
  std::string trouble;
  person_at.exec("BEGIN; SELECT retraind.rollback('power', 'people complain')");
  std::jthread daemon([&] {
    try {
      conclusion = conclude(trial, days(-0.05, 7), start + hours(1));
    } catch (const std::exception& error) {
      trouble = error.what();
    }
  });
  wait_until_somebody_waits();
  person_at.exec("COMMIT");
  daemon.join();
  EXPECT_EQ(trouble, "");
  EXPECT_EQ(conclusion, std::nullopt);
  EXPECT_EQ(moves(), "promotion 1, promotion 2, rollback 1");
  EXPECT_EQ(trials(), "bake overtaken");
}

TEST_F(TrialTest, RecordsALookThatCouldNotBeMadeAndEndsAtTheDeadline) {
  put_shadow();
  EXPECT_EQ(conclude(claim_trial(start + hours(1)), days(0, 8), start + hours(1))->outcome, std::nullopt);
  const auto later = fail(claim_trial(start + hours(2)), start + hours(2));
  ASSERT_TRUE(later);
  EXPECT_EQ(later->outcome, std::nullopt);
  EXPECT_CONTAINS(later->sentence, "the table is gone");
  // What was counted before stays known.
  EXPECT_EQ(ground.text("SELECT rows || ' ' || clusters || ' ' || (ci_low IS NOT NULL) FROM retraind.trial_history"),
            "800 8 true");
  const TimePoint deadline = start + hours(24 * 15);
  const auto last = fail(claim_trial(deadline), deadline);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->outcome, TrialOutcome::expired);
  EXPECT_CONTAINS(last->sentence, "the table is gone");
  EXPECT_EQ(state_of(shadowing), "inconclusive");
}

TEST_F(TrialTest, FailsABakeThatCouldNotBeLookedAtUpToItsDeadline) {
  put_bake();
  const TimePoint deadline = start + hours(24 * 29);
  EXPECT_EQ(fail(claim_trial(deadline), deadline)->outcome, TrialOutcome::failed);
  EXPECT_EQ(production(), "2");
  EXPECT_EQ(trials(), "bake failed");
}

TEST_F(TrialTest, PlansALookWithBothVersionsBehindWhatIsCounted) {
  put_shadow();
  const auto plan = [&](const runs::ClaimedTrial& trial) {
    return transact([&](store::Transaction& transaction) { return plan_trial(transaction, trial, start + hours(1)); });
  };
  const runs::ClaimedTrial first = claim_trial(start + hours(1));
  const TrialPlan fresh = plan(first);
  EXPECT_EQ(fresh.job.version.version, 2);
  EXPECT_EQ(fresh.job.against.version, 1);
  EXPECT_EQ(fresh.job.metric, Metric::log_loss);
  EXPECT_EQ(fresh.job.after, make_measured(0, 0).window_to);
  EXPECT_EQ(fresh.job.until, first.terms.until);
  EXPECT_EQ(fresh.job.next_index, 0);
  ASSERT_EQ(fresh.artifacts.size(), 2u);
  EXPECT_EQ(fresh.artifacts[0].first, fresh.job.version.artifact_file);
  EXPECT_EQ(fresh.artifacts[1].first, fresh.job.against.artifact_file);
  EXPECT_NE(fresh.artifacts[0].first, fresh.artifacts[1].first);
  EXPECT_EQ(fresh.artifacts[1].second, kCandidateBytes);

  conclude(first, days(0, 4), start + hours(1));
  const TrialPlan next = plan(claim_trial(start + hours(2)));
  EXPECT_EQ(next.job.next_index, 4);
  // Days are cut at midnight: the rest of a day that was counted is left out with it.
  EXPECT_EQ(next.job.after,
            after_counted(days(0, 4).clusters.back().to, ClusterSize(Duration(std::chrono::hours(24)))));
  EXPECT_GT(next.job.after, days(0, 4).clusters.back().to);
}

TEST_F(TrialTest, SaysWhichArtifactIsDamaged) {
  put_shadow();
  const runs::ClaimedTrial trial = claim_trial(start + hours(1));
  ground.exec(
      "ALTER TABLE retraind.artifact_chunk DISABLE TRIGGER ALL; "
      "UPDATE retraind.artifact_chunk SET zstd = set_byte(zstd, 20, get_byte(zstd, 20) # 255)");
  EXPECT_CONTAINS(
      complaint<DataError>([&] {
        transact([&](store::Transaction& transaction) { (void)plan_trial(transaction, trial, start + hours(1)); });
      }),
      "version 2 cannot be scored");
}

}  // namespace
}  // namespace retraind::pipeline
