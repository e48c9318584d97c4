// The bytes of versions that can never come into production are removed; no others are, whoever tries, and in whatever
// order removing meets promoting and storing the same bytes again.
#include <atomic>
#include <functional>
#include <map>
#include <pqxx/pqxx>
#include <thread>

#include "tests/pg/registry/retention_scene.h"

namespace retraind::registry {
namespace {

using runs::RetentionKind;
using testing::complaint;
using testing::hours;
using testing::make_model;
using testing::seconds;

class UnusedArtifactsTest : public testing::RetentionTest {
 protected:
  const TimePoint old = start - hours(24 * 60);

  std::string sha256_of(ModelId model, int version) {
    return ground.text(
        fmt::format("SELECT artifact_sha256 FROM retraind.model_version WHERE model_id = {} AND version = {}",
                    number(model), version));
  }
  std::string load(ModelId model, int version) {
    const std::string sha256 = sha256_of(model, version);
    return transact([&](store::Transaction& t) { return load_artifact(t, sha256); });
  }
  void reject(RunId run, TimePoint when) {
    ground.exec(fmt::format(
        "UPDATE retraind.run SET state = 'rejected', reason = 'not wanted', finished_at = '{}' WHERE run_id = {}",
        format_instant(when), number(run)));
  }
  // v1 and v2 were in production, v2 is; v3 was offered for approval and turned down two months ago.
  ModelId make_versions(const std::string& name = "power") {
    const ModelId model = put(make_model(name));
    run_to(RunState::promoted, model, "manual", old);
    run_to(RunState::promoted, model, "manual", old + seconds(1));
    reject(run_to(RunState::awaiting_approval, model, "manual", old + seconds(2)), old + seconds(3));
    return model;
  }
  std::string missing_bytes() {
    return ground.text(
        "SELECT coalesce(string_agg(version::text, ' ' ORDER BY model, version), '') FROM retraind.version_history "
        "WHERE artifact_removed_at IS NOT NULL");
  }
};

TEST_F(UnusedArtifactsTest, RemovesTheBytesOfAVersionThatWasTurnedDownAndKeepsEverythingElseOfIt) {  // invariant 13
  const ModelId model = make_versions();
  const std::string before = ground.text("SELECT count(*) || ' ' || sum(artifact_bytes) FROM retraind.version_history");
  wish(here, days(30));
  EXPECT_EQ(pass(as_daemon, RetentionKind::unused_artifacts), 1u);
  EXPECT_EQ(missing_bytes(), "3");
  EXPECT_EQ(ground.text("SELECT count(*) || ' ' || sum(artifact_bytes) FROM retraind.version_history"), before);
  EXPECT_EQ(count(fmt::format("artifact_chunk WHERE sha256 = '{}'", sha256_of(model, 3))), "0");
  EXPECT_EQ(ground.text("SELECT removed || ' ' || bytes FROM retraind.retention_history"), "1 17");
  EXPECT_EQ(load(model, 1), "artifact of run 1");
  EXPECT_EQ(load(model, 2), "artifact of run 2");
  EXPECT_CONTAINS(
      complaint<DataError>([&] { load(model, 3); }),
      "its version never was in production, and could not come there any more (retention.unused_artifacts)");
  EXPECT_EQ(pass(as_daemon, RetentionKind::unused_artifacts), 0u);
}

TEST_F(UnusedArtifactsTest, KeepsWhatIsOpenOnTrialYoungOrHeldAgainst) {
  wish(here, days(30));
  const ModelId waiting = make_versions("waiting");
  run_to(RunState::awaiting_approval, waiting, "manual", old + seconds(9));
  ground.exec(fmt::format("UPDATE retraind.run SET not_before = 'infinity' WHERE finished_at IS NULL"));
  const ModelId shadowed = put(make_model("shadowed"));
  run_to(RunState::promoted, shadowed, "manual", old);
  run_to(RunState::shadowing, shadowed, "manual", old + seconds(1));
  const ModelId young = put(make_model("young"));
  run_to(RunState::promoted, young, "manual", old);
  reject(run_to(RunState::awaiting_approval, young, "manual", old + seconds(1)), start - hours(24 * 29));
  const ModelId anchored = make_versions("anchored");
  const RunId run = queue(anchored, "manual", old + seconds(9));
  ground.exec(fmt::format("UPDATE retraind.run SET anchor = 3 WHERE run_id = {}", number(run)));
  EXPECT_EQ(pass(as_daemon, RetentionKind::unused_artifacts), 1u);
  EXPECT_EQ(ground.text("SELECT string_agg(model || ' ' || version, ', ') FROM retraind.version_history WHERE "
                        "artifact_removed_at IS NOT NULL"),
            "waiting 3");
  const auto use = [&](ModelId model, int version) {
    return ground.text(
        fmt::format("SELECT retraind.artifact_use('{}', now() - interval '30 days')", sha256_of(model, version)));
  };
  EXPECT_EQ(use(waiting, 1), "version 1 of model \"waiting\" was in production");
  EXPECT_CONTAINS(use(waiting, 4), "which is awaiting approval");
  EXPECT_CONTAINS(use(shadowed, 2), "which is shadowing");
  EXPECT_CONTAINS(use(young, 2), "only");
  EXPECT_EQ(use(anchored, 3), "another candidate was held against version 3 of model \"anchored\"");
}

TEST_F(UnusedArtifactsTest, RemovesTheRowsThatWereKeptWithSuchAVersionAndNoOthers) {
  const ModelId model = put();
  run_to(RunState::promoted, model, "manual", old);
  for (int i = 0; i < 2; ++i) {
    const runs::ClaimedRun run = [&] {
      queue(model, "manual", old + seconds(i + 1));
      return claim(old + seconds(i + 1));
    }();
    transact([&](store::Transaction& t) {
      runs::act_as(t, here, old);
      const std::string artifact = store_artifact(t, fmt::format("candidate {}", i), old);
      NewVersion version = new_version(run, artifact);
      version.kept_data_sha256 = store_artifact(t, fmt::format("rows {}", i), old);
      const int made = add_version(t, version, old);
      if (i == 1) {
        move_production(t,
                        {.model = model,
                         .version = made,
                         .kind = PromotionKind::promotion,
                         .expected = 1,
                         .actor = "host-a",
                         .trigger = "manual",
                         .run = run.id,
                         .reason = "better"},
                        old + seconds(2))
            .value();
      }
      runs::JudgedRun judged;
      judged.state = i == 1 ? RunState::promoted : RunState::awaiting_approval;
      judged.verdict = Verdict::promote;
      judged.reason = "better";
      judged.opponent = "production";
      judged.judged_against = 1;
      judged.version = made;
      judged.data_sha256 = std::string(64, 'd');
      EXPECT_TRUE(runs::finish_judged_run(t, lease_of(run), judged, old));
    });
    if (i == 0) reject(run.id, old);
  }
  wish(here, days(30));
  EXPECT_EQ(pass(as_daemon, RetentionKind::unused_artifacts), 2u) << "the model and its rows";
  EXPECT_EQ(ground.text("SELECT string_agg(version || ' ' || (artifact_removed_at IS NOT NULL) || ' ' || "
                        "(kept_data_removed_at IS NOT "
                        "NULL), ', ' ORDER BY version) FROM retraind.version_history"),
            "1 false false, 2 true true, 3 false false");
}

TEST_F(UnusedArtifactsTest, StoresRemovedBytesAgainWhenANewVersionHasTheSame) {
  const ModelId model = make_versions();
  wish(here, days(30));
  ASSERT_EQ(pass(as_daemon, RetentionKind::unused_artifacts), 1u);
  as_daemon.transact("store", [&](store::Transaction& t) { store_artifact(t, "artifact of run 3", start); });
  EXPECT_EQ(missing_bytes(), "");
  EXPECT_EQ(load(model, 3), "artifact of run 3");
}

TEST_F(UnusedArtifactsTest, RefusesToRemoveOrMarkBytesThatAreNeededWhoeverAsks) {  // invariant 13
  const ModelId model = make_versions();
  const std::string production = sha256_of(model, 2);
  const std::string former = sha256_of(model, 1);
  for (const std::string& sha256 : {production, former}) {
    EXPECT_CONTAINS(refusal(fmt::format("DELETE FROM retraind.artifact_chunk WHERE sha256 = '{}'", sha256)),
                    "was in production");
    EXPECT_CONTAINS(refusal(fmt::format("UPDATE retraind.artifact SET removed_at = now() WHERE sha256 = '{}'", sha256)),
                    "was in production");
  }
  testing::TestConnection daemon(as_daemon.conninfo());
  EXPECT_CONTAINS(refusal(daemon, fmt::format("DELETE FROM retraind.artifact_chunk WHERE sha256 = '{}'", production)),
                  "permission denied for table artifact_chunk");
  EXPECT_CONTAINS(
      refusal(daemon, fmt::format("UPDATE retraind.artifact SET removed_at = now() WHERE sha256 = '{}'", production)),
      "was in production");
  EXPECT_CONTAINS(
      refusal(daemon, fmt::format("UPDATE retraind.artifact SET size_bytes = 0 WHERE sha256 = '{}'", production)),
      "permission denied for table artifact");
  EXPECT_CONTAINS(refusal(fmt::format("UPDATE retraind.artifact SET size_bytes = 0 WHERE sha256 = '{}'", production)),
                  "only whether its bytes are there changes");
  EXPECT_CONTAINS(refusal("DELETE FROM retraind.artifact"), "is append-only: delete refused");
  // Whoever takes a chunk by hand leaves a mark.
  ground.exec(fmt::format("DELETE FROM retraind.artifact_chunk WHERE sha256 = '{}'", sha256_of(model, 3)));
  EXPECT_EQ(missing_bytes(), "3");
}

TEST_F(UnusedArtifactsTest, RefusesToPromoteAVersionWhoseBytesAreGone) {  // invariant 13
  const ModelId model = make_versions();
  wish(here, days(30));
  ASSERT_EQ(pass(as_daemon, RetentionKind::unused_artifacts), 1u);
  EXPECT_CONTAINS(
      refusal(fmt::format("SELECT retraind.move_production({}, 3, 'promotion', 2, 'x', 'manual', 3, 'x', now())",
                          number(model))),
      "version 3 of model \"power\" cannot come into production: its bytes were removed at ");
  EXPECT_CONTAINS(refusal("SELECT retraind.approve(3, 'after all')"), "run 3 is rejected, not awaiting approval");
  EXPECT_CONTAINS(refusal("SELECT retraind.rollback('power', 'because', 3)"),
                  "version 3 of model \"power\" was never in production");
}

// Two connections, in every order: the first has done its part and not committed when the second begins.
class CollectingInterleavingTest : public UnusedArtifactsTest {
 protected:
  struct World {
    ModelId model{};
    std::optional<runs::ClaimedRun> same;   // about to store the bytes of version 3 again, for the same model
    std::optional<runs::ClaimedRun> other;  // and for another one
  };

