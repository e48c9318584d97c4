// What every trainer must do, whatever is behind it: held against XGBoost and against the example in plain Python.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/train/artifact.h"
#include "core/train/trainer.h"
#include "tests/unit/train/scratch.h"
#include "tests/unit/train/synthetic.h"

namespace retraind::train {
namespace {

constexpr std::size_t kRows = 400;

class TrainerConformance : public ::testing::TestWithParam<std::tuple<std::string, Task>> {
 protected:
  static Task task() { return std::get<1>(GetParam()); }
  static std::unique_ptr<Trainer> trainer() {
    const std::string& name = std::get<0>(GetParam());
    return make_trainer(name, name == "command" ? python_example() : settings::Command{});
  }
  static std::size_t width() { return task() == Task::multiclass ? 3 : 1; }

  Problem problem(std::size_t rows = kRows, std::uint64_t seed = 1) const {
    Problem out = make_problem(task(), rows, seed);
    out.job.rounds = 10;
    out.job.folder = scratch.work();
    for (std::size_t i = 0; i < out.job.classes; ++i) out.job.class_labels.push_back("class " + std::to_string(i));
    return out;
  }

  // The mean loss of a row: squared error, or minus the logarithm of what the true class was given.
  static double loss(const std::vector<double>& predictions, const std::vector<float>& labels) {
    double sum = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (task() == Task::regression) {
        sum += std::pow(predictions[i] - static_cast<double>(labels[i]), 2);
      } else {
        const double p = task() == Task::multiclass ? predictions[i * 3 + static_cast<std::size_t>(labels[i])]
                         : labels[i] == 1           ? predictions[i]
                                                    : 1 - predictions[i];
        sum -= std::log(std::max(p, 1e-9));
      }
    }
    return sum / static_cast<double>(labels.size());
  }

  // The loss of whoever knows the labels, and nothing of the rows.
  static double loss_of_a_constant(const std::vector<float>& labels) {
    const auto n = static_cast<double>(labels.size());
    if (task() == Task::regression) {
      const double mean = std::accumulate(labels.begin(), labels.end(), 0.0) / n;
      return loss(std::vector<double>(labels.size(), mean), labels);
    }
    std::map<float, double> counts;
    for (const float label : labels) ++counts[label];
    double sum = 0;
    for (const auto& [label, count] : counts) sum -= count / n * std::log(count / n);
    return sum;
  }

