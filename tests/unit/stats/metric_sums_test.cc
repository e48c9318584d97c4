#include "core/stats/metric_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/random.h"

namespace retraind::stats {
namespace {

using Numbers = std::vector<double>;

struct Rows {
  Task task = Task::binary;
  std::size_t classes = 0;
  Numbers labels;
  Numbers predictions;

  Scored scored() const { return {.task = task, .classes = classes, .labels = labels, .predictions = predictions}; }
  Scored scored(std::size_t from, std::size_t to) const {
    const std::size_t width = task == Task::multiclass ? classes : 1;
    return {.task = task,
            .classes = classes,
            .labels = std::span(labels).subspan(from, to - from),
            .predictions = std::span(predictions).subspan(from * width, (to - from) * width)};
  }
};

// A calibrated model whose log-odds are normal; every 50th row is of a class it cannot know.
Rows binary_rows(std::size_t rows, std::uint64_t seed, double spread = 1.5, bool unknown = true) {
  Random random(seed);
  Rows out;
  for (std::size_t i = 0; i < rows; ++i) {
    const double p = 1 / (1 + std::exp(-spread * random.normal() + 0.5));
    out.predictions.push_back(p);
    out.labels.push_back(unknown && i % 50 == 7 ? -1 : random.uniform() < p ? 1 : 0);
  }
  return out;
}

Rows multiclass_rows(std::size_t rows, std::uint64_t seed) {
  Random random(seed);
  Rows out{.task = Task::multiclass, .classes = 4, .labels = {}, .predictions = {}};
  for (std::size_t i = 0; i < rows; ++i) {
    Numbers p;
    double sum = 0;
    for (int c = 0; c < 4; ++c) sum += p.emplace_back(random.uniform() * (c == 3 ? 0.2 : 1));
    for (const double one : p) out.predictions.push_back(one / sum);
    out.labels.push_back(i % 60 == 3 ? -1 : static_cast<double>(random.below(3)));
  }
  return out;
}

Rows regression_rows(std::size_t rows, std::uint64_t seed, double level = 0) {
  Random random(seed);
  Rows out{.task = Task::regression, .classes = 0, .labels = {}, .predictions = {}};
  for (std::size_t i = 0; i < rows; ++i) {
    out.labels.push_back(level + 3 * random.normal());
    out.predictions.push_back(out.labels.back() + random.normal());
  }
  return out;
}

// In parts of uneven sizes, with an empty one and one of a single row among them.
std::vector<MetricSums> parts_of(const Rows& rows) {
  std::vector<MetricSums> parts{MetricSums()};
  std::size_t from = 0;
  for (std::size_t size = 1; from < rows.labels.size(); size = size * 2 + 3) {
    const std::size_t to = std::min(rows.labels.size(), from + size);
    parts.push_back(MetricSums::of(rows.scored(from, to)));
    from = to;
  }
  return parts;
}

MetricSums total_of(const std::vector<MetricSums>& parts) {
  MetricSums total;
  for (const MetricSums& part : parts) total.add(part);
  return total;
}

// Every metric that adds up as evaluate() has it; `auc_error` is what the area may be off.
void expect_as_evaluated(const MetricSums& sums, const Scored& scored, double auc_error) {
  EXPECT_EQ(sums.rows(), scored.rows());
  for (std::size_t i = 0; i < words_of<Metric>().size(); ++i) {
    const auto metric = static_cast<Metric>(i);
    const auto value = sums.value(metric);
    if (!applies_to(metric, scored.task) || !adds_up(metric)) {
      EXPECT_FALSE(value.has_value()) << to_text(metric);
      continue;
    }
    const auto exact = evaluate(metric, scored);
    ASSERT_EQ(value.has_value(), exact.has_value()) << to_text(metric);
    if (!exact) continue;
    const double allowed = metric == Metric::auc ? auc_error : 1e-12 * std::max(1.0, std::fabs(*exact));
    EXPECT_NEAR(*value, *exact, allowed) << to_text(metric);
  }
}

TEST(MetricSums, GiveEveryMetricOfAllRowsFromTheSumsOfTheirParts) {
  for (const Rows& rows : {binary_rows(5000, 1), multiclass_rows(5000, 2), regression_rows(5000, 3)}) {
    expect_as_evaluated(total_of(parts_of(rows)), rows.scored(), 1e-5);
    expect_as_evaluated(MetricSums::of(rows.scored()), rows.scored(), 1e-5);
  }
}

TEST(MetricSums, KeepTheirDigitsFarFromZero) {
  // Squares of labels around 1e9 would leave none of the digits of a spread of 3.
  const Rows rows = regression_rows(3000, 4, 1e9);
  const MetricSums sums = total_of(parts_of(rows));
  EXPECT_NEAR(*sums.value(Metric::r2), *evaluate(Metric::r2, rows.scored()), 1e-9);
}

TEST(MetricSums, TakeRowsOfUnknownClassAsEvaluateDoes) {
  const Rows all_unknown{.task = Task::binary, .classes = 0, .labels = {-1, -1, -1}, .predictions = {0.9, 0.2, 0.5}};
  expect_as_evaluated(MetricSums::of(all_unknown.scored()), all_unknown.scored(), 0);
  // The unknown one counts as a positive below every negative, whatever its score.
  const Rows one{.task = Task::binary, .classes = 0, .labels = {-1, 0, 1}, .predictions = {1, 0, 0.7}};
  EXPECT_EQ(MetricSums::of(one.scored()).value(Metric::auc), 0.5);
  expect_as_evaluated(MetricSums::of(one.scored()), one.scored(), 0);
  const Rows of_many{.task = Task::multiclass,
                     .classes = 3,
                     .labels = {-1, 2, -1},
                     .predictions = {0.1, 0.8, 0.1, 0, 0, 1, 0.5, 0.5, 0}};
  expect_as_evaluated(MetricSums::of(of_many.scored()), of_many.scored(), 0);
}

TEST(MetricSums, LeaveUndefinedWhatEvaluateLeavesUndefined) {
  const Rows one_class{.task = Task::binary, .classes = 0, .labels = {0, 0}, .predictions = {0.4, 0.9}};
  EXPECT_FALSE(MetricSums::of(one_class.scored()).value(Metric::auc).has_value());
  expect_as_evaluated(MetricSums::of(one_class.scored()), one_class.scored(), 0);
  // The mean of three times 0.1 is not 0.1 in doubles; the label is constant all the same.
  const Rows constant{
      .task = Task::regression, .classes = 0, .labels = {0.1, 0.1, 0.1}, .predictions = {0.4, 0.9, 0.1}};
  EXPECT_FALSE(total_of(parts_of(constant)).value(Metric::r2).has_value());
  const Rows none{.task = Task::regression, .classes = 0, .labels = {}, .predictions = {}};
  expect_as_evaluated(MetricSums::of(none.scored()), none.scored(), 0);
  EXPECT_FALSE(MetricSums().value(Metric::log_loss).has_value());
  EXPECT_FALSE(MetricSums().moments(Metric::log_loss).has_value());
  const Rows huge{.task = Task::regression, .classes = 0, .labels = {-1e300, 1e300}, .predictions = {1e300, -1e300}};
  EXPECT_FALSE(MetricSums::of(huge.scored()).value(Metric::rmse).has_value()) << "the square is no finite number";
  EXPECT_EQ(MetricSums::of(huge.scored()).value(Metric::mae), 2e300);
}

TEST(MetricSums, RankByCellsOfTheLogOddsCloselyEnough) {
  for (const double spread : {0.05, 0.3, 1.0, 3.0}) {
    const Rows rows = binary_rows(20000, 5, spread, false);
    EXPECT_NEAR(*MetricSums::of(rows.scored()).value(Metric::auc), *evaluate(Metric::auc, rows.scored()), 3e-4)
        << spread;
  }
  // Scores that are as certain as doubles allow keep their order, and ties stay ties.
  const Rows certain{.task = Task::binary,
                     .classes = 0,
                     .labels = {0, 0, 1, 0, 1, 1, 0, 1},
                     .predictions = {0, 1e-12, 1e-9, 1e-9, 0.5, 1 - 1e-9, 1 - 1e-12, 1}};
  EXPECT_DOUBLE_EQ(*MetricSums::of(certain.scored()).value(Metric::auc), *evaluate(Metric::auc, certain.scored()));
}

TEST(MetricSums, PutManyRowsIntoTheCellsThatFewAreSortedInto) {
  const Rows rows = binary_rows(5000, 6);
  MetricSums of_few;
  for (std::size_t from = 0; from < 5000; from += 500) of_few.add(MetricSums::of(rows.scored(from, from + 500)));
  const MetricSums of_many = MetricSums::of(rows.scored());
  EXPECT_EQ(of_many.value(Metric::auc), of_few.value(Metric::auc));
  EXPECT_EQ(of_many.value(Metric::f1), of_few.value(Metric::f1));
}

TEST(MetricSums, AreOffByAtMostHalfThePairsWithinACell) {
  // All within one cell: every pair is a tie.
  const Rows close{
      .task = Task::binary, .classes = 0, .labels = {0, 0, 1, 1}, .predictions = {0.5001, 0.5002, 0.5003, 0.5004}};
  EXPECT_EQ(evaluate(Metric::auc, close.scored()), 1.0);
  EXPECT_EQ(MetricSums::of(close.scored()).value(Metric::auc), 0.5);
}

TEST(MetricSums, KnowMeanDeviationAndLargestLossOfARow) {
  for (const Rows& rows : {binary_rows(700, 6), multiclass_rows(700, 7), regression_rows(700, 8)}) {
    const MetricSums sums = total_of(parts_of(rows));
    for (std::size_t i = 0; i < words_of<Metric>().size(); ++i) {
      const auto metric = static_cast<Metric>(i);
      const auto moments = sums.moments(metric);
      ASSERT_EQ(moments.has_value(), applies_to(metric, rows.task) && adds_up(metric) && is_mean_of_row_losses(metric));
      if (!moments) continue;
      const Numbers losses = row_losses(metric, rows.scored());
      double mean = 0;
      for (const double loss : losses) mean += loss / 700;
      double square = 0;
      for (const double loss : losses) square += (loss - mean) * (loss - mean) / 699;
      EXPECT_NEAR(moments->mean, mean, 1e-12);
      EXPECT_NEAR(moments->deviation, std::sqrt(square), 1e-11);
      EXPECT_EQ(moments->largest, *std::max_element(losses.begin(), losses.end())) << to_text(metric);
    }
  }
  const Rows single{.task = Task::regression, .classes = 0, .labels = {3}, .predictions = {5}};
  EXPECT_EQ(MetricSums::of(single.scored()).moments(Metric::mae)->deviation, 0);
}

TEST(MetricSums, DoNotAddAcrossTasks) {
  MetricSums binary = MetricSums::of(binary_rows(10, 1).scored());
  EXPECT_THROW(binary.add(MetricSums::of(regression_rows(10, 1).scored())), std::logic_error);
  Rows three = multiclass_rows(8, 1);
  three.classes = 8;
  three.labels.resize(4);
  MetricSums of_four = MetricSums::of(multiclass_rows(8, 1).scored());
  EXPECT_THROW(of_four.add(MetricSums::of(three.scored())), std::logic_error);
  binary.add(MetricSums());
  EXPECT_EQ(binary.rows(), 10u);
}

TEST(MetricSums, RefuseWhatIsNoPrediction) {
  const Rows bad{.task = Task::binary, .classes = 0, .labels = {0}, .predictions = {1.5}};
  EXPECT_THROW(MetricSums::of(bad.scored()), DataError);
  const Rows missing{.task = Task::regression, .classes = 0, .labels = {0, 1}, .predictions = {1}};
  EXPECT_THROW(MetricSums::of(missing.scored()), std::logic_error);
}

TEST(MetricSums, ComeBackFromTheirBytes) {
  const Rows huge{.task = Task::regression, .classes = 0, .labels = {-1e300, 1e300}, .predictions = {1e300, -1e300}};
  for (const Rows& rows : {binary_rows(900, 9), multiclass_rows(900, 10), regression_rows(900, 11), huge}) {
    const MetricSums sums = MetricSums::of(rows.scored());
    const MetricSums back = MetricSums::unpack(sums.pack());
    EXPECT_EQ(back.task(), rows.task);
    EXPECT_EQ(back.rows(), sums.rows());
    EXPECT_EQ(back.pack(), sums.pack());
    for (std::size_t i = 0; i < words_of<Metric>().size(); ++i) {
      EXPECT_EQ(back.value(static_cast<Metric>(i)), sums.value(static_cast<Metric>(i)));
    }
  }
  EXPECT_EQ(MetricSums::unpack(MetricSums().pack()).rows(), 0u);
  EXPECT_LT(MetricSums::of(binary_rows(10000, 12).scored()).pack().size(), 4000u) << "a day of rows stays small";
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    out += kDigits[value / 16];
    out += kDigits[value % 16];
  }
  return out;
}

TEST(MetricSums, AreWrittenInTheFormatThatIsStored) {
  // Put together from the description of the format: what is stored must be read for ever.
  const Rows regression{.task = Task::regression, .classes = 0, .labels = {1, 3}, .predictions = {2, 3}};
  EXPECT_EQ(hex(MetricSums::of(regression.scored()).pack()),
            "01020002000000000000f03f000000000000e03f000000000000f03f000000000000f03f0000000000001040000000000000004000"
            "0000000000f03f0000000000000840f32b1d91");
  const Rows binary{.task = Task::binary, .classes = 0, .labels = {0, 1}, .predictions = {.5, .5}};
  EXPECT_EQ(hex(MetricSums::of(binary.scored()).pack()),
            "01000002010000010000ef39fafe422ef63f0000000000000000ef39fafe422ee63f000000000000e03f0000000000000000000000"
            "000000d03f0181200101d0a829db");
}

TEST(MetricSums, CountRowsAtTheThreshold) {
  const Rows rows = binary_rows(500, 14);
  Scored scored = rows.scored();
  const MetricSums at_half = MetricSums::of(scored);
  scored.options.threshold = 0.2;
  const MetricSums sums = MetricSums::of(scored);
  expect_as_evaluated(sums, scored, 1e-3);
  EXPECT_NE(sums.value(Metric::f1), at_half.value(Metric::f1));
  EXPECT_NE(sums.moments(Metric::accuracy)->mean, at_half.moments(Metric::accuracy)->mean);
  EXPECT_EQ(sums.value(Metric::log_loss), at_half.value(Metric::log_loss));
}

TEST(MetricSums, CountEveryRowTheSameWhateverItWeighs) {
  for (const Rows& rows : {binary_rows(100, 15), multiclass_rows(100, 15), regression_rows(100, 15)}) {
    Numbers weights;
    for (int i = 0; i < 100; ++i) weights.push_back(i % 3);
    Scored scored = rows.scored();
    scored.weights = weights;
    EXPECT_EQ(MetricSums::of(scored).pack(), MetricSums::of(rows.scored()).pack());
  }
}

TEST(MetricSums, RefuseBytesThatWereNotWritten) {
  const std::string bytes = MetricSums::of(binary_rows(40, 13).scored()).pack();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(MetricSums::unpack(std::string_view(bytes).substr(0, size)), DataError) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    EXPECT_THROW(MetricSums::unpack(flipped), DataError) << at;
  }
  EXPECT_THROW(MetricSums::unpack(bytes + '\0'), DataError);
}

