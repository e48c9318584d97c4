// Two daemons, two candidates, one production: whatever moves it, and in whichever order two of them come, the second
// waits for the first, finds another production than it knew, and leaves one version in production and a history that
// adds up.
#include <map>
#include <thread>

#include "core/runs/steering.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

using testing::hours;
using testing::make_model;
using testing::minutes;
using testing::seconds;

class InterleavingTest : public testing::RegistryTest {
 protected:
  // v1 and v2 were in production, v3 is, and bakes against v2; v4 is its shadow; and the one open run either offers v5
  // for approval or is about to promote it. All of them know of v3.
  struct World {
    ModelId model{};
    std::string name;
    std::optional<runs::ClaimedRun> running;
    RunId open{};
    RunId shadowing{};
    runs::ClaimedTrial bake;
    runs::ClaimedTrial shadow;
  };

  World make_world(const std::string& name, bool awaiting) {
    World world;
    world.name = name;
    settings::Model model = make_model(name);
    model.release.directory = "/srv/models";
    model.release.webhook = "https://example.org/hook";
    world.model = put(model);
    RunId last{};
    for (int i = 0; i < 3; ++i) last = run_to(RunState::promoted, world.model, "manual", start + seconds(i));
    transact([&](store::Transaction& t) {
      runs::open_trial(t, new_trial(TrialKind::bake, world.model, last, 3, 2, start + hours(24)), start).value();
    });
    world.shadowing = run_to(RunState::shadowing, world.model);
    if (awaiting) {
      world.open = run_to(RunState::awaiting_approval, world.model);
    } else {
      world.open = queue(world.model);
      world.running = claim(start, hours(24));
    }
    for (int i = 0; i < 2; ++i) {
      const auto claimed = transact(
          [&](store::Transaction& t) { return runs::claim_trial(t, there, {"market"}, hours(1), start + hours(2)); });
      (claimed.value().terms.kind == TrialKind::bake ? world.bake : world.shadow) = *claimed;
    }
    return world;
  }

  static runs::TrialProgress ended(TrialOutcome outcome) {
    runs::TrialProgress out;
    out.rows = 900;
    out.clusters = 30;
    out.sentence = "30 clusters say so";
    out.outcome = outcome;
    return out;
  }

  // Each is what a person or a daemon does, and says what came of it.
  std::string act(const std::string& what, const World& world, store::Transaction& t) {
    const TimePoint now = start + hours(2);
    if (what == "approve") return runs::approve(t, world.open, "fine") ? "moved" : "judged again";
    if (what == "roll back") {
      runs::rollback(t, world.name, "because", std::nullopt);
      return "moved";
    }
    runs::act_as(t, there, now);
    if (what == "promote") {
      const runs::ClaimedRun& run = world.running.value();
      if (!runs::hold_run(t, run.model, lease_of(run))) throw std::runtime_error("the lease was lost");
      if (find_production(t, run.model).value().version != 3) {
        if (!runs::hand_back_run(t, there, lease_of(run), "production changed", now)) return "lost";
        return "judged again";
      }
      const std::string artifact = store_artifact(t, world.name, now);
      const int version = add_version(t, new_version(run, artifact), now);
      if (!move_production(t,
                           {.model = run.model,
                            .version = version,
                            .kind = PromotionKind::promotion,
                            .expected = 3,
                            .actor = there.instance,
                            .trigger = run.trigger,
                            .run = run.id,
                            .reason = "better"},
                           now))
        return "refused";
      runs::JudgedRun judged;
      judged.state = RunState::promoted;
      judged.verdict = Verdict::promote;
      judged.reason = "better";
      judged.opponent = "production";
      judged.judged_against = 3;
      judged.version = version;
      judged.data_sha256 = std::string(64, 'd');
      return runs::finish_judged_run(t, lease_of(run), judged, now) ? "moved" : "lost";
    }
    if (what == "bake") {
      if (!runs::hold_trial(t, world.bake)) return "overtaken";
      runs::record_trial(t, world.bake, ended(TrialOutcome::rolled_back), now);
      return runs::roll_back_baked(t, there, {.model = world.model, .from = 3, .to = 2, .reason = "harm"}, now)
                 ? "moved"
                 : "refused";
    }
    if (!runs::hold_trial(t, world.shadow)) return "overtaken";
    // Here production moves while the trial is still open; the other order is the bake's.
    const auto moved = move_production(t,
                                       {.model = world.model,
                                        .version = 4,
                                        .kind = PromotionKind::promotion,
                                        .expected = 3,
                                        .actor = there.instance,
                                        .trigger = "shadow",
                                        .run = world.shadowing,
                                        .reason = "better on new rows"},
                                       now);
    if (!moved) return "refused";
    runs::record_trial(t, world.shadow, ended(TrialOutcome::promoted), now);
    return runs::end_shadowing_run(t, there, world.shadowing, RunState::promoted, "better on new rows", now)
               ? "moved"
               : "refused";
  }

