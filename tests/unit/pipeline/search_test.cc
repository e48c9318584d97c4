#include "core/pipeline/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/data/preparation.h"
#include "core/pipeline/candidate.h"
#include "core/pipeline/scorer.h"
#include "tests/unit/train/scratch.h"

namespace retraind::pipeline {
namespace {

using Params = std::map<std::string, settings::Parameter>;

settings::Parameter whole(std::int64_t value) {
  return value;
}

TEST(Combinations, AreTheWholeGridWithTheLastKeyVaryingFastest) {
  settings::Search search;
  search.params = {{"max_depth", {whole(4), whole(6)}}, {"eta", {0.1, 0.05, 0.3}}};
  search.trials = 6;
  const auto tried = combinations(search, 1);
  ASSERT_EQ(tried.size(), 6U);
  EXPECT_EQ(tried[0], (Params{{"eta", 0.1}, {"max_depth", whole(4)}}));
  EXPECT_EQ(tried[1], (Params{{"eta", 0.1}, {"max_depth", whole(6)}}));
  EXPECT_EQ(tried[2], (Params{{"eta", 0.05}, {"max_depth", whole(4)}})) << "values as they stand, not sorted";
  EXPECT_EQ(tried[5], (Params{{"eta", 0.3}, {"max_depth", whole(6)}}));
  EXPECT_EQ(combinations(search, 2), tried) << "no seed matters where all are tried";
}

TEST(Combinations, DrawDistinctOnesOfALargerGridInItsOrder) {
  settings::Search search;
  search.params = {{"a", {whole(0), whole(1), whole(2), whole(3)}},
                   {"b", {whole(0), whole(1), whole(2), whole(3)}},
                   {"c", {false, true}}};
  search.trials = 32;
  const auto grid = combinations(search, 1);
  ASSERT_EQ(grid.size(), 32U);
  for (const int trials : {1, 5, 31}) {
    search.trials = trials;
    const auto tried = combinations(search, 1);
    ASSERT_EQ(tried.size(), static_cast<std::size_t>(trials));
    std::size_t last = 0;
    for (std::size_t i = 0; i < tried.size(); ++i) {
      const auto place = static_cast<std::size_t>(std::find(grid.begin(), grid.end(), tried[i]) - grid.begin());
      ASSERT_LT(place, 32U);
      EXPECT_TRUE(i == 0 || place > last) << "distinct, and in the order of the grid";
      last = place;
    }
    EXPECT_EQ(combinations(search, 1), tried);
  }
  search.trials = 5;
  EXPECT_NE(combinations(search, 1), combinations(search, 2));
}

TEST(Combinations, DrawEachAsOftenAsAnyOther) {
  settings::Search search;
  search.params = {{"a", {whole(0), whole(1), whole(2)}}, {"b", {whole(0), whole(1)}}};
  search.trials = 2;
  std::map<Params, int> counts;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    for (const Params& params : combinations(search, seed)) ++counts[params];
  }
  ASSERT_EQ(counts.size(), 6U);
  for (const auto& [params, count] : counts) EXPECT_NEAR(count, 1000, 4 * std::sqrt(3000.0 / 3 * 2 / 3));
}

TEST(Combinations, TakeAGridThatNoNumberCanCount) {
  settings::Search search;
  for (int axis = 0; axis < 40; ++axis) {
    for (int value = 0; value < 10; ++value) search.params["p" + std::to_string(axis)].push_back(whole(value));
  }
  EXPECT_EQ(combinations(search, 1).size(), 10U);
}

TEST(Combinations, TryAValueThatIsNamedTwiceOnce) {
  settings::Search search;
  search.params = {{"eta", {0.1, 0.1, 0.2}}};
  EXPECT_EQ(combinations(search, 1).size(), 2U);
}

// ---- searching ----

constexpr double kHour = 3600e6;

// A binary label behind two numbers, one row an hour. From row `turn` on the rule is the opposite one.
struct World {
  data::Table table;
  settings::Model model;

