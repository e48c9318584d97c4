#include "core/pipeline/candidate.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "core/base/random.h"
#include "core/data/sampling.h"

namespace retraind::pipeline {
namespace {

// Numbers and texts, some of them missing; one label in ten is positive.
data::Table make_table(std::size_t rows) {
  Random random(17);
  data::Table table;
  table.rows = rows;
  data::NumberColumn numbers;
  data::CategoryColumn texts{.codes = {}, .levels = {"a", "b", "c"}};
  table.label = {"y", {}, {"no", "yes"}};
  for (std::size_t row = 0; row < rows; ++row) {
    table.event_times.push_back(static_cast<double>(row));
    table.row_keys.push_back(random.next());
    table.label.values.push_back(random.below(10) == 0 ? 1 : 0);
    numbers.values.push_back(random.below(20) == 0 ? std::nanf("") : static_cast<float>(random.normal()));
    texts.codes.push_back(static_cast<std::int32_t>(random.below(4)) - 1);
  }
  table.features.push_back({"x", "double precision", data::ValueType::number, std::move(numbers)});
  table.features.push_back({"t", "text", data::ValueType::category, std::move(texts)});
  return table;
}

// Bit by bit, since a missing value is not equal to itself.
std::vector<std::uint32_t> bits_of(const data::Matrix& matrix) {
  std::vector<std::uint32_t> out;
  for (const float value : matrix.values) out.push_back(std::bit_cast<std::uint32_t>(value));
  return out;
}

TEST(TrainingSet, MakesTheFeaturesOfAnyOfItsRowsAsTheWholeMatrixHasThem) {
  constexpr std::size_t kRows = 200000;
  const data::Table table = make_table(kRows);
  settings::Model model;
  std::vector<std::string> warnings;
  const RowRange range{1000, kRows - 500};
  const auto preparation = data::Preparation::fit(table, range.begin, range.end, model, warnings);
  const data::Matrix all = preparation.apply(table, 0, kRows);
  for (const bool all_rows : {true, false}) {
    settings::Training training;
    if (!all_rows) training.keep_majority = 0.05;
    const data::TrainingRows chosen = data::choose_training_rows(table, range.begin, range.end, preparation, training);
    const ChosenRows made = training_set(table, range, preparation, training);
    ASSERT_EQ(made.set.features.rows, chosen.rows.size());
    ASSERT_EQ(made.set.labels.size(), chosen.rows.size());
    EXPECT_EQ(made.labels.size(), range.end - range.begin);
    EXPECT_EQ(chosen.rows.size() == range.end - range.begin, all_rows);
    for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{0, chosen.rows.size()},
                                     {0, 1},
                                     {chosen.rows.size() - 7, chosen.rows.size()},
                                     {300, 20000}}) {
      data::Matrix expected{end - begin, 2, {}};
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t row = chosen.rows[i];
        expected.values.insert(expected.values.end(), {all.values[2 * row], all.values[2 * row + 1]});
        ASSERT_EQ(static_cast<double>(made.set.labels[i]), table.label.values[row]);
      }
      const data::Matrix piece = made.set.piece(begin, end);
      EXPECT_EQ(piece.rows, expected.rows);
      EXPECT_EQ(bits_of(piece), bits_of(expected)) << begin << " to " << end;
    }
  }
}

}  // namespace
}  // namespace retraind::pipeline
