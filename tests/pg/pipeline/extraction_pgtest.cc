// Rows read from a real source, sampled, bounded and kept, and read once more from what was kept.
#include "core/pipeline/extraction.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/data/sampling.h"
#include "core/pipeline/kept_data.h"
#include "core/settings/forms.h"
#include "core/source/source.h"
#include "tests/support/test_database.h"

namespace retraind::pipeline {
namespace {

class ExtractionTest : public ::testing::Test {
 protected:
  ExtractionTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "retraind-extraction-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder = pattern;
    database.exec(
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');"
        "CREATE TABLE t (ts timestamptz, n numeric, b boolean, word text, m mood, day date, u uuid, w real, y int);"
        "INSERT INTO t SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 minute', i / 7.0, i % 3 = 0, "
        "CASE WHEN i % 5 = 0 THEN NULL ELSE 'word ' || i % 11 END, (ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::mood, "
        "date '2026-01-01' + i, md5(i::text)::uuid, 1 + i % 4, i % 2 FROM generate_series(1, 9000) i");
    model.name = "m";
    model.query = "SELECT ts, n, b, word, m, w, y FROM t";
    model.time_column = "ts";
    model.label = "y";
    model.weight = "w";
  }
  ~ExtractionTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  settings::Source source() const {
    return {.name = "data", .conninfo = database.conninfo(), .statement_timeout = std::chrono::minutes(1)};
  }
  source::SourceReader reader() const { return {source(), "test"}; }
  Extraction extract(const ExtractionWishes& wishes = {.keep = std::nullopt, .on_rows = {}}) {
    source::SourceReader source = reader();
    const auto columns = source.describe(model.query);
    const data::Roles roles = data::assign_roles(columns, model);
    const Extent extent = training_extent(source, model, columns[roles.time], newest);
    return extract_rows(source, model, columns, roles, extent, wishes);
  }

