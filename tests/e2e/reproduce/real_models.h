#pragma once
// A world with a model of real data in production, for tests of what can be done with a version afterwards.

#include <boost/json.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/e2e/world/world.h"
#include "tests/support/real_data.h"

namespace retraind::testing {

struct RealModel {
  const char* file;      // of the real data
  const char* columns;   // of the table, in the file's order
  const char* alter;     // what is done to the table then; may be empty
  const char* settings;  // of the model
  std::vector<std::string> features;
};

inline RealModel electricity() {
  return {"elec2.csv.gz",
          "ts timestamp, date_norm float8, day integer, period float8, nswprice float8, nswdemand float8, "
          "vicprice float8, vicdemand float8, transfer float8, up integer",
          "",
          R"toml(query = "SELECT ts, day, period, nswprice, nswdemand, vicprice, vicdemand, transfer, up FROM rows"
time_column = "ts"
label = "up"
)toml",
          {"day", "period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"}};
}

// Eight of its features are categories, some with missing values; it has no order of time, so the rows are counted.
inline RealModel income() {
  return {"adult_income.csv.gz",
          "age integer, workclass text, fnlwgt integer, education text, education_num integer, marital_status text, "
          "occupation text, relationship text, race text, sex text, capital_gain integer, capital_loss integer, "
          "hours_per_week integer, native_country text, class text",
          "ALTER TABLE rows ADD id bigserial",
          R"toml(query = "SELECT * FROM rows"
time_column = "id"
label = "class"
)toml",
          {"age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship",
           "race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country"}};
}

// Rows and a first version in production.
class RealWorld : public World {
 public:
  explicit RealWorld(const RealModel& model, const std::string& training = "") : model_(model) {
    load_csv(source, "rows", model.columns, model.file);
    if (*model.alter != '\0') source.exec(model.alter);
    config_ = configure("[model.m]\nsource = \"data\"\ntask = \"binary\"\n" + std::string(model.settings) +
                        "[model.m.training]\nrounds = 30\n" + training);
    start(config_);
    made_ = comes_true("SELECT state = 'promoted' FROM retraind.run_history ORDER BY run_id LIMIT 1",
                       std::chrono::seconds(240));
  }
  bool made() const { return made_; }

  // The command with this configuration.
  CommandResult call(std::vector<std::string> words) const {
    words.insert(words.end(), {"--config", config_.string()});
    return run(words);
  }
  boost::json::object reproduce(const std::vector<std::string>& options, int exit_code) const {
    std::vector<std::string> words{"reproduce", "m", "1", "--json"};
    words.insert(words.end(), options.begin(), options.end());
    const CommandResult result = call(words);
    EXPECT_EQ(result.exit_code, exit_code) << result.output << result.errors;
    boost::system::error_code error;
    const boost::json::value value = boost::json::parse(result.output, error);
    EXPECT_TRUE(value.is_object()) << result.output << result.errors;
    return value.is_object() ? value.get_object() : boost::json::object{};
  }

  // The features of all rows, as the source spells them, and an id in front that counts from 1.
  std::vector<TextRow> all_rows() {
    std::string list;
    for (const std::string& name : model_.features) list += ", " + name + "::text";
    return source.rows("SELECT row_number() OVER ()" + list + " FROM rows");
  }
  // The same as a CSV file.
  std::filesystem::path write_rows(const std::vector<TextRow>& rows) const {
    const std::filesystem::path path = folder() / "rows.csv";
    std::ofstream out(path);
    out << "id";
    for (const std::string& name : model_.features) out << "," << name;
    for (const TextRow& row : rows) {
      out << "\n";
      for (std::size_t i = 0; i < row.size(); ++i) out << (i == 0 ? "" : ",") << row[i].value_or("");
    }
    out << "\n";
    return path;
  }

 private:
  RealModel model_;
  std::filesystem::path config_;
  bool made_ = false;
};

inline std::string read_all(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace retraind::testing
