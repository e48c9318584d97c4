#include "core/pipeline/predict_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <istream>
#include <limits>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/train/csv.h"

namespace retraind::pipeline {
namespace {

constexpr std::string_view kPrediction = "prediction";
constexpr std::string_view kPredictedClass = "predicted_class";

using Fields = std::vector<std::string_view>;

// In double quotes, with line breaks and control characters escaped, and not longer than a line.
std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string quoted = boost::json::serialize(boost::json::string(text.substr(0, kMost)));
  return text.size() > kMost ? quoted + "…" : quoted;
}

// What spreadsheets write in front of a header.
void skip_byte_order_mark(std::istream& in) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  std::size_t found = 0;
  while (found < kMark.size() && in.peek() == static_cast<unsigned char>(kMark[found])) {
    in.get();
    ++found;
  }
  if (found == kMark.size()) return;
  while (found > 0) in.putback(kMark[--found]);
}

std::optional<double> parse_number(std::string_view text) {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// As PostgreSQL, Python and R spell them.
std::optional<double> parse_boolean(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (lower == "t" || lower == "true" || lower == "1") return 1;
  if (lower == "f" || lower == "false" || lower == "0") return 0;
  return std::nullopt;
}

// As a table holds it: what is beyond a float stands at its end, which keeps the order.
float to_float(double value) {
  if (std::isnan(value)) return std::numeric_limits<float>::quiet_NaN();
  return static_cast<float>(std::clamp(value, -static_cast<double>(FLT_MAX), static_cast<double>(FLT_MAX)));
}

// The names of the input's columns, and where they stand.
class Header {
 public:
  Header(const Fields& fields, const std::string& name) : name_(name), names_(fields.begin(), fields.end()) {}

  const std::vector<std::string>& names() const { return names_; }

  // The places of `wanted`, in its order.
  std::vector<std::size_t> places(const std::vector<std::string>& wanted, std::string_view what) const {
    std::vector<std::size_t> out;
    std::string missing;
    std::size_t absent = 0;
    for (const std::string& column : wanted) {
      const auto found = std::find(names_.begin(), names_.end(), column);
      if (found == names_.end()) {
        missing += (absent++ == 0 ? "" : ", ") + shown(column);
        if (const auto near = nearest(column, names_)) missing += fmt::format(" (there is {})", shown(*near));
        continue;
      }
      if (std::find(found + 1, names_.end(), column) != names_.end()) {
        throw DataError(fmt::format("{} has the column {} twice", name_, shown(column)));
      }
      out.push_back(static_cast<std::size_t>(found - names_.begin()));
    }
    if (absent > 0) {
      throw DataError(fmt::format("{} lacks {} {}: {}", name_, absent == 1 ? "a column" : "columns", what, missing),
                      "the first line must name the columns; their order does not matter");
    }
    return out;
  }

 private:
  const std::string& name_;
  std::vector<std::string> names_;
};

// Rows as the columns that the preparation reads.
class RowBuffer {
 public:
  RowBuffer(const std::vector<data::PreparedFeature>& features, std::vector<std::size_t> places,
            const std::string& name)
      : features_(features), places_(std::move(places)), name_(name) {
    for (const data::PreparedFeature& feature : features_) {
      data::Column column{feature.name, feature.sql_type, feature.type, data::NumberColumn{}};
      std::unordered_map<std::string_view, std::int32_t> codes;
      if (feature.type == data::ValueType::category) {
        for (std::size_t i = 0; i < feature.levels.size(); ++i) {
          codes.emplace(feature.levels[i], static_cast<std::int32_t>(i));
        }
        column.values = data::CategoryColumn{{}, feature.levels};
      }
      table_.features.push_back(std::move(column));
      codes_.push_back(std::move(codes));
    }
  }

  std::size_t rows() const { return table_.rows; }
  const data::Table& table() const { return table_; }

  void add(const Fields& fields, std::size_t line) {
    for (std::size_t i = 0; i < features_.size(); ++i) {
      const std::string_view text = fields[places_[i]];
      if (auto* numbers = std::get_if<data::NumberColumn>(&table_.features[i].values)) {
        numbers->values.push_back(text.empty() ? std::numeric_limits<float>::quiet_NaN()
                                               : to_float(number_of(i, text, line)));
        continue;
      }
      const auto found = codes_[i].find(text);
      const bool known = !text.empty() && found != codes_[i].end();
      std::get<data::CategoryColumn>(table_.features[i].values).codes.push_back(known ? found->second : -1);
    }
    ++table_.rows;
  }

  void clear() {
    table_.rows = 0;
    for (data::Column& column : table_.features) {
      if (auto* numbers = std::get_if<data::NumberColumn>(&column.values)) {
        numbers->values.clear();
      } else {
        std::get<data::CategoryColumn>(column.values).codes.clear();
      }
    }
  }

 private:
  double number_of(std::size_t feature, std::string_view text, std::size_t line) const {
    const bool boolean = features_[feature].type == data::ValueType::boolean;
    if (const auto value = boolean ? parse_boolean(text) : parse_number(text)) return *value;
    throw DataError(fmt::format("{} line {}: column {}: {} is no {}", name_, line, shown(features_[feature].name),
                                shown(text), boolean ? "boolean" : "number"),
                    boolean ? "write true or false, and leave the field empty where the value is missing"
                            : "leave the field empty where the value is missing");
  }

  const std::vector<data::PreparedFeature>& features_;
  std::vector<std::size_t> places_;
  const std::string& name_;
  data::Table table_;
  // By feature: the level's text to its code.
  std::vector<std::unordered_map<std::string_view, std::int32_t>> codes_;
};

// Predictions as text.
class Output {
 public:
  Output(const data::Preparation& preparation, std::vector<std::string> kept, double threshold, std::ostream& out)
      : preparation_(preparation), threshold_(threshold), out_(out) {
    std::vector<std::string> names = std::move(kept);
    const std::size_t own = names.size();
    if (preparation_.task() == Task::multiclass) {
      for (const std::string& name : preparation_.classes()) names.push_back("p_" + name);
    } else {
      names.emplace_back(kPrediction);
    }
    if (preparation_.task() != Task::regression) names.emplace_back(kPredictedClass);
    for (std::size_t i = own; i < names.size(); ++i) {
      const auto kept_end = names.begin() + static_cast<std::ptrdiff_t>(own);
      if (std::find(names.begin(), kept_end, names[i]) != kept_end) {
        throw DataError(fmt::format("the output would have two columns called {}", shown(names[i])),
                        "rename the input's, or do not keep it");
      }
    }
    train::append_csv_record(text_, {names.begin(), names.end()});
  }

  // `kept` are the input's fields of each row, one after the other, `width` of them a row.
  void write(const std::vector<std::string>& kept, std::size_t width, const std::vector<double>& predictions,
             std::size_t rows) {
    const std::size_t outputs = preparation_.task() == Task::multiclass ? preparation_.classes().size() : 1;
    if (predictions.size() != rows * outputs) throw std::logic_error("not as many predictions as rows");
    std::vector<std::string> numbers(outputs);
    Fields record;
    for (std::size_t row = 0; row < rows; ++row) {
      record.clear();
      for (std::size_t i = 0; i < width; ++i) record.push_back(kept[row * width + i]);
      const double* values = predictions.data() + row * outputs;
      for (std::size_t i = 0; i < outputs; ++i) record.push_back(numbers[i] = format_number(values[i]));
      if (preparation_.task() != Task::regression) record.push_back(class_of(values, outputs));
      train::append_csv_record(text_, record);
    }
    flush();
  }

  void flush() {
    out_.write(text_.data(), static_cast<std::streamsize>(text_.size()));
    out_.flush();
    if (!out_) throw TransientError("the predictions could not be written", "check the free space of their disk");
    text_.clear();
  }

 private:
  const std::string& class_of(const double* values, std::size_t outputs) const {
    const auto& classes = preparation_.classes();
    if (preparation_.task() == Task::binary) return classes[values[0] > threshold_ ? 1 : 0];
    return classes[static_cast<std::size_t>(std::max_element(values, values + outputs) - values)];
  }

  const data::Preparation& preparation_;
  double threshold_;
  std::ostream& out_;
  std::string text_;
};

}  // namespace

