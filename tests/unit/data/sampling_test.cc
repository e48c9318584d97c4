#include "core/data/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <map>
#include <set>

#include "core/base/random.h"
#include "tests/unit/data/rows.h"

namespace retraind::data {
namespace {

std::vector<std::uint64_t> random_keys(std::size_t count, std::uint64_t seed = 5) {
  Random random(seed);
  std::vector<std::uint64_t> keys(count);
  for (std::uint64_t& key : keys) key = random.next();
  return keys;
}

TEST(IsSampled, TakesAboutTheShareOfTheRowsAndAllOfThemAtOne) {
  const auto keys = random_keys(100000);
  for (const double share : {0.01, 0.3, 0.9}) {
    const auto taken = std::count_if(keys.begin(), keys.end(), [&](auto key) { return is_sampled(key, 1, share); });
    // Four standard deviations.
    EXPECT_NEAR(static_cast<double>(taken) / 1e5, share, 4 * std::sqrt(share * (1 - share) / 1e5)) << share;
  }
  EXPECT_TRUE(std::all_of(keys.begin(), keys.end(), [](auto key) { return is_sampled(key, 1, 1); }));
}

TEST(IsSampled, KeepsWhomItTookAtEveryLargerShare) {
  for (const std::uint64_t key : random_keys(2000)) {
    bool taken = false;
    for (double share = 0.05; share < 1; share += 0.05) {
      EXPECT_TRUE(!taken || is_sampled(key, 9, share)) << share;
      taken = is_sampled(key, 9, share);
    }
  }
}

TEST(IsSampled, TakesOthersForAnotherSeedAlsoWhereKeysAreNeighbours) {
  // Keys that are counted and seeds that are: what one seed takes must not tell what the next one does.
  std::size_t both = 0;
  std::size_t shifted = 0;
  constexpr std::uint64_t kKeys = 40000;
  for (std::uint64_t key = 0; key < kKeys; ++key) {
    both += is_sampled(key, 1, 0.5) && is_sampled(key, 2, 0.5) ? 1U : 0U;
    shifted += is_sampled(key, 2, 0.5) == is_sampled(key + 1, 1, 0.5) ? 1U : 0U;
  }
  EXPECT_NEAR(static_cast<double>(both) / kKeys, 0.25, 0.01);
  EXPECT_NEAR(static_cast<double>(shifted) / kKeys, 0.5, 0.01);
}

TEST(IsSampled, RefusesAShareThatIsNone) {
  for (const double share : {0.0, -0.5, 1.01, std::nan("")}) EXPECT_THROW(is_sampled(1, 1, share), std::logic_error);
}

// Remembers what it was handed.
class Collector : public BatchSink {
 public:
  void consume(const Batch& batch) override {
    EXPECT_GT(batch.rows, 0U);
    for (std::size_t i = 0; i < batch.rows; ++i) {
      rows.insert({batch.row_keys.at(i), batch.columns.at(0).numbers.at(i),
                   batch.columns.at(1).nulls.at(i) != 0 ? "NULL" : std::string(batch.columns.at(1).texts.at(i))});
    }
  }
  std::multiset<std::tuple<std::uint64_t, double, std::string>> rows;
};

std::multiset<std::tuple<std::uint64_t, double, std::string>> sampled(const std::vector<std::size_t>& order,
                                                                      std::size_t batch_rows, double share) {
  const auto keys = random_keys(order.size());
  Collector collector;
  SamplingSink sink(collector, 4, share);
  for (std::size_t begin = 0; begin < order.size(); begin += batch_rows) {
    std::vector<Row> rows;
    std::vector<std::uint64_t> batch_keys;
    for (std::size_t i = begin; i < std::min(order.size(), begin + batch_rows); ++i) {
      const std::size_t row = order[i];
      rows.push_back({static_cast<double>(row), row % 3 == 0 ? Value(Null{}) : Value("text " + std::to_string(row))});
      batch_keys.push_back(keys[row]);
    }
    const OwnedBatch batch({ValueType::number, ValueType::category}, rows, batch_keys);
    sink.consume(batch.batch());
  }
  EXPECT_EQ(sink.kept(), collector.rows.size());
  return collector.rows;
}

TEST(SamplingSink, HandsOnTheSameRowsWholeInWhateverOrderTheyCome) {
  std::vector<std::size_t> order(500);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto some = sampled(order, 7, 0.2);
  EXPECT_GT(some.size(), 60U);
  EXPECT_LT(some.size(), 140U);
  for (const auto& [key, number, text] : some) {
    const auto row = static_cast<std::size_t>(number);
    EXPECT_EQ(text, row % 3 == 0 ? "NULL" : "text " + std::to_string(row)) << "a row's values stay together";
    EXPECT_EQ(key, random_keys(500)[row]);
  }
  std::reverse(order.begin(), order.end());
  EXPECT_EQ(sampled(order, 64, 0.2), some);
  EXPECT_EQ(sampled(order, 1, 0.2), some) << "batches without a sampled row are not handed on";
  EXPECT_EQ(sampled(order, 64, 1).size(), 500U);
}

TEST(SamplingSink, RefusesRowsWithoutKeys) {
  Collector collector;
  SamplingSink sink(collector, 4, 0.5);
  const OwnedBatch batch({ValueType::number, ValueType::category}, {{1.0, "a"}});
  EXPECT_THROW(sink.consume(batch.batch()), std::logic_error);
}

// ---- choosing ----

// A table of one number and a label of the texts given, a row an event time.
Table labelled(const std::vector<std::string>& labels, Task task = Task::binary) {
  Table table;
  table.rows = labels.size();
  table.axis = TimeAxis::number;
  table.label.name = "y";
  const std::set<std::string> levels(labels.begin(), labels.end());
  table.label.levels.assign(levels.begin(), levels.end());
  NumberColumn numbers;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    table.event_times.push_back(static_cast<double>(i));
    numbers.values.push_back(static_cast<float>(i));
    table.label.values.push_back(static_cast<double>(std::distance(levels.begin(), levels.find(labels[i]))));
  }
  table.row_keys = random_keys(labels.size());
  table.features.push_back({"a", "real", ValueType::number, std::move(numbers)});
  if (task == Task::regression) {
    table.label.levels.clear();
    for (std::size_t i = 0; i < labels.size(); ++i) table.label.values[i] = static_cast<double>(i);
  }
  return table;
}

Preparation prepared(const Table& table, Task task = Task::binary) {
  settings::Model model;
  model.task = task;
  std::vector<std::string> warnings;
  return Preparation::fit(table, 0, table.rows, model, warnings);
}

// "no" nine times of ten.
std::vector<std::string> rare(std::size_t rows) {
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < rows; ++i) labels.push_back(i % 10 == 0 ? "yes" : "no");
  return labels;
}