  std::string number_of(const std::string& query, const World& world) {
    return ground.text(fmt::format("SELECT count(*) FROM {} AND model_id = {}", query, number(world.model)));
  }

  void expect_that_history_adds_up(const World& world, int moves) {
    const std::string id = std::to_string(number(world.model));
    EXPECT_EQ(number_of("retraind.promotion WHERE upper_inf(during)", world), "1");
    EXPECT_EQ(number_of("retraind.promotion WHERE true", world), std::to_string(moves));
    EXPECT_EQ(ground.text("SELECT count(*) FROM (SELECT previous_version, lower(during) AS at, "
                          "lag(version) OVER w AS before, lag(upper(during)) OVER w AS left_at FROM retraind.promotion "
                          "WHERE model_id = " +
                          id +
                          " WINDOW w AS (ORDER BY promotion_id)) h "
                          "WHERE previous_version IS DISTINCT FROM before OR at <> left_at"),
              "0")
        << "ranges touch, and each names the version it replaced";
    EXPECT_EQ(ground.text("SELECT count(*) FROM retraind.promotion p FULL JOIN (SELECT * FROM retraind.run WHERE "
                          "state = 'promoted') r ON r.run_id = p.run_id AND p.kind = 'promotion' "
                          "WHERE coalesce(p.model_id, r.model_id) = " +
                          id + " AND (p.kind IS DISTINCT FROM 'rollback' AND (p.run_id IS NULL OR r.run_id IS NULL))"),
              "0")
        << "a promoted run has one promotion, and a promotion one promoted run";
    EXPECT_EQ(number_of("retraind.trial WHERE outcome IS NULL", world), "0");
    EXPECT_EQ(number_of("retraind.run WHERE state = 'shadowing'", world), "0");
    EXPECT_EQ(number_of("retraind.release WHERE state = 'waiting'", world), std::to_string(2 * moves))
        << "one for each move and target";
    EXPECT_EQ(ground.text("SELECT count(*) FROM retraind.promotion p JOIN retraind.quarantine q USING (model_id, "
                          "version) WHERE upper_inf(p.during) AND q.lifted_at IS NULL AND p.model_id = " +
                          id),
              "0");
  }
};

