// What a run found in its rows and what a search tried: rows that are kept whatever becomes of the run, and what
// `status` says of them.
#include "core/runs/findings.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "core/runs/history.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::runs {
namespace {

using testing::complaint;
using testing::make_model;
using testing::minutes;

data::Finding stopping(const std::string& sentence) {
  return {.kind = FindingKind::value,
          .check = "range",
          .column = "price",
          .rows = 7,
          .observed = 1e6,
          .threshold = 1000,
          .stops = true,
          .sentence = sentence,
          .query = "SELECT * FROM electricity WHERE price > 1000"};
}

data::Finding warning(const std::string& sentence) {
  data::Finding out;
  out.check = "leakage";
  out.sentence = sentence;
  return out;
}

SearchTrialRecord trial(int number, std::optional<double> value, bool chosen = false) {
  return {.number = number,
          .params = fmt::format(R"({{"max_depth":{},"eta":0.1}})", number + 3),
          .metric = Metric::log_loss,
          .value = value,
          .fault = value ? "" : "eta: no such value",
          .train_rows = 640,
          .rows = 160,
          .seconds = 0.25,
          .chosen = chosen};
}

class FindingsTest : public testing::RegistryTest {
 protected:
  bool record(const ClaimedRun& run, const std::vector<data::Finding>& findings) {
    return at(start, [&](store::Transaction& t) { return record_findings(t, lease_of(run), findings); });
  }
  std::string problem(const std::string& model = "power") {
    return ground.text("SELECT data_problem FROM retraind.status WHERE model = '" + model + "'");
  }
  // A run that its rows have stopped.
  ClaimedRun stop(ModelId model, const std::vector<data::Finding>& findings) {
    const ClaimedRun run = queue_and_claim(model);
    EXPECT_TRUE(record(run, findings));
    EXPECT_TRUE(end(run, RunState::failed));
    return run;
  }
  void pass_validation(const ClaimedRun& run) {
    EXPECT_TRUE(at(start, [&](store::Transaction& t) {
      return record_step(
          t, lease_of(run),
          {.step = Step::validate_data, .started_at = start, .finished_at = start, .rows = {}, .detail = "{}"});
    }));
  }
};

TEST_F(FindingsTest, AreReadBackWithTheNameOfTheModelAndNullForWhatIsNotSaid) {
  const ClaimedRun run = queue_and_claim(put());
  EXPECT_TRUE(record(run, {stopping("7 rows of \"price\" are above 1000"), warning("column \"x\" alone ranks 'em")}));
  EXPECT_EQ(
      ground.rows(fmt::format("SELECT model, attempt, kind, \"check\", \"column\", rows, observed, threshold, stops, "
                              "sentence, query, found_at = '{}' FROM retraind.data_finding_history ORDER BY finding_id",
                              format_instant(start))),
      (std::vector<testing::TextRow>{
          {"power", "1", "value", "range", "price", "7", "1000000", "1000", "t", "7 rows of \"price\" are above 1000",
           "SELECT * FROM electricity WHERE price > 1000", "t"},
          {"power", "1", "warning", "leakage", std::nullopt, std::nullopt, std::nullopt, std::nullopt, "f",
           "column \"x\" alone ranks 'em", std::nullopt, "t"}}));
}

TEST_F(FindingsTest, KeepFiguresThatAreFiniteAndNoOthers) {
  const ClaimedRun run = queue_and_claim(put());
  data::Finding odd = stopping("odd");
  odd.observed = NAN;
  odd.threshold = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(record(run, {odd}));
  EXPECT_EQ(ground.text("SELECT num_nulls(observed, threshold) FROM retraind.data_finding"), "2");
}

TEST_F(FindingsTest, AreNotWrittenOnceTheLeaseIsLost) {  // invariant 5
  queue(put());
  const ClaimedRun run = claim(start, minutes(1));
  const auto late = [&](auto write) { return at(start + minutes(1), write); };
  EXPECT_FALSE(late([&](store::Transaction& t) { return record_findings(t, lease_of(run), {stopping("x")}); }));
  EXPECT_FALSE(late([&](store::Transaction& t) { return record_findings(t, lease_of(run), {}); }));
  EXPECT_FALSE(late([&](store::Transaction& t) { return record_search(t, lease_of(run), {trial(1, 0.5, true)}); }));
  transact([&](store::Transaction& t) { EXPECT_EQ(take_back_expired_runs(t, there, start + minutes(1)).size(), 1u); });
  const ClaimedRun again = claim(start + minutes(1));
  ASSERT_EQ(again.id, run.id);
  EXPECT_FALSE(record(run, {stopping("x")})) << "under an old term";
  EXPECT_TRUE(record(again, {})) << "nothing to say is no trouble";
  EXPECT_EQ(count("data_finding"), "0");
  EXPECT_EQ(count("search_trial"), "0");
}

TEST_F(FindingsTest, WaitForTheModelBeforeTheyHoldTheRunAsEverybodyElseDoes) {
  const ModelId model = put();
  const ClaimedRun run = queue_and_claim(model);
  auto person = ground.connect();
  person.exec(fmt::format("BEGIN; SELECT FROM retraind.model WHERE model_id = {} FOR UPDATE", number(model)));
  std::atomic<bool> recorded = false;
  std::jthread daemon([&] { recorded = record(run, {stopping("x")}); });
  const auto deadline = std::chrono::steady_clock::now() + testing::seconds(30);
  while (ground.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                     "AND wait_event_type = 'Lock'") == "0") {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it waits for nobody";
  }
  EXPECT_NO_THROW(person.exec("SELECT FROM retraind.run FOR UPDATE NOWAIT; COMMIT")) << "the two would deadlock";
  daemon.join();
  EXPECT_TRUE(recorded);
}

