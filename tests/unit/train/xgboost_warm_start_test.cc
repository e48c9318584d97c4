#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/sha256.h"
#include "core/train/xgboost_trainer.h"
#include "tests/unit/train/synthetic.h"

namespace retraind::train {
namespace {

// The DataError that `call` throws, with its hint; empty when it throws none.
template <class Call>
std::string complaint(Call call) {
  try {
    call();
  } catch (const DataError& error) {
    return error.message_with_hint();
  }
  return "";
}

std::map<std::string, std::string> trained(const Problem& problem) {
  return XgboostTrainer().train(problem.set, problem.job)->files();
}

std::unique_ptr<Model> continued(Problem problem, const std::map<std::string, std::string>& previous, int rounds) {
  problem.job.previous = previous;
  problem.job.rounds = rounds;
  return XgboostTrainer().train(problem.set, problem.job);
}

double log_loss(const Model& model, const Problem& problem) {
  const auto predictions = model.predict(problem.set.features);
  double sum = 0;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const double p = std::clamp(predictions[i], 1e-9, 1 - 1e-9);
    sum -= std::log(problem.set.labels[i] == 1.0F ? p : 1 - p);
  }
  return sum / static_cast<double>(predictions.size());
}

double mean_square(const Model& model, const Problem& problem) {
  const auto predictions = model.predict(problem.set.features);
  double sum = 0;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    sum += std::pow(predictions[i] - static_cast<double>(problem.set.labels[i]), 2);
  }
  return sum / static_cast<double>(predictions.size());
}

// With one row a bin, deep trees and a step of 1, some rounds of least squares take away all that is left: down to
// nothing only if the margins they look at are those of the continued model.
Problem exact_problem(std::uint64_t seed, std::size_t rows) {
  Problem problem;
  problem.job.task = Task::regression;
  problem.job.features = {number_feature("x")};
  problem.job.params = {{"eta", 1.0},
                        {"lambda", 0.0},
                        {"min_child_weight", 0.0},
                        {"max_depth", std::int64_t{12}},
                        {"max_bin", std::int64_t{1024}}};
  problem.set.features = {rows, 1, {}};
  Random random(seed);
  for (std::size_t i = 0; i < rows; ++i) {
    problem.set.features.values.push_back(static_cast<float>(random.normal()));
    problem.set.labels.push_back(static_cast<float>(std::floor(1000 * random.uniform()) / 8));
  }
  return problem;
}

class WarmStartMethods : public testing::TestWithParam<std::string> {};