TEST_F(InterleavingTest, EndsWithOneProductionVersionAndAHistoryThatAddsUp) {  // invariants 1, 2, 8, 9 and 10
  // The production version that the first leaves, and what the second comes to when the first has moved production.
  const std::map<std::string, std::string> left_by = {
      {"approve", "5"}, {"promote", "5"}, {"roll back", "2"}, {"bake", "2"}, {"shadow", "4"}};
  const std::map<std::string, std::string> second_comes_to = {{"approve", "judged again"},
                                                              {"promote", "judged again"},
                                                              {"roll back", "moved"},
                                                              {"bake", "overtaken"},
                                                              {"shadow", "overtaken"}};
  const std::map<std::string, std::string> rolled_back_to = {
      {"approve", "3"}, {"promote", "3"}, {"roll back", "1"}, {"bake", "1"}, {"shadow", "3"}};
  store::Database other(ground.conninfo(), "retraind-test-2");
  int worlds = 0;
  for (const auto& [first, goal] : left_by) {
    for (const auto& [second, comes_to] : second_comes_to) {
      const auto either = [&](const char* what) { return first == what || second == what; };
      // A model has one open run, and a trial one lease: these cannot meet.
      if (first == second && first != "roll back") continue;
      if (either("approve") && either("promote")) continue;
      SCOPED_TRACE(fmt::format("{}, then {}", first, second));
      const World world = make_world(fmt::format("world_{}", ++worlds), either("approve"));
      std::string said;
      std::jthread waiting;
      const std::string did = transact([&, &first = first, &second = second](store::Transaction& t) {
        const std::string out = act(first, world, t);
        waiting = std::jthread([&] {
          try {
            said = other.transact("the second", [&](store::Transaction& u) { return act(second, world, u); });
          } catch (const std::exception& error) {
            said = error.what();
          }
        });
        const auto deadline = std::chrono::steady_clock::now() + seconds(30);
        while (ground.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                           "AND wait_event_type = 'Lock'") == "0") {
          if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("the second waits for nobody");
        }
        return out;
      });
      waiting.join();
      EXPECT_EQ(did, "moved");
      EXPECT_EQ(said, comes_to);
      const bool moved_twice = comes_to == "moved";
      EXPECT_EQ(ground.text(fmt::format("SELECT version FROM retraind.production WHERE model = '{}'", world.name)),
                moved_twice ? rolled_back_to.at(first) : goal);
      expect_that_history_adds_up(world, moved_twice ? 5 : 4);
      if (second == "approve" || second == "promote") {
        EXPECT_EQ(run_text(world.open, "state"), "queued") << "the same candidate is judged again";
      }
      if (first != "shadow") {
        EXPECT_EQ(run_text(world.shadowing, "state || ' ' || (finished_at IS NOT NULL)"), "inconclusive true");
        EXPECT_CONTAINS(run_text(world.shadowing, "reason"), "production moved from version 3 to version " + goal);
      }
      EXPECT_EQ(ground.text(fmt::format("SELECT string_agg(kind || ' ' || outcome, ', ' ORDER BY kind) FROM "
                                        "retraind.trial_history WHERE model = '{}'",
                                        world.name)),
                fmt::format("bake {}, shadow {}", first == "bake" ? "rolled_back" : "overtaken",
                            first == "shadow" ? "promoted" : "overtaken"));
      // Out of the way of the next world's claims.
      ground.exec("UPDATE retraind.run SET not_before = 'infinity' WHERE state = 'queued'");
    }
  }
  EXPECT_EQ(worlds, 19);
}

TEST_F(InterleavingTest, LetsOneOfTwoPeopleApprove) {  // invariant 2
  const World world = make_world("power", true);
  store::Database other(ground.conninfo(), "retraind-test-2");
  std::string said;
  std::jthread waiting;
  transact([&](store::Transaction& t) {
    EXPECT_EQ(act("approve", world, t), "moved");
    waiting = std::jthread([&] {
      said = testing::complaint<DataError>(
          [&] { other.transact("the second", [&](store::Transaction& u) { return act("approve", world, u); }); });
    });
    while (ground.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                       "AND wait_event_type = 'Lock'") == "0") {
    }
  });
  waiting.join();
  EXPECT_CONTAINS(said, "is promoted, not awaiting approval");
  expect_that_history_adds_up(world, 4);
}

TEST_F(InterleavingTest, NamesTheTrialBehindAMove) {
  for (const std::string what : {"bake", "shadow"}) {
    const World world = make_world(what == "bake" ? "power" : "gas", true);
    transact([&](store::Transaction& t) { EXPECT_EQ(act(what, world, t), "moved"); });
    EXPECT_EQ(
        ground.rows(fmt::format("SELECT kind, actor, trigger, trial_id FROM retraind.promotion_history WHERE "
                                "model = '{}' ORDER BY promotion_id DESC LIMIT 1",
                                world.name)),
        (std::vector<testing::TextRow>{{what == "bake" ? "rollback" : "promotion", "host-b", what,
                                        std::to_string(number(what == "bake" ? world.bake.id : world.shadow.id))}}));
    EXPECT_EQ(count(fmt::format("quarantine_history WHERE model = '{}' AND version = 3", world.name)),
              what == "bake" ? "1" : "0");
    EXPECT_EQ(count(fmt::format("promotion_history WHERE model = '{}' AND trial_id IS NOT NULL", world.name)), "1");
  }
}

}  // namespace
}  // namespace retraind::registry