std::vector<std::uint32_t> days_of(std::size_t rows, std::size_t rows_a_day) {
  std::vector<std::uint32_t> days;
  for (std::size_t i = 0; i < rows; ++i) days.push_back(static_cast<std::uint32_t>(i / rows_a_day));
  return days;
}

std::vector<MetricSums> by_day(const Rows& rows, std::size_t rows_a_day) {
  std::vector<MetricSums> parts;
  for (std::size_t from = 0; from < rows.labels.size(); from += rows_a_day) {
    parts.push_back(MetricSums::of(rows.scored(from, std::min(rows.labels.size(), from + rows_a_day))));
  }
  return parts;
}

TEST(Jackknife, IsTheClusteredIntervalForMeansOverPartsOfOneSize) {
  const Rows rows = binary_rows(3000, 14);
  for (const Metric metric : {Metric::log_loss, Metric::brier}) {
    const auto jack = jackknife(by_day(rows, 100), metric, 0.95);
    const auto clustered = clustered_mean(row_losses(metric, rows.scored()), days_of(3000, 100), 0.95);
    EXPECT_NEAR(jack->estimate, clustered->estimate, 1e-12);
    EXPECT_NEAR(jack->standard_error, clustered->standard_error, 1e-12);
    EXPECT_NEAR(jack->low, clustered->low, 1e-12);
    EXPECT_NEAR(jack->high, clustered->high, 1e-12);
    EXPECT_NEAR(jack->inflation, clustered->inflation, 1e-10);
    EXPECT_EQ(jack->clusters, 30u);
    EXPECT_EQ(jack->method, "cluster_jackknife");
  }
  const auto accuracy = jackknife(by_day(rows, 100), Metric::accuracy, 0.95);
  const auto errors = clustered_mean(row_losses(Metric::accuracy, rows.scored()), days_of(3000, 100), 0.95);
  EXPECT_NEAR(accuracy->low, 1 - errors->high, 1e-12);
  EXPECT_NEAR(accuracy->high, 1 - errors->low, 1e-12);
}

