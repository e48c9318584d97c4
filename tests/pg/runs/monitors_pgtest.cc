// The queue of triggers: rows that follow the configuration, claims under a lease, and outcomes that are written once.
#include "core/runs/monitors.h"

#include <algorithm>
#include <set>

#include "core/runs/history.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::runs {
namespace {

using testing::hours;
using testing::make_model;
using testing::make_trigger;
using testing::minutes;
using testing::seconds;

class MonitorsTest : public testing::RegistryTest {
 protected:
  ModelId put_all(const settings::Model& model = make_model(), std::optional<TimePoint> when = std::nullopt) {
    const ModelId id = put(model);
    transact([&](store::Transaction& t) { put_monitors(t, id, model, when.value_or(start)); });
    return id;
  }
  std::vector<ClaimedMonitor> claim_due(TimePoint when, std::size_t limit = 10,
                                        const std::vector<std::string>& sources = {"market"}) {
    return transact([&](store::Transaction& t) {
      return claim_due_monitors(t, here, sources, {limit, limit}, minutes(1), when);
    });
  }
  ClaimedMonitor claim_one(const std::string& trigger, TimePoint when) {
    for (const ClaimedMonitor& monitor : claim_due(when)) {
      if (monitor.trigger.name == trigger) return monitor;
    }
    throw std::runtime_error("not due: " + trigger);
  }
  MonitorRecord record(const ClaimedMonitor& monitor, const trigger::Outcome& outcome, TimePoint when,
                       const std::string& sentence = "seen") {
    return transact([&](store::Transaction& t) { return record_outcome(t, here, monitor, outcome, sentence, when); });
  }
  // What the registry shows as open alerts of the one model.
  std::string alerts() { return ground.text("SELECT array_to_string(alerts, '|') FROM retraind.status"); }
  // An alert of the trigger, which must be due. Everything else that is due is leased for a minute.
  void alert(const std::string& trigger, TimePoint when, const std::string& reason = "because") {
    trigger::State state;
    state.alerting = true;
    trigger::Decision told = decision(FiringDecision::alert);
    told.reason = reason;
    record(claim_one(trigger, when), outcome({told}, when + minutes(5), state), when);
  }
  std::string monitor_text(const std::string& trigger, const std::string& expression) {
    return ground.text(fmt::format("SELECT {} FROM retraind.monitor WHERE trigger = '{}'", expression, trigger));
  }
  trigger::ModelContext context(ModelId model, const std::string& trigger = "manual",
                                std::optional<TimePoint> when = std::nullopt) {
    return transact([&](store::Transaction& t) { return lock_context(t, model, trigger, when.value_or(start)); });
  }

