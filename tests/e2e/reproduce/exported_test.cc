// An exported model is loaded by XGBoost itself, and says of every row what `retraind predict` says.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/base/sha256.h"
#include "tests/e2e/reproduce/real_models.h"

namespace retraind::testing {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

// A function of XGBoost's own library, by its name.
template <class Function>
Function* function_of(void* library, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(library, name));
}
#define XGBOOST(name) function_of<decltype(name)>(library, #name)

// What the library says of rows x columns values, missing ones as NaN.
std::vector<float> predict_with_xgboost(const fs::path& model, const std::vector<float>& values, std::size_t rows,
                                        std::size_t columns) {
  void* library = ::dlopen("libxgboost.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(::dlerror());
  const auto check = [&](int code) {
    if (code != 0) throw std::runtime_error(XGBOOST(XGBGetLastError)());
  };
  BoosterHandle booster = nullptr;
  DMatrixHandle matrix = nullptr;
  check(XGBOOST(XGBoosterCreate)(nullptr, 0, &booster));
  check(XGBOOST(XGBoosterLoadModel)(booster, model.c_str()));
  check(
      XGBOOST(XGDMatrixCreateFromMat)(values.data(), rows, columns, std::numeric_limits<float>::quiet_NaN(), &matrix));
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* out = nullptr;
  check(XGBOOST(XGBoosterPredictFromDMatrix)(
      booster, matrix,
      R"({"type": 0, "training": false, "iteration_begin": 0, "iteration_end": 0, "strict_shape": false})", &shape,
      &dimensions, &out));
  std::vector<float> predictions(out, out + (dimensions == 0 ? 0 : shape[0]));
  check(XGBOOST(XGDMatrixFree)(matrix));
  check(XGBOOST(XGBoosterFree)(booster));
  return predictions;
}

// The rows as the exported preparation.json says: nothing of retraind's own code is in this.
std::vector<float> prepare(const json::value& preparation, const std::vector<TextRow>& rows) {
  std::vector<float> out;
  for (const TextRow& row : rows) {
    std::size_t place = 1;  // behind the id
    for (const json::value& feature : preparation.at("features").as_array()) {
      const auto& text = row.at(place++);
      float value = std::numeric_limits<float>::quiet_NaN();
      if (text && feature.at("type").as_string() == "category") {
        const json::array& levels = feature.at("levels").as_array();
        const auto level = std::find(levels.begin(), levels.end(), json::value(*text));
        if (level != levels.end()) value = static_cast<float>(level - levels.begin());
      } else if (text) {
        value = static_cast<float>(std::strtod(text->c_str(), nullptr));
      }
      out.push_back(value);
    }
  }
  return out;
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream in(path);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

void expect_xgboost_agrees(RealWorld& world, const RealModel& model) {
  const fs::path out = world.folder() / "exported";
  const CommandResult exported = world.call({"export", "m", "--out", out.string()});
  ASSERT_EQ(exported.exit_code, 0) << exported.errors;
  EXPECT_CONTAINS(exported.output, "m version 1 is in " + out.string());
  const json::value manifest = json::parse(read_all(out / "manifest.json"));
  for (const auto& [name, sha256] : manifest.at("files").as_object()) {
    EXPECT_EQ(std::string(sha256.as_string()), to_hex(retraind::sha256(read_all(out / std::string(name))))) << name;
  }

  const json::value preparation = json::parse(read_all(out / "preparation.json"));
  std::vector<std::string> names;
  for (const json::value& feature : preparation.at("features").as_array()) {
    names.emplace_back(feature.at("name").as_string());
  }
  EXPECT_EQ(names, model.features) << "in the order of the query";
  const std::vector<TextRow> rows = world.all_rows();
  const std::vector<float> expected =
      predict_with_xgboost(out / "model" / "model.ubj", prepare(preparation, rows), rows.size(), names.size());
  ASSERT_EQ(expected.size(), rows.size());

  const fs::path predictions = world.folder() / "predictions.csv";
  const CommandResult predicted = world.call(
      {"predict", "m", "--in", world.write_rows(rows).string(), "--out", predictions.string(), "--keep-columns", "id"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.errors;
  const std::vector<std::string> lines = lines_of(predictions);
  ASSERT_EQ(lines.size(), rows.size() + 1);
  EXPECT_EQ(lines[0], "id,prediction,predicted_class");
  std::size_t differ = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string& line = lines[i + 1];
    const std::size_t comma = line.find(',');
    ASSERT_EQ(line.substr(0, comma), *rows[i][0]);
    const double said = std::strtod(line.c_str() + comma + 1, nullptr);
    differ += said == static_cast<double>(expected[i]) ? 0 : 1;
  }
  EXPECT_EQ(differ, 0u) << "of " << rows.size() << " rows";
}

TEST(Exported, IsWhatXgboostItselfReadsAndSaysTheSameOfTheElectricityMarket) {
  if (!real_data("elec2.csv.gz")) GTEST_SKIP() << missing_data("elec2.csv.gz");
  RealWorld world(electricity());
  ASSERT_TRUE(world.made());
  expect_xgboost_agrees(world, electricity());
}

TEST(Exported, IsWhatXgboostItselfReadsAndSaysTheSameOfIncomesWithCategoriesAndMissingValues) {
  if (!real_data("adult_income.csv.gz")) GTEST_SKIP() << missing_data("adult_income.csv.gz");
  RealWorld world(income());
  ASSERT_TRUE(world.made());
  expect_xgboost_agrees(world, income());

  // What was there stays, and nothing is exported over it.
  const fs::path out = world.folder() / "exported";
  const CommandResult twice = world.call({"export", "m", "--out", out.string()});
  EXPECT_EQ(twice.exit_code, 1);
  EXPECT_CONTAINS(twice.errors, "is not empty");

  // Rows that cannot be predicted leave no file that looks like predictions.
  const fs::path rows = world.folder() / "bad.csv";
  const fs::path predictions = world.folder() / "none.csv";
  std::ofstream(rows) << "workclass,fnlwgt,education,education_num,marital_status,occupation,relationship,race,sex,"
                         "capital_gain,capital_loss,hours_per_week,native_country,age\n"
                         "Private,1,HS-grad,9,Divorced,Sales,Husband,White,Male,0,0,40,Atlantis,33\n"
                         "Private,1,HS-grad,9,Divorced,Sales,Husband,White,Male,0,0,40,Cuba,old\n";
  const CommandResult bad = world.call({"predict", "m", "--in", rows.string(), "--out", predictions.string()});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_CONTAINS(bad.errors, "bad.csv line 3: column \"age\": \"old\" is no number");
  EXPECT_FALSE(fs::exists(predictions));
  EXPECT_FALSE(fs::exists(predictions.string() + ".part"));
  std::ofstream(rows) << "age\n33\n";
  const CommandResult missing = world.call({"predict", "m", "--version", "1", "--in", rows.string()});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_CONTAINS(missing.errors, "\"workclass\"");
  EXPECT_CONTAINS(missing.errors, "\"native_country\"");
  const CommandResult nothing = world.call({"predict", "m"});  // standard input is empty in these tests
  EXPECT_EQ(nothing.exit_code, 1);
  EXPECT_CONTAINS(nothing.errors, "standard input is empty");
  EXPECT_EQ(world.call({"predict", "m", "--with-input", "--keep-columns", "age"}).exit_code, 2);
  EXPECT_EQ(world.call({"export", "m"}).exit_code, 2);
  EXPECT_EQ(world.call({"predict", "m", "--version", "2", "--in", rows.string()}).exit_code, 1);
}

}  // namespace
}  // namespace retraind::testing
