#include "core/pipeline/predict_rows.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <sstream>

#include "core/base/error.h"
#include "core/data/table.h"

namespace retraind::pipeline {
namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

// Says what it is told to, and remembers what it was asked.
class Oracle : public train::Model {
 public:
  explicit Oracle(std::size_t outputs) : outputs_(outputs) {}
  std::vector<double> predict(const data::Matrix& features) const override {
    batches.push_back(features);
    std::vector<double> out;
    for (std::size_t i = 0; i < features.rows * outputs_; ++i) {
      out.push_back(answers.empty() ? 0.25 : answers[(said_++) % answers.size()]);
    }
    return out;
  }
  std::map<std::string, std::string> files() const override { return {}; }

  std::vector<double> answers;
  mutable std::vector<data::Matrix> batches;

 private:
  std::size_t outputs_;
  mutable std::size_t said_ = 0;
};

// A model of three features: price (a number), new (a boolean), colour (blue, green or red).
struct Scene {
  explicit Scene(Task task = Task::regression) {
    data::Table table;
    table.rows = 4;
    table.event_times = {1, 2, 3, 4};
    switch (task) {
      case Task::regression:
        table.label = {"y", {1, 2, 3, 4}, {}};
        break;
      case Task::binary:
        table.label = {"y", {0, 1, 0, 1}, {"no", "yes"}};
        break;
      case Task::multiclass:
        table.label = {"y", {0, 1, 2, 1}, {"high", "low", "mid, or so"}};
        break;
    }
    table.features.push_back({"price", "real", data::ValueType::number, data::NumberColumn{{1, 2, 3, 4}}});
    table.features.push_back({"new", "boolean", data::ValueType::boolean, data::NumberColumn{{0, 1, 0, 1}}});
    table.features.push_back(
        {"colour", "text", data::ValueType::category, data::CategoryColumn{{0, 1, 2, -1}, {"blue", "green", "red"}}});
    settings::Model model;
    model.task = task;
    std::vector<std::string> warnings;
    scorer.preparation = data::Preparation::fit(table, 0, 4, model, warnings);
    auto made = std::make_unique<Oracle>(task == Task::multiclass ? 3 : 1);
    oracle = made.get();
    scorer.model = std::move(made);
  }

  std::string predict(const std::string& rows) {
    std::istringstream in(rows);
    std::ostringstream out;
    predicted = predict_rows(scorer, in, out, wishes);
    return out.str();
  }
  // What was complained of, with the hint; empty when nothing was.
  std::string complaint(const std::string& rows) {
    try {
      predict(rows);
    } catch (const Error& error) {
      return error.message_with_hint();
    }
    return {};
  }
  // The only row of the only batch.
  std::vector<float> row_of(const std::string& rows) {
    oracle->batches.clear();
    predict(rows);
    EXPECT_EQ(oracle->batches.size(), 1u);
    return oracle->batches.at(0).values;
  }

