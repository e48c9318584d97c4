#include "core/stats/change.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/random.h"

namespace retraind::stats {
namespace {

using Numbers = std::vector<double>;

// Errors at a rate of .2, from row 1,000 on at .8, by a generator that any language can follow: Knuth's multiplier of
// MMIX, the upper 53 bits of each state.
Numbers reference_stream() {
  Numbers out;
  std::uint64_t state = 12345;
  for (int i = 0; i < 2000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double u = static_cast<double>(state >> 11) / 9007199254740992.0;
    out.push_back(u < (i < 1000 ? 0.2 : 0.8) ? 1 : 0);
  }
  return out;
}

Numbers errors(Random& random, std::size_t rows, double rate) {
  Numbers out;
  for (std::size_t i = 0; i < rows; ++i) out.push_back(random.uniform() < rate ? 1 : 0);
  return out;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Adwin, LooksAtTheLastBucketOfEachRow) {
  // river's ADWIN, corrected (river pull request 1613), finds the change at 1055 counted from 0; the loop that leaves
  // the last bucket of each row out finds it at 1087.
  const Numbers stream = reference_stream();
  EXPECT_EQ(std::count(stream.begin(), stream.begin() + 1000, 1.0), 192);
  EXPECT_EQ(std::count(stream.begin() + 1000, stream.end(), 1.0), 814);
  Adwin adwin(0.002);
  std::vector<std::size_t> cuts;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    if (!adwin.add(stream[i])) continue;
    cuts.push_back(i);
    EXPECT_TRUE(adwin.last_cut_was_rise());
    adwin = Adwin(0.002);  // as there: everything is forgotten
  }
  EXPECT_EQ(cuts, std::vector<std::size_t>{1055});
}

TEST(Adwin, KeepsTheNewerPart) {
  const Numbers stream = reference_stream();
  Adwin adwin(0.002);
  for (const double value : stream) adwin.add(value);
  EXPECT_NEAR(adwin.mean(), 0.814, 0.01);
  EXPECT_LE(adwin.width(), 1000 + 32);
  EXPECT_GE(adwin.width(), 900);
}

TEST(Adwin, TellsAFallFromARise) {
  Random random(1);
  Adwin adwin(0.002);
  bool cut = false;
  for (const double value : errors(random, 2000, 0.7)) EXPECT_FALSE(adwin.add(value));
  for (const double value : errors(random, 500, 0.2)) {
    if (!adwin.add(value)) continue;
    cut = true;
    EXPECT_FALSE(adwin.last_cut_was_rise());
  }
  EXPECT_TRUE(cut);
}

TEST(Adwin, HasAWindowOfTheMeanOfWhatItWasFed) {
  Random random(2);
  Adwin adwin(0.002);
  EXPECT_EQ(adwin.width(), 0);
  EXPECT_EQ(adwin.mean(), 0);
  double sum = 0;
  for (int i = 0; i < 5000; ++i) {
    const double value = random.normal();
    sum += value;
    ASSERT_FALSE(adwin.add(value));
  }
  EXPECT_EQ(adwin.width(), 5000);
  EXPECT_NEAR(adwin.mean(), sum / 5000, 1e-12);
}

TEST(Adwin, RarelyCutsWhereNothingChanges) {
  Random random(3);
  int cuts = 0;
  for (int stream = 0; stream < 10; ++stream) {
    Adwin of_errors(0.002);
    Adwin of_normals(0.002);
    for (int i = 0; i < 10000; ++i) {
      cuts += of_errors.add(random.uniform() < 0.2 ? 1 : 0) ? 1 : 0;
      cuts += of_normals.add(random.normal()) ? 1 : 0;
    }
  }
  EXPECT_LE(cuts, 1) << "in 200,000 rows; one in a million is expected";
}

TEST(Adwin, RecoversFromAnAbsurdValue) {
  Random random(4);
  Adwin adwin(0.002);
  for (int i = 0; i < 1000; ++i) adwin.add(random.uniform() < 0.1 ? 1 : 0);
  adwin.add(1.7e308);
  adwin.add(-1.7e308);
  for (int i = 0; i < 200; ++i) adwin.add(0.5);
  EXPECT_TRUE(std::isfinite(adwin.mean()));
  EXPECT_THROW(adwin.add(std::nan("")), std::logic_error);
  EXPECT_THROW(adwin.add(INFINITY), std::logic_error);
  EXPECT_THROW(Adwin(0), std::logic_error);
  EXPECT_THROW(Adwin(1), std::logic_error);
}

TEST(Adwin, GoesOnFromItsMemoryAsIfNothingHadHappened) {
  Random random(5);
  Adwin whole(0.05);
  Adwin in_pieces(0.05);
  int cuts = 0;
  for (int i = 0; i < 6000; ++i) {
    const double value = random.normal() + (i / 1500 % 2 == 1 ? 1 : 0);
    const bool cut = whole.add(value);
    ASSERT_EQ(in_pieces.add(value), cut) << i;
    cuts += cut ? 1 : 0;
    if (i % 97 == 0) in_pieces = Adwin::from_json(in_pieces.to_json());
    ASSERT_EQ(in_pieces.mean(), whole.mean()) << i;
  }
  EXPECT_GE(cuts, 3);
  EXPECT_EQ(in_pieces.to_json(), whole.to_json());
  EXPECT_EQ(in_pieces.last_cut_was_rise(), whole.last_cut_was_rise());
}

TEST(Adwin, RefusesAMemoryThatIsNone) {
  Adwin adwin(0.002);
  for (int i = 0; i < 40; ++i) adwin.add(i % 3);
  const std::string good = adwin.to_json();
  EXPECT_EQ(Adwin::from_json(good).width(), 40);
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string out = good;
    const std::size_t at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from << " in " << good;
    return out.replace(at, from.size(), to);
  };
  for (const std::string& bad :
       {std::string(), std::string("{}"), std::string("[]"), good.substr(0, good.size() / 2),
        changed("\"0.002\"", "\"2\""), changed("\"0.002\"", "0.002"), changed("\"added\":40", "\"added\":39"),
        changed("\"added\":40", "\"added\":-40"), changed("\"rows\":[[", "\"rows\":[[\"1\","),
        changed("\"rows\":[[\"", "\"rows\":[[\"x"), changed("\"spread\":\"", "\"spread\":\"-"),
        changed("\"rows\":[[", "\"rows\":[3,["), changed("\"rows\"", "\"other\"")}) {
    EXPECT_THROW(Adwin::from_json(bad), DataError) << bad;
  }
}