  std::string act(const std::string& what, const World& world, store::Transaction& t) {
    if (what == "collect") {
      return runs::remove_expired(t, here, RetentionKind::unused_artifacts, {}, 100).removed > 0 ? "removed" : "left";
    }
    const TimePoint now = start;
    runs::act_as(t, there, now);
    if (what == "promote") {
      const auto moved = move_production(t,
                                         {.model = world.model,
                                          .version = 3,
                                          .kind = PromotionKind::rollback,
                                          .expected = 2,
                                          .actor = there.instance,
                                          .trigger = "manual",
                                          .run = {},
                                          .reason = "against all rules"},
                                         now);
      return moved ? "moved" : "refused";
    }
    const runs::ClaimedRun& run = (what == "store again" ? world.same : world.other).value();
    if (!runs::hold_run(t, run.model, lease_of(run))) return "lost";
    const std::string artifact = store_artifact(t, fmt::format("artifact of run {}", rejected_), now);
    runs::JudgedRun judged;
    judged.state = RunState::awaiting_approval;
    judged.verdict = Verdict::promote;
    judged.reason = "better";
    judged.opponent = "baseline";
    judged.version = add_version(t, new_version(run, artifact), now);
    judged.data_sha256 = std::string(64, 'd');
    return runs::finish_judged_run(t, lease_of(run), judged, now) ? "stored" : "lost";
  }

