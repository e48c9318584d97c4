// The queue of batch scoring: a row for each model that is scored, claimed by one daemon at a time.
#include "core/runs/scorings.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::runs {
namespace {

using testing::hours;
using testing::make_model;
using testing::minutes;

class ScoringsTest : public testing::RegistryTest {
 protected:
  static settings::Model scored(const std::string& into = "predictions") {
    settings::Model model = make_model();
    model.scoring.into = into;
    model.scoring.key = {"id", "a \"b\""};
    model.scoring.every = minutes(2);
    return model;
  }
  ModelId load(const settings::Model& model, TimePoint when) {
    const ModelId id = put(model);
    transact([&](store::Transaction& t) { put_scoring(t, id, model, when); });
    return id;
  }
  std::optional<ClaimedScoring> claim_scoring_at(TimePoint when, const std::vector<std::string>& sources = {"market"}) {
    return transact([&](store::Transaction& t) { return claim_scoring(t, here, sources, minutes(5), when); });
  }
  bool record(const ClaimedScoring& scoring, const ScoringProgress& progress, TimePoint when) {
    return transact([&](store::Transaction& t) { return record_scoring(t, scoring, progress, when); });
  }
  std::optional<TimePoint> due() {
    return transact([&](store::Transaction& t) { return next_scoring_due(t, {"market"}); });
  }
  ScoringProgress scored_to(EventTime time, TimePoint next_due) {
    ScoringProgress out;
    out.extent = ScoringExtent{.axis = TimeAxis::instant, .begins_after = 1e15, .covered_to = time};
    out.rows = 7;
    out.sentence = "7 rows";
    out.next_due_at = next_due;
    return out;
  }
  std::string status(const std::string& expression) {
    return ground.text("SELECT " + expression + " FROM retraind.scoring_status");
  }
};

TEST_F(ScoringsTest, FollowTheConfiguration) {
  load(make_model(), start);
  EXPECT_EQ(count("scoring"), "0");
  EXPECT_EQ(due(), std::nullopt);
  load(scored(), start);
  EXPECT_EQ(status("concat_ws(' ', model, target, key, source, rows, failures)"),
            "power predictions {id,\"a \\\"b\\\"\"} market 0 0");
  EXPECT_EQ(due(), start);
  settings::Model elsewhere = scored();
  elsewhere.scoring.source = "market_writer";
  load(elsewhere, start);
  EXPECT_EQ(status("source"), "market_writer");
  EXPECT_FALSE(claim_scoring_at(start));
  EXPECT_TRUE(claim_scoring_at(start, {"market_writer"}));
  load(make_model(), start);
  EXPECT_EQ(count("scoring"), "0");
}

TEST_F(ScoringsTest, AreClaimedByOneDaemonUntilItsLeaseEnds) {  // invariant 5
  load(scored(), start);
  const ClaimedScoring first = claim_scoring_at(start).value();
  EXPECT_EQ(first.model_name, "power");
  EXPECT_EQ(first.source, "market");
  EXPECT_EQ(first.configuration, settings::to_json(scored()));
  EXPECT_EQ(first.every, minutes(2));
  EXPECT_FALSE(first.extent);
  EXPECT_FALSE(claim_scoring_at(start));
  EXPECT_EQ(due(), start + minutes(5));
  EXPECT_TRUE(
      transact([&](store::Transaction& t) { return renew_scoring_lease(t, first, minutes(5), start + minutes(4)); }));
  EXPECT_FALSE(claim_scoring_at(start + minutes(8)));
  const ClaimedScoring second = claim_scoring_at(start + minutes(9)).value();
  EXPECT_FALSE(
      transact([&](store::Transaction& t) { return renew_scoring_lease(t, first, minutes(5), start + minutes(9)); }));
  EXPECT_FALSE(record(first, scored_to(1.5e15, start + hours(1)), start + minutes(9)));
  EXPECT_EQ(status("rows"), "0");
  EXPECT_TRUE(record(second, scored_to(1.5e15, start + hours(1)), start + minutes(9)));
  EXPECT_EQ(status("rows"), "7");
  EXPECT_FALSE(record(second, scored_to(1.6e15, start + hours(1)), start + minutes(9)));
}

TEST_F(ScoringsTest, KeepHowFarTheyCameAndWhatWentWrong) {
  load(scored(), start);
  EXPECT_TRUE(record(claim_scoring_at(start).value(), scored_to(1.5e15, start + minutes(2)), start));
  EXPECT_EQ(status("covered_to"), ground.text("SELECT retraind.event_instant('instant', 1.5e15)"));
  EXPECT_EQ(due(), start + minutes(2));
  for (int failure = 1; failure <= 2; ++failure) {
    const ClaimedScoring claimed = claim_scoring_at(start + failure * hours(1)).value();
    EXPECT_EQ(claimed.failures, failure - 1);
    EXPECT_EQ(claimed.extent.value().covered_to, 1.5e15);
    EXPECT_EQ(claimed.extent->begins_after, 1e15);
    ScoringProgress failed;
    failed.sentence = "there is no table";
    failed.failed = true;
    failed.next_due_at = start + failure * hours(1);
    EXPECT_TRUE(record(claimed, failed, start + failure * hours(1)));
  }
  EXPECT_EQ(status("failures || last_error || rows"), "2there is no table7");
  EXPECT_TRUE(
      record(claim_scoring_at(start + hours(3)).value(), scored_to(1.6e15, start + hours(4)), start + hours(3)));
  EXPECT_EQ(status("failures || coalesce(last_error, ' none ') || rows"), "0 none 14");
}

TEST_F(ScoringsTest, GoOnUnderAnotherConfigurationAndAnewUnderAnotherTimeColumn) {
  load(scored(), start);
  EXPECT_TRUE(record(claim_scoring_at(start).value(), scored_to(1.5e15, start + hours(5)), start));
  load(scored("others"), start + minutes(1));
  EXPECT_EQ(due(), start + minutes(1));
  const ClaimedScoring claimed = claim_scoring_at(start + minutes(1)).value();
  EXPECT_EQ(claimed.extent.value().covered_to, 1.5e15);
  settings::Model changed = scored("others");
  changed.time_column = "id";
  load(changed, start + minutes(2));
  EXPECT_FALSE(record(claimed, scored_to(1.6e15, start + hours(5)), start + minutes(2)));
  EXPECT_FALSE(claim_scoring_at(start + minutes(2)).value().extent);
}

TEST_F(ScoringsTest, AreDueWhenProductionMovesAndNotForARemovedModel) {
  const ModelId model = load(scored(), start);
  EXPECT_TRUE(record(claim_scoring_at(start).value(), scored_to(1.5e15, start + hours(5)), start));
  run_to(RunState::promoted, model, "manual", start + minutes(3));
  EXPECT_EQ(due(), start + minutes(3));
  ground.exec("SELECT retraind.pause('power', 'because')");
  EXPECT_TRUE(claim_scoring_at(start + minutes(3)));
  ground.exec("UPDATE retraind.model SET removed_at = now()");
  EXPECT_FALSE(claim_scoring_at(start + hours(9)));
  EXPECT_EQ(due(), std::nullopt);
}

}  // namespace
}  // namespace retraind::runs