  static trigger::Decision decision(FiringDecision what, std::optional<TimePoint> slot = std::nullopt) {
    return {.decision = what, .reason = "because", .evidence = R"({"rows":9})", .slot = slot};
  }
  static trigger::State state_in(TriggerPhase phase, int holds_checks = 1) {
    trigger::State state;
    state.phase = phase;
    state.holds_checks = holds_checks;
    return state;
  }
  static trigger::Outcome outcome(std::vector<trigger::Decision> decisions, std::optional<TimePoint> next_due,
                                  trigger::State state = {}) {
    return {.decisions = std::move(decisions), .state = std::move(state), .next_due = next_due};
  }
  static settings::Model with_two_stale() {
    settings::Model model = make_model();
    settings::FreshnessTrigger freshness;
    freshness.no_rows_for = hours(6);
    for (const char* name : {"stale", "stale_too"}) model.triggers.push_back(make_trigger(name, freshness));
    return model;
  }
  static settings::Trigger& trigger_of(settings::Model& model, const std::string& name) {
    return *std::ranges::find(model.triggers, name, &settings::Trigger::name);
  }
  static std::vector<std::string> names(const std::vector<ClaimedMonitor>& monitors) {
    std::vector<std::string> out;
    for (const ClaimedMonitor& monitor : monitors) out.push_back(monitor.trigger.name);
    std::ranges::sort(out);
    return out;
  }
};

TEST_F(MonitorsTest, AreMadeForEachTriggerOfAModel) {
  const settings::Model model = make_model();
  put_all(model);
  EXPECT_EQ(
      ground.text(
          "SELECT string_agg(trigger || ' ' || kind || ' ' || source, ', ' ORDER BY trigger) FROM retraind.monitor"),
      "enough_rows new_rows market, nightly schedule market, pipeline_change pipeline_change market");
  const std::string now = format_instant(start);
  EXPECT_EQ(monitor_text("enough_rows", fmt::format("next_due_at = '{}'", now)), "t");
  EXPECT_EQ(monitor_text("nightly", fmt::format("next_due_at > '{}'", now)), "t");
  EXPECT_EQ(trigger::state_from_json(monitor_text("nightly", "state")).last_slot, start)
      << "slots before it existed are not missed";
}

TEST_F(MonitorsTest, KeepTheirStateWhileTheRuleStaysAndLoseItWhenItChanges) {
  settings::Model model = make_model();
  put_all(model);
  const TimePoint due = start + hours(5);
  for (const char* name : {"enough_rows", "nightly"}) {
    const auto when = name == std::string("nightly") ? start + hours(25) : start;
    record(claim_one(name, when), outcome({}, due, state_in(TriggerPhase::pending, 3)), when);
  }
  std::get<settings::NewRowsTrigger>(model.triggers[1].rule).rows = 501;
  put_all(model, start + hours(1));
  EXPECT_EQ(monitor_text("nightly", "phase || ' ' || (state ->> 'holds_checks')"), "pending 3");
  EXPECT_EQ(monitor_text("nightly", fmt::format("next_due_at = '{}'", format_instant(due))), "t");
  EXPECT_EQ(monitor_text("enough_rows", "phase || ' ' || (state ->> 'holds_checks')"), "inactive 0");
  EXPECT_EQ(monitor_text("enough_rows", fmt::format("next_due_at = '{}'", format_instant(start + hours(1)))), "t");
  EXPECT_EQ(monitor_text("enough_rows", "rule ->> 'rows'"), "501");
}

TEST_F(MonitorsTest, GoWithTheirTrigger) {
  settings::Model model = make_model();
  put_all(model);
  put_all(make_model("gas"));
  model.triggers.erase(model.triggers.begin());
  put_all(model);
  EXPECT_EQ(ground.text("SELECT string_agg(name || '.' || trigger, ' ' ORDER BY name, trigger) FROM retraind.monitor "
                        "JOIN retraind.model USING (model_id) WHERE trigger <> 'pipeline_change'"),
            "gas.enough_rows gas.nightly power.enough_rows");
}

TEST_F(MonitorsTest, LookAtTheirPipelineAgainAfterEachLoad) {
  put_all();
  const ClaimedMonitor monitor = claim_one("pipeline_change", start);
  EXPECT_EQ(monitor.pipeline_sha256, settings::pipeline_sha256(make_model()));
  record(monitor, outcome({}, std::nullopt), start);
  EXPECT_EQ(monitor_text("pipeline_change", "coalesce(next_due_at::text, 'never')"), "never");
  put_all(make_model(), start + hours(1));
  EXPECT_EQ(monitor_text("pipeline_change", fmt::format("next_due_at = '{}'", format_instant(start + hours(1)))), "t");
}

TEST_F(MonitorsTest, AreClaimedOnceLongestOverdueFirst) {
  const ModelId model = put_all();
  ground.exec(
      fmt::format("UPDATE retraind.monitor SET next_due_at = timestamptz '{}' - "
                  "CASE trigger WHEN 'nightly' THEN interval '1 hour' ELSE interval '1 minute' END",
                  format_instant(start)));
  const auto first = claim_due(start, 1);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].trigger.name, "nightly");
  EXPECT_EQ(first[0].model, model);
  EXPECT_EQ(first[0].model_name, "power");
  EXPECT_EQ(first[0].due_at, start - hours(1));
  EXPECT_EQ(first[0].configuration, settings::to_json(make_model()));
  EXPECT_TRUE(claim_due(start, 10, {"warehouse"}).empty());
  EXPECT_EQ(names(claim_due(start)), (std::vector<std::string>{"enough_rows", "pipeline_change"}));
  EXPECT_TRUE(claim_due(start).empty());
  // A lease that ran out sets them free.
  EXPECT_EQ(claim_due(start + minutes(1)).size(), 3u);
}