  testing::TestDatabase database;
  settings::Model model;
  std::filesystem::path folder;
  EventTime newest = to_event_time(*parse_instant("2026-01-07T06:00:00Z"));
};

bool same_floats(const std::vector<float>& one, const std::vector<float>& other) {
  return one.size() == other.size() && std::equal(one.begin(), one.end(), other.begin(), [](float a, float b) {
           return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
         });
}

void expect_same_table(const data::Table& one, const data::Table& other) {
  ASSERT_EQ(one.rows, other.rows);
  EXPECT_EQ(one.event_times, other.event_times);
  EXPECT_EQ(one.row_keys, other.row_keys);
  EXPECT_EQ(one.label.values, other.label.values);
  EXPECT_EQ(one.label.levels, other.label.levels);
  EXPECT_EQ(one.weights, other.weights);
  ASSERT_EQ(one.features.size(), other.features.size());
  for (std::size_t i = 0; i < one.features.size(); ++i) {
    EXPECT_EQ(one.features[i].name, other.features[i].name);
    EXPECT_EQ(one.features[i].sql_type, other.features[i].sql_type);
    if (const auto* numbers = std::get_if<data::NumberColumn>(&one.features[i].values)) {
      EXPECT_TRUE(same_floats(numbers->values, std::get<data::NumberColumn>(other.features[i].values).values));
    } else {
      const auto& texts = std::get<data::CategoryColumn>(one.features[i].values);
      const auto& others = std::get<data::CategoryColumn>(other.features[i].values);
      EXPECT_EQ(texts.codes, others.codes);
      EXPECT_EQ(texts.levels, others.levels);
    }
  }
}

TEST_F(ExtractionTest, KeepsRowsThatGiveTheSameTableAndTheSameSha256) {
  const std::filesystem::path file = folder / kKeptDataFile;
  const Extraction read = extract({.keep = file, .on_rows = {}});
  EXPECT_EQ(read.table.rows, 9000u);
  const Extraction again = extract_kept(file, model, read.extent, read.schema);
  EXPECT_EQ(again.data_sha256, read.data_sha256);
  EXPECT_EQ(again.stats.rows, read.stats.rows);
  EXPECT_EQ(again.label_type, read.label_type);
  EXPECT_EQ(again.time_column, "ts");
  expect_same_table(read.table, again.table);
}

TEST_F(ExtractionTest, KeepsAllRowsOfASampleSoThatItIsDrawnAgain) {
  model.training.sample_rows = 3000;
  const std::filesystem::path file = folder / kKeptDataFile;
  const Extraction read = extract({.keep = file, .on_rows = {}});
  const Extraction again = extract_kept(file, model, read.extent, read.schema);
  EXPECT_EQ(again.data_sha256, read.data_sha256);
  expect_same_table(read.table, again.table);
}

TEST_F(ExtractionTest, ReadsTheSameRowsByAnyNumberOfStreams) {
  // Words and labels that only some parts hold, and many rows at one time.
  database.exec(
      "INSERT INTO t SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 minute', i / 7.0, i % 3 = 0, "
      "'word ' || i / 5000, 'ok', date '2026-01-01', md5(i::text)::uuid, 1 + i % 4, i % 2 FROM generate_series(9001, "
      "60000) i;"
      "UPDATE t SET ts = '2026-01-20 00:00+00' WHERE ts BETWEEN '2026-01-20 00:00+00' AND '2026-01-20 10:00+00';"
      "ANALYZE t");
  newest = to_event_time(*parse_instant("2026-02-11T16:00:00Z"));
  settings::Source many = source();
  for (const char* window : {"all", "20d", "30000 rows"}) {
    for (const std::uint64_t sample : {std::uint64_t{0}, std::uint64_t{5000}}) {
      SCOPED_TRACE(fmt::format("{}, sample {}", window, sample));
      model.training.window = *settings::parse_window(window);
      model.training.sample_rows = sample == 0 ? std::nullopt : std::optional(sample);
      const Extraction one = extract();
      for (const int streams : {2, 3, 8}) {
        many.streams = streams;
        std::set<std::thread::id> threads;
        std::uint64_t told = 0;
        const Extraction read = extract({.keep = std::nullopt,
                                         .on_rows =
                                             [&](std::uint64_t rows) {
                                               threads.insert(std::this_thread::get_id());
                                               EXPECT_GT(rows, std::exchange(told, rows));
                                             },
                                         .streams = FurtherStreams{.source = many, .application_name = "test"}});
        EXPECT_EQ(told, read.stats.rows);
        EXPECT_EQ(read.stats.rows, one.stats.rows);
        EXPECT_EQ(read.data_sha256, one.data_sha256);
        expect_same_table(one.table, read.table);
        // The newest so many rows are found by one statement.
        const bool splits = std::string_view(window) != "30000 rows";
        EXPECT_EQ(threads.size() > 1, splits) << streams;
      }
    }
  }
}

TEST_F(ExtractionTest, RefusesKeptDataThatAreCutOrChanged) {
  const std::filesystem::path file = folder / kKeptDataFile;
  const Extraction read = extract({.keep = file, .on_rows = {}});
  const auto size = std::filesystem::file_size(file);
  for (const std::uintmax_t length : {size - 1, size - 2, size / 2, std::uintmax_t{40}, std::uintmax_t{3}}) {
    std::filesystem::copy_file(file, folder / "cut", std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(folder / "cut", length);
    EXPECT_THROW(extract_kept(folder / "cut", model, read.extent, read.schema), DataError) << length << " of " << size;
  }
  std::fstream changed(file, std::ios::in | std::ios::out | std::ios::binary);
  changed.seekp(static_cast<std::streamoff>(size) - 40);
  changed.put('\x7f');
  changed.close();
  try {
    EXPECT_NE(extract_kept(file, model, read.extent, read.schema).data_sha256, read.data_sha256);
  } catch (const DataError&) {
    // It no longer is a stream at all.
  }
}

TEST_F(ExtractionTest, RefusesKeptDataOfAnotherConfiguration) {
  const std::filesystem::path file = folder / kKeptDataFile;
  const Extraction read = extract({.keep = file, .on_rows = {}});
  model.features = {"n", "b"};
  EXPECT_THROW(extract_kept(file, model, read.extent, read.schema), DataError);
}

TEST_F(ExtractionTest, DrawsTheSameSampleWhateverOrderRowsComeIn) {
  model.training.sample_rows = 2000;
  const Extraction one = extract();
  EXPECT_NEAR(static_cast<double>(one.table.rows), 2000, 200) << "five standard deviations of a binomial draw";
  EXPECT_EQ(one.stats.rows, 9000u) << "the sha256 is of all rows read";
  database.exec(
      "CREATE TABLE other AS SELECT * FROM t ORDER BY md5(ts::text); DROP TABLE t; ALTER TABLE other RENAME TO t");
  const Extraction other = extract();
  EXPECT_EQ(one.data_sha256, other.data_sha256);
  expect_same_table(one.table, other.table);
  model.training.seed = 2;
  EXPECT_NE(extract().table.row_keys, one.table.row_keys);
}

TEST_F(ExtractionTest, ReadsASmallerWindowThanTheSampleWhole) {
  model.training.sample_rows = 9000;
  const Extraction read = extract();
  EXPECT_EQ(read.extent.sample_share, 1);
  EXPECT_EQ(read.table.rows, 9000u);
}

TEST_F(ExtractionTest, BeginsWithTheRowThatSinceNames) {
  model.training.since = settings::Since{TimeAxis::instant, to_event_time(*parse_instant("2026-01-02T00:00:00Z"))};
  const Extraction read = extract();
  EXPECT_EQ(read.table.event_times.front(), model.training.since->from);
  EXPECT_EQ(read.table.rows, 9000u - 1439u);
  model.training.window = settings::WindowDuration{std::chrono::hours(1)};
  EXPECT_EQ(extract().table.rows, 60u) << "the narrower of the two counts";
}

TEST_F(ExtractionTest, RefusesASinceOfAnotherAxis) {
  model.training.since = settings::Since{TimeAxis::number, 1200};
  EXPECT_THROW(extract(), DataError);
}

TEST_F(ExtractionTest, SaysWhenNoRowIsLabelled) {
  database.exec("UPDATE t SET y = NULL");
  EXPECT_THROW(extract(), DataError);
}

TEST_F(ExtractionTest, TellsHowManyRowsHaveCome) {
  std::vector<std::uint64_t> told;
  extract({.keep = std::nullopt, .on_rows = [&](std::uint64_t rows) { told.push_back(rows); }});
  ASSERT_GT(told.size(), 1u);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), 9000u);
}

}  // namespace
}  // namespace retraind::pipeline