TEST(PageHinkley, FindsWhatTheUsualFormFinds) {
  // river's Page-Hinkley (its own defaults: running mean, delta .005, alpha .9999, threshold 50) alarms at 1085 counted
  // from 0; the running mean and the forgetting are put around ours.
  const Numbers stream = reference_stream();
  PageHinkley watched{.mean = 0, .deviation = 1, .slack = 0.005, .limit = 50, .sum = 0, .rows = 0};
  std::size_t alarm = 0;
  for (std::size_t i = 0; i < stream.size() && alarm == 0; ++i) {
    watched.mean += (stream[i] - watched.mean) / static_cast<double>(i + 1);
    watched.sum *= 0.9999;
    if (watched.add(stream[i])) alarm = i;
  }
  EXPECT_EQ(alarm, 1085u);
  EXPECT_EQ(watched.sum, 0) << "an alarm begins anew";
  EXPECT_EQ(watched.rows, 0u);
}

TEST(PageHinkley, DoesNotDependOnTheScale) {
  Random random(6);
  PageHinkley plain{.mean = 0, .deviation = 1, .slack = 0.25, .limit = 8, .sum = 0, .rows = 0};
  PageHinkley scaled{.mean = 100, .deviation = 64, .slack = 0.25, .limit = 8, .sum = 0, .rows = 0};
  int alarms = 0;
  for (int i = 0; i < 20000; ++i) {
    const double value = std::round(random.normal() * 1024) / 1024;
    const bool alarm = plain.add(value);
    alarms += alarm ? 1 : 0;
    ASSERT_EQ(scaled.add(100 + 64 * value), alarm) << i;
  }
  EXPECT_GT(alarms, 3);
  EXPECT_THROW(plain.add(std::nan("")), std::logic_error);
  plain.deviation = 0;
  EXPECT_THROW(plain.add(0), std::logic_error);
}