TEST_F(MonitorsTest, AreSkippedWhileAnotherDaemonIsClaimingThem) {
  put_all();
  std::size_t mine = 0;
  std::size_t theirs = 9;
  transact([&](store::Transaction& one) {
    mine = claim_due_monitors(one, here, {"market"}, {10, 10}, minutes(1), start).size();
    transact([&](store::Transaction& other) {
      theirs = claim_due_monitors(other, there, {"market"}, {10, 10}, minutes(1), start).size();
    });
  });
  EXPECT_EQ(mine, 2u);
  EXPECT_EQ(theirs, 0u);
}

TEST_F(MonitorsTest, AreNeverDueWhenDisabledOrTheirModelWasRemoved) {
  settings::Model model = make_model();
  for (settings::Trigger& trigger : model.triggers) trigger.enabled = false;
  put_all(model);
  put_all(make_model("gas"));
  const auto due = [&] { return transact([&](store::Transaction& t) { return next_monitor_due(t, {"market"}); }); };
  EXPECT_EQ(due(), start);
  transact([&](store::Transaction& t) {
    registry::remove_other_models(t, {"power"}, {here.daemon_id, here.instance}, start);
  });
  EXPECT_TRUE(claim_due(start + hours(100)).empty());
  EXPECT_EQ(due(), std::nullopt);
}

TEST_F(MonitorsTest, RecordAFiringItsRunAndTheNextDueTimeTogether) {  // invariant 3
  put_all();
  const TimePoint when = start + hours(25);
  const ClaimedMonitor monitor = claim_one("nightly", when);
  const TimePoint slot = monitor.due_at;
  trigger::State state;
  state.last_slot = slot;
  const MonitorRecord made =
      record(monitor,
             outcome({decision(FiringDecision::suppressed, slot - hours(24)), decision(FiringDecision::fired, slot)},
                     slot + hours(24), state),
             when);
  EXPECT_TRUE(made.held);
  ASSERT_EQ(made.decisions.size(), 2u);
  EXPECT_EQ(made.decisions[1].decision, FiringDecision::fired);
  ASSERT_TRUE(made.decisions[1].run);
  EXPECT_EQ(
      ground.rows("SELECT trigger, kind, decision, reason, evidence ->> 'rows', actor, run_id "
                  "FROM retraind.trigger_history ORDER BY firing_id"),
      (std::vector<testing::TextRow>{
          {"nightly", "schedule", "suppressed", "because", "9", "host-a", std::nullopt},
          {"nightly", "schedule", "fired", "because", "9", "host-a", std::to_string(number(*made.decisions[1].run))}}));
  EXPECT_EQ(monitor_text("nightly", fmt::format("next_due_at = '{}' AND lease_term IS NULL AND last_sentence = 'seen'",
                                                format_instant(slot + hours(24)))),
            "t");
  EXPECT_EQ(trigger::state_from_json(monitor_text("nightly", "state")), state);
}

TEST_F(MonitorsTest, RefuseASlotThatWasRecordedBefore) {  // invariant 3
  put_all();
  const TimePoint when = start + hours(25);
  ClaimedMonitor monitor = claim_one("nightly", when);
  const TimePoint slot = monitor.due_at;
  record(monitor, outcome({decision(FiringDecision::suppressed, slot)}, slot), when);
  monitor = claim_one("nightly", when);
  for (const FiringDecision again : {FiringDecision::fired, FiringDecision::suppressed}) {
    EXPECT_CONTAINS(
        testing::complaint<DataError>([&] { record(monitor, outcome({decision(again, slot)}, slot), when); }),
        "firing_slot_once");
  }
  EXPECT_EQ(count("firing"), "1");
  EXPECT_EQ(count("run"), "0");
}