  std::int64_t rejected_ = 0;  // the run whose candidate was turned down
};

TEST_F(CollectingInterleavingTest, EndsWithTheBytesOfEveryVersionThatMayBeUsed) {  // invariant 13
  wish(here, days(30));
  // What the second comes to when the first has committed; by hand is the owner's own DELETE.
  const std::map<std::string, std::map<std::string, std::string>> comes_to = {
      {"collect",
       {{"collect", "left"},
        {"by hand", "0 chunks"},
        {"promote", "cannot come into production"},
        {"store again", "stored"},
        {"store elsewhere", "stored"}}},
      {"by hand",
       {{"collect", "left"},
        {"by hand", "0 chunks"},
        {"promote", "cannot come into production"},
        {"store again", "stored"},
        {"store elsewhere", "stored"}}},
      {"promote",
       {{"collect", "left"},
        {"by hand", "was in production"},
        {"store again", "stored"},
        {"store elsewhere", "stored"}}},
      {"store again",
       {{"collect", "left"},
        {"by hand", "which is awaiting approval"},
        {"promote", "moved"},
        {"store elsewhere", "stored"}}},
      {"store elsewhere",
       {{"collect", "left"},
        {"by hand", "which is awaiting approval"},
        {"promote", "moved"},
        {"store again", "stored"}}},
  };
  store::Database first_side(ground.conninfo(), "retraind-test-1");
  store::Database second_side(ground.conninfo(), "retraind-test-2");
  int worlds = 0;
  for (const auto& [first, seconds_of] : comes_to) {
    for (const auto& [second, expected] : seconds_of) {
      SCOPED_TRACE(fmt::format("{}, then {}", first, second));
      World world;
      world.model = make_versions(fmt::format("world_{}", ++worlds));
      rejected_ = std::stoll(ground.text(fmt::format(
          "SELECT run_id FROM retraind.model_version WHERE model_id = {} AND version = 3", number(world.model))));
      const std::string sha256 = sha256_of(world.model, 3);
      world.same = queue_and_claim(world.model);
      world.other = queue_and_claim(put(make_model(fmt::format("other_{}", worlds))));
      const auto do_it = [&](const std::string& what, store::Database& side,
                             const std::function<void()>& before_commit) {
        try {
          return side.transact(what, [&](store::Transaction& t) {
            std::string did;
            if (what == "by hand") {
              did = fmt::format(
                  "{} chunks",
                  t.work().exec("DELETE FROM retraind.artifact_chunk WHERE sha256 = '" + sha256 + "'").affected_rows());
            } else {
              did = act(what, world, t);
            }
            before_commit();
            return did;
          });
        } catch (const std::exception& error) {
          return std::string(error.what());
        }
      };
      std::string said;
      std::atomic<bool> ended{false};
      std::jthread waiting;
      do_it(first, first_side, [&, &second = second] {
        waiting = std::jthread([&] {
          said = do_it(second, second_side, [] {});
          ended = true;
        });
        const auto deadline = std::chrono::steady_clock::now() + seconds(30);
        while (!ended && ground.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                                     "wait_event_type = 'Lock'") == "0") {
          if (std::chrono::steady_clock::now() > deadline) FAIL() << "the second neither waits nor ends";
          std::this_thread::yield();
        }
      });
      waiting.join();
      EXPECT_CONTAINS(said, expected);
      // Whatever production is, and whatever waits for a person, has its bytes; and what has none says so.
      EXPECT_EQ(ground.text("SELECT count(*) FROM retraind.artifact a WHERE (a.removed_at IS NULL) <> (a.chunks = "
                            "(SELECT count(*) FROM "
                            "retraind.artifact_chunk c WHERE c.sha256 = a.sha256))"),
                "0");
      EXPECT_EQ(
          ground.text(
              "SELECT count(*) FROM retraind.version_history v WHERE v.artifact_removed_at IS NOT NULL AND (EXISTS "
              "(SELECT "
              "FROM retraind.promotion_history p WHERE p.model = v.model AND p.version = v.version) OR EXISTS (SELECT "
              "FROM retraind.run_history r WHERE r.run_id = v.run_id AND r.finished_at IS NULL))"),
          "0");
      ground.exec("UPDATE retraind.run SET not_before = 'infinity' WHERE finished_at IS NULL AND state = 'queued'");
    }
  }
  EXPECT_EQ(worlds, 22);
}

}  // namespace
}  // namespace retraind::registry