TEST(PageHinkleyLimit, SolvesSiegmundsFormula) {
  for (const double slack : {0.1, 0.25, 0.5}) {
    for (const double rows : {100.0, 10000.0, 1e9}) {
      const double b = page_hinkley_limit(slack, rows) + 1.166;
      EXPECT_NEAR((std::exp(2 * slack * b) - 2 * slack * b - 1) / (2 * slack * slack) / rows, 1, 1e-9);
    }
  }
  // The usual chart of slack .5 and limit 5 has 930 rows between alarms (Siegmund 1985; exact: 938).
  EXPECT_NEAR(page_hinkley_limit(0.5, 938), 5, 0.02);
  EXPECT_THROW(page_hinkley_limit(0, 1000), std::logic_error);
  EXPECT_THROW(page_hinkley_limit(0.25, 9), std::logic_error);
  EXPECT_THROW(page_hinkley_limit(5, 10), std::logic_error);
  EXPECT_THROW(page_hinkley_limit(0.25, 1000, 0), std::logic_error);
}

// Mean number of rows to the first alarm.
template <class Draw>
double rows_to_alarm(PageHinkley watched, int streams, const Draw& draw) {
  double rows = 0;
  for (int stream = 0; stream < streams; ++stream) {
    PageHinkley one = watched;
    for (bool alarm = false; !alarm; ++rows) alarm = one.add(draw());
  }
  return rows / streams;
}

TEST(PageHinkleyLimit, GivesTheRowsBetweenAlarmsThatWereAskedFor) {
  Random random(7);
  PageHinkley watched;
  watched.limit = page_hinkley_limit(0.25, 1000);
  EXPECT_NEAR(rows_to_alarm(watched, 300, [&] { return random.normal(); }), 1000, 200);
}

TEST(PageHinkleyLimit, IsRaisedForErrorsThatAreRare) {
  Random random(8);
  for (const double rate : {0.02, 0.2, 0.8}) {
    PageHinkley watched;
    watched.mean = rate;
    watched.deviation = std::sqrt(rate * (1 - rate));
    watched.limit = page_hinkley_limit(0.25, 1000, (1 - rate) / watched.deviation);
    const auto draw = [&] { return random.uniform() < rate ? 1.0 : 0.0; };
    const double rows = rows_to_alarm(watched, 200, draw);
    EXPECT_GT(rows, 1000) << rate;
    EXPECT_LT(rows, 3000) << rate;
    if (rate > 0.1) continue;
    watched.limit = page_hinkley_limit(0.25, 1000);
    EXPECT_LT(rows_to_alarm(watched, 200, draw), 300) << "the limit for normal values is far too low";
  }
  EXPECT_EQ(page_hinkley_limit(0.25, 1000, 0.2), page_hinkley_limit(0.25, 1000)) << "the sum never rises";
}

TEST(ConfidenceSequence, FollowsItsFormula) {
  // By hand, for values 1 and 0 at alpha .05: mean and variance before are 1/2 and 1/4, then (1/2 + 1)/2 and
  // (1/4 + (1 - 3/4)^2)/2; both lambdas are cut at 1/2.
  ConfidenceSequence sequence;
  sequence.add(1);
  sequence.add(0);
  const double psi = std::log(2.0) - 0.5;
  EXPECT_DOUBLE_EQ(sequence.weight_sum, 1);
  EXPECT_DOUBLE_EQ(sequence.weighted_sum, 0.5);
  EXPECT_DOUBLE_EQ(sequence.penalty_sum, psi * (0.25 + 0.5625));
  EXPECT_DOUBLE_EQ(sequence.square_sum, 0.0625 + 0.25);
  EXPECT_EQ(sequence.low, 0);
  EXPECT_EQ(sequence.high, 1);
  for (int i = 0; i < 400; ++i) sequence.add(0.5);
  const double centre = sequence.weighted_sum / sequence.weight_sum;
  const double radius = (std::log(40.0) + sequence.penalty_sum) / sequence.weight_sum;
  EXPECT_NEAR(sequence.low, centre - radius, 1e-12);
  EXPECT_NEAR(sequence.high, centre + radius, 1e-12);
  EXPECT_THROW(sequence.add(1.01), std::logic_error);
  EXPECT_THROW(sequence.add(-0.01), std::logic_error);
  EXPECT_THROW(sequence.add(std::nan("")), std::logic_error);
}

TEST(ConfidenceSequence, NeverMissesTheMeanMoreOftenThanAlphaSays) {
  Random random(9);
  for (const double mean : {0.05, 0.5}) {
    int misses = 0;
    double width = 0;
    for (int stream = 0; stream < 200; ++stream) {
      ConfidenceSequence sequence;
      bool missed = false;
      for (int i = 0; i < 1000; ++i) {
        sequence.add(random.uniform() < mean ? 1 : 0);
        missed = missed || sequence.low > mean || sequence.high < mean;
      }
      misses += missed ? 1 : 0;
      width += (sequence.high - sequence.low) / 200;
    }
    EXPECT_LE(misses, 10) << mean << ": looked at after every row, 5 % are allowed";
    EXPECT_LT(width, 0.16) << mean;
  }
}