TEST_F(MonitorsTest, WriteNothingUnderALostLease) {  // invariant 5
  put_all();
  const ClaimedMonitor old = claim_one("enough_rows", start);
  const trigger::Outcome fired = outcome({decision(FiringDecision::fired)}, start + hours(1));
  const ClaimedMonitor current = claim_one("enough_rows", start + minutes(1));
  EXPECT_FALSE(record(old, fired, start + minutes(1)).held) << "somebody else has it";
  EXPECT_EQ(count("firing"), "0");
  EXPECT_EQ(count("run"), "0");
  EXPECT_EQ(monitor_text("enough_rows", "last_evaluated_at IS NULL"), "t");
  EXPECT_TRUE(record(current, fired, start + minutes(1)).held);
  EXPECT_FALSE(record(current, fired, start + minutes(1)).held) << "it was given back";
  EXPECT_EQ(count("run"), "1");
}

TEST_F(MonitorsTest, ForgetAnEvaluationOfARuleThatChangedMeanwhile) {
  settings::Model model = make_model();
  put_all(model);
  const ClaimedMonitor old = claim_one("enough_rows", start);
  std::get<settings::NewRowsTrigger>(model.triggers[1].rule).rows = 501;
  put_all(model, start + seconds(1));
  EXPECT_FALSE(record(old, outcome({decision(FiringDecision::fired)}, start + hours(9), state_in(TriggerPhase::firing)),
                      start + seconds(2))
                   .held);
  EXPECT_EQ(count("firing"), "0");
  EXPECT_EQ(monitor_text("enough_rows", "phase"), "inactive");
  EXPECT_EQ(std::get<settings::NewRowsTrigger>(claim_one("enough_rows", start + seconds(2)).trigger.rule).rows, 501u);
}

TEST_F(MonitorsTest, DoNotMissAPipelineThatIsLoadedWhileTheOldOneIsLookedAt) {
  settings::Model model = make_model();
  put_all(model);
  const ClaimedMonitor old = claim_one("pipeline_change", start);
  model.training.rounds = 7;
  put_all(model, start + seconds(1));
  record(old, outcome({}, std::nullopt), start + seconds(2));
  EXPECT_EQ(claim_one("pipeline_change", start + seconds(2)).pipeline_sha256, settings::pipeline_sha256(model));
}

TEST_F(MonitorsTest, KeepWantingARunThatAnOpenOneKeptBackAndSayItOnce) {
  const ModelId model = put_all();
  queue_and_claim(model);
  TimePoint now = start;
  const auto wants_a_run = [&] {
    const ClaimedMonitor monitor = claim_one("enough_rows", now);
    const MonitorRecord made = record(monitor, outcome({decision(FiringDecision::fired)}, now + minutes(1)), now);
    now += minutes(1);
    return made.decisions.size();
  };
  EXPECT_EQ(wants_a_run(), 1u);
  EXPECT_EQ(wants_a_run(), 0u);
  EXPECT_EQ(wants_a_run(), 0u);
  EXPECT_EQ(monitor_text("enough_rows", "phase || ' ' || (state ->> 'last_recorded')"), "firing suppressed:open_run");
  EXPECT_EQ(count("firing WHERE decision = 'suppressed'"), "1");
}

TEST_F(MonitorsTest, KnowWhatTheModelsRunsCameTo) {
  const ModelId model = put_all();
  auto known = context(model);
  EXPECT_FALSE(known.paused || known.has_production || known.run_open);
  EXPECT_EQ(known.last_finished_at, std::nullopt);
  EXPECT_EQ(known.last_unsuccessful_at, std::nullopt);

  const std::vector<std::pair<RunState, int>> endings = {
      {RunState::rejected, 1}, {RunState::inconclusive, 2}, {RunState::failed, 3}, {RunState::cancelled, 3},
      {RunState::promoted, 0}, {RunState::cancelled, 0},    {RunState::failed, 1}};
  int runs = 0;
  for (const auto& [state, in_a_row] : endings) {
    run_to(state, model, "manual", start + minutes(++runs));
    known = context(model, "manual", start + minutes(runs));
    EXPECT_EQ(known.unsuccessful_in_a_row, in_a_row) << "after run " << runs << ", " << to_text(state);
    EXPECT_EQ(known.runs_in_last_day, runs);
    EXPECT_EQ(known.last_finished_at, start + minutes(runs));
    EXPECT_EQ(known.last_unsuccessful_at.has_value(), in_a_row > 0);
  }
  EXPECT_EQ(known.last_unsuccessful_at, start + minutes(7));
  EXPECT_TRUE(known.has_production);
  EXPECT_EQ(context(model, "nightly").unsuccessful_in_a_row, 0) << "another trigger's runs";
  EXPECT_EQ(context(model, "nightly").runs_in_last_day, 0);
  EXPECT_EQ(context(model, "nightly").last_finished_at, start + minutes(7)) << "whoever started it";
  EXPECT_EQ(context(model, "manual", start + hours(24) + minutes(1)).runs_in_last_day, 6);
  EXPECT_EQ(context(model, "manual", start + hours(24) + minutes(7)).runs_in_last_day, 0);
}