std::uint64_t predict_rows(const Scorer& scorer, std::istream& in, std::ostream& out, const PredictWishes& wishes) {
  if (wishes.batch_rows == 0) throw std::logic_error("a batch without rows");
  if (wishes.with_input && !wishes.keep_columns.empty()) throw std::logic_error("both some columns and all of them");
  skip_byte_order_mark(in);
  train::CsvReader reader(in, wishes.name);
  Fields fields;
  if (!reader.next(fields)) {
    throw DataError(wishes.name + " is empty", "the first line must name the columns");
  }
  const Header header(fields, wishes.name);
  std::vector<std::string> wanted;
  for (const data::PreparedFeature& feature : scorer.preparation.features()) wanted.push_back(feature.name);
  RowBuffer buffer(scorer.preparation.features(), header.places(wanted, "that the model needs"), wishes.name);
  const std::vector<std::string>& kept_names = wishes.with_input ? header.names() : wishes.keep_columns;
  std::vector<std::size_t> kept_places;
  if (wishes.with_input) {
    for (std::size_t i = 0; i < kept_names.size(); ++i) kept_places.push_back(i);
  } else {
    kept_places = header.places(kept_names, "to keep");
  }
  Output output(scorer.preparation, kept_names, wishes.threshold, out);

  std::uint64_t rows = 0;
  std::vector<std::string> kept;
  const auto hand_on = [&] {
    if (buffer.rows() > 0) {
      output.write(kept, kept_places.size(), scorer.predict(buffer.table(), 0, buffer.rows()), buffer.rows());
    }
    rows += buffer.rows();
    buffer.clear();
    kept.clear();
  };
  while (reader.next(fields)) {
    buffer.add(fields, reader.line());
    for (const std::size_t place : kept_places) kept.emplace_back(fields[place]);
    if (buffer.rows() == wishes.batch_rows) hand_on();
  }
  hand_on();
  output.flush();  // the header, where there was no row
  return rows;
}

}  // namespace retraind::pipeline
