#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>

#include "core/trigger/trigger.h"

namespace retraind::trigger {
namespace {

using namespace std::chrono_literals;

const TimePoint kNow = parse_instant("2026-05-01T12:00:00Z").value();

settings::Trigger drift(settings::DriftTrigger rule = {}) {
  return {.name = "drift", .rule = rule};
}

ModelContext with_production() {
  ModelContext context;
  context.has_production = true;
  return context;
}

stats::ColumnDrift column(const char* name, double importance, double effect,
                          stats::ColumnVerdict verdict = stats::ColumnVerdict::drifted) {
  stats::ColumnDrift out;
  out.column = name;
  out.importance = importance;
  out.effect = effect;
  out.threshold = 0.1;
  out.verdict = verdict;
  return out;
}

Outcome evaluate_columns(std::vector<stats::ColumnDrift> columns, State state = {}) {
  return evaluate(drift(),
                  DriftObservation{.version = 3, .rows = 2310, .columns = std::move(columns), .calibration = ""}, state,
                  with_production(), kNow);
}

bool fires(std::vector<stats::ColumnDrift> columns) {
  const Outcome outcome = evaluate_columns(std::move(columns));
  return !outcome.decisions.empty() && outcome.decisions.back().decision == FiringDecision::fired;
}

TEST(DriftDataset, NamesTheWeightiestColumnFirstAndSaysWhichPartOfTheRuleDecided) {
  DriftObservation seen{
      .version = 3, .rows = 2310, .columns = {}, .calibration = "threshold from 41 reference windows of 1d"};
  seen.columns = {column("hour", .05, .9), column("price", .6, .2), column("rest", .35, .01, stats::ColumnVerdict::ok)};
  const Outcome outcome = evaluate(drift(), seen, {}, with_production(), kNow);
  ASSERT_EQ(outcome.decisions.size(), 1U);
  EXPECT_EQ(outcome.decisions[0].reason,
            "drift in 2 of 3 features over 2,310 rows (65 % of the importance, 30 % is enough): price (distance 0.2, "
            "more than 0.1), hour (distance 0.9, more than 0.1); threshold from 41 reference windows of 1d");
}

TEST(DriftDataset, SaysThatAColumnAloneOrTheScoreDecided) {
  settings::DriftTrigger rule;
  rule.share = 0.5;
  DriftObservation seen{.version = 3, .rows = 300, .columns = {column("price", .2, .3)}, .calibration = ""};
  seen.columns.push_back(column("rest", .8, 0, stats::ColumnVerdict::ok));
  EXPECT_EQ(evaluate(drift(rule), seen, {}, with_production(), kNow).decisions.at(0).reason,
            "drift in 1 of 2 features over 300 rows (price alone is important enough): price (distance 0.3, more than "
            "0.1)");
  seen.columns[0] = column("score", 0, .3);
  seen.columns[0].role = ColumnRole::score;
  seen.columns[0].method = DriftMethod::psi;
  EXPECT_EQ(evaluate(drift(rule), seen, {}, with_production(), kNow).decisions.at(0).reason,
            "drift in 0 of 1 feature over 300 rows (the score decides by itself): score (psi 0.3, more than 0.1)");
}

TEST(DriftDataset, KeepsAllThatDecidedAsEvidence) {
  stats::ColumnDrift price = column("price", .75, .2);
  price.effect_low = .15;
  price.effect_high = .25;
  price.log_p = -900;
  price.p_value = 0;
  price.calibration = Calibration::blocks;
  const Outcome outcome = evaluate_columns({price, column("rest", .25, 0, stats::ColumnVerdict::ok)});
  const auto evidence = boost::json::parse(outcome.decisions.at(0).evidence).as_object();
  EXPECT_EQ(evidence.at("share"), 0.75);
  EXPECT_EQ(evidence.at("share_threshold"), 0.3);
  const auto& drifted = evidence.at("drifted").as_array().at(0).as_object();
  EXPECT_EQ(drifted.at("importance"), 0.75);
  EXPECT_EQ(drifted.at("effect_low"), 0.15);
  EXPECT_EQ(drifted.at("log_p"), -900.0);
  EXPECT_EQ(drifted.at("calibration"), "blocks");
  EXPECT_EQ(drifted.at("threshold"), 0.1);
}

TEST(DriftDataset, ReadsImportancesThatAreNoSharesAsSuch) {
  // 50 of 1,000: neither a tenth nor three tenths.
  EXPECT_FALSE(fires({column("a", 50, .5), column("b", 950, 0, stats::ColumnVerdict::ok)}));
  EXPECT_TRUE(fires({column("a", 100, .5), column("b", 900, 0, stats::ColumnVerdict::ok)}));
}

TEST(DriftDataset, TakesNonsenseForNoImportance) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(fires({column("a", nan, .5), column("b", -3, .5), column("c", 1, 0, stats::ColumnVerdict::ok)}));
  EXPECT_TRUE(fires({column("a", nan, .5), column("b", nan, 0, stats::ColumnVerdict::ok)}));
}

TEST(DriftDataset, DoesNotFireForFeaturesTheModelDoesNotUseWhenNoOtherIsJudged) {
  EXPECT_FALSE(fires({column("unused", 0, .5), column("used", 1, 0, stats::ColumnVerdict::insufficient_data)}));
}

TEST(DriftDataset, KeepsAnInfiniteEffectOutOfItsEvidence) {
  const Outcome outcome = evaluate_columns({column("a", 1, std::numeric_limits<double>::infinity())});
  const auto evidence = boost::json::parse(outcome.decisions.at(0).evidence).as_object();
  EXPECT_TRUE(evidence.at("drifted").as_array().at(0).as_object().at("effect").is_null());
}

TEST(DriftDataset, HasSurelyGoneOnlyBelowSevenTenthsOfTheThreshold) {
  State firing;
  firing.phase = TriggerPhase::firing;
  EXPECT_EQ(evaluate_columns({column("a", 1, .0699, stats::ColumnVerdict::ok)}, firing).state.clean_checks, 1);
  EXPECT_EQ(evaluate_columns({column("a", 1, .0701, stats::ColumnVerdict::ok)}, firing).state.clean_checks, 0);
  // A large effect without the evidence for it is not drift, but not the end of it either.
  EXPECT_EQ(evaluate_columns({column("a", 1, .5, stats::ColumnVerdict::ok)}, firing).state.clean_checks, 0);
}

TEST(DriftDataset, IsOfAllFeaturesAndSaysHowManyCouldNotBeJudged) {
  const auto unjudged = [](const char* name, double importance) {
    stats::ColumnDrift out = column(name, importance, 0, stats::ColumnVerdict::insufficient_data);
    out.sentence = "it has 12 values";
    return out;
  };
  const Outcome some = evaluate_columns({column("a", .4, .2), unjudged("b", .3), unjudged("c", .3)});
  ASSERT_EQ(some.decisions.size(), 1U);
  EXPECT_EQ(
      some.decisions[0].reason,
      "drift in 1 of 3 features, of which 2 could not be judged, over 2,310 rows (40 % of the importance, 30 % is "
      "enough): a (distance 0.2, more than 0.1)");
  const auto evidence = boost::json::parse(some.decisions[0].evidence).as_object();
  EXPECT_EQ(evidence.at("share"), 0.4);
  EXPECT_EQ(evidence.at("judged_share"), 0.4);
  // A minor column is not everything because it is all that could be judged.
  const Outcome few = evaluate_columns({column("a", .09, .2), unjudged("b", .5), unjudged("c", .41)});
  ASSERT_EQ(few.decisions.size(), 1U);
  EXPECT_EQ(few.decisions[0].decision, FiringDecision::insufficient_data);
  EXPECT_EQ(few.decisions[0].reason,
            "2 of 3 features, with 91 % of the importance, could not be judged on 2,310 rows; b: it has 12 values");
}

TEST(DriftDataset, IsNotCleanWhereLessThanHalfOfTheImportanceWasJudged) {
  State firing;
  firing.phase = TriggerPhase::firing;
  const auto after = [&](double judged) {
    return evaluate_columns({column("a", judged, 0, stats::ColumnVerdict::ok),
                             column("b", 1 - judged, 0, stats::ColumnVerdict::insufficient_data)},
                            firing);
  };
  EXPECT_EQ(after(.5).state.clean_checks, 1);
  EXPECT_TRUE(after(.5).decisions.empty());
  EXPECT_EQ(after(.49).state.clean_checks, 0);
  EXPECT_EQ(after(.49).decisions.at(0).decision, FiringDecision::insufficient_data);
}

TEST(DriftMemory, EndsWithItsVersion) {
  State state;
  state.phase = TriggerPhase::firing;
  state.version = 2;
  state.recent = "11";
  state.holds_checks = 2;
  state.last_recorded = "suppressed:cooldown";
  const auto calm = [](int version) {
    return DriftObservation{
        .version = version, .rows = 900, .columns = {column("a", 1, .08, stats::ColumnVerdict::ok)}, .calibration = ""};
  };
  const auto after = [&](int version) {
    return evaluate(drift(), calm(version), state, with_production(), kNow).state;
  };
  State fresh;
  fresh.version = 3;
  EXPECT_EQ(after(3), fresh);
  EXPECT_EQ(after(2).phase, TriggerPhase::firing);
  // Where no version is known, nothing is known to have changed.
  EXPECT_EQ(after(0).phase, TriggerPhase::firing);
  EXPECT_EQ(after(0).version, 2);
  state.version = 0;
  EXPECT_EQ(after(3).phase, TriggerPhase::firing);
  EXPECT_EQ(after(3).version, 3);
}

TEST(DriftPatience, RemembersNoMoreChecksThanItsLimit) {
  settings::DriftTrigger rule;
  rule.patience = {.checks = 64, .of = 64, .hold = Duration::zero(), .clear = 1};
  State state;
  const DriftObservation seen{.version = 3, .rows = 900, .columns = {column("a", 1, .5)}, .calibration = ""};
  ModelContext paused = with_production();
  paused.paused = true;
  for (int i = 0; i < 200; ++i) {
    state = evaluate(drift(rule), seen, state, paused, kNow + i * 1min).state;
    EXPECT_EQ(state.phase, i < 63 ? TriggerPhase::pending : TriggerPhase::firing) << i;
    EXPECT_LE(state.recent.size(), 64U);
  }
}

TEST(DriftPatience, GoesOnFromAStateThatOnlyCountedChecks) {
  settings::DriftTrigger rule;
  rule.patience = {.checks = 3, .of = 3, .hold = Duration::zero(), .clear = 3};
  const State old = state_from_json(
      R"({"errors":0,"holds_checks":2,"holds_since":"2026-05-01T11:30:00Z","last_recorded":"pending:hold","phase":"pending"})");
  const DriftObservation seen{.version = 3, .rows = 900, .columns = {column("a", 1, .5)}, .calibration = ""};
  const Outcome outcome = evaluate(drift(rule), seen, old, with_production(), kNow);
  EXPECT_EQ(outcome.decisions.at(0).decision, FiringDecision::fired);
  EXPECT_TRUE(outcome.decisions.at(0).reason.ends_with("; held for 3 checks since 2026-05-01T11:30:00Z"));
}

TEST(DriftPatience, SaysInHowManyOfTheLastChecksItHeld) {
  settings::DriftTrigger rule;
  rule.patience = {.checks = 2, .of = 3, .hold = Duration::zero(), .clear = 3};
  const DriftObservation bad{.version = 3, .rows = 900, .columns = {column("a", 1, .5)}, .calibration = ""};
  const DriftObservation good{
      .version = 3, .rows = 900, .columns = {column("a", 1, 0, stats::ColumnVerdict::ok)}, .calibration = ""};
  const Outcome first = evaluate(drift(rule), bad, {}, with_production(), kNow);
  EXPECT_TRUE(first.decisions.at(0).reason.ends_with("; check 1 of 2 among the last 3"));
  const Outcome second = evaluate(drift(rule), good, first.state, with_production(), kNow + 15min);
  const Outcome third = evaluate(drift(rule), bad, second.state, with_production(), kNow + 30min);
  EXPECT_TRUE(third.decisions.at(0).reason.ends_with("; held in 2 of the last 3 checks since 2026-05-01T12:00:00Z"));
  EXPECT_EQ(boost::json::parse(third.decisions[0].evidence).as_object().at("recent"), "101");
}

TEST(DriftPatience, CountsTimeFromTheLastMissWhereNoneIsAllowed) {
  settings::DriftTrigger rule;
  rule.patience = {.checks = 2, .of = 2, .hold = 15min, .clear = 3};
  const DriftObservation bad{.version = 3, .rows = 900, .columns = {column("a", 1, .5)}, .calibration = ""};
  const DriftObservation good{
      .version = 3, .rows = 900, .columns = {column("a", 1, 0, stats::ColumnVerdict::ok)}, .calibration = ""};
  const auto after = [&](const DriftObservation& seen, const State& state, Duration since) {
    return evaluate(drift(rule), seen, state, with_production(), kNow + since);
  };
  State state = after(bad, {}, 0min).state;
  state = after(good, state, 10min).state;
  EXPECT_EQ(state.phase, TriggerPhase::pending);
  state = after(bad, state, 20min).state;
  const Outcome early = after(bad, state, 30min);
  EXPECT_TRUE(early.decisions.empty());
  EXPECT_TRUE(after(bad, early.state, 35min)
                  .decisions.at(0)
                  .reason.ends_with("; held for 3 checks since 2026-05-01T12:20:00Z"));
}

}  // namespace
}  // namespace retraind::trigger