double sum_of(const TrainingRows& chosen, const Table& table, double label) {
  double sum = 0;
  for (std::size_t i = 0; i < chosen.rows.size(); ++i) {
    if (table.label.values[chosen.rows[i]] != label) continue;
    sum += chosen.weights.empty() ? 1.0 : static_cast<double>(chosen.weights[i]);
  }
  return sum;
}

TEST(ChooseTrainingRows, TakesAllRowsUnweighedWhereNothingIsConfigured) {
  const Table table = labelled(rare(50));
  const TrainingRows all = choose_training_rows(table, 10, 40, prepared(table), {});
  ASSERT_EQ(all.rows.size(), 30U);
  EXPECT_EQ(all.rows.front(), 10U);
  EXPECT_EQ(all.rows.back(), 39U);
  EXPECT_TRUE(all.weights.empty());
  EXPECT_EQ(all.left_out, 0U);
}

TEST(ChooseTrainingRows, PassesTheWeightsOfTheTableOn) {
  Table table = labelled(rare(20));
  for (std::size_t i = 0; i < 20; ++i) table.weights.push_back(static_cast<double>(i) / 4);
  const TrainingRows all = choose_training_rows(table, 2, 5, prepared(table), {});
  EXPECT_EQ(all.weights, (std::vector<float>{0.5F, 0.75F, 1.0F}));
}

TEST(ChooseTrainingRows, BalancedGivesEachClassTheSameSumOfWeights) {
  settings::Training training;
  training.class_weights = settings::ClassWeightsBalanced{};
  Table table = labelled({"a", "a", "a", "a", "a", "a", "b", "b", "c", "c"}, Task::multiclass);
  const TrainingRows plain = choose_training_rows(table, 0, 10, prepared(table, Task::multiclass), training);
  // rows / (classes x rows of the class), as scikit-learn's class_weight = "balanced" has it.
  EXPECT_FLOAT_EQ(plain.weights.at(0), 10.0F / (3.0F * 6.0F));
  EXPECT_FLOAT_EQ(plain.weights.at(6), 10.0F / (3.0F * 2.0F));

  table.weights = {1, 2, 3, 4, 5, 6, 0, 7, 1, 1};
  const TrainingRows weighed = choose_training_rows(table, 0, 10, prepared(table, Task::multiclass), training);
  for (const double label : {0.0, 1.0, 2.0}) EXPECT_NEAR(sum_of(weighed, table, label), 10.0, 1e-5) << label;
}