  Scorer scorer;
  Oracle* oracle = nullptr;
  PredictWishes wishes;
  std::uint64_t predicted = 0;
};

TEST(PredictRows, FindsTheFeaturesByNameInAnyOrderAndPassesOverOthers) {
  Scene scene;
  const auto row = scene.row_of("id,colour,price,new\n7,red,2.5,true\n");
  EXPECT_EQ(row, (std::vector<float>{2.5, 1, 2}));
  EXPECT_EQ(scene.predicted, 1u);
}

TEST(PredictRows, TakesEmptyFieldsAndUnseenTextsAsMissing) {
  Scene scene;
  for (const float value : scene.row_of("price,new,colour\n,,\n")) EXPECT_TRUE(std::isnan(value));
  const auto row = scene.row_of("price,new,colour\n1,0,purple\n");
  EXPECT_EQ(row[0], 1.0F);
  EXPECT_EQ(row[1], 0.0F);
  EXPECT_TRUE(std::isnan(row[2]));
  // A text is its bytes: no case is folded and no blank is taken off.
  EXPECT_TRUE(std::isnan(scene.row_of("price,new,colour\n1,0,Red\n")[2]));
  EXPECT_TRUE(std::isnan(scene.row_of("price,new,colour\n1,0, red\n")[2]));
}

TEST(PredictRows, ReadsNumbersAsTheTableDoes) {
  Scene scene;
  const auto number = [&](const std::string& text) {
    return scene.row_of("price,new,colour\n" + text + ",0,red\n")[0];
  };
  EXPECT_EQ(number("-1e-3"), -0.001F);
  EXPECT_EQ(number("+7"), 7.0F);
  EXPECT_EQ(number("0.1"), 0.1F);
  EXPECT_EQ(number("16777217"), 16777216.0F) << "through 8 bytes into 4, as the source's";
  EXPECT_EQ(number("1e300"), FLT_MAX) << "beyond a float is its end";
  EXPECT_EQ(number("-Infinity"), -FLT_MAX);
  EXPECT_TRUE(std::isnan(number("NaN")));
}

TEST(PredictRows, SaysInWhichLineAValueIsNoNumber) {
  Scene scene;
  scene.wishes.name = "rows.csv";
  const std::string begin = "price,new,colour\n1,t,red\n2,f,\"two\nlines\"\n";
  for (const char* text : {"abc", "1,5", "1.5x", " 1", "NA", "+-1", "0x10", "1e999", "--1"}) {
    const std::string said = scene.complaint(begin + "\"" + text + "\",t,red\n");
    EXPECT_CONTAINS(said, "rows.csv line 5");
    EXPECT_CONTAINS(said, "column \"price\"");
    EXPECT_CONTAINS(said, std::string("\"") + text + "\" is no number");
    EXPECT_CONTAINS(said, "leave the field empty");
  }
  EXPECT_CONTAINS(scene.complaint("price,new,colour\n1,maybe,red\n"),
                  "line 2: column \"new\": \"maybe\" is no boolean");
}

TEST(PredictRows, KnowsTheBooleansOfPostgresPythonAndR) {
  Scene scene;
  for (const char* text : {"t", "true", "True", "TRUE", "1"}) {
    EXPECT_EQ(scene.row_of(std::string("price,new,colour\n1,") + text + ",red\n")[1], 1.0F) << text;
  }
  for (const char* text : {"f", "false", "False", "FALSE", "0"}) {
    EXPECT_EQ(scene.row_of(std::string("price,new,colour\n1,") + text + ",red\n")[1], 0.0F) << text;
  }
}

TEST(PredictRows, NamesEveryColumnThatIsMissing) {
  Scene scene;
  const std::string said = scene.complaint("Price,id\n1,2\n");
  EXPECT_CONTAINS(said, "lacks columns that the model needs");
  EXPECT_CONTAINS(said, "\"price\" (there is \"Price\")");
  EXPECT_CONTAINS(said, "\"new\"");
  EXPECT_CONTAINS(said, "\"colour\"");
  EXPECT_CONTAINS(scene.complaint("price,new\n"), "lacks a column that the model needs: \"colour\"");
  EXPECT_CONTAINS(scene.complaint(""), "is empty");
}

TEST(PredictRows, RefusesAColumnThatIsNeededAndThereTwice) {
  Scene scene;
  EXPECT_CONTAINS(scene.complaint("price,new,colour,price\n1,t,red,2\n"), "the column \"price\" twice");
  EXPECT_EQ(scene.complaint("price,new,colour,id,id\n1,t,red,2,3\n"), "") << "nobody asked for it";
}

TEST(PredictRows, WritesAValueForARegression) {
  Scene scene;
  scene.oracle->answers = {0.1, -1e300, 3};
  EXPECT_EQ(scene.predict("price,new,colour\n1,t,red\n2,f,\n3,,blue\n"), "prediction\n0.1\n-1e+300\n3\n");
}

TEST(PredictRows, WritesTheProbabilityAndTheClassOfABinaryModel) {
  Scene scene(Task::binary);
  scene.oracle->answers = {0.5, 0.6, 0.9};
  const std::string rows = "price,new,colour\n1,t,red\n2,f,\n3,,blue\n";
  EXPECT_EQ(scene.predict(rows), "prediction,predicted_class\n0.5,no\n0.6,yes\n0.9,yes\n");
  scene.wishes.threshold = 0.7;
  EXPECT_EQ(scene.predict(rows), "prediction,predicted_class\n0.5,no\n0.6,no\n0.9,yes\n");
}

TEST(PredictRows, WritesAProbabilityForEachClassOfAMulticlassModel) {
  Scene scene(Task::multiclass);
  scene.oracle->answers = {0.25, 0.5, 0.25, 0.5, 0.5, 0, 0, 0.25, 0.75};
  EXPECT_EQ(scene.predict("price,new,colour\n1,t,red\n2,f,\n3,,blue\n"),
            "p_high,p_low,\"p_mid, or so\",predicted_class\n0.25,0.5,0.25,low\n0.5,0.5,0,high\n"
            "0,0.25,0.75,\"mid, or so\"\n");
}

TEST(PredictRows, KeepsTheColumnsThatAreAskedFor) {
  Scene scene;
  const std::string rows = "id,price,new,colour,\"a \"\"note\"\"\"\n7,1,t,red,\"x, y\"\n8,2,f,,\n";
  scene.wishes.keep_columns = {"a \"note\"", "id"};
  EXPECT_EQ(scene.predict(rows), "\"a \"\"note\"\"\",id,prediction\n\"x, y\",7,0.25\n,8,0.25\n");
  scene.wishes.keep_columns = {};
  scene.wishes.with_input = true;
  EXPECT_EQ(scene.predict(rows),
            "id,price,new,colour,\"a \"\"note\"\"\",prediction\n7,1,t,red,\"x, y\",0.25\n8,2,f,,,0.25\n");
  scene.wishes.with_input = false;
  scene.wishes.keep_columns = {"idd"};
  EXPECT_CONTAINS(scene.complaint(rows), "lacks a column to keep: \"idd\" (there is \"id\")");
}

TEST(PredictRows, RefusesTwoColumnsOfOneNameInTheOutput) {
  Scene scene;
  scene.wishes.keep_columns = {"prediction"};
  EXPECT_CONTAINS(scene.complaint("price,new,colour,prediction\n1,t,red,2\n"), "two columns called \"prediction\"");
}

TEST(PredictRows, WorksInBatchesThatDoNotShowInTheOutput) {
  Scene whole;
  Scene parts;
  parts.wishes.batch_rows = 2;
  std::string rows = "price,new,colour\n";
  for (int i = 0; i < 5; ++i) rows += std::to_string(i) + ",t,red\n";
  whole.oracle->answers = parts.oracle->answers = {1, 2, 3, 4, 5};
  EXPECT_EQ(whole.predict(rows), parts.predict(rows));
  ASSERT_EQ(parts.oracle->batches.size(), 3u);
  EXPECT_EQ(parts.oracle->batches[0].rows, 2u);
  EXPECT_EQ(parts.oracle->batches[2].rows, 1u);
  EXPECT_EQ(parts.oracle->batches[2].values, (std::vector<float>{4, 1, 2}));
  EXPECT_EQ(parts.predicted, 5u);
}

TEST(PredictRows, WritesTheHeaderAloneForNoRows) {
  Scene scene(Task::binary);
  EXPECT_EQ(scene.predict("price,new,colour\n"), "prediction,predicted_class\n");
  EXPECT_EQ(scene.predicted, 0u);
  EXPECT_TRUE(scene.oracle->batches.empty()) << "a model is not asked about nothing";
}

TEST(PredictRows, PassesOverTheByteOrderMarkOfASpreadsheet) {
  Scene scene;
  EXPECT_EQ(scene.complaint("\xEF\xBB\xBFprice,new,colour\r\n1,t,red\r\n"), "");
  EXPECT_EQ(scene.complaint("\xEF\xBB\xBF\"price\",new,colour\n1,t,red\n"), "");
  EXPECT_EQ(scene.complaint("\xEF\xBB\xBAname,price,new,colour\nx,1,t,red\n"), "")
      << "a first name that only begins like one";
}

TEST(PredictRows, SaysThatTheOutputTakesNoMore) {
  Scene scene;
  std::istringstream in("price,new,colour\n1,t,red\n");
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_THROW(predict_rows(scene.scorer, in, out, scene.wishes), TransientError);
}

}  // namespace
}  // namespace retraind::pipeline