  explicit World(std::size_t rows, double noise = 0.5, std::size_t turn = 1U << 30) {
    table.rows = rows;
    table.axis = TimeAxis::instant;
    table.label.name = "y";
    table.label.levels = {"no", "yes"};
    data::NumberColumn a;
    data::NumberColumn b;
    Random random(21);
    for (std::size_t i = 0; i < rows; ++i) {
      const double x = random.normal();
      const double y = random.normal();
      const bool yes = (x * y + noise * random.normal() > 0) == (i < turn);
      a.values.push_back(static_cast<float>(x));
      b.values.push_back(static_cast<float>(y));
      table.label.values.push_back(yes ? 1 : 0);
      table.event_times.push_back(kHour * static_cast<double>(i));
      table.row_keys.push_back(random.next());
    }
    table.features.push_back({"a", "real", data::ValueType::number, std::move(a)});
    table.features.push_back({"b", "real", data::ValueType::number, std::move(b)});
    model.name = "m";
    model.task = Task::binary;
    model.training.rounds = 20;
    model.training.params = {{"eta", 0.3}, {"max_depth", whole(4)}};
    model.training.search =
        settings::Search{.params = {{"max_depth", {whole(1), whole(4)}}}, .trials = 10, .share = 0.2};
  }

  data::Preparation prepare(std::size_t begin, std::size_t end) const {
    std::vector<std::string> warnings;
    return data::Preparation::fit(table, begin, end, model, warnings);
  }

  SearchResult search(std::size_t begin, std::size_t end) {
    train::TrainingJob base = training_job(model, prepare(begin, end));
    told.clear();
    return search_params(
        table, begin, end, model, base, [this] { return Duration(std::chrono::seconds(++ticks)); },
        [this](const train::Progress& progress) { told.push_back(progress); });
  }
  SearchResult search() { return search(0, table.rows); }

  std::string complaint() {
    try {
      search();
    } catch (const DataError& error) {
      return error.message_with_hint();
    }
    return "";
  }

  int ticks = 0;
  std::vector<train::Progress> told;
};

TEST(Search, ChoosesTheParametersThatMeasureBest) {
  World world(2000);
  const SearchResult found = world.search();
  ASSERT_EQ(found.trials.size(), 2U);
  // The label is the sign of a product: single splits see nothing of it.
  EXPECT_FALSE(found.trials[0].chosen);
  EXPECT_TRUE(found.trials[1].chosen);
  EXPECT_LT(*found.trials[1].value, *found.trials[0].value) << "log loss: less is better";
  EXPECT_EQ(found.training.params, (Params{{"eta", 0.3}, {"max_depth", whole(4)}}));
  EXPECT_EQ(found.training.rounds, 20);
  for (const SearchTrial& trial : found.trials) {
    EXPECT_EQ(trial.train_rows, 1600U);
    EXPECT_EQ(trial.rows, 400U);
    EXPECT_EQ(trial.fault, "");
    EXPECT_EQ(trial.seconds, 1.0) << "by the clock that was handed in";
  }
  EXPECT_EQ(found.trials[0].number, 1);
  EXPECT_EQ(found.trials[1].number, 2);
}

TEST(Search, TakesALargerValueOfAMetricThatIsBetterLarge) {
  World world(2000);
  world.model.validation.metric = Metric::auc;
  const SearchResult found = world.search();
  EXPECT_TRUE(found.trials[1].chosen);
  EXPECT_GT(*found.trials[1].value, *found.trials[0].value);
}

TEST(Search, MeasuresWhatATrainingOfTheSameRowsWould) {
  World world(1000);
  world.model.training.search->params = {{"rounds", {whole(7)}}};
  const SearchResult found = world.search();
  EXPECT_EQ(found.training.rounds, 7);
  EXPECT_EQ(found.training.params, world.model.training.params) << "rounds are no parameter of the trainer";

  const data::Preparation preparation = world.prepare(0, 800);
  settings::Model model = world.model;
  model.training.rounds = 7;
  const auto trained = train::make_trainer("xgboost")->train(
      training_set(world.table, {0, 800}, preparation, model.training).set, training_job(model, preparation));
  const auto predictions = trained->predict(preparation.apply(world.table, 800, 1000));
  double loss = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    loss -= std::log(world.table.label.values[800 + i] == 1 ? predictions[i] : 1 - predictions[i]) / 200;
  }
  EXPECT_NEAR(*found.trials.at(0).value, loss, 1e-12);
}

TEST(Search, NeverLooksAtRowsOutsideOfThoseItIsGiven) {
  // The same rows to search on, and after them a holdout of which one tells the very opposite of the other.
  World world(2000);
  World turned(2000, 0.5, 1500);
  const SearchResult one = world.search(0, 1500);
  const SearchResult other = turned.search(0, 1500);
  for (std::size_t i = 0; i < one.trials.size(); ++i) EXPECT_EQ(one.trials[i].value, other.trials[i].value);
  EXPECT_EQ(one.trials.at(0).train_rows + one.trials.at(0).rows, 1500U);

  // What stands before them is none of its business either.
  for (std::size_t i = 0; i < 500; ++i) world.table.label.values[i] = 1;
  for (std::size_t i = 0; i < 500; ++i) turned.table.label.values[i] = 0;
  EXPECT_EQ(world.search(500, 1500).trials.at(0).value, turned.search(500, 1500).trials.at(0).value);
}

