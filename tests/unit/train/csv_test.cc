#include "core/train/csv.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>
#include <sstream>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/train/utf8.h"
#include "tests/unit/train/synthetic.h"

namespace retraind::train {
namespace {

using Records = std::vector<std::vector<std::string>>;

Records records_of(const std::string& text) {
  std::istringstream in(text);
  CsvReader reader(in, "rows.csv");
  Records out;
  std::vector<std::string_view> fields;
  while (reader.next(fields)) out.emplace_back(fields.begin(), fields.end());
  return out;
}

// What the reader says of a text, or that it says nothing.
std::string complaint_about(const std::string& text) {
  try {
    records_of(text);
  } catch (const DataError& error) {
    return error.what();
  }
  return "nothing";
}

// RFC 4180, section 2, one rule after the other.
TEST(CsvReader, ReadsWhatTheStandardDescribes) {
  EXPECT_EQ(records_of("aaa,bbb\r\nzzz,yyy\r\n"), (Records{{"aaa", "bbb"}, {"zzz", "yyy"}}));
  EXPECT_EQ(records_of("aaa,bbb\nzzz,yyy"), (Records{{"aaa", "bbb"}, {"zzz", "yyy"}}));
  EXPECT_EQ(records_of("\"aaa\",\"b \r\nbb\",\"ccc\"\r\nzzz,yyy,xxx"),
            (Records{{"aaa", "b \r\nbb", "ccc"}, {"zzz", "yyy", "xxx"}}));
  EXPECT_EQ(records_of("\"aaa\",\"b\"\"bb\",\"ccc\""), (Records{{"aaa", "b\"bb", "ccc"}}));
  EXPECT_EQ(records_of(" a , b \n"), (Records{{" a ", " b "}}));
  EXPECT_EQ(records_of(",\n\"\",\n"), (Records{{"", ""}, {"", ""}}));
  EXPECT_EQ(records_of(""), Records{});
  EXPECT_EQ(records_of("\n\n"), (Records{{""}, {""}}));
  EXPECT_EQ(records_of("a\r"), (Records{{"a"}}));
}

TEST(CsvReader, SkipsAByteOrderMarkAndNothingElseThatBeginsLikeOne) {
  EXPECT_EQ(records_of("\xEF\xBB\xBF"
                       "a,b\n1,2\n"),
            (Records{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(records_of("\xEF\xBB\xBF\"a\",b\n"), (Records{{"a", "b"}}));
  EXPECT_EQ(records_of("\xEF\xBF\xBD,b\n"), (Records{{"\xEF\xBF\xBD", "b"}}));
  EXPECT_EQ(records_of("b,a\n\xEF\xBB\xBF,x\n"), (Records{{"b", "a"}, {"\xEF\xBB\xBF", "x"}}));
}

TEST(CsvReader, SaysTheLineOfWhatItCannotRead) {
  EXPECT_EQ(complaint_about("a,b\n1,2\n3\n"), "line 3 of rows.csv has 1 fields, and the first line has 2");
  EXPECT_EQ(complaint_about("a,b\n\"1\n\",2\n3,4,5\n"), "line 4 of rows.csv has 3 fields, and the first line has 2");
  EXPECT_EQ(complaint_about("a\nb\"c\n"), "line 2 of rows.csv has a quote inside a field that does not begin with one");
  EXPECT_EQ(complaint_about("a\n\"b\"c\n"),
            "line 2 of rows.csv has something behind a closing quote; a quote inside a field is written twice");
  EXPECT_EQ(complaint_about("a\n\"b\n\n\n"), "line 2 of rows.csv begins a record with a quote that is not closed");
  EXPECT_EQ(complaint_about("a\nb\rc\n"),
            "line 2 of rows.csv has a carriage return in the middle; put the field in quotes");
  EXPECT_EQ(complaint_about("a\n\"b\"\rc\n"),
            "line 2 of rows.csv has a carriage return in the middle; put the field in quotes");
  EXPECT_EQ(complaint_about("a\n\xC3(\n"), "line 2 of rows.csv holds bytes that are not UTF-8");
  EXPECT_EQ(complaint_about("\xEF,\n"), "line 1 of rows.csv holds bytes that are not UTF-8");
  EXPECT_EQ(complaint_about("\xEF"), "line 1 of rows.csv holds bytes that are not UTF-8");
  // Two halves of a character do not make one across a comma.
  EXPECT_EQ(complaint_about("a,b\n\xC3,\xA9\n"), "line 2 of rows.csv holds bytes that are not UTF-8");
}

TEST(CsvReader, HoldsNoMoreThanOneBoundedRecord) {
  const auto first = [](const std::string& text) {
    std::istringstream in(text);
    CsvReader reader(in, "rows.csv", 1024);
    std::vector<std::string_view> fields;
    reader.next(fields);
    return fields.size() + fields.front().size();
  };
  EXPECT_EQ(first(std::string(1023, 'x')), 1024u);
  for (const std::string& text : {std::string(1024, 'x'), "\"" + std::string(2000, '\n'), std::string(1024, ',')}) {
    try {
      first(text);
      ADD_FAILURE() << text.front();
    } catch (const DataError& error) {
      EXPECT_STREQ(error.what(), "line 1 of rows.csv begins a record of more than 1 KiB: is a quote not closed?");
    }
  }
}

TEST(Csv, ReadsBackAnyTextThatItWrote) {
  Random random(7);
  constexpr std::string_view kLetters = "a\",\n\r; é";
  for (int round = 0; round < 2000; ++round) {
    Records wanted(1 + random.below(3));
    const std::size_t width = 1 + random.below(4);
    std::string text;
    for (auto& record : wanted) {
      for (std::size_t i = 0; i < width; ++i) {
        std::string field;
        for (std::size_t n = random.below(5); n > 0; --n) {
          const std::size_t at = random.below(8);
          field += at == 7 ? "é" : std::string(1, kLetters[at]);
        }
        record.push_back(field);
      }
      append_csv_record(text, {record.begin(), record.end()});
    }
    ASSERT_EQ(records_of(text), wanted) << text;
  }
}

// Unicode 15.0, table 3-7, and the examples of section 3.9 (D92).
TEST(Utf8, IsWellFormedOrNot) {
  for (const char* good :
       {"", "a", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x9F\x80", "\xED\xA0\x80", "\xF0\x8F\x80\x80", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xC2", "\xE0\xA0", "\xF0\x90\x80", "\xC2(", "\xFE", "\xFF"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, ShowsWhatIsNoneAsItsBytes) {
  EXPECT_EQ(well_formed(""), "");
  EXPECT_EQ(well_formed("plain, \u00e9 and \U0001F600"), "plain, \u00e9 and \U0001F600");
  EXPECT_EQ(well_formed("unknown objective \xff\xc3("), "unknown objective \\xff\\xc3(");
  EXPECT_EQ(well_formed(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(well_formed("cut off \xe2\x82"), "cut off \\xe2\\x82");
}

TrainingJob small_job(Task task) {
  TrainingJob job;
  job.task = task;
  job.features = {number_feature("price"),
                  {"open", data::ValueType::boolean, "boolean", {}},
                  {"area", data::ValueType::category, "text", {"", "east, \"old\"", "west"}}};
  if (task == Task::binary) job.class_labels = {"no", "yes, or so"};
  if (task == Task::multiclass) job.class_labels = {"a", "b", "c"};
  job.classes = job.class_labels.size();
  job.label = "y";
  return job;
}

std::string written(const data::Matrix& features, const TrainingJob& job, const std::vector<float>& labels,
                    const std::vector<float>& weights) {
  std::ostringstream out;
  write_csv(out, features, job, labels, weights);
  return out.str();
}

TEST(WriteCsv, SpellsEveryKindOfValue) {
  const data::Matrix features{4, 3, {0.1F, 1, 0, -2, 0, 1, kMissing, kMissing, kMissing, 16777216, 0.5F, 2}};
  EXPECT_EQ(written(features, small_job(Task::binary), {0, 1, 0, 1}, {1, 0.25F, 0, 3}),
            "price,open,area,y,weight\n"
            "0.1,true,\"\",no,1\n"
            "-2,false,\"east, \"\"old\"\"\",\"yes, or so\",0.25\n"
            ",,,no,0\n"
            "16777216,0.5,west,\"yes, or so\",3\n");
  EXPECT_EQ(written({1, 3, {1, 1, 2}}, small_job(Task::regression), {-0.75F}, {}),
            "price,open,area,y\n1,true,west,-0.75\n");
  EXPECT_EQ(written({1, 3, {1, 1, 2}}, small_job(Task::regression), {}, {}), "price,open,area\n1,true,west\n");
}

TEST(WriteCsv, WritesNumbersThatReadBackToTheSameFloat) {
  TrainingJob job;
  job.features = {number_feature("x")};
  data::Matrix features{0, 1, {FLT_MAX, -FLT_MAX, FLT_MIN, std::numeric_limits<float>::denorm_min(), 1.0F / 3}};
  Random random(3);
  for (int i = 0; i < 20000; ++i) {
    features.values.push_back(static_cast<float>(std::exp(20 * random.normal()) * (random.below(2) == 0 ? 1 : -1)));
  }
  features.rows = features.values.size();
  const Records records = records_of(written(features, job, {}, {}));
  ASSERT_EQ(records.size(), features.rows + 1);
  for (std::size_t i = 0; i < features.rows; ++i) {
    ASSERT_EQ(std::strtof(records[i + 1].front().c_str(), nullptr), features.values[i]) << records[i + 1].front();
  }
}

TEST(WriteCsv, LeavesNoEmptyLineWhichReadersSkip) {
  TrainingJob job;
  job.features = {number_feature("x")};
  EXPECT_EQ(written({2, 1, {kMissing, 1}}, job, {}, {}), "x\n\"\"\n1\n");
}

TEST(WriteCsv, GivesTheWeightsANameOfTheirOwn) {
  TrainingJob job = small_job(Task::binary);
  EXPECT_EQ(weight_column(job), "weight");
  job.features.push_back(number_feature("weight"));
  EXPECT_EQ(weight_column(job), "weight (weight)");
  job.label = "weight (weight)";
  EXPECT_EQ(weight_column(job), "weight (weight) (weight)");
}

std::vector<double> predictions(const std::string& text, std::size_t rows, Task task) {
  std::istringstream in(text);
  return read_predictions(in, rows, small_job(task));
}

std::string refusal(const std::string& text, std::size_t rows, Task task) {
  try {
    predictions(text, rows, task);
  } catch (const DataError& error) {
    return error.message_with_hint();
  }
  return "nothing";
}

TEST(ReadPredictions, TakesEveryFormOfTheContract) {
  EXPECT_EQ(predictions("prediction\n-1.5\n2e3\n", 2, Task::regression), (std::vector<double>{-1.5, 2000}));
  EXPECT_EQ(predictions("prediction\r\n0\r\n1\r\n", 2, Task::binary), (std::vector<double>{0, 1}));
  EXPECT_EQ(predictions("\"p_yes, or so\"\n0.25\n", 1, Task::binary), (std::vector<double>{0.25}));
  EXPECT_EQ(predictions("\"p_yes, or so\",p_no\n0.25,0.75\n", 1, Task::binary), (std::vector<double>{0.25}));
  EXPECT_EQ(predictions("p_no,\"p_yes, or so\"\n0.25,0.75\n", 1, Task::binary), (std::vector<double>{0.75}));
  EXPECT_EQ(predictions("p_c,p_a,p_b\n0.5,0.3,0.2\n0.333333,0.333333,0.333333\n", 2, Task::multiclass),
            (std::vector<double>{0.3, 0.2, 0.5, 0.333333, 0.333333, 0.333333}));
  EXPECT_EQ(predictions("\"prediction\"\n\" 0.5\t\"\n", 1, Task::binary), (std::vector<double>{0.5}));
  EXPECT_EQ(predictions("prediction\n1e-400\n", 1, Task::binary), (std::vector<double>{0}));
}

TEST(ReadPredictions, RefusesWhatCannotBeTrueAndSaysWhere) {
  EXPECT_EQ(refusal("prediction\n0.5\nnan\n", 2, Task::binary),
            "row 2 of predictions.csv says \"nan\", which is not finite");
  EXPECT_EQ(refusal("prediction\n-inf\n", 1, Task::regression),
            "row 1 of predictions.csv says \"-inf\", which is not finite");
  EXPECT_EQ(refusal("prediction\n1e999\n", 1, Task::regression),
            "row 1 of predictions.csv says \"1e999\", which is not finite");
  EXPECT_EQ(refusal("prediction\n1" + std::string(400, '0') + "\n", 1, Task::regression),
            "row 1 of predictions.csv says \"1" + std::string(59, '0') + "…\", which is not finite");
  EXPECT_EQ(refusal("prediction\n1.2\n", 1, Task::binary),
            "row 1 of predictions.csv says \"1.2\", and a probability is between 0 and 1");
  EXPECT_EQ(refusal("prediction\n-0.1\n", 1, Task::binary),
            "row 1 of predictions.csv says \"-0.1\", and a probability is between 0 and 1");
  EXPECT_EQ(refusal("prediction\nyes\n", 1, Task::binary), "row 1 of predictions.csv says \"yes\", which is no number");
  EXPECT_EQ(refusal("prediction\n0x1p-1\n", 1, Task::binary),
            "row 1 of predictions.csv says \"0x1p-1\", which is no number");
  EXPECT_EQ(refusal("prediction\n0,5\n", 1, Task::binary),
            "line 2 of predictions.csv has 2 fields, and the first line has 1");
  EXPECT_EQ(refusal("prediction\n\n", 1, Task::binary), "row 1 of predictions.csv has no value");
  EXPECT_EQ(refusal("p_a,p_b,p_c\n0.5,0.3,0.1\n", 1, Task::multiclass),
            "row 1 of predictions.csv adds up to 0.9 over its classes, and not to 1");
  EXPECT_EQ(refusal("p_no,\"p_yes, or so\"\n0.5,0.6\n", 1, Task::binary),
            "row 1 of predictions.csv adds up to 1.1 over its classes, and not to 1");
}

TEST(ReadPredictions, CountsTheRows) {
  const std::string hint = " (write one row for each row of features.csv, in its order, below a header)";
  EXPECT_EQ(refusal("prediction\n0.5\n", 2, Task::binary),
            "predictions.csv has 1 rows, and there were 2 to predict" + hint);
  EXPECT_EQ(refusal("prediction\n0.5\n0.5\n0.5\n", 2, Task::binary),
            "predictions.csv has 3 rows, and there were 2 to predict" + hint);
}

TEST(ReadPredictions, SaysWhichColumnsItNeeds) {
  const std::string binary = " (it needs one column, prediction, or the columns p_no, p_yes, or so)";
  EXPECT_EQ(refusal("", 1, Task::binary),
            "predictions.csv is empty (it needs a header and one column, prediction, or the columns p_no, p_yes, or "
            "so)");
  EXPECT_EQ(refusal("0.5\n", 1, Task::binary), "predictions.csv has the column \"0.5\"" + binary);
  EXPECT_EQ(refusal("p_no\n0.5\n", 1, Task::binary), "predictions.csv lacks the column \"p_yes, or so\"" + binary);
  EXPECT_EQ(refusal("prediction,id\n0.5,7\n", 1, Task::binary),
            "predictions.csv has other columns beside prediction" + binary);
  const std::string multiclass = " (it needs the columns p_a, p_b, p_c)";
  EXPECT_EQ(refusal("prediction\n0.5\n", 1, Task::multiclass),
            "predictions.csv has the column \"prediction\"" + multiclass);
  EXPECT_EQ(refusal("p_a,p_b\n0.5,0.5\n", 1, Task::multiclass),
            "predictions.csv lacks the column \"p_c\"" + multiclass);
  EXPECT_EQ(refusal("p_a,p_b,p_c,p_a\n0,0,1,0\n", 1, Task::multiclass),
            "predictions.csv has the column \"p_a\" twice" + multiclass);
  EXPECT_EQ(refusal("p_no\n0.5\n", 1, Task::regression),
            "predictions.csv has the column \"p_no\" (it needs one column, prediction)");
}

}  // namespace
}  // namespace retraind::train