TEST(ChooseTrainingRows, BalancedIsTheExplicitWeightsItStandsForBitByBit) {
  Table table = labelled(rare(1000));
  Random random(3);
  for (std::size_t i = 0; i < 1000; ++i) table.weights.push_back(static_cast<double>(random.below(5)));
  double all = 0;
  std::map<std::string, double> sums;
  for (std::size_t i = 0; i < 1000; ++i) {
    all += table.weights[i];
    sums[table.label.levels[static_cast<std::size_t>(table.label.values[i])]] += table.weights[i];
  }
  settings::Training balanced;
  balanced.class_weights = settings::ClassWeightsBalanced{};
  settings::Training explicitly;
  explicitly.class_weights =
      std::map<std::string, double>{{"no", all / (2 * sums["no"])}, {"yes", all / (2 * sums["yes"])}};
  const Preparation preparation = prepared(table);
  EXPECT_EQ(choose_training_rows(table, 0, 1000, preparation, balanced).weights,
            choose_training_rows(table, 0, 1000, preparation, explicitly).weights);
}

TEST(ChooseTrainingRows, ClassesThatAreNotNamedCountOne) {
  settings::Training training;
  training.class_weights = std::map<std::string, double>{{"yes", 2.5}};
  const Table table = labelled({"no", "yes", "no"});
  EXPECT_EQ(choose_training_rows(table, 0, 3, prepared(table), training).weights,
            (std::vector<float>{1.0F, 2.5F, 1.0F}));
}

TEST(ChooseTrainingRows, RefusesAClassThatIsNotThere) {
  settings::Training training;
  training.class_weights = std::map<std::string, double>{{"yess", 2.5}};
  const Table table = labelled({"no", "yes", "no"});
  EXPECT_EQ(complaint_of([&] { choose_training_rows(table, 0, 3, prepared(table), training); }),
            "training.class_weights names the class \"yess\", which no row to train on has (did you mean \"yes\"?)");
}

TEST(ChooseTrainingRows, KeepsAShareOfTheLargerClassAndLetsItStandForTheWhole) {
  settings::Training training;
  training.keep_majority = 0.2;
  const Table table = labelled(rare(10000));
  const Preparation preparation = prepared(table);
  const TrainingRows chosen = choose_training_rows(table, 0, 10000, preparation, training);
  EXPECT_EQ(chosen.left_out + chosen.rows.size(), 10000U);
  EXPECT_NEAR(static_cast<double>(chosen.left_out), 0.8 * 9000, 4 * std::sqrt(9000 * 0.2 * 0.8));
  EXPECT_TRUE(std::is_sorted(chosen.rows.begin(), chosen.rows.end()));
  EXPECT_EQ(sum_of(chosen, table, 1), 1000) << "all of the smaller class, each row counting 1";
  EXPECT_NEAR(sum_of(chosen, table, 0), 9000, 0.01) << "the sum of 4-byte floats is off by their rounding alone";

  training.keep_majority = 0.4;
  const TrainingRows more = choose_training_rows(table, 0, 10000, preparation, training);
  EXPECT_TRUE(std::includes(more.rows.begin(), more.rows.end(), chosen.rows.begin(), chosen.rows.end()));
  training.seed = 2;
  EXPECT_NE(choose_training_rows(table, 0, 10000, preparation, training).rows, more.rows);
}

TEST(ChooseTrainingRows, KeepsTheSameRowsInWhateverOrderTheyStand) {
  settings::Training training;
  training.keep_majority = 0.3;
  const std::vector<std::string> labels = rare(400);
  const Table table = labelled(labels);
  Table turned = table;
  std::reverse(turned.row_keys.begin(), turned.row_keys.end());
  std::reverse(turned.label.values.begin(), turned.label.values.end());
  const auto keys_of = [&](const Table& of) {
    std::set<std::uint64_t> keys;
    for (const std::uint32_t row : choose_training_rows(of, 0, 400, prepared(of), training).rows) {
      keys.insert(of.row_keys[row]);
    }
    return keys;
  };
  EXPECT_EQ(keys_of(turned), keys_of(table));
}

TEST(ChooseTrainingRows, DropsFromAWindowThatWasSampledByTheSameSeedAsFromAnyOther) {
  // If both drew alike, keep_majority = 0.1 would keep all that sampling a tenth had left.
  settings::Training training;
  training.seed = 7;
  training.keep_majority = 0.1;
  Table table = labelled(rare(5000));
  std::vector<std::uint64_t> keys;
  for (Random random(11); keys.size() < 5000;) {
    if (const std::uint64_t key = random.next(); is_sampled(key, training.seed, 0.1)) keys.push_back(key);
  }
  table.row_keys = keys;
  const TrainingRows chosen = choose_training_rows(table, 0, 5000, prepared(table), training);
  EXPECT_NEAR(static_cast<double>(chosen.rows.size() - 500) / 4500, 0.1, 0.02);
}