TEST(Search, MeasuresOnTheNewestRows) {
  World world(1500, 0.1, 1200);  // the newest fifth follows the opposite rule
  world.model.validation.metric = Metric::auc;
  EXPECT_LT(*world.search().trials.at(1).value, 0.2) << "what the older rows teach is wrong there";
}

TEST(Search, LeavesTheEmbargoOutBeforeTheRowsItMeasuresOn) {
  World world(1000);
  world.model.training.embargo = std::chrono::hours(100);
  const SearchResult found = world.search();
  EXPECT_EQ(found.trials.at(0).rows, 200U);
  EXPECT_EQ(found.trials.at(0).train_rows, 701U) << "hours 0 to 700; the first one measured on is 800";
  world.model.training.embargo = std::chrono::hours(801);
  EXPECT_EQ(world.complaint(),
            "the training rows cannot be cut in two for training.search: no row is left to train on: all 800 rows "
            "before the holdout, from 1970-01-01T00:00:00Z to 1970-02-03T07:00:00Z, lie within the embargo of 33d9h "
            "before its first row at 1970-02-03T08:00:00Z (widen the training window, or shorten the embargo or the "
            "holdout)");
}

TEST(Search, HoldsWholeEntitiesOutWhereEntitiesAreHeldOut) {
  World world(1000);
  world.model.training.entity = "customer";
  // Ten customers; a feature that names them, and a label that each has once and for all.
  auto& a = std::get<data::NumberColumn>(world.table.features[0].values).values;
  const std::vector<std::uint64_t> hashes{900, 100, 800, 200, 700, 300, 600, 400, 500, 1000};
  for (std::size_t i = 0; i < 1000; ++i) {
    const std::size_t customer = (i * 7) % 10;
    world.table.entities.push_back(hashes[customer]);
    a[i] = static_cast<float>(customer);
    world.table.label.values[i] = customer % 2 == 0 ? 1 : 0;
  }
  world.model.validation.metric = Metric::accuracy;
  world.model.training.params = {{"min_child_weight", 0.0}};
  const SearchResult found = world.search();
  EXPECT_EQ(found.trials.at(0).rows, 200U) << "two customers of ten";
  EXPECT_EQ(found.trials.at(0).train_rows, 800U);
  // The customers 1 and 3 have the smallest hashes, and both say no; nobody who was trained on tells.
  EXPECT_LT(*found.trials.at(1).value, 0.9);
  EXPECT_EQ(world.table.entities[0], 900U) << "the table stays as it was";

  std::fill(world.table.entities.begin(), world.table.entities.end(), 5U);
  EXPECT_EQ(world.complaint(),
            "the training rows cannot be cut in two for training.search: all 1000 rows to train on are of one entity "
            "(widen training.window for more entities, or leave training.search out)");
}

TEST(Search, RecordsATrialThatTheLibraryRefusesAndGoesOn) {
  World world(500);
  world.model.training.search->params = {{"max_depth", {std::string("deep"), whole(3)}}};
  const SearchResult found = world.search();
  ASSERT_EQ(found.trials.size(), 2U);
  EXPECT_FALSE(found.trials[0].value);
  EXPECT_NE(found.trials[0].fault.find("xgboost: Invalid Parameter format for max_depth"), std::string::npos)
      << found.trials[0].fault;
  EXPECT_TRUE(found.trials[1].chosen);

  world.model.training.search->params = {{"rounds", {whole(0), 2.5, whole(100001), whole(4)}}};
  const SearchResult rounds = world.search();
  for (const std::size_t i : {0U, 1U, 2U}) {
    EXPECT_EQ(rounds.trials[i].fault, "rounds must be a whole number from 1 to 100000");
  }
  EXPECT_EQ(rounds.training.rounds, 4);
}