TEST(Jackknife, StaysNearTheClusteredIntervalForPartsOfUnevenSizes) {
  const Rows rows = binary_rows(3000, 15);
  std::vector<MetricSums> parts;
  std::vector<std::uint32_t> clusters;
  for (std::size_t from = 0, size = 40; from < 3000; size = size == 40 ? 160 : 40) {
    const std::size_t to = std::min<std::size_t>(3000, from + size);
    clusters.resize(to, static_cast<std::uint32_t>(parts.size()));
    parts.push_back(MetricSums::of(rows.scored(from, to)));
    from = to;
  }
  const auto jack = jackknife(parts, Metric::log_loss, 0.95);
  const auto clustered = clustered_mean(row_losses(Metric::log_loss, rows.scored()), clusters, 0.95);
  EXPECT_NEAR(jack->standard_error / clustered->standard_error, 1, 0.05);
}

TEST(Jackknife, NeedsTwoPartsWithRows) {
  const MetricSums one = MetricSums::of(binary_rows(30, 16).scored());
  EXPECT_FALSE(jackknife({}, Metric::brier, 0.95).has_value());
  EXPECT_FALSE(jackknife(std::vector{one, MetricSums(), MetricSums()}, Metric::brier, 0.95).has_value());
  const auto two = jackknife(std::vector{one, MetricSums(), one}, Metric::brier, 0.95);
  EXPECT_EQ(two->clusters, 2u);
  EXPECT_FALSE(jackknife(std::vector{one, one}, Metric::mae, 0.95).has_value()) << "it does not apply";
  EXPECT_THROW(jackknife(std::vector{one, one}, Metric::brier, 1), std::logic_error);
}