ChangeRule rule_for(Detector detector) {
  ChangeRule rule;
  rule.detector = detector;
  rule.level_mean = 0.2;
  rule.level_high = 0.22;
  rule.deviation = 0.4;
  rule.largest = 1;
  rule.tolerance = 0.05;
  return rule;
}

constexpr Detector kDetectors[] = {Detector::adwin, Detector::page_hinkley, Detector::risk};

TEST(Feed, StaysSilentWhereNothingChanges) {
  for (const Detector detector : kDetectors) {
    Random random(10);
    const ChangeOutcome outcome = feed(rule_for(detector), "", errors(random, 20000, 0.2));
    EXPECT_TRUE(outcome.alarms.empty()) << to_text(detector) << ": " << outcome.alarms[0].sentence;
    EXPECT_EQ(outcome.rows, 20000u);
  }
}

TEST(Feed, StaysSilentWhereThingsImprove) {
  for (const Detector detector : kDetectors) {
    Random random(11);
    ChangeOutcome outcome = feed(rule_for(detector), "", errors(random, 3000, 0.2));
    outcome = feed(rule_for(detector), outcome.state, errors(random, 3000, 0.02));
    EXPECT_TRUE(outcome.alarms.empty()) << to_text(detector);
  }
}

TEST(Feed, SaysSoonAfterAChangeWhatChanged) {
  for (const Detector detector : kDetectors) {
    Random random(12);
    ChangeOutcome outcome = feed(rule_for(detector), "", errors(random, 1000, 0.2));
    EXPECT_TRUE(outcome.alarms.empty());
    outcome = feed(rule_for(detector), outcome.state, errors(random, 3000, 0.6));
    ASSERT_FALSE(outcome.alarms.empty()) << to_text(detector);
    EXPECT_GT(outcome.alarms[0].row, 1000u);
    EXPECT_LT(outcome.alarms[0].row, detector == Detector::risk ? 2500u : 1150u) << to_text(detector);
    EXPECT_EQ(outcome.rows, 4000u);
    if (detector == Detector::risk) {
      EXPECT_EQ(outcome.alarms.size(), 1u) << "it says so once";
    }
  }
}

TEST(Feed, ExplainsItselfInASentence) {
  Numbers losses(1000, 0.0);
  for (std::size_t i = 0; i < losses.size(); i += 5) losses[i] = 1;
  losses.resize(3000, 1.0);
  EXPECT_TRUE(
      contains(feed(rule_for(Detector::adwin), "", losses).alarms.at(0).sentence, "the mean loss rose from 0."));
  EXPECT_TRUE(contains(feed(rule_for(Detector::adwin), "", losses).alarms.at(0).sentence, "(adwin, delta 0.002)"));
  // Each error adds 2 - 1/4; the limit for a million rows is 27.72.
  EXPECT_EQ(feed(rule_for(Detector::page_hinkley), "", losses).alarms.at(0).sentence,
            "the mean loss was 1 over the last 16 rows, and 0.2 at promotion (page_hinkley, sum 28 reached its limit "
            "27.7, which one in 1,000,000 rows does by chance)");
  const ChangeOutcome risk = feed(rule_for(Detector::risk), "", losses);
  EXPECT_TRUE(contains(risk.alarms.at(0).sentence, "rows since promotion is at least 0.27")) << risk.alarms[0].sentence;
  EXPECT_TRUE(contains(risk.alarms.at(0).sentence,
                       "above the 0.22 it was at most at promotion and the 0.05 that is tolerated (risk, delta 0.002)"))
      << risk.alarms[0].sentence;
}