TEST(Search, FailsWhereEveryTrialDoes) {
  World world(500);
  world.model.training.search->params = {{"max_dept", {whole(2), whole(3)}}};
  const std::string all = world.complaint();
  EXPECT_TRUE(all.starts_with("all 2 trials of training.search failed; the first: xgboost: Parameters: ")) << all;
  EXPECT_NE(all.find("(correct training.search, or leave it out)"), std::string::npos) << all;
  try {
    world.search();
    ADD_FAILURE() << "two trials that fail should fail the search";
  } catch (const SearchFailed& failed) {
    ASSERT_EQ(failed.trials().size(), 2u);
    EXPECT_EQ(failed.trials()[1].params.at("max_dept"), settings::Parameter(whole(3)));
    EXPECT_NE(failed.trials()[1].fault.find("max_dept"), std::string::npos) << failed.trials()[1].fault;
    EXPECT_FALSE(failed.trials()[0].chosen || failed.trials()[1].chosen);
  }
  world.model.training.search->params = {{"rounds", {whole(0)}}};
  EXPECT_TRUE(world.complaint().starts_with("the only trial of training.search failed: rounds must be"));
}

TEST(Search, RecordsAMetricThatIsNotDefinedOnTheRowsItMeasuresOn) {
  World world(500);
  world.model.validation.metric = Metric::auc;
  for (std::size_t i = 400; i < 500; ++i) world.table.label.values[i] = 1;
  EXPECT_EQ(world.complaint(),
            "all 2 trials of training.search failed; the first: auc is not defined on the 100 rows (correct "
            "training.search, or leave it out)");
}

TEST(Search, GivesTiesToTheEarlierTrial) {
  World world(500);
  // A penalty of 0 and one that no split of so few rows can tell from it.
  world.model.training.search->params = {{"gamma", {0.0, 1e-30, 1e-35}}};
  const SearchResult found = world.search();
  EXPECT_EQ(found.trials[0].value, found.trials[2].value);
  EXPECT_TRUE(found.trials[0].chosen);
  EXPECT_EQ(found.training.params.at("gamma"), settings::Parameter(0.0));
}

TEST(Search, TellsOfEachTrialThatIsDone) {
  World world(300);
  world.search();
  ASSERT_EQ(world.told.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(world.told[i].done, i);
    EXPECT_EQ(world.told[i].total, 2U);
    EXPECT_EQ(world.told[i].unit, ProgressUnit::steps);
  }
}

TEST(Search, ChoosesAndMeasuresTheSameOnAnyNumberOfThreads) {
  World world(1500, 0.0);
  world.model.training.search->params = {{"eta", {0.05, 0.3, 1.0}},
                                         {"max_depth", {whole(2), whole(6), whole(9)}},
                                         {"subsample", {0.6, 1.0}},
                                         {"rounds", {whole(5), whole(15)}}};
  world.model.training.search->trials = 8;
  world.model.training.keep_majority = 0.9;
  world.model.training.threads = 1;
  const SearchResult one = world.search();
  world.model.training.threads = 2;
  const SearchResult two = world.search();
  ASSERT_EQ(one.trials.size(), 8U);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(one.trials[i].params, two.trials[i].params);
    EXPECT_EQ(one.trials[i].value, two.trials[i].value) << i;
    EXPECT_EQ(one.trials[i].chosen, two.trials[i].chosen);
  }
  EXPECT_EQ(one.training.params, two.training.params);
  EXPECT_EQ(one.training.rounds, two.training.rounds);
}

TEST(Search, TakesClassesThatOnlyTheNewestRowsHave) {
  World world(1000);
  world.model.task = Task::multiclass;
  world.table.label.levels = {"new", "no", "yes"};
  for (std::size_t i = 0; i < 1000; ++i) world.table.label.values[i] += 1;
  for (std::size_t i = 900; i < 1000; i += 3) world.table.label.values[i] = 0;
  // Weights and costs may name it: the rows as a whole have it.
  world.model.training.class_weights = std::map<std::string, double>{{"new", 3.0}, {"yes", 2.0}};
  world.model.validation.metric = Metric::cost;
  world.model.validation.costs = {{"new", {{"no", 9.0}}}, {"yes", {{"no", 2.0}, {"new", 1.0}}}};
  const SearchResult found = world.search();
  ASSERT_TRUE(found.trials.at(1).value);
  // 34 rows of a class that cannot be predicted cost the most there is, 2, and most of the others nothing.
  EXPECT_GT(*found.trials.at(1).value, 34 * 2.0 / 200);
}

TEST(Search, StartsEachTrialFromNothing) {
  World world(500);
  train::TrainingJob base = training_job(world.model, world.prepare(0, 500));
  base.previous = {{"model.ubj", "no model at all"}};
  const SearchResult found = search_params(world.table, 0, 500, world.model, base, [] { return Duration::zero(); }, {});
  EXPECT_EQ(found.trials.at(1).value, world.search().trials.at(1).value);
}