TEST(Jackknife, LeavesOutAPartWithoutWhichTheMetricIsUndefined) {
  // Only the first part has positives: without it there is no area under the curve.
  const Rows both{.task = Task::binary, .classes = 0, .labels = {0, 1, 0, 1}, .predictions = {0.3, 0.6, 0.7, 0.8}};
  const Rows low{.task = Task::binary, .classes = 0, .labels = {0, 0}, .predictions = {0.1, 0.65}};
  const Rows high{.task = Task::binary, .classes = 0, .labels = {0, 0}, .predictions = {0.75, 0.2}};
  const MetricSums a = MetricSums::of(both.scored());
  const MetricSums b = MetricSums::of(low.scored());
  const MetricSums c = MetricSums::of(high.scored());
  const auto interval = jackknife(std::vector{a, b, c}, Metric::auc, 0.95);
  ASSERT_TRUE(interval.has_value());
  EXPECT_EQ(interval->clusters, 2u);
  EXPECT_EQ(interval->inflation, 1);
  EXPECT_FALSE(jackknife(std::vector{a, b}, Metric::auc, 0.95).has_value());
}

// Days with a luck of their own, of uneven sizes.
Rows clustered_days(Random& random, Task task, int days) {
  Rows out{.task = task, .classes = 0, .labels = {}, .predictions = {}};
  for (int day = 0; day < days; ++day) {
    const double luck = 0.4 * random.normal();
    const std::size_t rows = 30 + random.below(60);
    for (std::size_t i = 0; i < rows; ++i) {
      const double x = random.normal();
      if (task == Task::regression) {
        out.predictions.push_back(x);
        out.labels.push_back(x + luck + 0.8 * random.normal());
      } else {
        const double p = 1 / (1 + std::exp(-1.5 * x));
        out.predictions.push_back(p);
        out.labels.push_back(random.uniform() < 1 / (1 + std::exp(-1.5 * x - 2 * luck)) ? 1 : 0);
      }
    }
  }
  return out;
}