TEST(Feed, DoesNotMindInWhatPiecesRowsCome) {
  for (const Detector detector : kDetectors) {
    Random random(13);
    Numbers losses = errors(random, 700, 0.2);
    const Numbers worse = errors(random, 2300, 0.7);
    losses.insert(losses.end(), worse.begin(), worse.end());
    const ChangeOutcome whole = feed(rule_for(detector), "", losses);
    ASSERT_FALSE(whole.alarms.empty());
    std::vector<ChangeAlarm> alarms;
    std::string state;
    for (std::size_t from = 0, size = 0; from < losses.size(); from += size) {
      size = std::min<std::size_t>(random.below(60), losses.size() - from);
      const ChangeOutcome piece = feed(rule_for(detector), state, std::span(losses).subspan(from, size));
      state = piece.state;
      alarms.insert(alarms.end(), piece.alarms.begin(), piece.alarms.end());
    }
    EXPECT_EQ(state, whole.state);
    ASSERT_EQ(alarms.size(), whole.alarms.size()) << to_text(detector);
    for (std::size_t i = 0; i < alarms.size(); ++i) {
      EXPECT_EQ(alarms[i].row, whole.alarms[i].row);
      EXPECT_EQ(alarms[i].sentence, whole.alarms[i].sentence);
    }
  }
}

TEST(Feed, RefusesTheMemoryOfAnotherDetector) {
  for (const Detector detector : kDetectors) {
    const std::string state = feed(rule_for(detector), "", Numbers(50, 0.5)).state;
    for (const Detector other : kDetectors) {
      if (other != detector) {
        EXPECT_THROW(feed(rule_for(other), state, {}), DataError);
      }
    }
    for (const std::string& bad : {std::string("x"), std::string("{}"), state.substr(0, state.size() - 1),
                                   "{\"detector\":\"" + std::string(to_text(detector)) + "\",\"fed\":1,\"memory\":{}}",
                                   "{\"detector\":\"" + std::string(to_text(detector)) + "\",\"fed\":1}"}) {
      EXPECT_THROW(feed(rule_for(detector), bad, {}), DataError) << bad;
    }
  }
}

TEST(Feed, GoesOnUnderAChangedRule) {
  Random random(14);
  const Numbers good = errors(random, 2000, 0.2);
  ChangeRule rule = rule_for(Detector::risk);
  const std::string state = feed(rule, "", good).state;
  // The level that is compared with may change; what the bounds are made of may not, and they begin anew.
  rule.tolerance = 0.01;
  EXPECT_TRUE(contains(feed(rule, state, {}).state, "\"seen\":2000"));
  rule.largest = 2;
  EXPECT_TRUE(contains(feed(rule, state, {}).state, "\"seen\":0"));
  EXPECT_EQ(feed(rule, state, {}).rows, 2000u);

  rule = rule_for(Detector::adwin);
  const std::string window = feed(rule, "", good).state;
  rule.delta = 0.3;
  EXPECT_TRUE(contains(feed(rule, window, {}).state, "\"delta\":\"0.3\""));
  EXPECT_TRUE(contains(feed(rule, window, {}).state, "\"added\":2000"));
}

TEST(Feed, TakesLossesBeyondTheLargestForTheLargest) {
  const ChangeRule rule = rule_for(Detector::risk);
  EXPECT_EQ(feed(rule, "", Numbers{0.5, 1e300}).state, feed(rule, "", Numbers{0.5, 1}).state);
  const ChangeRule limit = rule_for(Detector::page_hinkley);
  EXPECT_EQ(feed(limit, "", Numbers{0.5, 1e300}).state, feed(limit, "", Numbers{0.5, 1}).state);
}

TEST(Feed, RefusesLossesAndLevelsThatAreNone) {
  for (const Detector detector : kDetectors) {
    EXPECT_THROW(feed(rule_for(detector), "", Numbers{-0.5}), std::logic_error);
    EXPECT_THROW(feed(rule_for(detector), "", Numbers{std::nan("")}), std::logic_error);
    EXPECT_THROW(feed(rule_for(detector), "", Numbers{INFINITY}), std::logic_error);
  }
  ChangeRule constant = rule_for(Detector::page_hinkley);
  constant.deviation = 0;
  EXPECT_THROW(feed(constant, "", {}), DataError);
  ChangeRule perfect = rule_for(Detector::risk);
  perfect.largest = 0;
  EXPECT_THROW(feed(perfect, "", {}), DataError);
}

TEST(Risk, AlarmsWithAChanceBelowDeltaAtTheLevelItself) {
  ChangeRule rule = rule_for(Detector::risk);
  rule.delta = 0.1;
  rule.tolerance = 0;
  rule.level_high = 0.2;
  Random random(15);
  int alarms = 0;
  for (int stream = 0; stream < 200; ++stream) {
    alarms += feed(rule, "", errors(random, 1000, 0.2)).alarms.empty() ? 0 : 1;
  }
  EXPECT_LE(alarms, 10) << "one side of two: 5 % are allowed";
}

}  // namespace
}  // namespace retraind::stats