TEST(Search, TriesTheParametersOfACommand) {
  const train::Scratch scratch;
  World world(400);
  double positives = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    world.table.label.values[i] = i % 10 < 3 ? 1 : 0;
    positives += i >= 320 ? world.table.label.values[i] : 0;
  }
  world.model.training.trainer = "command";
  // A model that is one number, its own parameter.
  world.model.training.command.train = {
      scratch.script("train.sh",
                     "mkdir model; sed -n 's/.*\"guess\":\\(0[.0-9]*\\).*/\\1/p' job.json > model/guess\n"
                     "test -s model/guess || { echo no number; exit 3; }")};
  world.model.training.command.predict = {scratch.script("predict.sh",
                                                         "guess=$(cat model/guess); { echo prediction; tail -n +2 "
                                                         "features.csv | sed \"s/.*/$guess/\"; } > predictions.csv")};
  world.model.training.params = {};
  world.model.training.search->params = {{"guess", {0.5, std::string("a"), 0.25, 0.1}}};
  train::TrainingJob base = training_job(world.model, world.prepare(0, 400));
  base.folder = scratch.work();
  const SearchResult found = search_params(world.table, 0, 400, world.model, base, [] { return Duration::zero(); }, {});
  ASSERT_EQ(found.trials.size(), 4U);
  EXPECT_TRUE(found.trials[2].chosen) << "nearest to the share of ones, 0.3";
  const double rate = positives / 80;
  EXPECT_NEAR(*found.trials[2].value, -rate * std::log(0.25) - (1 - rate) * std::log(0.75), 1e-9);
  EXPECT_NE(found.trials[1].fault.find("exit code 3"), std::string::npos) << found.trials[1].fault;
  EXPECT_EQ(found.training.params, (Params{{"guess", 0.25}}));
  EXPECT_TRUE(scratch.nothing_is_left());
}

// ---- what weights mean ----

double mean_prediction(const World& world, std::size_t begin, std::size_t end) {
  const data::Preparation preparation = world.prepare(0, begin);
  const auto model = train::make_trainer("xgboost")->train(
      training_set(world.table, {0, begin}, preparation, world.model.training).set,
      training_job(world.model, preparation));
  double sum = 0;
  for (const double p : model->predict(preparation.apply(world.table, begin, end))) sum += p;
  return sum / static_cast<double>(end - begin);
}

// About one row of ten is positive.
World rare_positives() {
  World world(12000);
  Random random(5);
  const auto& a = std::get<data::NumberColumn>(world.table.features[0].values).values;
  for (std::size_t i = 0; i < world.table.rows; ++i) {
    const double odds = std::exp(static_cast<double>(a[i]) - 2.6);
    world.table.label.values[i] = random.uniform() < odds / (1 + odds) ? 1 : 0;
  }
  world.model.training.params = {{"eta", 0.1}, {"max_depth", whole(3)}};
  world.model.training.rounds = 60;
  return world;
}

TEST(KeepMajority, KeepsProbabilitiesWhatTheyAre) {
  World world = rare_positives();
  double positives = 0;
  for (std::size_t i = 8000; i < 12000; ++i) positives += world.table.label.values[i];
  const double rate = positives / 4000;
  ASSERT_GT(rate, 0.07);
  ASSERT_LT(rate, 0.13);
  // Of 8,000 rows about 800 are positive; their share alone is known to +-0.0034, and so is that of the rows scored.
  const double all = mean_prediction(world, 8000, 12000);
  EXPECT_NEAR(all, rate, 0.015);
  world.model.training.keep_majority = 0.2;
  EXPECT_NEAR(mean_prediction(world, 8000, 12000), all, 0.01);
}

TEST(ClassWeights, ThatAreBalancedMoveProbabilitiesToAHalfAndAreTheExplicitOnesBitByBit) {
  World world = rare_positives();
  world.model.training.class_weights = settings::ClassWeightsBalanced{};
  EXPECT_NEAR(mean_prediction(world, 8000, 12000), 0.45, 0.1);

  const data::Preparation preparation = world.prepare(0, 8000);
  const auto bytes = [&] {
    return train::make_trainer("xgboost")
        ->train(training_set(world.table, {0, 8000}, preparation, world.model.training).set,
                training_job(world.model, preparation))
        ->files();
  };
  const auto balanced = bytes();
  double positives = 0;
  for (std::size_t i = 0; i < 8000; ++i) positives += world.table.label.values[i];
  world.model.training.class_weights =
      std::map<std::string, double>{{"no", 8000 / (2 * (8000 - positives))}, {"yes", 8000 / (2 * positives)}};
  EXPECT_EQ(bytes(), balanced);
}

}  // namespace
}  // namespace retraind::pipeline