TEST_F(MonitorsTest, KnowThatARunIsOpenAndThatAPersonPaused) {
  const ModelId model = put_all();
  for (const RunState open : {RunState::queued, RunState::running, RunState::awaiting_approval}) {
    const ModelId one = put(make_model(fmt::format("with_{}", to_text(open))));
    run_to(open, one);
    EXPECT_TRUE(context(one).run_open) << to_text(open);
    ground.exec("UPDATE retraind.run SET not_before = 'infinity'");
  }
  EXPECT_FALSE(context(model).run_open);
  ground.exec("SELECT retraind.pause('power', 'the feed is broken')");
  EXPECT_TRUE(context(model).paused);
  EXPECT_EQ(context(model).pause_reason, "the feed is broken");
}

TEST_F(MonitorsTest, FindWhatWasJudgedLast) {
  const ModelId model = put();
  const auto pipeline = [&] { return transact([&](store::Transaction& t) { return find_judged_pipeline(t, model); }); };
  const auto window = [&] { return transact([&](store::Transaction& t) { return find_judged_window_end(t, model); }); };
  run_to(RunState::failed, model);
  EXPECT_EQ(pipeline(), std::nullopt);
  EXPECT_EQ(window(), std::nullopt);
  run_to(RunState::rejected, model);
  run_to(RunState::failed, model);
  EXPECT_EQ(pipeline(), settings::pipeline_sha256(make_model()));
  EXPECT_EQ(window(), 1.6e15);
}

TEST_F(MonitorsTest, OfAQueryBelongToTheDaemonsThatKnowItsSource) {
  settings::Model model = make_model();
  settings::QueryTrigger own;
  own.query = "SELECT 1";
  own.bounds.above = 1;
  settings::QueryTrigger elsewhere = own;
  elsewhere.source = "warehouse";
  settings::PrometheusTrigger prometheus;
  prometheus.url = "http://127.0.0.1:9090";
  prometheus.query = "up";
  prometheus.bounds.below = 1;
  model.triggers = {make_trigger("own", own), make_trigger("elsewhere", elsewhere),
                    make_trigger("scraped", prometheus)};
  put_all(model);
  EXPECT_EQ(ground.text("SELECT string_agg(trigger || ' ' || source, ', ' ORDER BY trigger) FROM retraind.monitor"),
            "elsewhere warehouse, own market, scraped market");
  EXPECT_EQ(names(claim_due(start, 10, {"warehouse"})), std::vector<std::string>{"elsewhere"});
  EXPECT_EQ(names(claim_due(start)), (std::vector<std::string>{"own", "scraped"}));
}

TEST_F(MonitorsTest, RecordAlertsAndTheirEndWithoutARun) {
  settings::Model model = make_model();
  settings::FreshnessTrigger freshness;
  freshness.no_rows_for = hours(6);
  model.triggers.push_back(make_trigger("stale", freshness));
  put_all(model);
  trigger::State state;
  state.alerting = true;
  const auto told = [&](FiringDecision what, TimePoint when) {
    const MonitorRecord made =
        record(claim_one("stale", when), outcome({decision(what)}, when + minutes(5), state), when);
    ASSERT_EQ(made.decisions.size(), 1u);
    EXPECT_EQ(made.decisions[0].decision, what);
    EXPECT_EQ(made.decisions[0].run, std::nullopt);
  };
  EXPECT_EQ(ground.text("SELECT alerts = '{}' FROM retraind.status"), "t");
  told(FiringDecision::alert, start);
  EXPECT_EQ(alerts(), "stale: because");
  state.alerting = false;
  told(FiringDecision::resolved, start + minutes(5));
  EXPECT_EQ(alerts(), "");
  EXPECT_EQ(
      ground.text("SELECT string_agg(kind || ' ' || decision, ', ' ORDER BY firing_id) FROM retraind.trigger_history"),
      "freshness alert, freshness resolved");
  EXPECT_EQ(count("run"), "0");
}

