#pragma once
// What the tests of the registry share: a registry of their own, two daemons, a model, and short ways to bring a run
// into any state. All instants are given as distances from `start`, which is the registry's clock when the test began:
// what people do in SQL is stamped with that clock, so both fit together.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/registry/artifacts.h"
#include "core/registry/models.h"
#include "core/registry/versions.h"
#include "core/runs/daemons.h"
#include "core/runs/run_queue.h"
#include "core/runs/trials.h"
#include "core/runs/verdicts.h"
#include "core/settings/settings.h"
#include "core/settings/snapshot.h"
#include "core/store/database.h"
#include "tests/support/pg_sandbox.h"
#include "tests/support/test_database.h"

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

namespace retraind::testing {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

inline settings::Trigger make_trigger(std::string name, settings::TriggerRule rule) {
  settings::Trigger out{.name = std::move(name), .rule = std::move(rule)};
  out.backoff = settings::default_backoff(out.kind());
  return out;
}

inline settings::Model make_model(const std::string& name = "power") {
  settings::Model model;
  model.name = name;
  model.source = "market";
  model.query = "SELECT ts, price, up FROM electricity";
  model.time_column = "ts";
  model.label = "up";
  model.triggers = {
      make_trigger("nightly", settings::ScheduleTrigger{.cron = schedule::Cron::parse("0 3 * * *")}),
      make_trigger("enough_rows", settings::NewRowsTrigger{.rows = 500}),
      make_trigger("pipeline_change", settings::PipelineChangeTrigger{}),
  };
  return model;
}

// The message of the error of class E that `action` throws.
template <class E, class Action>
std::string complaint(const Action& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another exception: " << error.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

class RegistryTest : public ::testing::Test {
 protected:
  template <class Body>
  auto transact(Body body) {
    return database.transact("the test", std::move(body));
  }

  // As a daemon whose registry's clock says `at`.
  template <class Body>
  auto at(TimePoint when, Body body) {
    return transact([&](store::Transaction& transaction) {
      runs::act_as(transaction, here, when);
      return body(transaction);
    });
  }

  ModelId put(const settings::Model& model = make_model()) {
    return transact([&](store::Transaction& transaction) {
      return registry::put_model(transaction, model, {here.daemon_id, here.instance}, start).id;
    });
  }

  struct Fired {
    std::string firing;  // "" where SQL says NULL
    std::string run;
    std::string decision;
    std::string reason;
  };
  // retraind.fire as a trigger of that kind would call it; the trigger is named like its kind.
  Fired fire(ModelId model, const std::string& kind = "manual", bool quiet = false,
             std::optional<TimePoint> when = std::nullopt, const std::string& slot = "NULL") {
    const auto rows =
        ground.rows(fmt::format("SELECT firing_id, run_id, decision, reason FROM retraind.fire({}, '{}', '{}', {}, "
                                "'because', '{{}}', 'tester', "
                                "'{}', {})",
                                number(model), kind, kind, slot, format_instant(when.value_or(start)), quiet));
    return {rows.at(0)[0].value_or(""), rows[0][1].value_or(""), rows[0][2].value_or(""), rows[0][3].value_or("")};
  }

  static RunId run_id(const Fired& fired) { return RunId{std::stoll(fired.run)}; }
  RunId queue(ModelId model, const std::string& kind = "manual", std::optional<TimePoint> when = std::nullopt) {
    const Fired fired = fire(model, kind, false, when);
    if (fired.decision != "fired") throw std::runtime_error("not queued: " + fired.reason);
    return run_id(fired);
  }

  std::optional<runs::ClaimedRun> try_claim(TimePoint when, Duration lease_time = hours(1),
                                            const std::vector<std::string>& sources = {"market"}) {
    return transact(
        [&](store::Transaction& transaction) { return runs::claim_run(transaction, here, sources, lease_time, when); });
  }
  runs::ClaimedRun claim(TimePoint when, Duration lease_time = hours(1)) {
    auto claimed = try_claim(when, lease_time);
    if (!claimed) throw std::runtime_error("there was no run to claim");
    return *claimed;
  }
  runs::ClaimedRun claim() { return claim(start); }
  runs::ClaimedRun queue_and_claim(ModelId model) {
    queue(model);
    return claim();
  }
  static runs::Lease lease_of(const runs::ClaimedRun& run) { return {run.id, run.term}; }

  bool end(const runs::ClaimedRun& run, RunState state, std::optional<TimePoint> when = std::nullopt) {
    return transact([&](store::Transaction& transaction) {
      return runs::end_run(transaction, here, lease_of(run), state, "it ended", when.value_or(start));
    });
  }

  static registry::NewVersion new_version(const runs::ClaimedRun& run, const std::string& artifact_sha256) {
    return {.model = run.model,
            .run = run.id,
            .configuration_sha256 = run.configuration_sha256,
            .artifact_sha256 = artifact_sha256,
            .trainer = "xgboost 1.7.4",
            .axis = TimeAxis::instant,
            .trained_from = 1e15,
            .trained_to = 1.5e15,
            .train_rows = 800,
            .data_sha256 = std::string(64, 'd'),
            .metric = Metric::log_loss,
            .value = 0.4,
            .lineage = R"({"seed":1})",
            .anchor = {},
            .entity = {},
            .kept_data_sha256 = {},
            .columns = {}};
  }

  static runs::NewTrial new_trial(TrialKind kind, ModelId model, RunId run, int version, int against,
                                  TimePoint deadline) {
    return {.kind = kind,
            .model = model,
            .run = run,
            .version = version,
            .against = against,
            .metric = Metric::log_loss,
            .bar = 0,
            .alpha = 0.05,
            .axis = TimeAxis::instant,
            .after = 1.6e15,
            .until = 2e15,
            .deadline = deadline,
            .every = hours(1)};
  }

  // A claimed run to a judged end: promoted, awaiting_approval, shadowing (with its trial), rejected or inconclusive. A
  // candidate that was judged before keeps its version.
  void judge(const runs::ClaimedRun& run, RunState state, std::optional<TimePoint> when = std::nullopt) {
    const TimePoint now = when.value_or(start);
    at(now, [&](store::Transaction& transaction) {
      const auto production = registry::find_production(transaction, run.model);
      runs::JudgedRun judged;
      judged.state = state;
      judged.verdict = state == RunState::rejected                                       ? Verdict::reject
                       : state == RunState::inconclusive || state == RunState::shadowing ? Verdict::inconclusive
                                                                                         : Verdict::promote;
      judged.reason = "judged";
      judged.opponent = production ? "production" : "baseline";
      if (production) judged.judged_against = production->version;
      judged.window_from = 1e15;
      judged.window_to = 1.6e15;
      judged.data_sha256 = std::string(64, 'd');
      judged.data_rows = 1000;
      judged.version = run.candidate;
      if (!judged.version && (judged.verdict == Verdict::promote || state == RunState::shadowing)) {
        const std::string artifact =
            registry::store_artifact(transaction, fmt::format("artifact of run {}", number(run.id)), now);
        judged.version = registry::add_version(transaction, new_version(run, artifact), now);
      }
      if (state == RunState::promoted) {
        registry::move_production(transaction,
                                  {.model = run.model,
                                   .version = *judged.version,
                                   .kind = PromotionKind::promotion,
                                   .expected = judged.judged_against,
                                   .actor = here.instance,
                                   .trigger = run.trigger,
                                   .run = run.id,
                                   .reason = "better"},
                                  now)
            .value();
      }
      if (state == RunState::shadowing) {
        runs::open_trial(transaction,
                         new_trial(TrialKind::shadow, run.model, run.id, *judged.version, production.value().version,
                                   now + hours(24 * 14)),
                         now)
            .value();
      }
      if (!runs::finish_judged_run(transaction, lease_of(run), judged, now)) throw std::runtime_error("not finished");
    });
  }

  RunId run_to(RunState state, ModelId model, const std::string& kind = "manual",
               std::optional<TimePoint> when = std::nullopt) {
    const TimePoint now = when.value_or(start);
    const RunId run = queue(model, kind, now);
    if (state == RunState::queued) return run;
    const runs::ClaimedRun claimed = claim(now);
    if (claimed.id != run) throw std::runtime_error("another run was claimed");
    if (state == RunState::running) return run;
    if (state == RunState::failed || state == RunState::cancelled) {
      end(claimed, state, now);
    } else {
      judge(claimed, state, now);
    }
    return run;
  }

  std::string state_of(RunId run) {
    return ground.text(fmt::format("SELECT state FROM retraind.run WHERE run_id = {}", number(run)));
  }
  std::string run_text(RunId run, const std::string& expression) {
    return ground.text(fmt::format("SELECT {} FROM retraind.run WHERE run_id = {}", expression, number(run)));
  }
  std::string count(const std::string& table_and_condition) {
    return ground.text("SELECT count(*) FROM retraind." + table_and_condition);
  }

  // The server's words when it refuses; a test failure when it does not.
  std::string refusal(const std::string& sql) { return refusal(ground, sql); }
  template <class Connection>
  static std::string refusal(Connection& connection, const std::string& sql) {
    try {
      connection.exec(sql);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    ADD_FAILURE() << "not refused: " << sql;
    return "";
  }

  TestDatabase ground = TestDatabase::create_registry();
  store::Database database{ground.conninfo(), "retraind-test"};
  const runs::Executor here{"11111111-1111-4111-8111-111111111111", "host-a"};
  const runs::Executor there{"22222222-2222-4222-8222-222222222222", "host-b"};
  const TimePoint start = database.transact("the clock", [](store::Transaction& t) { return runs::registry_now(t); });
};

}  // namespace retraind::testing