  Scratch scratch;
};

INSTANTIATE_TEST_SUITE_P(Trainers, TrainerConformance,
                         ::testing::Combine(::testing::Values("xgboost", "command"),
                                            ::testing::Values(Task::binary, Task::multiclass, Task::regression)),
                         [](const auto& parameter) {
                           return std::get<0>(parameter.param) + "_" +
                                  std::string(to_text(std::get<1>(parameter.param)));
                         });

TEST_P(TrainerConformance, LearnsWhatHoldsForRowsThatItHasNotSeen) {
  const Problem known = problem();
  const Problem fresh = problem(kRows, 2);
  const auto model = trainer()->train(known.set, known.job);
  EXPECT_LT(loss(model->predict(fresh.set.features), fresh.set.labels), 0.8 * loss_of_a_constant(fresh.set.labels));
  EXPECT_TRUE(scratch.nothing_is_left());
}

TEST_P(TrainerConformance, PredictsEachRowByItself) {
  const Problem some = problem();
  const auto model = trainer()->train(some.set, some.job);
  const std::vector<double> all = model->predict(some.set.features);
  ASSERT_EQ(all.size(), kRows * width());
  if (task() != Task::regression) {
    EXPECT_TRUE(std::all_of(all.begin(), all.end(), [](double p) { return p >= 0 && p <= 1; }));
  }
  if (task() == Task::multiclass) {
    for (std::size_t row = 0; row < kRows; ++row) {
      EXPECT_NEAR(all[3 * row] + all[3 * row + 1] + all[3 * row + 2], 1, 3e-6);
    }
  }
  // The last seven rows alone are predicted as they were among the others.
  constexpr std::ptrdiff_t kLast = 7;
  const auto& values = some.set.features.values;
  const data::Matrix last{kLast, 4, {values.end() - 4 * kLast, values.end()}};
  const std::vector<double> again = model->predict(last);
  ASSERT_EQ(again.size(), static_cast<std::size_t>(kLast) * width());
  EXPECT_TRUE(std::equal(again.begin(), again.end(), all.end() - static_cast<std::ptrdiff_t>(again.size())));
}

TEST_P(TrainerConformance, PredictsARowOfWhichNothingIsKnown) {
  const Problem some = problem();
  const auto said = trainer()->train(some.set, some.job)->predict({1, 4, std::vector<float>(4, kMissing)});
  ASSERT_EQ(said.size(), width());
  for (const double value : said) EXPECT_TRUE(std::isfinite(value));
}

TEST_P(TrainerConformance, PredictsALevelThatItHasNotSeenLikeAMissingOne) {
  const Problem some = problem();
  data::Table table;
  table.rows = kRows + 2;
  table.event_times.assign(table.rows, 0);
  std::vector<float> a;
  data::CategoryColumn shop;
  for (std::size_t i = 0; i < 20; ++i) shop.levels.push_back("shop" + std::to_string(10 + i));
  shop.levels.push_back("shop99, unseen");
  for (std::size_t row = 0; row < kRows; ++row) {
    a.push_back(some.set.features.values[4 * row]);
    // Some are missing in training, too: what is missing means something.
    const auto level = static_cast<std::int32_t>(some.set.features.values[4 * row + 3]);
    shop.codes.push_back(row % 10 == 0 ? -1 : level);
    table.label.values.push_back(static_cast<double>(some.set.labels[row]));
  }
  for (const std::int32_t code : {20, -1}) {
    a.push_back(0.5F);
    shop.codes.push_back(code);
    table.label.values.push_back(table.label.values[0]);
  }
  table.label.name = "y";
  if (task() != Task::regression) table.label.levels = {"class 0", "class 1", "class 2"};
  if (task() == Task::binary) table.label.levels.pop_back();
  table.features.push_back({"a", "real", data::ValueType::number, data::NumberColumn{a}});
  table.features.push_back({"shop", "text", data::ValueType::category, shop});

  settings::Model model;
  model.task = task();
  std::vector<std::string> warnings;
  const auto preparation = data::Preparation::fit(table, 0, kRows, model, warnings);
  TrainingSet set{preparation.apply(table, 0, kRows), some.set.labels, {}};
  TrainingJob job = some.job;
  job.features = preparation.features();
  const std::vector<double> said = trainer()->train(set, job)->predict(preparation.apply(table, kRows, kRows + 2));
  ASSERT_EQ(said.size(), 2 * width());
  EXPECT_TRUE(std::equal(said.begin(), said.begin() + static_cast<std::ptrdiff_t>(width()),
                         said.begin() + static_cast<std::ptrdiff_t>(width())));
}

TEST_P(TrainerConformance, LearnsNothingFromRowsThatWeighNothing) {
  Problem some = problem();
  // Half of the rows say something wrong.
  std::vector<float> told = some.set.labels;
  for (std::size_t row = 0; row < kRows; ++row) {
    const bool wrong = row % 2 == 0;
    some.set.weights.push_back(wrong ? 0.0F : 1.0F);
    if (!wrong) continue;
    told[row] = task() == Task::regression ? 2000 - told[row] : static_cast<float>(some.job.classes - 1) - told[row];
  }
  const std::vector<float> truth = some.set.labels;
  some.set.labels = told;
  const auto predictions = trainer()->train(some.set, some.job)->predict(some.set.features);
  EXPECT_LT(loss(predictions, truth), 0.8 * loss_of_a_constant(truth));
}

TEST_P(TrainerConformance, GoesOnFromAPreviousModel) {
  Problem some = problem();
  some.job.rounds = 5;
  const auto first = trainer()->train(some.set, some.job);
  TrainingJob more = some.job;
  more.previous = first->files();
  more.rounds = 1;
  TrainingJob anew = some.job;
  anew.rounds = 1;
  const auto loss_of = [&](const TrainingJob& job) {
    return loss(trainer()->train(some.set, job)->predict(some.set.features), some.set.labels);
  };
  EXPECT_LT(loss_of(more), loss_of(anew));
}

TEST_P(TrainerConformance, GivesTheSameModelForTheSameSeedOnAnyNumberOfThreads) {
  const Problem some = problem();
  TrainingJob more_threads = some.job;
  more_threads.threads = 2;
  const auto one = trainer()->train(some.set, some.job);
  const auto two = trainer()->train(some.set, more_threads);
  EXPECT_EQ(one->files(), two->files());
  EXPECT_EQ(one->predict(some.set.features), two->predict(some.set.features));
}

TEST_P(TrainerConformance, PredictsTheSameAfterItsFilesWereInAnArtifact) {
  const Problem some = problem();
  const auto trained = trainer()->train(some.set, some.job);
  const Artifact artifact =
      unpack(pack({"{}",
                   data::Preparation::from_json(R"({"classes":[],"features":[{"levels":[],"name":"a","sql_type":)"
                                                R"("real","type":"number"}],"format":1,"task":"regression"})"),
                   trained->files()}));
  const auto loaded = trainer()->load(artifact.model_files, some.job);
  EXPECT_EQ(loaded->files(), trained->files());
  EXPECT_EQ(loaded->predict(some.set.features), trained->predict(some.set.features));
}

TEST_P(TrainerConformance, TakesNamesLevelsAndClassesOfAnySpelling) {
  Problem some = problem();
  some.job.features[0].name = "a \"quoted\", name";
  some.job.features[1].name = "größe\n2";
  some.job.features[2].name = "weight";
  some.job.label = "label";
  for (std::size_t i = 0; i < 20; ++i) {
    some.job.features[3].levels[i] = std::string("le,vel \"") + static_cast<char>('a' + i) + "\"\n";
  }
  for (std::size_t i = 0; i < some.job.class_labels.size(); ++i) some.job.class_labels[i] += ",\"é\"";
  some.set.weights.assign(kRows, 1.0F);
  const auto model = trainer()->train(some.set, some.job);
  EXPECT_LT(loss(model->predict(some.set.features), some.set.labels), 0.8 * loss_of_a_constant(some.set.labels));
}

TEST_P(TrainerConformance, TellsHowFarItIs) {
  Problem some = problem(50);
  std::vector<std::uint64_t> done;
  some.job.on_progress = [&done](const Progress& progress) {
    EXPECT_EQ(progress.total, 10u);
    done.push_back(progress.done);
  };
  trainer()->train(some.set, some.job);
  EXPECT_EQ(done, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST_P(TrainerConformance, StopsWhenWhoIsToldHowFarItIsThrows) {
  Problem some = problem(50);
  some.job.on_progress = [](const Progress&) { throw TransientError("stopping"); };
  EXPECT_THROW(trainer()->train(some.set, some.job), TransientError);
  EXPECT_TRUE(scratch.nothing_is_left());
}

TEST_P(TrainerConformance, RefusesRowsOfAnotherShape) {
  const Problem some = problem(50);
  const auto model = trainer()->train(some.set, some.job);
  EXPECT_THROW(model->predict({1, 3, {1, 2, 3}}), DataError);
  EXPECT_THROW(model->predict({1, 5, {1, 2, 3, 4, 5}}), DataError);
  EXPECT_TRUE(model->predict({0, 4, {}}).empty());
}

TEST_P(TrainerConformance, RefusesToTrainOnNothing) {
  Problem some = problem(50);
  TrainingSet none{{0, 4, {}}, {}, {}};
  EXPECT_THROW(trainer()->train(none, some.job), DataError);
  some.set.weights.assign(50, 0.0F);
  EXPECT_THROW(trainer()->train(some.set, some.job), DataError);
}

TEST_P(TrainerConformance, SaysItsVersion) {
  EXPECT_EQ(trainer()->version().find(std::get<0>(GetParam()) + " "), 0u);
  EXPECT_EQ(trainer()->version(), trainer()->version());
}

}  // namespace
}  // namespace retraind::train