TEST_F(MonitorsTest, ShowWhyTheyAlertedAndNotWhatTheySawSince) {
  const settings::Model model = with_two_stale();
  put_all(model);
  alert("stale", start, "no rows for 7 h");
  alert("stale_too", start + minutes(1), "no rows for 9 h");
  EXPECT_EQ(alerts(), "stale: no rows for 7 h|stale_too: no rows for 9 h");
  TimePoint when = start + minutes(5);
  trigger::State state;
  state.alerting = true;
  record(claim_one("stale", when), outcome({decision(FiringDecision::error)}, when + minutes(5), state), when, "lost");
  EXPECT_EQ(alerts(), "stale: no rows for 7 h|stale_too: no rows for 9 h");
  state.alerting = false;
  when += minutes(5);
  record(claim_one("stale", when), outcome({decision(FiringDecision::resolved)}, when, state), when);
  EXPECT_EQ(alerts(), "stale_too: no rows for 9 h");
  alert("stale", when, "no rows for 8 h");
  EXPECT_EQ(alerts(), "stale: no rows for 8 h|stale_too: no rows for 9 h") << "the newest one";
}

TEST_F(MonitorsTest, WhoseTriggerIsChangedOrRemovedSayThatTheirAlertIsOver) {
  settings::Model model = with_two_stale();
  put_all(model);
  put_all(make_model("gas"));
  alert("stale", start);
  alert("stale_too", start + minutes(1));
  const auto told = [&] {
    return ground.rows(
        "SELECT model, trigger, kind, decision, reason, evidence::text, actor, run_id, evaluated_at::text "
        "FROM retraind.trigger_history WHERE decision = 'resolved' ORDER BY firing_id");
  };
  model.training.rounds = 7;
  put_all(model, start + hours(1));
  EXPECT_TRUE(told().empty()) << "nothing about the triggers has changed";

  std::get<settings::FreshnessTrigger>(trigger_of(model, "stale").rule).no_rows_for = hours(8);
  trigger_of(model, "nightly").cooldown = hours(1);  // no alert is open there
  put_all(model, start + hours(2));
  const auto at = [&](int hour) {
    return ground.text(fmt::format("SELECT ('{}'::timestamptz)::text", format_instant(start + hours(hour))));
  };
  const testing::TextRow changed = {"power", "stale",  "freshness",  "resolved", "the trigger was changed",
                                    "{}",    "host-a", std::nullopt, at(2)};
  EXPECT_EQ(told(), std::vector<testing::TextRow>{changed});
  EXPECT_EQ(ground.text("SELECT array_to_string(alerts, '|') FROM retraind.status WHERE model = 'power'"),
            "stale_too: because");

  put_all(make_model(), start + hours(3));
  const testing::TextRow removed = {"power", "stale_too", "freshness",  "resolved", "the trigger was removed",
                                    "{}",    "host-a",    std::nullopt, at(3)};
  EXPECT_EQ(told(), (std::vector<testing::TextRow>{changed, removed})) << "stale alerted no more";
}

TEST_F(MonitorsTest, KeepTheirLastSentenceWhenTheyHaveNothingNewToSay) {
  put_all();
  record(claim_one("enough_rows", start), outcome({}, start), start, "");
  EXPECT_EQ(monitor_text("enough_rows", "last_sentence IS NULL"), "t");
  record(claim_one("enough_rows", start), outcome({}, start), start, "40 new rows");
  record(claim_one("enough_rows", start + minutes(1)), outcome({}, start), start + minutes(1), "");
  EXPECT_EQ(monitor_text("enough_rows", "last_sentence"), "40 new rows");
  EXPECT_EQ(monitor_text("enough_rows", fmt::format("last_evaluated_at = '{}'", format_instant(start + minutes(1)))),
            "t");
}