TEST_P(WarmStartMethods, TakeAwayWhatTheContinuedModelLeftToBeExplained) {
  Problem before = exact_problem(1, 300);
  before.job.rounds = 3;
  const auto files = trained(before);
  // Other rows, and so other bins: the previous model's cuts lie somewhere inside of them.
  Problem now = exact_problem(2, 200);
  now.job.params["tree_method"] = GetParam();
  const auto old = XgboostTrainer().load(files, now.job);
  EXPECT_GT(mean_square(*old, now), 100) << "the previous model knows nothing of these rows";
  const auto model = continued(now, files, 20);
  EXPECT_LT(mean_square(*model, now), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(TreeMethods, WarmStartMethods, testing::Values("hist", "approx", "exact"),
                         [](const auto& of) { return of.param; });

TEST(WarmStart, OnTheSameRowsLearnsWhatOneTrainingDoes) {
  for (const Task task : {Task::binary, Task::multiclass, Task::regression}) {
    Problem problem = make_problem(task, 2000);
    problem.job.rounds = 30;
    const auto whole = XgboostTrainer().train(problem.set, problem.job)->predict(problem.set.features);
    problem.job.rounds = 18;
    const auto both = continued(problem, trained(problem), 12)->predict(problem.set.features);
    double apart = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) apart = std::max(apart, std::fabs(whole[i] - both[i]));
    // A regression near 1000 is known to seven digits.
    EXPECT_LT(apart, task == Task::regression ? 0.05 : 0.02) << to_text(task);
  }
}

TEST(WarmStart, LearnsFromTheNewRowsAndForgetsTheOldOnesLittle) {
  Problem before = make_problem(Task::binary, 3000, 1);
  before.job.rounds = 40;
  const auto files = trained(before);
  Problem now = make_problem(Task::binary, 1500, 2);
  for (float& label : now.set.labels) label = 1.0F - label;  // the opposite is true now
  const auto old = XgboostTrainer().load(files, now.job);
  const auto model = continued(now, files, 60);
  EXPECT_GT(log_loss(*old, now), 1.5);
  EXPECT_LT(log_loss(*model, now), 0.5);
  EXPECT_EQ(model->files().size(), 1U);
}

TEST(WarmStart, AddsAsManyRoundsAsAreAskedForAndTellsHowFarTheyAre) {
  Problem problem = make_problem(Task::multiclass, 500);
  problem.job.rounds = 5;
  const auto files = trained(problem);
  problem.job.previous = files;
  problem.job.rounds = 3;
  std::vector<std::uint64_t> told;
  problem.job.on_progress = [&](const Progress& progress) {
    told.push_back(progress.done);
    EXPECT_EQ(progress.total, 3U);
  };
  const auto model = XgboostTrainer().train(problem.set, problem.job);
  EXPECT_EQ(told, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_GT(model->files().at("model.ubj").size(), files.at("model.ubj").size());
}

TEST(WarmStart, KeepsWhatTheRegressionBeganFrom) {
  Problem before = make_problem(Task::regression, 800);
  const auto files = trained(before);
  Problem now = make_problem(Task::regression, 800, 2);
  for (float& label : now.set.labels) label += 500.0F;  // another mean, which a training from nothing would begin from
  now.job.params["base_score"] = 7.0;
  // A round that learns nothing leaves the very predictions of the previous model.
  now.job.params["eta"] = 0.0;
  const auto model = continued(now, files, 1);
  EXPECT_EQ(model->predict(now.set.features), XgboostTrainer().load(files, now.job)->predict(now.set.features));
}

struct Case {
  std::string name;
  Task task;
  std::map<std::string, settings::Parameter> params;
};

class WarmStartDeterminism : public testing::TestWithParam<Case> {};

TEST_P(WarmStartDeterminism, GivesTheSameBytesOnAnyNumberOfThreads) {
  Problem before = make_problem(GetParam().task, 3000, 1, 0.0);
  before.job.params = GetParam().params;
  const auto files = trained(before);
  Problem now = make_problem(GetParam().task, 4000, 2, 0.0);
  now.job.params = GetParam().params;
  const auto bytes = [&](int threads) {
    now.job.threads = threads;
    return to_hex(sha256(continued(now, files, 10)->files().at("model.ubj")));
  };
  const std::string one = bytes(1);
  EXPECT_EQ(bytes(1), one);
  EXPECT_EQ(bytes(2), one);
  EXPECT_EQ(bytes(3), one);
  now.job.seed = 9;
  EXPECT_EQ(bytes(2) == one, !GetParam().params.contains("subsample")) << "the seed matters where rows are drawn";
}

const std::map<std::string, settings::Parameter> kDeep{
    {"lambda", 0.0}, {"eta", 1.0}, {"max_depth", std::int64_t{8}}, {"min_child_weight", 0.0}};

INSTANTIATE_TEST_SUITE_P(Tasks, WarmStartDeterminism,
                         testing::Values(Case{"binary", Task::binary, kDeep}, Case{"multiclass", Task::multiclass, {}},
                                         Case{"regression", Task::regression, kDeep},
                                         Case{"sampled", Task::binary, {{"subsample", 0.7}, {"colsample_bynode", 0.7}}},
                                         Case{"approx", Task::regression, {{"tree_method", "approx"}}}),
                         [](const auto& of) { return of.param.name; });

TEST(WarmStart, FollowsTheWeightsOfTheNewRows) {
  Problem problem;
  problem.job.features = {number_feature("constant")};
  problem.job.classes = 2;
  problem.job.params = {{"lambda", 0.0}};
  problem.job.rounds = 100;
  problem.set.features = {1000, 1, std::vector<float>(1000, 1.0F)};
  for (std::size_t i = 0; i < 1000; ++i) problem.set.labels.push_back(i % 2 == 0 ? 1.0F : 0.0F);
  const auto files = trained(problem);
  for (std::size_t i = 0; i < 1000; ++i) problem.set.weights.push_back(i % 2 == 0 ? 1.0F : 4.0F);
  EXPECT_NEAR(continued(problem, files, 200)->predict({1, 1, {1.0F}}).at(0), 0.2, 1e-4);
}

TEST(WarmStart, RefusesDart) {
  Problem problem = make_problem(Task::binary, 300);
  problem.job.rounds = 3;
  const auto gbtree = trained(problem);
  problem.job.params = {{"booster", "dart"}};
  const auto dart = trained(problem);
  const std::string refusal =
      "the previous model cannot be continued: booster = \"dart\" drops trees that are there already and weighs them "
      "anew (train from nothing: set training.warm_start = false, or use gbtree)";
  EXPECT_EQ(complaint([&] { continued(problem, gbtree, 3); }), refusal);
  problem.job.params = {};
  EXPECT_EQ(complaint([&] { continued(problem, dart, 3); }), refusal);
}

TEST(WarmStart, RefusesAnotherNumberOfTreesARound) {
  Problem problem = make_problem(Task::binary, 300);
  problem.job.rounds = 3;
  const auto single = trained(problem);
  problem.job.params = {{"num_parallel_tree", std::int64_t{3}}, {"subsample", 0.5}};
  const auto forest = trained(problem);
  EXPECT_EQ(complaint([&] { continued(problem, single, 3); }),
            "the previous model cannot be continued: it has num_parallel_tree = 1, and params ask for 3 (train from "
            "nothing: set training.warm_start = false)");
  EXPECT_EQ(continued(problem, forest, 3)->predict(problem.set.features).size(), 300U);
}

TEST(WarmStart, RefusesAModelOfAnotherTaskWidthOrNumberOfClasses) {
  const auto files = trained(make_problem(Task::binary, 300));
  const std::string hint = " (train from nothing: set training.warm_start = false)";
  EXPECT_EQ(complaint([&] { continued(make_problem(Task::regression, 300), files, 3); }),
            "the previous model cannot be continued: the model was trained with binary:logistic, and the task is "
            "regression" +
                hint);

  Problem wider;
  wider.job.features = {number_feature("a"), number_feature("b"), number_feature("c"), category_feature("shop", 20),
                        number_feature("d")};
  wider.job.classes = 2;
  wider.set.features = {10, 5, std::vector<float>(50, 1.0F)};
  wider.set.labels.assign(10, 1.0F);
  EXPECT_EQ(complaint([&] { continued(wider, files, 3); }),
            "the previous model cannot be continued: the model was trained on 4 features, not on 5" + hint);

  Problem four = make_problem(Task::multiclass, 300);
  const auto three_classes = trained(four);
  four.job.classes = 4;
  EXPECT_EQ(complaint([&] { continued(four, three_classes, 3); }),
            "the previous model cannot be continued: the model gives 3 numbers a row instead of 4" + hint);
}

TEST(WarmStart, RefusesFilesThatAreNoModel) {
  const Problem problem = make_problem(Task::binary, 300);
  EXPECT_NE(complaint([&] {
              continued(problem, {{"model.ubj", "rubbish"}}, 3);
            }).find("the previous model cannot be continued: "),
            std::string::npos);
  EXPECT_NE(complaint([&] {
              continued(problem, {{"model.txt", "rubbish"}}, 3);
            }).find("an xgboost model is one file, model.ubj; there are 1"),
            std::string::npos);
}

}  // namespace
}  // namespace retraind::train