TEST(Jackknife, CoversTheTruthAboutAsOftenAsItSays) {
  struct Case {
    Task task;
    std::vector<Metric> metrics;
  };
  const std::vector<Case> cases = {
      {Task::binary, {Metric::accuracy, Metric::auc, Metric::f1, Metric::log_loss}},
      {Task::regression, {Metric::mae, Metric::rmse, Metric::r2}},
  };
  for (const Case& one : cases) {
    Random random(17);
    const MetricSums truth = MetricSums::of(clustered_days(random, one.task, 800).scored());
    std::vector<int> above(one.metrics.size());
    std::vector<int> below(one.metrics.size());
    const int samples = 100;
    for (int sample = 0; sample < samples; ++sample) {
      std::vector<MetricSums> parts;
      for (int day = 0; day < 20; ++day) parts.push_back(MetricSums::of(clustered_days(random, one.task, 1).scored()));
      for (std::size_t i = 0; i < one.metrics.size(); ++i) {
        const auto interval = jackknife(parts, one.metrics[i], 0.95);
        above[i] += interval->high > *truth.value(one.metrics[i]) ? 1 : 0;
        below[i] += interval->low < *truth.value(one.metrics[i]) ? 1 : 0;
      }
    }
    for (std::size_t i = 0; i < one.metrics.size(); ++i) {
      EXPECT_GT(above[i], 0.89 * samples) << to_text(one.metrics[i]);
      EXPECT_GT(below[i], 0.89 * samples) << to_text(one.metrics[i]);
    }
  }
}

}  // namespace
}  // namespace retraind::stats