TEST_F(MonitorsTest, ThatLookForLongLeaveRoomForTheOthers) {
  settings::Model model = make_model();
  settings::DriftTrigger drift;
  settings::PerformanceTrigger performance;
  settings::FreshnessTrigger freshness;
  freshness.no_rows_for = hours(6);
  model.triggers = {make_trigger("drift", drift), make_trigger("performance", performance),
                    make_trigger("stale", freshness)};
  put_all(model);
  ground.exec(
      fmt::format("UPDATE retraind.monitor SET next_due_at = timestamptz '{}' - CASE WHEN kind IN ('drift', "
                  "'performance') THEN interval '1 hour' ELSE interval '0' END",
                  format_instant(start)));
  const auto claim_with = [&](MonitorPlaces places) {
    return names(transact(
        [&](store::Transaction& t) { return claim_due_monitors(t, here, {"market"}, places, minutes(1), start); }));
  };
  EXPECT_EQ(claim_with({.all = 1, .looks = 0}), std::vector<std::string>{"stale"})
      << "though the others are longer overdue";
  EXPECT_TRUE(claim_with({.all = 10, .looks = 0}).empty());
  const std::vector<std::string> one = claim_with({.all = 10, .looks = 1});
  const std::vector<std::string> other = claim_with({.all = 10, .looks = 10});
  ASSERT_EQ(one.size(), 1U);
  ASSERT_EQ(other.size(), 1U);
  EXPECT_EQ((std::set{one[0], other[0]}), (std::set<std::string>{"drift", "performance"}));
}

// They look once a day while the model is paused.
TEST_F(MonitorsTest, OfAChangedPipelineWakeWhenTheModelIsResumed) {
  put_all();
  ground.exec("UPDATE retraind.monitor SET next_due_at = now() + interval '1 day'");
  const std::string due =
      "SELECT count(*) FILTER (WHERE next_due_at <= now()) || ' of ' || count(*) FROM retraind.monitor";
  ground.exec("SELECT retraind.resume('power')");
  EXPECT_EQ(ground.text(due), "0 of 3") << "it was not paused";
  ground.exec("SELECT retraind.pause('power', 'the feed is broken')");
  ground.exec("SELECT retraind.resume('power')");
  EXPECT_EQ(ground.text(due + " WHERE kind = 'pipeline_change'"), "1 of 1");
  EXPECT_EQ(ground.text(due), "1 of 3");
  ground.exec("UPDATE retraind.monitor SET next_due_at = NULL");
  ground.exec("SELECT retraind.pause('power', 'again')");
  ground.exec("SELECT retraind.resume('power')");
  EXPECT_EQ(ground.text(due), "0 of 3") << "its pipeline has been judged";
}

TEST_F(MonitorsTest, ShowOnlyAlertsThatSomebodyStillLooksAfter) {
  settings::Model model = make_model();
  put_all(model);
  ground.exec("UPDATE retraind.monitor SET state = '{\"alerting\":true}' WHERE trigger <> 'pipeline_change'");
  ground.exec(
      "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, evidence, actor) "
      "SELECT model_id, trigger, kind, now(), 'alert', 'no rows since ' || trigger, '{}', 'host-a' "
      "FROM retraind.monitor");
  EXPECT_EQ(alerts(), "enough_rows: no rows since enough_rows|nightly: no rows since nightly");
  ground.exec("UPDATE retraind.monitor SET enabled = false WHERE trigger = 'nightly'");
  EXPECT_EQ(alerts(), "enough_rows: no rows since enough_rows");
  transact([&](store::Transaction& t) {
    EXPECT_EQ(read_status(t, {}).rows.at(0).back(), "enough_rows: no rows since enough_rows");
  });
  transact([&](store::Transaction& t) {
    registry::remove_other_models(t, {}, {here.daemon_id, here.instance}, start);
  });
  EXPECT_EQ(alerts(), "");
}

}  // namespace
}  // namespace retraind::runs
