// The outbox: one delivery for each move and target, in order, again and again until it succeeds or is given up.
#include "core/runs/history.h"
#include "core/runs/releases.h"
#include "core/runs/steering.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::runs {
namespace {

using testing::hours;
using testing::make_model;
using testing::minutes;
using testing::seconds;

class ReleasesTest : public testing::RegistryTest {
 protected:
  static settings::Model announced(const std::string& name = "power") {
    settings::Model model = make_model(name);
    model.release.directory = "/srv/models";
    model.release.webhook = "https://example.org/hook";
    return model;
  }
  ModelId promote(int versions, const settings::Model& model) {
    const ModelId id = put(model);
    for (int i = 0; i < versions; ++i) run_to(RunState::promoted, id, "manual", start + seconds(i));
    return id;
  }
  std::optional<ClaimedRelease> claim_at(TimePoint when, const std::vector<std::string>& sources = {"market"}) {
    return transact([&](store::Transaction& t) { return claim_release(t, here, sources, minutes(5), when); });
  }
  bool deliver(const ClaimedRelease& release, bool delivered, TimePoint when, const std::string& detail = "200 OK") {
    return transact([&](store::Transaction& t) { return record_delivery(t, here, release, delivered, detail, when); });
  }
  std::optional<TimePoint> next() {
    return transact([&](store::Transaction& t) { return next_release_due(t, {"market"}); });
  }
  static std::string name(const std::optional<ClaimedRelease>& release) {
    return release ? fmt::format("{} v{}", to_text(release->target), release->version) : "none";
  }
};

TEST_F(ReleasesTest, AreWrittenForEachTargetThatIsConfiguredWhenProductionMoves) {
  promote(1, make_model());
  EXPECT_EQ(count("release"), "0");
  settings::Model model = announced();
  model.release.on_promote = {"/usr/local/bin/tell", "--loudly"};
  run_to(RunState::promoted, put(model), "manual", start + seconds(5));
  ground.exec("SELECT retraind.rollback('power', 'because')");
  EXPECT_EQ(ground.text("SELECT string_agg(target || ' v' || version || ' ' || kind, ', ' ORDER BY release_id) FROM "
                        "retraind.release_history"),
            "directory v2 promotion, command v2 promotion, webhook v2 promotion, "
            "directory v1 rollback, command v1 rollback, webhook v1 rollback");
  EXPECT_EQ(ground.text("SELECT releases_waiting FROM retraind.status"), "6");
}

TEST_F(ReleasesTest, GoOutInOrderForEachTargetWithAllThatIsToBeSaid) {
  const ModelId model = promote(2, announced());
  const TimePoint when = start + minutes(1);
  const auto first = claim_at(when).value();
  EXPECT_EQ(name(first), "directory v1");
  EXPECT_EQ(first.model, model);
  EXPECT_EQ(first.model_name, "power");
  EXPECT_EQ(first.settings.webhook, "https://example.org/hook");
  EXPECT_EQ(first.kind, PromotionKind::promotion);
  EXPECT_EQ(first.previous_version, std::nullopt);
  EXPECT_TRUE(first.run);
  EXPECT_EQ(first.promoted_at, start);
  EXPECT_EQ(first.actor, "host-a");
  EXPECT_EQ(first.reason, "better");
  EXPECT_EQ(first.artifact_sha256.size(), 64u);
  EXPECT_EQ(first.attempt, 1u);
  const auto second = claim_at(when).value();
  EXPECT_EQ(name(second), "webhook v1");
  EXPECT_EQ(name(claim_at(when)), "none") << "v2 waits for v1";
  EXPECT_TRUE(deliver(second, true, when));
  const auto third = claim_at(when).value();
  EXPECT_EQ(name(third), "webhook v2") << "one target does not wait for another";
  EXPECT_EQ(third.previous_version, 1);
  EXPECT_TRUE(deliver(first, false, when, "no space left"));
  EXPECT_EQ(name(claim_at(when)), "none");
  EXPECT_EQ(name(claim_at(when, {"another"})), "none");
  EXPECT_EQ(next(), when + seconds(5));
}

TEST_F(ReleasesTest, SayWhichOneTheyWaitFor) {
  promote(2, announced());
  const auto said = [&] {
    std::string out;
    const Page page = transact([](store::Transaction& t) { return read_releases(t, {}); });
    for (const auto& row : page.rows) out += fmt::format("{}: {}, ", row.at(0).value(), row.back().value_or("-"));
    return out;
  };
  EXPECT_EQ(said(), "4: waits for release 2, 3: waits for release 1, 2: -, 1: -, ");
  EXPECT_TRUE(deliver(claim_at(start + minutes(1)).value(), true, start + minutes(1)));
  EXPECT_EQ(said(), "4: waits for release 2, 3: -, 2: -, 1: 200 OK, ");
}

TEST_F(ReleasesTest, AreTriedAgainWithGrowingPauses) {
  settings::Model model = make_model();
  model.release.webhook = "https://example.org/hook";
  promote(1, model);
  TimePoint when = start + minutes(1);
  for (const int pause : {5, 10, 20, 40, 80, 160, 320, 600, 600}) {
    const auto release = claim_at(when).value();
    EXPECT_TRUE(deliver(release, false, when, fmt::format("attempt {} was refused", release.attempt)));
    EXPECT_EQ(next(), when + seconds(pause));
    EXPECT_EQ(name(claim_at(when + seconds(pause) - seconds(1))), "none");
    when += seconds(pause);
  }
  EXPECT_TRUE(deliver(claim_at(when).value(), true, when));
  EXPECT_EQ(next(), std::nullopt);
  EXPECT_EQ(ground.text("SELECT concat_ws(' ', state, attempts, last_detail, '/', last_error) FROM "
                        "retraind.release_history"),
            "delivered 10 200 OK / attempt 9 was refused");
  EXPECT_EQ(count("release_attempt_history"), "10");
}

TEST_F(ReleasesTest, AreTakenOverWhenTheirDaemonIsGone) {
  settings::Model model = make_model();
  model.release.webhook = "https://example.org/hook";
  promote(1, model);
  const auto lost = claim_at(start).value();
  EXPECT_EQ(next(), start + minutes(5));
  EXPECT_EQ(name(claim_at(start + minutes(4))), "none");
  EXPECT_TRUE(
      transact([&](store::Transaction& t) { return renew_release_lease(t, lost, minutes(5), start + minutes(4)); }));
  const auto taken = claim_at(start + minutes(9)).value();
  EXPECT_EQ(taken.attempt, 2u);
  EXPECT_FALSE(
      transact([&](store::Transaction& t) { return renew_release_lease(t, lost, minutes(5), start + minutes(9)); }));
  EXPECT_FALSE(deliver(lost, true, start + minutes(9)));
  EXPECT_TRUE(deliver(taken, true, start + minutes(30))) << "late, and nobody else has it";
  EXPECT_EQ(ground.text("SELECT string_agg(attempt::text, ' ') FROM retraind.release_attempt_history"), "2");
}

TEST_F(ReleasesTest, AreSkippedWhenTheirTargetIsNoLongerConfigured) {
  promote(1, announced());
  settings::Model model = announced();
  model.release.directory.clear();
  put(model);
  EXPECT_EQ(name(claim_at(start)), "webhook v1");
  EXPECT_EQ(ground.text("SELECT concat_ws(' ', target, state, skipped_by, skip_reason) FROM retraind.release_history "
                        "WHERE target = 'directory'"),
            "directory skipped host-a release.directory is no longer configured");
}

TEST_F(ReleasesTest, AreSkippedOrTriedAtOnceByPeople) {
  settings::Model model = make_model();
  model.release.webhook = "https://example.org/hook";
  promote(2, model);
  const auto first = claim_at(start + seconds(5)).value();
  for (int i = 0; i < 3; ++i) deliver(first, false, start + hours(24));
  EXPECT_EQ(next(), start + hours(24) + seconds(5));
  transact([&](store::Transaction& t) { retry_release(t, first.id); });
  EXPECT_LT(next(), start + hours(1));
  EXPECT_EQ(name(claim_at(start + hours(1))), "webhook v1");
  transact([&](store::Transaction& t) { skip_release(t, first.id, "the receiver is gone"); });
  EXPECT_EQ(name(claim_at(start + hours(1))), "webhook v2");
  const std::string id = std::to_string(number(first.id));
  EXPECT_CONTAINS(refusal("SELECT retraind.retry_release(" + id + ")"), "is skipped already");
  EXPECT_CONTAINS(refusal("SELECT retraind.skip_release(" + id + ", 'again')"), "is skipped already");
  EXPECT_CONTAINS(refusal("SELECT retraind.skip_release(4711, 'x')"), "there is no release 4711");
  EXPECT_CONTAINS(refusal("SELECT retraind.skip_release(4711, '')"), "a reason is needed");
  EXPECT_EQ(ground.text("SELECT skipped_by FROM retraind.release_history WHERE state = 'skipped'"), "postgres");
}

TEST_F(ReleasesTest, GoToOneDaemonWhileAnotherIsStillClaiming) {
  promote(1, announced());
  std::string mine;
  std::string theirs;
  std::string nobody;
  transact([&](store::Transaction& one) {
    mine = name(claim_release(one, here, {"market"}, minutes(5), start));
    theirs = name(claim_at(start));
    nobody = name(claim_at(start));
  });
  EXPECT_EQ(mine + ", " + theirs + ", " + nobody, "directory v1, webhook v1, none");
}

}  // namespace
}  // namespace retraind::runs