TEST_F(FindingsTest, RefuseAWarningThatStops) {
  const ClaimedRun run = queue_and_claim(put());
  data::Finding odd = warning("odd");
  odd.stops = true;
  EXPECT_CONTAINS(complaint<DataError>([&] { record(run, {odd}); }), "data_finding_warnings_stop_nothing");
}

TEST_F(FindingsTest, ThatStopAreTheModelsProblemUntilTheRowsOfALaterRunPass) {
  const ModelId model = put();
  put(make_model("gas"));
  EXPECT_EQ(problem(), "");
  stop(model, {warning("odd, but let through"), stopping("7 rows are above 1000"), stopping("12 rows are NULL")});
  EXPECT_EQ(problem(), "7 rows are above 1000 (and 1 more)");
  EXPECT_EQ(problem("gas"), "");
  stop(model, {stopping("9 rows are above 1000")});
  EXPECT_EQ(problem(), "9 rows are above 1000") << "the latest counts";
  run_to(RunState::failed, model);
  EXPECT_EQ(problem(), "9 rows are above 1000") << "a run that did not come so far says nothing";
  const ClaimedRun run = queue_and_claim(model);
  EXPECT_EQ(problem(), "9 rows are above 1000") << "nor one that has only begun";
  pass_validation(run);
  EXPECT_EQ(problem(), "");
  EXPECT_TRUE(record(run, {warning("odd")}));
  EXPECT_EQ(problem(), "");
  EXPECT_TRUE(end(run, RunState::failed));
  EXPECT_EQ(problem(), "");
  stop(model, {stopping("once more")});
  EXPECT_EQ(problem(), "once more");
  run_to(RunState::rejected, model);
  EXPECT_EQ(problem(), "") << "a verdict needs rows that passed, whatever became of the step's row";
  transact([&](store::Transaction& t) {
    const Page page = read_status(t, "power");
    EXPECT_EQ(page.rows.at(0).back(), std::nullopt);
  });
}

TEST_F(FindingsTest, OfAnEarlierAttemptAreNoProblemOnceALaterOnePassed) {
  const ModelId model = put();
  const ClaimedRun run = queue_and_claim(model);
  pass_validation(run);
  EXPECT_TRUE(record(run, {stopping("half of the rows were missing")}));
  transact([&](store::Transaction& t) {
    EXPECT_TRUE(requeue_run(t, here, lease_of(run), "the source went away", minutes(0), start));
  });
  EXPECT_EQ(problem(), "half of the rows were missing");
  pass_validation(claim());
  EXPECT_EQ(problem(), "");
}

TEST_F(FindingsTest, StandAmongTheAlertsAtTheCommandLine) {
  const ModelId model = put();
  stop(model, {stopping("7 rows are above 1000")});
  const Page page = transact([&](store::Transaction& t) { return read_status(t, "power"); });
  EXPECT_EQ(page.columns.back(), "alerts");
  EXPECT_EQ(page.rows.at(0).back(), "data: 7 rows are above 1000");
  EXPECT_CONTAINS(page.json, R"("data_problem":"7 rows are above 1000")");
  transact([&](store::Transaction& t) {
    registry::remove_other_models(t, {}, {here.daemon_id, here.instance}, start);
  });
  EXPECT_EQ(problem(), "") << "nobody waits for a removed model";
}

TEST_F(FindingsTest, OfASearchAreItsTrialsWithTheOneThatWasChosen) {
  const ClaimedRun run = queue_and_claim(put());
  const std::vector<SearchTrialRecord> trials = {trial(1, 0.1 + 0.2), trial(2, std::nullopt), trial(3, 0.25, true)};
  EXPECT_TRUE(at(start, [&](store::Transaction& t) { return record_search(t, lease_of(run), trials); }));
  EXPECT_EQ(ground.rows("SELECT model, attempt, trial, params ->> 'max_depth', metric, value = 0.1::float8 + "
                        "0.2::float8, fault, train_rows, rows, seconds, chosen FROM retraind.search_history "
                        "ORDER BY trial"),
            (std::vector<testing::TextRow>{
                {"power", "1", "1", "4", "log_loss", "t", std::nullopt, "640", "160", "0.25", "f"},
                {"power", "1", "2", "5", "log_loss", std::nullopt, "eta: no such value", "640", "160", "0.25", "f"},
                {"power", "1", "3", "6", "log_loss", "f", std::nullopt, "640", "160", "0.25", "t"}}));
}

TEST_F(FindingsTest, OfASearchHaveOneThatWasChosenAndSayWhyTheOthersFailed) {
  const ClaimedRun run = queue_and_claim(put());
  const auto refused = [&](const std::vector<SearchTrialRecord>& trials) {
    return complaint<DataError>(
        [&] { at(start, [&](store::Transaction& t) { return record_search(t, lease_of(run), trials); }); });
  };
  EXPECT_CONTAINS(refused({trial(1, 0.5, true), trial(2, 0.4, true)}), "search_trial_one_chosen");
  EXPECT_CONTAINS(refused({trial(1, std::nullopt, true)}), "search_trial_chosen_has_a_value");
  SearchTrialRecord silent = trial(1, std::nullopt);
  silent.fault.clear();
  EXPECT_CONTAINS(refused({silent}), "search_trial_says_why");
  SearchTrialRecord odd = trial(1, 0.5);
  odd.params = "[4]";
  EXPECT_CONTAINS(refused({odd}), "search_trial_params_check");
  EXPECT_EQ(count("search_trial"), "0");
}

}  // namespace
}  // namespace retraind::runs
