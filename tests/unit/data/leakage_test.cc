#include "core/data/leakage.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <functional>

#include "core/base/random.h"
#include "core/data/validation.h"
#include "tests/unit/data/rows.h"

namespace retraind::data {
namespace {

using Maker = std::function<Row(std::size_t)>;

// Rows of (label, feature), one each second.
Table table_of(Task task, const SourceColumn& label, const SourceColumn& feature, std::size_t rows, const Maker& make) {
  std::vector<Row> all;
  for (std::size_t i = 0; i < rows; ++i) {
    all.push_back(make(i));
    all.back().insert(all.back().begin(), static_cast<double>(i) * 1e6);
  }
  Build how;
  how.task = task;
  how.batch_rows = 4096;
  return build_table({instant("ts"), label, feature}, all, how);
}

std::optional<Leak> leak_in(const Table& table, Task task, double threshold = 0.99) {
  const std::vector<Leak> leaks = find_leaks(table, {0}, 0, table.rows, task, threshold, 1);
  if (leaks.empty()) return std::nullopt;
  return leaks.front();
}

double zero_or_one(std::size_t i) {
  return static_cast<double>(mix_seed(5, i) & 1);
}

TEST(Leakage, CountsTiesOfTheAreaAsHalf) {
  // 20 of each: positives at 1, 2, 2, 3 and negatives at 1, 1, 2, 0; of the 16 pairs 11 are won and 4 tie: 13/16.
  const double positive[] = {1, 2, 2, 3};
  const double negative[] = {1, 1, 2, 0};
  const Table table = table_of(Task::binary, boolean("y"), number("x"), 160, [&](std::size_t i) {
    return Row{static_cast<double>(i % 2), i % 2 == 1 ? positive[i / 2 % 4] : negative[i / 2 % 4]};
  });
  double won = 0;
  for (const double p : positive) {
    for (const double n : negative) won += p > n ? 1 : p == n ? 0.5 : 0;
  }
  const auto leak = leak_in(table, Task::binary, 0.6);
  ASSERT_TRUE(leak);
  EXPECT_DOUBLE_EQ(leak->figure, won / 16);
  EXPECT_EQ(leak->of_class, "true");
  EXPECT_EQ(leak->rows, 160U);
  EXPECT_FALSE(leak_in(table, Task::binary, won / 16 + 1e-9));
}

TEST(Leakage, FindsANumberThatFallsWithTheLabelAsWell) {
  const Table table = table_of(Task::binary, boolean("y"), number("x"), 500, [](std::size_t i) {
    return Row{zero_or_one(i), -zero_or_one(i) + static_cast<double>(i) * 1e-4};
  });
  const auto leak = leak_in(table, Task::binary, 1);
  ASSERT_TRUE(leak);
  EXPECT_EQ(leak->figure, 1);
  EXPECT_FALSE(leak->by_missing);
}

TEST(Leakage, FindsAFeatureThatIsMissingWhereTheLabelIsOneClass) {
  Random random(3);
  for (const bool when : {true, false}) {
    const Maker make = [&](std::size_t i) {
      const bool up = zero_or_one(i) == 1;
      return Row{up ? 1.0 : 0.0, up == when ? Value{Null{}} : Value{random.uniform()}};
    };
    const auto leak = leak_in(table_of(Task::binary, boolean("y"), number("x"), 500, make), Task::binary);
    ASSERT_TRUE(leak);
    EXPECT_EQ(leak->figure, 1);
    EXPECT_TRUE(leak->by_missing);
    EXPECT_EQ(leak->null_means_class, when);
    EXPECT_EQ(leak->of_class, "true");
  }
  const auto text =
      leak_in(table_of(Task::binary, boolean("y"), category("x"), 500,
                       [&](std::size_t i) {
                         return Row{zero_or_one(i),
                                    zero_or_one(i) == 1 ? Value{Null{}} : Value{"v" + std::to_string(random.below(9))}};
                       }),
              Task::binary);
  ASSERT_TRUE(text);
  EXPECT_TRUE(text->by_missing);
}

TEST(Leakage, TakesMissingNumbersForTheLowestOrTheHighestWhicheverTellsMore) {
  // High values and missing ones are of class 1: only with the missing ones on top is the order right.
  for (const double sign : {1.0, -1.0}) {
    const Table table = table_of(Task::binary, boolean("y"), number("x"), 600, [&](std::size_t i) {
      if (i % 3 == 0) return Row{1.0, Null{}};
      return i % 3 == 1 ? Row{1.0, sign * (5 + static_cast<double>(i))} : Row{0.0, sign * -static_cast<double>(i)};
    });
    const auto leak = leak_in(table, Task::binary);
    ASSERT_TRUE(leak);
    EXPECT_EQ(leak->figure, 1);
    EXPECT_FALSE(leak->by_missing) << "two thirds of the class are not missing";
  }
}

TEST(Leakage, FindsALevelThatMeansAClass) {
  // "refunded" is class 1, and the other levels are class 0.
  const Table table = table_of(Task::binary, category("y"), category("x"), 1000, [](std::size_t i) {
    return zero_or_one(i) == 1 ? Row{"churned", "refunded"} : Row{"stayed", "l" + std::to_string(i % 17)};
  });
  const auto leak = leak_in(table, Task::binary);
  ASSERT_TRUE(leak);
  EXPECT_EQ(leak->figure, 1);
}

TEST(Leakage, DoesNotTakeManyRandomLevelsForALeak) {
  for (const std::uint64_t levels : {2U, 50U, 700U, 5000U}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      Random random(seed);
      const Maker binary = [&](std::size_t) {
        return Row{static_cast<double>(random.below(2)), std::to_string(random.below(levels))};
      };
      EXPECT_FALSE(leak_in(table_of(Task::binary, boolean("y"), category("x"), 2000, binary), Task::binary, 0.6))
          << levels;
      const Maker classes = [&](std::size_t) {
        return Row{static_cast<double>(random.below(100)), std::to_string(random.below(levels))};
      };
      EXPECT_FALSE(leak_in(table_of(Task::multiclass, number("y"), category("x"), 2000, classes), Task::multiclass))
          << levels;
      const Maker values = [&](std::size_t) { return Row{random.uniform(), std::to_string(random.below(levels))}; };
      EXPECT_FALSE(leak_in(table_of(Task::regression, number("y"), category("x"), 2000, values), Task::regression, 0.6))
          << levels;
    }
  }
}

TEST(Leakage, DoesNotTakeUniqueTextsForALeakThoughEachTellsItsOwnRow) {
  const Table table = table_of(Task::binary, boolean("y"), category("x"), 2000, [](std::size_t i) {
    return Row{zero_or_one(i), "id" + std::to_string(i)};
  });
  EXPECT_FALSE(leak_in(table, Task::binary, 0.51));
}

TEST(Leakage, DoesNotTakeTheOrderOfAFewRowsForMore) {
  const auto rows = [](std::size_t n) {
    return table_of(Task::binary, boolean("y"), number("x"), n, [n](std::size_t i) {
      return Row{i < n / 2 ? 0.0 : 1.0, static_cast<double>(i)};
    });
  };
  EXPECT_FALSE(leak_in(rows(2), Task::binary));
  EXPECT_FALSE(leak_in(rows(16), Task::binary)) << "of 12,870 orders two are perfect";
  EXPECT_TRUE(leak_in(rows(40), Task::binary));
}

TEST(Leakage, NamesTheClassThatIsToldBest) {
  const Table table = table_of(Task::multiclass, category("y"), number("x"), 900, [](std::size_t i) {
    const char* classes[] = {"a", "b", "c"};
    const std::size_t c = mix_seed(7, i) % 3;
    return Row{classes[c], c == 1 ? 5.0 : static_cast<double>(mix_seed(8, i) % 5)};
  });
  const auto leak = leak_in(table, Task::multiclass);
  ASSERT_TRUE(leak);
  EXPECT_EQ(leak->of_class, "b");
  EXPECT_EQ(leak->figure, 1);
}

TEST(Leakage, MeasuresRegressionByRanks) {
  const auto regression = [](const std::function<Value(double)>& of_label, const SourceColumn& feature) {
    return table_of(Task::regression, number("y"), feature, 1000, [&](std::size_t i) {
      const double y = static_cast<double>(mix_seed(9, i) % 1000);
      return Row{y, of_label(y)};
    });
  };
  const auto falling =
      leak_in(regression([](double y) { return std::exp(-y / 20); }, number("x")), Task::regression, 1);
  ASSERT_TRUE(falling);
  EXPECT_EQ(falling->figure, 1);
  EXPECT_EQ(falling->of_class, "");
  const auto missing_low = leak_in(regression([](double y) { return y < 300 ? Value{Null{}} : Value{y}; }, number("x")),
                                   Task::regression, 0.97);
  EXPECT_TRUE(missing_low) << "the missing ones are one tie at the lower end";
  const auto levels =
      leak_in(regression([](double y) { return "l" + std::to_string(static_cast<int>(y / 20)); }, category("x")),
              Task::regression);
  EXPECT_TRUE(levels);
  EXPECT_FALSE(leak_in(regression([](double y) { return std::fmod(y, 7); }, number("x")), Task::regression, 0.6));
}

TEST(Leakage, StandsConstantLabelsAndFeaturesAndNothingAtAll) {
  for (const Task task : {Task::binary, Task::multiclass, Task::regression}) {
    for (const std::size_t rows : {0U, 1U, 300U}) {
      const auto with = [&](const SourceColumn& feature, const Maker& make) {
        return leak_in(table_of(task, number("y"), feature, rows, make), task, 0.51);
      };
      EXPECT_FALSE(with(number("x"), [](std::size_t i) { return Row{1.0, static_cast<double>(i)}; }));
      EXPECT_FALSE(with(category("x"), [](std::size_t i) { return Row{1.0, std::to_string(i % 5)}; }));
      EXPECT_FALSE(with(number("x"), [](std::size_t i) { return Row{zero_or_one(i), 1.0}; }));
      EXPECT_FALSE(with(category("x"), [](std::size_t i) { return Row{zero_or_one(i), "a"}; }));
      EXPECT_FALSE(with(number("x"), [](std::size_t i) { return Row{zero_or_one(i), Null{}}; }));
      EXPECT_FALSE(with(category("x"), [](std::size_t i) { return Row{zero_or_one(i), Null{}}; }));
      EXPECT_FALSE(with(number("x"), [](std::size_t i) { return Row{Null{}, static_cast<double>(i)}; }));
    }
  }
}

TEST(Leakage, LooksAtADrawOfManyRowsTheSameForTheSameSeed) {
  Random random(4);
  const Table table = table_of(Task::binary, boolean("y"), number("x"), 110000, [&](std::size_t i) {
    return Row{zero_or_one(i), zero_or_one(i) + random.uniform() * 1.5};
  });
  const auto figure = [&](std::uint64_t seed) {
    return find_leaks(table, {0}, 0, table.rows, Task::binary, 0.6, seed).at(0);
  };
  EXPECT_EQ(figure(1).rows, 100000U);
  EXPECT_EQ(figure(1).figure, figure(1).figure);
  EXPECT_NE(figure(1).figure, figure(2).figure);
  // Of uniforms on [0, 1.5) and [1, 2.5) the second is the larger with 1 - 0.5²/(2 · 1.5²).
  EXPECT_NEAR(figure(1).figure, 1 - 0.25 / 4.5, 0.003);
}

class LeakageFindings : public testing::Test {
 protected:
  std::vector<Finding> of(const Table& table, std::size_t train_end) {
    return validate_rows(table, {0, train_end, table.rows, 0, 0}, model, std::nullopt, {}, {});
  }
  LeakageFindings() {
    model.query = "TABLE t";
    model.time_column = "ts";
    model.label = "y";
  }
  settings::Model model;
};

TEST_F(LeakageFindings, AreOnlyToldAndShowHowTheLabelsDiffer) {
  const Table table = table_of(Task::binary, boolean("y"), number("x"), 200, [](std::size_t i) {
    return Row{zero_or_one(i), zero_or_one(i)};
  });
  const std::vector<Finding> all = of(table, 100);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].kind, FindingKind::warning);
  EXPECT_FALSE(all[0].stops);
  EXPECT_EQ(all[0].rows, 100U) << "of training rows";
  EXPECT_EQ(all[0].sentence,
            "the feature \"x\" alone tells \"y\" = 'true' from all else, with an AUC of 1.0000 on 100 rows (0.99 is "
            "told): look at when its values are written, and leave it out of the features if they are not yet known "
            "when a prediction is made");
  EXPECT_EQ(all[0].query,
            "SELECT \"y\", count(*) AS all_rows, count(\"x\") AS not_null, min(\"x\"), avg(\"x\"), max(\"x\") FROM "
            "(\nTABLE t\n) AS q WHERE \"y\" IS NOT NULL GROUP BY \"y\" ORDER BY \"y\"");
  model.data.leakage.reset();
  EXPECT_TRUE(of(table, 100).empty());
}

TEST_F(LeakageFindings, AreOfTheModelsOwnFeatures) {
  const Table table = table_of(Task::binary, boolean("y"), number("x"), 200, [](std::size_t i) {
    return Row{zero_or_one(i), zero_or_one(i)};
  });
  model.features = {"other"};
  EXPECT_TRUE(of(table, 200).empty()) << "x is there for production, which still knows it";
}

TEST_F(LeakageFindings, DoNotLookAtTheHoldout) {
  Random random(2);
  const Table table = table_of(Task::binary, boolean("y"), number("x"), 400, [&](std::size_t i) {
    return Row{zero_or_one(i), i < 200 ? random.uniform() : zero_or_one(i)};
  });
  EXPECT_TRUE(of(table, 200).empty());
}

}  // namespace
}  // namespace retraind::data