TEST(ChooseTrainingRows, TheLargerClassMayBeThePositiveOneAndATieDropsTheNegative) {
  settings::Training training;
  training.keep_majority = 0.5;
  std::vector<std::string> labels = rare(1000);
  for (std::string& label : labels) label = label == "yes" ? "no" : "yes";
  const Table often = labelled(labels);
  EXPECT_EQ(sum_of(choose_training_rows(often, 0, 1000, prepared(often), training), often, 0), 100);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i % 2 == 0 ? "no" : "yes";
  const Table even = labelled(labels);
  const TrainingRows chosen = choose_training_rows(even, 0, 1000, prepared(even), training);
  std::size_t positives = 0;
  for (const std::uint32_t row : chosen.rows) positives += even.label.values[row] == 1 ? 1U : 0U;
  EXPECT_EQ(positives, 500U);
  EXPECT_LT(chosen.rows.size(), 900U);
}

TEST(ChooseTrainingRows, MultipliesRowClassAndWhatAKeptRowStandsFor) {
  settings::Training training;
  training.keep_majority = 0.5;
  training.class_weights = std::map<std::string, double>{{"yes", 3.0}, {"no", 0.5}};
  Table table = labelled(rare(1000));
  for (std::size_t i = 0; i < 1000; ++i) table.weights.push_back(1 + static_cast<double>(i % 4));
  const TrainingRows chosen = choose_training_rows(table, 0, 1000, prepared(table), training);
  double all_no = 0;
  double all_yes = 0;
  for (std::size_t i = 0; i < 1000; ++i) (i % 10 == 0 ? all_yes : all_no) += table.weights[i];
  EXPECT_NEAR(sum_of(chosen, table, 0), 0.5 * all_no, 0.01);
  EXPECT_NEAR(sum_of(chosen, table, 1), 3 * all_yes, 0.01);
}

TEST(ChooseTrainingRows, SaysSoWhenNothingIsLeftThatCounts) {
  settings::Training training;
  training.keep_majority = 1e-9;
  const Table few = labelled(rare(50));
  EXPECT_EQ(complaint_of([&] { choose_training_rows(few, 0, 50, prepared(few), training); }),
            "keep_majority = 1e-09 leaves none of the 45 rows of the class \"no\" (raise training.keep_majority, "
            "or widen the training window)");
  Table weightless = labelled(rare(50));
  weightless.weights.assign(50, 0.0);
  EXPECT_NE(complaint_of([&] {
              choose_training_rows(weightless, 0, 50, prepared(weightless), {});
            }).find("all 50 rows weigh 0"),
            std::string::npos);
  settings::Training zeros;
  zeros.class_weights = std::map<std::string, double>{{"yes", 0.0}, {"no", 0.0}};
  EXPECT_NE(complaint_of([&] { choose_training_rows(few, 0, 50, prepared(few), zeros); }).find("weigh 0"),
            std::string::npos);
}

TEST(ChooseTrainingRows, RefusesWeightsBeyondAFloat) {
  Table table = labelled(rare(50));
  table.weights.assign(50, 1.0);
  table.weights[7] = 1e39;
  EXPECT_EQ(complaint_of([&] { choose_training_rows(table, 0, 50, prepared(table), {}); }),
            "the weight at 7 is 1e+39, more than a 4-byte float holds (divide the weights in the query, for example by "
            "their mean)");
  table.weights[7] = 1e38;
  settings::Training training;
  training.class_weights = std::map<std::string, double>{{"no", 100.0}};
  EXPECT_EQ(complaint_of([&] { choose_training_rows(table, 0, 50, prepared(table), training); }),
            "the weight at 7 is 1e+40 with that of its class, more than a 4-byte float holds (lower "
            "training.class_weights, or divide the weights in the query)");
}

TEST(ChooseTrainingRows, CallsWhatTheConfigurationCannotAskForABug) {
  const Table numbers = labelled(rare(50), Task::regression);
  const Preparation regression = prepared(numbers, Task::regression);
  EXPECT_EQ(choose_training_rows(numbers, 0, 50, regression, {}).rows.size(), 50U);
  settings::Training training;
  training.keep_majority = 0.5;
  EXPECT_THROW(choose_training_rows(numbers, 0, 50, regression, training), std::logic_error);
  training.keep_majority = 1;
  training.class_weights = settings::ClassWeightsBalanced{};
  EXPECT_THROW(choose_training_rows(numbers, 0, 50, regression, training), std::logic_error);

  Table keyless = labelled(rare(50));
  keyless.row_keys.clear();
  training = {};
  training.keep_majority = 0.5;
  EXPECT_THROW(choose_training_rows(keyless, 0, 50, prepared(keyless), training), std::logic_error);
}

}  // namespace
}  // namespace retraind::data
