#include "core/train/xgboost_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/sha256.h"
#include "core/train/training_set.h"
#include "tests/unit/train/synthetic.h"

namespace retraind::train {
namespace {

// The message of the DataError that `call` throws; empty when it throws none.
template <class Call>
std::string complaint(Call call) {
  try {
    call();
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

std::string train_bytes(Problem problem, int threads) {
  problem.job.threads = threads;
  return XgboostTrainer().train(problem.set, problem.job)->files().at("model.ubj");
}

double share_right(const Model& model, const TrainingSet& set, Task task, std::size_t classes) {
  const auto predictions = model.predict(set.features);
  std::size_t right = 0;
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    double guess = 0;
    if (task == Task::binary) {
      guess = predictions[i] > 0.5 ? 1 : 0;
    } else {
      const auto row = predictions.begin() + static_cast<std::ptrdiff_t>(i * classes);
      guess = static_cast<double>(std::max_element(row, row + static_cast<std::ptrdiff_t>(classes)) - row);
    }
    right += guess == static_cast<double>(set.labels[i]) ? 1U : 0U;
  }
  return static_cast<double>(right) / static_cast<double>(set.labels.size());
}

// The same problem, its features made piece by piece.
Problem in_pieces(const Problem& whole) {
  Problem out = whole;
  out.set.features.values.clear();
  out.set.piece = [&whole](std::size_t begin, std::size_t end) { return features_of(whole.set, begin, end); };
  return out;
}

TEST(XgboostTrainer, MakesTheVerySameModelOfPiecesAsOfTheWholeMatrix) {
  Problem problem = make_problem(Task::binary, 2 * kPieceRows + 77);
  problem.job.rounds = 3;
  const std::string whole = train_bytes(problem, 1);
  EXPECT_EQ(train_bytes(in_pieces(problem), 1), whole);
  EXPECT_EQ(train_bytes(in_pieces(problem), 2), whole);
  problem = make_problem(Task::multiclass, 3000);
  problem.job.params["tree_method"] = std::string("approx");
  problem.job.rounds = 3;
  EXPECT_EQ(train_bytes(in_pieces(problem), 1), train_bytes(problem, 1));
}

TEST(XgboostTrainer, SaysWhyAPieceCouldNotBeMade) {
  Problem problem = make_problem(Task::binary, 2000);
  problem.set.features.values.clear();
  problem.set.piece = [](std::size_t, std::size_t) -> data::Matrix { throw DataError("the rows are gone"); };
  EXPECT_EQ(complaint([&] { (void)XgboostTrainer().train(problem.set, problem.job); }), "the rows are gone");
}

TEST(XgboostTrainer, TellsHowLongTheLibraryTookAndLeavesOutWhatMakesThePieces) {
  const Problem whole = make_problem(Task::binary, 500);
  Problem problem = in_pieces(whole);
  problem.job.rounds = 7;
  Duration now{};
  Duration taken{-1};
  problem.set.piece = [&](std::size_t begin, std::size_t end) {
    now += std::chrono::hours(1);
    return features_of(whole.set, begin, end);
  };
  // A second passes whenever somebody looks at the clock.
  problem.job.clock = [&now] { return now += std::chrono::seconds(1); };
  problem.job.on_library_time = [&taken](Duration took) { taken = took; };
  (void)XgboostTrainer().train(problem.set, problem.job);
  EXPECT_GT(taken, std::chrono::seconds(2 * 7));
  EXPECT_LT(taken, std::chrono::minutes(1));
}

TEST(XgboostTrainer, LearnsABinaryLabelAndGivesProbabilitiesOfClassOne) {
  Problem learn = make_problem(Task::binary, 4000);
  learn.job.rounds = 60;
  const auto model = XgboostTrainer().train(learn.set, learn.job);
  const Problem fresh = make_problem(Task::binary, 2000, 2);
  EXPECT_GT(share_right(*model, fresh.set, Task::binary, 2), 0.9);
  for (const double p : model->predict(fresh.set.features)) {
    EXPECT_GE(p, 0.0);
    EXPECT_LE(p, 1.0);
  }
}

TEST(XgboostTrainer, LearnsSeveralClassesAndGivesOneProbabilityForEach) {
  Problem learn = make_problem(Task::multiclass, 4000);
  learn.job.rounds = 60;
  const auto model = XgboostTrainer().train(learn.set, learn.job);
  const Problem fresh = make_problem(Task::multiclass, 2000, 2);
  EXPECT_GT(share_right(*model, fresh.set, Task::multiclass, 3), 0.85);
  const auto predictions = model->predict(fresh.set.features);
  ASSERT_EQ(predictions.size(), 6000U);
  for (std::size_t i = 0; i < 2000; ++i) {
    EXPECT_NEAR(predictions[3 * i] + predictions[3 * i + 1] + predictions[3 * i + 2], 1.0, 1e-5);
  }
}

TEST(XgboostTrainer, StartsARegressionFromTheMeanSoThatOneRoundIsAlreadyNearIt) {
  Problem learn = make_problem(Task::regression, 2000);
  learn.job.rounds = 1;
  const auto model = XgboostTrainer().train(learn.set, learn.job);
  for (const double value : model->predict(learn.set.features)) EXPECT_NEAR(value, 1000.0, 5.0);
}

TEST(XgboostTrainer, LearnsARegression) {
  Problem learn = make_problem(Task::regression, 4000);
  learn.job.rounds = 100;
  const auto model = XgboostTrainer().train(learn.set, learn.job);
  const Problem fresh = make_problem(Task::regression, 2000, 2);
  const auto predictions = model->predict(fresh.set.features);
  double squares = 0;
  for (std::size_t i = 0; i < 2000; ++i)
    squares += std::pow(predictions[i] - static_cast<double>(fresh.set.labels[i]), 2);
  EXPECT_LT(std::sqrt(squares / 2000), 0.5);  // the label's own standard deviation is about 1.7
}

TEST(XgboostTrainer, PredictsTheShareOfOnesWhereNothingElseIsKnown) {
  Problem problem;
  problem.job.features = {number_feature("constant")};
  problem.job.classes = 2;
  problem.job.rounds = 200;
  problem.job.params = {{"lambda", 0.0}};
  problem.set.features = {1000, 1, std::vector<float>(1000, 1.0F)};
  for (std::size_t i = 0; i < 1000; ++i) problem.set.labels.push_back(i % 5 == 0 ? 1.0F : 0.0F);
  const auto model = XgboostTrainer().train(problem.set, problem.job);
  EXPECT_NEAR(model->predict({1, 1, {1.0F}}).at(0), 0.2, 1e-4);
}

class XgboostCategories : public testing::Test {
 protected:
  // The label is "is the level one of these", which no threshold on the level's number can say.
  static bool is_good(std::size_t level) {
    return level == 3 || level == 4 || level == 7 || level == 12 || level == 17;
  }

  static Problem problem(const std::string& tree_method) {
    Problem made;
    made.job.features = {category_feature("shop", 20)};
    made.job.classes = 2;
    made.job.rounds = 1;
    made.job.params = {{"tree_method", tree_method}, {"max_depth", std::int64_t{1}}, {"eta", 1.0}};
    made.set.features = {2000, 1, {}};
    for (std::size_t i = 0; i < 2000; ++i) {
      made.set.features.values.push_back(static_cast<float>(i % 20));
      made.set.labels.push_back(is_good(i % 20) ? 1.0F : 0.0F);
    }
    return made;
  }

  static void expect_one_split_decides(const std::string& tree_method) {
    const Problem made = problem(tree_method);
    const auto model = XgboostTrainer().train(made.set, made.job);
    data::Matrix levels{20, 1, {}};
    for (std::size_t i = 0; i < 20; ++i) levels.values.push_back(static_cast<float>(i));
    const auto predictions = model->predict(levels);
    for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(predictions[i] > 0.5, is_good(i)) << tree_method << " level " << i;
  }
};

TEST_F(XgboostCategories, AreSplitAsSetsByHist) {
  expect_one_split_decides("hist");
}

TEST_F(XgboostCategories, AreSplitAsSetsByApprox) {
  expect_one_split_decides("approx");
}

TEST_F(XgboostCategories, AreRefusedByExactWhichWouldOrderThem) {
  const Problem made = problem("exact");
  EXPECT_EQ(complaint([&] { XgboostTrainer().train(made.set, made.job); }),
            "xgboost: tree_method = \"exact\" cannot split on categories");
}

TEST_F(XgboostCategories, ThatWereNeverSeenAreScoredAsMissing) {
  Problem made = problem("hist");
  for (std::size_t i = 0; i < 2000; i += 4) made.set.features.values[i] = kMissing;
  const auto model = XgboostTrainer().train(made.set, made.job);
  const auto predictions = model->predict({1, 1, {kMissing}});
  ASSERT_EQ(predictions.size(), 1U);
  EXPECT_TRUE(std::isfinite(predictions[0]));
}

TEST(XgboostTrainer, LearnsFromAValueBeingMissing) {
  Problem problem;
  problem.job.features = {number_feature("reading")};
  problem.job.classes = 2;
  problem.job.rounds = 5;
  problem.set.features = {1000, 1, {}};
  Random random(1);
  for (std::size_t i = 0; i < 1000; ++i) {
    const bool broken = i % 4 == 0;
    problem.set.features.values.push_back(broken ? kMissing : static_cast<float>(random.normal()));
    problem.set.labels.push_back(broken ? 1.0F : 0.0F);
  }
  const auto model = XgboostTrainer().train(problem.set, problem.job);
  const auto predictions = model->predict({2, 1, {kMissing, 0.5F}});
  EXPECT_GT(predictions[0], 0.6);
  EXPECT_LT(predictions[1], 0.4);
}

TEST(XgboostTrainer, TakesTheLargestFloatsAndAColumnThatIsAlwaysMissing) {
  Problem problem = make_problem(Task::binary, 500);
  for (std::size_t i = 0; i < 500; ++i) {
    problem.set.features.values[i * 4] = i % 3 == 0 ? FLT_MAX : -FLT_MAX;
    problem.set.features.values[i * 4 + 2] = kMissing;
  }
  const auto model = XgboostTrainer().train(problem.set, problem.job);
  EXPECT_EQ(model->predict(problem.set.features).size(), 500U);
}

// ---- determinism ----

struct Deterministic {
  Task task;
  std::size_t rows;
  std::map<std::string, settings::Parameter> params;
};

class XgboostDeterminism : public testing::TestWithParam<Deterministic> {};

// Little noise and deep trees: nodes become pure, gradients span many magnitudes, and gains come near to equal. With
// the library's own gradients this is where the number of threads shows.
TEST_P(XgboostDeterminism, GivesTheSameBytesOnAnyNumberOfThreads) {
  Problem problem = make_problem(GetParam().task, GetParam().rows, 1, 0.0);
  problem.job.params = GetParam().params;
  const std::string one = train_bytes(problem, 1);
  EXPECT_EQ(to_hex(sha256(train_bytes(problem, 1))), to_hex(sha256(one)));
  EXPECT_EQ(to_hex(sha256(train_bytes(problem, 2))), to_hex(sha256(one)));
  EXPECT_EQ(to_hex(sha256(train_bytes(problem, 3))), to_hex(sha256(one)));
}

const std::map<std::string, settings::Parameter> kDeep{
    {"lambda", 0.0}, {"eta", 1.0}, {"max_depth", std::int64_t{9}}, {"min_child_weight", 0.0}};

std::map<std::string, settings::Parameter> deep_and(std::map<std::string, settings::Parameter> more) {
  more.insert(kDeep.begin(), kDeep.end());
  return more;
}

INSTANTIATE_TEST_SUITE_P(
    Tasks, XgboostDeterminism,
    testing::Values(Deterministic{Task::binary, 20000, kDeep}, Deterministic{Task::multiclass, 5000, kDeep},
                    Deterministic{Task::regression, 10000, kDeep},
                    Deterministic{Task::binary, 5000, deep_and({{"subsample", 0.7}, {"colsample_bynode", 0.7}})},
                    Deterministic{Task::binary, 3000, {{"booster", "dart"}, {"rate_drop", 0.2}}},
                    Deterministic{Task::regression, 5000, {{"tree_method", "approx"}}}));

// Weights over nine binary magnitudes, some of them 0.
std::vector<float> wild_weights(std::size_t rows) {
  Random random(17);
  std::vector<float> weights;
  for (std::size_t i = 0; i < rows; ++i) {
    weights.push_back(random.below(10) == 0 ? 0.0F : static_cast<float>(std::exp(6.0 * (random.uniform() - 0.5))));
  }
  return weights;
}

class XgboostWeights : public testing::TestWithParam<Deterministic> {};

TEST_P(XgboostWeights, GiveTheSameBytesOnAnyNumberOfThreads) {
  Problem problem = make_problem(GetParam().task, GetParam().rows, 1, 0.0);
  problem.job.params = GetParam().params;
  problem.job.rounds = 5;
  problem.set.weights = wild_weights(GetParam().rows);
  const std::string one = train_bytes(problem, 1);
  EXPECT_EQ(to_hex(sha256(train_bytes(problem, 1))), to_hex(sha256(one)));
  EXPECT_EQ(to_hex(sha256(train_bytes(problem, 2))), to_hex(sha256(one)));
  EXPECT_EQ(to_hex(sha256(train_bytes(problem, 3))), to_hex(sha256(one)));
}

TEST_P(XgboostWeights, ThatAreAllOneGiveTheVeryModelOfNone) {
  Problem problem = make_problem(GetParam().task, 1000);
  problem.job.params = GetParam().params;
  const std::string plain = train_bytes(problem, 1);
  problem.set.weights.assign(1000, 1.0F);
  EXPECT_EQ(to_hex(sha256(train_bytes(problem, 1))), to_hex(sha256(plain)));
}

INSTANTIATE_TEST_SUITE_P(Tasks, XgboostWeights,
                         testing::Values(Deterministic{Task::binary, 5000, kDeep},
                                         Deterministic{Task::multiclass, 1000, kDeep},
                                         Deterministic{Task::regression, 3000, kDeep},
                                         Deterministic{Task::binary, 2000, deep_and({{"subsample", 0.7}})},
                                         Deterministic{Task::regression, 1000, {{"tree_method", "approx"}}}));

class XgboostRepeats : public testing::TestWithParam<Task> {};

// Every value a bin of its own, so that the bins are those of the repeated rows as well. What is left is the rounding
// of derivatives, whose grid depends on the largest and on the number of rows.
TEST_P(XgboostRepeats, GiveTheModelOfRowsThatWeighAsMuch) {
  constexpr std::size_t kRows = 600;
  Problem weighted = make_problem(GetParam(), kRows);
  weighted.job.params = {{"max_depth", std::int64_t{4}}, {"max_bin", std::int64_t{1024}}};
  Problem repeated = weighted;
  repeated.set = {{0, 4, {}}, {}, {}};
  for (std::size_t i = 0; i < kRows; ++i) {
    const std::size_t times = 1 + i % 5;
    weighted.set.weights.push_back(static_cast<float>(times));
    const auto row = weighted.set.features.values.begin() + static_cast<std::ptrdiff_t>(4 * i);
    for (std::size_t k = 0; k < times; ++k) {
      repeated.set.features.values.insert(repeated.set.features.values.end(), row, row + 4);
      repeated.set.labels.push_back(weighted.set.labels[i]);
      ++repeated.set.features.rows;
    }
  }
  const XgboostTrainer trainer;
  const auto fresh = make_problem(GetParam(), 1000, 2).set.features;
  const auto of_weights = trainer.train(weighted.set, weighted.job)->predict(fresh);
  const auto of_repeats = trainer.train(repeated.set, repeated.job)->predict(fresh);
  weighted.set.weights.clear();
  const auto of_neither = trainer.train(weighted.set, weighted.job)->predict(fresh);
  double between = 0;
  double beside = 0;
  for (std::size_t i = 0; i < of_weights.size(); ++i) {
    between += std::fabs(of_weights[i] - of_repeats[i]) / static_cast<double>(of_weights.size());
    beside += std::fabs(of_weights[i] - of_neither[i]) / static_cast<double>(of_weights.size());
  }
  EXPECT_GT(beside, 0.01) << "the weights matter";
  EXPECT_LT(between, 1e-5 * beside);
}

INSTANTIATE_TEST_SUITE_P(Tasks, XgboostRepeats, testing::Values(Task::binary, Task::multiclass, Task::regression));

TEST(XgboostTrainer, StartsARegressionFromTheWeightedMean) {
  Problem problem;
  problem.job.task = Task::regression;
  problem.job.features = {number_feature("constant")};
  problem.job.rounds = 1;
  problem.set.features = {4, 1, std::vector<float>(4, 1.0F)};
  problem.set.labels = {10, 20, 30, 1000};
  problem.set.weights = {1, 2, 1, 0};
  EXPECT_NEAR(XgboostTrainer().train(problem.set, problem.job)->predict({1, 1, {1.0F}}).at(0), 20.0, 1e-4);
}

TEST(XgboostTrainer, LearnsNothingFromARowOfNoWeight) {
  Problem problem;
  problem.job.features = {number_feature("constant")};
  problem.job.classes = 2;
  problem.job.rounds = 200;
  problem.job.params = {{"lambda", 0.0}};
  problem.set.features = {1000, 1, std::vector<float>(1000, 1.0F)};
  for (std::size_t i = 0; i < 1000; ++i) {
    problem.set.labels.push_back(i % 2 == 0 ? 1.0F : 0.0F);
    problem.set.weights.push_back(i % 2 == 0 ? (i % 10 == 0 ? 5.0F : 0.0F) : 3.0F);
  }
  // 100 ones of weight 5 against 500 zeros of weight 3.
  EXPECT_NEAR(XgboostTrainer().train(problem.set, problem.job)->predict({1, 1, {1.0F}}).at(0), 0.25, 1e-4);
}

TEST(XgboostTrainer, RefusesWeightsThatCannotBe) {
  Problem problem = make_problem(Task::binary, 50);
  problem.set.weights.assign(50, 0.0F);
  EXPECT_EQ(complaint([&] { XgboostTrainer().train(problem.set, problem.job); }),
            "there is nothing to train on: all 50 rows weigh 0");
  problem.set.weights.assign(49, 1.0F);
  EXPECT_THROW(XgboostTrainer().train(problem.set, problem.job), std::logic_error);
  problem.set.weights.assign(50, 1.0F);
  for (const float bad : {-1.0F, kMissing, std::numeric_limits<float>::infinity()}) {
    problem.set.weights[7] = bad;
    EXPECT_THROW(XgboostTrainer().train(problem.set, problem.job), std::logic_error) << bad;
  }
}

TEST(XgboostTrainer, GivesAnotherModelForAnotherSeedWhenItSamples) {
  Problem problem = make_problem(Task::binary, 1000);
  problem.job.params = {{"subsample", 0.5}};
  const std::string first = train_bytes(problem, 1);
  problem.job.seed = 2;
  EXPECT_NE(train_bytes(problem, 1), first);
}

TEST(XgboostTrainer, ScoresRowByRowWhateverStandsAround) {
  const Problem problem = make_problem(Task::multiclass, 300);
  const auto model = XgboostTrainer().train(problem.set, problem.job);
  const auto together = model->predict(problem.set.features);
  for (std::size_t i = 0; i < 300; i += 7) {
    const auto begin = problem.set.features.values.begin() + static_cast<std::ptrdiff_t>(i * 4);
    const auto alone = model->predict({1, 4, {begin, begin + 4}});
    EXPECT_EQ(alone, std::vector<double>(together.begin() + static_cast<std::ptrdiff_t>(3 * i),
                                         together.begin() + static_cast<std::ptrdiff_t>(3 * i + 3)));
  }
}

// ---- save and load ----

class XgboostRoundTrip : public testing::TestWithParam<Task> {};

TEST_P(XgboostRoundTrip, ScoresTheSameAfterALoad) {
  const Problem problem = make_problem(GetParam(), 1000);
  const XgboostTrainer trainer;
  const auto model = trainer.train(problem.set, problem.job);
  const auto loaded = trainer.load(model->files(), problem.job);
  EXPECT_EQ(loaded->predict(problem.set.features), model->predict(problem.set.features));
  EXPECT_EQ(loaded->files(), model->files());
  EXPECT_EQ(loaded->importances(), model->importances());
}

INSTANTIATE_TEST_SUITE_P(Tasks, XgboostRoundTrip, testing::Values(Task::binary, Task::multiclass, Task::regression));

TEST(XgboostTrainer, RefusesToLoadAModelOfAnotherTaskWidthOrNumberOfClasses) {
  const XgboostTrainer trainer;
  const Problem problem = make_problem(Task::multiclass, 200);
  const auto files = trainer.train(problem.set, problem.job)->files();

  TrainingJob other_task = problem.job;
  other_task.task = Task::regression;
  EXPECT_EQ(complaint([&] { trainer.load(files, other_task); }),
            "the model was trained with multi:softprob, and the task is regression");
  TrainingJob narrower = problem.job;
  narrower.features.pop_back();
  EXPECT_EQ(complaint([&] { trainer.load(files, narrower); }), "the model was trained on 4 features, not on 3");
  TrainingJob more_classes = problem.job;
  more_classes.classes = 4;
  EXPECT_EQ(complaint([&] { trainer.load(files, more_classes); }), "the model gives 3 numbers a row instead of 4");
}

TEST(XgboostTrainer, RefusesToLoadWhatIsNoModel) {
  const XgboostTrainer trainer;
  const TrainingJob job = make_problem(Task::binary, 1).job;
  EXPECT_EQ(complaint([&] { trainer.load({}, job); }), "an xgboost model is one file, model.ubj; there are 0");
  EXPECT_NE(complaint([&] { trainer.load({{"model.ubj", ""}}, job); }), "");
  EXPECT_NE(complaint([&] { trainer.load({{"model.ubj", "{}"}}, job); }), "");
  EXPECT_NE(complaint([&] { trainer.load({{"model.ubj", "hello, this is not a model"}}, job); }), "");
}

// ---- what is asked wrongly ----

std::string complaint_of(const std::string& name, const settings::Parameter& value, Task task = Task::binary) {
  Problem problem = make_problem(task, 50);
  problem.job.params = {{name, value}};
  return complaint([&] { XgboostTrainer().train(problem.set, problem.job); });
}

TEST(XgboostTrainer, RefusesAParameterTheLibraryDoesNotKnow) {
  const std::string message = complaint_of("max_dept", std::int64_t{3});
  EXPECT_NE(message.find("max_dept"), std::string::npos) << message;
}

TEST(XgboostTrainer, RefusesAValueTheLibraryDoesNotTakeInItsOwnWords) {
  const std::string out_of_range = complaint_of("subsample", 1.5);
  EXPECT_NE(out_of_range.find("subsample"), std::string::npos) << out_of_range;
  const std::string wrong_type = complaint_of("max_depth", "deep");
  EXPECT_NE(wrong_type.find("max_depth"), std::string::npos) << wrong_type;
  for (const std::string& message : {out_of_range, wrong_type}) {
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(message.find(".cc:"), std::string::npos) << message;
    EXPECT_TRUE(message.starts_with("xgboost: ") && message[9] != '[') << message;
  }
}

TEST(XgboostTrainer, RefusesParametersThatTheJobDecides) {
  for (const char* name : {"objective", "num_class", "seed", "nthread", "verbosity"}) {
    EXPECT_EQ(complaint_of(name, std::int64_t{2}),
              "xgboost: the parameter \"" + std::string(name) + "\" cannot be set in params");
  }
  EXPECT_NE(complaint_of("booster", "gblinear"), "");
  EXPECT_NE(complaint_of("scale_pos_weight", 2.0, Task::regression), "");
  EXPECT_NE(complaint_of("max_bin", 1.5), "");
  EXPECT_NE(complaint_of("max_bin", "many"), "");
}

TEST(XgboostTrainer, WeighsTheOnesByScalePosWeight) {
  Problem problem = make_problem(Task::binary, 2000, 1, 3.0);
  const auto plain = XgboostTrainer().train(problem.set, problem.job)->predict(problem.set.features);
  problem.job.params = {{"scale_pos_weight", 5.0}};
  const auto weighted = XgboostTrainer().train(problem.set, problem.job)->predict(problem.set.features);
  double shift = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) shift += (weighted[i] - plain[i]) / static_cast<double>(plain.size());
  EXPECT_GT(shift, 0.1);
}

TEST(XgboostTrainer, RefusesToTrainOnNothing) {
  Problem problem = make_problem(Task::binary, 0);
  EXPECT_EQ(complaint([&] { XgboostTrainer().train(problem.set, problem.job); }),
            "there is nothing to train on: 0 rows, 4 features");
}

TEST(XgboostTrainer, CallsALabelThatIsNoClassABug) {
  Problem problem = make_problem(Task::multiclass, 50);
  for (const float bad : {-1.0F, 3.0F, 0.5F, kMissing}) {
    problem.set.labels[7] = bad;
    EXPECT_THROW(XgboostTrainer().train(problem.set, problem.job), std::logic_error) << bad;
  }
}

TEST(XgboostTrainer, SaysSoWhenARegressionLabelLeavesTheRangeOfAFloat) {
  Problem problem = make_problem(Task::regression, 50);
  problem.set.labels[3] = FLT_MAX;
  problem.set.labels[4] = -FLT_MAX;
  problem.job.params = {{"base_score", 3e38}};
  EXPECT_EQ(complaint([&] { XgboostTrainer().train(problem.set, problem.job); }),
            "the labels are too far from the scores for a 4-byte float");
}

TEST(XgboostModel, RefusesAnotherNumberOfColumnsAndScoresNoRowsAsNothing) {
  const Problem problem = make_problem(Task::binary, 200);
  const auto model = XgboostTrainer().train(problem.set, problem.job);
  EXPECT_EQ(complaint([&] {
              model->predict({1, 3, {1, 2, 3}});
            }),
            "the model was trained on 4 features and is asked to score 3");
  EXPECT_EQ(complaint([&] {
              model->predict({0, 5, {}});
            }),
            "the model was trained on 4 features and is asked to score 5");
  EXPECT_TRUE(model->predict({0, 4, {}}).empty());
}

TEST(XgboostModel, SharesItsGainAmongTheFeaturesThatDecide) {
  Problem problem = make_problem(Task::binary, 4000);
  for (std::size_t i = 0; i < 4000; ++i) problem.set.features.values[i * 4 + 2] = 1.0F;  // c tells nothing any more
  const auto shares = XgboostTrainer().train(problem.set, problem.job)->importances();
  double sum = 0;
  for (const auto& [name, share] : shares) sum += share;
  EXPECT_NEAR(sum, 1.0, 1e-9);
  EXPECT_FALSE(shares.contains("c"));
  EXPECT_GT(shares.at("a"), shares.at("b"));
}

TEST(XgboostModel, HasNoImportancesWithoutASplit) {
  Problem problem = make_problem(Task::binary, 100);
  problem.job.params = {{"gamma", 1e9}};
  EXPECT_TRUE(XgboostTrainer().train(problem.set, problem.job)->importances().empty());
}

TEST(XgboostTrainer, ReportsEveryRound) {
  Problem problem = make_problem(Task::binary, 100);
  std::vector<int> rounds;
  problem.job.on_progress = [&](const Progress& progress) { rounds.push_back(static_cast<int>(progress.done)); };
  problem.job.rounds = 3;
  XgboostTrainer().train(problem.set, problem.job);
  EXPECT_EQ(rounds, (std::vector<int>{1, 2, 3}));
}

TEST(XgboostTrainer, StopsWhenTheProgressCallbackThrows) {
  Problem problem = make_problem(Task::binary, 100);
  problem.job.on_progress = [](const Progress&) { throw TransientError("stopping"); };
  EXPECT_THROW(XgboostTrainer().train(problem.set, problem.job), TransientError);
}

TEST(MakeTrainer, KnowsXgboostAndNamesWhatItDoesNotKnow) {
  EXPECT_TRUE(make_trainer("xgboost")->version().starts_with("xgboost 1."));
  EXPECT_THROW(make_trainer("xgbost"), ConfigError);
}

}  // namespace
}  // namespace retraind::train
